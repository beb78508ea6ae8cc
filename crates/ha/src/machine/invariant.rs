//! The invariants of the design, by name, so that the code can say where it keeps one.
//!
//! With the feature `mutation` any of them can be switched off, to prove that the simulation notices.

/// A rule that keeps one invariant (or one half of it).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Rule {
    /// I1: a claim takes a new epoch.
    NewEpoch,
    /// I1: a record older than one seen before is refused.
    RefuseOldRecord,
    /// I1: a missing record is unknown, never free.
    MissingIsNotFree,
    /// I1: the holder is a boot, not a name.
    HolderIsBoot,
    /// I2: Postgres always starts as a standby.
    StartAsStandby,
    /// I2: a restart in place needs a renewal sent after the crash.
    RenewBeforeRestart,
    /// I3: a renewal counts from the time before it was sent.
    CountFromSend,
    /// I3: at the end of its authority a primary is killed.
    KillAtDeadline,
    /// I4: without acknowledgements, a silent holder is waited out.
    WaitOut,
    /// I4: a claim names the exact version that was judged.
    ExactVersion,
    /// I5: a report is given only when nothing is received any longer.
    SealBeforeReport,
    /// I5: a promise is durable before it is acted on.
    PersistPromise,
    /// I5: a sealed member follows no epoch below its promise.
    SealStays,
    /// I6: the seals meet every set that may have acknowledged.
    QuorumMeets,
    /// I6, I7: the floor of a cohort is reached, or the cohort before it is asked as well.
    Floor,
    /// I7: a member is removed from Postgres first, then from the record.
    RemoveFromPostgresFirst,
    /// I7: a member is added to the record first, then to Postgres.
    AddToRecordFirst,
    /// I7: fewer acknowledgements are recorded before they take effect.
    DegradeInRecordFirst,
    /// I8: only sealed reports are compared.
    ChooseAfterSeal,
    /// I8: timelines are compared before places on them.
    CompareEpochFirst,
    /// I9: the names of the synchronous standbys are set before a promotion.
    NamesBeforePromote,
    /// I9: clients come after the first write of the epoch was acknowledged and recorded.
    EstablishBeforeClients,
    /// I10: clients wait until a recovered tail was acknowledged.
    TailBeforeClients,
    /// I11: only a copy on the history of the source follows it.
    CheckHistory,
    /// I11: every promotion takes a timeline of its own.
    OwnTimeline,
    /// I12: what lies past a fork is not archived as if it counted.
    ArchiveWithinFork,
    /// I13: a copy is replaced only while a complete one is known.
    KeepLastCopy,
    /// I14: an older epoch never overwrites a newer route.
    RouteOfNewest,
    /// 6.6: a member with an unexpired grant refuses to be sealed.
    GrantsHold,
    /// In the async mode nobody takes over by suspicion who is known to lag by more than people put up with.
    LagWithinLimit,
    /// Standby clusters: nobody is promoted while the record says that the cluster replicates.
    ReplicatesReadOnly,
    /// Standby clusters: only a source that is the same database system replaces anything.
    SameSystem,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 32] = [
        Self::NewEpoch,
        Self::RefuseOldRecord,
        Self::MissingIsNotFree,
        Self::HolderIsBoot,
        Self::StartAsStandby,
        Self::RenewBeforeRestart,
        Self::CountFromSend,
        Self::KillAtDeadline,
        Self::WaitOut,
        Self::ExactVersion,
        Self::SealBeforeReport,
        Self::PersistPromise,
        Self::SealStays,
        Self::QuorumMeets,
        Self::Floor,
        Self::RemoveFromPostgresFirst,
        Self::AddToRecordFirst,
        Self::DegradeInRecordFirst,
        Self::ChooseAfterSeal,
        Self::CompareEpochFirst,
        Self::NamesBeforePromote,
        Self::EstablishBeforeClients,
        Self::TailBeforeClients,
        Self::CheckHistory,
        Self::OwnTimeline,
        Self::ArchiveWithinFork,
        Self::KeepLastCopy,
        Self::RouteOfNewest,
        Self::GrantsHold,
        Self::LagWithinLimit,
        Self::ReplicatesReadOnly,
        Self::SameSystem,
    ];
}

/// Which rules are kept: all, outside of the mutation check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rules {
    #[cfg(feature = "mutation")]
    without: Option<Rule>,
}

impl Rules {
    /// All but one.
    #[cfg(feature = "mutation")]
    pub const fn without(rule: Rule) -> Self {
        Self {
            without: Some(rule),
        }
    }

    /// True if that rule is kept.
    #[cfg(feature = "mutation")]
    pub fn keeps(self, rule: Rule) -> bool {
        self.without != Some(rule)
    }

    /// True if that rule is kept: always.
    #[cfg(not(feature = "mutation"))]
    pub const fn keeps(self, _: Rule) -> bool {
        true
    }
}
