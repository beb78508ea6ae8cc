//! What people and the operator do: they edit their fields of the record, and settings.

use std::collections::BTreeSet;

use howdah_ha::machine::{Event, Intent, Record, Settings, Timing};

use super::{Happening, World};
use crate::faults::Kind;
use crate::node::member;
use crate::postgres::Running;

impl World {
    /// True if this was a matter of people.
    pub(super) fn people(&mut self, kind: Kind, begins: bool) -> bool {
        match kind {
            Kind::Switchover(node) if begins => {
                let to = self.rng.percent(70).then(|| member(node));
                self.edit(|record| record.intent = Some(Intent::Switchover { to }));
            }
            Kind::Failover(node) if begins => {
                let to = member(node);
                self.edit(|record| record.intent = Some(Intent::Failover { to }));
            }
            Kind::Pause => self.edit(|record| record.paused = begins),
            Kind::Fence(node) if begins => self.edit(|record| {
                record.fenced.insert(member(node));
            }),
            Kind::Fence(node) => self.edit(|record| {
                record.fenced.remove(&member(node));
            }),
            Kind::Reinitialise(node) if begins => self.feed(node, Event::Reinitialise),
            Kind::Mode(policy) if begins => {
                self.policy = policy;
                self.configure();
            }
            Kind::Fleet => {
                self.timing = if begins { Timing::FLEET } else { Timing::FAST };
                self.configure();
            }
            Kind::Observe(node) => {
                count(&mut self.observing[node], begins);
                self.configure();
            }
            Kind::Unsync(node) => {
                count(&mut self.unsynced[node], begins);
                self.configure();
            }
            Kind::Replicate if self.source.is_some() => {
                self.replicates = self.replicates.map(|replicates| !replicates);
                self.configure();
            }
            Kind::SourceAway => self.source_away(begins),
            Kind::SourceFailover if begins => self.source_fails_over(),
            Kind::Scale(node) => self.scale(node, begins),
            Kind::WipeVolume(node) if begins && self.is_well() => self.wipe(node),
            _ => return false,
        }
        true
    }

    /// By compare-and-set, and nothing else in the record: neither its revision nor its nonce.
    fn edit(&mut self, edit: impl FnOnce(&mut Record)) {
        if self.kube.down {
            return;
        }
        if let Some((mut record, _)) = self.kube.stored.clone() {
            edit(&mut record);
            self.kube.put(record);
            self.notify();
        }
    }

    /// Nothing is left of what people wanted for a while.
    pub(super) fn settle(&mut self) {
        self.edit(|record| {
            record.paused = false;
            record.fenced.clear();
            record.intent = None;
        });
        let left = std::mem::take(&mut self.left);
        for node in left {
            self.bring_back(node);
        }
        if self.source.is_some() {
            self.replicates = Some(self.replicates_at_end);
        }
        self.observing.fill(0);
        self.unsynced.fill(0);
        self.configure();
    }

    /// Each member learns of changed settings at its own time.
    fn configure(&mut self) {
        for node in 0..self.nodes.len() {
            let delay = self.rng.between(10_000, 3_000_000);
            self.later(delay, Happening::Configure(node));
        }
    }

    pub(super) fn configured(&mut self, node: usize) {
        let settings = self.settings_of(node);
        self.feed(node, Event::Configured(settings));
    }

    /// What that member is told of the cluster.
    pub(super) fn settings_of(&self, node: usize) -> Settings {
        let all = (0..self.nodes.len()).filter(|other| !self.left.contains(other));
        let voter = |other: &usize| self.observer != Some(*other) && self.observing[*other] == 0;
        let voters: BTreeSet<_> = all.clone().filter(voter).collect();
        let counts = |other: &&usize| self.unsynced[**other] == 0;
        Settings {
            peers: all.filter(|other| *other != node).map(member).collect(),
            synchronous: voters
                .iter()
                .filter(counts)
                .map(|other| member(*other))
                .collect(),
            voters: voters.into_iter().map(member).collect(),
            policy: self.policy,
            timing: self.timing,
            maximum_lag: self.maximum_lag,
            replicates: self.replicates,
        }
    }

    fn source_away(&mut self, begins: bool) {
        if let Some(source) = &mut self.source {
            count(&mut source.away, begins);
        }
    }

    /// The highest numbers go first in truth; here any standby does. Its volume stays.
    fn scale(&mut self, node: usize, begins: bool) {
        let primary = self.nodes[node].pg.running == Running::Primary;
        if begins && !primary && self.left.is_empty() && self.nodes.len() > 2 {
            self.left.insert(node);
            self.configure();
            self.power(node, false);
        } else if !begins && self.left.remove(&node) {
            self.configure();
            self.bring_back(node);
        }
    }

    fn bring_back(&mut self, node: usize) {
        self.power(node, true);
        self.later(250_000, Happening::Boot(node));
    }

    /// The volume of a standby is lost, with what was promised on it.
    fn wipe(&mut self, node: usize) {
        let this = &self.nodes[node];
        let stored = self.kube.stored.as_ref();
        let writes = |record: &Record| record.holder.member == member(node);
        if stored.is_none_or(|(record, _)| writes(record)) {
            // Its copy may be the only one that may come back.
            return;
        }
        let standby = this.pg.running != Running::Primary && this.pg.copy.is_some();
        if !standby || !this.powered || self.wiped || self.ledger.served.is_empty() {
            return;
        }
        self.wiped = true;
        self.power(node, false);
        let this = &mut self.nodes[node];
        this.pg.copy = None;
        this.pg.aside = None;
        this.durable = howdah_ha::machine::Durable::default();
        this.sealed = None;
        self.power(node, true);
    }
}

fn count(number: &mut u32, begins: bool) {
    *number = if begins {
        *number + 1
    } else {
        number.saturating_sub(1)
    };
}
