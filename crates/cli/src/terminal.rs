//! Where a verb writes: data to one stream, words for people to the other.

use std::io::{self, IsTerminal, Write};

use crate::error::Error;

/// The two output streams of a command.
pub struct Terminal {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    /// Whether the last line of `err` may be overwritten.
    live: bool,
    /// The progress line that is on the screen now.
    shown: Option<String>,
}

impl Terminal {
    /// Standard output and standard error of this process.
    #[must_use]
    pub fn standard() -> Self {
        Self {
            out: Box::new(io::stdout()),
            err: Box::new(io::stderr()),
            live: io::stderr().is_terminal(),
            shown: None,
        }
    }

    /// Writes a line of data.
    ///
    /// # Errors
    /// When the stream cannot be written.
    pub fn line(&mut self, text: &str) -> Result<(), Error> {
        self.end_progress();
        writeln!(self.out, "{text}").map_err(Error::Output)
    }

    /// Writes data as it is and hands it on at once.
    ///
    /// # Errors
    /// When the stream cannot be written.
    pub fn raw(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.out
            .write_all(bytes)
            .and_then(|()| self.out.flush())
            .map_err(Error::Output)
    }

    /// Writes a line for people.
    pub fn note(&mut self, text: &str) {
        self.end_progress();
        // Nothing sensible is left to do when standard error is gone.
        let _ = writeln!(self.err, "{text}");
    }

    /// Says what is being waited for: one line that is overwritten on a terminal, a new line for each
    /// change elsewhere.
    pub fn progress(&mut self, text: &str) {
        if self.shown.as_deref() == Some(text) {
            return;
        }
        let written = if self.live {
            write!(self.err, "\r\x1b[2K{text}").and_then(|()| self.err.flush())
        } else {
            writeln!(self.err, "{text}")
        };
        if written.is_ok() {
            self.shown = Some(text.to_owned());
        }
    }

    /// Like [`Terminal::progress`], for what takes a moment: nothing is written where it would stay.
    pub fn moment(&mut self, text: &str) {
        if self.live {
            self.progress(text);
        }
    }

    /// Removes the progress line, if there is one.
    pub fn end_progress(&mut self) {
        if self.shown.take().is_some() && self.live {
            let _ = write!(self.err, "\r\x1b[2K").and_then(|()| self.err.flush());
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.end_progress();
        let _ = self.out.flush();
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    struct Pipe(Sender<Vec<u8>>);

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0
                .send(bytes.to_vec())
                .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn text(receiver: &Receiver<Vec<u8>>) -> String {
        String::from_utf8(receiver.try_iter().flatten().collect()).unwrap()
    }

    fn terminal(live: bool) -> (Terminal, Receiver<Vec<u8>>, Receiver<Vec<u8>>) {
        let (out, out_text) = channel();
        let (err, err_text) = channel();
        let terminal = Terminal {
            out: Box::new(Pipe(out)),
            err: Box::new(Pipe(err)),
            live,
            shown: None,
        };
        (terminal, out_text, err_text)
    }

    #[test]
    fn progress_is_a_line_per_change_without_a_terminal() {
        let (mut terminal, out, err) = terminal(false);
        terminal.progress("waiting for a");
        terminal.progress("waiting for a");
        terminal.progress("waiting for b");
        terminal.line("data").unwrap();
        assert_eq!(text(&err), "waiting for a\nwaiting for b\n");
        assert_eq!(text(&out), "data\n");
    }

    #[test]
    fn progress_is_wiped_before_anything_else_on_a_terminal() {
        let (mut terminal, _out, err) = terminal(true);
        terminal.progress("waiting");
        terminal.note("done");
        assert_eq!(text(&err), "\r\x1b[2Kwaiting\r\x1b[2Kdone\n");
    }

    #[test]
    fn a_reader_that_went_away_is_recognised() {
        let (mut terminal, out, _err) = terminal(false);
        drop(out);
        assert!(terminal.line("data").unwrap_err().is_closed_pipe());
    }
}
