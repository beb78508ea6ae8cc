//! What benchmarks share: the words of their command line, what they say, and how they end.

use std::future::Future;
use std::io::Write as _;

use anyhow::{Context as _, Result, bail};
use tokio::signal::unix::{SignalKind, signal};

/// Reads the words of the command line: `alone` takes those that stand for themselves, `set` those with a value.
/// False when help is asked for.
///
/// # Errors
/// When a value is missing, or is not taken.
pub fn read_arguments(
    mut words: impl Iterator<Item = String>,
    mut alone: impl FnMut(&str) -> bool,
    mut set: impl FnMut(&str, &str) -> Result<()>,
) -> Result<bool> {
    while let Some(word) = words.next() {
        match word.as_str() {
            // From cargo.
            "--bench" => continue,
            "--help" | "-h" => return Ok(false),
            word if alone(word) => continue,
            _ => {}
        }
        let value = words.next().with_context(|| format!("{word} of what?"))?;
        set(&word, &value)?;
    }
    Ok(true)
}

/// Runs it on so many threads.
///
/// # Errors
/// Its own, and when there can be no threads.
pub fn block_on<T>(threads: usize, work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .context("start the runtime")?;
    runtime.block_on(work)
}

/// Runs it until it is done or somebody asks for the end; what it holds is dropped then, which ends what runs.
///
/// # Errors
/// Its own, and that it was interrupted.
pub async fn until_told_to_end<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut told_to_end = signal(SignalKind::terminate())?;
    tokio::select! {
        done = work => done,
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
        _ = told_to_end.recv() => bail!("told to end"),
    }
}

/// The nearest rank of a percentile; none of nothing.
#[must_use]
pub fn rank<T: Copy>(sorted: &[T], percent: usize) -> Option<T> {
    let place = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(place - 1).copied()
}

/// Prints a line.
pub fn say(line: &str) {
    // Whoever closed the pipe has seen enough.
    let _ = writeln!(std::io::stdout(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<(bool, Vec<String>)> {
        let mut taken = Vec::new();
        let words = line.split_whitespace().map(str::to_owned);
        let set = |word: &str, value: &str| {
            taken.push(format!("{word}={value}"));
            Ok(())
        };
        let read = read_arguments(words, |word| word == "--explain", set)?;
        Ok((read, taken))
    }

    #[test]
    fn words_come_with_their_values_or_alone() {
        let (read_on, taken) = read("--bench --runs 3 --explain --seed --help").unwrap();
        assert!(read_on);
        assert_eq!(taken, ["--runs=3", "--seed=--help"]);
        assert!(!read("--runs 3 -h").unwrap().0);
        assert_eq!(read("--runs").unwrap_err().to_string(), "--runs of what?");
    }

    #[test]
    fn a_rank_is_one_of_what_was_measured() {
        let sorted: Vec<u32> = (1..=200).collect();
        assert_eq!(rank(&sorted, 50), Some(100));
        assert_eq!(rank(&sorted, 99), Some(198));
        assert_eq!(rank(&sorted, 100), Some(200));
        assert_eq!(rank(&[7], 1), Some(7));
        assert_eq!(rank::<u32>(&[], 50), None);
    }
}
