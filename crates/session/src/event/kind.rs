//! Kinds of statements, by the tag that the server completes them with.

/// What a statement did. The tag of CommandComplete says so (54.7), whichever way the statement came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatementKind {
    /// SELECT, also VALUES, TABLE and `CREATE TABLE AS`: the server completes them all with this tag.
    Select,
    /// INSERT.
    Insert,
    /// UPDATE.
    Update,
    /// DELETE.
    Delete,
    /// MERGE.
    Merge,
    /// COPY in either direction.
    Copy,
    /// FETCH and MOVE from a cursor.
    Fetch,
    /// BEGIN and START TRANSACTION.
    Begin,
    /// COMMIT, also END, and PREPARE TRANSACTION.
    Commit,
    /// ROLLBACK, also ABORT and ROLLBACK TO.
    Rollback,
    /// SET, RESET, SHOW and DISCARD.
    Set,
    /// CREATE, ALTER, DROP, TRUNCATE, GRANT, REVOKE, COMMENT.
    Ddl,
    /// Anything else, such as VACUUM, LISTEN, CALL, SAVEPOINT.
    Other,
}

impl StatementKind {
    /// All kinds.
    pub const ALL: [Self; 13] = [
        Self::Select,
        Self::Insert,
        Self::Update,
        Self::Delete,
        Self::Merge,
        Self::Copy,
        Self::Fetch,
        Self::Begin,
        Self::Commit,
        Self::Rollback,
        Self::Set,
        Self::Ddl,
        Self::Other,
    ];

    /// The kind of a statement that was completed with this tag.
    #[must_use]
    pub fn of(tag: &[u8]) -> Self {
        let verb = tag.split(|byte| *byte == b' ').next().unwrap_or_default();
        match verb {
            b"SELECT" => Self::Select,
            b"INSERT" => Self::Insert,
            b"UPDATE" => Self::Update,
            b"DELETE" => Self::Delete,
            b"MERGE" => Self::Merge,
            b"COPY" => Self::Copy,
            b"FETCH" | b"MOVE" => Self::Fetch,
            b"BEGIN" | b"START" => Self::Begin,
            b"COMMIT" => Self::Commit,
            b"PREPARE" if tag == b"PREPARE TRANSACTION" => Self::Commit,
            b"ROLLBACK" => Self::Rollback,
            b"SET" | b"RESET" | b"SHOW" | b"DISCARD" => Self::Set,
            b"CREATE" | b"ALTER" | b"DROP" | b"TRUNCATE" | b"GRANT" | b"REVOKE" | b"COMMENT" => {
                Self::Ddl
            }
            _ => Self::Other,
        }
    }

    /// The name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Select => "select",
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Merge => "merge",
            Self::Copy => "copy",
            Self::Fetch => "fetch",
            Self::Begin => "begin",
            Self::Commit => "commit",
            Self::Rollback => "rollback",
            Self::Set => "set",
            Self::Ddl => "ddl",
            Self::Other => "other",
        }
    }

    /// Where it is in [`Self::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_says_what_a_statement_did() {
        for (tag, kind) in [
            ("SELECT 3", StatementKind::Select),
            ("INSERT 0 1", StatementKind::Insert),
            ("MERGE 2", StatementKind::Merge),
            ("MOVE 1", StatementKind::Fetch),
            ("START TRANSACTION", StatementKind::Begin),
            ("PREPARE", StatementKind::Other),
            ("PREPARE TRANSACTION", StatementKind::Commit),
            ("COMMIT PREPARED", StatementKind::Commit),
            ("DISCARD ALL", StatementKind::Set),
            ("CREATE TABLE", StatementKind::Ddl),
            ("select 3", StatementKind::Other),
            ("", StatementKind::Other),
        ] {
            assert_eq!(StatementKind::of(tag.as_bytes()), kind, "{tag}");
        }
    }

    #[test]
    fn kinds_are_listed_in_their_order() {
        for (index, kind) in StatementKind::ALL.into_iter().enumerate() {
            assert_eq!(kind.index(), index);
        }
    }
}
