//! The instances as their Pods tell, and what is asked of them.

use std::time::Duration;

use howdah_api::labels;
use howdah_ha::machine::Member;
use howdah_types::{ClusterName, InstanceName};
use jiff::Timestamp;
use k8s_openapi::List;
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::error::Error;
use crate::names::{MEMBER_STATUS, PRIMARY, ROLE, index, pods_path};
use crate::server::Server;
use crate::terminal::Terminal;
use crate::text::encode;

const POLL: Duration = Duration::from_millis(300);

/// One instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Instance {
    pub(crate) name: String,
    pub(crate) address: Option<String>,
    pub(crate) primary: bool,
    pub(crate) ready: bool,
    pub(crate) pending_restart: bool,
}

/// What can be asked of one instance, by an annotation on its Pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Stop Postgres in order, and start it.
    Restart,
    /// Replace the copy by a new one.
    Reinitialise,
}

impl Ask {
    fn asked(self) -> &'static str {
        match self {
            Self::Restart => labels::RESTART,
            Self::Reinitialise => labels::REINITIALISE,
        }
    }

    fn answered(self) -> &'static str {
        match self {
            Self::Restart => labels::RESTARTED,
            Self::Reinitialise => labels::REINITIALISED,
        }
    }
}

/// What an instance answered.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Answer {
    None,
    Done,
    Refused(String),
}

/// The instances of a cluster, in order.
pub(crate) async fn list(server: &Server, cluster: &str) -> Result<Vec<Instance>, Error> {
    let pods: List<Pod> = server.read(&pods_path(server.namespace(), cluster)).await?;
    let mut instances: Vec<Instance> = pods.items.iter().map(instance).collect();
    instances.sort_by_key(|instance| index(&instance.name));
    if instances.is_empty() {
        return Err(Error::NotFound(format!(
            "there is no cluster called {cluster} with instances in namespace {}: see `howdah get sgclusters -A`",
            server.namespace()
        )));
    }
    Ok(instances)
}

/// The cluster, its instances, and those of them that people named.
#[derive(Debug)]
pub(crate) struct Scope {
    pub(crate) cluster: String,
    pub(crate) present: Vec<Instance>,
    pub(crate) names: Vec<String>,
}

/// Understands `CLUSTER INSTANCE...`, and `INSTANCE...` alone, which says the cluster too.
pub(crate) async fn scope(server: &Server, words: &[String]) -> Result<Scope, Error> {
    let [first, rest @ ..] = words else {
        return Err(Error::Usage("name a cluster or an instance".to_owned()));
    };
    let missing = match list(server, first).await {
        Ok(present) => {
            return Ok(Scope {
                cluster: first.clone(),
                present,
                names: rest.to_vec(),
            });
        }
        Err(error @ Error::NotFound(_)) => error,
        Err(error) => return Err(error),
    };
    let Ok(instance) = first.parse::<InstanceName>() else {
        return Err(missing);
    };
    let cluster = instance.cluster().to_string();
    let present = list(server, &cluster).await.map_err(|_| missing)?;
    Ok(Scope {
        cluster,
        present,
        names: words.to_vec(),
    })
}

fn instance(pod: &Pod) -> Instance {
    let meta = &pod.metadata;
    let note = meta
        .annotations
        .as_ref()
        .and_then(|all| all.get(MEMBER_STATUS));
    let note: Value = note
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let status = pod.status.as_ref();
    let conditions = status.and_then(|status| status.conditions.as_deref());
    let role = meta.labels.as_ref().and_then(|all| all.get(ROLE));
    Instance {
        name: meta.name.clone().unwrap_or_default(),
        address: status.and_then(|status| status.pod_ip.clone()),
        primary: role.is_some_and(|role| role == PRIMARY),
        ready: conditions
            .unwrap_or_default()
            .iter()
            .any(|condition| condition.type_ == "Ready" && condition.status == "True"),
        pending_restart: note["pending_restart"] == Value::Bool(true),
    }
}

