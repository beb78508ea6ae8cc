//! The shim as the node meets it: a program, a few files and signals.

use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use camino::Utf8PathBuf;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{
    eventually, file_with, is_alive, no_process_with, processes_with, shim_program,
};

/// One container in a temporary folder; whatever is left of it is killed at the end.
struct World {
    _guard: tempfile::TempDir,
    dir: Utf8PathBuf,
    mark: String,
}

impl World {
    fn new() -> Result<Self> {
        let guard = tempfile::tempdir()?;
        let dir = Utf8PathBuf::try_from(guard.path().to_owned())?;
        let mark = format!("shim-test-{}", uuid::Uuid::new_v4());
        Ok(Self {
            _guard: guard,
            dir,
            mark,
        })
    }

    fn write_spec(&self, script: &str, change: impl FnOnce(&mut Value)) -> Result<()> {
        let mut spec = json!({
            "mark": self.mark,
            "program": "/bin/sh",
            "argv": ["sh", "-c", script],
            "env": {"PATH": "/usr/bin:/bin", "HOWDAH_CONTAINER_ID": self.mark},
            "workingDir": self.dir.join("root"),
            "directories": [self.dir.join("root/tmp")],
            "links": [],
            "log": self.dir.join("0.log"),
        });
        change(&mut spec);
        std::fs::write(self.dir.join("spec.json"), spec.to_string())?;
        Ok(())
    }

    fn command(&self) -> Result<Command> {
        let mut command = Command::new(shim_program()?);
        command
            .arg("pocket-shim")
            .arg(self.dir.join("spec.json"))
            .env("HOWDAH_CONTAINER_ID", &self.mark)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        Ok(command)
    }

    fn start(&self, script: &str) -> Result<Child> {
        self.write_spec(script, |_| {})?;
        Ok(self.command()?.spawn()?)
    }

    async fn read(&self, file: &str) -> Result<Value> {
        let path = self.dir.join(file);
        eventually(file, async || {
            let text = std::fs::read_to_string(&path)?;
            Ok(Some(serde_json::from_str(&text)?))
        })
        .await
    }

    async fn exit(&self) -> Result<Value> {
        self.read("exit.json").await
    }

    async fn main_pid(&self) -> Result<i32> {
        let state = self.read("state.json").await?;
        let pid = state["main"]["pid"].as_i64().context("no pid")?;
        Ok(i32::try_from(pid)?)
    }

