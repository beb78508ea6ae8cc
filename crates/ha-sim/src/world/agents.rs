//! The driver: feeds the machine, persists before it acts, and executes its actions.

use std::collections::{BTreeMap, VecDeque};

use howdah_ha::machine::{self, Action, Boot, Config, Event, Holder, Message, PgView, State};

use super::{Happening, World};
use crate::kube::Request;
use crate::node::{Agent, index, member};
use crate::postgres::Running;

/// How often the driver looks at the time.
const TICK: u64 = 50_000;
/// One tick in so many brings a rumour, for each member.
const RUMOUR: usize = 1_009;
/// The longest pause between two looks at Postgres.
const LOOK: u64 = 250_000;
/// How long a call to the API may take.
const CALL: u64 = 800_000;

impl World {
    pub(super) fn boot(&mut self, node: usize) {
        let gone = self.left.contains(&node) || !self.nodes[node].powered;
        if gone || self.nodes[node].agent.is_some() {
            return;
        }
        let boot = Boot(self.rng.next());
        let jitter = self.rng.next();
        let me = member(node);
        let settings = self.settings_of(node);
        let holder = Holder { member: me, boot };
        let config = Config {
            me: holder,
            settings,
            may_bootstrap: node == 0 && self.ledger.served.is_empty(),
            jitter,
            rules: self.rules,
        };
        let now = self.now;
        let this = &mut self.nodes[node];
        // What is left of the container is killed first.
        this.pg.kill(now);
        this.life += 1;
        this.heard = None;
        let state = State::new(config, this.durable, this.clock(now));
        this.agent = Some(Agent {
            state: Some(state),
            holder,
            inbox: VecDeque::new(),
            waiting: None,
            job: 0,
            call: 0,
            calling: false,
        });
        let life = this.life;
        self.tell(|_| format!("m{node} boots as {boot:?}"));
        self.later(1, Happening::Tick(node, life));
    }

    pub(super) fn tick(&mut self, node: usize, life: u64) {
        if self.nodes[node].life != life || self.nodes[node].agent.is_none() {
            return;
        }
        self.later(TICK, Happening::Tick(node, life));
        let now = self.now;
        self.refresh_contacts(node);
        let this = &mut self.nodes[node];
        this.note_stuck(now);
        if this.frozen || this.paused || !this.powered {
            return;
        }
        if now >= this.look_at {
            let pause = self.rng.between(20_000, LOOK);
            self.nodes[node].look_at = now + pause;
            self.look(node);
        }
        self.rumour(node);
        self.ask_source(node);
        self.feed(node, Event::Tick);
    }

    /// Now and then a member takes another for dead that is not: a connection that was refused says so, and
    /// may be wrong. Drawn from time alone, so that the plan of a seed stays what it was.
    fn rumour(&mut self, node: usize) {
        let mixed = (self.now / TICK).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
        let about = usize::try_from(mixed).unwrap_or(0) / RUMOUR;
        if usize::try_from(mixed).unwrap_or(0) % RUMOUR == node {
            self.rumours += 1;
            self.feed(node, Event::Gone(member(about % self.nodes.len())));
        }
    }

    /// What the kernel of a node says of a process that ended there.
    pub(super) fn tell_gone(&mut self, node: usize) {
        for other in 0..self.nodes.len() {
            if other != node && self.cuts[node][other] + self.cuts[other][node] == 0 {
                self.feed(other, Event::Gone(member(node)));
            }
        }
    }

    /// The driver looks at Postgres; what it saw comes a little later.
    pub(crate) fn look(&mut self, node: usize) {
        let this = &self.nodes[node];
        if this.agent.is_none() || this.frozen || this.paused || !this.powered {
            return;
        }
        let view = this.view(self.now);
        let life = this.life;
        let slow = self.rng.percent(4);
        let delay = self.rng.between(500, if slow { 300_000 } else { 8_000 });
        self.later(delay, Happening::Seen(node, life, Box::new(view)));
    }

    pub(super) fn seen(&mut self, node: usize, life: u64, view: PgView) {
        if self.nodes[node].life == life {
            self.feed(node, Event::Postgres(view));
        }
    }

    /// Gives an event to the machine, at once or when the agent gets to it.
    pub(crate) fn feed(&mut self, node: usize, event: Event) {
        let this = &mut self.nodes[node];
        let stands = this.paused || this.frozen || !this.powered;
        let Some(agent) = &mut this.agent else {
            return;
        };
        if stands || agent.waiting.is_some() {
            if agent.inbox.len() < 2000 {
                agent.inbox.push_back(event);
            }
            return;
        }
        self.step(node, event);
    }

