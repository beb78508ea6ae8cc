//! One Postgres: a log of transactions over timelines, streaming, synchronous commit, crash and promotion.

use std::collections::BTreeMap;

use howdah_ha::machine::{Member, Names, Point, Position};
use howdah_types::{Lsn, SystemIdentifier, Timeline};

/// A transaction. Every record of the log is one, so a place in the log is a count.
pub(crate) type Txn = u32;

/// A data directory.
#[derive(Debug, Clone)]
pub(crate) struct Copy {
    pub(crate) system: SystemIdentifier,
    pub(crate) timeline: Timeline,
    pub(crate) history: Vec<Point>,
    pub(crate) log: Vec<Txn>,
    /// How much of the log a power loss leaves.
    pub(crate) flushed: usize,
}

impl Copy {
    /// How far it is flushed, and on which timeline that place is.
    pub(crate) fn position(&self) -> Position {
        let at = lsn(self.flushed);
        let passed = self.history.iter().take_while(|left| left.lsn < at).count();
        let timeline = self
            .history
            .get(passed)
            .map_or(self.timeline, |left| left.timeline);
        Position {
            end: Point { timeline, lsn: at },
            history: self.history[..passed].to_vec(),
        }
    }

    /// True if that copy can stream from this one. Postgres itself looks at numbers only: the same number is taken for
    /// the same timeline.
    pub(crate) fn can_feed(&self, other: &Self) -> bool {
        let (end, place) = (self.position(), other.position().end);
        self.system == other.system && end.can_feed(place) && place.lsn <= end.end.lsn
    }

    /// A server that lost what it had received of a later timeline knows of it, and is promoted where it is.
    pub(crate) fn leave_unreached_timelines(&mut self) {
        let end = lsn(self.log.len());
        while let Some(left) = self.history.pop_if(|left| left.lsn > end) {
            self.timeline = left.timeline;
        }
    }

    /// Forgets what was not flushed.
    pub(crate) fn truncate(&mut self) {
        let position = self.position();
        self.log.truncate(self.flushed);
        self.timeline = position.end.timeline;
        self.history = position.history;
    }
}

pub(crate) fn lsn(count: usize) -> Lsn {
    Lsn::new(u64::try_from(count).unwrap_or(u64::MAX))
}

pub(crate) fn count(lsn: Lsn) -> usize {
    usize::try_from(lsn.bytes()).unwrap_or(usize::MAX)
}

/// What runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Running {
    Stopped,
    Standby,
    Primary,
}

/// A connection as the sending side sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sender {
    pub(crate) conn: u64,
    pub(crate) flushed: usize,
    pub(crate) contact: u64,
}

/// One Postgres with its directory.
#[derive(Debug)]
pub(crate) struct Pg {
    pub(crate) copy: Option<Copy>,
    pub(crate) aside: Option<Copy>,
    pub(crate) running: Running,
    pub(crate) frozen: bool,
    pub(crate) upstream: Option<usize>,
    /// What the configuration says; a receiver may outlive it for a moment.
    pub(crate) told: Option<usize>,
    pub(crate) receiving: bool,
    pub(crate) conn: u64,
    pub(crate) idle: bool,
    pub(crate) fed: bool,
    pub(crate) senders: BTreeMap<usize, Sender>,
    pub(crate) names: Names,
    pub(crate) open: bool,
    /// Up to where commits were acknowledged by this run.
    pub(crate) acked: usize,
    /// Grows with every start, so that what was meant for an older run finds nobody.
    pub(crate) run: u64,
    pub(crate) died: u64,
    /// True while a rewind rewrites the directory: a crash then ruins it.
    pub(crate) rewinding: bool,
    /// True if one was cut short: nothing can run on the directory.
    pub(crate) unfinished: bool,
}

impl Pg {
    pub(crate) fn new() -> Self {
        Self {
            copy: None,
            aside: None,
            running: Running::Stopped,
            frozen: false,
            upstream: None,
            told: None,
            receiving: false,
            conn: 0,
            idle: true,
            fed: true,
            senders: BTreeMap::new(),
            names: Names {
                standbys: [].into(),
                acks: 0,
            },
            open: false,
            acked: 0,
            run: 0,
            died: 0,
            rewinding: false,
            unfinished: false,
        }
    }

    /// Every process is gone; the files stay, with what the kernel had not written yet.
    pub(crate) fn kill(&mut self, now: u64) {
        if self.running != Running::Stopped {
            self.died = now;
        }
        self.running = Running::Stopped;
        self.frozen = false;
        self.open = false;
        self.receiving = false;
        self.upstream = None;
        self.told = None;
        self.senders.clear();
        self.run += 1;
        self.conn += 1;
        self.unfinished |= std::mem::take(&mut self.rewinding);
    }

    /// The machine is gone: what was not flushed is lost.
    pub(crate) fn power_loss(&mut self, now: u64) {
        self.kill(now);
        if let Some(copy) = &mut self.copy {
            copy.truncate();
        }
    }

    /// Recovery: all that is in the files is in the log.
    pub(crate) fn start(&mut self, running: Running) {
        self.run += 1;
        self.running = running;
        self.open = false;
        self.fed = true;
        if let Some(copy) = &mut self.copy {
            copy.flushed = copy.log.len();
        }
        self.acked = 0;
    }

    pub(crate) fn end(&self) -> usize {
        self.copy.as_ref().map_or(0, |copy| copy.log.len())
    }

    /// Up to where commits may be acknowledged now: flushed here, and by enough of the named.
    pub(crate) fn acknowledged(&self) -> usize {
        let own = self.copy.as_ref().map_or(0, |copy| copy.flushed);
        let needed = usize::from(self.names.acks);
        if needed == 0 {
            return own;
        }
        let named = |node: &usize| {
            u16::try_from(*node).is_ok_and(|node| self.names.standbys.contains(&Member(node)))
        };
        let senders = self.senders.iter().filter(|(node, _)| named(node));
        let mut flushed: Vec<_> = senders.map(|(_, sender)| sender.flushed).collect();
        flushed.sort_unstable();
        flushed.reverse();
        flushed.get(needed - 1).map_or(0, |at| own.min(*at))
    }
}
