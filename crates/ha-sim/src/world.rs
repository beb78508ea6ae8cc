//! Time, and everything that happens in it.

mod agents;
mod happen;
mod people;

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use howdah_ha::machine::{ApiEnd, Holder, Message, PgView, Policy, Read, Rule, Rules, Timing};

use crate::faults::{self, Fault, Kind};
use crate::kube::{Kube, Request};
use crate::ledger::{Ledger, Oracle, Violation};
use crate::node::Node;
use crate::postgres::Txn;
use crate::rng::Rng;
use crate::source::Source;

pub(crate) const SECOND: u64 = 1_000_000;
/// The faults lie between these times.
const START: u64 = 10 * SECOND;
const END: u64 = 45 * SECOND;
/// The longest that healing may take.
const HEALING: u64 = 45 * SECOND;
/// With a source outside of the cluster: a demotion at the end has an ordered stop, a rewind of the leader and one of
/// each other member, each of which may take long.
const HEALING_WITH_SOURCE: u64 = 120 * SECOND;

/// What to play.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// The seed.
    pub seed: u64,
    /// Tell what happens.
    pub trace: bool,
    /// The rule that is switched off.
    pub without: Option<Rule>,
    /// Only these faults of the plan, by number; for shrinking.
    pub keep: Option<BTreeSet<usize>>,
    /// A plan of faults in place of the drawn one.
    pub faults: Option<Vec<Fault>>,
    /// A mode in place of the drawn one.
    pub policy: Option<Policy>,
    /// A number of members in place of the drawn one.
    pub nodes: Option<usize>,
    /// A source in place of the drawn one: true if it is the system that the cluster begins with.
    pub source: Option<bool>,
    /// By how much who takes over in the async mode may lag; some drawn runs have such a limit of their own.
    pub maximum_lag: Option<u64>,
}

/// True if a drawn run of that seed has a source outside of the cluster.
pub fn has_source(seed: u64) -> bool {
    seed % 8 == 5
}

/// How a run ended.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The promises that were broken.
    pub violations: Vec<Violation>,
    /// What happened, if asked for.
    pub trace: Vec<String>,
    /// The faults that were played.
    pub faults: Vec<Fault>,
    /// Writes that were acknowledged.
    pub acknowledged: usize,
    /// Epochs that served.
    pub epochs: usize,
    /// Events that happened.
    pub events: u64,
}

/// Something that happens at a time.
#[derive(Debug)]
pub(crate) enum Happening {
    Tick(usize, u64),
    Boot(usize),
    Configure(usize),
    Seen(usize, u64, Box<PgView>),
    SourceSeen(usize, u64, Option<Box<howdah_ha::machine::Source>>),
    Deliver(usize, Holder, Message),
    ApiArrive(usize, u64, u64, Request),
    ApiReply(usize, u64, u64, ApiEnd),
    ApiTimeout(usize, u64, u64),
    Watch(usize, Read),
    Persisted(usize, u64),
    JobDone(usize, u64, u64),
    Guard(usize, u64),
    GuardKill(usize),
    Stream(usize, u64),
    Flush(usize, u64, usize, u64),
    Acknowledge(usize, usize, u64, usize),
    ReceiverGone(usize, u64),
    FlushOwn(usize, u64),
    Write,
    Route(usize, howdah_ha::Epoch, bool),
    Begin(usize),
    Finish(usize),
    HealAll,
}

/// One entry of the queue, ordered by time and then by age.
struct Entry(u64, u64, Happening);

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        (self.0, self.1) == (other.0, other.1)
    }
}
impl Eq for Entry {}
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0, self.1).cmp(&(other.0, other.1))
    }
}

/// The whole simulated cluster.
pub(crate) struct World {
    pub(crate) now: u64,
    queue: BinaryHeap<Reverse<Entry>>,
    sequence: u64,
    pub(crate) rng: Rng,
    pub(crate) nodes: Vec<Node>,
    pub(crate) kube: Kube,
    /// How many faults cut each way; the last column and row stand for the API server.
    pub(crate) cuts: Vec<Vec<u32>>,
    pub(crate) ledger: Ledger,
    pub(crate) policy: Policy,
    pub(crate) timing: Timing,
    pub(crate) maximum_lag: Option<u64>,
    /// What a standby cluster streams from, whether this one is told to, and shall be in the end.
    pub(crate) source: Option<Source>,
    pub(crate) replicates: Option<bool>,
    pub(crate) replicates_at_end: bool,
    /// A member that never may take over.
    pub(crate) observer: Option<usize>,
    /// The members that were scaled in.
    pub(crate) left: BTreeSet<usize>,
    /// How many faults keep each member from taking over, and from acknowledging.
    pub(crate) observing: Vec<u32>,
    pub(crate) unsynced: Vec<u32>,
    pub(crate) rules: Rules,
    pub(crate) faults: Vec<Fault>,
    pub(crate) healed: bool,
    /// One volume at most is lost in a run.
    pub(crate) wiped: bool,
    /// How often a member was told that another is gone.
    pub(crate) rumours: usize,
    pub(crate) next_txn: Txn,
    tracing: bool,
    pub(crate) trace: Vec<String>,
    pub(crate) events: u64,
}

/// Plays a seed with all rules kept.
pub fn run(seed: u64) -> Outcome {
    run_with(&Setup {
        seed,
        ..Setup::default()
    })
}

