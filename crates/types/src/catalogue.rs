//! The catalogue: which third-party component is offered in which version by which image.
//!
//! One shape is used twice: in the ConfigMap that the operator reads, and in the file beside pocket's bundles,
//! where it also says which folders to put on `PATH`. Reading and writing YAML is the caller's business.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Name of the catalogue file in the components folder, and of its key in the ConfigMap.
pub const FILE_NAME: &str = "catalogue.yaml";

/// The folder of the bundles where neither a flag nor `HOWDAH_COMPONENTS` names one.
///
/// `None` for an ordinary user without `$XDG_DATA_HOME` and `$HOME`.
#[must_use]
pub fn default_folder(root: bool, xdg_data: Option<&str>, home: Option<&str>) -> Option<String> {
    // The specification of XDG_DATA_HOME has relative paths ignored.
    let absolute = |path: &&str| path.starts_with('/');
    if root {
        return Some("/var/lib/howdah/components".to_owned());
    }
    xdg_data
        .filter(absolute)
        .map(|data| below(data, "howdah/components"))
        .or_else(|| {
            home.filter(absolute)
                .map(|home| below(home, ".local/share/howdah/components"))
        })
}

/// A third-party program, or group of programs, that Howdah runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ComponentName {
    /// The Postgres server, its tools and its extensions.
    Postgres,
    /// `psql` and friends, for people.
    PostgresUtil,
    /// The connection pooler.
    Pgbouncer,
    /// The proxy in front of the pooler.
    Envoy,
    /// The metrics collector.
    Prometheus,
    /// The Kubernetes command line client.
    Kubectl,
    /// The key-value store used by comparisons with other stacks.
    Etcd,
}

impl ComponentName {
    /// Every name, in the order of the catalogue.
    pub const ALL: [Self; 7] = [
        Self::Postgres,
        Self::PostgresUtil,
        Self::Pgbouncer,
        Self::Envoy,
        Self::Prometheus,
        Self::Kubectl,
        Self::Etcd,
    ];

    /// The name as it is written in the catalogue.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::PostgresUtil => "postgres-util",
            Self::Pgbouncer => "pgbouncer",
            Self::Envoy => "envoy",
            Self::Prometheus => "prometheus",
            Self::Kubectl => "kubectl",
            Self::Etcd => "etcd",
        }
    }
}

impl fmt::Display for ComponentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One component in one version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// What it is.
    pub component: ComponentName,
    /// Its version, numbers with dots between them, for example `18.6`.
    pub version: String,
    /// What a container that runs it names as its image; unique in a catalogue.
    pub image: String,
    /// Folders to put on `PATH`, relative to the catalogue file; only used by pocket.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub programs: Vec<String>,
    /// Environment whose values are paths relative to the catalogue file; only used by pocket.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
}

impl Component {
    /// The folders of [`Component::programs`] as absolute paths, given the folder of the catalogue file.
    pub fn program_dirs<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = String> + 'a {
        self.programs.iter().map(move |path| below(folder, path))
    }

    /// The variables of [`Component::env`] with absolute values, given the folder of the catalogue file.
    pub fn env_vars<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = (&'a str, String)> {
        self.env
            .iter()
            .map(move |(name, path)| (name.as_str(), below(folder, path)))
    }
}

fn below(folder: &str, path: &str) -> String {
    format!("{}/{path}", folder.trim_end_matches('/'))
}

/// All components that an installation offers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// The entries, in no particular order.
    pub components: Vec<Component>,
}

impl Catalogue {
    /// The entry of an image, by exact match.
    #[must_use]
    pub fn by_image(&self, image: &str) -> Option<&Component> {
        self.components.iter().find(|entry| entry.image == image)
    }

    /// The versions of one component, newest first.
    #[must_use]
    pub fn versions_of(&self, name: ComponentName) -> Vec<&Component> {
        let mut found: Vec<_> = self
            .components
            .iter()
            .filter(|entry| entry.component == name)
            .collect();
        found.sort_by(|a, b| compare_versions(&b.version, &a.version));
        found
    }

    /// The newest version of one component.
    #[must_use]
    pub fn newest(&self, name: ComponentName) -> Option<&Component> {
        self.versions_of(name).into_iter().next()
    }

    /// One component in exactly this version.
    #[must_use]
    pub fn find(&self, name: ComponentName, version: &str) -> Option<&Component> {
        self.components
            .iter()
            .find(|entry| entry.component == name && entry.version == version)
    }

    /// The newest version of one component whose first number is `major`.
    #[must_use]
    pub fn newest_of_major(&self, name: ComponentName, major: u32) -> Option<&Component> {
        self.versions_of(name)
            .into_iter()
            .find(|entry| numbers(&entry.version).next() == Some(u64::from(major)))
    }

    /// The Postgres versions on offer, newest first.
    #[must_use]
    pub fn postgres_versions(&self) -> Vec<&str> {
        self.versions_of(ComponentName::Postgres)
            .into_iter()
            .map(|entry| entry.version.as_str())
            .collect()
    }

    /// What is wrong with the entries taken together, in words; empty when nothing is.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (index, entry) in self.components.iter().enumerate() {
            let Component {
                component,
                version,
                image,
                ..
            } = entry;
            if image.is_empty() {
                problems.push(format!("{component} {version} names no image"));
            } else if self.components[..index]
                .iter()
                .any(|other| other.image == *image)
            {
                problems.push(format!("image {image} is named by two entries"));
            }
            if !is_version(version) {
                problems.push(format!(
                    "{component} has the version {version:?}, which is no version number"
                ));
            }
        }
        problems
    }
}

