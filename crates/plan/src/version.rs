//! Choosing the Postgres version of a cluster.
//!
//! A version that was chosen once stays until somebody asks for another: a newer catalogue alone
//! restarts nothing. The major version of existing data never changes here.

use howdah_types::catalogue::Catalogue;
use howdah_types::{PgMajor, PgVersion, VersionRequest};

use crate::invalid::Invalid;

const FIELD: &str = "spec.postgres.version";

/// Releases with defects that corrupt or lose data, or that the API refuses: (major, minor).
const KNOWN_BAD: &[(u8, u16)] = &[
    (13, 21),
    (14, 0),
    (14, 1),
    (14, 2),
    (14, 3),
    (14, 18),
    (15, 13),
    (16, 9),
    (17, 5),
];

/// Whether a release must not be run.
pub fn is_known_bad(version: PgVersion) -> bool {
    KNOWN_BAD.contains(&(version.major().number(), version.minor()))
}

/// The version to run: what was asked for, from what is offered, given what the data was made with.
pub fn resolve(
    requested: &str,
    catalogue: &Catalogue,
    recorded: Option<PgVersion>,
) -> Result<PgVersion, Invalid> {
    let request = keep_major(requested, recorded)?;
    if let VersionRequest::Exact(version) = request
        && is_known_bad(version)
    {
        return Err(Invalid::config(
            FIELD,
            format!(
                "Postgres {version} has defects that endanger data and is refused; use another minor version"
            ),
        ));
    }
    let offered = good_versions(catalogue);
    match (request, recorded) {
        (VersionRequest::Exact(_), _) | (_, None) => request.resolve(offered),
        (_, Some(recorded)) => stay(recorded, &offered),
    }
    .ok_or_else(|| not_offered(request, recorded.map(PgVersion::major), catalogue))
}

/// What is asked for, if it is not another major version than the data has.
fn keep_major(requested: &str, recorded: Option<PgVersion>) -> Result<VersionRequest, Invalid> {
    let request: VersionRequest = requested
        .parse()
        .map_err(|error| Invalid::config(FIELD, format!("{error}")))?;
    if let (Some(recorded), Some(asked)) = (recorded, major_of(request))
        && recorded.major() != asked
    {
        return Err(major_change(recorded, request));
    }
    Ok(request)
}

/// The major version that a cluster runs, as far as the manifest and its data say it.
pub(crate) fn major(
    requested: &str,
    recorded: Option<PgVersion>,
) -> Result<Option<PgMajor>, Invalid> {
    let request = keep_major(requested, recorded)?;
    Ok(major_of(request).or(recorded.map(PgVersion::major)))
}

fn major_of(request: VersionRequest) -> Option<PgMajor> {
    match request {
        VersionRequest::Latest => None,
        VersionRequest::Major(major) => Some(major),
        VersionRequest::Exact(version) => Some(version.major()),
    }
}

/// The recorded version, or the newest of its major when it is no longer offered.
fn stay(recorded: PgVersion, offered: &[PgVersion]) -> Option<PgVersion> {
    if offered.contains(&recorded) {
        return Some(recorded);
    }
    VersionRequest::Major(recorded.major()).resolve(offered.iter().copied())
}

fn good_versions(catalogue: &Catalogue) -> Vec<PgVersion> {
    catalogue
        .postgres_versions()
        .into_iter()
        .filter_map(|version| version.parse().ok())
        .filter(|version| !is_known_bad(*version))
        .collect()
}

fn major_change(recorded: PgVersion, request: VersionRequest) -> Invalid {
    Invalid::major_upgrade(
        FIELD,
        format!(
            "the data of this cluster is of Postgres {}; the major version cannot be changed to {request} \
             here, use an SGDbOps with op majorVersionUpgrade",
            recorded.major(),
        ),
    )
}

fn not_offered(request: VersionRequest, data: Option<PgMajor>, catalogue: &Catalogue) -> Invalid {
    let asked = match (request, data) {
        (VersionRequest::Latest, Some(major)) => format!("Postgres {major} (the cluster's data)"),
        (VersionRequest::Latest, None) => "the latest Postgres".to_owned(),
        _ => format!("Postgres {request}"),
    };
    let offered = catalogue.postgres_versions();
    let offered = if offered.is_empty() {
        "none is".to_owned()
    } else {
        format!("available: {}", offered.join(", "))
    };
    Invalid::config(FIELD, format!("{asked} is not available here; {offered}"))
}

#[cfg(test)]
mod tests {
    use howdah_types::catalogue::{Component, ComponentName};
    use pretty_assertions::assert_eq;
    use rstest::rstest;

    use super::*;
    use crate::invalid::Reason;

    fn catalogue(versions: &[&str]) -> Catalogue {
        let component = |version: &&str| Component {
            component: ComponentName::Postgres,
            version: (*version).to_owned(),
            image: format!("bundle/postgres-{version}"),
            programs: Vec::new(),
            env: std::collections::BTreeMap::new(),
        };
        Catalogue {
            components: versions.iter().map(component).collect(),
        }
    }

    #[rstest]
    #[case::newest("latest", None, "18.6")]
    #[case::newest_of_major("17", None, "17.9")]
    #[case::exact("15.14", None, "15.14")]
    #[case::latest_stays("latest", Some("15.14"), "15.14")]
    #[case::major_stays("18", Some("18.5"), "18.5")]
    #[case::recorded_is_gone("latest", Some("15.12"), "15.14")]
    #[case::exact_minor_moves("18.6", Some("18.5"), "18.6")]
    fn resolved(#[case] asked: &str, #[case] recorded: Option<&str>, #[case] expected: &str) {
        let recorded = recorded.map(|version| version.parse().unwrap());
        let offered = catalogue(&["15.14", "18.6", "18.5", "17.9", "17.5"]);
        let version = resolve(asked, &offered, recorded).unwrap();
        assert_eq!(version.to_string(), expected);
    }

    #[rstest]
    #[case::syntax(
        "newest",
        None,
        "Postgres version \"newest\" must be latest, MAJOR or MAJOR.MINOR, for example 18 or 18.1"
    )]
    #[case::unknown(
        "16",
        None,
        "Postgres 16 is not available here; available: 18.6, 17.9, 17.5"
    )]
    #[case::bad(
        "17.5",
        None,
        "Postgres 17.5 has defects that endanger data and is refused; use another minor version"
    )]
    #[case::data_of_a_lost_major(
        "latest",
        Some("15.14"),
        "Postgres 15 (the cluster's data) is not available here; available: 18.6, 17.9, 17.5"
    )]
    fn refused(#[case] asked: &str, #[case] recorded: Option<&str>, #[case] message: &str) {
        let recorded = recorded.map(|version| version.parse().unwrap());
        let offered = catalogue(&["18.6", "17.9", "17.5"]);
        let invalid = resolve(asked, &offered, recorded).unwrap_err();
        assert_eq!(invalid, Invalid::config(FIELD, message));
    }

    #[rstest]
    fn the_major_of_existing_data_is_not_changed(#[values("17", "17.9")] asked: &str) {
        let offered = catalogue(&["18.6", "17.9"]);
        let invalid = resolve(asked, &offered, Some("18.6".parse().unwrap())).unwrap_err();
        assert_eq!(invalid.reason, Reason::ClusterMajorUpgrade);
    }

    #[test]
    fn an_empty_catalogue_says_so() {
        let invalid = resolve("latest", &Catalogue::default(), None).unwrap_err();
        assert_eq!(
            invalid.message,
            "the latest Postgres is not available here; none is"
        );
    }
}
