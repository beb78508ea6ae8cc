//! Reaching into Pods with `kubectl`: exec, attach, cp and port-forward, over WebSockets and over plain SPDY.

use std::fs::{self, File};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use howdah_e2e::{
    Manifest, Outcome, Sql, Target, Tool, World, contains, on_any_cluster, on_pocket,
};
use nix::pty::{Winsize, openpty};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::Child;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(60);
/// What turns `kubectl` from WebSockets to plain SPDY.
const TRANSPORTS: [&str; 2] = ["true", "false"];

/// A Pod with a shell, and something to hear.
const POD: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: shell}
spec:
  terminationGracePeriodSeconds: 1
  automountServiceAccountToken: false
  containers:
  - name: shell
    image: bundle/postgres-util-18
    stdin: true
    command:
    - sh
    - -c
    - trap 'exit 0' TERM; mkdir -p "$HOWDAH_ROOT/files"; while read line; do echo "heard $line"; done; while :; do sleep 0.1; done
"#;

#[tokio::test]
async fn kubectl_reaches_into_a_pod() -> Result<()> {
    on_pocket(async |world| {
        world.apply(Tool::Kubectl, POD).await?;
        let wait = [
            "wait",
            "--for=condition=Ready",
            "pod/shell",
            "--timeout=60s",
        ];
        world.kubectl(&wait).await?.ok()?;
        for transport in TRANSPORTS {
            let session = Session { world, transport };
            session.exit_codes().await.context("exit codes")?;
            session.input().await.context("input")?;
            session.terminal().await.context("terminal")?;
            session.attach().await.context("attach")?;
            session.copy().await.context("copy")?;
        }
        one_off(world).await.context("run")
    })
    .await
}

#[tokio::test]
async fn kubectl_forwards_a_port_to_postgres() -> Result<()> {
    on_any_cluster(async |world| {
        let cluster = world.cluster("forwarded");
        let manifest = Manifest::new("forwarded", "18", 1);
        cluster.apply(Tool::Kubectl, &manifest).await?;
        cluster.wait_until_streaming(1).await?;
        let target = cluster.instance_target("forwarded-0").await?;
        let (_, port) = target.address.split_once(':').context("a port")?;
        for transport in TRANSPORTS {
            let session = Session { world, transport };
            session.forward(port, &target).await.context(transport)?;
        }
        Ok(())
    })
    .await
}

/// `kubectl` with one of its two transports.
struct Session<'w> {
    world: &'w World,
    transport: &'static str,
}

