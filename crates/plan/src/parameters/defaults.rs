//! The built-in values, before anything is derived from the profile and the volume.

use howdah_types::PgMajor;

use super::{Parameters, known};

/// Values of every cluster that sets nothing.
///
/// Sizes here are upper bounds for large instances; `derived` scales the ones that would not fit.
const DEFAULTS: &[(&str, &str)] = &[
    ("archive_command", "/bin/true"),
    ("archive_mode", "on"),
    ("autovacuum_max_workers", "3"),
    ("autovacuum_vacuum_cost_delay", "2"),
    ("autovacuum_work_mem", "512MB"),
    ("checkpoint_completion_target", "0.9"),
    ("checkpoint_timeout", "15min"),
    ("default_statistics_target", "200"),
    ("default_toast_compression", "lz4"),
    ("enable_partitionwise_aggregate", "on"),
    ("enable_partitionwise_join", "on"),
    ("fsync", "on"),
    ("huge_pages", "off"),
    ("jit_inline_above_cost", "-1"),
    ("lc_messages", "C"),
    ("log_autovacuum_min_duration", "0ms"),
    ("log_checkpoints", "on"),
    ("log_connections", "on"),
    ("log_destination", "stderr"),
    ("log_directory", "log"),
    ("log_disconnections", "on"),
    ("log_filename", "postgres-%M.log"),
    (
        "log_line_prefix",
        "%t [%p]: db=%d,user=%u,app=%a,client=%h ",
    ),
    ("log_lock_waits", "on"),
    ("log_min_duration_statement", "1000"),
    ("log_rotation_age", "30min"),
    ("log_rotation_size", "0kB"),
    ("log_statement", "none"),
    ("log_temp_files", "0"),
    ("log_truncate_on_rotation", "on"),
    ("logging_collector", "off"),
    ("maintenance_work_mem", "2GB"),
    ("max_locks_per_transaction", "128"),
    ("max_pred_locks_per_transaction", "128"),
    ("max_prepared_transactions", "32"),
    ("max_replication_slots", "20"),
    ("max_wal_senders", "20"),
    ("max_wal_size", "2GB"),
    ("min_wal_size", "1GB"),
    ("pg_stat_statements.track_utility", "off"),
    ("random_page_cost", "1.5"),
    // Both ship with Postgres itself (contrib), so they are present wherever the server is.
    (
        "shared_preload_libraries",
        "pg_stat_statements, auto_explain",
    ),
    ("superuser_reserved_connections", "8"),
    ("track_activity_query_size", "4096"),
    ("track_commit_timestamp", "on"),
    ("track_functions", "pl"),
    ("track_io_timing", "on"),
    ("wal_compression", "on"),
    ("wal_keep_size", "1536MB"),
    ("wal_level", "logical"),
    ("wal_log_hints", "on"),
    ("work_mem", "10MB"),
];

/// The built-in parameters of a major version.
pub fn builtin(major: PgMajor) -> Parameters {
    DEFAULTS
        .iter()
        .filter(|(name, _)| known::check_major(name, major).is_ok())
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_that_a_major_does_not_know_is_left_out() {
        let of = |major: &str| builtin(major.parse().unwrap());
        assert!(!of("13").contains_key("default_toast_compression"));
        for major in ["14", "15", "16", "17", "18"] {
            assert_eq!(of(major).len(), DEFAULTS.len(), "{major}");
        }
    }

    #[test]
    fn every_default_is_a_value_of_its_parameter() {
        for (name, value) in DEFAULTS {
            assert_eq!(known::check_value(name, value), Ok(()), "{name}");
        }
    }

    #[test]
    fn the_table_is_sorted_and_has_no_twins() {
        assert!(DEFAULTS.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
