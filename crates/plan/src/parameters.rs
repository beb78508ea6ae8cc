//! Postgres parameters: where each value comes from and in which order the sources win.
//!
//! Merge order, weakest first: built-in defaults, values derived from the instance profile and the
//! volume, the SGPostgresConfig, the inline map of the cluster. Parameters that the instance agent
//! owns (listen addresses, recovery, file locations) never pass through here.

mod blocklist;
mod defaults;
mod derived;
mod known;
mod render;
mod value;

use std::collections::BTreeMap;

use howdah_types::PgMajor;

use crate::invalid::Invalid;

pub use blocklist::{is_agent_owned, is_blocked};
pub use defaults::builtin;
pub use derived::{Capacity, derive};
pub use render::render;
pub(crate) use render::{check_name, check_value};

/// Parameter names (lower case) and values, in the order in which they are written.
pub type Parameters = BTreeMap<String, String>;

/// Where a user-set parameter was written, for the field path of a message.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// What people call the place, for example `SGPostgresConfig "simple-18-default"`.
    pub what: &'a str,
    /// The field path of the map that holds the parameters.
    pub path: &'a str,
}

/// Everything that goes into one `postgresql.conf`.
#[derive(Debug, Clone, Copy)]
pub struct Layers<'a> {
    /// The Postgres major version.
    pub major: PgMajor,
    /// What the instance has to live on.
    pub capacity: Capacity,
    /// The map of the referenced SGPostgresConfig and where it stands.
    pub config: (Source<'a>, &'a Parameters),
    /// The inline map of the SGCluster and where it stands.
    pub inline: (Source<'a>, &'a Parameters),
}

/// The result of a merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    /// The parameters to write.
    pub parameters: Parameters,
    /// Paths of user-set parameters that are dropped because the agent owns them.
    pub not_acted_on: Vec<String>,
}

/// Merges all layers, or says everything that is wrong with what the user set.
pub fn effective(layers: &Layers<'_>) -> Result<Effective, Vec<Invalid>> {
    let mut problems = Vec::new();
    let mut not_acted_on = Vec::new();
    let (config_source, config) = layers.config;
    let config = accept(
        layers.major,
        config_source,
        config,
        Blocked::Refuse,
        &mut problems,
    );
    let (inline_source, inline) = layers.inline;
    let inline = accept(
        layers.major,
        inline_source,
        inline,
        Blocked::Drop,
        &mut problems,
    );
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut user = Parameters::new();
    for (source, map) in [(config_source, config), (inline_source, inline)] {
        for (name, value) in map {
            if is_agent_owned(&name) {
                not_acted_on.push(format!("{}.{name}", source.path));
            } else {
                user.insert(name, value);
            }
        }
    }
    let mut parameters = builtin(layers.major);
    parameters.extend(derive(layers.capacity, &user));
    parameters.extend(user);
    Ok(Effective {
        parameters,
        not_acted_on,
    })
}

/// What is set without effect in one source, or everything that is wrong there.
pub(crate) fn of_one_source(
    major: PgMajor,
    source: Source<'_>,
    map: &Parameters,
    blocked: Blocked,
) -> Result<Vec<String>, Vec<Invalid>> {
    let mut problems = Vec::new();
    let accepted = accept(major, source, map, blocked, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    let without_effect = accepted.keys().filter(|name| is_agent_owned(name));
    Ok(without_effect
        .map(|name| format!("{}.{name}", source.path))
        .collect())
}

/// What happens to a blocklisted parameter in one source.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Blocked {
    /// It is an error.
    Refuse,
    /// It is left out.
    Drop,
}

/// Checks and normalises the parameters of one source.
fn accept(
    major: PgMajor,
    source: Source<'_>,
    map: &Parameters,
    blocked: Blocked,
    problems: &mut Vec<Invalid>,
) -> Parameters {
    let mut accepted = Parameters::new();
    for (name, value) in map {
        let lower = name.to_ascii_lowercase();
        if is_blocked(&lower) {
            if blocked == Blocked::Refuse {
                problems.push(refused(
                    source,
                    name,
                    "is set by the operator and cannot be changed; remove it",
                ));
            }
            continue;
        }
        let checked = check_name(&lower)
            .and_then(|()| known::check_major(&lower, major))
            .and_then(|()| check_value(value))
            .and_then(|()| known::check_value(&lower, value.trim()));
        match checked {
            Ok(()) => {
                accepted.insert(lower, value.trim().to_owned());
            }
            Err(why) => problems.push(refused(source, name, &why)),
        }
    }
    accepted
}

