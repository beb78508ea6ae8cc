//! Tests of the machine, step by step.

use pretty_assertions::assert_eq;

use super::*;

const GRACE: Duration = Duration::from_secs(7);

fn exit(code: i32) -> Exit {
    Exit {
        exit_code: code,
        signal: None,
        reason: None,
        message: None,
        started_at: None,
        finished_at: Timestamp::UNIX_EPOCH,
    }
}

fn machine(policy: RestartPolicy, init: &[&str], main: &[&str]) -> Machine {
    // A star marks a sidecar.
    let slot = |name: &&str, role| {
        let role = if name.ends_with('*') {
            Role::Sidecar
        } else {
            role
        };
        Slot::new(name, role, None, "ContainerCreating")
    };
    let init = init.iter().map(|name| slot(name, Role::Init));
    let main = main.iter().map(|name| slot(name, Role::Main));
    Machine::new(policy, init.chain(main).collect(), GRACE)
}

/// Steps once and lets everything that was started run.
fn advance(machine: &mut Machine, now: Instant) -> Vec<(usize, u32)> {
    let (actions, _) = machine.step(now);
    let mut begun = Vec::new();
    for action in actions {
        let Action::Start { index, attempt } = action else {
            panic!("{action:?}");
        };
        machine.launched(index, attempt);
        machine.running(index, Timestamp::UNIX_EPOCH, HasProbes::default());
        begun.push((index, attempt));
    }
    begun
}

#[test]
fn init_containers_run_one_after_the_other_before_the_rest() {
    let now = Instant::now();
    let mut machine = machine(RestartPolicy::Always, &["a", "b"], &["c", "d"]);
    assert_eq!(advance(&mut machine, now), [(0, 0)]);
    assert_eq!(advance(&mut machine, now), []);
    machine.ended(0, exit(0), now);
    assert_eq!(advance(&mut machine, now), [(1, 0)]);
    machine.ended(1, exit(0), now);
    assert_eq!(advance(&mut machine, now), [(2, 0), (3, 0)]);
    assert!(machine.is_initialised());
}

#[test]
fn a_failed_init_container_is_repeated_or_ends_the_pod() {
    let now = Instant::now();
    let mut always = machine(RestartPolicy::Always, &["a"], &["b"]);
    advance(&mut always, now);
    always.ended(0, exit(1), now);
    assert_eq!(advance(&mut always, now), [(0, 1)]);
    let mut never = machine(RestartPolicy::Never, &["a"], &["b"]);
    advance(&mut never, now);
    never.ended(0, exit(1), now);
    assert_eq!(advance(&mut never, now), []);
    assert!(never.is_finished());
}

#[test]
fn restart_policies_differ_in_what_they_repeat() {
    for (policy, after_success, after_failure) in [
        (RestartPolicy::Always, true, true),
        (RestartPolicy::OnFailure, false, true),
        (RestartPolicy::Never, false, false),
    ] {
        for (code, expected) in [(0, after_success), (3, after_failure)] {
            let now = Instant::now();
            let mut machine = machine(policy, &[], &["a"]);
            advance(&mut machine, now);
            machine.ended(0, exit(code), now);
            assert_eq!(machine.is_finished(), !expected, "{policy:?} {code}");
            let begun = advance(&mut machine, now);
            assert_eq!(!begun.is_empty(), expected, "{policy:?} {code}");
        }
    }
}

#[test]
fn the_second_crash_waits_and_says_so() {
    let now = Instant::now();
    let mut machine = machine(RestartPolicy::Always, &[], &["a"]);
    advance(&mut machine, now);
    machine.ended(0, exit(1), now);
    assert_eq!(advance(&mut machine, now), [(0, 1)]);
    machine.ended(0, exit(2), now);
    let (actions, wake) = machine.step(now);
    assert_eq!(actions, []);
    assert_eq!(wake, Some(now + Duration::from_secs(10)));
    let State::Waiting(why) = &machine.slots[0].state else {
        panic!("{:?}", machine.slots[0].state);
    };
    assert_eq!(why.reason, "CrashLoopBackOff");
    assert_eq!(machine.slots[0].last_end, Some(exit(2)));
    machine.retry_now(now);
    assert_eq!(
        advance(&mut machine, now),
        [],
        "a change does not cut a crash's wait short"
    );
    assert_eq!(advance(&mut machine, wake.unwrap()), [(0, 2)]);
}

#[test]
fn what_cannot_be_launched_is_tried_again_later_or_after_a_change() {
    let now = Instant::now();
    let mut machine = machine(RestartPolicy::Always, &[], &["a"]);
    let problem = Problem::config("configmap \"x\" not found");
    for expected in [1, 2, 4] {
        let (actions, _) = machine.step(now);
        assert_eq!(
            actions,
            [Action::Start {
                index: 0,
                attempt: 0
            }]
        );
        machine.not_launched(0, problem.clone(), now);
        let (actions, wake) = machine.step(now);
        assert_eq!(actions, []);
        assert_eq!(wake, Some(now + Duration::from_secs(expected)));
        machine.retry_now(now);
    }
    assert_eq!(advance(&mut machine, now), [(0, 0)]);
}