impl Session<'_> {
    fn command(&self, arguments: &[&str]) -> Result<tokio::process::Command> {
        let mut command = self.world.kubectl_command(arguments)?;
        command
            .env("KUBECTL_REMOTE_COMMAND_WEBSOCKETS", self.transport)
            .env("KUBECTL_PORT_FORWARD_WEBSOCKETS", self.transport)
            .kill_on_drop(true);
        Ok(command)
    }

    async fn run(&self, arguments: &[&str]) -> Result<Outcome> {
        Outcome::of(self.command(arguments)?).await
    }

    async fn exit_codes(&self) -> Result<()> {
        let script = "echo out; echo aside >&2";
        let both = self
            .run(&["exec", "shell", "--", "sh", "-c", script])
            .await?;
        ensure!(
            both.stdout == "out\n" && both.stderr == "aside\n",
            "{both:?}"
        );
        both.ok()?;
        let said = self
            .run(&["exec", "shell", "--", "false"])
            .await?
            .refused(1)?;
        ensure!(said == "command terminated with exit code 1\n", "{said:?}");
        let exit = ["exec", "shell", "-c", "shell", "--", "sh", "-c", "exit 42"];
        self.run(&exit).await?.refused(42)?;
        let said = self
            .run(&["exec", "shell", "--", "no-such-program"])
            .await?
            .refused(1)?;
        contains(&said, "executable file not found")?;
        let said = self
            .run(&["exec", "absent", "--", "true"])
            .await?
            .refused(1)?;
        contains(&said, "pods \"absent\" not found")
    }

    async fn input(&self) -> Result<()> {
        let mut command = self.command(&["exec", "-i", "shell", "--", "wc", "-c"])?;
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut stdin = child.stdin.take().context("stdin")?;
        stdin.write_all(&vec![b'x'; 1_000_000]).await?;
        drop(stdin);
        let output = timeout(PATIENCE, child.wait_with_output()).await??;
        let count = String::from_utf8(output.stdout)?;
        ensure!(
            output.status.success() && count.trim() == "1000000",
            "{count:?}"
        );
        Ok(())
    }

    async fn terminal(&self) -> Result<()> {
        let size = Winsize {
            ws_row: 33,
            ws_col: 111,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pty = openpty(Some(&size), None)?;
        let script = "until stty size | grep '33 111'; do sleep 0.05; done; \
                      echo ready; read line; echo \"got $line\"; exit 9";
        let mut command = self.command(&["exec", "-it", "shell", "--", "sh", "-c", script])?;
        command
            .stdin(pty.slave.try_clone()?)
            .stdout(pty.slave.try_clone()?)
            .stderr(pty.slave);
        let mut child = command.spawn()?;
        drop(command);
        let mut terminal = tokio::fs::File::from_std(File::from(pty.master));
        let mut said = String::new();
        let mut buffer = [0; 1024];
        while !said.contains("ready") {
            let count = timeout(PATIENCE, terminal.read(&mut buffer)).await??;
            said.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
        terminal.write_all(b"hello\r").await?;
        // Reading the near end fails once the far end has been closed.
        while let Ok(count @ 1..) = timeout(PATIENCE, terminal.read(&mut buffer)).await? {
            said.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
        let status = timeout(PATIENCE, child.wait()).await??;
        ensure!(status.code() == Some(9), "{status}: {said:?}");
        contains(&said, "got hello\r\n")
    }

    async fn attach(&self) -> Result<()> {
        let mut command = self.command(&["attach", "-i", "shell"])?;
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut stdin = child.stdin.take().context("stdin")?;
        let mut lines = BufReader::new(child.stdout.take().context("stdout")?).lines();
        stdin.write_all(b"something\n").await?;
        let line = timeout(PATIENCE, lines.next_line()).await??;
        ensure!(line.as_deref() == Some("heard something"), "{line:?}");
        end(child).await
    }

    async fn copy(&self) -> Result<()> {
        let near = self.world.path().join(format!("near-{}", self.transport));
        fs::create_dir_all(near.join("below"))?;
        let bytes: Vec<u8> = (0..3_000_000_u32)
            .map(|at| u8::try_from(at * 31 % 251).unwrap_or_default())
            .collect();
        fs::write(near.join("below/large"), &bytes)?;
        fs::write(near.join("small"), "words\n")?;
        // On pocket a container's paths lie below the Pod's folder.
        let print = [
            "exec",
            "shell",
            "--",
            "sh",
            "-c",
            "echo \"$HOWDAH_ROOT/files\"",
        ];
        let folder = self.run(&print).await?.ok()?;
        let there = format!("shell:{}/{}", folder.trim(), self.transport);
        self.run(&["cp", near.as_str(), &there]).await?.ok()?;
        let back = self.world.path().join(format!("back-{}", self.transport));
        self.run(&["cp", &there, back.as_str()]).await?.ok()?;
        ensure!(
            fs::read(back.join("below/large"))? == bytes,
            "the large file differs"
        );
        ensure!(fs::read_to_string(back.join("small"))? == "words\n");
        Ok(())
    }

    async fn forward(&self, port: &str, target: &Target) -> Result<()> {
        let ports = format!(":{port}");
        let mut command = self.command(&["port-forward", "pod/forwarded-0", &ports])?;
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("stdout")?).lines();
        let line = timeout(PATIENCE, lines.next_line())
            .await??
            .context("a line")?;
        // Forwarding from 127.0.0.1:34567 -> 5432
        let address = line.split_whitespace().nth(2).context("an address")?;
        let target = Target {
            address: address.to_owned(),
            password: target.password.clone(),
        };
        // Several at a time, each with more than fits in any window.
        let query = async || {
            let sql = Sql::connect(&target).await?;
            let wide = "SELECT repeat('x', 1000) FROM generate_series(1, 3000)";
            let rows = sql.values(wide).await?;
            ensure!(rows.len() == 3000, "{} rows", rows.len());
            let long = "y".repeat(2_000_000);
            let length = sql.values(&format!("SELECT length('{long}')")).await?;
            ensure!(length == ["2000000"], "{length:?}");
            Ok(())
        };
        tokio::try_join!(query(), query(), query())?;
        end(child).await
    }
}

/// `kubectl run` for one command, which reads its input and is gone afterwards.
async fn one_off(world: &World) -> Result<()> {
    let mut command = world.kubectl_command(&[
        "run",
        "once",
        "-i",
        "--rm",
        "--quiet",
        "--restart=Never",
        "--image=bundle/postgres-util-18",
        "--command",
        "--",
        "sed",
        "s/^/said: /",
    ])?;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut stdin = child.stdin.take().context("stdin")?;
    stdin.write_all(b"one\ntwo\n").await?;
    drop(stdin);
    let output = timeout(PATIENCE, child.wait_with_output()).await??;
    let said = String::from_utf8(output.stdout)?;
    ensure!(
        output.status.success() && said == "said: one\nsaid: two\n",
        "{said:?}"
    );
    match world.kubectl(&["get", "pod", "once"]).await?.code {
        1 => Ok(()),
        code => bail!("the pod is still there: {code}"),
    }
}

/// Ends a `kubectl` that would go on.
async fn end(mut child: Child) -> Result<()> {
    child.kill().await?;
    timeout(PATIENCE, child.wait()).await??;
    Ok(())
}
