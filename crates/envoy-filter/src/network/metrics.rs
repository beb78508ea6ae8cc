//! The numbers of the filter in Envoy's statistics. All are defined with the configuration: Envoy allows none later.
//!
//! A name part such as `.kind.select` is meant to become a label, which Envoy's configuration says with `stats_tags`.

use howdah_session::{End, ErrorClass, Event, Refusal, StatementKind};

use crate::abi::{Network, NetworkConfig};

/// Envoy's numbers of the metrics.
pub(super) struct Metrics {
    pub(super) sessions: usize,
    pub(super) cancels: usize,
    pub(super) expired: usize,
    pub(super) panics: usize,
    pub(super) sessions_active: usize,
    pub(super) sessions_held: usize,
    opaque: usize,
    rows: usize,
    refused: Vec<usize>,
    statements: Vec<usize>,
    errors: Vec<usize>,
    transactions: Vec<usize>,
    ready_time: usize,
    query_time: usize,
    transaction_time: usize,
}

impl Metrics {
    /// Defines them all, or says which one Envoy refuses.
    pub(super) fn define(envoy: NetworkConfig) -> Result<Self, String> {
        let refused = |name: &str| format!("Envoy refuses the metric {name}");
        let counter = |name: &str| envoy.counter(name).ok_or_else(|| refused(name));
        let gauge = |name: &str| envoy.gauge(name).ok_or_else(|| refused(name));
        let histogram = |name: &str| envoy.histogram(name).ok_or_else(|| refused(name));
        let counters = |prefix: &str, names: &mut dyn Iterator<Item = &'static str>| {
            names
                .map(|name| counter(&format!("{prefix}.{name}")))
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            sessions: counter("pg.sessions")?,
            cancels: counter("pg.cancels")?,
            expired: counter("pg.expired")?,
            panics: counter("pg.panics")?,
            opaque: counter("pg.opaque")?,
            rows: counter("pg.rows")?,
            sessions_active: gauge("pg.sessions_active")?,
            sessions_held: gauge("pg.sessions_held")?,
            refused: counters(
                "pg.refused.reason",
                &mut Refusal::ALL.into_iter().map(Refusal::name),
            )?,
            statements: counters(
                "pg.statements.kind",
                &mut StatementKind::ALL.into_iter().map(StatementKind::name),
            )?,
            errors: counters(
                "pg.errors.class",
                &mut ErrorClass::all().map(ErrorClass::name),
            )?,
            transactions: counters(
                "pg.transactions.end",
                &mut End::ALL.into_iter().map(End::name),
            )?,
            ready_time: histogram("pg.ready_time_us")?,
            query_time: histogram("pg.query_time_us")?,
            transaction_time: histogram("pg.transaction_time_us")?,
        })
    }

    /// Counts a client that was sent away.
    pub(super) fn refuse(&self, envoy: Network, refusal: Refusal) {
        one_of(envoy, &self.refused, refusal.index());
    }

    /// Counts what a session saw.
    pub(super) fn record(&self, envoy: Network, event: Event) {
        match event {
            Event::Ready { micros } => envoy.measure(self.ready_time, micros),
            Event::Statement { kind, rows } => {
                one_of(envoy, &self.statements, kind.index());
                if rows > 0 {
                    envoy.count(self.rows, rows);
                }
            }
            Event::Answered { micros } => envoy.measure(self.query_time, micros),
            Event::Error { class, .. } => one_of(envoy, &self.errors, class.index()),
            Event::Transaction { end, micros } => {
                one_of(envoy, &self.transactions, end.index());
                envoy.measure(self.transaction_time, micros);
            }
            Event::Opaque => envoy.count(self.opaque, 1),
        }
    }
}

fn one_of(envoy: Network, counters: &[usize], index: usize) {
    if let Some(counter) = counters.get(index) {
        envoy.count(*counter, 1);
    }
}
