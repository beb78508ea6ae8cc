//! Standby clusters: replicating, taking over, promoted and demoted.

use pretty_assertions::assert_eq;

use super::*;

fn source(tli: u32, lsn: u64) -> Source {
    Source {
        system: system(),
        position: position(tli, lsn),
    }
}

fn replicated() -> Record {
    Record {
        serving: false,
        replicates: true,
        cohort: Cohort {
            standbys: members([]),
            acks: 0,
            writer: Member(0),
            timeline: timeline(3),
            floor: Some(position(3, 39).end),
        },
        ..record()
    }
}

fn standby(upstream: Option<Member>) -> PgView {
    view(Server::Standby {
        upstream,
        receiving: upstream.is_some(),
    })
}

/// m0 leads a standby cluster in epoch 3, and streams from the source, which is at 50 on its timeline.
fn leader() -> State {
    let mut state = member(0);
    state.config.settings.replicates = Some(true);
    state.observed.as_mut().unwrap().record = replicated();
    state.call = None;
    state.round_at = None;
    state.phase = Phase::Replicating(Replicating::default());
    state.renewed = Some(at(0));
    state.greet_at = at(10_000);
    state.routed = Some((epoch(3), at(0)));
    state.source = Some(source(3, 50));
    step(state, seen(standby(Some(Member::SOURCE)), 0), at(0)).next
}

fn configured(state: State, replicates: Option<bool>, millis: u64) -> Step {
    let mut settings = state.config.settings.clone();
    settings.replicates = replicates;
    step(state, Event::Configured(settings), at(millis))
}

fn written(step: &Step, millis: u64) -> Step {
    let end = Event::Api(ApiEnd::Written(Version(6)));
    super::step(step.next.clone(), end, at(millis))
}

fn done(state: State, after: PgView, millis: u64) -> Step {
    let ended = step(state, Event::Job(JobEnd::Done), at(millis)).next;
    step(ended, seen(after, millis), at(millis))
}

#[test]
fn the_first_record_of_a_standby_cluster_says_so_and_its_first_copy_is_of_the_source() {
    let mut state = member(0);
    state.config.settings.replicates = Some(true);
    state.config.may_bootstrap = true;
    state.observed = None;
    state.durable = Durable::default();
    state.phase = Phase::Init;
    state.pg.data = Data::Empty;
    state.pg.server = Server::Stopped;
    state.missing = true;
    state.call = None;
    let first = step(state, Event::Tick, at(1));
    let next = write_of(&first).unwrap();
    assert!(next.replicates && !next.serving);
    assert_eq!((next.system, next.timeline), (None, Timeline::FIRST));
    let begun = written(&first, 10);
    assert_eq!(
        begun.next.job,
        Some(Job::Clone {
            from: Member::SOURCE
        })
    );
}

#[test]
fn the_holder_streams_from_the_source_and_the_others_from_it() {
    let mut state = leader();
    state.pg = standby(None);
    state.greet_at = at(0);
    let next = step(state, Event::Tick, at(10));
    assert_eq!(next.next.job, Some(Job::Receive(Some(Member::SOURCE))));
    let greeting = next.actions.iter().find_map(|action| match action {
        Action::Send(
            _,
            Message::Heartbeat {
                follow, serving, ..
            },
        ) => Some((follow.clone(), *serving)),
        _ => None,
    });
    assert_eq!(greeting, Some((Some(position(3, 40)), true)));
    let mut follower = member(1);
    follower.observed.as_mut().unwrap().record = replicated();
    let follows = step(follower, heartbeat(0, 3, Some(position(3, 40))), at(10));
    assert_eq!(follows.next.job, Some(Job::Receive(Some(Member(0)))));
}

#[test]
fn nobody_follows_a_holder_that_is_behind_it_until_it_has_caught_up() {
    let mut follower = member(1);
    follower.observed.as_mut().unwrap().record = replicated();
    let state = step(follower, heartbeat(0, 3, Some(position(3, 39))), at(10)).next;
    assert_eq!((state.job.clone(), &state.phase), (None, &Phase::Follower));
    let state = step(state, heartbeat(0, 3, Some(position(3, 40))), at(20)).next;
    assert_eq!(state.job, Some(Job::Receive(Some(Member(0)))));
}

