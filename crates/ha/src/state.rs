//! The state of the machine for one member.

use howdah_types::InstanceName;

use crate::action::{Action, Standstill};
use crate::event::{DataView, PostgresView, RecordView};
use crate::record::{Epoch, Holder};
use crate::time::Instant;

/// Who this member is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub instance: InstanceName,
    /// This boot of it.
    pub holder: Holder,
    /// True if the member may create a cluster's very first control record. The operator grants it
    /// only as long as the cluster was never bootstrapped.
    pub may_bootstrap: bool,
}

/// Everything the machine knows. Start with [`State::new`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// This member.
    pub me: Member,
    /// The newest view of the control record.
    pub record: RecordView,
    /// The newest view of the data directory.
    pub data: DataView,
    /// The newest view of the postmaster.
    pub postgres: PostgresView,
    /// The highest epoch seen (I1).
    pub highest_epoch: Option<Epoch>,
    /// The epoch under which clients were sent here.
    pub routed: Option<Epoch>,
    /// The action that the driver executes now.
    pub in_flight: Option<Action>,
    /// How many actions failed in a row.
    pub failures: u32,
    /// No new action before this time, after a failure.
    pub pause_until: Option<Instant>,
    /// True after [`crate::Event::Stop`].
    pub stopping: bool,
    /// Why nothing can be done, if so.
    pub standstill: Option<Standstill>,
}

impl State {
    /// The state of a member that has just started, with no postmaster on its volume.
    pub fn new(me: Member) -> Self {
        Self {
            me,
            record: RecordView::Unknown,
            data: DataView::Unknown,
            postgres: PostgresView::Stopped,
            highest_epoch: None,
            routed: None,
            in_flight: None,
            failures: 0,
            pause_until: None,
            stopping: false,
            standstill: None,
        }
    }

    /// The epoch that this boot of this member holds, if the newest record says so.
    pub fn held_epoch(&self) -> Option<Epoch> {
        match &self.record {
            RecordView::Present(record, _) if record.holder == self.me.holder => Some(record.epoch),
            _ => None,
        }
    }
}

/// What one step gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The state from now on.
    pub next: State,
    /// What to do, in this order.
    pub actions: Vec<Action>,
}
