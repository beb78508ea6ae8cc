//! The API server is killed again and again under load; nothing that was answered may be gone.
//!
//! `HOWDAH_CRASH_ROUNDS` says how often.

#[cfg(test)]
mod crash {
    mod load;
    mod object;
    mod program;
    mod watch;

    use std::sync::Arc;
    use std::time::Duration;

    use futures::future::join_all;
    use serde_json::{Value, json};

    use self::load::{Counter, Writer};
    use self::object::{LEASES, ask, lease, revision};
    use self::program::Program;
    use self::watch::Watcher;

    const WRITERS: usize = 5;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn nothing_that_was_answered_is_lost_however_often_the_server_is_killed() {
        let rounds = std::env::var("HOWDAH_CRASH_ROUNDS").ok();
        let rounds: u32 = rounds.and_then(|text| text.parse().ok()).unwrap_or(15);
        let dir = tempfile::tempdir().unwrap();
        let mut writers: Vec<Writer> = (0..WRITERS).map(Writer::new).collect();
        let counter = Arc::new(Counter::default());
        let mut watcher = Watcher::default();
        for round in 0..rounds {
            if round % 4 == 3 {
                // Killed somewhere on the way up, perhaps while it cleans up after the last time.
                let program = Program::spawn(dir.path(), None);
                let while_starting = rand::random_range(0..150);
                tokio::time::sleep(Duration::from_millis(while_starting)).await;
                program.kill().await;
            }
            let mut program = Program::spawn(dir.path(), None);
            let client = program.client().await;
            let newest = revision(&ask(&client, "GET", LEASES, &Value::Null).await.unwrap());
            assert!(newest >= watcher.newest());
            for writer in &mut writers {
                writer.find(&client).await;
                assert!(newest >= writer.newest());
            }
            counter.find(&client).await;
            let tasks = writers.into_iter().map(|mut writer| {
                let (client, counter) = (client.clone(), Arc::clone(&counter));
                tokio::spawn(async move {
                    writer.work(&client, &counter).await;
                    writer
                })
            });
            let tasks: Vec<_> = tasks.collect();
            let watching = tokio::spawn(watcher.follow(client));
            tokio::time::sleep(Duration::from_millis(rand::random_range(20..500))).await;
            program.kill().await;
            let back = join_all(tasks).await;
            writers = back.into_iter().map(Result::unwrap).collect();
            watcher = watching.await.unwrap();
        }
        let mut program = Program::spawn(dir.path(), None);
        let client = program.client().await;
        for writer in &mut writers {
            writer.find(&client).await;
        }
        counter.find(&client).await;
        let watcher = watcher.finish(client.clone()).await;
        watcher.check(&ask(&client, "GET", LEASES, &Value::Null).await.unwrap());
        for writer in &writers {
            watcher.check_writer(writer);
        }
        let answered: usize = writers.iter().map(|writer| writer.answered.len()).sum();
        assert!(answered >= rounds as usize, "{answered} writes");
        program.stop().await;
    }

    /// As on a disk with no room: SQLite cannot make its files longer than 3 MiB.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_server_without_room_refuses_writes_answers_reads_and_recovers() {
        let dir = tempfile::tempdir().unwrap();
        let mut program = Program::spawn(dir.path(), Some(3 << 20));
        let client = program.client().await;
        let (mut kept, mut refusals) = (Vec::new(), 0);
        for n in 0..1000 {
            let mut body = lease(&format!("p-{n}"), n);
            body["metadata"]["annotations"] = json!({"bulk": "z".repeat(100_000)});
            match ask(&client, "POST", LEASES, &body).await {
                Ok(object) => {
                    refusals = 0;
                    kept.push(object);
                }
                Err(status) => {
                    refusals += 1;
                    assert!([500, 507].contains(&status.code), "{status:?}");
                    assert!(status.message.contains("disk"), "{status:?}");
                    if refusals > 20 {
                        break;
                    }
                }
            }
        }
        assert!(
            refusals > 20 && kept.len() > 10,
            "{refusals} {}",
            kept.len()
        );
        let all = async |client: &kube::Client| {
            let list = ask(client, "GET", LEASES, &Value::Null).await.unwrap();
            let items = list["items"].as_array().unwrap().clone();
            items.len()
        };
        assert_eq!(all(&client).await, kept.len());
        program.lift_limit().await;
        ask(&client, "POST", LEASES, &lease("after", 1))
            .await
            .unwrap();
        program.kill().await;
        let mut program = Program::spawn(dir.path(), None);
        let client = program.client().await;
        for object in &kept {
            let name = object["metadata"]["name"].as_str().unwrap();
            let path = format!("{LEASES}/{name}");
            let found = ask(&client, "GET", &path, &Value::Null).await.unwrap();
            assert_eq!(found, *object);
        }
        assert_eq!(all(&client).await, kept.len() + 1);
        program.stop().await;
    }
}
