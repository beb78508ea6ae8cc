//! Programs run in containers, and listening to them, with the client of `kube`.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::SinkExt;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::Api;
use kube::api::{AttachParams, AttachedProcess, TerminalSize};
use pretty_assertions::assert_eq;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

use crate::support::{eventually, is_alive};
use crate::world::World;

const PATIENCE: Duration = Duration::from_secs(20);
const IDLE: &str = "trap 'exit 0' TERM; while :; do sleep 0.05; done";

async fn pods(world: &World) -> Result<Api<Pod>> {
    Ok(Api::namespaced(world.https().await?, "default"))
}

/// A world with a Pod that does nothing.
async fn idle() -> Result<World> {
    let world = World::new().await?;
    world.pod(IDLE, |_| {}).await?;
    world.ready().await?;
    Ok(world)
}

async fn exec(world: &World, script: &str, parameters: &AttachParams) -> Result<AttachedProcess> {
    let command = ["sh", "-c", script];
    Ok(pods(world).await?.exec("p", command, parameters).await?)
}

/// What is said until the end.
async fn rest(stream: &mut Option<impl AsyncRead + Unpin>) -> Result<String> {
    let mut text = String::new();
    if let Some(stream) = stream {
        tokio::time::timeout(PATIENCE, stream.read_to_string(&mut text)).await??;
    }
    Ok(text)
}

/// Reads until this has been said.
async fn until(stream: &mut (impl AsyncRead + Unpin), wanted: &str) -> Result<String> {
    let mut text = Vec::new();
    let read = async {
        let mut byte = [0];
        while !String::from_utf8_lossy(&text).contains(wanted) {
            stream.read_exact(&mut byte).await?;
            text.push(byte[0]);
        }
        Ok::<_, std::io::Error>(())
    };
    let result = tokio::time::timeout(PATIENCE, read).await;
    let text = String::from_utf8_lossy(&text).into_owned();
    match result {
        Ok(Ok(())) => Ok(text),
        other => anyhow::bail!("{wanted:?} not in {text:?}: {other:?}"),
    }
}

/// Both outputs and the Status.
async fn outcome(mut process: AttachedProcess) -> Result<(String, String, Status)> {
    let status = process.take_status().context("a status")?;
    let (mut stdout, mut stderr) = (process.stdout(), process.stderr());
    let (stdout, stderr) = tokio::join!(rest(&mut stdout), rest(&mut stderr));
    let status = tokio::time::timeout(PATIENCE, status).await?;
    Ok((stdout?, stderr?, status.context("no status came")?))
}

fn code(status: &Status) -> Option<&str> {
    let causes = status.details.as_ref()?.causes.as_ref()?;
    let cause = causes
        .iter()
        .find(|one| one.reason.as_deref() == Some("ExitCode"))?;
    cause.message.as_deref()
}

