//! WAL from a primary to its standbys, their acknowledgements, and commits that wait for them.

use crate::ledger::{Acked, Oracle};
use crate::node::member;
use crate::postgres::{Running, Sender, Txn, count};
use crate::source::is_source;
use crate::world::{Happening, SECOND, World};

/// The pause before a receiver tries again.
const RETRY: u64 = 100_000;

impl World {
    /// A transaction is written to the log of a primary, and flushed a little later.
    pub(crate) fn append(&mut self, node: usize, txn: Txn) {
        let delay = self.rng.between(300, 6_000);
        if self.nodes[node].full {
            return;
        }
        let pg = &mut self.nodes[node].pg;
        if let Some(copy) = &mut pg.copy {
            copy.log.push(txn);
            let run = pg.run;
            self.later(delay, Happening::FlushOwn(node, run));
        }
    }

    pub(crate) fn flush_own(&mut self, node: usize, run: u64) {
        let this = &mut self.nodes[node];
        if this.pg.run != run || !this.runs() || this.pg.frozen || this.disk_stands() {
            // Thawed or healed, it flushes with the next.
            return;
        }
        if this.pg.running != Running::Primary {
            return;
        }
        if let Some(copy) = &mut this.pg.copy {
            copy.flushed = copy.log.len();
        }
        self.archive(node);
        self.wake_receivers(node);
        self.release(node);
    }

    fn wake_receivers(&mut self, node: usize) {
        for standby in 0..self.nodes.len() {
            let pg = &mut self.nodes[standby].pg;
            if pg.upstream == Some(node) && pg.idle && pg.receiving {
                pg.idle = false;
                let conn = pg.conn;
                let delay = self.rng.between(200, 3_000);
                self.later(delay, Happening::Stream(standby, conn));
            }
        }
    }

    /// What stood still goes on.
    pub(crate) fn resume_streams(&mut self, node: usize) {
        let run = self.nodes[node].pg.run;
        self.later(1_000, Happening::FlushOwn(node, run));
        for standby in 0..self.nodes.len() {
            let pg = &self.nodes[standby].pg;
            if standby == node || pg.upstream == Some(node) {
                let conn = pg.conn;
                self.later(2_000, Happening::Stream(standby, conn));
            }
        }
    }

    /// A standby is told to receive from another member.
    pub(crate) fn connect(&mut self, node: usize, upstream: usize) {
        let delay = self.rng.between(2_000, 60_000);
        let pg = &mut self.nodes[node].pg;
        pg.conn += 1;
        pg.upstream = Some(upstream);
        pg.told = Some(upstream);
        pg.receiving = true;
        pg.idle = false;
        let conn = pg.conn;
        self.later(delay, Happening::Stream(node, conn));
    }

    /// True if others get WAL from that node: from a standby where there may be a standby cluster.
    pub(crate) fn feeds(&self, node: usize) -> bool {
        match self.nodes[node].pg.running {
            Running::Stopped => false,
            Running::Standby => self.source.is_some(),
            Running::Primary => true,
        }
    }

    fn retry(&mut self, node: usize, conn: u64) {
        self.later(RETRY, Happening::Stream(node, conn));
    }

    /// The receiver takes what its sender has.
    pub(crate) fn stream(&mut self, node: usize, conn: u64) {
        let this = &self.nodes[node];
        let Some(upstream) = this.pg.upstream else {
            return;
        };
        if this.pg.conn != conn || this.pg.running != Running::Standby || !this.powered {
            return;
        }
        if is_source(upstream) {
            if !this.runs() || this.pg.frozen || this.full {
                return self.retry(node, conn);
            }
            return self.stream_from_source(node, conn);
        }
        let source = &self.nodes[upstream];
        let reachable = self.passes(node, upstream) && self.passes(upstream, node);
        let stands = !this.runs() || this.pg.frozen || !source.runs() || source.pg.frozen;
        let stands = stands || this.full;
        if stands || !reachable || !self.feeds(upstream) {
            self.retry(node, conn);
            return;
        }
        let (Some(own), Some(theirs)) = (&this.pg.copy, &source.pg.copy) else {
            return;
        };
        if !theirs.can_feed(own) {
            self.nodes[node].pg.fed = false;
            self.later(5 * RETRY, Happening::Stream(node, conn));
            return;
        }
        let known = source.pg.senders.get(&node).map(|sender| sender.conn);
        if known != Some(conn) {
            self.handshake(node, upstream, conn);
            return;
        }
        self.receive(node, upstream, conn);
    }

