//! What Envoy says about a configuration or a build that does not fit.

use std::fs;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};

use crate::programs;
use crate::world::Ground;

/// What Envoy says when it is asked whether it would take a configuration; whether it would.
async fn judge(ground: &Ground, change: impl FnOnce(String) -> String) -> Result<(bool, String)> {
    let path = ground.folder.join("envoy.yaml");
    fs::write(&path, change(fs::read_to_string(&path)?))?;
    let mut command = ground.envoy()?;
    command.args(["--mode", "validate"]);
    said(command).await
}

async fn said(mut command: std::process::Command) -> Result<(bool, String)> {
    command.stderr(Stdio::piped());
    let output = tokio::process::Command::from(command)
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(programs::PATIENCE, output)
        .await
        .context("Envoy takes too long")??;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok((output.status.success(), text))
}

#[tokio::test]
async fn a_configuration_that_is_not_understood_is_refused_in_words() -> Result<()> {
    let (taken, text) = judge(&Ground::new()?, |text| text).await?;
    ensure!(taken, "{text}");
    ensure!(text.contains("ABI version v0.2.0 matched"), "{text}");
    for (from, to, words) in [
        (
            "requireTls: false",
            "requireTLS: false",
            "unknown field `requireTLS`",
        ),
        (
            "requireTls: false",
            "requireTls: maybe",
            "invalid type: string \"maybe\"",
        ),
        ("tls: refuse", "tls: perhaps", "unknown variant `perhaps`"),
        (
            "filter_name: postgres",
            "filter_name: mysql",
            "no filter \"mysql\" here, only \"postgres\"",
        ),
    ] {
        let (taken, text) = judge(&Ground::new()?, |text| text.replace(from, to)).await?;
        ensure!(!taken, "{to} was taken: {text}");
        ensure!(text.contains(words), "{to}: {text}");
    }
    Ok(())
}

#[tokio::test]
async fn an_envoy_with_another_interface_is_refused_in_one_sentence() -> Result<()> {
    let ground = Ground::new()?;
    // There is no second Envoy to be had, so this is the one that there is, with another number in it.
    let mut program = fs::read(programs::envoy()?.get_program())?;
    let (ours, other) = (b"v0.2.0", b"v0.9.7");
    let found: Vec<usize> = program
        .windows(ours.len())
        .enumerate()
        .filter_map(|(at, bytes)| (bytes == ours).then_some(at))
        .collect();
    ensure!(
        !found.is_empty(),
        "Envoy does not say which interface it has"
    );
    for at in found {
        program[at..at + other.len()].copy_from_slice(other);
    }
    let path = ground.folder.join("another-envoy");
    fs::write(&path, program)?;
    let mut mode = fs::metadata(&path)?.permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o755);
    fs::set_permissions(&path, mode)?;
    let mut command = howdah_testkit::unprivileged(std::process::Command::new(&path))?;
    command
        .args(["--mode", "validate", "-c"])
        .arg(ground.folder.join("envoy.yaml"))
        .env("ENVOY_DYNAMIC_MODULES_SEARCH_PATH", &ground.folder);
    let (taken, text) = said(command).await?;
    ensure!(!taken, "it was taken: {text}");
    let sentence = "howdah_envoy_filter: libhowdah_envoy_filter.so is built for the module interface v0.2.0 of Envoy \
                    1.40, and this Envoy has v0.9.7";
    ensure!(text.lines().any(|line| line == sentence), "{text}");
    Ok(())
}
