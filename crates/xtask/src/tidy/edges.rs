//! Which crate of the workspace may depend on which: the table of the architecture as data.

use super::Problem;
use crate::workspace::{Kind, Package};

/// One crate and the members that it may depend on.
struct Allowed {
    name: &'static str,
    normal: &'static [&'static str],
    /// In tests, beside the normal ones and testkit.
    dev: &'static [&'static str],
}

const fn allowed(name: &'static str, normal: &'static [&'static str]) -> Allowed {
    Allowed {
        name,
        normal,
        dev: &[],
    }
}

/// Pocket stands in for a real API server in the tests of the crates that talk to one.
const fn allowed_with_pocket(name: &'static str, normal: &'static [&'static str]) -> Allowed {
    Allowed {
        name,
        normal,
        dev: &["howdah-pocket"],
    }
}

/// Edges point down only. What tests need (testkit, e2e, xtask) is in no other crate's list.
const TABLE: [Allowed; 17] = [
    allowed("howdah-types", &[]),
    allowed("howdah-pgwire", &[]),
    allowed("howdah-api", &["howdah-types"]),
    allowed("howdah-plan", &["howdah-api", "howdah-types"]),
    allowed("howdah-ha", &["howdah-types"]),
    allowed("howdah-ha-sim", &["howdah-ha", "howdah-types"]),
    allowed("howdah-session", &["howdah-pgwire"]),
    Allowed {
        name: "howdah-envoy-filter",
        normal: &["howdah-session"],
        // Its tests ask the catalogue for Envoy by name.
        dev: &["howdah-types"],
    },
    allowed("howdah-postgres", &["howdah-types"]),
    allowed("howdah-pocket", &["howdah-types"]),
    allowed_with_pocket(
        "howdah-operator",
        &["howdah-api", "howdah-plan", "howdah-types"],
    ),
    allowed_with_pocket(
        "howdah-agent",
        &["howdah-ha", "howdah-postgres", "howdah-types"],
    ),
    allowed_with_pocket("howdah-cli", &["howdah-api", "howdah-ha", "howdah-types"]),
    allowed(
        "howdah",
        &[
            "howdah-agent",
            "howdah-api",
            "howdah-cli",
            "howdah-operator",
            "howdah-pocket",
            "howdah-types",
        ],
    ),
    allowed("howdah-testkit", &["howdah-types"]),
    allowed(
        "howdah-e2e",
        &["howdah-api", "howdah-testkit", "howdah-types"],
    ),
    allowed(
        "xtask",
        &[
            "howdah-api",
            "howdah-operator",
            "howdah-testkit",
            "howdah-types",
        ],
    ),
];

const TESTKIT: &str = "howdah-testkit";

/// Finds edges between members that are not in the table, and members that the table does not know.
pub(super) fn check(packages: &[Package]) -> Vec<Problem> {
    packages.iter().flat_map(check_package).collect()
}

fn check_package(package: &Package) -> Vec<Problem> {
    let Package { name, dependencies } = package;
    let problem = |what| Problem {
        file: manifest_of(name),
        what,
    };
    let Some(allowed) = TABLE.iter().find(|allowed| allowed.name == name) else {
        return vec![problem(format!(
            "{name} is not in the table of crates/xtask/src/tidy/edges.rs"
        ))];
    };
    dependencies
        .iter()
        .filter(|dependency| dependency.path.is_some())
        .filter(|dependency| !allowed.permits(&dependency.name, dependency.kind))
        .map(|dependency| {
            let kind = match dependency.kind {
                None => "depend on",
                Some(Kind::Build) => "use in its build",
                Some(Kind::Dev) => "use in its tests",
            };
            problem(format!("{name} must not {kind} {}", dependency.name))
        })
        .collect()
}

impl Allowed {
    fn permits(&self, dependency: &str, kind: Option<Kind>) -> bool {
        let dev = kind == Some(Kind::Dev);
        self.normal.contains(&dependency)
            || (dev && (dependency == TESTKIT || self.dev.contains(&dependency)))
    }
}

fn manifest_of(name: &str) -> String {
    format!(
        "crates/{}/Cargo.toml",
        name.strip_prefix("howdah-").unwrap_or(name)
    )
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;
    use crate::workspace::Dependency;

    fn package(name: &str, dependencies: &[(&str, Option<Kind>)]) -> Package {
        Package {
            name: name.to_owned(),
            dependencies: dependencies
                .iter()
                .map(|(name, kind)| Dependency {
                    name: (*name).to_owned(),
                    kind: *kind,
                    path: name.starts_with("howdah").then(|| "/w".into()),
                })
                .collect(),
        }
    }

    fn problems(name: &str, dependencies: &[(&str, Option<Kind>)]) -> Vec<String> {
        check(&[package(name, dependencies)])
            .into_iter()
            .map(|problem| problem.what)
            .collect()
    }

    #[test]
    fn edges_of_the_table_and_foreign_crates_pass() {
        assert_eq!(
            problems(
                "howdah-plan",
                &[("howdah-api", None), ("howdah-types", None), ("kube", None)]
            ),
            Vec::<String>::new()
        );
    }

    #[test]
    fn an_edge_that_points_up_or_sideways_is_named_with_its_manifest() {
        let found = check(&[package("howdah-plan", &[("howdah-operator", None)])]);
        assert_eq!(
            found,
            [Problem {
                file: "crates/plan/Cargo.toml".to_owned(),
                what: "howdah-plan must not depend on howdah-operator".to_owned(),
            }]
        );
        assert_eq!(
            problems("howdah-ha", &[("howdah-postgres", Some(Kind::Build))]),
            ["howdah-ha must not use in its build howdah-postgres"]
        );
    }

    #[test]
    fn test_crates_are_for_tests_alone() {
        assert!(problems("howdah-agent", &[("howdah-testkit", Some(Kind::Dev))]).is_empty());
        for kind in [None, Some(Kind::Build)] {
            assert_eq!(
                problems("howdah-agent", &[("howdah-testkit", kind)]).len(),
                1
            );
        }
        assert_eq!(
            problems("howdah", &[("howdah-e2e", Some(Kind::Dev))]).len(),
            1
        );
        assert!(problems("howdah-operator", &[("howdah-pocket", Some(Kind::Dev))]).is_empty());
        assert_eq!(
            problems("howdah-operator", &[("howdah-pocket", None)]).len(),
            1
        );
    }

    #[test]
    fn a_crate_outside_the_table_is_named() {
        assert_eq!(
            problems("howdah-utils", &[]),
            ["howdah-utils is not in the table of crates/xtask/src/tidy/edges.rs"]
        );
    }
}
