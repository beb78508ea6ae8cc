//! A cluster's status as text for people.

use super::leadership::Leadership;
use super::model::{ClusterStatus, Member};
use crate::table::Table;
use crate::text::bytes;

const DASH: &str = "-";

/// The lines of `howdah status`.
pub(crate) fn lines(status: &ClusterStatus) -> Vec<String> {
    let mut lines = header(status);
    lines.push(String::new());
    if status.members.is_empty() {
        lines.push("There are no instances.".to_owned());
        return lines;
    }
    lines.extend(members(&status.members).lines());
    if status.told_by.is_none() {
        lines.push(String::new());
        lines.push(
            "No instance answers; this is what the API knows, so lag is unknown and states may be old."
                .to_owned(),
        );
    }
    lines
}

fn header(status: &ClusterStatus) -> Vec<String> {
    let streaming = status.members.iter().filter(|m| m.is_streaming()).count();
    let version = status.postgres_version.as_deref();
    let mut lines = vec![
        field("Cluster", &format!("{}/{}", status.namespace, status.name)),
        field("Postgres", version.unwrap_or("not decided yet")),
        field(
            "Instances",
            &format!("{streaming} of {} streaming", status.instances),
        ),
        field("Primary", status.primary.as_deref().unwrap_or("none")),
    ];
    lines.extend(status.leadership.iter().flat_map(leadership));
    for service in &status.services {
        let label = match service.serves {
            "read-write" => "Read-write",
            _ => "Read-only",
        };
        lines.push(field(
            label,
            &format!("{} (Service {})", service.address, service.name),
        ));
    }
    let mut conditions = status.conditions.iter().filter_map(|condition| {
        let holds = condition.status == "True";
        let detail = if condition.message.is_empty() {
            condition.reason.clone()
        } else {
            format!("{}, {}", condition.reason, condition.message)
        };
        holds.then(|| format!("{}: {detail}", condition.kind))
    });
    if let Some(first) = conditions.next() {
        lines.push(field("Conditions", &first));
        lines.extend(conditions.map(|next| field("", &next)));
    }
    lines
}

/// Who leads, how writes are confirmed, and what people have set.
fn leadership(leadership: &Leadership) -> Vec<String> {
    let holder = leadership.holder.as_deref().unwrap_or("nobody");
    let state = if leadership.replicates {
        ", which streams from the source"
    } else if leadership.serving {
        ""
    } else {
        ", not serving clients"
    };
    let mut lines = vec![
        field("Term", &format!("{} of {holder}{state}", leadership.epoch)),
        field("Writes", &leadership.writes()),
    ];
    if leadership.paused {
        lines.push(field("Paused", "no instance takes over by itself"));
    }
    if !leadership.fenced.is_empty() {
        lines.push(field("Fenced", &leadership.fenced.join(", ")));
    }
    if let Some(intent) = &leadership.intent {
        lines.push(field("Under way", intent));
    }
    lines
}

fn field(label: &str, value: &str) -> String {
    format!("{label:<12}{value}")
}

fn members(members: &[Member]) -> Table {
    let mut header = vec![
        "INSTANCE",
        "ROLE",
        "STATE",
        "TIMELINE",
        "LAG",
        "ADDRESS",
        "READY",
        "RESTARTS",
        "PENDING RESTART",
    ];
    let tagged = members.iter().any(|member| !member.tags.is_empty());
    if tagged {
        header.push("TAGS");
    }
    let mut table = Table::new(header);
    let dash = || DASH.to_owned();
    for member in members {
        let pending = if member.pending_parameters.is_empty() {
            if member.pending_restart {
                "yes".to_owned()
            } else {
                dash()
            }
        } else {
            member.pending_parameters.join(", ")
        };
        let mut row = vec![
            member.name.clone(),
            member.role.clone().unwrap_or_else(dash),
            state(member),
            member.timeline.map_or_else(dash, |line| line.to_string()),
            member.lag_bytes.map_or_else(dash, bytes),
            member.address.clone().unwrap_or_else(dash),
            if member.ready { "yes" } else { "no" }.to_owned(),
            member.restarts.to_string(),
            pending,
        ];
        if tagged {
            row.push(match member.tags.as_slice() {
                [] => dash(),
                tags => tags.join(", "),
            });
        }
        table.row(row);
    }
    table
}

