//! Quoting for the syntaxes that this crate writes: configuration files, connection strings, password
//! files, authentication rules and shell commands.

/// A value in `postgresql.conf` (manual 19.1.2): quotes and backslashes are doubled, and line breaks,
/// which would end the line, become escapes.
pub(crate) fn setting(value: &str) -> String {
    let escaped = value
        .replace('\\', "\\\\")
        .replace('\'', "''")
        .replace('\n', "\\n")
        .replace('\r', "\\r");
    format!("'{escaped}'")
}

/// A value in a libpq connection string (manual 32.1.1.1).
pub(crate) fn conninfo(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// A field of a libpq password file (manual 32.16).
pub(crate) fn passfile(value: &str) -> String {
    value.replace('\\', "\\\\").replace(':', "\\:")
}

/// A name in `pg_hba.conf` or `pg_ident.conf`, where quotes are doubled and also take away the
/// meaning of keywords.
pub(crate) fn rule(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A word in a shell command.
pub(crate) fn shell(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_cannot_be_left() {
        assert_eq!(setting("a'b\\c\nd"), "'a''b\\\\c\\nd'");
        assert_eq!(conninfo("a'b\\c"), "'a\\'b\\\\c'");
        assert_eq!(passfile("a:b\\c"), "a\\:b\\\\c");
        assert_eq!(rule("all\"x"), "\"all\"\"x\"");
        assert_eq!(shell("a'b $c"), "'a'\\''b $c'");
    }
}