    /// A sender starts for a new connection; one that was ended means a new connection.
    fn handshake(&mut self, node: usize, upstream: usize, conn: u64) {
        let now = self.now;
        if self.source.is_some()
            && let Some(copy) = &mut self.nodes[node].pg.copy
        {
            // What was received from another, and never flushed, is received anew from here.
            copy.truncate();
        }
        let flushed = self.nodes[node]
            .pg
            .copy
            .as_ref()
            .map_or(0, |copy| copy.flushed);
        let sender = Sender {
            conn,
            flushed,
            contact: now,
        };
        self.nodes[node].pg.fed = true;
        self.nodes[upstream].pg.senders.insert(node, sender);
        self.later(500, Happening::Stream(node, conn));
    }

    fn receive(&mut self, node: usize, upstream: usize, conn: u64) {
        let (one, two) = if node < upstream {
            let (left, right) = self.nodes.split_at_mut(upstream);
            (&mut left[node], &right[0])
        } else {
            let (left, right) = self.nodes.split_at_mut(node);
            (&mut right[0], &left[upstream])
        };
        let (Some(own), Some(theirs)) = (&mut one.pg.copy, &two.pg.copy) else {
            return;
        };
        let from = own.log.len();
        if from >= theirs.flushed {
            one.pg.idle = true;
            return;
        }
        let upto = if one.slow { from + 1 } else { theirs.flushed };
        own.log.extend_from_slice(&theirs.log[from..upto]);
        if own.timeline != theirs.timeline {
            // The position is that of what is flushed, so what was flushed before stays on its timeline.
            own.timeline = theirs.timeline;
            own.history.clone_from(&theirs.history);
        }
        let upto = own.log.len();
        let run = one.pg.run;
        self.judge_received(node, upstream);
        let delay = self.rng.between(200, 5_000);
        self.later(delay, Happening::Flush(node, conn, upto, run));
    }

    /// The receiver flushed, and tells so.
    pub(crate) fn flush(&mut self, node: usize, conn: u64, upto: usize, run: u64) {
        let delay = self.rng.between(200, 5_000);
        let this = &mut self.nodes[node];
        if this.pg.run != run || !this.powered {
            return;
        }
        if !this.runs() || this.pg.frozen || this.disk_stands() {
            self.later(20_000, Happening::Flush(node, conn, upto, run));
            return;
        }
        let Some(copy) = &mut this.pg.copy else {
            return;
        };
        copy.flushed = copy.flushed.max(upto.min(copy.log.len()));
        this.pg.aside = None;
        if self.source.is_some() {
            self.wake_receivers(node);
        }
        let this = &mut self.nodes[node];
        let upstream = this.pg.upstream;
        if this.pg.conn != conn {
            return;
        }
        if let Some(upstream) = upstream {
            if !is_source(upstream) {
                self.later(delay, Happening::Acknowledge(node, upstream, conn, upto));
            }
            let pause = if self.nodes[node].slow {
                300_000
            } else {
                delay / 2
            };
            self.later(pause, Happening::Stream(node, conn));
        }
    }

    /// An acknowledgement comes in; it may have been under way for long, and its sender be sealed.
    pub(crate) fn acknowledge(&mut self, from: usize, to: usize, conn: u64, upto: usize) {
        let now = self.now;
        let reachable = self.passes(from, to);
        let this = &mut self.nodes[to];
        if !this.powered
            || this
                .pg
                .senders
                .get(&from)
                .is_none_or(|sender| sender.conn != conn)
        {
            return;
        }
        if !reachable || !this.runs() || this.pg.frozen {
            self.later(RETRY, Happening::Acknowledge(from, to, conn, upto));
            return;
        }
        if let Some(sender) = this.pg.senders.get_mut(&from) {
            sender.flushed = sender.flushed.max(upto);
            sender.contact = now;
        }
        self.release(to);
    }

