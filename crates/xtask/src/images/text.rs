//! Texts that come from programs or go to them.

use anyhow::{Context, Result};

/// Lines as `printf` in a Containerfile takes them.
pub(super) fn one_line(text: &str) -> String {
    let escaped = text.trim().replace('\\', "\\\\").replace('%', "%%");
    escaped.lines().collect::<Vec<_>>().join("\\n")
}

/// The first word that is a version, as in `postgres (PostgreSQL) 18.6 (Debian 18.6-1)`.
pub(super) fn version_in(output: &str) -> Result<String> {
    let is_version = |word: &&str| {
        word.contains('.')
            && word
                .split('.')
                .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let mut words = output.split(|c: char| c.is_whitespace() || c == '/');
    let found = words.find(is_version).map(str::to_owned);
    found.with_context(|| format!("find a version in {output:?}"))
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    #[test]
    fn versions_are_found_in_what_programs_say() {
        for (said, version) in [
            ("postgres (PostgreSQL) 18.6 (Debian 18.6-1)\n", "18.6"),
            ("PgBouncer 1.26.1\nlibevent 2.1.12-stable\n", "1.26.1"),
            (
                "envoy  version: 0abc/1.40.0/Clean/RELEASE/BoringSSL\n",
                "1.40.0",
            ),
        ] {
            assert_eq!(version_in(said).unwrap(), version);
        }
        assert!(version_in("no idea").is_err());
    }

    #[test]
    fn a_paragraph_survives_printf() {
        let text = "Types: deb\nURIs: http://a/%7e\n";
        assert_eq!(one_line(text), "Types: deb\\nURIs: http://a/%%7e");
    }
}
