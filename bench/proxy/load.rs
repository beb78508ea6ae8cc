//! One run of pgbench, and what it and the proxies said and used.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use howdah_testkit::bench::rank;

use super::arguments::Arguments;
use super::stack::{POOL_SIZE, Stack, Way};
use super::usage;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Script {
    Select,
    Tpcb,
}

impl Script {
    pub(crate) const ALL: [Self; 2] = [Self::Select, Self::Tpcb];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Select => "select",
            Self::Tpcb => "tpcb",
        }
    }

    const fn builtin(self) -> &'static str {
        match self {
            Self::Select => "select-only",
            Self::Tpcb => "tpcb-like",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Simple,
    Prepared,
}

impl Protocol {
    pub(crate) const ALL: [Self; 2] = [Self::Simple, Self::Prepared];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Prepared => "prepared",
        }
    }
}

/// What pgbench does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    script: Script,
    protocol: Protocol,
    clients: u32,
}

/// What came of it. Times are in microseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    pub(crate) tps: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// CPU for each transaction.
    pub(crate) envoy: f64,
    pub(crate) pgbouncer: f64,
    pub(crate) postgres: f64,
}

impl Load {
    pub(crate) fn all(arguments: &Arguments) -> Vec<Self> {
        let mut all = Vec::new();
        for script in arguments.scripts.iter().copied() {
            for protocol in arguments.protocols.iter().copied() {
                for clients in arguments.clients.iter().copied() {
                    all.push(Self {
                        script,
                        protocol,
                        clients,
                    });
                }
            }
        }
        all
    }

    pub(crate) fn title(&self) -> String {
        let (script, protocol) = (self.script.builtin(), self.protocol.name());
        format!("{script}, {protocol}, {} clients", self.clients)
    }

    pub(crate) async fn run(&self, stack: &Stack, way: Way, seconds: u32) -> Result<Measured> {
        // It prepares on a client's turn and waits for that, also while those who have all servers wait for their turn.
        let would_wait_for_itself = self.script == Script::Tpcb
            && self.protocol == Protocol::Prepared
            && way.ends_at_pooler()
            && self.clients > POOL_SIZE;
        ensure!(
            !would_wait_for_itself,
            "pgbench waits for itself: it prepares the statements of a transaction one by one"
        );
        let folder = stack.folder().join("log");
        let mut command = stack.client("pgbench", way)?;
        command
            .args([
                "-n",
                "-b",
                self.script.builtin(),
                "-M",
                self.protocol.name(),
            ])
            .args(["-c", &self.clients.to_string()])
            .args(["-j", &self.clients.min(2).to_string()])
            .args(["-T", &seconds.to_string()])
            .args(["-l", &format!("--log-prefix={folder}/t"), "bench"]);
        let before = Used::now(stack)?;
        let mut command = tokio::process::Command::from(command);
        let output = command.kill_on_drop(true).output();
        let limit = Duration::from_secs(u64::from(seconds) + 60);
        let output = tokio::time::timeout(limit, output)
            .await
            .context("pgbench does not end")??;
        let after = Used::now(stack)?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "pgbench: {}", complaint.trim());
        let text = String::from_utf8_lossy(&output.stdout);
        let number = |of: &str| {
            let rest = text.lines().find_map(|line| line.strip_prefix(of));
            let word = rest.and_then(|rest| rest.split_whitespace().next());
            word.and_then(|word| word.parse::<f64>().ok())
                .with_context(|| format!("{of:?} in {text}"))
        };
        let count = number("number of transactions actually processed: ")?;
        let (p50, p99) = percentiles(&folder)?;
        let each = |before: u64, after: u64| {
            let used = Duration::from_nanos(after.saturating_sub(before));
            used.as_secs_f64() * 1e6 / count
        };
        Ok(Measured {
            tps: number("tps = ")?,
            p50,
            p99,
            envoy: each(before.envoy, after.envoy),
            pgbouncer: each(before.pgbouncer, after.pgbouncer),
            postgres: each(before.postgres, after.postgres),
        })
    }
}

struct Used {
    envoy: u64,
    pgbouncer: u64,
    postgres: u64,
}

impl Used {
    fn now(stack: &Stack) -> Result<Self> {
        Ok(Self {
            envoy: usage::threads(stack.envoy)?,
            pgbouncer: usage::threads(stack.pgbouncer)?,
            postgres: usage::family(stack.postgres)?,
        })
    }
}

/// Of all transactions in pgbench's logs, which are removed.
fn percentiles(folder: &camino::Utf8Path) -> Result<(f64, f64)> {
    let mut times: Vec<u32> = Vec::new();
    for file in fs::read_dir(folder)? {
        let path = file?.path();
        let text = fs::read_to_string(&path)?;
        fs::remove_file(path)?;
        let third = |line: &str| line.split(' ').nth(2)?.parse::<u32>().ok();
        times.extend(text.lines().filter_map(third));
    }
    times.sort_unstable();
    let rank = |percent: usize| rank(&times, percent).map(f64::from);
    let both = rank(50).zip(rank(99));
    both.context("pgbench logged no transaction")
}
