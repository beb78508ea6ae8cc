//! Every Postgres version on offer becomes a cluster. The newest is what all other cases run.

use anyhow::{Context, Result};
use howdah_e2e::{Manifest, Tool, on_any_cluster};

use crate::lifecycle::written_once_read_everywhere;
use crate::objects;

#[tokio::test]
async fn older_versions_become_three_streaming_instances() -> Result<()> {
    on_any_cluster(async |world| {
        let wanted = [("fifteen", "15"), ("seventeen", "17")];
        for (name, major) in wanted {
            let manifest = Manifest::new(name, major, 3);
            world.cluster(name).apply(Tool::Howdah, &manifest).await?;
        }
        for (name, major) in wanted {
            let cluster = world.cluster(name);
            cluster.wait_until_streaming(3).await?;
            written_once_read_everywhere(&cluster).await?;
            objects::check(world, &cluster, major)
                .await
                .with_context(|| format!("Postgres {major}"))?;
        }
        Ok(())
    })
    .await
}
