//! Waiting for a condition with a deadline; the alternative to sleeping in tests.

use std::fmt::Display;
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, sleep, timeout_at};

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// Asks again and again until the probe has an answer, and returns it.
///
/// The probe's error is its description of the state that it saw instead.
///
/// # Errors
/// When time is up: names what was awaited and the last state seen.
pub async fn wait_until<T, S: Display>(
    within: Duration,
    what: &str,
    mut probe: impl AsyncFnMut() -> Result<T, S>,
) -> Result<T> {
    let deadline = Instant::now() + within;
    let mut last: Option<S> = None;
    let mut pause = FIRST_PAUSE;
    loop {
        match timeout_at(deadline, probe()).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(state)) => last = Some(state),
            Err(_) => {}
        }
        if Instant::now() + pause >= deadline {
            match last {
                Some(state) => bail!("waited {within:?} for {what}; last seen: {state:#}"),
                None => bail!("waited {within:?} for {what}; no answer came"),
            }
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_answer_is_returned() {
        let mut asked = 0;
        let answer = wait_until(Duration::from_secs(5), "three", async || {
            asked += 1;
            if asked == 3 {
                Ok(asked)
            } else {
                Err(format!("{asked}"))
            }
        });
        assert_eq!(answer.await.unwrap(), 3);
    }

    #[tokio::test]
    async fn running_out_of_time_tells_what_was_awaited_and_seen() {
        let within = Duration::from_millis(30);
        let error = wait_until(within, "a primary", async || Err::<(), _>("2 replicas")).await;
        assert_eq!(
            error.unwrap_err().to_string(),
            "waited 30ms for a primary; last seen: 2 replicas"
        );
    }

    #[tokio::test]
    async fn a_probe_that_hangs_is_given_up() {
        let within = Duration::from_millis(30);
        let error = wait_until(within, "an answer", async || {
            std::future::pending::<Result<(), String>>().await
        });
        assert_eq!(
            error.await.unwrap_err().to_string(),
            "waited 30ms for an answer; no answer came"
        );
    }
}
