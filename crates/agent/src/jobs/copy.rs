//! A copy that is brought back onto its primary's history, or made anew.

use std::time::Duration;

use howdah_ha::machine::Member as Number;
use howdah_postgres::RewindError;
use howdah_types::Lsn;
use tracing::info;

use super::{Error, inspect};
use crate::member::Member;
use crate::view::Phase;

/// How often a new primary is asked whether it has made its first checkpoint.
const CHECKPOINTED: Duration = Duration::from_millis(250);

pub(super) async fn rewind(member: &Member, from: Number, fork: Option<Lsn>) -> Result<(), Error> {
    let from = member.feed_of(from);
    let upstream = member.await_feed(&from).await?;
    let _volume = member.volume.lock().await;
    info!(%from, "rewinding");
    member.show(|view| view.phase = Phase::Rewinding);
    let rewound = loop {
        match member.instance.rewind(&upstream, fork).await {
            // It makes one as soon as it serves.
            Err(RewindError::NotCheckpointed(_)) => tokio::time::sleep(CHECKPOINTED).await,
            rewound => break rewound,
        }
    };
    inspect(member).await?;
    rewound.map_err(|source| Error::Rewind {
        from: from.clone(),
        source,
    })?;
    info!(%from, "rewound");
    Ok(())
}

pub(super) async fn clone(member: &Member, from: Number) -> Result<(), Error> {
    let from = member.feed_of(from);
    let upstream = member.await_feed(&from).await?;
    let _volume = member.volume.lock().await;
    member.show(|view| view.phase = Phase::Cloning);
    info!(%from, "cloning");
    let configuration = member.configuration(Some(upstream));
    let cloned = member.instance.clone_from_upstream(&configuration).await;
    inspect(member).await?;
    cloned.map_err(|source| Error::Clone { from, source })
}
