//! The faults, by the rows of the design's table of failures.

/// What can be done to a running system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Row 1: SIGKILL of the primary's postmaster.
    PostmasterKill,
    /// Row 2: SIGKILL of one backend of the primary.
    BackendKill,
    /// Row 3: SIGKILL of the primary's agent.
    AgentKill,
    /// Row 3, all of it: SIGKILL of every process of the primary's Pod.
    PodKill,
    /// Row 4: SIGSTOP of the primary's agent, while its Postgres runs.
    AgentPause,
    /// Row 5: SIGSTOP of every process of the primary, SIGCONT after the takeover.
    Freeze,
    /// Row 6: the same, with SIGCONT somewhere around the takeover.
    ShortFreeze,
    /// Row 7: everything of the primary falls silent, and is dead when it comes back.
    PowerLoss,
    /// Row 9: the primary cannot reach the API.
    ApiCut,
    /// Row 10: the primary and one standby cannot reach each other.
    OneStandbyCut,
    /// Row 11: the primary can reach no standby, but the API.
    StandbysCut,
    /// Row 12: nobody reaches the primary, and it reaches nobody.
    Isolated,
    /// Row 13: nothing that the primary sends reaches the standbys.
    DeafStandbys,
    /// Row 13, the other direction.
    DeafPrimary,
    /// Row 14: the API server answers nobody.
    ApiDown,
    /// Row 16: most of what is said to the API server is lost, again and again.
    ApiFlaps,
    /// Row 18: the Lease is deleted.
    LeaseDeleted,
    /// Row 18: somebody edits the record in the Lease.
    LeaseEdited,
    /// Row 19: the primary's wall clock jumps an hour ahead.
    ClockAhead,
    /// Row 19: it jumps an hour back.
    ClockBehind,
    /// Row 19, and a takeover: the primary's clock is an hour ahead and a standby's an hour behind when the primary
    /// is killed.
    ClocksApart,
    /// Row 21: the primary's volume is full.
    PrimaryFull,
    /// Row 22: a standby's volume is full.
    StandbyFull,
    /// Row 23: the primary's volume answers everything with an error.
    DiskFails,
    /// Row 23: the primary's volume can be read, but not written any longer.
    DiskReadOnly,
    /// Row 24: the primary's volume hangs.
    DiskHangs,
    /// Row 25: an orderly stop waits for a receiver that does not read; a switchover is asked for.
    StopHangs,
    /// Row 26: a standby dies, and the primary later.
    StandbyThenPrimary,
    /// Row 30: a planned switchover.
    Switchover,
    /// Row 31: the primary's data is removed.
    DataRemoved,
    /// Row 31: the primary's control file is overwritten, and the postmaster killed.
    DataCorrupted,
    /// Row 33: an isolated primary writes on, so that its dead timeline is the longest.
    DeadTimeline,
    /// Row 34: what the members say to each other in a takeover arrives late.
    LateMessages,
    /// Row 35: a client cancels its wait for standbys.
    Cancel,
}

/// What a cluster must have been made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// Volumes that can be filled, stopped and broken.
    Disks,
    /// Processes whose wall clock can be set, member by member.
    Clocks,
}

/// What a fault is expected to do to writers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Writes come back by themselves, from whichever member.
    Back,
    /// They come back from another member.
    Elsewhere,
    /// They go on.
    Steady,
    /// They may stop until the fault is healed.
    Heals,
}

use Fault as F;
use Outcome::{Back, Elsewhere, Heals, Steady};

