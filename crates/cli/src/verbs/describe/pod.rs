//! What a description of a Pod shows of its own: its containers, and how they ended before.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod};
use serde_json::Value;

use super::generic::{field, section};
use crate::table::Table;
use crate::text::since;

const DASH: &str = "-";

pub(super) fn lines(object: &Value, now: Timestamp) -> Vec<String> {
    let pod: Pod = serde_json::from_value(object.clone()).unwrap_or_default();
    let spec = pod.spec.unwrap_or_default();
    let status = pod.status.unwrap_or_default();
    let text = |value: &Option<String>| value.clone().unwrap_or(DASH.to_owned());
    let mut lines = vec![
        field("Phase", &text(&status.phase)),
        field("Address", &text(&status.pod_ip)),
        field("Node", &text(&spec.node_name)),
    ];
    if let Some(message) = &status.message {
        lines.push(field("Message", message));
    }
    let mut table = Table::new(["NAME", "READY", "STATE", "RESTARTS", "LAST END", "IMAGE"]);
    for container in &spec.containers {
        let found = status
            .container_statuses
            .iter()
            .flatten()
            .find(|status| status.name == container.name);
        let image = container.image.as_deref().unwrap_or(DASH);
        table.row(row(&container.name, image, found, now));
    }
    lines.extend(section("Containers", table.lines()));
    let mut volumes = Table::new(["NAME", "SOURCE"]);
    for volume in object
        .pointer("/spec/volumes")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let name = volume["name"].as_str().unwrap_or_default();
        volumes.row([name.to_owned(), source(volume)]);
    }
    if !volumes.is_empty() {
        lines.extend(section("Volumes", volumes.lines()));
    }
    lines
}

fn row(name: &str, image: &str, status: Option<&ContainerStatus>, now: Timestamp) -> [String; 6] {
    let state = status.and_then(|status| status.state.as_ref());
    let last = status.and_then(|status| status.last_state.as_ref());
    let ready = status.is_some_and(|status| status.ready);
    [
        name.to_owned(),
        if ready { "yes" } else { "no" }.to_owned(),
        state.map_or(DASH.to_owned(), |state| describe(state, now)),
        status.map_or(0, |status| status.restart_count).to_string(),
        last.map_or(DASH.to_owned(), |state| describe(state, now)),
        image.to_owned(),
    ]
}

fn describe(state: &ContainerState, now: Timestamp) -> String {
    if let Some(waiting) = &state.waiting {
        let reason = waiting.reason.as_deref().unwrap_or("unknown");
        return match &waiting.message {
            Some(message) => format!("waiting: {reason}, {message}"),
            None => format!("waiting: {reason}"),
        };
    }
    if let Some(running) = &state.running {
        let started = running.started_at.as_ref();
        return started.map_or("running".to_owned(), |time| {
            format!("running for {}", since(time.0, now))
        });
    }
    if let Some(ended) = &state.terminated {
        let reason = ended.reason.as_deref().unwrap_or("ended");
        let when = ended.finished_at.as_ref();
        let when = when.map_or(String::new(), |time| {
            format!(", {} ago", since(time.0, now))
        });
        return format!("{reason}, exit code {}{when}", ended.exit_code);
    }
    DASH.to_owned()
}

/// Where a volume comes from: `configMap simple-postgresql-conf`, `emptyDir`.
fn source(volume: &Value) -> String {
    let Value::Object(map) = volume else {
        return DASH.to_owned();
    };
    let found = map.iter().find(|(key, _)| *key != "name");
    found.map_or(DASH.to_owned(), |(kind, detail)| {
        let keys = ["name", "claimName", "secretName"];
        let name = keys.iter().find_map(|key| detail[*key].as_str());
        name.map_or(kind.clone(), |name| format!("{kind} {name}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    #[test]
    fn containers_tell_how_they_are_and_how_they_ended() {
        let now: Timestamp = "2026-11-22T10:00:30Z".parse().unwrap();
        let pod = json!({
            "metadata": {"name": "simple-0"},
            "spec": {"nodeName": "pocket", "containers": [{"name": "patroni", "image": "bundle/postgres-18"}],
                "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "simple-data-simple-0"}},
                    {"name": "socket", "emptyDir": {}}]},
            "status": {"phase": "Running", "podIP": "127.70.1.0", "containerStatuses": [{
                "name": "patroni", "ready": true, "restartCount": 1, "image": "", "imageID": "",
                "state": {"running": {"startedAt": "2026-11-22T10:00:00Z"}},
                "lastState": {"terminated": {"exitCode": 137, "reason": "Error", "finishedAt": "2026-11-22T09:59:50Z"}}}]}
        });
        assert_eq!(
            lines(&pod, now).join("\n"),
            "\
Phase:       Running
Address:     127.70.1.0
Node:        pocket

Containers:
  NAME      READY   STATE             RESTARTS   LAST END                       IMAGE
  patroni   yes     running for 30s   1          Error, exit code 137, 40s ago   bundle/postgres-18

Volumes:
  NAME     SOURCE
  data     persistentVolumeClaim simple-data-simple-0
  socket   emptyDir"
                .replace(
                    "LAST END                       IMAGE",
                    "LAST END                        IMAGE"
                )
        );
    }
}
