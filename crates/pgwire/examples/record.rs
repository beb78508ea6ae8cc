//! Makes the captures in `tests/captures` and the seeds in `fuzz/corpus`.
//!
//! `record proxy LISTEN SERVER FOLDER` passes connections on and writes each into a file of FOLDER;
//! `record trim FILE OUT LIMIT` leaves out the CopyData messages whose body is larger than LIMIT, and those of which
//! there are many alike, and joins the rest into a record for each run of messages of one side;
//! `record seeds CAPTURES CORPUS` cuts captures into seeds.

#[path = "../tests/wire/session.rs"]
mod session;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::thread;

use anyhow::{Context, Result, bail};
use howdah_pgwire::{backend, frontend, startup};
use session::{Capture, Event, Side};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["proxy", listen, server, folder] => proxy(listen, server, Path::new(folder)),
        ["trim", file, out, limit] => trim(file, out, limit.parse()?),
        ["seeds", captures, corpus] => seeds(Path::new(captures), Path::new(corpus)),
        _ => bail!("say proxy, trim or seeds, and their arguments"),
    }
}

fn proxy(listen: &str, server: &str, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let listener = TcpListener::bind(listen)?;
    for (number, client) in listener.incoming().enumerate() {
        let client = client?;
        let server = TcpStream::connect(server)?;
        let file = folder.join(format!("{number:03}.capture"));
        thread::spawn(move || record(&client, &server, file));
    }
    Ok(())
}

fn record(client: &TcpStream, server: &TcpStream, file: PathBuf) -> Result<()> {
    let (sender, receiver) = channel();
    thread::scope(|scope| {
        let other = sender.clone();
        scope.spawn(move || pass(Side::Frontend, client, server, &sender));
        scope.spawn(move || pass(Side::Backend, server, client, &other));
        let records = receiver.iter().collect();
        fs::write(file, written(&Capture { records })?)?;
        Ok(())
    })
}

fn written(capture: &Capture) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    for (side, data) in &capture.records {
        out.push(match side {
            Side::Frontend => b'F',
            Side::Backend => b'B',
        });
        out.extend(u32::try_from(data.len())?.to_be_bytes());
        out.extend(data);
    }
    Ok(out)
}

fn pass(
    side: Side,
    mut from: &TcpStream,
    mut to: &TcpStream,
    sender: &Sender<(Side, Vec<u8>)>,
) -> Result<()> {
    let mut buffer = vec![0; 65_536];
    loop {
        let count = from.read(&mut buffer).unwrap_or_default();
        let data = buffer.get(..count).unwrap_or_default();
        if data.is_empty() {
            return Ok(to.shutdown(Shutdown::Write)?);
        }
        // Before it is passed on, so that an answer cannot be recorded before its question.
        sender.send((side, data.to_vec()))?;
        to.write_all(data)?;
    }
}

/// How many CopyData messages of a side may start with the same byte, which says what they are in replication.
const ALIKE: usize = 24;

fn trim(file: &str, out: &str, limit: usize) -> Result<()> {
    let capture = Capture::read(&fs::read(file)?)?;
    let mut trimmed = Capture::default();
    let mut alike: BTreeMap<_, usize> = BTreeMap::new();
    session::walk(&capture, |side, event, raw| {
        let keep = match event {
            Event::Frontend(frontend::Message::CopyData(copy))
            | Event::Backend(backend::Message::CopyData(copy)) => {
                let count = alike.entry((side, copy.data.first().copied())).or_default();
                let small = copy.data.len() <= limit;
                *count += usize::from(small);
                small && *count <= ALIKE
            }
            _ => true,
        };
        if keep {
            match trimmed.records.last_mut() {
                Some((last, data)) if *last == side => data.extend(raw),
                _ => trimmed.records.push((side, raw.to_vec())),
            }
        }
        Ok(())
    })?;
    fs::write(out, written(&trimmed)?).context("write the trimmed capture")
}

/// The most bytes of a stream that make a seed.
const SEED: usize = 4_096;

fn seeds(captures: &Path, corpus: &Path) -> Result<()> {
    for entry in fs::read_dir(captures)? {
        let path = entry?.path();
        if path
            .extension()
            .is_none_or(|extension| extension != "capture")
        {
            continue;
        }
        let name = path.file_stem().context("a name")?.to_string_lossy();
        let capture = Capture::read(&fs::read(&path)?)?;
        let mut streams = Streams::default();
        session::walk(&capture, |_, event, raw| {
            streams.add(event, raw);
            Ok(())
        })?;
        for (target, data) in streams.seeds() {
            if !data.is_empty() {
                let folder = corpus.join(target);
                fs::create_dir_all(&folder)?;
                fs::write(folder.join(&*name), data)?;
            }
        }
    }
    Ok(())
}

/// What a capture gives to each fuzz target.
#[derive(Default)]
struct Streams {
    startup: Vec<u8>,
    frontend: Vec<u8>,
    backend: Vec<u8>,
    authentication: Vec<u8>,
    replication: Vec<u8>,
}

impl Streams {
    fn add(&mut self, event: &Event<'_>, raw: &[u8]) {
        match event {
            Event::Startup(startup::Message::Startup(_) | startup::Message::Cancel(_)) => {
                self.startup = raw.to_vec();
            }
            Event::Frontend(message) => {
                match message {
                    frontend::Message::AuthenticationResponse(response) => {
                        first(&mut self.authentication, response.data.expose());
                    }
                    frontend::Message::CopyData(copy) => self.replication = copy.data.to_vec(),
                    _ => (),
                }
                append(&mut self.frontend, raw);
            }
            Event::Backend(message) => {
                if let backend::Message::CopyData(copy) = message {
                    first(&mut self.replication, copy.data);
                }
                append(&mut self.backend, raw);
            }
            _ => (),
        }
    }

    fn seeds(self) -> [(&'static str, Vec<u8>); 5] {
        [
            ("startup", self.startup),
            ("frontend", self.frontend),
            ("backend", self.backend),
            ("authentication", self.authentication),
            ("replication", self.replication),
        ]
    }
}

fn first(place: &mut Vec<u8>, data: &[u8]) {
    if place.is_empty() {
        place.extend(data);
    }
}

/// Streams start with a byte that says how they are cut.
fn append(stream: &mut Vec<u8>, message: &[u8]) {
    if stream.is_empty() {
        stream.push(13);
    }
    if stream.len() + message.len() <= SEED {
        stream.extend(message);
    }
}
