//! Writing parameters in the syntax of `postgresql.conf`.

use std::fmt::Write as _;

use super::Parameters;

/// The longest value that is accepted; the server's own scanner has no use for more.
const MAX_VALUE: usize = 8192;

/// Writes one `name = 'value'` line for each parameter.
///
/// <https://www.postgresql.org/docs/18/config-setting.html>: a quote is doubled, and a backslash
/// starts an escape, so it is doubled too.
pub fn render(parameters: &Parameters) -> String {
    let mut text = String::new();
    for (name, value) in parameters {
        let quoted = value.replace('\\', "\\\\").replace('\'', "''");
        writeln!(text, "{name} = '{quoted}'").expect("writing to a String succeeds");
    }
    text
}

/// Whether a name can stand in a configuration file; the error continues a sentence.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$')
    };
    let parts: Vec<_> = name.split('.').collect();
    if parts.len() <= 2 && name.len() <= 128 && parts.into_iter().all(part) {
        Ok(())
    } else {
        Err("is not a parameter name".to_owned())
    }
}

/// Whether a value can stand in a configuration file; the error continues a sentence.
pub(crate) fn check_value(value: &str) -> Result<(), String> {
    if value.chars().any(char::is_control) {
        return Err("has a value with a control character".to_owned());
    }
    if value.len() > MAX_VALUE {
        return Err(format!("has a value longer than {MAX_VALUE} bytes"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("plain", "a = 'plain'\n")]
    #[case("it's", "a = 'it''s'\n")]
    #[case(r"C:\new", "a = 'C:\\\\new'\n")]
    #[case("", "a = ''\n")]
    fn values_are_quoted(#[case] value: &str, #[case] line: &str) {
        let parameters = Parameters::from([("a".to_owned(), value.to_owned())]);
        assert_eq!(render(&parameters), line);
    }

    #[rstest]
    #[case("work_mem", true)]
    #[case("pg_stat_statements.max", true)]
    #[case("include", true)]
    #[case("", false)]
    #[case("a.b.c", false)]
    #[case("1a", false)]
    #[case("a = '1'\nport", false)]
    #[case("a'", false)]
    fn names(#[case] name: &str, #[case] valid: bool) {
        assert_eq!(check_name(name).is_ok(), valid);
    }
}
