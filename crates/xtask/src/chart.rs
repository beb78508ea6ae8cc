//! `cargo xtask chart`: the Helm chart, rendered by Helm's own engine, is what the manifest says.
//!
//! The engine is a library of the bundle `helm`, called by the Python that lies beside it. What the defaults become is
//! compared with `deploy/howdah.yaml`, object by object; of other values it is checked which objects come and go.

mod cases;
mod objects;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use camino::Utf8Path;
use serde::Deserialize;
use serde_json::Value;

use self::cases::{CASES, Case};
use self::objects::Objects;
use crate::command::last_words;
use crate::components;
use crate::workspace::Workspace;

const SCRIPT: &str = include_str!("chart/render.py");

/// Helm's word for what must be mended; below are hints.
const WARNING: u8 = 2;

/// What the script prints.
#[derive(Deserialize)]
struct Said {
    lint: Lint,
    /// By template, for each set of values.
    rendered: Vec<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct Lint {
    messages: Vec<Message>,
}

#[derive(Deserialize)]
struct Message {
    severity: u8,
    path: String,
    error: String,
}

/// Fails with what is wrong with the chart.
pub(crate) fn check(workspace: &Workspace, components: &Utf8Path) -> Result<()> {
    let deploy = workspace.root.join("deploy");
    let values: Vec<Value> = CASES.iter().map(Case::values).collect::<Result<_>>()?;
    let said = render(&deploy.join("helm/howdah"), components, &values)?;
    let complaints = said.lint.messages.iter();
    let complaints: Vec<_> = complaints
        .filter(|message| message.severity >= WARNING)
        .map(|message| format!("{}: {}", message.path, message.error))
        .collect();
    ensure!(complaints.is_empty(), "lint: {}", complaints.join("; "));
    ensure!(said.rendered.len() == CASES.len(), "a case is missing");
    let manifest = deploy.join("howdah.yaml");
    let manifest = std::fs::read_to_string(&manifest).context("read howdah.yaml")?;
    let manifest = Objects::of_manifest(&manifest)?;
    let mut rendered = CASES.iter().zip(&said.rendered);
    let (_, defaults) = rendered.next().context("there is no case")?;
    let defaults = Objects::of_chart(defaults).context("the defaults")?;
    defaults.equals(&manifest)?;
    for (case, templates) in rendered {
        of_other_values(case, templates, &defaults).context(case.values)?;
    }
    eprintln!(
        "chart: {} sets of values are rendered as expected",
        CASES.len()
    );
    Ok(())
}

fn of_other_values(
    case: &Case,
    templates: &BTreeMap<String, String>,
    defaults: &Objects,
) -> Result<()> {
    let objects = Objects::of_chart(templates)?;
    let (differs, expected) = (defaults.names_differ(&objects), case.differs());
    ensure!(
        differs == expected,
        "objects come and go as {differs:?} instead of {expected:?}"
    );
    for (place, text) in case.says {
        objects.says(place, text)?;
    }
    Ok(())
}

/// Lints the chart, and renders it once for each set of values.
fn render(chart: &Utf8Path, components: &Utf8Path, values: &[Value]) -> Result<Said> {
    let mut python = components::program(components, "helm", "usr/bin/python3.11")?
        .args(["-c", SCRIPT, chart.as_str()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("run the Python of the bundle helm")?;
    // Less than a pipe holds, so nobody waits for anybody.
    if let Some(mut input) = python.stdin.take() {
        input
            .write_all(&serde_json::to_vec(values)?)
            .context("hand the values over")?;
    }
    let output = python.wait_with_output().context("wait for Helm")?;
    ensure!(
        output.status.success(),
        "Helm does not render the chart: {}",
        last_words(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).context("understand what Helm rendered")
}
