//! Which Debian mirror this machine uses, read from apt's own lists of sources.
//!
//! Both forms are understood: the lines of `sources.list` and the paragraphs of `*.sources`.

use anyhow::{Result, bail};
use camino::Utf8Path;

/// Overrides the mirror; its packages are checked with Debian's own keyring.
pub(crate) const VARIABLE: &str = "HOWDAH_DEBIAN_MIRROR";

/// Debian's own keys under the names that its package has given them over time.
const KEYRINGS: [&str; 2] = [
    "/usr/share/keyrings/debian-archive-keyring.gpg",
    "/usr/share/keyrings/debian-archive-keyring.pgp",
];

/// Where packages come from and which keys they must be signed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mirror {
    pub uri: String,
    /// A file of keys; `None` leaves the choice to apt's configuration.
    pub keyring: Option<String>,
}

/// One source of packages in apt's configuration.
#[derive(Debug, Default, PartialEq, Eq)]
struct Source {
    uri: String,
    suites: Vec<String>,
    components: Vec<String>,
    signed_by: Option<String>,
}

/// The mirror to use: the variable's, or the one of this machine's apt.
pub(crate) fn find(variable: Option<String>, etc_apt: &Utf8Path) -> Result<Mirror> {
    if let Some(uri) = variable.filter(|uri| !uri.is_empty()) {
        return Ok(Mirror {
            uri,
            keyring: debian_keyring(),
        });
    }
    let sources = read_sources(etc_apt);
    let Some(source) = choose(&sources) else {
        bail!(
            "apt on this machine has no Debian mirror in {etc_apt}: set {VARIABLE} to one, \
             the same URI that a line of sources.list would have"
        );
    };
    let keyring = source.signed_by.clone().or_else(debian_keyring);
    Ok(Mirror {
        uri: source.uri.clone(),
        keyring,
    })
}

fn debian_keyring() -> Option<String> {
    KEYRINGS
        .iter()
        .find(|path| Utf8Path::new(path).exists())
        .map(|path| (*path).to_owned())
}

/// All sources in the order in which apt reads them; unreadable files are apt's own business.
fn read_sources(etc_apt: &Utf8Path) -> Vec<Source> {
    let mut files = vec![etc_apt.join("sources.list")];
    if let Ok(entries) = etc_apt.join("sources.list.d").read_dir_utf8() {
        let mut parts: Vec<_> = entries.flatten().map(|entry| entry.into_path()).collect();
        parts.sort();
        files.append(&mut parts);
    }
    let mut sources = Vec::new();
    for file in files {
        let Ok(text) = std::fs::read_to_string(&file) else {
            continue;
        };
        match file.extension() {
            Some("list") => sources.extend(text.lines().filter_map(parse_line)),
            Some("sources") => sources.extend(text.split("\n\n").filter_map(parse_paragraph)),
            _ => {}
        }
    }
    sources
}

/// The source that is Debian itself: by its keys, else by how mirrors name its folder.
///
/// Others (Postgres, Docker, clouds) also have `debian` somewhere in their address or use its code names.
fn choose(sources: &[Source]) -> Option<&Source> {
    let main = || {
        sources.iter().filter(|source| {
            source
                .components
                .iter()
                .any(|component| component == "main")
                && source
                    .suites
                    .iter()
                    .any(|suite| !suite.contains(['-', '/']))
        })
    };
    let debians_keys = |source: &&Source| {
        source
            .signed_by
            .as_ref()
            .is_some_and(|by| by.contains("debian-archive"))
    };
    let debians_folder =
        |source: &&Source| source.uri.trim_end_matches('/').rsplit('/').next() == Some("debian");
    main()
        .find(debians_keys)
        .or_else(|| {
            main()
                .filter(|source| source.signed_by.is_none())
                .find(debians_folder)
        })
        .or_else(|| main().find(debians_folder))
}

/// `deb [signed-by=/a.gpg arch=amd64] http://mirror/debian bookworm main contrib`
fn parse_line(line: &str) -> Option<Source> {
    let line = line.split('#').next()?.trim();
    let rest = line
        .strip_prefix("deb")?
        .strip_prefix([' ', '\t'])?
        .trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let mut words = rest.split_whitespace().map(str::to_owned);
    Some(Source {
        uri: words.next()?,
        suites: vec![words.next()?],
        components: words.collect(),
        signed_by: options
            .split_whitespace()
            .find_map(|option| option.strip_prefix("signed-by="))
            .and_then(key_file),
    })
}

