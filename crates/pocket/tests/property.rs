//! Random requests from several clients over HTTPS, with watchers, against a model.
//!
//! One watch from the start is the log. It must be a history that fits all answers, and everything else must fit it:
//! watches with selectors, from any revision, cut off and resumed or expired and listed again, and lists in pages.
//!
//! `HOWDAH_PROPERTY_SEED` replays a run, `HOWDAH_PROPERTY_SECONDS` makes it longer.

#[cfg(test)]
mod property {
    mod client;
    mod log;
    mod watch;
    mod world;

    use std::time::{Duration, Instant};

    use futures::future::join_all;
    use proptest::prelude::*;
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
    use tokio_util::sync::CancellationToken;

    use self::client::{Answers, Step, work};
    use self::log::Log;
    use self::watch::{How, follow};
    use self::world::{World, revision};

    /// What everybody does in one run.
    #[derive(Clone, Debug)]
    struct Plan {
        clients: Vec<Vec<Step>>,
        watches: Vec<How>,
    }

    fn plan() -> impl Strategy<Value = Plan> {
        let clients = prop::collection::vec(prop::collection::vec(Step::any(), 10..30), 2..5);
        let watches = prop::collection::vec(How::any(), 2..6);
        (clients, watches).prop_map(|(clients, watches)| Plan { clients, watches })
    }

    #[test]
    fn every_watch_and_list_fits_the_one_history_that_the_answers_tell() {
        let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
        let fixed = number("HOWDAH_PROPERTY_SEED");
        let seconds = number("HOWDAH_PROPERTY_SECONDS").unwrap_or(8);
        let end = Instant::now() + Duration::from_secs(seconds);
        loop {
            let seed = fixed.unwrap_or_else(rand::random);
            let mut bytes = [0; 32];
            bytes[..8].copy_from_slice(&seed.to_le_bytes());
            let config = Config {
                cases: 1,
                max_shrink_iters: 16,
                failure_persistence: None,
                ..Config::default()
            };
            let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
            let result = TestRunner::new_with_rng(config, rng).run(&plan(), |plan| {
                let runtime = tokio::runtime::Builder::new_multi_thread()
                    .worker_threads(2)
                    .enable_all()
                    .build()
                    .unwrap();
                runtime.block_on(run(plan));
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

    async fn run(plan: Plan) {
        let world = World::start().await;
        let start = revision(&world.list("").await["metadata"]);
        let stop = CancellationToken::new();
        let everything = tokio::spawn(follow(world.client().await, How::all(start), stop.clone()));
        let mut watches = Vec::new();
        for how in plan.watches {
            let watch = follow(world.client().await, how, stop.clone());
            watches.push(tokio::spawn(watch));
        }
        let answers = Answers::default();
        let mut clients = Vec::new();
        for (number, steps) in plan.clients.into_iter().enumerate() {
            let work = work(world.client().await, number, steps, answers.clone());
            clients.push(tokio::spawn(work));
        }
        for client in join_all(clients).await {
            client.unwrap();
        }
        let last = world.list("").await;
        stop.cancel();
        let log = Log::new(start, everything.await.unwrap());
        log.check_answers(&answers);
        log.check_list(&last, None);
        for seen in join_all(watches).await {
            log.check(seen.unwrap());
        }
        world.stop().await;
    }
}
