//! Running other programs and turning what went wrong into one sentence.

use std::io;
use std::process::{Command, Output};

use anyhow::{Context, Result, anyhow, bail};

/// Programs that tasks call, and the Debian package that brings each.
const PACKAGES: [(&str, &str); 3] = [("apt-get", "apt"), ("dpkg", "dpkg"), ("dpkg-deb", "dpkg")];

/// Runs a program to its end and returns its standard output; any other end than success is an error.
pub(crate) fn output_of(command: &mut Command) -> Result<String> {
    let output = capture(command)?;
    if !output.status.success() {
        bail!(
            "{} ended with {}: {}",
            describe(command),
            output.status,
            last_words(&output.stderr)
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a program to its end, whatever that is.
pub(crate) fn capture(command: &mut Command) -> Result<Output> {
    command.stdin(std::process::Stdio::null());
    command.output().map_err(|error| cannot_run(command, error))
}

/// The program and its arguments as one would type them.
pub(crate) fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The last lines of an error output on one line, which is where programs say what happened.
pub(crate) fn last_words(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines: Vec<_> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let last = &lines[lines.len().saturating_sub(4)..];
    if last.is_empty() {
        "it printed no error".to_owned()
    } else {
        last.join("; ")
    }
}

/// Why a program could not be started, with the package to install when it is not there.
pub(crate) fn cannot_run(command: &Command, error: io::Error) -> anyhow::Error {
    let program = command.get_program().to_string_lossy().into_owned();
    if error.kind() != io::ErrorKind::NotFound {
        return anyhow!(error).context(format!("run {program}"));
    }
    match PACKAGES.iter().find(|(name, _)| *name == program) {
        Some((_, package)) => anyhow!("{program} is missing: install the Debian package {package}"),
        None => anyhow!("{program} is missing"),
    }
}

/// Fails unless a program that is not run yet can be found, before any work is done.
pub(crate) fn require(program: &str) -> Result<()> {
    let mut command = Command::new(program);
    command.arg("--version");
    capture(&mut command)
        .map(drop)
        .with_context(|| format!("look for {program}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_named_with_its_package() {
        let error = io::Error::from(io::ErrorKind::NotFound);
        assert_eq!(
            cannot_run(&Command::new("dpkg-deb"), error).to_string(),
            "dpkg-deb is missing: install the Debian package dpkg"
        );
    }

    #[test]
    fn an_end_other_than_success_is_told_with_the_command_and_its_last_words() {
        let error = output_of(Command::new("sh").args(["-c", "echo why >&2; exit 3"])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "sh -c echo why >&2; exit 3 ended with exit status: 3: why"
        );
    }

    #[test]
    fn last_words_are_the_last_four_lines() {
        assert_eq!(last_words(b"a\nb\n\nc\nd\ne\n"), "b; c; d; e");
        assert_eq!(last_words(b" \n"), "it printed no error");
    }
}
