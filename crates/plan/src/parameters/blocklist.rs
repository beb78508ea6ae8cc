//! Parameters that users cannot set: those the API refuses and those the instance agent owns.

use howdah_api::POSTGRES_BLOCKLIST;

/// Written by the instance agent: where the server lives, whom it follows, how far it recovers.
///
/// The API accepts these, so they are not refused; a value in a manifest is dropped and reported.
const AGENT_OWNED: &[&str] = &[
    "archive_cleanup_command",
    "cluster_name",
    "config_file",
    "data_directory",
    "external_pid_file",
    "hba_file",
    "hot_standby",
    "ident_file",
    "primary_conninfo",
    "primary_slot_name",
    "promote_trigger_file",
    "recovery_end_command",
    "recovery_min_apply_delay",
    "recovery_target",
    "recovery_target_action",
    "recovery_target_inclusive",
    "recovery_target_lsn",
    "recovery_target_name",
    "recovery_target_time",
    "recovery_target_timeline",
    "recovery_target_xid",
    "restore_command",
    "ssl",
    "ssl_ca_file",
    "ssl_cert_file",
    "ssl_crl_dir",
    "ssl_crl_file",
    "ssl_key_file",
    "synchronous_standby_names",
    "unix_socket_directories",
    "unix_socket_group",
    "unix_socket_permissions",
];

/// Whether the API forbids setting this parameter (name in lower case).
pub fn is_blocked(name: &str) -> bool {
    POSTGRES_BLOCKLIST.contains(&name)
}

/// Whether the instance agent decides this parameter (name in lower case).
pub fn is_agent_owned(name: &str) -> bool {
    AGENT_OWNED.contains(&name)
}
