//! How a command ended and what it said.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// The result of one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The command, for messages.
    pub line: String,
    /// Its exit code; -1 when a signal ended it.
    pub code: i32,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Outcome {
    /// Runs a command to its end.
    ///
    /// # Errors
    /// When it cannot be started, or writes what is no UTF-8.
    pub fn of(command: &mut Command) -> Result<Self> {
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let line = words
            .map(|word| word.to_string_lossy().into_owned())
            .collect::<Vec<_>>()
            .join(" ");
        let output = command.output().with_context(|| format!("run {line}"))?;
        Ok(Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout)?,
            stderr: String::from_utf8(output.stderr)?,
            line,
        })
    }

    /// The standard output of a command that has to succeed.
    ///
    /// # Errors
    /// With everything it said, when it did not.
    pub fn ok(self) -> Result<String> {
        ensure!(
            self.code == 0,
            "`{}` ended with {}\n{}{}",
            self.line,
            self.code,
            self.stdout,
            self.stderr
        );
        Ok(self.stdout)
    }

    /// The output as JSON.
    ///
    /// # Errors
    /// When the command failed or wrote something else.
    pub fn json(self) -> Result<Value> {
        let line = self.line.clone();
        serde_json::from_str(&self.ok()?).with_context(|| format!("understand `{line}`"))
    }

    /// What a command that has to be refused said on standard error.
    ///
    /// # Errors
    /// When it ended with another exit code.
    pub fn refused(self, code: i32) -> Result<String> {
        ensure!(
            self.code == code,
            "`{}` ended with {} instead of {code}\n{}{}",
            self.line,
            self.code,
            self.stdout,
            self.stderr
        );
        Ok(self.stderr)
    }
}