    pub(crate) fn receiver_gone(&mut self, node: usize, conn: u64) {
        let this = &mut self.nodes[node];
        if this.pg.conn != conn {
            return;
        }
        if this.frozen || this.pg.frozen {
            self.later(20_000, Happening::ReceiverGone(node, conn));
            return;
        }
        // From here nothing of the old connection is taken in.
        this.pg.conn += 1;
        this.pg.receiving = false;
        this.pg.upstream = None;
        // What was received and not flushed is flushed by the startup process.
        if let Some(copy) = &mut this.pg.copy {
            copy.flushed = copy.log.len();
        }
    }

    /// Commits that have what they wait for are acknowledged to their clients.
    pub(crate) fn release(&mut self, node: usize) {
        let this = &self.nodes[node];
        if this.pg.running != Running::Primary || this.pg.frozen || !this.runs() || !this.pg.open {
            return;
        }
        let upto = this.pg.acknowledged();
        let from = this.pg.acked;
        if upto <= from {
            return;
        }
        let strict = this.pg.names.acks > 0 && self.promises(node);
        let Some(copy) = &this.pg.copy else {
            return;
        };
        let timeline = copy.timeline;
        let at = this.served_until(self.now);
        let acked = copy.log[from..upto].iter().map(|txn| Acked {
            txn: *txn,
            at,
            timeline,
            strict,
        });
        let acked: Vec<_> = acked.collect();
        self.nodes[node].pg.acked = upto;
        if self.is_given_up(node) {
            return;
        }
        self.judge_acked(node, &acked);
        // What a node does as it thaws is not service; the bound counts from when it stood still.
        let now = self.now;
        if now > self.nodes[node].thawed + SECOND || self.nodes[node].thawed == 0 {
            self.ledger.last_ack.insert(timeline, at);
        }
        self.ledger.newest_ack = Some(now);
        self.ledger.acked.extend(acked);
    }

    /// Clients are let in: what is in the log is visible to them from now on.
    pub(crate) fn open_clients(&mut self, node: usize) {
        self.judge_open(node);
        let promises = self.promises(node);
        let pg = &mut self.nodes[node].pg;
        pg.open = true;
        pg.acked = 0;
        let end = pg.copy.as_ref().map_or(0, |copy| copy.flushed);
        let txns: Vec<_> = pg
            .copy
            .as_ref()
            .map_or(Vec::new(), |copy| copy.log[..end].to_vec());
        let timeline = pg.copy.as_ref().map(|copy| copy.timeline);
        pg.acked = end;
        let strict = pg.names.acks > 0 && promises;
        // What can be read counts like what was acknowledged.
        if let Some(timeline) = timeline {
            let known: std::collections::BTreeSet<_> =
                self.ledger.acked.iter().map(|acked| acked.txn).collect();
            let at = self.nodes[node].served_until(self.now);
            let seen = txns.into_iter().filter(|txn| !known.contains(txn));
            let seen: Vec<_> = seen
                .map(|txn| Acked {
                    txn,
                    at,
                    timeline,
                    strict,
                })
                .collect();
            self.ledger.acked.extend(seen);
        }
    }

    /// Segments of the log are archived: put if absent, with a comparison of the content.
    fn archive(&mut self, node: usize) {
        const SEGMENT: usize = 64;
        let Some(copy) = &self.nodes[node].pg.copy else {
            return;
        };
        if !self.nodes[node].pg.open {
            return;
        }
        let last = copy.flushed / SEGMENT;
        let Some(number) = last.checked_sub(1) else {
            return;
        };
        let key = (copy.timeline, number);
        let log = &copy.log[number * SEGMENT..last * SEGMENT];
        let content = log.iter().fold(1_u64, |hash, txn| {
            hash.wrapping_mul(0x100_0000_01B3) ^ u64::from(*txn)
        });
        let stored = *self.ledger.archive.entry(key).or_insert(content);
        if stored != content {
            let what = format!("m{node} archives another segment {key:?}");
            self.ledger.broken(Oracle::ArchiveStable, self.now, what);
        }
    }

    /// The standbys' place on the primary, for the names that are set.
    pub(crate) fn end_senders(&mut self, node: usize) {
        let pg = &mut self.nodes[node].pg;
        let names = pg.names.standbys.clone();
        if pg.running == Running::Primary && pg.names.acks > 0 {
            pg.senders
                .retain(|standby, _| names.contains(&member(*standby)));
        }
    }
}

/// A place as a count; for messages.
pub(crate) fn place(at: howdah_ha::machine::Point) -> usize {
    count(at.lsn)
}