#[test]
fn clients_are_sent_to_the_holder_of_a_standby_cluster() {
    let mut state = leader();
    state.routed = None;
    let next = step(state, Event::Tick, at(10));
    let route = Action::Route {
        epoch: epoch(3),
        unless_newer: true,
    };
    assert!(next.actions.contains(&route), "{:?}", next.actions);
}

#[test]
fn the_record_learns_the_system_of_the_first_copy() {
    let mut state = leader();
    state.observed.as_mut().unwrap().record.system = None;
    let next = write_of(&step(state, Event::Tick, at(10))).unwrap();
    assert_eq!((next.system, next.revision), (Some(system()), 10));
}

#[test]
fn a_copy_that_is_not_on_the_history_of_the_source_is_rewound_once_that_is_sure() {
    let state = step(leader(), Event::Source(Some(source(4, 60))), at(100)).next;
    // The source left timeline 3 at 30, and this copy ends at 40.
    let state = step(state, Event::Tick, at(3099)).next;
    assert_eq!(state.job, None);
    let state = step(state, Event::Tick, at(3100)).next;
    let state = step(state, Event::Tick, at(3101)).next;
    assert_eq!(state.job, Some(Job::Stop));
    let state = done(state, view(Server::Stopped), 3200).next;
    let rewind = Job::Rewind {
        from: Member::SOURCE,
        fork: None,
    };
    assert_eq!(state.job, Some(rewind.clone()));
    let failed = step(state, Event::Job(JobEnd::Failed), at(3300)).next;
    let failed = step(failed, seen(view(Server::Stopped), 3300), at(3900)).next;
    assert_eq!(failed.job, Some(rewind));
    let failed = step(failed, Event::Job(JobEnd::Failed), at(4000)).next;
    let failed = step(failed, seen(view(Server::Stopped), 4000), at(4600)).next;
    let clone = Job::Clone {
        from: Member::SOURCE,
    };
    assert_eq!(
        failed.job,
        Some(clone),
        "a new copy, if rewinds do not help"
    );
}

#[test]
fn a_copy_whose_wal_is_gone_at_the_source_is_replaced() {
    let mut starved = standby(Some(Member::SOURCE));
    starved.fed = false;
    let state = step(leader(), seen(starved, 10), at(10)).next;
    let state = step(state, Event::Tick, at(11)).next;
    let state = done(state, view(Server::Stopped), 20).next;
    let clone = Job::Clone {
        from: Member::SOURCE,
    };
    assert_eq!(state.job, Some(clone));
}

#[test]
fn nothing_is_replaced_for_a_source_that_is_another_system_or_does_not_answer() {
    let other = Source {
        system: SystemIdentifier::new(78).unwrap(),
        ..source(4, 60)
    };
    let refused = step(leader(), Event::Source(Some(other)), at(100));
    assert!(refused.actions.contains(&Action::Refuse {
        asked: Asked::Replicate,
        why: Refusal::OtherSystem,
    }));
    assert_eq!(refused.next.job, Some(Job::Receive(None)));
    let later = step(refused.next, Event::Tick, at(9000));
    assert!(!later.actions.iter().any(|action| matches!(
        action,
        Action::Refuse { .. } | Action::Do(Job::Clone { .. } | Job::Rewind { .. })
    )));
    let mut silent = leader();
    silent.source = None;
    let mut starved = standby(Some(Member::SOURCE));
    starved.fed = false;
    assert_eq!(step(silent, seen(starved, 10), at(10)).next.job, None);
}

#[test]
fn a_silent_holder_is_replaced_without_waiting_for_anybodys_seal() {
    let mut state = member(1);
    state.config.settings.replicates = Some(true);
    state.observed.as_mut().unwrap().record = replicated();
    let state = step(state, Event::Tick, at(5999)).next;
    assert_eq!(state.phase, Phase::Follower, "its last renewal may hold");
    let state = step(state, Event::Tick, at(6000)).next;
    assert!(
        matches!(state.phase, Phase::Candidate(_)),
        "{:?}",
        state.phase
    );
    let found = Read::Found(Box::new(replicated()), Version(5));
    let state = step(state, Event::Api(ApiEnd::Read(found)), at(6010)).next;
    let claim = step(state, Event::Tick, at(7010));
    assert_eq!(claim.next.durable.promised, Some(epoch(4)));
    let next = write_of(&claim).unwrap();
    assert_eq!(
        (next.holder, next.epoch, next.timeline),
        (holder(1), epoch(4), timeline(3))
    );
    assert!(next.replicates && next.older.is_empty() && next.cohort.acks == 0);
    let led = written(&claim, 7020).next;
    assert!(matches!(led.phase, Phase::Replicating(_)));
    assert_eq!(led.job, Some(Job::Receive(Some(Member::SOURCE))));
}