/// The name of each fault on the command line and in tables, and what it does to writers.
const ALL: [(&str, Fault, &str, Outcome); 34] = [
    ("1", F::PostmasterKill, "postmaster SIGKILL", Back),
    ("2", F::BackendKill, "backend SIGKILL", Back),
    ("3", F::AgentKill, "agent SIGKILL", Back),
    ("3p", F::PodKill, "whole Pod SIGKILL", Back),
    ("4", F::AgentPause, "agent SIGSTOP", Elsewhere),
    ("5", F::Freeze, "whole Pod frozen", Elsewhere),
    ("6", F::ShortFreeze, "whole Pod frozen shortly", Back),
    ("7", F::PowerLoss, "power loss", Elsewhere),
    ("9", F::ApiCut, "primary cut from API", Steady),
    ("10", F::OneStandbyCut, "cut from one standby", Steady),
    ("11", F::StandbysCut, "cut from all standbys", Back),
    ("12", F::Isolated, "primary isolated", Elsewhere),
    ("13", F::DeafStandbys, "one way, from primary", Back),
    ("13b", F::DeafPrimary, "one way, to primary", Back),
    ("14", F::ApiDown, "API down", Steady),
    ("16", F::ApiFlaps, "API flaps", Steady),
    ("18", F::LeaseDeleted, "Lease deleted", Steady),
    ("18b", F::LeaseEdited, "Lease edited", Steady),
    ("19", F::ClockAhead, "primary's clock +1 h", Steady),
    ("19b", F::ClockBehind, "primary's clock -1 h", Steady),
    ("19c", F::ClocksApart, "Pod SIGKILL, clocks apart", Back),
    ("21", F::PrimaryFull, "primary's volume full", Heals),
    ("22", F::StandbyFull, "standby's volume full", Steady),
    ("23", F::DiskFails, "primary's disk fails", Elsewhere),
    ("23b", F::DiskReadOnly, "disk becomes read-only", Elsewhere),
    ("24", F::DiskHangs, "primary's disk hangs", Elsewhere),
    ("25", F::StopHangs, "switchover, stop hangs", Elsewhere),
    (
        "26",
        F::StandbyThenPrimary,
        "standby, then primary dies",
        Back,
    ),
    ("30", F::Switchover, "planned switchover", Elsewhere),
    ("31", F::DataRemoved, "data removed", Elsewhere),
    ("31b", F::DataCorrupted, "control file damaged", Elsewhere),
    ("33", F::DeadTimeline, "longer dead timeline", Elsewhere),
    ("34", F::LateMessages, "late messages", Back),
    ("35", F::Cancel, "cancel in sync wait", Back),
];

impl Fault {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        ALL.iter().map(|(_, fault, ..)| *fault)
    }

    /// The fault of a row.
    #[must_use]
    pub fn of_row(row: &str) -> Option<Self> {
        let found = ALL.iter().find(|(name, ..)| *name == row);
        found.map(|(_, fault, ..)| *fault)
    }

    /// The row of the table; a letter tells variants apart.
    #[must_use]
    pub fn row(self) -> &'static str {
        self.entry().0
    }

    /// In words.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.entry().2
    }

    /// What it does to writers.
    #[must_use]
    pub fn outcome(self) -> Outcome {
        self.entry().3
    }

    /// Whether it stops pocket's Services, too, so that writers have to know the members.
    #[must_use]
    pub const fn stops_services(self) -> bool {
        matches!(self, Self::ApiDown)
    }

    /// Whether two servers may say for a moment that they take writes: a server that cannot hear does not know better.
    #[must_use]
    pub const fn may_show_two(self) -> bool {
        !matches!(
            self,
            Self::PostmasterKill
                | Self::BackendKill
                | Self::AgentKill
                | Self::PodKill
                | Self::PowerLoss
                | Self::Switchover
                | Self::ApiDown
                | Self::LeaseDeleted
                | Self::ClockAhead
                | Self::ClockBehind
                | Self::ClocksApart
                | Self::StandbyThenPrimary
        )
    }

    /// What the cluster must have been made with.
    #[must_use]
    pub const fn needs(self) -> Needs {
        match self {
            Self::PrimaryFull
            | Self::StandbyFull
            | Self::DiskFails
            | Self::DiskReadOnly
            | Self::DiskHangs => Needs::Disks,
            Self::ClockAhead | Self::ClockBehind | Self::ClocksApart => Needs::Clocks,
            _ => Needs::Nothing,
        }
    }

    /// Whether it happens by commands or signals that every system understands.
    #[must_use]
    pub const fn is_common(self) -> bool {
        matches!(
            self,
            Self::PostmasterKill | Self::PodKill | Self::Freeze | Self::Switchover
        )
    }

    fn entry(self) -> &'static (&'static str, Self, &'static str, Outcome) {
        let found = ALL.iter().find(|(_, fault, ..)| *fault == self);
        // A fault without a row would be one that nobody can ask for; a test holds the table complete.
        found.unwrap_or(&ALL[0])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_row_has_one_fault() {
        let rows: BTreeSet<_> = ALL.iter().map(|(row, ..)| *row).collect();
        assert_eq!(rows.len(), ALL.len());
        let faults: BTreeSet<_> = Fault::all().collect();
        assert_eq!(faults.len(), ALL.len());
        // The last variant: adding one without a row fails here.
        assert_eq!(Fault::Cancel as usize + 1, ALL.len());
        for fault in Fault::all() {
            assert_eq!(Fault::of_row(fault.row()), Some(fault));
        }
        assert_eq!(Fault::of_row("8"), None);
    }
}
