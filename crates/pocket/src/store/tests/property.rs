//! Random operations from several clients, with watchers, against a model.
//!
//! Every answered write is put into one log by its revision. The log must be a history that one client alone
//! could have made; every watcher must have seen exactly its part of it; every list must be its state at a revision.
//!
//! `HOWDAH_PROPERTY_SEED` replays a run, `HOWDAH_PROPERTY_SECONDS` makes it longer.

mod follow;
mod model;

use std::time::Instant;

use futures::future::join_all;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tokio_util::sync::CancellationToken;

use self::follow::{Follow, follow};
use self::model::{Log, Model};
use super::*;

const RESOURCES: [&str; 2] = ["pods", "things.example.io"];
const NAMESPACES: [&str; 2] = ["one", "two"];
const NAMES: [&str; 3] = ["a", "b", "c"];

/// One step of a client.
#[derive(Clone, Debug)]
enum Step {
    Create(usize),
    /// Replaces what was read, or with `true` what was read before that.
    Update(usize, bool),
    Delete(usize, bool),
    /// Lists as of so many revisions ago.
    List(usize, u64),
}

/// What happens in one life of the store.
#[derive(Clone, Debug)]
struct Life {
    clients: Vec<Vec<Step>>,
    follows: Vec<Follow>,
}

fn step() -> impl Strategy<Value = Step> {
    let key = 0..RESOURCES.len() * NAMESPACES.len() * NAMES.len();
    prop_oneof![
        3 => key.clone().prop_map(Step::Create),
        6 => (key.clone(), prop::bool::weighted(0.2)).prop_map(|(key, old)| Step::Update(key, old)),
        2 => (key, prop::bool::weighted(0.2)).prop_map(|(key, old)| Step::Delete(key, old)),
        1 => (0..RESOURCES.len(), 0..60_u64).prop_map(|(resource, ago)| Step::List(resource, ago)),
    ]
}

fn life() -> impl Strategy<Value = Life> {
    let clients = prop::collection::vec(prop::collection::vec(step(), 5..40), 2..6);
    let follows = prop::collection::vec(Follow::any(), 1..6);
    (clients, follows).prop_map(|(clients, follows)| Life { clients, follows })
}

fn place(at: usize) -> Key {
    let (resource, rest) = (at % RESOURCES.len(), at / RESOURCES.len());
    let (namespace, name) = (rest % NAMESPACES.len(), rest / NAMESPACES.len());
    Key::new(
        &RESOURCES[resource].into(),
        NAMESPACES[namespace],
        NAMES[name],
    )
}

#[test]
fn any_history_is_one_that_a_single_client_could_have_made() {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let fixed = number("HOWDAH_PROPERTY_SEED");
    let seconds = number("HOWDAH_PROPERTY_SECONDS").unwrap_or(5);
    let end = Instant::now() + Duration::from_secs(seconds);
    let lives = prop::collection::vec(life(), 1..4);
    loop {
        let seed = fixed.unwrap_or_else(rand::random);
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let config = Config {
            cases: 4,
            failure_persistence: None,
            ..Config::default()
        };
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let result = TestRunner::new_with_rng(config, rng).run(&lives, |lives| {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(3)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(run(lives));
            Ok(())
        });
        if let Err(error) = result {
            panic!("HOWDAH_PROPERTY_SEED={seed} replays this: {error}");
        }
        if fixed.is_some() || Instant::now() >= end {
            break;
        }
    }
}

/// Some lives of a store, with a close and an open in between.
async fn run(lives: Vec<Life>) {
    let dir = TempDir::new().unwrap();
    let mut model = Model::default();
    for life in lives {
        let store = open(&dir, 48);
        assert_eq!(store.revision(), model.revision());
        let (log, stop) = (Log::default(), CancellationToken::new());
        let follows = life
            .follows
            .iter()
            .map(|one| tokio::spawn(follow(store.clone(), one.clone(), stop.clone())));
        let follows: Vec<_> = follows.collect();
        let clients = life
            .clients
            .into_iter()
            .map(|steps| tokio::spawn(client(store.clone(), log.clone(), steps)));
        let clients: Vec<_> = clients.collect();
        for client in join_all(clients).await {
            client.unwrap();
        }
        model.extend(log.take());
        stop.cancel();
        for seen in join_all(follows).await {
            seen.unwrap().check(&model);
        }
        for resource in RESOURCES {
            let now = store.list(resource, None);
            assert_eq!(now.revision, model.revision());
            assert_eq!(now.items, model.state(resource, None, now.revision));
        }
        store.close().await;
    }
}

/// Carries steps out; what was answered goes into the log, lists are checked at the end.
async fn client(store: Store, log: Log, steps: Vec<Step>) {
    let mut old: BTreeMap<usize, u64> = BTreeMap::new();
    for step in steps {
        let write = match step {
            Step::Create(at) => Write::Create(place(at), object(0)),
            Step::Update(at, stale) | Step::Delete(at, stale) => {
                let Some(now) = store.get(&place(at)) else {
                    continue;
                };
                let before = old.insert(at, now.revision).unwrap_or(now.revision);
                let revision = if stale { before } else { now.revision };
                match step {
                    Step::Delete(..) => Write::Delete(place(at), revision, object(2)),
                    _ => Write::Update(place(at), revision, object(1)),
                }
            }
            Step::List(resource, ago) => {
                let resource = RESOURCES[resource];
                let revision = store.revision().saturating_sub(ago);
                match store.list_at(resource, None, revision) {
                    Ok(list) => log.listed(resource, list),
                    Err(error) => assert!(matches!(error, Error::Expired { .. }), "{error}"),
                }
                continue;
            }
        };
        log.write(&store, write).await;
    }
}
