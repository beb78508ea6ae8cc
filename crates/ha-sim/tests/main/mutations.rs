//! The mutation check: without any one of these rules a promise is broken, and that is noticed.

use howdah_ha::machine::Rule;
use howdah_ha_sim::mutation::{hunt, setup};
use howdah_ha_sim::{Setup, run_with};

/// As many seeds as are looked at for each rule.
const SEEDS: u64 = 1500;

fn notice(rule: Rule) {
    assert!(
        hunt(rule, 0..SEEDS).is_some(),
        "nothing breaks without {rule:?}"
    );
}

macro_rules! noticed {
    ($($name:ident: $rule:ident,)*) => {
        $(
            #[test]
            fn $name() {
                notice(Rule::$rule);
            }
        )*
    };
}

noticed! {
    a_claim_without_a_new_epoch: NewEpoch,
    a_record_that_went_back: RefuseOldRecord,
    a_missing_record_taken_for_free: MissingIsNotFree,
    a_name_taken_for_the_holder: HolderIsBoot,
    a_start_that_is_writable: StartAsStandby,
    a_restart_without_renewal: RenewBeforeRestart,
    a_renewal_counted_from_its_answer: CountFromSend,
    no_kill_at_the_deadline: KillAtDeadline,
    a_silent_holder_not_waited_out: WaitOut,
    a_report_without_a_seal: SealBeforeReport,
    a_promise_that_is_not_kept_on_disk: PersistPromise,
    a_seal_that_is_left: SealStays,
    a_quorum_that_does_not_meet: QuorumMeets,
    a_floor_that_is_not_reached: Floor,
    a_removal_that_begins_in_the_record: RemoveFromPostgresFirst,
    an_addition_that_begins_in_postgres: AddToRecordFirst,
    a_degradation_that_is_not_recorded_first: DegradeInRecordFirst,
    a_choice_before_the_seal: ChooseAfterSeal,
    places_compared_before_timelines: CompareEpochFirst,
    a_promotion_before_the_names: NamesBeforePromote,
    clients_before_the_first_acknowledged_write: EstablishBeforeClients,
    clients_before_the_recovered_tail: TailBeforeClients,
    a_standby_off_the_history: CheckHistory,
    a_timeline_made_twice: OwnTimeline,
    an_archive_past_the_fork: ArchiveWithinFork,
    a_claim_that_names_no_exact_version: ExactVersion,
    a_copy_replaced_before_the_holder_serves: KeepLastCopy,
    a_route_of_an_older_epoch: RouteOfNewest,
    a_grant_that_does_not_bind: GrantsHold,
    a_takeover_by_who_lags_too_much: LagWithinLimit,
    a_promotion_in_a_standby_cluster: ReplicatesReadOnly,
    a_demotion_to_another_system: SameSystem,
}

#[test]
fn the_faults_that_make_rules_matter_do_no_harm_while_all_are_kept() {
    for rule in Rule::ALL {
        for seed in 0..60 {
            let kept = Setup {
                without: None,
                ..setup(rule, seed)
            };
            let violations = run_with(&kept).violations;
            assert!(
                violations.is_empty(),
                "{rule:?}, seed {seed}: {violations:?}"
            );
        }
    }
}