/// What Postgres does, and what the instance does where that is not its plain part.
fn state(member: &Member) -> String {
    let plain = ["primary", "follower"];
    match member.phase.as_deref() {
        Some(phase) if !plain.contains(&phase) => format!("{} ({phase})", member.state),
        _ => member.state.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::{Condition, ServiceAddress};
    use super::*;
    use pretty_assertions::assert_eq;

    fn status() -> ClusterStatus {
        ClusterStatus {
            namespace: "default".into(),
            name: "simple".into(),
            postgres_version: Some("18.6".into()),
            instances: 2,
            primary: Some("simple-0".into()),
            told_by: Some("simple-0".into()),
            leadership: None,
            conditions: vec![
                Condition {
                    kind: "Bootstrapped".into(),
                    status: "True".into(),
                    reason: "ClusterBootstrapped".into(),
                    ..Condition::default()
                },
                Condition {
                    kind: "Failed".into(),
                    status: "False".into(),
                    reason: "FalseFailed".into(),
                    ..Condition::default()
                },
                Condition {
                    kind: "PendingRestart".into(),
                    status: "True".into(),
                    reason: "PodRequiresRestart".into(),
                    message: "simple-0".into(),
                    ..Condition::default()
                },
            ],
            services: vec![ServiceAddress {
                name: "simple".into(),
                serves: "read-write",
                address: "127.70.128.1:5432".into(),
            }],
            members: vec![
                Member {
                    name: "simple-0".into(),
                    role: Some("primary".into()),
                    state: "running".into(),
                    timeline: Some(1),
                    address: Some("127.70.1.0:5432".into()),
                    ready: true,
                    pending_restart: true,
                    pending_parameters: vec!["max_connections".into()],
                    ..Member::default()
                },
                Member {
                    name: "simple-1".into(),
                    role: Some("replica".into()),
                    state: "streaming".into(),
                    timeline: Some(1),
                    lag_bytes: Some(16 << 20),
                    address: Some("127.70.1.1:5432".into()),
                    ready: true,
                    restarts: 1,
                    ..Member::default()
                },
            ],
        }
    }

    #[test]
    fn the_text_has_a_header_and_a_row_per_instance() {
        assert_eq!(
            lines(&status()).join("\n"),
            "\
Cluster     default/simple
Postgres    18.6
Instances   2 of 2 streaming
Primary     simple-0
Read-write  127.70.128.1:5432 (Service simple)
Conditions  Bootstrapped: ClusterBootstrapped
            PendingRestart: PodRequiresRestart, simple-0

INSTANCE   ROLE      STATE       TIMELINE   LAG      ADDRESS           READY   RESTARTS   PENDING RESTART
simple-0   primary   running     1          -        127.70.1.0:5432   yes     0          max_connections
simple-1   replica   streaming   1          16 MiB   127.70.1.1:5432   yes     1          -"
        );
    }

    #[test]
    fn leadership_phases_and_tags_are_shown_where_there_are_any() {
        let mut status = status();
        status.services.clear();
        status.conditions.clear();
        status.leadership = Some(Leadership {
            epoch: 4,
            holder: Some("simple-0".into()),
            mode: "async".into(),
            paused: true,
            fenced: vec!["simple-1".into()],
            intent: Some("switchover".into()),
            ..Leadership::default()
        });
        status.members[0].phase = Some("primary".into());
        status.members[1].phase = Some("rejoin".into());
        status.members[1].tags = vec!["nofailover", "nosync"];
        assert_eq!(
            lines(&status).join("\n"),
            "\
Cluster     default/simple
Postgres    18.6
Instances   2 of 2 streaming
Primary     simple-0
Term        4 of simple-0, not serving clients
Writes      confirmed by the primary alone (async)
Paused      no instance takes over by itself
Fenced      simple-1
Under way   switchover

INSTANCE   ROLE      STATE                TIMELINE   LAG      ADDRESS           READY   RESTARTS   PENDING RESTART   TAGS
simple-0   primary   running              1          -        127.70.1.0:5432   yes     0          max_connections   -
simple-1   replica   streaming (rejoin)   1          16 MiB   127.70.1.1:5432   yes     1          -                 nofailover, nosync"
        );
    }

    #[test]
    fn silence_of_all_instances_is_told() {
        let mut silent = status();
        silent.told_by = None;
        assert!(
            lines(&silent)
                .last()
                .unwrap()
                .starts_with("No instance answers")
        );
        silent.members.clear();
        assert_eq!(lines(&silent).last().unwrap(), "There are no instances.");
    }
}
