//! How a command ended and what it said.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::process::Command;
use tokio::time::timeout;

/// No command of the suite may take longer, `howdah down` with its grace period included.
const LIMIT: Duration = Duration::from_secs(240);

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
    /// When it cannot be started, does not end in time, or writes what is no UTF-8.
    pub async fn of(mut command: Command) -> Result<Self> {
        let said = command.as_std();
        let line = std::iter::once(said.get_program())
            .chain(said.get_args())
            .map(|word| word.to_string_lossy().into_owned())
            .collect::<Vec<_>>()
            .join(" ");
        let output = timeout(LIMIT, command.kill_on_drop(true).output())
            .await
            .with_context(|| format!("`{line}` did not end within {LIMIT:?}"))?
            .with_context(|| format!("run `{line}`"))?;
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
        self.ended_with(0)?;
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
        self.ended_with(code)?;
        Ok(self.stderr)
    }

    fn ended_with(&self, code: i32) -> Result<()> {
        ensure!(
            self.code == code,
            "`{}` ended with {} instead of {code}\n{}{}",
            self.line,
            self.code,
            self.stdout,
            self.stderr
        );
        Ok(())
    }
}
