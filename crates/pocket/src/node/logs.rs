//! Reads the log of one attempt of a container back, from the files that its shim writes.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::time::Duration;

use bytes::Bytes;
use camino::{Utf8Path, Utf8PathBuf};
use futures::Stream;
use jiff::Timestamp;
use nix::fcntl::OFlag;

use super::handle::LogOptions;
use super::layout::PodDir;
use super::shim::log::rotated;
use super::shim::spec::EXIT_FILE;

/// How often a follower looks for more.
const FOLLOW_INTERVAL: Duration = Duration::from_millis(100);
const CHUNK: usize = 64 * 1024;

/// Opens the log of one attempt.
pub(super) fn open(
    dir: &PodDir,
    container: &str,
    attempt: u32,
    options: LogOptions,
) -> io::Result<impl Stream<Item = io::Result<Bytes>> + Send + use<>> {
    let exit_file = dir.attempt(container, attempt).join(EXIT_FILE);
    let reader = Reader::open(dir.log(container, attempt))?;
    let formatter = Formatter::new(&options);
    let session = Session {
        reader,
        formatter,
        tail: options.tail_lines,
        follow: options.follow,
        exit_file,
        done: false,
    };
    Ok(futures::stream::unfold(session, |session| async move {
        match session.next().await {
            Ok((session, Some(bytes))) => Some((Ok(bytes), session)),
            Ok((_, None)) => None,
            Err((session, error)) => Some((Err(error), session)),
        }
    }))
}

struct Session {
    reader: Reader,
    formatter: Formatter,
    tail: Option<usize>,
    follow: bool,
    exit_file: Utf8PathBuf,
    done: bool,
}

impl Session {
    async fn next(mut self) -> Result<(Self, Option<Bytes>), (Self, io::Error)> {
        loop {
            if self.done || self.formatter.is_full() {
                return Ok((self, None));
            }
            // Asked before the reading, so that nothing written before the end is missed.
            let ended = !self.follow || self.exit_file.exists() || !self.reader.path.exists();
            let step = tokio::task::spawn_blocking(move || {
                let result = self.read();
                (self, result)
            });
            let (session, result) = match step.await {
                Ok(step) => step,
                Err(panic) => std::panic::resume_unwind(panic.into_panic()),
            };
            self = session;
            match result {
                Ok(Some(bytes)) if bytes.is_empty() => {}
                Ok(Some(bytes)) => return Ok((self, Some(bytes))),
                Ok(None) if ended => self.done = true,
                Ok(None) => tokio::time::sleep(FOLLOW_INTERVAL).await,
                Err(error) => {
                    self.done = true;
                    return Err((self, error));
                }
            }
        }
    }

    /// The next piece of output; `None` at the end of what is written so far.
    fn read(&mut self) -> io::Result<Option<Bytes>> {
        if let Some(count) = self.tail.take() {
            let mut last = VecDeque::new();
            while let Some(lines) = self.reader.lines()? {
                last.extend(lines.into_iter().filter(|line| self.formatter.wants(line)));
                while last.len() > count {
                    last.pop_front();
                }
            }
            return Ok(Some(self.formatter.format(last)));
        }
        Ok(self
            .reader
            .lines()?
            .map(|lines| self.formatter.format(lines)))
    }
}

/// Cuts the files of a log into lines, across rotations.
struct Reader {
    path: Utf8PathBuf,
    /// The files still to read, oldest first.
    files: VecDeque<File>,
    partial: Vec<u8>,
}

impl Reader {
    fn open(path: Utf8PathBuf) -> io::Result<Self> {
        let mut files = VecDeque::new();
        files.extend(open_log(&path)?);
        if let Some(older) = open_log(&rotated(&path))?
            && !same(files.front(), &older)?
        {
            files.push_front(older);
        }
        Ok(Self {
            path,
            files,
            partial: Vec::new(),
        })
    }

    /// Some whole lines; `None` when there is nothing more now.
    fn lines(&mut self) -> io::Result<Option<Vec<Vec<u8>>>> {
        let mut buffer = vec![0; CHUNK];
        loop {
            let count = match self.files.front_mut() {
                Some(file) => file.read(&mut buffer)?,
                None => 0,
            };
            if count == 0 {
                if self.next_file()? {
                    continue;
                }
                return Ok(None);
            }
            self.partial.extend_from_slice(&buffer[..count]);
            let Some(end) = self.partial.iter().rposition(|&byte| byte == b'\n') else {
                continue;
            };
            let rest = self.partial.split_off(end + 1);
            let whole = std::mem::replace(&mut self.partial, rest);
            let lines = whole.split_inclusive(|&byte| byte == b'\n');
            return Ok(Some(
                lines.map(|line| line[..line.len() - 1].to_vec()).collect(),
            ));
        }
    }

    /// Goes on to the file that has taken the place of the one read to its end.
    fn next_file(&mut self) -> io::Result<bool> {
        let is_first = self.files.is_empty();
        if self.files.len() < 2 {
            match open_log(&self.path)? {
                Some(file) if !same(self.files.front(), &file)? => self.files.push_back(file),
                _ => return Ok(false),
            }
        }
        if !is_first {
            self.files.pop_front();
        }
        Ok(true)
    }
}

fn same(one: Option<&File>, other: &File) -> io::Result<bool> {
    let Some(one) = one else { return Ok(false) };
    Ok(one.metadata()?.ino() == other.metadata()?.ino())
}