#[test]
fn stopping_starts_nothing_and_can_be_hurried() {
    let now = Instant::now();
    let mut machine = machine(RestartPolicy::Always, &[], &["a", "b"]);
    advance(&mut machine, now);
    machine.ended(1, exit(0), now);
    let deadline = now + Duration::from_secs(30);
    machine.stop_by(deadline);
    assert_eq!(machine.step(now).0, [Action::Stop { index: 0, deadline }]);
    assert_eq!(machine.step(now).0, []);
    machine.stop_by(deadline + Duration::from_secs(5));
    assert_eq!(machine.step(now).0, [], "a later deadline changes nothing");
    machine.stop_by(now);
    assert_eq!(
        machine.step(now).0,
        [Action::Stop {
            index: 0,
            deadline: now
        }]
    );
    machine.ended(0, exit(143), now);
    assert!(machine.is_dead());
    assert_eq!(machine.step(now).0, []);
}

fn stopped(actions: &[Action]) -> Vec<usize> {
    let index = |action: &Action| match action {
        Action::Stop { index, .. } => *index,
        Action::Start { .. } => panic!("{action:?}"),
    };
    actions.iter().map(index).collect()
}

#[test]
fn a_sidecar_begins_before_the_rest_and_runs_beside_it() {
    let now = Instant::now();
    let mut machine = machine(RestartPolicy::Never, &["a", "b*", "c"], &["d"]);
    assert_eq!(advance(&mut machine, now), [(0, 0)]);
    machine.ended(0, exit(0), now);
    assert_eq!(advance(&mut machine, now), [(1, 0)]);
    assert_eq!(advance(&mut machine, now), [(2, 0)]);
    // It is started again whatever the policy of the Pod, also while others initialise.
    machine.ended(1, exit(0), now);
    assert_eq!(advance(&mut machine, now), [(1, 1)]);
    machine.ended(2, exit(0), now);
    assert_eq!(advance(&mut machine, now), [(3, 0)]);
    machine.ended(1, exit(1), now);
    assert!(machine.is_initialised() && !machine.is_finished());
}

#[test]
fn a_sidecar_holds_the_rest_back_until_its_startup_probe_has_passed() {
    let now = Instant::now();
    let mut machine = machine(RestartPolicy::Always, &["a*"], &["b"]);
    let probes = HasProbes {
        startup: true,
        readiness: false,
    };
    machine.step(now);
    machine.launched(0, 0);
    machine.running(0, Timestamp::UNIX_EPOCH, probes);
    assert_eq!(advance(&mut machine, now), []);
    machine.slots[0].started = true;
    assert_eq!(advance(&mut machine, now), [(1, 0)]);
}

#[test]
fn sidecars_end_after_the_main_containers_the_last_first() {
    let now = Instant::now();
    for asked in [true, false] {
        let mut machine = machine(RestartPolicy::Never, &["a*", "b*"], &["c"]);
        for index in 0..3 {
            assert_eq!(advance(&mut machine, now), [(index, 0)]);
        }
        if asked {
            machine.stop_by(now + GRACE);
            assert_eq!(stopped(&machine.step(now).0), [2]);
        }
        assert_eq!(machine.step(now).0, Vec::new());
        machine.ended(2, exit(0), now);
        for index in [1, 0] {
            let deadline = now + GRACE;
            assert_eq!(machine.step(now).0, [Action::Stop { index, deadline }]);
            assert_eq!(machine.step(now).0, []);
            machine.ended(index, exit(143), now);
        }
        assert!(machine.is_finished() || asked);
        assert!(machine.is_dead() && machine.step(now).0.is_empty());
    }
}

#[test]
fn a_pod_whose_initialisation_has_failed_keeps_no_sidecar() {
    let now = Instant::now();
    let mut machine = machine(RestartPolicy::Never, &["a*", "b"], &["c"]);
    assert_eq!(advance(&mut machine, now), [(0, 0)]);
    assert_eq!(advance(&mut machine, now), [(1, 0)]);
    machine.ended(1, exit(1), now);
    assert_eq!(stopped(&machine.step(now).0), [0]);
}

#[test]
fn a_container_may_have_a_restart_policy_of_its_own() {
    let now = Instant::now();
    let mut machine = machine(RestartPolicy::Always, &[], &["a", "b"]);
    machine.slots[0].policy = Some(RestartPolicy::Never);
    advance(&mut machine, now);
    machine.ended(0, exit(1), now);
    machine.ended(1, exit(1), now);
    assert_eq!(advance(&mut machine, now), [(1, 1)]);
}