/// The number of an instance that people name.
pub(crate) fn number(cluster: &str, name: &str) -> Result<Member, Error> {
    let of = |name: &InstanceName| u16::try_from(name.index()).ok().map(Member);
    let wrong = || {
        Error::Usage(format!(
            "{name} is no instance of {cluster}: they are called {cluster}-0, {cluster}-1 and so on"
        ))
    };
    let cluster: ClusterName = cluster
        .parse()
        .map_err(|error| Error::Usage(format!("{cluster} is no name of a cluster: {error}")))?;
    let instance: InstanceName = name.parse().map_err(|_| wrong())?;
    if *instance.cluster() != cluster {
        return Err(wrong());
    }
    of(&instance).ok_or_else(wrong)
}

/// The name of a member.
pub(crate) fn named(cluster: &str, member: Member) -> String {
    format!("{cluster}-{}", member.0)
}

/// The instance of that name, if it has a Pod.
pub(crate) fn find<'a>(instances: &'a [Instance], name: &str) -> Result<&'a Instance, Error> {
    let names = || {
        let names: Vec<&str> = instances.iter().map(|one| one.name.as_str()).collect();
        names.join(", ")
    };
    let found = instances.iter().find(|one| one.name == name);
    found.ok_or_else(|| Error::NotFound(format!("there is no instance {name}, only {}", names())))
}

impl Ask {
    /// Asks an instance, and waits until it has done it and is ready again.
    pub(crate) async fn of(
        self,
        server: &Server,
        name: &str,
        limit: Duration,
        terminal: &mut Terminal,
    ) -> Result<(), Error> {
        let wish = Timestamp::now().to_string();
        let path = format!(
            "/api/v1/namespaces/{}/pods/{}",
            encode(server.namespace()),
            encode(name)
        );
        let patch = json!({"metadata": {"annotations": {self.asked(): wish}}});
        server.merge(&path, &patch).await?;
        let end = Instant::now() + limit;
        loop {
            let pod: Pod = server.read(&path).await?;
            let awaited = match self.answer(&pod, &wish) {
                Answer::Refused(why) => {
                    return Err(Error::NotNow(format!("{name} refused: {why}")));
                }
                Answer::Done if instance(&pod).ready => {
                    terminal.end_progress();
                    return Ok(());
                }
                Answer::Done => "to be ready again",
                Answer::None => "to do it",
            };
            if Instant::now() >= end {
                return Err(Error::Timeout(format!(
                    "waited {} s for {name} {awaited}; the wish stays written down",
                    limit.as_secs()
                )));
            }
            terminal.progress(&format!("waiting for {name} {awaited}"));
            sleep(POLL).await;
        }
    }

    fn answer(self, pod: &Pod, wish: &str) -> Answer {
        let annotations = pod.metadata.annotations.as_ref();
        let text = annotations.and_then(|all| all.get(self.answered()));
        match text.and_then(|text| text.strip_prefix(wish)) {
            None => Answer::None,
            Some("") => Answer::Done,
            Some(rest) => {
                let why = rest.trim_start().trim_start_matches("refused: ");
                Answer::Refused(why.to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    fn pod(answer: &str) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": "simple-1", "labels": {"role": "primary"},
                "annotations": {"howdah.io/restarted": answer, "status": "{\"pending_restart\": true}"}},
            "status": {"podIP": "10.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]}
        }))
        .unwrap()
    }

    #[test]
    fn an_instance_is_read_from_its_pod() {
        let expected = Instance {
            name: "simple-1".to_owned(),
            address: Some("10.0.0.1".to_owned()),
            primary: true,
            ready: true,
            pending_restart: true,
        };
        assert_eq!(instance(&pod("")), expected);
        assert!(!instance(&Pod::default()).ready);
    }

    #[test]
    fn only_the_answer_to_this_wish_counts() {
        let answer = |text| Ask::Restart.answer(&pod(text), "2026-01-01T00:00:00Z");
        assert_eq!(answer("2025-01-01T00:00:00Z"), Answer::None);
        assert_eq!(answer("2026-01-01T00:00:00Z"), Answer::Done);
        let refused = answer("2026-01-01T00:00:00Z refused: Postgres does not run");
        assert_eq!(refused, Answer::Refused("Postgres does not run".to_owned()));
    }

    #[test]
    fn instances_are_named_in_full() {
        assert_eq!(number("simple", "simple-2").unwrap(), Member(2));
        for name in ["2", "other-2", "simple-", "simple-70000", "simple"] {
            assert!(number("simple", name).is_err(), "{name}");
        }
    }
}
