//! Client authentication rules.
//!
//! Owns the rules that follow the agent's own first lines: the user's, then ours. Ours ask every
//! network client for a SCRAM password; there is no `trust` and no `md5`.

mod rule;

use crate::invalid::Invalid;

/// Field path of the user's rules.
pub(crate) const FIELD: &str = "spec.configurations.patroni.dynamicConfig.postgresql.pg_hba";

/// Most rules of the user's.
const MOST_RULES: usize = 500;

/// The longest rule, in bytes.
const LONGEST_RULE: usize = 1000;

/// Checks the user's rules; a file with one bad line would not be loaded at all, and a server would
/// not start with it.
pub fn check(rules: &[String]) -> Result<(), Vec<Invalid>> {
    if rules.len() > MOST_RULES {
        let message = format!(
            "has {} rules; at most {MOST_RULES} are possible",
            rules.len()
        );
        return Err(vec![Invalid::config(FIELD, message)]);
    }
    let problems: Vec<_> = rules
        .iter()
        .enumerate()
        .filter_map(|(index, rule)| {
            let why = rule::check(rule).err()?;
            let end = rule.floor_char_boundary(100);
            let rest = if end < rule.len() { "..." } else { "" };
            let shown = rule[..end].escape_debug();
            Some(Invalid::config(
                format!("{FIELD}[{index}]"),
                format!("rule \"{shown}{rest}\" {why}"),
            ))
        })
        .collect();
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
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

/// Whether a rule looks at the client's address or encryption.
pub(crate) fn looks_at_connection(rule: &str) -> bool {
    let kind = rule.split_whitespace().next().unwrap_or_default();
    kind.to_ascii_lowercase().starts_with("host")
}

/// Writes the rules for a Postgres that sees a proxy's connection instead of the client's: without those of the
/// user's that look at it. They wait for the Pod that lets clients in directly.
pub fn render_behind_proxy(rules: &[String], replication_user: &str) -> String {
    let blind = rules.iter().filter(|rule| !looks_at_connection(rule));
    let blind: Vec<_> = blind.cloned().collect();
    render(&blind, replication_user)
}

/// Quoted, so that a role called `all` or one with a space is a role and nothing else.
fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

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

    #[test]
    fn behind_a_proxy_no_rule_of_the_users_looks_at_the_connection() {
        let kept = ["local all app peer", "# host all all all trust", ""];
        let left_out = [
            "host all all 10.0.0.0/8 trust",
            "\tHostSSL all all all cert",
        ];
        let rules: Vec<_> = kept
            .iter()
            .chain(&left_out)
            .map(|&rule| rule.to_owned())
            .collect();
        let expected = kept.map(str::to_owned);
        assert_eq!(
            render_behind_proxy(&rules, "replicator"),
            render(&expected, "replicator")
        );
    }

    #[test]
    fn rules_are_limited_in_number_and_length() {
        let rule = "local all all peer".to_owned();
        assert_eq!(check(&vec![rule.clone(); MOST_RULES]), Ok(()));
        let problems = check(&vec![rule; MOST_RULES + 1]).unwrap_err();
        assert_eq!(
            problems[0].message,
            "has 501 rules; at most 500 are possible"
        );
        let longest = format!("# {}", "é".repeat((LONGEST_RULE - 2) / 2));
        assert_eq!(longest.len(), LONGEST_RULE);
        assert_eq!(check(std::slice::from_ref(&longest)), Ok(()));
        let problems = check(&[longest + "x"]).unwrap_err();
        assert!(
            problems[0]
                .message
                .ends_with("...\" is longer than 1000 bytes")
        );
    }
}
