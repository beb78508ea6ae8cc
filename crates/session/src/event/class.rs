//! Classes of errors, as metrics can list them: a closed set.

use howdah_pgwire::SqlState;

/// The classes of Appendix A (PostgreSQL Error Codes) that errors have.
const NAMES: [&str; 41] = [
    "03", "08", "09", "0A", "0B", "0F", "0L", "0P", "0Z", "10", "20", "21", "22", "23", "24", "25",
    "26", "27", "28", "2B", "2D", "2F", "34", "38", "39", "3B", "3D", "3F", "40", "42", "44", "53",
    "54", "55", "57", "58", "72", "F0", "HV", "P0", "XX",
];

/// The first two characters of a SQLSTATE, or that they are none of those that Postgres itself uses.
///
/// Functions may raise errors of any class, so the others share a name, or their number would have no bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorClass(usize);

impl ErrorClass {
    /// How many classes there are, `other` included.
    pub const COUNT: usize = NAMES.len().saturating_add(1);

    /// The class of no code, or of one that is not in Appendix A.
    pub const OTHER: Self = Self(NAMES.len());

    /// The class of a code.
    #[must_use]
    pub fn of(code: SqlState) -> Self {
        let found = NAMES.binary_search(&code.class());
        found.map_or(Self::OTHER, Self)
    }

    /// Every class.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT).map(Self)
    }

    /// The name in metrics: the two characters, or `other`.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES.get(self.0).copied().unwrap_or("other")
    }

    /// Where it is among [`Self::all`].
    #[must_use]
    pub const fn index(self) -> usize {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_sorted_for_the_search() {
        assert!(NAMES.is_sorted());
    }

    #[test]
    fn known_classes_have_their_name_and_all_others_share_one() {
        assert_eq!(ErrorClass::of(SqlState::SYNTAX_ERROR).name(), "42");
        assert_eq!(ErrorClass::of(SqlState::DATA_CORRUPTED).name(), "XX");
        let own = SqlState::from_bytes(b"ZZ123").unwrap();
        assert_eq!(ErrorClass::of(own), ErrorClass::OTHER);
        assert_eq!(ErrorClass::OTHER.name(), "other");
        assert_eq!(ErrorClass::all().count(), ErrorClass::COUNT);
    }
}
