//! The programs of a test: found among the components, run without root.

use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use camino::Utf8PathBuf;
use howdah_testkit::{Components, Programs, unprivileged};
use howdah_types::catalogue::ComponentName;

/// How long anything may take on a loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

fn components() -> Result<&'static Components> {
    static COMPONENTS: OnceLock<Result<Components, String>> = OnceLock::new();
    COMPONENTS
        .get_or_init(|| howdah_testkit::components().map_err(|error| format!("{error:#}")))
        .as_ref()
        .map_err(|error| anyhow::anyhow!("{error}"))
}

/// Postgres and its clients, whose libpq knows direct TLS and protocol 3.2.
pub(crate) fn postgres() -> Result<Programs> {
    components()?.postgres(18)
}

/// A program of a bundle, without root.
pub(crate) fn command(programs: &Programs, name: &str) -> Result<Command> {
    unprivileged(programs.command(name))
}

/// Envoy.
pub(crate) fn envoy() -> Result<Command> {
    command(&components()?.newest(ComponentName::Envoy)?, "envoy")
}

/// The library as it was built for this test: cargo leaves it beside the test's own program.
pub(crate) fn library() -> Result<Utf8PathBuf> {
    let program = Utf8PathBuf::try_from(std::env::current_exe()?)?;
    let folder = program.parent().context("the test is in a folder")?;
    let library = folder.join("libhowdah_envoy_filter.so");
    ensure!(library.is_file(), "{library} is missing");
    Ok(library)
}

/// Runs a command to its end; its output, or what it complained about.
pub(crate) async fn run(command: Command) -> Result<Result<String, String>> {
    let mut command = tokio::process::Command::from(command);
    let output = command.kill_on_drop(true).output();
    let output = tokio::time::timeout(PATIENCE, output)
        .await
        .context("the command takes too long")??;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    Ok(if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(format!(
            "{}\n{}",
            text(&output.stdout),
            text(&output.stderr)
        ))
    })
}