fn refused(source: Source<'_>, name: &str, why: &str) -> Invalid {
    Invalid::config(
        format!("{}.{}", source.path, name.escape_debug()),
        format!(
            "parameter \"{}\" of {} {why}",
            name.escape_debug(),
            source.what
        ),
    )
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    fn map(pairs: &[(&str, &str)]) -> Parameters {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    fn merge(config: &Parameters, inline: &Parameters) -> Result<Effective, Vec<Invalid>> {
        effective(&Layers {
            major: "18".parse().unwrap(),
            capacity: Capacity {
                cpu_millis: 1000,
                memory: 2 << 30,
                volume: 5 << 30,
            },
            config: (
                Source {
                    what: "SGPostgresConfig \"a\"",
                    path: "SGPostgresConfig/a.spec.postgresql.conf",
                },
                config,
            ),
            inline: (
                Source {
                    what: "the cluster",
                    path: "spec.configurations.postgres.postgresql.conf",
                },
                inline,
            ),
        })
    }

    #[test]
    fn a_later_layer_wins() {
        let merged = merge(
            &map(&[("work_mem", "12MB"), ("jit", "off")]),
            &map(&[("JIT", " on ")]),
        )
        .unwrap();
        assert_eq!(merged.parameters["work_mem"], "12MB");
        assert_eq!(merged.parameters["jit"], "on");
        assert_eq!(merged.parameters["shared_buffers"], "512MB");
        assert_eq!(merged.parameters["checkpoint_timeout"], "15min");
    }

    #[test]
    fn derived_values_replace_built_in_ones_and_never_what_the_user_set() {
        let defaults = merge(&map(&[]), &map(&[])).unwrap().parameters;
        assert_eq!(defaults["maintenance_work_mem"], "128MB");
        let set = merge(&map(&[("maintenance_work_mem", "2GB")]), &map(&[]))
            .unwrap()
            .parameters;
        assert_eq!(set["maintenance_work_mem"], "2GB");
    }

    #[test]
    fn a_blocklisted_key_is_refused_in_the_config_and_dropped_inline() {
        let problems = merge(&map(&[("Port", "1")]), &map(&[])).unwrap_err();
        assert_eq!(
            problems,
            vec![Invalid::config(
                "SGPostgresConfig/a.spec.postgresql.conf.Port".to_owned(),
                "parameter \"Port\" of SGPostgresConfig \"a\" is set by the operator and cannot be \
                 changed; remove it"
                    .to_owned(),
            )]
        );
        let dropped = merge(&map(&[]), &map(&[("archive_mode", "off")])).unwrap();
        assert_eq!(dropped.parameters["archive_mode"], "on");
    }

    #[test]
    fn a_parameter_of_the_agent_is_reported_and_not_written() {
        let merged = merge(&map(&[("data_directory", "/tmp")]), &map(&[])).unwrap();
        assert_eq!(merged.parameters.get("data_directory"), None);
        assert_eq!(
            merged.not_acted_on,
            vec!["SGPostgresConfig/a.spec.postgresql.conf.data_directory".to_owned()]
        );
    }

    #[test]
    fn every_problem_is_reported_at_once() {
        let problems = merge(
            &map(&[("stats_temp_directory", "x"), ("a b", "1")]),
            &map(&[("work_mem", "1\nport = 1")]),
        )
        .unwrap_err();
        let messages: Vec<_> = problems.iter().map(|p| p.message.as_str()).collect();
        assert_eq!(
            messages,
            vec![
                "parameter \"a b\" of SGPostgresConfig \"a\" is not a parameter name",
                "parameter \"stats_temp_directory\" of SGPostgresConfig \"a\" does not exist in \
                 Postgres 18; it was removed in 15",
                "parameter \"work_mem\" of the cluster has a value with a control character",
            ]
        );
    }
}
