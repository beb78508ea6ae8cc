//! Runs the probes of one container for as long as it lives, and tells what they mean.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::check::{Target, carry_out};
use super::plan::probes::{ProbePlan, Probes};

/// A container that was never ready yet is asked this often, if its period is longer: people wait for it.
const EAGER_PERIOD: Duration = Duration::from_millis(250);
/// ... but only in this time after its start.
const EAGER_TIME: Duration = Duration::from_secs(60);

/// What a probe has found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// The startup probe has passed.
    Started,
    /// The readiness probe has changed its mind.
    Ready(bool),
    /// A probe was answered badly; it may take more of them to matter.
    Unhealthy(String),
    /// The container must be restarted.
    Failed {
        /// Why.
        message: String,
        /// The probe's own grace period.
        grace: Option<Duration>,
    },
}

/// Where the container stands when the probing begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    /// Whether the startup probe has passed before.
    pub(super) started: bool,
    /// Whether the container counts as ready.
    pub(super) ready: bool,
    /// When it was started.
    pub(super) since: Instant,
}

/// Probes until the task is aborted or a probe decides that the container must be restarted.
pub(super) async fn run(
    probes: Probes,
    target: Target,
    standing: Standing,
    findings: mpsc::Sender<Finding>,
) {
    if let Some(startup) = &probes.startup
        && !standing.started
    {
        let mut prober = Prober::new("Startup", startup, &target, standing, &findings);
        if !prober.until_decided().await {
            return;
        }
        let _ = findings.send(Finding::Started).await;
    }
    let readiness = async {
        if let Some(plan) = &probes.readiness {
            let mut prober = Prober::new("Readiness", plan, &target, standing, &findings);
            prober.report_readiness(standing.ready).await;
        }
    };
    let liveness = async {
        if let Some(plan) = &probes.liveness {
            let mut prober = Prober::new("Liveness", plan, &target, standing, &findings);
            while prober.until_decided().await {}
        }
    };
    tokio::join!(readiness, liveness);
}

struct Prober<'a> {
    kind: &'static str,
    plan: &'a ProbePlan,
    target: &'a Target,
    standing: Standing,
    findings: &'a mpsc::Sender<Finding>,
    streak: Streak,
    next: Instant,
}

impl<'a> Prober<'a> {
    fn new(
        kind: &'static str,
        plan: &'a ProbePlan,
        target: &'a Target,
        standing: Standing,
        findings: &'a mpsc::Sender<Finding>,
    ) -> Self {
        Self {
            kind,
            plan,
            target,
            standing,
            findings,
            streak: Streak::default(),
            next: standing.since + plan.initial_delay,
        }
    }

    /// One round; the verdict when enough answers of a kind came in a row.
    async fn round(&mut self, period: Duration) -> Option<Result<(), String>> {
        tokio::time::sleep_until(self.next).await;
        self.next = Instant::now() + period;
        let answer = carry_out(&self.plan.check, self.target, self.plan.timeout).await;
        if let Err(message) = &answer {
            let text = format!("{} probe failed: {message}", self.kind);
            let _ = self.findings.send(Finding::Unhealthy(text)).await;
        }
        let threshold = match answer {
            Ok(()) => self.plan.success_threshold,
            Err(_) => self.plan.failure_threshold,
        };
        (self.streak.add(answer.is_ok()) >= threshold).then_some(answer)
    }

    /// Whether the probe has passed; when it has failed that is reported.
    async fn until_decided(&mut self) -> bool {
        loop {
            match self.round(self.plan.period).await {
                None => {}
                Some(Ok(())) => return true,
                Some(Err(message)) => {
                    let failed = Finding::Failed {
                        message: format!("{} probe failed: {message}", self.kind),
                        grace: self.plan.grace,
                    };
                    let _ = self.findings.send(failed).await;
                    return false;
                }
            }
        }
    }

    async fn report_readiness(&mut self, mut ready: bool) {
        let mut ever_ready = ready;
        loop {
            let is_eager = !ever_ready
                && self.plan.success_threshold == 1
                && self.standing.since.elapsed() < EAGER_TIME;
            let period = if is_eager {
                self.plan.period.min(EAGER_PERIOD)
            } else {
                self.plan.period
            };
            let Some(verdict) = self.round(period).await else {
                continue;
            };
            if verdict.is_ok() != ready {
                ready = verdict.is_ok();
                ever_ready |= ready;
                if self.findings.send(Finding::Ready(ready)).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// How often the same answer came in a row.
#[derive(Debug, Default)]
struct Streak {
    good: bool,
    length: u32,
}

impl Streak {
    fn add(&mut self, good: bool) -> u32 {
        if self.good != good {
            *self = Self { good, length: 0 };
        }
        self.length = self.length.saturating_add(1);
        self.length
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::plan::probes::Check;

    #[test]
    fn a_streak_starts_again_with_the_other_answer() {
        let mut streak = Streak::default();
        let lengths = [true, true, false, false, false, true].map(|good| streak.add(good));
        assert_eq!(lengths, [1, 2, 1, 2, 3, 1]);
    }

    fn refused(failures: u32) -> ProbePlan {
        ProbePlan {
            // Port 0 is never listened on.
            check: Check::Tcp {
                host: None,
                port: 0,
            },
            initial_delay: Duration::from_secs(3),
            period: Duration::from_secs(5),
            timeout: Duration::from_secs(1),
            success_threshold: 1,
            failure_threshold: failures,
            grace: None,
        }
    }

    fn target() -> Target {
        Target {
            ip: std::net::Ipv4Addr::LOCALHOST,
            attempt: "/nowhere".into(),
            user: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn liveness_fails_after_the_delay_and_the_threshold() {
        let probes = Probes {
            liveness: Some(refused(3)),
            ..Probes::default()
        };
        let begin = Instant::now();
        let standing = Standing {
            started: true,
            ready: false,
            since: begin,
        };
        let (sender, mut receiver) = mpsc::channel(8);
        run(probes, target(), standing, sender).await;
        let mut findings = Vec::new();
        while let Some(finding) = receiver.recv().await {
            findings.push(finding);
        }
        assert_eq!(begin.elapsed().as_secs(), 3 + 2 * 5);
        assert_eq!(findings.len(), 4);
        assert!(matches!(findings[3], Finding::Failed { .. }));
    }

    #[tokio::test(start_paused = true)]
    async fn a_startup_probe_holds_back_the_others() {
        let probes = Probes {
            startup: Some(refused(1)),
            liveness: Some(refused(1)),
            ..Probes::default()
        };
        let standing = Standing {
            started: false,
            ready: false,
            since: Instant::now(),
        };
        let (sender, mut receiver) = mpsc::channel(8);
        run(probes, target(), standing, sender).await;
        let mut last = None;
        while let Some(finding) = receiver.recv().await {
            last = Some(finding);
        }
        let Some(Finding::Failed { message, .. }) = last else {
            panic!("{last:?}");
        };
        assert!(message.starts_with("Startup probe failed"), "{message}");
    }
}
