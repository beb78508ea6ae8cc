//! The API server alone, as a program that tests can kill: `pocket_api <state folder>`.
//!
//! It prints the path of its kubeconfig when it serves, and stops when its input ends.

use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use camino::Utf8PathBuf;
use howdah_pocket::Config;

fn main() -> ExitCode {
    let Some(folder) = std::env::args().nth(1).map(Utf8PathBuf::from) else {
        return ExitCode::from(2);
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(serve(folder)),
        Err(_) => ExitCode::FAILURE,
    }
}

async fn serve(folder: Utf8PathBuf) -> ExitCode {
    let mut config = Config::new(folder.clone(), folder.join("components"));
    config.port = 0;
    let running = match howdah_pocket::start(config).await {
        Ok(running) => running,
        Err(error) => {
            let source = std::error::Error::source(&error).map(ToString::to_string);
            drop(writeln!(
                std::io::stderr(),
                "{error}: {}",
                source.unwrap_or_default()
            ));
            return ExitCode::FAILURE;
        }
    };
    drop(writeln!(std::io::stdout(), "{}", running.kubeconfig_path()));
    let end = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    drop(end.await);
    running.shutdown().await;
    ExitCode::SUCCESS
}