/// Plays a run.
pub fn run_with(setup: &Setup) -> Outcome {
    let mut world = World::new(setup);
    world.play();
    Outcome {
        acknowledged: world.ledger.acked.len(),
        epochs: world.ledger.served.len(),
        violations: world.ledger.violations,
        trace: world.trace,
        faults: world.faults,
        events: world.events,
    }
}

impl World {
    fn new(setup: &Setup) -> Self {
        let mut rng = Rng::new(setup.seed);
        let few = [3, 3, 3, 2, 4, 5][rng.index(6)];
        let count = setup.nodes.unwrap_or(few);
        let drawn = faults::draw_policy(&mut rng, count);
        let policy = setup.policy.unwrap_or(drawn);
        // Some clusters have a member that only follows.
        let observer = rng.percent(15) && count > 3 && setup.faults.is_none();
        let nodes = (0..count)
            .map(|_| Node::new(i64::try_from(rng.between(0, 1600)).unwrap_or(0) - 800))
            .collect();
        let mut plan = faults::plan(&mut rng, count, START, END);
        if let Some(faults) = &setup.faults {
            plan.clone_from(faults);
        }
        if let Some(keep) = &setup.keep {
            let mut number = 0;
            plan.retain(|_| {
                number += 1;
                keep.contains(&(number - 1))
            });
        }
        // From the seed itself, so that the draws of older versions stay what they were.
        let limited = setup.faults.is_none() && setup.seed.is_multiple_of(3);
        let limit = limited.then_some(setup.seed / 3 % 24);
        let mut world = Self {
            now: 0,
            queue: BinaryHeap::new(),
            sequence: 0,
            rng,
            nodes,
            kube: Kube::default(),
            cuts: vec![vec![0; count + 1]; count + 1],
            ledger: Ledger::default(),
            policy,
            timing: Timing::FAST,
            maximum_lag: setup.maximum_lag.or(limit),
            source: None,
            replicates: Some(false),
            replicates_at_end: false,
            observer: observer.then_some(count - 1),
            left: BTreeSet::new(),
            observing: vec![0; count],
            unsynced: vec![0; count],
            rules: setup.without.map_or(Rules::default(), Rules::without),
            faults: plan,
            healed: false,
            wiped: false,
            rumours: 0,
            next_txn: 1,
            tracing: setup.trace,
            trace: Vec::new(),
            events: 0,
        };
        world.draw_source(setup);
        world.prepare();
        world
    }

    /// Some runs have a source: most begin as a standby of it, the others with a system of their own.
    fn draw_source(&mut self, setup: &Setup) {
        let drawn = setup.faults.is_none() && has_source(setup.seed);
        let own = setup.seed / 8 % 4 != 3;
        let Some(own) = setup.source.or(drawn.then_some(own)) else {
            return;
        };
        let system = howdah_types::SystemIdentifier::new(setup.seed | 1 << 62);
        self.source = system.map(Source::new);
        self.replicates = Some(own);
        self.next_txn = 2;
        if setup.faults.is_none() {
            self.plan_source(setup.seed);
        }
    }

    fn prepare(&mut self) {
        for node in 0..self.nodes.len() {
            let delay = self.rng.between(0, 300_000);
            self.later(delay, Happening::Boot(node));
        }
        for number in 0..self.faults.len() {
            let Fault { from, until, .. } = self.faults[number];
            self.later(from, Happening::Begin(number));
            self.later(until, Happening::Finish(number));
        }
        self.later(END + 6 * SECOND, Happening::HealAll);
        self.later(SECOND, Happening::Write);
        self.tell(|world| format!("{:?} with {} members", world.policy, world.nodes.len()));
    }

    fn play(&mut self) {
        let healing = if self.source.is_some() {
            HEALING_WITH_SOURCE
        } else {
            HEALING
        };
        let limit = END + 6 * SECOND + healing;
        while let Some(Reverse(Entry(at, _, happening))) = self.queue.pop() {
            if at > limit {
                break;
            }
            self.now = at;
            self.events += 1;
            self.happen(happening);
            let fatal = |violation: &Violation| violation.oracle != Oracle::NoFlapping;
            if self.ledger.violations.iter().any(fatal) {
                return;
            }
            if self.healed && self.events.is_multiple_of(512) && self.is_well_at_end() {
                break;
            }
        }
        self.judge_end();
    }

    pub(crate) fn later(&mut self, delay: u64, happening: Happening) {
        self.sequence += 1;
        let entry = Entry(self.now + delay, self.sequence, happening);
        self.queue.push(Reverse(entry));
    }

    /// A line of the trace, made only if one is asked for.
    pub(crate) fn tell(&mut self, line: impl FnOnce(&Self) -> String) {
        if self.tracing {
            let text = line(self);
            let (seconds, micros) = (self.now / SECOND, self.now % SECOND);
            self.trace.push(format!("{seconds:>3}.{micros:06} {text}"));
        }
    }

    /// True if messages pass from one node to another. The number after the last node is the API server.
    pub(crate) fn passes(&self, from: usize, to: usize) -> bool {
        self.cuts[from][to] == 0
    }

    pub(crate) fn api(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn fault_kind(&self, number: usize) -> Kind {
        self.faults[number].kind
    }
}