    fn step(&mut self, node: usize, event: Event) {
        let now = self.now;
        let this = &mut self.nodes[node];
        let clock = this.clock(now);
        let Some(state) = this.agent.as_mut().and_then(|agent| agent.state.take()) else {
            return;
        };
        let before = std::mem::discriminant(&state.phase);
        let told = match &event {
            Event::Message(
                _,
                Message::Heartbeat {
                    follow: Some(place),
                    serving: true,
                    ..
                },
            ) => Some(place.end),
            _ => None,
        };
        let step = machine::step(state, event, clock);
        let changed = std::mem::discriminant(&step.next.phase) != before;
        let phase = changed.then(|| format!("{:?}", step.next.phase));
        let life = this.life;
        let Some(agent) = &mut this.agent else {
            return;
        };
        let heeded = step.next.leader.as_ref();
        if heeded.is_some_and(|leader| leader.heard == clock) {
            this.heard = this.heard.max(told);
        }
        agent.state = Some(step.next);
        if let Some(phase) = phase {
            self.tell(|_| format!("m{node} is {phase}"));
        }
        if step.persist {
            let Some(agent) = &mut self.nodes[node].agent else {
                return;
            };
            agent.waiting = Some(step.actions);
            if !self.nodes[node].disk_stands() {
                let delay = self.rng.between(500, 8_000);
                self.later(delay, Happening::Persisted(node, life));
            }
            return;
        }
        self.execute(node, step.actions);
    }

    pub(super) fn persisted(&mut self, node: usize, life: u64) {
        let this = &mut self.nodes[node];
        if this.life != life || !this.powered || this.disk_stands() {
            return;
        }
        if this.frozen || this.paused {
            self.later(20_000, Happening::Persisted(node, life));
            return;
        }
        let Some(agent) = &mut this.agent else {
            return;
        };
        let Some(actions) = agent.waiting.take() else {
            return;
        };
        if let Some(state) = &agent.state {
            this.durable = state.durable;
        }
        self.execute(node, actions);
        self.drain(node);
    }

    /// The agent gets to what came in while it stood still.
    pub(crate) fn drain(&mut self, node: usize) {
        loop {
            let this = &mut self.nodes[node];
            if this.paused || this.frozen || !this.powered {
                return;
            }
            let Some(agent) = &mut this.agent else {
                return;
            };
            if agent.waiting.is_some() {
                return;
            }
            let Some(event) = agent.inbox.pop_front() else {
                return;
            };
            self.step(node, event);
        }
    }

