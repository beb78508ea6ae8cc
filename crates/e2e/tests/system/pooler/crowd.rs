//! Many more clients than Postgres has connections for them.

use anyhow::{Context, Result, ensure};
use howdah_e2e::{Cluster, Manifest, Outcome, Sql, Target, Tool, World, contains, on_pocket};
use howdah_testkit::raise_descriptors;

use super::{direct, program, start};

const CLIENTS: &str = "1000";
/// How many of them have a server at once.
const SERVERS: usize = 20;

const POOLING: &str = "\
apiVersion: stackgres.io/v1
kind: SGPoolingConfig
metadata: {name: crowded}
spec:
  pgBouncer:
    pgbouncer.ini:
      pgbouncer: {pool_mode: transaction, default_pool_size: 20, max_client_conn: 1100}
";

/// Who gets the answer of another divides by zero.
const SCRIPT: &str = "\
\\set x random(1, 1000000)
BEGIN;
SELECT set_config('howdah.x', :x::text, true);
SELECT current_setting('howdah.x')::int - :x AS wrong \\gset
COMMIT;
\\if :wrong <> 0
SELECT 1 / 0;
\\endif
";

#[tokio::test]
async fn a_thousand_clients_share_twenty_server_connections() -> Result<()> {
    // A thousand sockets of pgbench, which takes the limit from here.
    raise_descriptors(4096)?;
    on_pocket(async |world| {
        world.apply(Tool::Howdah, POOLING).await?;
        let manifest =
            Manifest::new("simple", "18", 1).set("/spec/configurations/sgPoolingConfig", "crowded");
        let cluster = start(world, manifest, 1).await?;
        let admin = Sql::connect(&direct(&cluster).await?).await?;
        admin
            .execute("CREATE ROLE crowd LOGIN PASSWORD 'elephants'")
            .await?;
        let most = most_servers(world, &cluster, &admin).await?;
        ensure!((2..=SERVERS).contains(&most), "{most} servers at once");
        Ok(())
    })
    .await
}

/// How many servers they had at once, as far as anybody saw.
async fn most_servers(world: &World, cluster: &Cluster<'_>, admin: &Sql) -> Result<usize> {
    let target = Target {
        password: "elephants".to_owned(),
        ..cluster.service_target("").await?
    };
    let script = world.file(SCRIPT)?;
    let mut bench = program(world, "pgbench", &target)?;
    bench
        .args(["-n", "-c", CLIENTS, "-j", "4", "-t", "10", "-f", &script])
        .env("PGUSER", "crowd")
        .env("PGSSLMODE", "require")
        .env("PGCONNECT_TIMEOUT", "60");
    let bench = tokio::spawn(Outcome::of(bench));
    let mut most = 0;
    while !bench.is_finished() {
        let count = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'crowd'";
        // A look that takes too long, because they take all of the machine, is none.
        if let Ok(seen) = admin.value(count).await {
            most = most.max(seen.parse()?);
        }
    }
    let said = bench.await??.ok().context("a client was cut off")?;
    contains(&said, "actually processed: 10000/10000\n")?;
    contains(&said, "number of failed transactions: 0 ")?;
    Ok(most)
}