/// A paragraph of `Name: value` lines, where a line that starts with a space continues the one before.
fn parse_paragraph(text: &str) -> Option<Source> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if line.starts_with([' ', '\t']) {
            let (_, value) = fields.last_mut()?;
            value.push(' ');
            value.push_str(line.trim());
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    let field = |name: &str| {
        fields
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, v)| v.as_str())
    };
    let words = |name: &str| -> Vec<String> {
        field(name)
            .unwrap_or_default()
            .split_whitespace()
            .map(str::to_owned)
            .collect()
    };
    let disabled = field("enabled").is_some_and(|value| value.eq_ignore_ascii_case("no"));
    if disabled || !words("types").iter().any(|kind| kind == "deb") {
        return None;
    }
    Some(Source {
        uri: words("uris").into_iter().next()?,
        suites: words("suites"),
        components: words("components"),
        signed_by: field("signed-by").and_then(key_file),
    })
}

/// The value of Signed-By where it is a file; keys written out in place and fingerprints are left to apt.
fn key_file(value: &str) -> Option<String> {
    let first = value.split([',', ' ']).next()?;
    first.starts_with('/').then(|| first.to_owned())
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    fn mirror_of(lists: &[&str], paragraphs: &[&str]) -> Option<String> {
        let sources: Vec<_> = lists
            .iter()
            .filter_map(|line| parse_line(line))
            .chain(paragraphs.iter().filter_map(|text| parse_paragraph(text)))
            .collect();
        choose(&sources).map(|source| source.uri.clone())
    }

    #[test]
    fn a_line_is_read_with_and_without_options() {
        let source =
            parse_line("deb [arch=amd64 signed-by=/k.gpg] http://m/debian forky main  # x");
        assert_eq!(
            source,
            Some(Source {
                uri: "http://m/debian".to_owned(),
                suites: vec!["forky".to_owned()],
                components: vec!["main".to_owned()],
                signed_by: Some("/k.gpg".to_owned()),
            })
        );
        assert_eq!(
            parse_line("deb http://m/debian forky main")
                .unwrap()
                .signed_by,
            None
        );
        for line in [
            "# deb http://m/debian forky main",
            "deb-src http://m/ a main",
            "deb",
            "",
        ] {
            assert_eq!(parse_line(line), None, "{line}");
        }
    }

    #[test]
    fn a_paragraph_is_read_with_comments_and_continued_lines() {
        let text = "Types: deb deb-src\n# why\nURIs: http://m/debian\nSuites: trixie\n trixie-updates\n\
                    Components: main\nSigned-By: /k.gpg\n";
        assert_eq!(
            parse_paragraph(text),
            Some(Source {
                uri: "http://m/debian".to_owned(),
                suites: vec!["trixie".to_owned(), "trixie-updates".to_owned()],
                components: vec!["main".to_owned()],
                signed_by: Some("/k.gpg".to_owned()),
            })
        );
        assert_eq!(parse_paragraph(&format!("Enabled: no\n{text}")), None);
        let with_key = text.replace(
            "/k.gpg",
            "\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mDMEY",
        );
        assert_eq!(parse_paragraph(&with_key).unwrap().signed_by, None);
    }

    #[test]
    fn debian_is_told_from_other_sources() {
        let others = [
            "deb http://m/debian-security bookworm-security main",
            "deb [signed-by=/p.gpg] http://p/repos/apt bookworm-pgdg main",
            "deb [signed-by=/c.gpg] http://c/debian/12/prod bookworm main",
            "deb [signed-by=/d.gpg] http://d/linux/debian bookworm stable",
        ];
        assert_eq!(mirror_of(&others, &[]), None);
        let own = "Types: deb\nURIs: http://m/some/where\nSuites: bookworm\nComponents: main\n\
                   Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n";
        assert_eq!(mirror_of(&others, &[own]).unwrap(), "http://m/some/where");
        let plain = "deb http://m/debian/ bookworm main contrib";
        assert_eq!(
            mirror_of(&[&others[..], &[plain]].concat(), &[]).unwrap(),
            "http://m/debian/"
        );
        let resigned = "deb [signed-by=/ours.gpg] http://m/debian bookworm main";
        assert_eq!(mirror_of(&[resigned], &[]).unwrap(), "http://m/debian");
    }

    #[test]
    fn the_variable_wins_and_an_empty_one_counts_as_unset() {
        let nowhere = Utf8Path::new("/nonexistent");
        assert_eq!(
            find(Some("http://v".to_owned()), nowhere).unwrap().uri,
            "http://v"
        );
        let error = find(Some(String::new()), nowhere).unwrap_err().to_string();
        assert!(error.contains("set HOWDAH_DEBIAN_MIRROR"), "{error}");
    }
}
