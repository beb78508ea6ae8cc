//! Runs a case in a world: tells what happened when it fails, and proves that nothing is left when it passes.

use anyhow::{Context, Result, ensure};
use camino::Utf8PathBuf;

use super::World;

/// Runs a case in a world of its own with a pocket that is up.
///
/// # Errors
/// Those of the case, and what it left behind.
pub async fn on_pocket(case: impl AsyncFnOnce(&World) -> Result<()>) -> Result<()> {
    World::pocket()?.run(case).await
}

/// Runs a case in the cluster that `HOWDAH_E2E_KUBECONFIG` names, or on a pocket of its own.
///
/// # Errors
/// Those of the case, and what it left behind.
pub async fn on_any_cluster(case: impl AsyncFnOnce(&World) -> Result<()>) -> Result<()> {
    World::any()?.run(case).await
}

impl World {
    /// Starts this world, runs a case in it, and ends it.
    ///
    /// # Errors
    /// Those of the case, and what it left behind.
    pub async fn run(self, case: impl AsyncFnOnce(&Self) -> Result<()>) -> Result<()> {
        self.explained(async |world| {
            world.up().await?;
            Box::pin(case(world)).await?;
            world.finish().await
        })
        .await
    }

    /// Runs a case that starts and ends the world itself.
    ///
    /// # Errors
    /// Those of the case.
    pub async fn explained(self, case: impl AsyncFnOnce(&Self) -> Result<()>) -> Result<()> {
        // Boxed, because a case is large and may run inside another.
        let result = Box::pin(case(&self)).await;
        if let Err(error) = &result {
            // The explanation is long, so the reason comes before it and, from the test, after it.
            eprintln!("{error:#}");
            self.explain().await;
            if !self.is_pocket() {
                // A pocket ends with its folder; what a foreign cluster keeps nobody else would remove.
                let _ = self.abandon().await;
            }
        }
        result
    }
}

/// The program in `HOWDAH_BIN`, or the release build of this workspace.
pub(super) fn program_under_test() -> Result<Utf8PathBuf> {
    if let Some(named) = std::env::var("HOWDAH_BIN").ok().filter(|it| !it.is_empty()) {
        let named = Utf8PathBuf::from(named);
        ensure!(
            named.is_file(),
            "{named}, which HOWDAH_BIN names, is not there: run `make build`"
        );
        return Ok(named);
    }
    let own = Utf8PathBuf::try_from(std::env::current_exe()?)?;
    let built = own.ancestors().map(|folder| folder.join("release/howdah"));
    built.into_iter().find(|path| path.is_file()).context(
        "there is no release build of howdah: run `make build`, or name a program in HOWDAH_BIN",
    )
}
