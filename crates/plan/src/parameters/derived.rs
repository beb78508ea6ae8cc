//! Values that follow from the instance profile and the size of the volume.
//!
//! Every formula is a default: what the user sets always wins. With memory `M`, volume `V` and
//! whole CPUs `C` (rounded up):
//!
//! | parameter | formula | at 1 cpu, 2Gi, 5Gi |
//! |---|---|---|
//! | shared_buffers | M / 4, at least 16MB | 512MB |
//! | effective_cache_size | M * 3/4 | 1536MB |
//! | max_connections | 50 below 512Mi, 100 up to 2Gi, then 25 for each further Gi, at most 500 | 100 |
//! | work_mem | (M - M/4) / (4 * max_connections), between 2MB and 64MB | 3MB |
//! | maintenance_work_mem | M / 16, between 32MB and 2GB | 128MB |
//! | autovacuum_work_mem | M / 32, between 16MB and 512MB | 64MB |
//! | max_worker_processes | 8 + C | 9 |
//! | max_parallel_workers | C | 1 |
//! | max_parallel_workers_per_gather, max_parallel_maintenance_workers | C / 2, at most 4 | 0 |
//! | max_wal_size | V / 5, between 64MB and 2GB | 1024MB |
//! | min_wal_size | V / 20, between 32MB and 1GB | 256MB |
//! | wal_keep_size | V / 10, between 64MB and 1536MB | 512MB |
//! | max_slot_wal_keep_size | V * 3/10, at least max_wal_size | 1536MB |
//!
//! The four WAL sizes together keep `pg_wal` below about half of the volume even while a replica
//! with a replication slot is away; such a replica is cloned again instead of filling the disk.

use super::Parameters;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// What one instance has to live on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// CPU of the `patroni` container in thousandths of a CPU.
    pub cpu_millis: u64,
    /// Memory of the `patroni` container in bytes.
    pub memory: u64,
    /// Size of the data volume in bytes.
    pub volume: u64,
}

/// The derived parameters; `user` is read where one of them depends on what the user set.
pub fn derive(capacity: Capacity, user: &Parameters) -> Parameters {
    let mut derived = Parameters::new();
    let mut set = |name: &str, value: String| {
        derived.insert(name.to_owned(), value);
    };
    let connections = max_connections(capacity.memory);
    for (name, value) in memory(capacity.memory, connections, user) {
        set(name, megabytes(value));
    }
    for (name, value) in wal(capacity.volume) {
        set(name, megabytes(value));
    }
    set("max_connections", connections.to_string());
    for (name, value) in workers(capacity.cpu_millis) {
        set(name, value.to_string());
    }
    derived
}

