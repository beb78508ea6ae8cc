//! Turns what a container prints into log lines, in the form that kubelets and their tools read:
//! `<RFC 3339 time> <stdout|stderr> <F|P> <text>`.
//!
//! A full disk costs lines, never the container: what cannot be written is dropped.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;

/// A line longer than this is written in parts (`P`), as containerd does.
const LONGEST_LINE: usize = 16 * 1024;
/// A file that has grown past this is set aside.
pub(crate) const ROTATE_AT: u64 = 10 * 1024 * 1024;

/// The log file of one attempt, and the one set aside before it.
#[derive(Debug)]
pub(super) struct LogFile {
    path: Utf8PathBuf,
    file: File,
    written: u64,
    rotate_at: u64,
    torn: bool,
}

impl LogFile {
    pub(super) fn open(path: &Utf8Path, rotate_at: u64) -> io::Result<Self> {
        let file = append(path)?;
        let written = file.metadata()?.len();
        Ok(Self {
            path: path.to_owned(),
            file,
            written,
            rotate_at,
            torn: false,
        })
    }

    fn write(&mut self, lines: &[u8]) {
        if self.torn && self.file.write_all(b"\n").is_err() {
            return;
        }
        // A failed write may have left part of a line; the next one starts on a line of its own.
        self.torn = self.file.write_all(lines).is_err();
        self.written += lines.len() as u64;
        if self.written > self.rotate_at {
            self.rotate();
        }
    }

    fn rotate(&mut self) {
        let aside = rotated(&self.path);
        if fs::rename(&self.path, aside).is_ok()
            && let Ok(file) = append(&self.path)
        {
            self.file = file;
            self.written = 0;
        }
    }
}

/// Where the older half of a log lies.
pub(crate) fn rotated(path: &Utf8Path) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{path}.1"))
}

fn append(path: &Utf8Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
}

/// One of the two output streams, cut into lines.
#[derive(Debug)]
pub(super) struct LineCutter {
    stream: &'static str,
    partial: Vec<u8>,
}

impl LineCutter {
    pub(super) fn new(stream: &'static str) -> Self {
        Self {
            stream,
            partial: Vec::new(),
        }
    }

    /// Writes the lines that `data` completes.
    pub(super) fn push(&mut self, data: &[u8], now: Timestamp, log: &mut LogFile) {
        let mut out = Vec::with_capacity(data.len() + 64);
        for piece in data.split_inclusive(|&byte| byte == b'\n') {
            self.partial.extend_from_slice(piece);
            if self.partial.last() == Some(&b'\n') {
                self.partial.pop();
                self.emit(&mut out, now, 'F');
            } else {
                self.emit_long(&mut out, now);
            }
        }
        if !out.is_empty() {
            log.write(&out);
        }
    }

    /// Writes what is left when the stream has ended without a line feed.
    pub(super) fn finish(&mut self, now: Timestamp, log: &mut LogFile) {
        if !self.partial.is_empty() {
            let mut out = Vec::new();
            self.emit(&mut out, now, 'P');
            log.write(&out);
        }
    }

    fn emit_long(&mut self, out: &mut Vec<u8>, now: Timestamp) {
        while self.partial.len() > LONGEST_LINE {
            let rest = self.partial.split_off(LONGEST_LINE);
            self.emit(out, now, 'P');
            self.partial = rest;
        }
    }

    fn emit(&mut self, out: &mut Vec<u8>, now: Timestamp, tag: char) {
        out.extend_from_slice(format!("{now:.9} {} {tag} ", self.stream).as_bytes());
        out.append(&mut self.partial);
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(chunks: &[&[u8]], rotate_at: u64) -> (String, Option<String>) {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap().join("0.log");
        let mut log = LogFile::open(&path, rotate_at).unwrap();
        let mut cutter = LineCutter::new("stdout");
        for chunk in chunks {
            cutter.push(chunk, Timestamp::UNIX_EPOCH, &mut log);
        }
        cutter.finish(Timestamp::UNIX_EPOCH, &mut log);
        (
            fs::read_to_string(&path).unwrap(),
            fs::read_to_string(rotated(&path)).ok(),
        )
    }

    const STAMP: &str = "1970-01-01T00:00:00.000000000Z stdout";

    #[test]
    fn lines_are_whole_however_they_arrive() {
        let (text, _) = written(&[b"one\ntw", b"o\n\nlast"], ROTATE_AT);
        assert_eq!(
            text,
            format!("{STAMP} F one\n{STAMP} F two\n{STAMP} F \n{STAMP} P last\n")
        );
    }

    #[test]
    fn a_very_long_line_is_written_in_parts() {
        let long = vec![b'x'; LONGEST_LINE + 3];
        let (text, _) = written(&[&long, b"y\n"], ROTATE_AT);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].contains(" P xxx"));
        assert_eq!(lines[1], format!("{STAMP} F xxxy"));
    }

    #[test]
    fn a_grown_file_is_set_aside_and_only_one_is_kept() {
        let (text, aside) = written(&[b"first\n", b"second\n", b"third\n"], 10);
        assert_eq!(text, "");
        assert_eq!(aside, Some(format!("{STAMP} F third\n")));
    }
}