#[test]
fn without_a_source_any_longer_the_holder_is_promoted_in_a_new_epoch() {
    let step_one = configured(leader(), Some(false), 10);
    assert_eq!(step_one.next.job, Some(Job::Receive(None)));
    assert_eq!(write_of(&step_one), None);
    let quiet = done(step_one.next, standby(None), 20);
    let next = write_of(&quiet).unwrap();
    assert_eq!(
        next,
        Record {
            epoch: epoch(4),
            revision: 10,
            nonce: next.nonce,
            timeline: timeline(19),
            replicates: false,
            older: vec![Cohort {
                standbys: members([]),
                acks: 0,
                writer: Member(0),
                timeline: timeline(3),
                floor: Some(position(3, 40).end),
            }],
            cohort: Cohort {
                standbys: members([]),
                acks: 1,
                writer: Member(0),
                timeline: timeline(19),
                floor: Some(position(3, 40).end),
            },
            ..replicated()
        }
    );
    let promoting = written(&quiet, 30).next;
    assert!(matches!(promoting.phase, Phase::Promoting(_)));
    assert_eq!(
        promoting.job,
        Some(Job::SetNames(Names {
            standbys: members([]),
            acks: 1,
        }))
    );
}

#[test]
fn what_is_not_known_changes_nothing() {
    let state = configured(leader(), None, 10);
    assert_eq!((state.next.job.clone(), write_of(&state)), (None, None));
    let state = configured(primary(), None, 10);
    assert_eq!(state.next.job, None);
}

#[test]
fn a_cluster_that_never_had_a_copy_becomes_an_ordinary_one_from_nothing() {
    let mut state = leader();
    state.observed.as_mut().unwrap().record.system = None;
    state.pg = PgView {
        data: Data::Empty,
        taken: at(0),
        ..PgView::unknown()
    };
    let ordinary = configured(state, Some(false), 10);
    let next = write_of(&ordinary).unwrap();
    assert_eq!((next.replicates, next.timeline), (false, timeline(2)));
    assert_eq!(written(&ordinary, 20).next.job, Some(Job::Initialise));
}

#[test]
fn a_holder_without_the_copy_that_others_have_lets_them_be_promoted() {
    let mut state = leader();
    state.pg = PgView {
        data: Data::Empty,
        taken: at(0),
        ..PgView::unknown()
    };
    let released = configured(state, Some(false), 10);
    assert!(write_of(&released).unwrap().released);
}

#[test]
fn a_primary_becomes_a_standby_of_its_own_system_after_an_ordered_stop() {
    let state = configured(primary(), Some(true), 10).next;
    assert_eq!(state.job, None, "the source was not seen yet");
    let state = step(state, Event::Source(Some(source(4, 60))), at(20)).next;
    assert_eq!(state.job, Some(Job::Checkpoint));
    let mut runs = view(Server::Primary);
    runs.open = true;
    let state = done(state, runs, 30).next;
    let state = step(state, Event::Tick, at(31)).next;
    assert_eq!(state.job, Some(Job::Stop));
    let stopped = done(state, view(Server::Stopped), 40);
    assert!(matches!(stopped.next.phase, Phase::Replicating(_)));
    let next = write_of(&stopped).unwrap();
    assert_eq!(
        next,
        Record {
            epoch: epoch(4),
            revision: 10,
            nonce: next.nonce,
            older: vec![record().cohort],
            cohort: Cohort {
                floor: None,
                ..replicated().cohort
            },
            ..replicated()
        }
    );
    let led = written(&stopped, 50).next;
    assert_eq!(led.job, Some(Job::Start { writable: false }));
}

