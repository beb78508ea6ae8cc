//! How the instances keep a cluster available, in the form in which they read it (`ha.json`).
//!
//! Patroni's timings choose one of our profiles, which keeps what they ask for: `ttl` is the longest
//! that a primary may be silent before another instance takes over, `loop_wait` the longest between
//! two renewals.
//!
//! | `ttl` | `loop_wait` | profile | renewal | right to serve without one | taken over after |
//! |---|---|---|---|---|---|
//! | not set | any | `default`, now `fast` | 1 s | 5 s | 6 s |
//! | 6 to 9 | any | `fast` | 1 s | 5 s | 6 s |
//! | 10 and more | 1 | `fast` | 1 s | 5 s | 6 s |
//! | 10 and more | not set, or 2 and more | `fleet` | 2 s | 8.5 s | 10 s |
//!
//! A synchronous mode does not wait so long: there the other instances decide together.
//! `retry_timeout` only has to fit the other two, as Patroni wants it.
//! `maximum_lag_on_failover` matters in the `async` mode alone, and beside the rule by time, which holds
//! in any case: a standby that lags by more than three seconds cannot take over.

mod source;

use howdah_api::ClusterSpec;
use howdah_api::cluster::ReplicationMode;
use howdah_types::ClusterName;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::invalid::Invalid;

pub use source::Source;

/// Field path of the user's settings in Patroni's form.
const FIELD: &str = "spec.configurations.patroni.dynamicConfig";

/// The keys of `dynamicConfig` that have an effect, besides `postgresql.pg_hba`.
pub(crate) const ACTED_ON: [&str; 4] = [TTL, LOOP_WAIT, RETRY_TIMEOUT, MAXIMUM_LAG];

const TTL: &str = "ttl";
const LOOP_WAIT: &str = "loop_wait";
const RETRY_TIMEOUT: &str = "retry_timeout";
const MAXIMUM_LAG: &str = "maximum_lag_on_failover";

/// The least `ttl`: the `fast` profile needs so long to be sure.
const LEAST_TTL: u64 = 6;
/// From here on the `fleet` profile keeps what `ttl` asks for.
const FLEET_TTL: u64 = 10;
/// So often the `fleet` profile renews, in seconds.
const FLEET_LOOP_WAIT: u64 = 2;
/// An hour, in seconds; more is a mistake in the unit.
const MOST_SECONDS: u64 = 3600;

/// A set of periods that the instances know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// What suits most.
    Default,
    /// Detects the loss of a primary soon.
    Fast,
    /// Writes half as often, for many clusters on one API server.
    Fleet,
}

/// What the instances are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// When a commit is reported to the client.
    pub mode: ReplicationMode,
    /// How many standbys must have a commit; only in the modes that count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync_instances: Option<u32>,
    /// The periods.
    pub profile: Profile,
    /// Patroni's `ttl` as the user set it, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u64>,
    /// Patroni's `loop_wait` as the user set it, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loop_wait: Option<u64>,
    /// Patroni's `retry_timeout` as the user set it, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_timeout: Option<u64>,
    /// Patroni's `maximum_lag_on_failover` as the user set it, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum_lag_on_failover: Option<u64>,
    /// What a standby cluster streams from; none for a cluster that takes writes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicate_from: Option<Source>,
}

impl Settings {
    /// The settings as the instances read them.
    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("settings are plain data")
    }
}

/// The settings of a cluster, or everything that is wrong with them.
pub(crate) fn settings(name: &ClusterName, spec: &ClusterSpec) -> Result<Settings, Vec<Invalid>> {
    let replication = spec.replication.clone().unwrap_or_default();
    let mode = replication.mode.unwrap_or_default();
    let nothing = Map::new();
    let config = dynamic_config(spec).unwrap_or(&nothing);
    let mut problems = Vec::new();
    let source = source::source(name, spec);
    let mut read = |key: &str, least: u64, most: u64| {
        let number = number(config, key, least, most);
        number.unwrap_or_else(|problem| {
            problems.push(problem);
            None
        })
    };
    let settings = Settings {
        mode,
        sync_instances: counts(mode).then(|| {
            let wanted = replication.sync_instances.unwrap_or(1);
            u32::try_from(wanted).unwrap_or(1).max(1)
        }),
        ttl: read(TTL, LEAST_TTL, MOST_SECONDS),
        loop_wait: read(LOOP_WAIT, 1, MOST_SECONDS),
        retry_timeout: read(RETRY_TIMEOUT, 1, MOST_SECONDS),
        maximum_lag_on_failover: read(MAXIMUM_LAG, 0, i64::MAX.unsigned_abs()),
        profile: Profile::Default,
        replicate_from: source.unwrap_or_else(|problem| {
            problems.push(problem);
            None
        }),
    };
    problems.extend(relation(&settings));
    if problems.is_empty() {
        Ok(Settings {
            profile: profile(settings.ttl, settings.loop_wait),
            ..settings
        })
    } else {
        Err(problems)
    }
}

/// Whether a mode asks for a number of standbys.
pub(crate) fn counts(mode: ReplicationMode) -> bool {
    matches!(mode, ReplicationMode::Sync | ReplicationMode::StrictSync)
}

fn profile(ttl: Option<u64>, loop_wait: Option<u64>) -> Profile {
    let often = loop_wait.is_some_and(|wait| wait < FLEET_LOOP_WAIT);
    match ttl {
        None => Profile::Default,
        Some(ttl) if ttl < FLEET_TTL || often => Profile::Fast,
        Some(_) => Profile::Fleet,
    }
}

