//! How the process in the background tells its parent about the start: lines on a pipe.

use std::io::{self, BufRead, Write};

/// One line from the child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Report {
    /// What it does now.
    Doing(String),
    /// It is up.
    Ready,
    /// It gives up, and why.
    Failed(String),
}

impl Report {
    fn line(&self) -> String {
        match self {
            Self::Doing(what) => format!("doing {what}"),
            Self::Ready => "ready".to_owned(),
            Self::Failed(why) => format!("failed {}", why.replace('\n', "\\n")),
        }
    }

    fn parse(line: &str) -> Option<Self> {
        match line.split_once(' ') {
            Some(("doing", what)) => Some(Self::Doing(what.to_owned())),
            Some(("failed", why)) => Some(Self::Failed(why.replace("\\n", "\n"))),
            None if line == "ready" => Some(Self::Ready),
            _ => None,
        }
    }
}

/// Sends reports to the parent, if there is one that listens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reporter {
    to_parent: bool,
}

impl Reporter {
    pub(crate) fn new(to_parent: bool) -> Self {
        Self { to_parent }
    }

    pub(crate) fn send(self, report: &Report) {
        if self.to_parent {
            // A parent that was interrupted does not matter: the start goes on.
            let mut out = io::stdout().lock();
            let _ = writeln!(out, "{}", report.line()).and_then(|()| out.flush());
        }
    }

    pub(crate) fn doing(self, what: &str) {
        tracing::info!(step = what, "starting");
        self.send(&Report::Doing(what.to_owned()));
    }
}

/// The reports that a child sends, until it closes the pipe.
pub(crate) fn reports(pipe: impl BufRead) -> impl Iterator<Item = Report> {
    let lines = pipe.lines().map_while(Result::ok);
    lines.filter_map(|line| Report::parse(&line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_survive_the_pipe() {
        let sent = [
            Report::Doing("the operator".to_owned()),
            Report::Failed("first\nsecond".to_owned()),
            Report::Ready,
        ];
        let text: Vec<String> = sent.iter().map(Report::line).collect();
        let text = format!("noise\n{}\n", text.join("\n"));
        assert_eq!(reports(text.as_bytes()).collect::<Vec<_>>(), sent);
    }
}