#[test]
fn a_demotion_that_cannot_be_written_gives_the_epoch_up() {
    let mut state = primary();
    state.pg = view(Server::Stopped);
    state.call_after = at(60_000);
    state.config.settings.replicates = Some(true);
    state.source = Some(source(3, 50));
    state.phase = Phase::Replicating(Replicating {
        demoting: Some(at(4000)),
        ..Replicating::default()
    });
    let state = step(state, Event::Tick, at(3999)).next;
    assert!(matches!(state.phase, Phase::Replicating(_)));
    let state = step(state, Event::Tick, at(4000)).next;
    assert!(matches!(state.phase, Phase::Fenced(_)));
}

#[test]
fn a_primary_goes_on_if_the_source_is_another_system() {
    let state = configured(primary(), Some(true), 10).next;
    let other = Source {
        system: SystemIdentifier::new(78).unwrap(),
        ..source(4, 60)
    };
    let refused = step(state, Event::Source(Some(other.clone())), at(20));
    assert_eq!(refused.next.job, None);
    let refusal = Action::Refuse {
        asked: Asked::Replicate,
        why: Refusal::OtherSystem,
    };
    assert!(refused.actions.contains(&refusal));
    let again = step(refused.next, Event::Source(Some(other)), at(30));
    assert!(!again.actions.contains(&refusal), "once");
}

#[test]
fn rules_of_before_bind_until_the_source_feeds_the_holder() {
    let mut state = leader();
    state.observed.as_mut().unwrap().record.older = vec![record().cohort];
    let fed = step(state.clone(), Event::Tick, at(10));
    let next = write_of(&fed).unwrap();
    assert_eq!(
        (next.older, next.cohort.floor),
        (vec![], Some(position(3, 50).end))
    );
    state.source = Some(source(4, 60));
    let unrelated = step(state, Event::Tick, at(10));
    assert_eq!(write_of(&unrelated), None, "not yet sure");
    let sure = step(unrelated.next, Event::Tick, at(3010));
    assert_eq!(sure.next.job, None, "the record first");
    let next = write_of(&sure).unwrap();
    assert_eq!(
        (next.older, next.cohort.floor),
        (vec![], Some(position(4, 60).end))
    );
    assert_eq!(written(&sure, 3020).next.job, Some(Job::Stop));
}

#[test]
fn copies_of_the_source_come_before_those_of_whatever_was_before() {
    let mut record = replicated();
    record.cohort.floor = Some(position(2, 20).end);
    let old = Report {
        position: Position {
            end: position(9, 90).end,
            history: vec![position(1, 10).end, position(2, 19).end],
        },
        ..report(1, 9, 90)
    };
    let both = [(Member(1), old), (Member(2), report(2, 2, 20))];
    assert_eq!(
        record.choose(&both.into(), Rules::default()),
        Some(Member(2))
    );
}

#[test]
fn others_are_not_brought_onto_another_history_than_that_of_the_source() {
    let greeting = |state: State| {
        let next = step(state, Event::Tick, at(10_000));
        next.actions.into_iter().find_map(|action| match action {
            Action::Send(
                _,
                Message::Heartbeat {
                    follow, serving, ..
                },
            ) => Some((follow.is_some(), serving)),
            _ => None,
        })
    };
    let mut state = leader();
    state.source = None;
    assert_eq!(greeting(state.clone()), Some((true, true)));
    state.observed.as_mut().unwrap().record.cohort.floor = Some(position(3, 41).end);
    assert_eq!(greeting(state), Some((false, false)));
}

#[test]
fn a_holder_hands_its_epoch_over_in_a_standby_cluster_too() {
    let mut pg = standby(Some(Member::SOURCE));
    pg.standbys = [(Member(1), Lsn::new(40))].into();
    let state = step(leader(), seen(pg, 10), at(10)).next;
    let wish = Intent::Switchover { to: None };
    let mut wanted = replicated();
    wanted.intent = Some(wish);
    let event = Event::Watched(Read::Found(Box::new(wanted), Version(6)));
    let state = step(state, event, at(20)).next;
    assert_eq!(state.job, Some(Job::Stop));
    let stopped = done(state, view(Server::Stopped), 30);
    assert!(write_of(&stopped).unwrap().released);
}

