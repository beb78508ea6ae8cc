//! SGDbOps: one operation on a cluster. The operations have a module each.

mod benchmark;
mod maintenance;
mod pgbench;
mod sampling;
mod spec;
mod status;
mod status_benchmark;
mod upgrades;

pub use benchmark::{Benchmark, BenchmarkCredentials, BenchmarkType, ConnectionType};
pub use maintenance::{Repack, RepackDatabase, Vacuum, VacuumDatabase};
pub use pgbench::{
    CustomBenchmark, CustomInitialization, CustomScript, PartitionMethod, Pgbench, PgbenchMode,
    QueryMode,
};
pub use sampling::{Sampling, SamplingMode};
pub use spec::{DbOpsSpec, Operation, SGDbOps};
pub use status::{DbOpsStatus, MajorUpgradeStatus, MinorUpgradeStatus, RolloutStatus};
pub use status_benchmark::{
    BenchmarkStatus, HistoryOverTime, Measure, PgbenchLatency, PgbenchStatus,
    PgbenchTransactionsPerSecond, SampledQuery, SamplingStatus, TopQuery,
};
pub use upgrades::{MajorVersionUpgrade, MinorVersionUpgrade, Restart, SecurityUpgrade};