    async fn printed(&self, text: &str) -> Result<String> {
        file_with(&self.dir.join("0.log"), text).await
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for pid in processes_with(&format!("HOWDAH_CONTAINER_ID={}", self.mark)) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

fn signal(child: &Child, signal: Signal) -> Result<()> {
    Ok(kill(Pid::from_raw(i32::try_from(child.id())?), signal)?)
}

#[tokio::test]
async fn the_exit_code_and_every_line_are_kept() {
    let world = World::new().unwrap();
    let script = "i=0; while [ $i -lt 5000 ]; do echo line $i; i=$((i+1)); done; echo oops >&2; printf end; exit 7";
    let mut shim = world.start(script).unwrap();
    assert!(shim.wait().unwrap().success());
    let exit = world.exit().await.unwrap();
    assert_eq!(exit["exitCode"], 7);
    assert_eq!(exit.get("signal"), None);
    let log = world.printed("line 0").await.unwrap();
    let stdout: Vec<_> = log
        .lines()
        .filter(|line| line.contains(" stdout "))
        .collect();
    assert_eq!(stdout.len(), 5001);
    for (index, line) in stdout.iter().take(5000).enumerate() {
        assert!(line.ends_with(&format!(" stdout F line {index}")), "{line}");
    }
    assert!(stdout[5000].ends_with(" stdout P end"));
    assert!(log.contains(" stderr F oops\n"));
}

#[tokio::test]
async fn a_signal_is_passed_on_and_the_program_may_handle_it() {
    let world = World::new().unwrap();
    let script = "trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done";
    let mut shim = world.start(script).unwrap();
    world.printed("ready").await.unwrap();
    signal(&shim, Signal::SIGTERM).unwrap();
    assert!(shim.wait().unwrap().success());
    assert_eq!(world.exit().await.unwrap()["exitCode"], 5);
}

#[tokio::test]
async fn a_deadly_signal_is_told_as_kubernetes_does() {
    let world = World::new().unwrap();
    let mut shim = world.start("echo ready; exec sleep 1000").unwrap();
    world.printed("ready").await.unwrap();
    signal(&shim, Signal::SIGTERM).unwrap();
    shim.wait().unwrap();
    let exit = world.exit().await.unwrap();
    assert_eq!(
        (&exit["exitCode"], &exit["signal"]),
        (&json!(143), &json!(15))
    );
}

#[tokio::test]
async fn everything_dies_with_the_main_process() {
    let world = World::new().unwrap();
    // A background child, one in a session of its own, and a double-forked one that ignores signals.
    let script = "sleep 1000 & setsid sleep 1000 & (trap '' TERM HUP; setsid sh -c 'sleep 1000 & sleep 1000' &) ; \
        sleep 0.2; echo forked; exit 0";
    let mut shim = world.start(script).unwrap();
    world.printed("forked").await.unwrap();
    assert!(shim.wait().unwrap().success());
    // The exit is recorded only when nothing is left, so there is nothing to wait for.
    assert_eq!(world.exit().await.unwrap()["exitCode"], 0);
    let entry = format!("HOWDAH_CONTAINER_ID={}", world.mark);
    assert_eq!(processes_with(&entry), Vec::<i32>::new());
}

#[tokio::test]
async fn the_order_to_kill_spares_nobody() {
    let world = World::new().unwrap();
    let script =
        "trap '' TERM; (trap '' TERM; sleep 1000) & echo ready; while :; do sleep 0.05; done";
    let mut shim = world.start(script).unwrap();
    world.printed("ready").await.unwrap();
    signal(&shim, Signal::SIGTERM).unwrap();
    signal(&shim, Signal::SIGALRM).unwrap();
    assert!(shim.wait().unwrap().success());
    assert_eq!(world.exit().await.unwrap()["exitCode"], 137);
    no_process_with(&format!("HOWDAH_CONTAINER_ID={}", world.mark))
        .await
        .unwrap();
}

#[tokio::test]
async fn the_main_process_dies_with_a_killed_shim() {
    let world = World::new().unwrap();
    let mut shim = world.start("echo ready; exec sleep 1000").unwrap();
    world.printed("ready").await.unwrap();
    let main = world.main_pid().await.unwrap();
    assert!(is_alive(main));
    shim.kill().unwrap();
    shim.wait().unwrap();
    eventually("end of the main process", async || {
        Ok((!is_alive(main)).then_some(()))
    })
    .await
    .unwrap();
    assert!(!world.dir.join("exit.json").exists());
}

#[tokio::test]
async fn a_shim_outlives_who_has_started_it() {
    let world = World::new().unwrap();
    world
        .write_spec("echo ready; sleep 0.3; echo done", |_| {})
        .unwrap();
    let program = shim_program().unwrap();
    let status = Command::new("/bin/sh")
        .args([
            "-c",
            "\"$0\" pocket-shim \"$1\" >/dev/null 2>&1 & kill -9 $$",
        ])
        .arg(program)
        .arg(world.dir.join("spec.json"))
        .env("HOWDAH_CONTAINER_ID", &world.mark)
        .status()
        .unwrap();
    assert!(!status.success());
    assert_eq!(world.exit().await.unwrap()["exitCode"], 0);
    assert!(world.printed("done").await.unwrap().contains("ready"));
}

#[tokio::test]
async fn a_program_that_cannot_start_is_an_exit_with_a_reason() {
    let world = World::new().unwrap();
    world
        .write_spec("", |spec| spec["program"] = json!("/nowhere/program"))
        .unwrap();
    assert!(world.command().unwrap().status().unwrap().success());
    let exit = world.exit().await.unwrap();
    assert_eq!(exit["exitCode"], 128);
    assert_eq!(exit["reason"], "StartError");
    assert!(
        exit["message"]
            .as_str()
            .unwrap()
            .starts_with("/nowhere/program: No such file")
    );
}

#[tokio::test]
async fn mounts_are_links_and_are_mended() {
    let world = World::new().unwrap();
    let (volume, mount) = (world.dir.join("volume"), world.dir.join("root/var/lib/x"));
    std::fs::create_dir(&volume).unwrap();
    std::fs::write(volume.join("f"), "content").unwrap();
    std::fs::create_dir_all(&mount).unwrap();
    world
        .write_spec("cat var/lib/x/f; ls tmp; pwd", |spec| {
            spec["links"] = json!([{"path": mount, "target": volume, "createTarget": false}]);
        })
        .unwrap();
    assert!(world.command().unwrap().status().unwrap().success());
    assert_eq!(world.exit().await.unwrap()["exitCode"], 0);
    assert_eq!(std::fs::read_link(&mount).unwrap(), volume.as_std_path());
    assert!(world.printed("content").await.is_ok());
}

/// Says something to the shim and hears its answer, if there is one before it hangs up.
async fn say(world: &World, words: &[u8]) -> Result<String> {
    let mut visitor = tokio::net::UnixStream::connect(world.dir.join("shim.sock")).await?;
    // A shim that has heard enough hangs up in the middle.
    let _ = visitor.write_all(words).await;
    let mut answer = vec![0; 4096];
    let patience = std::time::Duration::from_secs(20);
    let count = tokio::time::timeout(patience, visitor.read(&mut answer)).await?;
    answer.truncate(count.unwrap_or_default());
    Ok(String::from_utf8(answer)?)
}

#[tokio::test]
async fn visitors_who_talk_nonsense_do_not_disturb_the_container() {
    let world = World::new().unwrap();
    let script = "trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done";
    let mut shim = world.start(script).unwrap();
    world.printed("ready").await.unwrap();
    let answer = say(&world, b"what is this\n").await.unwrap();
    assert!(answer.starts_with("{\"refused\":"), "{answer}");
    let run = |argv: Value| {
        json!({"run": {"argv": argv, "terminal": false, "streams":
        {"stdin": false, "stdout": false, "stderr": false}}})
    };
    for argv in [
        json!([]),
        json!(["no-such-program"]),
        json!(["/etc/passwd"]),
    ] {
        let answer = say(&world, format!("{}\n", run(argv)).as_bytes())
            .await
            .unwrap();
        assert!(answer.starts_with("{\"refused\":"), "{answer}");
    }
    // One byte more than the longest request, without an end.
    assert_eq!(say(&world, &vec![b'x'; 512 * 1024 + 1]).await.unwrap(), "");
    // More visitors than there may be: the last one is heard when another has left.
    let mut crowd = Vec::new();
    for _ in 0..64 {
        let visitor = tokio::net::UnixStream::connect(world.dir.join("shim.sock")).await;
        crowd.push(visitor.unwrap());
    }
    let words = format!("{}\n", run(json!(["true"])));
    let late = say(&world, words.as_bytes());
    let leave = async {
        tokio::task::yield_now().await;
        drop(crowd);
    };
    let (answer, ()) = tokio::join!(late, leave);
    let answer = answer.unwrap();
    assert!(answer.starts_with("{\"begun\":"), "{answer}");
    signal(&shim, Signal::SIGTERM).unwrap();
    assert!(shim.wait().unwrap().success());
    assert_eq!(world.exit().await.unwrap()["exitCode"], 5);
    assert!(!world.dir.join("shim.sock").exists());
}
