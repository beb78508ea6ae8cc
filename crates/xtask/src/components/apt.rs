//! apt with private state: resolves and downloads packages of any suite, checked by signature, for any user.
//!
//! Nothing of the host's apt is changed; its network settings (a proxy for example) still apply.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};
use camino::{Utf8Path, Utf8PathBuf};

use super::mirror::{self, Mirror};
use super::pins::Suite;
use crate::command::{capture, last_words, output_of};

/// One suite of Debian with its package lists downloaded.
pub(crate) struct Apt {
    suite: String,
    folder: Utf8PathBuf,
}

/// A package to download.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Deb {
    /// Its file in [`Apt::archives`].
    pub file: String,
    /// How many bytes it has.
    pub size: u64,
}

impl Apt {
    /// Prepares the private state below `folder` and downloads the lists of packages.
    pub(crate) fn open(
        folder: &Utf8Path,
        name: &str,
        suite: &Suite,
        mirror: &Mirror,
        assume: &[String],
    ) -> Result<Self> {
        let architecture = output_of(Command::new("dpkg").arg("--print-architecture"))?;
        let architecture = architecture.trim();
        let apt = Self {
            suite: name.to_owned(),
            folder: folder.join(name),
        };
        for part in ["lists/partial", "cache/archives/partial", "nothing/partial"] {
            fs::create_dir_all(apt.folder.join(part))?;
        }
        fs::write(
            apt.folder.join("sources.list"),
            source_line(name, suite, mirror, architecture),
        )?;
        fs::write(
            apt.folder.join("status"),
            assumed_status(assume, architecture),
        )?;
        fs::write(
            apt.folder.join("apt.conf"),
            configuration(&apt.folder, architecture),
        )?;
        let output = capture(apt.command().arg("update"))?;
        if !output.status.success() {
            let said = last_words(&output.stderr);
            return Err(anyhow!("{said}; {}", advice(&said)).context(format!(
                "download the package lists of Debian {name} from {}",
                mirror.uri
            )));
        }
        Ok(apt)
    }

    /// Every package that these packages need and that is not assumed, themselves included.
    pub(crate) fn resolve(&self, packages: &[String]) -> Result<Vec<Deb>> {
        // apt leaves out what it has downloaded before, unless it looks at an empty folder.
        let nothing = format!("Dir::Cache::archives={}/nothing", self.folder);
        let output = capture(
            self.install(packages)
                .args(["--print-uris", "--option", &nothing]),
        )?;
        if !output.status.success() {
            bail!(
                "Debian {} cannot provide {}: {}",
                self.suite,
                packages.join(", "),
                last_words(&output.stderr)
            );
        }
        parse_uris(&String::from_utf8_lossy(&output.stdout))
    }

    /// Downloads what [`Apt::resolve`] listed; an interrupted download is continued.
    pub(crate) fn download(&self, packages: &[String]) -> Result<()> {
        let output = capture(self.install(packages).arg("--download-only"))?;
        if !output.status.success() {
            let said = last_words(&output.stderr);
            return Err(anyhow!(
                "{said}; {}; then run this again, it goes on where it stopped",
                advice(&said)
            )
            .context(format!(
                "download {} of Debian {}",
                packages.join(", "),
                self.suite
            )));
        }
        Ok(())
    }

    /// Where downloaded packages are.
    pub(crate) fn archives(&self) -> Utf8PathBuf {
        self.folder.join("cache/archives")
    }

    fn install(&self, packages: &[String]) -> Command {
        let mut command = self.command();
        command
            .args(["install", "--yes", "--no-install-recommends"])
            .args(packages);
        command
    }

    fn command(&self) -> Command {
        let mut command = Command::new("apt-get");
        command
            .env("APT_CONFIG", self.folder.join("apt.conf"))
            .env("LC_ALL", "C");
        command
    }
}

/// What to do about a failed download, by what apt said about it.
fn advice(said: &str) -> String {
    if said.contains("NO_PUBKEY") || said.contains("not signed") || said.contains("Missing key") {
        return "the keys of this machine are too old for this suite: \
                install a newer Debian package debian-archive-keyring"
            .to_owned();
    }
    format!(
        "check the network, or set {} to another mirror",
        mirror::VARIABLE
    )
}