    fn execute(&mut self, node: usize, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::ReadRecord => self.call(node, Request::Read),
                Action::WriteRecord { expected, record } => {
                    self.call(node, Request::Write { expected, record });
                }
                Action::Do(job) => self.begin_job(node, job),
                Action::Send(to, message) => self.send(node, index(to), message),
                Action::Guard(at) => self.set_guard(node, at),
                Action::Route {
                    epoch,
                    unless_newer,
                } => {
                    let delay = if self.rng.percent(10) {
                        self.rng.between(100_000, 4_000_000)
                    } else {
                        self.api_delay()
                    };
                    if self.passes(node, self.api()) && !self.kube.down {
                        self.later(delay, Happening::Route(node, epoch, unless_newer));
                    }
                }
                Action::Refuse { asked, why } => {
                    self.tell(|_| format!("m{node} refuses {asked:?}: {why}"));
                }
                Action::Exit => {}
            }
        }
    }

    fn call(&mut self, node: usize, request: Request) {
        let delay = self.api_delay();
        let life = self.nodes[node].life;
        let Some(agent) = &mut self.nodes[node].agent else {
            return;
        };
        agent.call += 1;
        agent.calling = true;
        let call = agent.call;
        self.later(delay, Happening::ApiArrive(node, life, call, request));
        self.later(CALL, Happening::ApiTimeout(node, life, call));
    }

    fn send(&mut self, from: usize, to: usize, message: Message) {
        self.judge_message(from, &message);
        let Some(holder) = self.nodes[from].agent.as_ref().map(|agent| agent.holder) else {
            return;
        };
        if !self.passes(from, to) || to >= self.nodes.len() {
            return;
        }
        let slow = self.rng.percent(2);
        let delay = self.rng.between(200, if slow { 900_000 } else { 5_000 });
        if self.rng.percent(1) {
            let again = delay + self.rng.between(1_000, 3_000_000);
            self.later(again, Happening::Deliver(to, holder, message.clone()));
        }
        self.later(delay, Happening::Deliver(to, holder, message));
    }

    pub(super) fn deliver(&mut self, to: usize, from: Holder, message: Message) {
        if self.nodes[to].powered && self.passes(index(from.member), to) {
            self.feed(to, Event::Message(from, message));
        }
    }

    fn set_guard(&mut self, node: usize, at: Option<howdah_ha::Instant>) {
        let now = self.now;
        let this = &mut self.nodes[node];
        this.guard += 1;
        this.guard_at = at;
        if let Some(at) = at {
            let guard = this.guard;
            let delay = this.until(now, at);
            self.later(delay, Happening::Guard(node, guard));
        }
    }

    /// INVARIANT I3: the guard is a process of its own; only a node that stands still stops it.
    pub(super) fn guard_fires(&mut self, node: usize, guard: u64) {
        let this = &self.nodes[node];
        if this.guard != guard || !this.powered {
            return;
        }
        let left = this.guard_at.map_or(0, |at| this.until(self.now, at));
        if this.frozen || left > 0 {
            self.later(left.max(5_000), Happening::Guard(node, guard));
            return;
        }
        self.nodes[node].guard += 1;
        let delay = self.rng.between(5_000, 200_000);
        self.tell(|_| format!("m{node} guard fires"));
        self.later(delay, Happening::GuardKill(node));
    }

    pub(super) fn guard_kills(&mut self, node: usize) {
        if self.nodes[node].frozen {
            self.later(5_000, Happening::GuardKill(node));
        } else {
            self.kill_postgres(node);
        }
    }

    pub(crate) fn kill_postgres(&mut self, node: usize) {
        let now = self.now;
        if self.nodes[node].pg.running != Running::Stopped {
            self.tell(|_| format!("m{node} postgres is killed"));
        }
        self.nodes[node].pg.kill(now);
        self.look(node);
    }

    pub(super) fn kill_agent(&mut self, node: usize) {
        self.kill_postgres(node);
        let this = &mut self.nodes[node];
        this.agent = None;
        this.life += 1;
        this.guard += 1;
        this.paused = false;
    }

    pub(super) fn power(&mut self, node: usize, on: bool) {
        if on == self.nodes[node].powered {
            return;
        }
        let now = self.now;
        if on {
            self.nodes[node].powered = true;
            self.later(200_000, Happening::Boot(node));
            return;
        }
        self.kill_agent(node);
        let this = &mut self.nodes[node];
        this.pg.power_loss(now);
        this.powered = false;
        this.frozen = false;
    }

    pub(super) fn freeze(&mut self, node: usize, begins: bool, clock_too: bool) {
        let now = self.now;
        let this = &mut self.nodes[node];
        if begins && this.powered {
            this.frozen = true;
            this.thawed = now;
        } else if !begins && this.frozen {
            this.frozen = false;
            if clock_too {
                this.behind += now - this.thawed;
            }
            this.thawed = now;
            self.resume_streams(node);
            self.drain(node);
        }
    }

    pub(super) fn freeze_postgres(&mut self, node: usize, begins: bool) {
        let runs = self.nodes[node].pg.running != Running::Stopped;
        self.nodes[node].pg.frozen = begins && runs;
        if !begins {
            self.resume_streams(node);
        }
    }

    pub(super) fn hang(&mut self, node: usize, begins: bool) {
        let this = &mut self.nodes[node];
        this.disk_hangs = begins;
        if !begins {
            let (life, run) = (this.life, this.pg.run);
            self.later(1_000, Happening::Persisted(node, life));
            self.later(1_000, Happening::FlushOwn(node, run));
            self.resume_streams(node);
        }
    }

    /// Nothing can be written until there is room again.
    pub(super) fn fill(&mut self, node: usize, begins: bool) {
        self.nodes[node].full = begins;
        if !begins {
            let life = self.nodes[node].life;
            self.later(1_000, Happening::Persisted(node, life));
            self.resume_streams(node);
        }
    }

    /// A failed fsync is the end of that run of Postgres.
    pub(super) fn disk_error(&mut self, node: usize, begins: bool) {
        self.nodes[node].disk_fails = begins;
        if begins {
            self.kill_postgres(node);
        }
    }

    /// A walsender that hears from its receiver is in contact, also when there is nothing to send.
    fn refresh_contacts(&mut self, node: usize) {
        let now = self.now;
        let alive: BTreeMap<usize, u64> = self.nodes[node]
            .pg
            .senders
            .iter()
            .filter(|(standby, sender)| {
                let pg = &self.nodes[**standby].pg;
                let other = &self.nodes[**standby];
                other.runs()
                    && !pg.frozen
                    && pg.receiving
                    && pg.conn == sender.conn
                    && self.passes(**standby, node)
                    && self.passes(node, **standby)
            })
            .map(|(standby, sender)| (*standby, sender.conn))
            .collect();
        let runs = self.nodes[node].runs() && !self.nodes[node].pg.frozen;
        for (standby, sender) in &mut self.nodes[node].pg.senders {
            if runs && alive.get(standby) == Some(&sender.conn) {
                sender.contact = now;
            }
        }
    }
}
