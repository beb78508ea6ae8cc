//! Every rule is seen to refuse something.

use std::collections::BTreeSet;

use crate::admission::schemas;
use crate::{cel_rules, rules_cluster, rules_configuration, rules_day_two};

#[test]
fn every_rule_is_seen_to_refuse_something() {
    let mut messages = BTreeSet::new();
    for schema in schemas().values() {
        cel_rules::messages(schema, &mut messages);
    }
    let cases: Vec<_> = [
        rules_cluster::cases(),
        rules_configuration::cases(),
        rules_day_two::cases(),
    ]
    .into_iter()
    .flatten()
    .collect();
    messages.retain(|message| !cases.iter().any(|case| case.is_refused_by(message)));
    assert_eq!(
        messages,
        BTreeSet::new(),
        "rules without an example that they refuse"
    );
}
