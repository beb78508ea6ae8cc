//! What happens at its time: faults, calls, writes, watches.

use howdah_ha::machine::{ApiEnd, Policy, Read, Record, Version};

use super::{Happening, World};
use crate::faults::Kind;
use crate::kube::Request;
use crate::node::index;
use crate::postgres::Running;

impl World {
    pub(super) fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Tick(node, life) => self.tick(node, life),
            Happening::Boot(node) => self.boot(node),
            Happening::Configure(node) => self.configured(node),
            Happening::Seen(node, life, view) => self.seen(node, life, *view),
            Happening::SourceSeen(node, life, seen) => self.source_seen(node, life, seen),
            Happening::Deliver(to, from, message) => self.deliver(to, from, message),
            Happening::ApiArrive(node, life, call, request) => {
                self.api_arrive(node, life, call, request);
            }
            Happening::ApiReply(node, life, call, end) => self.api_reply(node, life, call, end),
            Happening::ApiTimeout(node, life, call) => {
                self.api_reply(node, life, call, ApiEnd::Unknown);
            }
            Happening::Watch(node, read) => self.watched(node, read),
            Happening::Persisted(node, life) => self.persisted(node, life),
            Happening::JobDone(node, life, job) => self.job_done(node, life, job),
            Happening::Guard(node, guard) => self.guard_fires(node, guard),
            Happening::GuardKill(node) => self.guard_kills(node),
            Happening::Stream(node, conn) => self.stream(node, conn),
            Happening::Flush(node, conn, upto, run) => self.flush(node, conn, upto, run),
            Happening::Acknowledge(from, to, conn, upto) => self.acknowledge(from, to, conn, upto),
            Happening::ReceiverGone(node, conn) => self.receiver_gone(node, conn),
            Happening::FlushOwn(node, run) => self.flush_own(node, run),
            Happening::Write => self.write(),
            Happening::Route(node, epoch, unless_newer) => self.route(node, epoch, unless_newer),
            Happening::Begin(number) => self.fault(number, true),
            Happening::Finish(number) => self.fault(number, false),
            Happening::HealAll => self.heal_all(),
        }
    }

    fn fault(&mut self, number: usize, begins: bool) {
        if self.healed {
            return;
        }
        let kind = self.fault_kind(number);
        let word = if begins { "FAULT" } else { "end of" };
        self.tell(|_| format!("{word} {kind:?}"));
        if self.people(kind, begins) {
            return;
        }
        match kind {
            Kind::KillPostgres(node) if begins => self.kill_postgres(node),
            Kind::KillAgent(node) if begins => {
                self.kill_agent(node);
                self.tell_gone(node);
                let delay = self.rng.between(200_000, 2_000_000);
                self.later(delay, Happening::Boot(node));
            }
            Kind::PowerLoss(node) => self.power(node, !begins),
            Kind::PauseAgent(node) => {
                self.nodes[node].paused = begins;
                self.drain(node);
            }
            Kind::FreezePostgres(node) => self.freeze_postgres(node, begins),
            Kind::FreezeNode(node) => self.freeze(node, begins, false),
            Kind::PauseVm(node) => self.freeze(node, begins, true),
            Kind::Cut(from, to) if from != to => self.cut(from, to, begins),
            Kind::Isolate(node, api) => {
                for other in (0..self.nodes.len() + usize::from(api)).filter(|o| *o != node) {
                    self.cut(node, other, begins);
                    self.cut(other, node, begins);
                }
            }
            Kind::ApiDown => self.kube.down = begins,
            Kind::ApiSlow => self.kube.slow = begins,
            Kind::ApiLosesReplies => self.kube.loses_replies = begins,
            Kind::DeleteRecord if begins => self.kube.stored = None,
            Kind::Restore if begins => self.restore(),
            Kind::DiskHang(node) => self.hang(node, begins),
            Kind::SlowStandby(node) => self.nodes[node].slow = begins,
            Kind::DiskError(node) => self.disk_error(node, begins),
            Kind::DiskFull(node) => self.fill(node, begins),
            _ => {}
        }
        if !begins {
            self.resync();
        }
    }

    fn cut(&mut self, from: usize, to: usize, begins: bool) {
        let cut = &mut self.cuts[from][to];
        *cut = if begins {
            *cut + 1
        } else {
            cut.saturating_sub(1)
        };
    }

    /// The store goes back to what it held some writes ago.
    fn restore(&mut self) {
        let past = self.kube.past.len();
        if past > 1 {
            let back = self.rng.index(past.min(20)) + 1;
            let record = self.kube.past.get(past - back).cloned();
            if !self.is_remembered(record.as_ref()) {
                return;
            }
            self.kube.stored = record;
            self.notify();
        }
    }

    /// True if what the store is about to forget can still be told to those whom it misleads: an epoch is known to
    /// all members, and writes always wait for some of them; and who does not know what changed within it cannot
    /// take over without who does. Otherwise nobody may be left that can tell: a risk that is left.
    fn is_remembered(&self, record: Option<&(Record, Version)>) -> bool {
        let newest = self.kube.stored.as_ref().or(self.kube.past.last());
        let (Some((newest, _)), Some((record, _))) = (newest, record) else {
            return true;
        };
        let knows =
            |node: usize, revision| self.nodes[node].durable.seen >= Some((newest.epoch, revision));
        if record.epoch < newest.epoch {
            let strict = matches!(self.policy, Policy::Strict { .. });
            return strict && (0..self.nodes.len()).all(|node| knows(node, 0));
        }
        let cohort = &record.cohort;
        let standbys = cohort.standbys.iter().map(|standby| index(*standby));
        let misled = standbys
            .filter(|node| !knows(*node, newest.revision))
            .count();
        misled == 0 || misled + cohort.blocking() <= cohort.standbys.len()
    }

    fn heal_all(&mut self) {
        for number in 0..self.faults.len() {
            self.fault(number, false);
        }
        if let Some(source) = &mut self.source {
            source.away = 0;
        }
        self.cuts.iter_mut().flatten().for_each(|cut| *cut = 0);
        self.healed = true;
        self.tell(|_| "everything is healed".to_owned());
        self.adopt();
        self.settle();
        self.resync();
    }

    /// People put a lost or restored record right: the newest that was ever written.
    fn adopt(&mut self) {
        let newest = self.kube.past.iter().map(|(record, _)| record);
        let newest = newest.max_by_key(|record| (record.epoch, record.revision));
        let stored = self.kube.stored.as_ref().map(|(record, _)| record);
        let (Some(newest), stored) = (newest.cloned(), stored.cloned()) else {
            return;
        };
        let back =
            |record: &Record| (record.epoch, record.revision) < (newest.epoch, newest.revision);
        if stored.as_ref().is_none_or(back) {
            self.kube.put(newest);
        }
    }

    /// Watches break with what cut them, and show the newest state once they are back.
    pub(crate) fn resync(&mut self) {
        for node in 0..self.nodes.len() {
            let delay = self.rng.between(50_000, 1_000_000);
            let read = self.kube.read();
            self.later(delay, Happening::Watch(node, read));
        }
    }

    /// Every watcher hears of a change, each at its own time.
    pub(crate) fn notify(&mut self) {
        for node in 0..self.nodes.len() {
            let slow = self.rng.percent(5);
            let delay = self
                .rng
                .between(5_000, if slow { 2_000_000 } else { 60_000 });
            let read = self.kube.read();
            self.later(delay, Happening::Watch(node, read));
        }
    }

    fn watched(&mut self, node: usize, read: Read) {
        let cut = self.kube.down || !self.passes(self.api(), node);
        if !cut && self.nodes[node].powered && read != Read::Missing {
            self.feed(node, howdah_ha::machine::Event::Watched(read));
        }
    }

    fn api_arrive(&mut self, node: usize, life: u64, call: u64, request: Request) {
        if self.kube.down || !self.passes(node, self.api()) {
            return;
        }
        let wrote = match &request {
            Request::Write { record, .. } => Some(record.clone()),
            Request::Read => None,
        };
        let before = self.kube.stored.clone();
        let (end, changed) = self.kube.serve(request);
        if let (true, Some(record)) = (changed, wrote) {
            self.judge_lag(node, before.as_ref().map(|(record, _)| record), &record);
            self.judge_write(before.map(|(record, _)| record), &record);
            self.notify();
        }
        if self.kube.loses_replies && self.rng.percent(50) {
            return;
        }
        let delay = self.api_delay();
        self.later(delay, Happening::ApiReply(node, life, call, end));
    }

    pub(crate) fn api_delay(&mut self) -> u64 {
        if self.kube.slow {
            self.rng.between(10_000, 2_500_000)
        } else {
            self.rng.between(2_000, 30_000)
        }
    }

    fn api_reply(&mut self, node: usize, life: u64, call: u64, end: ApiEnd) {
        if end != ApiEnd::Unknown && !self.passes(self.api(), node) {
            return;
        }
        let current = self.nodes[node].life == life;
        let Some(agent) = self.nodes[node].agent.as_mut().filter(|_| current) else {
            return;
        };
        if agent.call == call && agent.calling {
            agent.calling = false;
            self.feed(node, howdah_ha::machine::Event::Api(end));
        }
    }

    /// A client writes, on one of the servers that let clients in.
    fn write(&mut self) {
        let next = self.rng.between(20_000, 220_000);
        self.later(next, Happening::Write);
        self.write_at_source();
        let open: Vec<_> = (0..self.nodes.len())
            .filter(|node| {
                let node = &self.nodes[*node];
                node.runs()
                    && node.pg.open
                    && !node.pg.frozen
                    && node.pg.running == Running::Primary
            })
            .collect();
        for node in open {
            self.next_txn += 1;
            let txn = self.next_txn;
            self.append(node, txn);
        }
    }
}