fn source_line(name: &str, suite: &Suite, mirror: &Mirror, architecture: &str) -> String {
    let mut options = format!("arch={architecture} targets=Packages lang=none");
    if let Some(keyring) = &mirror.keyring {
        let _ = write!(options, " signed-by={keyring}");
    }
    if !suite.check_valid_until {
        options.push_str(" check-valid-until=no");
    }
    format!("deb [{options}] {} {name} main\n", mirror.uri)
}

/// A dpkg database in which nothing is installed but the assumed packages, in a version new enough for everybody.
fn assumed_status(assume: &[String], architecture: &str) -> String {
    assume.iter().fold(String::new(), |mut status, package| {
        let _ = write!(
            status,
            "Package: {package}\nStatus: install ok installed\nMaintainer: nobody\n\
             Architecture: {architecture}\nMulti-Arch: foreign\nVersion: 9999:9999\n\
             Description: assumed\n\n"
        );
        status
    })
}

fn configuration(folder: &Utf8Path, architecture: &str) -> String {
    format!(
        r#"#clear APT::Architectures;
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
#clear DPkg::Pre-Install-Pkgs;
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
APT::Default-Release "";
// As root apt would download as another user, who need not have access to this folder.
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::Retries "3";
Debug::NoLocking "true";
Dir::State "{folder}";
Dir::State::lists "{folder}/lists";
Dir::State::status "{folder}/status";
Dir::State::extended_states "{folder}/extended_states";
Dir::Cache "{folder}/cache";
Dir::Cache::archives "{folder}/cache/archives";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::Log "{folder}/log";
"#
    )
}

/// `'http://mirror/x_1%3a2_amd64.deb' x_1%3a2_amd64.deb 1234 SHA256:...`
fn parse_uris(text: &str) -> Result<Vec<Deb>> {
    text.lines()
        .filter(|line| line.starts_with('\''))
        .map(|line| {
            let mut words = line.split_whitespace().skip(1);
            let file = words.next().map(str::to_owned);
            let size = words.next().and_then(|size| size.parse().ok());
            file.zip(size)
                .map(|(file, size)| Deb { file, size })
                .with_context(|| format!("apt-get printed {line:?} where a package was expected"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn packages_and_sizes_are_read_from_what_apt_prints() {
        let text = "Reading package lists...\n\
                    'http://m/libc6_2.43-7_amd64.deb' libc6_2.43-7_amd64.deb 1866392 SHA256:ab\n\
                    'http://m/b.deb' b_1%3a2_all.deb 12 SHA256:cd\n";
        assert_eq!(
            parse_uris(text).unwrap(),
            [
                Deb {
                    file: "libc6_2.43-7_amd64.deb".to_owned(),
                    size: 1_866_392
                },
                Deb {
                    file: "b_1%3a2_all.deb".to_owned(),
                    size: 12
                },
            ]
        );
        assert!(parse_uris("'http://m/b.deb' b.deb many\n").is_err());
    }

    #[test]
    fn the_date_check_is_off_only_where_the_suite_says_so() {
        let mirror = Mirror {
            uri: "http://m/debian".to_owned(),
            keyring: Some("/k.gpg".to_owned()),
        };
        let line = |check_valid_until| {
            source_line("forky", &Suite { check_valid_until }, &mirror, "amd64")
        };
        assert_eq!(
            line(true),
            "deb [arch=amd64 targets=Packages lang=none signed-by=/k.gpg] http://m/debian forky main\n"
        );
        assert!(line(false).contains(" check-valid-until=no]"));
    }

    #[test]
    fn advice_tells_old_keys_from_a_bad_network() {
        assert!(advice("... NO_PUBKEY 762F67A0B2C39DE4").contains("debian-archive-keyring"));
        assert!(advice("Could not resolve 'm'").contains("HOWDAH_DEBIAN_MIRROR"));
    }
}