#[test]
fn a_first_copy_that_was_never_completed_is_begun_anew_by_the_next_life() {
    let mut state = member(0);
    state.config.settings.replicates = Some(true);
    state.config.me.boot = Boot(7);
    let record = &mut state.observed.as_mut().unwrap().record;
    *record = replicated();
    record.system = None;
    state.pg = PgView {
        data: Data::Empty,
        ..PgView::unknown()
    };
    state.phase = Phase::Init;
    state.call = None;
    let anew = step(state, Event::Tick, at(10));
    let next = write_of(&anew).unwrap();
    assert_eq!((next.epoch, next.holder.boot), (epoch(4), Boot(7)));
    let begun = written(&anew, 20).next;
    let clone = Job::Clone {
        from: Member::SOURCE,
    };
    assert_eq!(begun.job, Some(clone));
}

#[test]
fn what_a_rewind_to_the_source_left_unfinished_everywhere_is_begun_anew() {
    let mut state = member(1);
    state.config.settings.replicates = Some(true);
    state.source = Some(source(3, 50));
    state.observed.as_mut().unwrap().record = replicated();
    state.pg = PgView {
        data: Data::Unfinished(system()),
        ..PgView::unknown()
    };
    state.phase = Phase::Rejoin(Rejoin::default());
    let early = step(state.clone(), Event::Tick, at(5999));
    assert_eq!(write_of(&early), None, "the holder may come back");
    let anew = step(state, Event::Tick, at(6000));
    let next = write_of(&anew).unwrap();
    assert_eq!((next.epoch, next.holder), (epoch(4), holder(1)));
    let clone = Job::Clone {
        from: Member::SOURCE,
    };
    assert_eq!(written(&anew, 6010).next.job, Some(clone));
}

/// m0 copies the source for a cluster that has no copy yet.
fn copying() -> State {
    let mut state = leader();
    state.observed.as_mut().unwrap().record.system = None;
    state.pg = PgView {
        data: Data::Empty,
        taken: at(0),
        ..PgView::unknown()
    };
    let state = step(state, Event::Tick, at(10)).next;
    let clone = Job::Clone {
        from: Member::SOURCE,
    };
    assert_eq!(state.job, Some(clone));
    state
}

/// Another began anew meanwhile, and people made an ordinary cluster of that.
fn another_system() -> Event {
    let mut other = record();
    other.holder = holder(1);
    other.epoch = epoch(5);
    other.system = SystemIdentifier::new(78);
    Event::Watched(Read::Found(Box::new(other), Version(9)))
}

#[test]
fn a_first_copy_ends_with_the_epoch_that_it_was_for() {
    let ended = step(copying(), another_system(), at(20));
    assert_eq!(ended.next.job, Some(Job::Kill));
}

#[test]
fn a_first_copy_that_came_too_late_gives_way_to_the_system_that_the_cluster_has_now() {
    let mut copied = standby(None);
    copied.server = Server::Stopped;
    copied.position = None;
    let state = step(copying(), Event::Job(JobEnd::Done), at(20)).next;
    let state = step(state, another_system(), at(21)).next;
    let state = step(state, seen(copied, 22), at(22)).next;
    let state = step(state, heartbeat(1, 5, Some(position(2, 9))), at(30)).next;
    let state = step(state, Event::Tick, at(40)).next;
    assert_eq!(state.job, Some(Job::Clone { from: Member(1) }));
}

#[test]
fn who_lacks_what_is_promoted_takes_over_only_with_who_has_it() {
    let quiet = done(
        configured(leader(), Some(false), 10).next,
        standby(None),
        20,
    );
    let promoted = write_of(&quiet).unwrap();
    let choose = |sealed: Vec<(Member, Report)>| {
        promoted.choose(&sealed.into_iter().collect(), Rules::default())
    };
    let (behind, level) = (report(1, 3, 39), report(2, 3, 40));
    assert_eq!(choose(vec![(Member(1), behind.clone())]), None);
    assert_eq!(
        choose(vec![(Member(1), behind), (Member(2), level)]),
        Some(Member(2))
    );
    let itself = report(0, 3, 40);
    assert_eq!(choose(vec![(Member(0), itself)]), Some(Member(0)));
}
