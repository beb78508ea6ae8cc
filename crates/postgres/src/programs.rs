//! The programs of one Postgres version, and how they are run to their end.

use std::fmt::Write as _;
use std::process::Stdio;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use howdah_types::PgVersion;
use tokio::process::Command;

/// How long a program that only reports may take.
pub(crate) const REPORT: Duration = Duration::from_secs(20);
/// How much of a program's complaint is repeated.
const COMPLAINT_LINES: usize = 5;

/// A program that is missing or did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The program is in no folder of PATH.
    #[error("program {0} is not on PATH")]
    Missing(&'static str),
    /// The program could not be started.
    #[error("run {program}")]
    Run {
        /// Which.
        program: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The program ended with an error.
    #[error("{program} ended with {status}: {complaint}")]
    Failed {
        /// Which.
        program: &'static str,
        /// How it ended.
        status: std::process::ExitStatus,
        /// The end of what it wrote to standard error.
        complaint: String,
    },
    /// The program took too long and was killed.
    #[error("{program} was stopped after {} seconds", after.as_secs())]
    Deadline {
        /// Which.
        program: &'static str,
        /// The time that it had.
        after: Duration,
    },
    /// The program wrote something unexpected.
    #[error("{program} reports no {what}")]
    Report {
        /// Which.
        program: &'static str,
        /// What was looked for.
        what: &'static str,
    },
}

/// The folder with the programs of one Postgres version.
#[derive(Debug, Clone)]
pub struct Programs {
    folder: Utf8PathBuf,
    version: PgVersion,
    environment: Vec<(String, String)>,
}

impl Programs {
    /// The programs found on `path`, a list of folders as in the variable PATH.
    pub async fn on_path(path: &str) -> Result<Self, Error> {
        let folder = path
            .split(':')
            .map(Utf8Path::new)
            .find(|folder| folder.is_absolute() && folder.join("postgres").is_file())
            .ok_or(Error::Missing("postgres"))?;
        Self::in_folder(folder, []).await
    }

    /// The programs in a folder, run with additional environment variables.
    pub async fn in_folder(
        folder: &Utf8Path,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Error> {
        let environment: Vec<_> = environment.into_iter().collect();
        let mut command = Command::new(folder.join("postgres"));
        command.arg("--version").envs(environment.clone());
        let report = run(command, "postgres", Some(REPORT)).await?;
        let version = parse_version(&report).ok_or(Error::Report {
            program: "postgres",
            what: "version",
        })?;
        Ok(Self {
            folder: folder.to_owned(),
            version,
            environment,
        })
    }

    /// The version of the programs.
    pub fn version(&self) -> PgVersion {
        self.version
    }

    pub(crate) fn command(&self, program: &'static str) -> Command {
        let mut command = Command::new(self.folder.join(program));
        command.envs(self.environment.clone()).stdin(Stdio::null());
        command
    }
}

/// Reads `postgres (PostgreSQL) 18.6 (Debian 18.6-1)`.
fn parse_version(report: &str) -> Option<PgVersion> {
    report
        .split_whitespace()
        .find_map(|word| word.parse::<PgVersion>().ok())
}

/// Runs a program to its end and gives what it wrote to standard output. Dropping the future kills it.
pub(crate) async fn run(
    mut command: Command,
    program: &'static str,
    deadline: Option<Duration>,
) -> Result<String, Error> {
    let running = command
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = match deadline {
        Some(after) => tokio::time::timeout(after, running)
            .await
            .map_err(|_| Error::Deadline { program, after })?,
        None => running.await,
    }
    .map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => Error::Missing(program),
        _ => Error::Run { program, source },
    })?;
    if !output.status.success() {
        return Err(Error::Failed {
            program,
            status: output.status,
            complaint: complaint(&String::from_utf8_lossy(&output.stderr)),
        });
    }
    let mut report = String::from_utf8_lossy(&output.stdout).into_owned();
    // pg_controldata tells a damaged control file as a warning only.
    let warnings = String::from_utf8_lossy(&output.stderr);
    if !warnings.is_empty() {
        let _ = write!(report, "\n{warnings}");
    }
    Ok(report)
}

/// Runs a program to its end, with its complaints in a file, where they can be read also if this is
/// cut short. Dropping the future kills it.
pub(crate) async fn run_logged(
    mut command: Command,
    program: &'static str,
    log: &Utf8Path,
) -> Result<(), Error> {
    let failed = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::NotFound => Error::Missing(program),
        _ => Error::Run { program, source },
    };
    let file = std::fs::File::create(log).map_err(|source| Error::Run { program, source })?;
    let status = command
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(file)
        .kill_on_drop(true)
        .status()
        .await
        .map_err(failed)?;
    if status.success() {
        return Ok(());
    }
    let log = std::fs::read(log).unwrap_or_default();
    Err(Error::Failed {
        program,
        status,
        complaint: complaint(&String::from_utf8_lossy(&log)),
    })
}

/// The last lines of a program's standard error, as one line.
fn complaint(stderr: &str) -> String {
    let lines: Vec<&str> = stderr
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let from = lines.len().saturating_sub(COMPLAINT_LINES);
    match lines[from..].join("; ") {
        text if text.is_empty() => "it gave no reason".to_owned(),
        text => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_packages_report() {
        let version = |text| parse_version(text).map(|version| version.to_string());
        assert_eq!(
            version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n").as_deref(),
            Some("15.18")
        );
        assert_eq!(
            version("postgres (PostgreSQL) 18.6").as_deref(),
            Some("18.6")
        );
        assert_eq!(version("postgres (PostgreSQL) 19devel"), None);
    }

    #[test]
    fn a_complaint_is_one_line() {
        assert_eq!(complaint(" a \n\nb\n"), "a; b");
        assert_eq!(complaint("1\n2\n3\n4\n5\n6"), "2; 3; 4; 5; 6");
        assert_eq!(complaint(""), "it gave no reason");
    }
}