fn memory(memory: u64, connections: u64, user: &Parameters) -> [(&'static str, u64); 5] {
    let shared = (memory / 4).max(16 * MIB);
    // Somebody who raises max_connections by hand must not multiply the memory for sorting.
    let clients = user
        .get("max_connections")
        .and_then(|value| value.parse().ok())
        .unwrap_or(connections)
        .max(1);
    let work = memory.saturating_sub(shared) / 4 / clients;
    [
        ("shared_buffers", shared),
        ("effective_cache_size", (memory / 4 * 3).max(16 * MIB)),
        ("work_mem", work.clamp(2 * MIB, 64 * MIB)),
        (
            "maintenance_work_mem",
            (memory / 16).clamp(32 * MIB, 2 * GIB),
        ),
        (
            "autovacuum_work_mem",
            (memory / 32).clamp(16 * MIB, 512 * MIB),
        ),
    ]
}

fn max_connections(memory: u64) -> u64 {
    if memory < 512 * MIB {
        return 50;
    }
    let beyond = memory.saturating_sub(2 * GIB) / GIB;
    (100 + 25 * beyond).min(500)
}

fn wal(volume: u64) -> [(&'static str, u64); 4] {
    let max = (volume / 5).clamp(64 * MIB, 2 * GIB);
    [
        ("max_wal_size", max),
        ("min_wal_size", (volume / 20).clamp(32 * MIB, GIB)),
        ("wal_keep_size", (volume / 10).clamp(64 * MIB, 1536 * MIB)),
        ("max_slot_wal_keep_size", (volume / 10 * 3).max(max)),
    ]
}

fn workers(cpu_millis: u64) -> [(&'static str, u64); 4] {
    let cpus = cpu_millis.div_ceil(1000).max(1);
    let parallel = (cpus / 2).min(4);
    [
        ("max_worker_processes", 8 + cpus),
        ("max_parallel_workers", cpus),
        ("max_parallel_workers_per_gather", parallel),
        ("max_parallel_maintenance_workers", parallel),
    ]
}

/// Whole megabytes, rounded down: Postgres' MB is 1024 * 1024 bytes.
fn megabytes(bytes: u64) -> String {
    format!("{}MB", bytes / MIB)
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use rstest::rstest;

    use super::super::known;
    use super::*;

    fn rendered(capacity: Capacity, user: &Parameters) -> String {
        derive(capacity, user)
            .into_iter()
            .map(|(name, value)| format!("{name}={value}\n"))
            .collect()
    }

    #[rstest]
    #[case::smallest(100, 128 * MIB, GIB / 2, &[
        "autovacuum_work_mem=16MB", "effective_cache_size=96MB", "maintenance_work_mem=32MB",
        "max_connections=50", "max_parallel_maintenance_workers=0", "max_parallel_workers=1",
        "max_parallel_workers_per_gather=0", "max_slot_wal_keep_size=153MB", "max_wal_size=102MB",
        "max_worker_processes=9", "min_wal_size=32MB", "shared_buffers=32MB", "wal_keep_size=64MB",
        "work_mem=2MB",
    ])]
    #[case::default_profile(1000, 2 * GIB, 5 * GIB, &[
        "autovacuum_work_mem=64MB", "effective_cache_size=1536MB", "maintenance_work_mem=128MB",
        "max_connections=100", "max_parallel_maintenance_workers=0", "max_parallel_workers=1",
        "max_parallel_workers_per_gather=0", "max_slot_wal_keep_size=1536MB",
        "max_wal_size=1024MB", "max_worker_processes=9", "min_wal_size=256MB",
        "shared_buffers=512MB", "wal_keep_size=512MB", "work_mem=3MB",
    ])]
    #[case::middle(4000, 8 * GIB, 100 * GIB, &[
        "autovacuum_work_mem=256MB", "effective_cache_size=6144MB", "maintenance_work_mem=512MB",
        "max_connections=250", "max_parallel_maintenance_workers=2", "max_parallel_workers=4",
        "max_parallel_workers_per_gather=2", "max_slot_wal_keep_size=30720MB",
        "max_wal_size=2048MB", "max_worker_processes=12", "min_wal_size=1024MB",
        "shared_buffers=2048MB", "wal_keep_size=1536MB", "work_mem=6MB",
    ])]
    #[case::large(32_000, 256 * GIB, 2048 * GIB, &[
        "autovacuum_work_mem=512MB", "effective_cache_size=196608MB", "maintenance_work_mem=2048MB",
        "max_connections=500", "max_parallel_maintenance_workers=4", "max_parallel_workers=32",
        "max_parallel_workers_per_gather=4", "max_slot_wal_keep_size=629145MB",
        "max_wal_size=2048MB", "max_worker_processes=40", "min_wal_size=1024MB",
        "shared_buffers=65536MB", "wal_keep_size=1536MB", "work_mem=64MB",
    ])]
    fn profiles(
        #[case] cpu_millis: u64,
        #[case] memory: u64,
        #[case] volume: u64,
        #[case] expected: &[&str],
    ) {
        let capacity = Capacity {
            cpu_millis,
            memory,
            volume,
        };
        let expected: String = expected.iter().map(|line| format!("{line}\n")).collect();
        assert_eq!(rendered(capacity, &Parameters::new()), expected);
    }

    #[rstest]
    fn every_value_is_one_of_its_parameter(
        #[values(50, 1000, 64_000, 500_000)] cpu_millis: u64,
        #[values(MIB, GIB, 100 * GIB, 4096 * GIB)] memory: u64,
    ) {
        let volume = memory;
        for (name, value) in derive(
            Capacity {
                cpu_millis,
                memory,
                volume,
            },
            &Parameters::new(),
        ) {
            assert_eq!(
                known::check_value(&name, &value),
                Ok(()),
                "{name} = {value}"
            );
        }
    }

    #[test]
    fn more_connections_by_hand_leave_less_memory_to_each() {
        let capacity = Capacity {
            cpu_millis: 1000,
            memory: 16 * GIB,
            volume: 5 * GIB,
        };
        let user = Parameters::from([("max_connections".to_owned(), "1000".to_owned())]);
        assert_eq!(derive(capacity, &user)["work_mem"], "3MB");
    }

    #[rstest]
    fn wal_never_fills_the_volume(#[values(1, 2, 5, 10, 50, 1000)] gib: u64) {
        let volume = gib * GIB;
        let sizes = wal(volume);
        let kept = sizes[2].1.max(sizes[3].1);
        assert!(sizes[0].1 + kept <= volume / 2, "{sizes:?}");
    }
}
