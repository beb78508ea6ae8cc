//! The pins: what `components.toml` says. No file and no program is touched here.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, Result, bail, ensure};
use howdah_types::catalogue::ComponentName;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};

/// Raised when bundles built by older code must not be used any more.
const FORMAT: u32 = 1;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Pins {
    /// Packages taken as installed already.
    pub assume: Vec<String>,
    /// Paths deleted after unpacking.
    pub remove: Vec<String>,
    /// The tool that makes programs relocatable.
    pub patchelf: Tool,
    /// The tool that downloads wheels.
    pub pip: Tool,
    /// How to treat each suite.
    pub suites: BTreeMap<String, Suite>,
    /// What to build, in this order.
    pub bundles: Vec<Bundle>,
}

/// Where a tool of the build comes from, which is part of no bundle.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Tool {
    pub suite: String,
    pub packages: Vec<String>,
}

/// One suite of Debian.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Suite {
    /// Whether a release file past its date is refused.
    #[serde(default = "yes")]
    pub check_valid_until: bool,
}

const fn yes() -> bool {
    true
}

/// One folder of relocatable programs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Bundle {
    pub name: String,
    pub from: Source,
    /// What people call it.
    pub title: String,
    /// The numbers that the version found must start with.
    pub version: String,
    /// The command, below the bundle, that prints the version.
    pub version_from: String,
    /// More commands, below the bundle, that must succeed.
    #[serde(default)]
    pub checks: Vec<String>,
    /// Environment for its programs; the values are paths below the bundle.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The entries of the catalogue.
    pub offers: Vec<Offer>,
}

/// Where the programs of a bundle come from.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Source {
    /// Packages of a suite of Debian with all that they need; they are made relocatable.
    Debian {
        suite: String,
        packages: Vec<String>,
    },
    /// A wheel of the Python package index that holds programs which run on any host as they are.
    Wheel(Wheel),
    /// A Python of a suite of Debian, and in its folder `site` a wheel of modules for it.
    Python {
        suite: String,
        packages: Vec<String>,
        wheel: Wheel,
        /// Paths deleted after unpacking the wheel; `*` stands for one whole or partial name.
        unused: Vec<String>,
    },
}

/// One file of the Python package index for each architecture.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Wheel {
    pub project: String,
    pub version: String,
    /// By the name that the kernel gives the architecture.
    pub sha256: BTreeMap<String, String>,
}

/// One entry of the catalogue.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Offer {
    pub component: ComponentName,
    pub image: String,
    /// Folders of programs, below the bundle.
    pub programs: Vec<String>,
}

impl Pins {
    /// Reads the text of the file.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let pins: Self = toml::from_str(text).context("read components.toml")?;
        let of_bundles = pins.bundles.iter().filter_map(|bundle| match &bundle.from {
            Source::Debian { suite, .. } | Source::Python { suite, .. } => Some(suite),
            Source::Wheel(_) => None,
        });
        for suite in of_bundles.chain([&pins.patchelf.suite, &pins.pip.suite]) {
            ensure!(
                pins.suites.contains_key(suite),
                "components.toml uses the suite {suite} without a table [suites.{suite}]"
            );
        }
        for (index, bundle) in pins.bundles.iter().enumerate() {
            if pins.bundles[..index]
                .iter()
                .any(|other| other.name == bundle.name)
            {
                bail!("components.toml has two bundles named {}", bundle.name);
            }
        }
        Ok(pins)
    }

    /// The folder of a bundle: its name and a hash of all that decides its content.
    ///
    /// So clones of the project with different pins share a components folder, and a bundle in use is never changed.
    pub(crate) fn folder_of(&self, bundle: &Bundle) -> String {
        let Bundle {
            name,
            from,
            version,
            version_from,
            checks,
            ..
        } = bundle;
        let inputs = match from {
            Source::Debian { suite, packages } => json!([
                FORMAT,
                [suite, packages, version, version_from, checks],
                [self.assume, self.remove],
                [self.patchelf.suite, self.patchelf.packages],
            ]),
            Source::Wheel(wheel) => json!([
                FORMAT,
                [wheel.project, wheel.version, wheel.sha256],
                [version, version_from, checks],
            ]),
            Source::Python {
                suite,
                packages,
                wheel,
                unused,
            } => json!([
                FORMAT,
                [suite, packages, version, version_from, checks],
                [wheel.project, wheel.version, wheel.sha256, unused],
                [self.assume, self.remove],
                [self.patchelf.suite, self.patchelf.packages],
            ]),
        };
        let hash = Sha256::digest(inputs.to_string());
        let short: String = hash
            .iter()
            .take(4)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("{name}-{short}")
    }
}