/// Links are not followed: the folder belongs to the Pod's user, the reader may be root.
fn open_log(path: &Utf8Path) -> io::Result<Option<File>> {
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits())
        .open(path);
    match opened {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Turns lines of the file into what the reader asked for.
struct Formatter {
    since: Option<Timestamp>,
    timestamps: bool,
    left: Option<usize>,
    in_line: bool,
}

impl Formatter {
    fn new(options: &LogOptions) -> Self {
        Self {
            since: options.since,
            timestamps: options.timestamps,
            left: options.limit_bytes,
            in_line: false,
        }
    }

    fn is_full(&self) -> bool {
        self.left == Some(0)
    }

    fn wants(&self, line: &[u8]) -> bool {
        let (Some(since), Some(entry)) = (self.since, parse(line)) else {
            return true;
        };
        let time = std::str::from_utf8(entry.time).ok();
        time.and_then(|time| time.parse::<Timestamp>().ok())
            .is_none_or(|time| time >= since)
    }

    fn format(&mut self, lines: impl IntoIterator<Item = Vec<u8>>) -> Bytes {
        let mut out = Vec::new();
        for line in lines {
            if !self.wants(&line) {
                continue;
            }
            let Some(entry) = parse(&line) else { continue };
            if self.timestamps && !self.in_line {
                out.extend_from_slice(entry.time);
                out.push(b' ');
            }
            out.extend_from_slice(entry.text);
            if entry.is_whole {
                out.push(b'\n');
            }
            self.in_line = !entry.is_whole;
        }
        if let Some(left) = &mut self.left {
            out.truncate(*left);
            *left -= out.len();
        }
        out.into()
    }
}

struct Entry<'a> {
    time: &'a [u8],
    is_whole: bool,
    text: &'a [u8],
}

/// `<time> <stream> <tag> <text>`; `None` for a line torn by a full disk.
fn parse(line: &[u8]) -> Option<Entry<'_>> {
    let mut fields = line.splitn(4, |&byte| byte == b' ');
    let time = fields.next()?;
    let _stream = fields.next()?;
    let tag = fields.next()?;
    let text = fields.next()?;
    Some(Entry {
        time,
        is_whole: tag == b"F",
        text,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use futures::StreamExt;

    use super::*;

    struct World {
        _guard: tempfile::TempDir,
        dir: PodDir,
    }

    impl World {
        fn new(log: &str) -> Self {
            let guard = tempfile::tempdir().unwrap();
            let path = Utf8PathBuf::from_path_buf(guard.path().join("pod")).unwrap();
            let dir = PodDir::new(path, None);
            dir.create().unwrap();
            dir.create_attempt("c", 0).unwrap();
            fs::write(dir.log("c", 0), log).unwrap();
            Self { _guard: guard, dir }
        }

        async fn read(&self, options: LogOptions) -> String {
            let stream = open(&self.dir, "c", 0, options).unwrap();
            let pieces: Vec<_> = stream.map(|piece| piece.unwrap().to_vec()).collect().await;
            String::from_utf8(pieces.concat()).unwrap()
        }
    }

    const LOG: &str = "2026-01-01T00:00:01.000000000Z stdout F one\n\
        2026-01-01T00:00:02.000000000Z stderr P tw\n\
        2026-01-01T00:00:02.000000000Z stderr F o\n\
        2026-01-01T00:00:03.000000000Z stdout F three three\n";

    #[tokio::test]
    async fn the_whole_log_is_what_the_container_printed() {
        let text = World::new(LOG).read(LogOptions::default()).await;
        assert_eq!(text, "one\ntwo\nthree three\n");
    }

    #[tokio::test]
    async fn tail_since_timestamps_and_limit_are_honoured() {
        let world = World::new(LOG);
        let tail = LogOptions {
            tail_lines: Some(1),
            ..LogOptions::default()
        };
        assert_eq!(world.read(tail).await, "three three\n");
        let since = LogOptions {
            since: Some("2026-01-01T00:00:02Z".parse().unwrap()),
            timestamps: true,
            ..LogOptions::default()
        };
        assert_eq!(
            world.read(since).await,
            "2026-01-01T00:00:02.000000000Z two\n2026-01-01T00:00:03.000000000Z three three\n"
        );
        let limit = LogOptions {
            limit_bytes: Some(6),
            ..LogOptions::default()
        };
        assert_eq!(world.read(limit).await, "one\ntw");
    }

    #[tokio::test]
    async fn the_half_set_aside_comes_first() {
        let world = World::new("t stdout F new\n");
        fs::write(rotated(&world.dir.log("c", 0)), "t stdout F old\n").unwrap();
        assert_eq!(world.read(LogOptions::default()).await, "old\nnew\n");
    }

    #[tokio::test]
    async fn a_log_may_be_opened_before_its_file_is_there() {
        let world = World::new("");
        let path = world.dir.log("c", 0);
        fs::remove_file(&path).unwrap();
        let mut reader = Reader::open(path.clone()).unwrap();
        assert_eq!(reader.lines().unwrap(), None);
        fs::write(&path, "t stdout F one\n").unwrap();
        assert_eq!(reader.lines().unwrap().unwrap(), [b"t stdout F one"]);
        assert_eq!(reader.lines().unwrap(), None);
    }

    #[tokio::test]
    async fn a_follower_goes_over_a_rotation_and_ends_with_the_container() {
        let world = World::new("t stdout F one\n");
        let path = world.dir.log("c", 0);
        let follow = LogOptions {
            follow: true,
            ..LogOptions::default()
        };
        let mut stream = open(&world.dir, "c", 0, follow).unwrap().boxed();
        assert_eq!(stream.next().await.unwrap().unwrap(), "one\n");
        fs::rename(&path, rotated(&path)).unwrap();
        fs::write(&path, "t stdout F two\n").unwrap();
        assert_eq!(stream.next().await.unwrap().unwrap(), "two\n");
        fs::write(world.dir.attempt("c", 0).join(EXIT_FILE), "{}").unwrap();
        assert!(stream.next().await.is_none());
    }
}
