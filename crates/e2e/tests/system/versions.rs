//! Every Postgres version on offer becomes a cluster. The newest is what all other cases run.

use anyhow::{Context, Result};
use howdah_e2e::{Manifest, Tool, on_any_cluster};

use crate::lifecycle::written_once_read_everywhere;
use crate::objects;

/// One after the other: two clusters at once ask for more than three small nodes have.
#[tokio::test]
async fn older_versions_become_three_streaming_instances() -> Result<()> {
    on_any_cluster(async |world| {
        for (name, major) in [("fifteen", "15"), ("seventeen", "17")] {
            let cluster = world.cluster(name);
            let manifest = Manifest::new(name, major, 3);
            cluster.apply(Tool::Howdah, &manifest).await?;
            cluster.wait_until_streaming(3).await?;
            written_once_read_everywhere(&cluster).await?;
            objects::check(world, &cluster, major)
                .await
                .with_context(|| format!("Postgres {major}"))?;
            let words = ["delete", &format!("sgcluster/{name}")];
            world.howdah(&words).await?.ok()?;
        }
        Ok(())
    })
    .await
}
