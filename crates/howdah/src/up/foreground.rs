//! The process that stays: pocket, the operator over it, and their end.

use anyhow::{Context, Result};
use camino::Utf8PathBuf;
use howdah_cli::Exit;
use howdah_pocket::Running;
use tokio_util::sync::CancellationToken;

use super::report::{Report, Reporter};
use crate::args::UpArgs;
use crate::signals;

/// Runs until a signal asks to stop. A failure is told to the parent, if there is one.
pub(super) fn run(args: &UpArgs) -> Result<Exit> {
    let reporter = Reporter::new(args.background_child);
    let result = crate::large_runtime()?.block_on(serve(args, reporter));
    if let Err(error) = &result {
        reporter.send(&Report::Failed(howdah_cli::chain(error.as_ref())));
    }
    result.map(|()| Exit::Success)
}

async fn serve(args: &UpArgs, reporter: Reporter) -> Result<()> {
    let stop = signals::shutdown_token()?;
    let program = std::env::current_exe().context("find the program of this process")?;
    let config = howdah_pocket::Config {
        state_dir: args.state.folder()?,
        components_dir: args.components.folder()?,
        port: args.port,
        program: Some(Utf8PathBuf::try_from(program)?),
        history: howdah_pocket::History::default(),
    };
    reporter.doing("the Kubernetes API");
    let running = howdah_pocket::start(config).await?;
    let result = beside(&running, &stop, reporter).await;
    tracing::info!("stopping pods");
    running.shutdown().await;
    tracing::info!("stopped");
    result
}

/// Everything that runs over pocket's API, from start to end.
async fn beside(running: &Running, stop: &CancellationToken, reporter: Reporter) -> Result<()> {
    let client = running.client();
    reporter.doing("the operator");
    howdah_operator::install_crds(&client)
        .await
        .context("install the definitions of the kinds")?;
    let config = howdah_operator::Config::default();
    let mut operator = tokio::spawn(howdah_operator::run(client, config, stop.clone()));
    tracing::info!(kubeconfig = %running.kubeconfig_path(), "howdah is up");
    reporter.send(&Report::Ready);
    tokio::select! {
        () = stop.cancelled() => ended(operator.await),
        result = &mut operator => ended(result),
    }
}

/// How the operator's task ended; a panic in it is a failure like any other.
fn ended(result: Result<Result<(), howdah_operator::Error>, tokio::task::JoinError>) -> Result<()> {
    result
        .context("run the operator")?
        .context("run the operator")
}
