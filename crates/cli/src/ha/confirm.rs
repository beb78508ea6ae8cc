//! Asking the person at the terminal.

use std::io::{IsTerminal, stdin};

use crate::error::Error;
use crate::terminal::Terminal;

/// Asks whether to go on; `yes` is the answer given on the command line. Where nobody can answer, nothing
/// is done.
pub(crate) async fn confirm(
    terminal: &mut Terminal,
    yes: bool,
    question: &str,
) -> Result<(), Error> {
    if yes {
        return Ok(());
    }
    if !stdin().is_terminal() {
        return Err(Error::Usage(format!(
            "{question} Nobody can answer here: say --yes"
        )));
    }
    terminal.note(&format!("{question} [y/N]"));
    let read = tokio::task::spawn_blocking(|| {
        let mut answer = String::new();
        stdin().read_line(&mut answer).map(|_| answer)
    });
    let answer = read
        .await
        .map_err(std::io::Error::other)
        .and_then(|read| read);
    let answer = answer.map_err(|source| Error::Local {
        what: "read the answer".to_owned(),
        source,
    })?;
    if is_yes(&answer) {
        Ok(())
    } else {
        Err(Error::NotNow("nothing was done".to_owned()))
    }
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_is_one() {
        assert!(is_yes("y\n") && is_yes(" YES \n"));
        assert!(!is_yes("\n") && !is_yes("yesterday") && !is_yes("n"));
    }
}
