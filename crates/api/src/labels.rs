//! Keys and values of labels and annotations on the objects of a cluster.

/// Label: which kind of object owns this one; see the `APP_` constants.
pub const APP: &str = "app";
/// Value of [`APP`] on the objects of an SGCluster.
pub const APP_CLUSTER: &str = "StackGresCluster";
/// Value of [`APP`] on the objects of an SGBackup.
pub const APP_BACKUP: &str = "StackGresBackup";
/// Value of [`APP`] on the objects of an SGDbOps.
pub const APP_DB_OPS: &str = "StackGresDbOps";
/// Value of [`APP`] on the objects of an SGScript.
pub const APP_SCRIPT: &str = "StackGresScript";
/// Value of [`APP`] on the objects of an SGConfig.
pub const APP_CONFIG: &str = "StackGresConfig";

/// Label: name of the SGCluster.
pub const CLUSTER_NAME: &str = "stackgres.io/cluster-name";
/// Label: UID of the SGCluster.
pub const CLUSTER_UID: &str = "stackgres.io/cluster-uid";
/// Label: namespace of the SGCluster, on objects outside of it.
pub const CLUSTER_NAMESPACE: &str = "stackgres.io/cluster-namespace";
/// Label: scope under which the instances know each other; the cluster's name.
pub const CLUSTER_SCOPE: &str = "stackgres.io/cluster-scope";
/// Label: `"true"` on the Pods that run Postgres.
pub const CLUSTER: &str = "stackgres.io/cluster";
/// Label: `"true"` on configuration objects the operator created for want of the user's own.
pub const CLUSTER_DEFAULT_CONFIG: &str = "stackgres.io/cluster-default-config";
/// Label: whether a Pod may be removed by scaling down.
pub const DISRUPTIBLE: &str = "stackgres.io/disruptible";
/// Label: `"true"` on instances that serve no read-only clients.
pub const NO_LOAD_BALANCE: &str = "stackgres.io/noloadbalance";
/// Label: `"true"` on instances that are never promoted.
pub const NO_FAILOVER: &str = "stackgres.io/nofailover";
/// Label: `"true"` on instances that never confirm synchronous writes.
pub const NO_SYNC: &str = "stackgres.io/nosync";
/// Label: what the instance is now, written by the instance itself.
pub const ROLE: &str = "role";
/// Value of [`ROLE`] on the primary.
pub const ROLE_PRIMARY: &str = "primary";
/// Value of [`ROLE`] on replicas.
pub const ROLE_REPLICA: &str = "replica";
/// Label: `"true"` on the objects of a backup.
pub const BACKUP: &str = "stackgres.io/backup";
/// Label: name of the SGBackup.
pub const BACKUP_NAME: &str = "stackgres.io/backup-name";
/// Label: UID of the SGBackup.
pub const BACKUP_UID: &str = "stackgres.io/backup-uid";
/// Label: `"true"` on SGBackups that a schedule created.
pub const SCHEDULED_BACKUP: &str = "stackgres.io/scheduled-backup";
/// Label: `"true"` on the objects of an operation.
pub const DB_OPS: &str = "stackgres.io/db-ops";
/// Label: name of the SGDbOps.
pub const DB_OPS_NAME: &str = "stackgres.io/dbops-name";
/// Label: UID of the SGDbOps.
pub const DB_OPS_UID: &str = "stackgres.io/dbops-uid";

/// Annotation: version of the operator whose rules are in force for the object.
pub const OPERATOR_VERSION: &str = "stackgres.io/operatorVersion";
/// Annotation on Pods: version of Postgres that the Pod runs.
pub const POSTGRESQL_VERSION: &str = "stackgres.io/postgresql-version";
/// Annotation: `"true"` makes the operator leave the object alone.
pub const RECONCILIATION_PAUSE: &str = "stackgres.io/reconciliation-pause";
/// Annotation: `always`, `schedule` or `never`; overrides the update strategy once.
pub const ROLLOUT: &str = "stackgres.io/rollout";
/// Annotation: overrides the schedule of the update strategy.
pub const ROLLOUT_SCHEDULE: &str = "stackgres.io/rollout-schedule";
/// Annotation: overrides the method of the update strategy.
pub const ROLLOUT_METHOD: &str = "stackgres.io/rollout-method";
/// Annotation: name of the SGDbOps that is renewing the Pods.
pub const ROLLOUT_DB_OPS: &str = "stackgres.io/rollout-dbops";
/// Annotation: method that the SGDbOps asked for.
pub const ROLLOUT_DB_OPS_METHOD: &str = "stackgres.io/rollout-dbops-method";
/// Annotation on Pods: the instance's own report, as JSON.
pub const STATUS: &str = "status";

/// Annotation on Pods: `"true"` allows the instance to initialise a new database.
pub const MAY_BOOTSTRAP: &str = "howdah.io/may-bootstrap";
/// Annotation on Pods: hash of the configuration files that the Pod should have read.
pub const CONFIG_HASH: &str = "howdah.io/config-hash";
/// Annotation on Pods: hash of the part of the Pod that only a restart can change.
pub const TEMPLATE_HASH: &str = "howdah.io/template-hash";
/// Annotation on Pods: how the instances keep the cluster available, as JSON; the same as the
/// mounted file `ha.json`, but there at once.
pub const HA: &str = "howdah.io/ha";
/// Annotation on the control record: the record itself, as JSON.
pub const RECORD: &str = "howdah.io/record";
/// Annotation on the control record and on EndpointSlices: number of the primary's term.
pub const EPOCH: &str = "howdah.io/epoch";
/// Annotation on the control record: name of the primary's instance.
pub const PRIMARY: &str = "howdah.io/primary";
/// Annotation on the control record: Postgres' system identifier, in decimal.
pub const SYSTEM_IDENTIFIER: &str = "howdah.io/system-identifier";
/// Annotation on the control record: version of the record's layout.
pub const RECORD_VERSION: &str = "howdah.io/record-version";
/// Annotation on the control record: the changes of the primary, as JSON.
pub const HISTORY: &str = "howdah.io/history";
/// Annotation on the control record: why the primary did not hand over as asked last, as JSON.
pub const REFUSED: &str = "howdah.io/refused";
/// Annotation on Pods: when people asked for a restart of Postgres.
pub const RESTART: &str = "howdah.io/restart";
/// Annotation on Pods: the answer to [`RESTART`].
pub const RESTARTED: &str = "howdah.io/restarted";
/// Annotation on Pods: when people asked for a new copy.
pub const REINITIALISE: &str = "howdah.io/reinitialise";
/// Annotation on Pods: the answer to [`REINITIALISE`].
pub const REINITIALISED: &str = "howdah.io/reinitialised";

/// Label of core Kubernetes that ties an EndpointSlice to its Service.
pub const SERVICE_NAME: &str = "kubernetes.io/service-name";
/// Label of core Kubernetes that names the writer of an EndpointSlice.
pub const ENDPOINT_SLICE_MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";

/// Field manager of the operator.
pub const OPERATOR_MANAGER: &str = "howdah-operator";
/// Field manager of an instance, also the value of [`ENDPOINT_SLICE_MANAGED_BY`].
pub const INSTANCE_MANAGER: &str = "howdah-instance";
/// Field manager of the command line program.
pub const CLI_MANAGER: &str = "howdah";
