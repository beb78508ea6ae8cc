//! Rules of SGCluster that look at more than one section.

use serde_json::{Value, json};

/// Most groups a cluster can have; the rule over their sum is written out up to this number.
pub(super) const MAX_GROUPS: usize = 16;

/// Rules over the whole specification.
pub(super) fn cluster() -> Value {
    let sum = group_instances();
    json!([
        {
            "rule": format!(
                "self.instances == 0 || !has(self.replication) || !has(self.replication.groups) || self.instances > {sum}"
            ),
            "message": "instances must be more than the instances of all replication.groups together, because the primary is in none of them",
        },
        {
            "rule": "self.instances == 0 || !has(self.replication) || !has(self.replication.mode) || !(self.replication.mode in ['sync', 'strict-sync']) || self.instances > (has(self.replication.syncInstances) ? self.replication.syncInstances : 1)",
            "message": "with replication.mode sync or strict-sync, instances must be more than replication.syncInstances (1 where it is not set), because the primary does not count",
        },
        {
            "rule": "!has(self.postgres.flavor) || self.postgres.flavor != 'babelfish' || (self.instances <= 1 && has(self.nonProductionOptions) && has(self.nonProductionOptions.enabledFeatureGates) && self.nonProductionOptions.enabledFeatureGates.exists(gate, gate == 'babelfish-flavor'))",
            "message": "postgres.flavor babelfish needs nonProductionOptions.enabledFeatureGates to list babelfish-flavor, and at most one instance",
        },
        {
            "rule": "has(self.initialData) && has(self.initialData.restore) ? has(oldSelf.initialData) && has(oldSelf.initialData.restore) && self.initialData.restore == oldSelf.initialData.restore : !has(oldSelf.initialData) || !has(oldSelf.initialData.restore)",
            "message": "initialData.restore cannot be added, changed or removed after creation; create a new cluster to restore a backup",
        },
        {
            "rule": "!has(self.replicateFrom) || has(self.replicateFrom.instance) || (has(self.initialData) && has(self.initialData.restore))",
            "message": "a cluster that replicates from storage alone needs initialData.restore with a backup of the source to start from",
        },
    ])
}

/// The sum of `replication.groups[].instances`, in the part of CEL that every evaluator knows.
fn group_instances() -> String {
    let groups = "self.replication.groups";
    (0..MAX_GROUPS)
        .map(|i| format!("({groups}.size() > {i} ? {groups}[{i}].instances : 0)"))
        .collect::<Vec<_>>()
        .join(" + ")
}
