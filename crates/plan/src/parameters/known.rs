//! The parameters of Postgres itself: in which majors they exist and which values they take.
//!
//! A name with a typing error or a value out of range would keep the server from starting, so both
//! are refused before they get there. Parameters of extensions (names with a dot) are not known
//! here and pass.
//!
//! `known.tsv` is what `pg_settings` says in 15, 17 and 18, with the first major that has a
//! parameter and the first that has it no more, where that is not all of 14 to 18. Columns: name,
//! since, gone, type, unit, least, most, names.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use howdah_types::PgMajor;

use super::value;

static KNOWN: LazyLock<BTreeMap<&'static str, Known>> = LazyLock::new(|| {
    let lines = include_str!("known.tsv").lines();
    lines.filter_map(Known::parse).collect()
});

/// One parameter.
struct Known {
    since: Option<u8>,
    gone: Option<u8>,
    kind: Kind,
}

/// Which values a parameter takes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// On or off.
    Bool,
    /// One of these names.
    Enum(Vec<&'static str>),
    /// A number in a unit, between two bounds.
    Number(Number),
    /// Any text.
    Text,
    /// None: the server computes it.
    Computed,
}

/// Which numbers a parameter takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Number {
    /// Unit of a number without one, as Postgres writes it; empty for plain numbers.
    pub(super) unit: &'static str,
    /// Whether it is rounded to a whole number.
    pub(super) whole: bool,
    /// The least value, in `unit`.
    pub(super) least: f64,
    /// The greatest value, in `unit`.
    pub(super) most: f64,
}

impl Known {
    fn parse(line: &'static str) -> Option<(&'static str, Self)> {
        let columns: Vec<_> = line.split('\t').collect();
        let &[name, since, gone, kind, unit, least, most, names] = columns.as_slice() else {
            return None;
        };
        let number = |whole| {
            Some(Kind::Number(Number {
                unit,
                whole,
                least: least.parse().ok()?,
                most: most.parse().ok()?,
            }))
        };
        let kind = match kind {
            "bool" => Kind::Bool,
            "enum" => Kind::Enum(names.split(',').collect()),
            "integer" => number(true)?,
            "real" => number(false)?,
            "internal" => Kind::Computed,
            _ => Kind::Text,
        };
        let (since, gone) = (since.parse().ok(), gone.parse().ok());
        Some((name, Self { since, gone, kind }))
    }
}

/// Whether a major has a parameter; the error continues a sentence that starts with its name.
pub(super) fn check_major(name: &str, major: PgMajor) -> Result<(), String> {
    if name.contains('.') {
        return Ok(());
    }
    let Some(known) = KNOWN.get(name) else {
        let similar = similar(name).map_or_else(String::new, |s| format!("; did you mean {s}?"));
        return Err(format!("does not exist in Postgres {major}{similar}"));
    };
    if let Some(since) = known.since.filter(|since| major.number() < *since) {
        return Err(format!(
            "does not exist in Postgres {major}; it appeared in {since}"
        ));
    }
    if let Some(gone) = known.gone.filter(|gone| major.number() >= *gone) {
        return Err(format!(
            "does not exist in Postgres {major}; it was removed in {gone}"
        ));
    }
    Ok(())
}

/// Whether a parameter takes a value; the error continues a sentence that starts with its name.
pub(super) fn check_value(name: &str, value: &str) -> Result<(), String> {
    match KNOWN.get(name) {
        Some(known) => value::check(&known.kind, value),
        None => Ok(()),
    }
}

/// The known name that is at most two typing errors away.
fn similar(name: &str) -> Option<&'static str> {
    let distances = KNOWN.keys().map(|known| (distance(name, known), *known));
    distances
        .min()
        .filter(|(distance, _)| *distance <= 2)
        .map(|(_, known)| known)
}

/// Levenshtein distance of two ASCII texts.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("work_mem", "18", Ok(()))]
    #[case("io_method", "18", Ok(()))]
    #[case(
        "io_method",
        "17",
        Err("does not exist in Postgres 17; it appeared in 18")
    )]
    #[case("old_snapshot_threshold", "16", Ok(()))]
    #[case(
        "old_snapshot_threshold",
        "17",
        Err("does not exist in Postgres 17; it was removed in 17")
    )]
    #[case(
        "max_conections",
        "18",
        Err("does not exist in Postgres 18; did you mean max_connections?")
    )]
    #[case("banana", "18", Err("does not exist in Postgres 18"))]
    #[case("timescaledb.max_background_workers", "14", Ok(()))]
    fn majors(#[case] name: &str, #[case] major: &str, #[case] expected: Result<(), &str>) {
        let found = check_major(name, major.parse().unwrap());
        assert_eq!(found.as_ref().map_err(String::as_str).copied(), expected);
    }

    #[test]
    fn every_line_of_the_table_is_read() {
        let lines = include_str!("known.tsv").lines().count();
        assert_eq!(KNOWN.len(), lines);
    }
}
