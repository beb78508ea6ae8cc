//! Trying whether the volume still takes data, and whether a primary's data is still there: a member whose
//! disk fails, hangs or lost its data must not serve.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use howdah_ha::machine::Data;
use howdah_postgres::{DiskError, Fault};
use tracing::{debug, error, info, warn};

use crate::chain::{Chain, Complaint};
use crate::member::{Member, Running};

/// How often it is tried.
const PERIOD: Duration = Duration::from_secs(1);
/// How long a small write may take.
const DEADLINE: Duration = Duration::from_secs(3);

/// The data are looked at once in so many times, since that takes a process.
const CHECKED: u32 = 5;
/// A server that just ends has taken its files away.
const ENDING: Duration = Duration::from_millis(500);

/// Tries as long as the agent runs.
pub(crate) async fn probe(member: Arc<Member>) {
    let mut healthy = true;
    let mut full = Complaint::default();
    let mut round = 0;
    loop {
        let running = member.running();
        let writable = running.as_ref().is_some_and(|running| running.writable);
        let written = match member.instance.probe_disk(DEADLINE).await {
            Err(error) if writable && is_full(&error) => {
                // Postgres refuses or ends by itself what cannot be written, and others may be as full.
                if let Some(error) = full.new_one(&error) {
                    warn!(error, "the volume is full");
                }
                Ok(())
            }
            written => {
                full.clear();
                written
            }
        };
        let now = written.is_ok();
        match (healthy, written) {
            (true, Err(error)) => error!(error = %Chain(&error), "the volume does not take data"),
            (false, Ok(())) => info!("the volume takes data again"),
            _ => {}
        }
        if now != healthy {
            healthy = now;
            member.set_writes(healthy);
            member.observe.notify_one();
        }
        let ready = running.filter(|running| running.writable && running.postmaster.is_ready());
        if let Some(running) = ready.filter(|_| round % CHECKED == 0) {
            check(&member, &running).await;
        }
        round = (round + 1) % CHECKED;
        tokio::time::sleep(PERIOD).await;
    }
}

fn is_full(error: &DiskError) -> bool {
    matches!(error, DiskError::Write(error) if error.kind() == ErrorKind::StorageFull)
}

async fn check(member: &Member, running: &Running) {
    for again in [true, false] {
        let checked = member.instance.check_data(&running.postmaster, DEADLINE);
        match checked.await {
            Err(Fault::Damaged(_)) if again => tokio::time::sleep(ENDING).await,
            Err(Fault::Damaged(why)) if running.postmaster.ended().is_none() => {
                error!(why, "the data directory of the running postgres is damaged");
                member.set_data(Data::Damaged);
                member.observe.notify_one();
            }
            Err(error @ Fault::Unknown(_)) => {
                debug!(error = %Chain(&error), "data directory not looked at");
                return;
            }
            Ok(()) | Err(Fault::Damaged(_)) => return,
        }
    }
}
