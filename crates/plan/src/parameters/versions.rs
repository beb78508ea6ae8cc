//! Which parameters exist in which major version.
//!
//! Only what differs between the supported majors is listed. A name that is in neither table is
//! taken as known: extensions define parameters that no table can hold.

use howdah_types::PgMajor;

/// Parameters and the first major that knows them.
const SINCE: &[(&str, u8)] = &[
    ("allow_alter_system", 17),
    ("archive_library", 15),
    ("autovacuum_vacuum_max_threshold", 18),
    ("autovacuum_worker_slots", 18),
    ("client_connection_check_interval", 14),
    ("commit_timestamp_buffers", 17),
    ("compute_query_id", 14),
    ("createrole_self_grant", 16),
    ("debug_io_direct", 16),
    ("debug_parallel_query", 16),
    ("default_toast_compression", 14),
    ("enable_async_append", 14),
    ("enable_distinct_reordering", 18),
    ("enable_group_by_reordering", 17),
    ("enable_memoize", 14),
    ("enable_presorted_aggregate", 16),
    ("enable_self_join_elimination", 18),
    ("event_triggers", 17),
    ("extension_control_path", 18),
    ("file_copy_method", 18),
    ("gss_accept_delegation", 16),
    ("huge_page_size", 14),
    ("icu_validation_level", 16),
    ("idle_replication_slot_timeout", 18),
    ("idle_session_timeout", 14),
    ("io_combine_limit", 17),
    ("io_max_combine_limit", 18),
    ("io_max_concurrency", 18),
    ("io_method", 18),
    ("io_workers", 18),
    ("log_lock_failures", 18),
    ("log_recovery_conflict_waits", 14),
    ("log_startup_progress_interval", 15),
    ("max_active_replication_origins", 18),
    ("max_parallel_apply_workers_per_subscription", 16),
    ("md5_password_warnings", 18),
    ("min_dynamic_shared_memory", 14),
    ("multixact_member_buffers", 17),
    ("multixact_offset_buffers", 17),
    ("notify_buffers", 17),
    ("oauth_validator_libraries", 18),
    ("recovery_init_sync_method", 14),
    ("recovery_prefetch", 15),
    ("recursive_worktable_factor", 15),
    ("reserved_connections", 16),
    ("restrict_nonsystem_relation_kind", 14),
    ("scram_iterations", 16),
    ("send_abort_for_crash", 16),
    ("send_abort_for_kill", 16),
    ("serializable_buffers", 17),
    ("ssl_groups", 18),
    ("ssl_tls13_ciphers", 18),
    ("stats_fetch_consistency", 15),
    ("subtransaction_buffers", 17),
    ("summarize_wal", 17),
    ("sync_replication_slots", 17),
    ("synchronized_standby_slots", 17),
    ("trace_connection_negotiation", 17),
    ("track_cost_delay_timing", 18),
    ("track_wal_io_timing", 14),
    ("transaction_buffers", 17),
    ("transaction_timeout", 17),
    ("vacuum_buffer_usage_limit", 16),
    ("vacuum_failsafe_age", 14),
    ("vacuum_max_eager_freeze_failure_rate", 18),
    ("vacuum_multixact_failsafe_age", 14),
    ("vacuum_truncate", 18),
    ("wal_decode_buffer_size", 15),
    ("wal_summary_keep_time", 17),
];

/// Parameters and the first major that no longer knows them.
const REMOVED: &[(&str, u8)] = &[
    ("db_user_namespace", 17),
    ("lc_collate", 16),
    ("lc_ctype", 16),
    ("old_snapshot_threshold", 17),
    ("operator_precedence_warning", 14),
    ("promote_trigger_file", 16),
    ("stats_temp_directory", 15),
    ("trace_recovery_messages", 17),
    ("vacuum_cleanup_index_scale_factor", 14),
    ("vacuum_defer_cleanup_age", 16),
    ("wal_keep_segments", 13),
];

/// Whether a major knows a parameter; the error continues a sentence that starts with its name.
pub(super) fn check_major(name: &str, major: PgMajor) -> Result<(), String> {
    if let Some(since) = find(SINCE, name).filter(|since| major.number() < *since) {
        return Err(format!(
            "does not exist in Postgres {major}; it appeared in {since}"
        ));
    }
    if let Some(removed) = find(REMOVED, name).filter(|removed| major.number() >= *removed) {
        return Err(format!(
            "does not exist in Postgres {major}; it was removed in {removed}"
        ));
    }
    Ok(())
}

fn find(table: &[(&str, u8)], name: &str) -> Option<u8> {
    let at = table.binary_search_by_key(&name, |(key, _)| key).ok()?;
    Some(table[at].1)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("work_mem", "18", Ok(()))]
    #[case("io_method", "18", Ok(()))]
    #[case("io_method", "17", Err("does not exist in Postgres 17; it appeared in 18".to_owned()))]
    #[case("old_snapshot_threshold", "16", Ok(()))]
    #[case("old_snapshot_threshold", "17", Err("does not exist in Postgres 17; it was removed in 17".to_owned()))]
    #[case("timescaledb.max_background_workers", "14", Ok(()))]
    fn majors(#[case] name: &str, #[case] major: &str, #[case] expected: Result<(), String>) {
        assert_eq!(check_major(name, major.parse().unwrap()), expected);
    }

    #[test]
    fn the_tables_are_sorted() {
        for table in [SINCE, REMOVED] {
            assert!(table.windows(2).all(|pair| pair[0].0 < pair[1].0));
        }
    }
}