/// The user's settings in Patroni's form, which are a free object for the API.
pub(crate) fn dynamic_config(spec: &ClusterSpec) -> Option<&Map<String, Value>> {
    let configurations = spec.configurations.as_ref()?;
    configurations.patroni.as_ref()?.dynamic_config.as_ref()
}

/// A whole number, which Patroni also takes as text.
fn number(
    config: &Map<String, Value>,
    key: &str,
    least: u64,
    most: u64,
) -> Result<Option<u64>, Invalid> {
    let given = match config.get(key) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(other) => other.as_u64(),
    };
    let fits = given.filter(|number| (least..=most).contains(number));
    fits.map(Some).ok_or_else(|| {
        let message = if key == MAXIMUM_LAG {
            "must be a number of bytes, 0 or more".to_owned()
        } else {
            format!("must be a whole number of seconds from {least} to {most}")
        };
        Invalid::config(format!("{FIELD}.{key}"), format!("{key} {message}"))
    })
}

/// Patroni's own rule. What is not set follows from what is.
fn relation(settings: &Settings) -> Option<Invalid> {
    let ttl = settings.ttl?;
    let loop_wait = settings.loop_wait.unwrap_or(0);
    let retry = settings.retry_timeout.unwrap_or(0);
    let least = loop_wait + 2 * retry;
    (ttl < least).then(|| {
        let message = format!(
            "ttl must be at least loop_wait + 2 * retry_timeout (here {least}, but ttl is {ttl}), \
             or a primary that is well would be taken for lost; raise ttl or lower the others"
        );
        Invalid::config(format!("{FIELD}.{TTL}"), message)
    })
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn of(replication: Value, dynamic: Value) -> Result<String, Vec<String>> {
        let spec: ClusterSpec = serde_json::from_value(json!({
            "instances": 3,
            "postgres": {"version": "18"},
            "pods": {"persistentVolume": {"size": "5Gi"}},
            "replication": replication,
            "configurations": {"patroni": {"dynamicConfig": dynamic}},
        }))
        .unwrap();
        settings(&"b".parse().unwrap(), &spec)
            .map(|settings| settings.json())
            .map_err(|problems| problems.into_iter().map(|p| p.message).collect())
    }

    #[rstest]
    #[case(json!({}), json!({}), r#"{"mode":"async","profile":"default"}"#)]
    #[case(json!({"mode": "sync"}), json!({}), r#"{"mode":"sync","syncInstances":1,"profile":"default"}"#)]
    #[case(
        json!({"mode": "strict-sync", "syncInstances": 2}), json!({}),
        r#"{"mode":"strict-sync","syncInstances":2,"profile":"default"}"#
    )]
    #[case(json!({"mode": "sync-all"}), json!({}), r#"{"mode":"sync-all","profile":"default"}"#)]
    #[case(
        json!({"mode": "strict-sync-all"}), json!({}),
        r#"{"mode":"strict-sync-all","profile":"default"}"#
    )]
    #[case(json!({}), json!({"ttl": 9}), r#"{"mode":"async","profile":"fast","ttl":9}"#)]
    #[case(
        json!({}),
        json!({"ttl": 30, "loop_wait": "10", "retry_timeout": 10, "maximum_lag_on_failover": 0}),
        r#"{"mode":"async","profile":"fleet","ttl":30,"loopWait":10,"retryTimeout":10,"maximumLagOnFailover":0}"#
    )]
    #[case(
        json!({}), json!({"ttl": 10, "loop_wait": 1}),
        r#"{"mode":"async","profile":"fast","ttl":10,"loopWait":1}"#
    )]
    #[case(json!({}), json!({"ttl": null}), r#"{"mode":"async","profile":"default"}"#)]
    fn what_instances_read(
        #[case] replication: Value,
        #[case] dynamic: Value,
        #[case] expected: &str,
    ) {
        assert_eq!(of(replication, dynamic), Ok(expected.to_owned()));
    }

    #[rstest]
    #[case(json!({"ttl": 5}), "ttl must be a whole number of seconds from 6 to 3600")]
    #[case(json!({"ttl": 3601}), "ttl must be a whole number of seconds from 6 to 3600")]
    #[case(json!({"ttl": 7.5}), "ttl must be a whole number of seconds from 6 to 3600")]
    #[case(json!({"ttl": "long"}), "ttl must be a whole number of seconds from 6 to 3600")]
    #[case(json!({"ttl": true}), "ttl must be a whole number of seconds from 6 to 3600")]
    #[case(json!({"loop_wait": 0}), "loop_wait must be a whole number of seconds from 1 to 3600")]
    #[case(
        json!({"retry_timeout": -1}),
        "retry_timeout must be a whole number of seconds from 1 to 3600"
    )]
    #[case(
        json!({"maximum_lag_on_failover": -1}),
        "maximum_lag_on_failover must be a number of bytes, 0 or more"
    )]
    #[case(
        json!({"ttl": 29, "loop_wait": 10, "retry_timeout": 10}),
        "ttl must be at least loop_wait + 2 * retry_timeout (here 30, but ttl is 29), or a primary \
         that is well would be taken for lost; raise ttl or lower the others"
    )]
    fn what_is_refused(#[case] dynamic: Value, #[case] message: &str) {
        assert_eq!(of(json!({}), dynamic), Err(vec![message.to_owned()]));
    }

    #[test]
    fn numbers_at_the_limits_are_accepted() {
        let dynamic = json!({"ttl": 6, "loop_wait": 2, "retry_timeout": 2});
        assert!(of(json!({}), dynamic).is_ok());
        let dynamic = json!({"ttl": 3600, "loop_wait": 3600, "maximum_lag_on_failover": i64::MAX});
        assert!(of(json!({}), dynamic).is_ok());
    }
}