/// Orders versions by their numbers, so that `9.10` comes after `9.9`.
#[must_use]
pub fn compare_versions(a: &str, b: &str) -> Ordering {
    numbers(a).cmp(numbers(b)).then_with(|| a.cmp(b))
}

fn is_version(text: &str) -> bool {
    text.split('.')
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

fn numbers(version: &str) -> impl Iterator<Item = u64> {
    version.split('.').map(|part| part.parse().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(component: ComponentName, version: &str, image: &str) -> Component {
        Component {
            component,
            version: version.to_owned(),
            image: image.to_owned(),
            programs: Vec::new(),
            env: BTreeMap::new(),
        }
    }

    fn catalogue() -> Catalogue {
        Catalogue {
            components: vec![
                entry(ComponentName::Postgres, "15.18", "bundle/postgres-15"),
                entry(ComponentName::Postgres, "18.6", "bundle/postgres-18"),
                entry(ComponentName::Postgres, "17.9", "bundle/postgres-17"),
                entry(ComponentName::Postgres, "17.10", "bundle/postgres-17-next"),
                entry(ComponentName::PostgresUtil, "18.6", "bundle/postgres-util"),
            ],
        }
    }

    #[test]
    fn postgres_versions_come_newest_first_by_number() {
        assert_eq!(
            catalogue().postgres_versions(),
            ["18.6", "17.10", "17.9", "15.18"]
        );
    }

    #[test]
    fn newest_of_a_major_is_found_and_a_missing_major_is_not() {
        let catalogue = catalogue();
        let image = |major| {
            catalogue
                .newest_of_major(ComponentName::Postgres, major)
                .map(|entry| entry.image.as_str())
        };
        assert_eq!(image(17), Some("bundle/postgres-17-next"));
        assert_eq!(image(16), None);
        assert_eq!(
            catalogue
                .newest(ComponentName::Postgres)
                .map(|entry| entry.version.as_str()),
            Some("18.6")
        );
        assert_eq!(catalogue.newest(ComponentName::Envoy), None);
    }

    #[test]
    fn an_entry_is_found_by_its_exact_image_or_version() {
        let catalogue = catalogue();
        assert_eq!(
            catalogue
                .by_image("bundle/postgres-18")
                .map(|e| e.version.as_str()),
            Some("18.6")
        );
        assert_eq!(catalogue.by_image("bundle/postgres"), None);
        assert!(catalogue.find(ComponentName::Postgres, "17.9").is_some());
        assert!(catalogue.find(ComponentName::Postgres, "17").is_none());
    }

    #[test]
    fn serialised_form_is_the_documented_one() {
        let text = r#"{"components":[{"component":"postgres-util","version":"18.6","image":"bundle/postgres-util","programs":["a/bin"],"env":{"LOCPATH":"a/locale"}},{"component":"kubectl","version":"1.33.4","image":"bundle/kubectl"}]}"#;
        let catalogue: Catalogue = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&catalogue).unwrap(), text);
        let util = catalogue.by_image("bundle/postgres-util").unwrap();
        assert_eq!(util.program_dirs("/c/").collect::<Vec<_>>(), ["/c/a/bin"]);
        assert_eq!(
            util.env_vars("/c").collect::<Vec<_>>(),
            [("LOCPATH", "/c/a/locale".to_owned())]
        );
    }

    #[test]
    fn every_name_is_written_as_it_is_displayed() {
        for name in ComponentName::ALL {
            assert_eq!(serde_json::to_value(name).unwrap(), name.to_string());
        }
    }

    #[test]
    fn the_default_folder_depends_on_the_user() {
        let folder = |root, xdg, home| default_folder(root, xdg, home);
        assert_eq!(
            folder(true, Some("/x"), Some("/root")).unwrap(),
            "/var/lib/howdah/components"
        );
        assert_eq!(
            folder(false, Some("/x/"), Some("/home/a")).unwrap(),
            "/x/howdah/components"
        );
        for xdg in [None, Some(""), Some("relative")] {
            assert_eq!(
                folder(false, xdg, Some("/home/a")).unwrap(),
                "/home/a/.local/share/howdah/components"
            );
        }
        assert_eq!(folder(false, None, None), None);
    }

    #[test]
    fn unknown_fields_and_components_are_refused() {
        for text in [
            r#"{"components":[],"more":1}"#,
            r#"{"components":[{"component":"postgres","version":"1","image":"i","tag":"x"}]}"#,
            r#"{"components":[{"component":"mysql","version":"1","image":"i"}]}"#,
        ] {
            assert!(serde_json::from_str::<Catalogue>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn problems_name_doubled_images_and_bad_versions() {
        assert_eq!(catalogue().problems(), Vec::<String>::new());
        let bad = Catalogue {
            components: vec![
                entry(ComponentName::Envoy, "1.40.0", "same"),
                entry(ComponentName::Etcd, "v3", "same"),
                entry(ComponentName::Kubectl, "1.33", ""),
            ],
        };
        assert_eq!(
            bad.problems(),
            [
                "image same is named by two entries",
                "etcd has the version \"v3\", which is no version number",
                "kubectl 1.33 names no image",
            ]
        );
    }
}
