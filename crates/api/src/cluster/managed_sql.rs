//! `spec.managedSql`: SQL that the operator runs on the primary.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::rules;

const UNIQUE_IDS: (&str, &str) = (
    "self.all(a, !has(a.id) || self.exists_one(b, has(b.id) && b.id == a.id))",
    "each entry needs an id of its own; remove the id from a copied entry and the operator assigns one",
);

/// SQL that the operator runs on the primary.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManagedSql {
    /// Goes on with the next SGScript when one has failed.
    #[serde(rename = "continueOnSGScriptError", default)]
    pub continue_on_sg_script_error: bool,
    /// The SGScripts to run, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 100),
        extend("x-kubernetes-validations" = rules(&[UNIQUE_IDS]))
    )]
    pub scripts: Vec<ManagedSqlScript>,
}

/// One SGScript to run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManagedSqlScript {
    /// Number of the entry, by which its state is kept. Assigned by the operator; leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<i32>,
    /// Name of the SGScript.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sg_script: Option<String>,
}