impl Bundle {
    /// Takes the version out of what a program printed, if it is one this pin allows.
    pub(crate) fn version_in(&self, printed: &str) -> Result<String> {
        let found = printed
            .split([' ', '\n', '\t', '/'])
            .map(|word| word.trim_start_matches('v').trim_end_matches([',', ')']))
            .find(|word| word.contains('.') && word.split('.').all(is_number))
            .with_context(|| format!("{} printed no version but {printed:?}", self.version_from))?;
        let rest = found.strip_prefix(&self.version);
        ensure!(
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.')),
            "{} has {} {found} where components.toml expects {}",
            self.from,
            self.title,
            self.version
        );
        Ok(found.to_owned())
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Debian { suite, .. } => write!(formatter, "Debian {suite}"),
            Self::Wheel(wheel) | Self::Python { wheel, .. } => {
                write!(formatter, "the wheel {}", wheel.project)
            }
        }
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    const FILE: &str = include_str!("../../../../components.toml");

    fn bundle(name: &str) -> Bundle {
        Pins::parse(FILE)
            .unwrap()
            .bundles
            .into_iter()
            .find(|bundle| bundle.name == name)
            .unwrap()
    }

    #[test]
    fn the_committed_file_is_valid() {
        Pins::parse(FILE).unwrap();
    }

    #[test]
    fn versions_are_found_in_what_programs_print() {
        let postgres = bundle("postgres-18");
        assert_eq!(
            postgres
                .version_in("postgres (PostgreSQL) 18.6 (Debian 18.6-3)\n")
                .unwrap(),
            "18.6"
        );
        let kubectl = bundle("kubectl");
        assert_eq!(
            kubectl
                .version_in("Client Version: v1.36.4\nKustomize Version: v5.8.1\n")
                .unwrap(),
            "1.36.4"
        );
        assert!(kubectl.version_in("error: no\n").is_err());
        assert_eq!(
            bundle("envoy")
                .version_in("\nenvoy  version: 9e55/1.40.0/Clean/RELEASE/BoringSSL\n\n")
                .unwrap(),
            "1.40.0"
        );
    }

    #[test]
    fn a_version_outside_the_pin_is_refused_by_name() {
        let error = bundle("postgres-18")
            .version_in("postgres (PostgreSQL) 180.1")
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "Debian forky has PostgreSQL 180.1 where components.toml expects 18"
        );
    }

    #[test]
    fn the_folder_follows_the_content_and_not_the_offers() {
        let pins = Pins::parse(FILE).unwrap();
        let folder = |text: &str| {
            let pins = Pins::parse(text).unwrap();
            pins.folder_of(pins.bundles.iter().find(|b| b.name == "pgbouncer").unwrap())
        };
        let now = folder(FILE);
        assert!(now.starts_with("pgbouncer-"), "{now}");
        assert_eq!(now, pins.folder_of(&bundle("pgbouncer")));
        assert_eq!(
            now,
            folder(&FILE.replace("bundle/pgbouncer", "bundle/other"))
        );
        assert_ne!(
            now,
            folder(&FILE.replace("\"pgbouncer\", \"libc-bin\"", "\"pgbouncer\""))
        );
        assert_ne!(now, folder(&FILE.replace("\"perl-base\",", "")));
    }

    #[test]
    fn a_suite_without_a_table_and_a_doubled_bundle_are_refused() {
        let error = Pins::parse(&FILE.replace("[suites.trixie]", "[suites.sid]")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "components.toml uses the suite trixie without a table [suites.trixie]"
        );
        let error = Pins::parse(&FILE.replace("\"postgres-17\"", "\"postgres-18\"")).unwrap_err();
        assert!(
            error.to_string().contains("two bundles named postgres-18"),
            "{error}"
        );
    }
}