async fn dead(pid: i32) -> Result<()> {
    eventually("the program ended", async || {
        Ok((!is_alive(pid)).then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_program_runs_as_the_containers_own_and_its_end_is_told() {
    let world = idle().await.unwrap();
    let script = "pwd; echo \"$HOWDAH_ROOT\"; echo oops >&2; exit 7";
    let process = exec(&world, script, &AttachParams::default())
        .await
        .unwrap();
    let (stdout, stderr, status) = outcome(process).await.unwrap();
    let root = world
        .pod_dir(&world.get().await.unwrap())
        .unwrap()
        .join("root");
    assert_eq!(
        (stdout, stderr.as_str()),
        (format!("{root}\n{root}\n"), "oops\n")
    );
    assert_eq!(status.reason.as_deref(), Some("NonZeroExitCode"));
    assert_eq!(code(&status), Some("7"));

    let process = exec(&world, "true", &AttachParams::default())
        .await
        .unwrap();
    let (_, _, status) = outcome(process).await.unwrap();
    assert_eq!(status.status.as_deref(), Some("Success"));

    let process = exec(&world, "kill -9 $$", &AttachParams::default())
        .await
        .unwrap();
    let (_, _, status) = outcome(process).await.unwrap();
    assert_eq!(code(&status), Some("137"));
    world.finish().await.unwrap();
}

#[tokio::test]
async fn a_program_reads_to_the_end_of_what_the_client_writes() {
    let world = idle().await.unwrap();
    let parameters = AttachParams::default().stdin(true);
    let mut process = exec(&world, "wc -c; echo done", &parameters).await.unwrap();
    let mut stdin = process.stdin().unwrap();
    let writer = tokio::spawn(async move {
        // More than any buffer on the way holds.
        for _ in 0..64 {
            stdin.write_all(&[b'x'; 64 * 1024]).await?;
        }
        stdin.shutdown().await
    });
    let (stdout, _, status) = outcome(process).await.unwrap();
    writer.await.unwrap().unwrap();
    assert_eq!(
        stdout.split_whitespace().collect::<Vec<_>>(),
        ["4194304", "done"]
    );
    assert_eq!(status.status.as_deref(), Some("Success"));
    world.finish().await.unwrap();
}

#[tokio::test]
async fn much_output_comes_whole_and_a_background_program_does_not_hold_the_end_up() {
    let world = idle().await.unwrap();
    let script = "head -c 5000000 /dev/zero | tr '\\0' x; sleep 1000 & echo; echo last";
    let process = exec(&world, script, &AttachParams::default())
        .await
        .unwrap();
    let (stdout, _, status) = outcome(process).await.unwrap();
    assert_eq!(stdout.len(), 5_000_000 + 1 + 5);
    assert!(stdout.ends_with("x\nlast\n"));
    assert_eq!(status.status.as_deref(), Some("Success"));
    // What it left belongs to the container, and ends with it.
    world.finish().await.unwrap();
}

#[tokio::test]
async fn a_terminal_has_a_size_that_changes_and_hears_control_keys() {
    let world = idle().await.unwrap();
    let parameters = AttachParams::interactive_tty();
    let script = "trap 'stty size' WINCH; trap 'exit 42' INT; tty; echo $TERM; stty size; \
                  while :; do sleep 0.05; done";
    let mut process = exec(&world, script, &parameters).await.unwrap();
    let status = process.take_status().unwrap();
    let (mut stdin, mut stdout) = (process.stdin().unwrap(), process.stdout().unwrap());
    let mut sizes = process.terminal_size().unwrap();
    let said = until(&mut stdout, "0 0\r\n").await.unwrap();
    assert!(
        said.starts_with("/dev/pts/") && said.contains("xterm"),
        "{said:?}"
    );
    let size = TerminalSize {
        width: 132,
        height: 43,
    };
    sizes.send(size).await.unwrap();
    until(&mut stdout, "43 132\r\n").await.unwrap();
    // Control-C, which the terminal turns into a signal.
    stdin.write_all(b"\x03").await.unwrap();
    let status = tokio::time::timeout(PATIENCE, status)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(code(&status), Some("42"));
    world.finish().await.unwrap();
}

#[tokio::test]
async fn nothing_is_left_of_a_program_whose_client_has_gone() {
    let world = idle().await.unwrap();
    for parameters in [
        AttachParams::interactive_tty(),
        AttachParams::default().stdin(true),
        AttachParams::default(),
    ] {
        for script in [
            "echo $$ $$; exec sleep 1000",
            // Does not want to hear that its terminal is gone, and has a child that has left it.
            "trap '' HUP; setsid sleep 1000 & echo $$ $!; while :; do sleep 0.05; done",
        ] {
            let mut process = exec(&world, script, &parameters).await.unwrap();
            let mut stdout = process.stdout().unwrap();
            let said = until(&mut stdout, "\n").await.unwrap();
            let pids = said
                .split_whitespace()
                .map(|pid| pid.parse::<i32>().unwrap());
            process.abort();
            drop((process, stdout));
            for pid in pids {
                dead(pid).await.unwrap();
            }
        }
    }
    assert!(
        world
            .pod_when("still running", |pod| crate::world::restarts(pod) == 0)
            .await
            .is_ok()
    );
    world.finish().await.unwrap();
}

#[tokio::test]
async fn a_client_that_goes_while_nobody_reads_its_input_is_noticed() {
    let world = idle().await.unwrap();
    let parameters = AttachParams::default().stdin(true);
    let mut process = exec(&world, "echo $$; exec sleep 1000", &parameters)
        .await
        .unwrap();
    let (mut stdin, mut stdout) = (process.stdin().unwrap(), process.stdout().unwrap());
    let pid = until(&mut stdout, "\n")
        .await
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let piece = [0; 64 * 1024];
    let soon = Duration::from_secs(1);
    // Until the pipe of the program, and all that is before it, take nothing more.
    while let Ok(written) = tokio::time::timeout(soon, stdin.write_all(&piece)).await {
        written.unwrap();
    }
    process.abort();
    drop((process, stdin, stdout));
    dead(pid).await.unwrap();
    world.finish().await.unwrap();
}

#[tokio::test]
async fn the_end_of_the_container_is_the_end_of_what_runs_in_it() {
    let world = idle().await.unwrap();
    let mut process = exec(&world, "echo $$; exec sleep 1000", &AttachParams::default())
        .await
        .unwrap();
    let status = process.take_status().unwrap();
    let mut stdout = process.stdout().unwrap();
    let pid = until(&mut stdout, "\n")
        .await
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    world.delete(Some(0)).await.unwrap();
    let status = tokio::time::timeout(PATIENCE, status)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(code(&status), Some("137"));
    dead(pid).await.unwrap();
    world.gone().await.unwrap();
    let late = exec(&world, "true", &AttachParams::default()).await;
    assert!(late.is_err());
    world.finish().await.unwrap();
}

#[tokio::test]
async fn programs_outlive_no_node_but_the_container_can_be_reached_through_the_next() {
    let mut world = idle().await.unwrap();
    world.stop_node().await.unwrap();
    world.start_node().unwrap();
    world.ready().await.unwrap();
    let found = eventually("the adopted container", async || {
        let process = exec(&world, "echo here", &AttachParams::default()).await?;
        let (stdout, _, _) = outcome(process).await?;
        Ok((stdout == "here\n").then_some(()))
    });
    found.await.unwrap();
    world.finish().await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_run_is_told_in_words() {
    let world = idle().await.unwrap();
    let api = pods(&world).await.unwrap();
    let process = api
        .exec("p", ["no-such-program"], &AttachParams::default())
        .await;
    let (_, _, status) = outcome(process.unwrap()).await.unwrap();
    assert_eq!(status.reason.as_deref(), Some("InternalError"));
    let message = status.message.unwrap();
    assert!(
        message.contains("\"no-such-program\": executable file not found"),
        "{message}"
    );
    let parameters = AttachParams::default().container("other");
    assert!(api.exec("p", ["true"], &parameters).await.is_err());
    assert!(
        api.exec("q", ["true"], &AttachParams::default())
            .await
            .is_err()
    );
    let none = AttachParams::default().stdout(false).stderr(false);
    assert!(api.exec("p", ["true"], &none).await.is_err());
    world.finish().await.unwrap();
}

#[tokio::test]
async fn attaching_hears_the_main_process_and_speaks_to_it_once() {
    let world = World::new().await.unwrap();
    let script = "echo before; while read line; do echo \"heard $line\"; echo aside >&2; done; \
                  echo over; exec sleep 1000";
    world
        .pod(script, |pod| {
            let container = &mut pod["spec"]["containers"][0];
            container["stdin"] = json!(true);
            container["stdinOnce"] = json!(true);
        })
        .await
        .unwrap();
    world.printed("before").await.unwrap();
    let parameters = AttachParams::default().stdin(true);
    let mut process = pods(&world)
        .await
        .unwrap()
        .attach("p", &parameters)
        .await
        .unwrap();
    let (mut stdin, mut stdout) = (process.stdin().unwrap(), process.stdout().unwrap());
    let mut stderr = process.stderr().unwrap();
    stdin.write_all(b"one\n").await.unwrap();
    assert_eq!(until(&mut stdout, "\n").await.unwrap(), "heard one\n");
    assert_eq!(until(&mut stderr, "\n").await.unwrap(), "aside\n");
    stdin.shutdown().await.unwrap();
    drop(stdin);
    assert_eq!(until(&mut stdout, "\n").await.unwrap(), "over\n");
    process.abort();
    world.printed("heard one").await.unwrap();
    world.finish().await.unwrap();
}

#[tokio::test]
async fn a_container_on_a_terminal_can_be_attached_to() {
    let world = World::new().await.unwrap();
    let script = "tty; while read line; do stty size; echo \"heard $line\"; done";
    world
        .pod(script, |pod| {
            let container = &mut pod["spec"]["containers"][0];
            container["stdin"] = json!(true);
            container["tty"] = json!(true);
        })
        .await
        .unwrap();
    world.printed("/dev/pts/").await.unwrap();
    let parameters = AttachParams::interactive_tty();
    let mut process = pods(&world)
        .await
        .unwrap()
        .attach("p", &parameters)
        .await
        .unwrap();
    let (mut stdin, mut stdout) = (process.stdin().unwrap(), process.stdout().unwrap());
    let size = TerminalSize {
        width: 100,
        height: 30,
    };
    process.terminal_size().unwrap().send(size).await.unwrap();
    // The size and the line go different ways.
    let heard = eventually("the size", async || {
        stdin.write_all(b"x\n").await?;
        let said = until(&mut stdout, "heard x").await?;
        ensure!(said.contains("30 100"), "{said:?}");
        Ok(Some(()))
    });
    heard.await.unwrap();
    process.abort();
    world.finish().await.unwrap();
}
