//! What people ask of this one member by annotations on its Pod: a restart of Postgres, a new copy. Each
//! is done once, and answered on the Pod with the value that asked for it.

use std::sync::Arc;
use std::time::Duration;

use howdah_postgres::StopMode;
use serde_json::json;
use tracing::{info, warn};

use crate::chain::{Chain, Complaint};
use crate::cluster;
use crate::member::{Input, Member};
use crate::peers::{REINITIALISED, RESTARTED, refused};
use crate::pooler;
use crate::view::Role;

/// The time for the checkpoint that makes the stop short.
const CHECKPOINT: Duration = Duration::from_secs(60);
/// The time for the stop itself.
const STOP: Duration = Duration::from_secs(30);
/// The pause after an answer that could not be given.
const AGAIN: Duration = Duration::from_secs(1);

/// Does what is asked for as long as the agent runs.
pub(crate) async fn fulfil(member: Arc<Member>) {
    let mut peers = member.peers.subscribe();
    let mut complaint = Complaint::default();
    let mut done = Done::default();
    loop {
        peers.mark_unchanged();
        match look(&member, &mut done).await {
            Ok(()) => {
                complaint.clear();
                if peers.changed().await.is_err() {
                    return;
                }
            }
            Err(error) => {
                if let Some(error) = complaint.new_one(&error) {
                    warn!(error, "what was done is not told on the Pod yet");
                }
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

/// What was done already, though the Pod may not say so yet.
#[derive(Default)]
struct Done {
    restart: Option<(String, String)>,
    reinitialise: Option<(String, String)>,
}

async fn look(member: &Member, done: &mut Done) -> Result<(), cluster::Error> {
    let Some(own) = member.own_pod() else {
        return Ok(());
    };
    if let Some(wish) = own.restart {
        let answer = match done.restart.take() {
            Some((of, answer)) if of == wish => answer,
            _ => answer(&wish, restart(member).await),
        };
        done.restart = Some((wish, answer.clone()));
        tell(member, RESTARTED, &answer).await?;
    }
    if let Some(wish) = own.reinitialise {
        let answer = match done.reinitialise.take() {
            Some((of, answer)) if of == wish => answer,
            _ => answer(&wish, reinitialise(member)),
        };
        done.reinitialise = Some((wish, answer.clone()));
        tell(member, REINITIALISED, &answer).await?;
    }
    Ok(())
}

fn answer(wish: &str, done: Result<(), String>) -> String {
    match done {
        Ok(()) => wish.to_owned(),
        Err(why) => refused(wish, &why),
    }
}

/// Stops Postgres in order; the machine starts it again in the role that it has.
async fn restart(member: &Member) -> Result<(), String> {
    let Some(running) = member.running() else {
        return Err("Postgres does not run".to_owned());
    };
    info!("restarting postgres, as people asked");
    if running.writable {
        if let Err(error) = member.instance.checkpoint(CHECKPOINT).await {
            warn!(error = %Chain(&error), "no checkpoint before the restart");
        }
        pooler::hold(member).await;
    }
    let stopped = running.postmaster.stop(StopMode::Fast, STOP).await;
    stopped.map(drop).map_err(|error| Chain(&error).to_string())
}

fn reinitialise(member: &Member) -> Result<(), String> {
    if member.view.borrow().role.is_some_and(Role::leads) {
        return Err("this instance is the primary".to_owned());
    }
    info!("making a new copy, as people asked");
    member.tell(Input::Reinitialise);
    Ok(())
}

async fn tell(member: &Member, annotation: &str, answer: &str) -> Result<(), cluster::Error> {
    let metadata = json!({"annotations": {annotation: answer}});
    member.patch_own_pod("answer on the Pod", metadata).await
}
