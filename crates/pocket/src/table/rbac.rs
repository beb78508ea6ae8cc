//! Bindings of roles.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::built_in::Definition;
use super::column::Column;
use super::read::{age, list, name, text};

pub(super) static BINDINGS: Definition = Definition {
    columns: &[
        Column::NAME,
        Column::text("Role", "The role that is granted."),
        Column::AGE,
        Column::wide("Users", "Users in the roleBinding"),
        Column::wide("Groups", "Groups in the roleBinding"),
        Column::wide("ServiceAccounts", "ServiceAccounts in the roleBinding"),
    ],
    cells,
};

fn cells(binding: &Value, now: Timestamp) -> Vec<Value> {
    let subjects = |kind: &str| {
        let subjects = list(binding, "/subjects")
            .iter()
            .filter(|subject| text(subject, "/kind") == kind);
        let names = subjects.map(|subject| match (kind, text(subject, "/name")) {
            ("ServiceAccount", name) => format!("{}/{name}", text(subject, "/namespace")),
            (_, name) => name.to_owned(),
        });
        json!(names.collect::<Vec<_>>().join(", "))
    };
    vec![
        name(binding),
        json!(format!(
            "{}/{}",
            text(binding, "/roleRef/kind"),
            text(binding, "/roleRef/name")
        )),
        age(binding, now),
        subjects("User"),
        subjects("Group"),
        subjects("ServiceAccount"),
    ]
}
