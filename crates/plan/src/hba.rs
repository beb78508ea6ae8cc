//! Client authentication rules.
//!
//! Owns the rules that follow the agent's own first lines: the user's, then ours. Ours ask every
//! network client for a SCRAM password; there is no `trust` and no `md5`.

use crate::invalid::Invalid;

/// Field path of the user's rules.
pub(crate) const FIELD: &str = "spec.configurations.patroni.dynamicConfig.postgresql.pg_hba";

/// Record types of `pg_hba.conf`, see
/// <https://www.postgresql.org/docs/18/auth-pg-hba-conf.html>.
const RECORD_TYPES: [&str; 6] = [
    "local",
    "host",
    "hostssl",
    "hostnossl",
    "hostgssenc",
    "hostnogssenc",
];

/// Checks the user's rules; a file with one bad line would not be loaded at all.
pub fn check(rules: &[String]) -> Result<(), Vec<Invalid>> {
    let problems: Vec<_> = rules
        .iter()
        .enumerate()
        .filter_map(|(index, rule)| {
            let why = check_rule(rule).err()?;
            let rule = rule.escape_debug();
            Some(Invalid::config(
                format!("{FIELD}[{index}]"),
                format!("rule \"{rule}\" {why}"),
            ))
        })
        .collect();
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}

fn check_rule(rule: &str) -> Result<(), String> {
    if rule.chars().any(|c| c.is_control() && c != '\t') {
        return Err("has a control character".to_owned());
    }
    let words: Vec<_> = rule.split_whitespace().collect();
    let Some(first) = words.first().filter(|word| !word.starts_with('#')) else {
        return Ok(());
    };
    if !RECORD_TYPES.contains(first) {
        return Err(format!(
            "must start with one of {}",
            RECORD_TYPES.join(", ")
        ));
    }
    let least = if *first == "local" { 4 } else { 5 };
    if words.len() < least {
        return Err(format!("needs at least {least} fields"));
    }
    Ok(())
}

/// Writes the rules: the user's in their order, then ours.
pub fn render(rules: &[String], replication_user: &str) -> String {
    let user = quote(replication_user);
    let ours = [
        "local all all scram-sha-256".to_owned(),
        format!("local replication {user} scram-sha-256"),
        format!("host replication {user} 0.0.0.0/0 scram-sha-256"),
        format!("host replication {user} ::/0 scram-sha-256"),
        "host all all 0.0.0.0/0 scram-sha-256".to_owned(),
        "host all all ::/0 scram-sha-256".to_owned(),
    ];
    let mut text = String::new();
    for rule in rules.iter().chain(&ours) {
        text.push_str(rule);
        text.push('\n');
    }
    text
}

/// Quoted, so that a role called `all` or one with a space is a role and nothing else.
fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use rstest::rstest;

    use super::*;

    #[test]
    fn the_users_rules_come_first() {
        let rules = ["hostnossl all app 10.0.0.0/8 reject".to_owned()];
        assert_eq!(
            render(&rules, "replicator"),
            "hostnossl all app 10.0.0.0/8 reject\n\
             local all all scram-sha-256\n\
             local replication \"replicator\" scram-sha-256\n\
             host replication \"replicator\" 0.0.0.0/0 scram-sha-256\n\
             host replication \"replicator\" ::/0 scram-sha-256\n\
             host all all 0.0.0.0/0 scram-sha-256\n\
             host all all ::/0 scram-sha-256\n"
        );
    }

    #[rstest]
    #[case("host all all 10.0.0.0/8 scram-sha-256", None)]
    #[case("host all all 10.0.0.0 255.0.0.0 scram-sha-256", None)]
    #[case("local all all peer", None)]
    #[case("# a comment", None)]
    #[case("", None)]
    #[case(
        "hosts all all 10.0.0.0/8 reject",
        Some("must start with one of local, host, hostssl, hostnossl, hostgssenc, hostnogssenc")
    )]
    #[case("host all all trust", Some("needs at least 5 fields"))]
    #[case(
        "local all all peer\nhost all all all trust",
        Some("has a control character")
    )]
    fn rules(#[case] rule: &str, #[case] why: Option<&str>) {
        assert_eq!(check_rule(rule).err().as_deref(), why);
    }
}
