//! Trying whether the volume still takes data: a member whose disk fails or hangs must not serve.

use std::sync::Arc;
use std::time::Duration;

use tracing::{error, info};

use crate::chain::Chain;
use crate::member::Member;

/// How often it is tried.
const PERIOD: Duration = Duration::from_secs(1);
/// How long a small write may take.
const DEADLINE: Duration = Duration::from_secs(3);

/// Tries as long as the agent runs.
pub(crate) async fn probe(member: Arc<Member>) {
    let mut healthy = true;
    loop {
        let written = member.instance.probe_disk(DEADLINE).await;
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
        tokio::time::sleep(PERIOD).await;
    }
}
