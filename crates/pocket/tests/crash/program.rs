//! The server as a process that can be killed.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(30);

/// A running `pocket_api`. It ends with its input, so also when this process is killed.
pub(super) struct Program {
    child: Child,
}

impl Program {
    /// Starts it over a folder; no file that it writes may become longer than the limit.
    pub(super) fn spawn(folder: &Path, limit: Option<u64>) -> Self {
        let me = std::env::current_exe().unwrap();
        let target = me.ancestors().nth(2).unwrap();
        let program = target.join("examples/pocket_api");
        assert!(
            program.exists(),
            "{program:?} is missing: run `cargo build --package howdah-pocket --examples`"
        );
        let mut command = match limit {
            None => Command::new(program),
            Some(bytes) => {
                let mut shell = Command::new("sh");
                let blocks = bytes / 512;
                let line = format!("trap '' XFSZ; ulimit -S -f {blocks}; exec \"$0\" \"$@\"");
                shell.arg("-c").arg(line).arg(program);
                shell
            }
        };
        let child = command
            .arg(folder.join("state"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self { child }
    }

    /// Waits until it serves.
    pub(super) async fn client(&mut self) -> Client {
        let output = self.child.stdout.take().unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(output);
        timeout(PATIENCE, output.read_line(&mut line))
            .await
            .expect("the server starts in time")
            .unwrap();
        let config = Kubeconfig::read_from(line.trim()).unwrap();
        let options = KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(config, &options)
            .await
            .unwrap();
        Client::try_from(config).unwrap()
    }

    /// SIGKILL.
    pub(super) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Lets it stop on its own.
    pub(super) async fn stop(mut self) {
        drop(self.child.stdin.take());
        let end = timeout(PATIENCE, self.child.wait()).await.unwrap();
        assert!(end.unwrap().success());
    }

    /// Takes the limit on the length of files away.
    pub(super) async fn lift_limit(&self) {
        let pid = self.child.id().unwrap().to_string();
        let lifted = Command::new("prlimit")
            .args(["--pid", &pid, "--fsize=unlimited"])
            .status()
            .await
            .unwrap();
        assert!(lifted.success());
    }
}
