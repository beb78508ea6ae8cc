//! The settings of PgBouncer, and which values they take.
//!
//! PgBouncer reads its file as a whole: one setting that it does not know, or one value that it cannot
//! read, keeps it from starting. So both are found before they reach it.

use self::Kind::{Count, OneOf, Seconds, Text};

/// What a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A whole number; switches take 0 and 1.
    Count,
    /// Seconds, with decimals.
    Seconds,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Anything.
    Text,
}

const POOL_MODES: Kind = OneOf(&["session", "transaction", "statement"]);

/// Settings of the section `[pgbouncer]` that users choose.
pub(super) const SETTINGS: &[(&str, Kind)] = &[
    ("application_name_add_host", Count),
    ("autodb_idle_timeout", Seconds),
    ("cancel_wait_timeout", Seconds),
    ("client_idle_timeout", Seconds),
    ("client_login_timeout", Seconds),
    ("client_tls13_ciphers", Text),
    ("client_tls_ciphers", Text),
    ("client_tls_dheparams", OneOf(&["auto", "legacy", "none"])),
    ("client_tls_ecdhcurve", Text),
    ("client_tls_protocols", Text),
    ("default_pool_size", Count),
    ("disable_pqexec", Count),
    ("idle_transaction_timeout", Seconds),
    ("ignore_startup_parameters", Text),
    ("listen_backlog", Count),
    ("log_connections", Count),
    ("log_disconnections", Count),
    ("log_pooler_errors", Count),
    ("log_stats", Count),
    ("login_notify_message", Text),
    ("max_client_conn", Count),
    ("max_db_client_connections", Count),
    ("max_db_connections", Count),
    ("max_packet_size", Count),
    ("max_prepared_statements", Count),
    ("max_user_client_connections", Count),
    ("max_user_connections", Count),
    ("min_pool_size", Count),
    ("pkt_buf", Count),
    ("pool_idle_timeout", Seconds),
    ("pool_mode", POOL_MODES),
    ("query_timeout", Seconds),
    ("query_wait_notify", Count),
    ("query_wait_timeout", Seconds),
    ("reserve_pool_size", Count),
    ("reserve_pool_timeout", Seconds),
    ("sbuf_loopcnt", Count),
    ("scram_iterations", Count),
    ("server_check_delay", Seconds),
    ("server_check_query", Text),
    ("server_connect_timeout", Seconds),
    ("server_fast_close", Count),
    ("server_idle_timeout", Seconds),
    ("server_lifetime", Seconds),
    ("server_login_retry", Seconds),
    ("server_reset_query", Text),
    ("server_reset_query_always", Count),
    ("stats_period", Count),
    ("suspend_timeout", Seconds),
    ("tcp_defer_accept", Count),
    ("tcp_keepalive", Count),
    ("tcp_keepcnt", Count),
    ("tcp_keepidle", Count),
    ("tcp_keepintvl", Count),
    ("tcp_socket_buffer", Count),
    ("tcp_user_timeout", Count),
    ("track_extra_parameters", Text),
    ("transaction_timeout", Seconds),
    ("verbose", Count),
];

/// Settings of an entry of `[databases]`.
pub(super) const OF_DATABASE: &[(&str, Kind)] = &[
    ("application_name", Text),
    ("client_encoding", Text),
    ("connect_query", Text),
    ("datestyle", Text),
    ("dbname", Text),
    ("max_db_client_connections", Count),
    ("max_db_connections", Count),
    ("min_pool_size", Count),
    ("pool_mode", POOL_MODES),
    ("pool_size", Count),
    ("query_wait_timeout", Seconds),
    ("reserve_pool", Count),
    ("reserve_pool_size", Count),
    ("server_lifetime", Seconds),
    ("timezone", Text),
    ("user", Text),
];

/// Settings of an entry of `[users]`.
pub(super) const OF_USER: &[(&str, Kind)] = &[
    ("client_idle_timeout", Seconds),
    ("idle_transaction_timeout", Seconds),
    ("max_user_client_connections", Count),
    ("max_user_connections", Count),
    ("pool_mode", POOL_MODES),
    ("pool_size", Count),
    ("query_timeout", Seconds),
    ("query_wait_timeout", Seconds),
    ("reserve_pool_size", Count),
    ("transaction_timeout", Seconds),
];

/// Settings of `[pgbouncer]` that PgBouncer has, that the API accepts, and that are Howdah's all the same: with
/// another value it could not be reached, or would ask nobody for a password.
pub(super) const OWNED: &[&str] = &[
    "auth_dbname",
    "auth_hba_file",
    "auth_ident_file",
    "auth_ldap_options",
    "client_tls_ca_file",
    "client_tls_cert_file",
    "client_tls_key_file",
    "client_tls_sslmode",
    "job_name",
    "peer_id",
    "resolv_conf",
    "server_tls13_ciphers",
    "service_name",
    "so_reuseport",
    "user",
];

/// The kind of a setting, if there is one of that name.
pub(super) fn kind(known: &[(&str, Kind)], name: &str) -> Option<Kind> {
    known
        .iter()
        .find(|(other, _)| *other == name)
        .map(|(_, kind)| *kind)
}

impl Kind {
    /// Why a value is none of this kind.
    pub(super) fn refuse(self, value: &str) -> Option<String> {
        match self {
            Count => value
                .parse::<i32>()
                .map_or(true, |number| number < 0)
                .then(|| "must be a whole number from 0 on".to_owned()),
            Seconds => value
                .parse::<f64>()
                .map_or(true, |number| !(0.0..1e9).contains(&number))
                .then(|| "must be a number of seconds from 0 on".to_owned()),
            OneOf(words) => {
                (!words.contains(&value)).then(|| format!("must be one of {}", words.join(", ")))
            }
            Text => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_in_order_and_says_a_name_once() {
        for table in [SETTINGS, OF_DATABASE, OF_USER] {
            assert!(table.is_sorted_by(|(a, _), (b, _)| a < b));
        }
        for owned in OWNED {
            assert_eq!(kind(SETTINGS, owned), None, "{owned}");
        }
    }

    #[test]
    fn values_that_pgbouncer_could_not_read_are_refused() {
        for (kind, value, good) in [
            (Count, "0", true),
            (Count, "2147483647", true),
            (Count, "2147483648", false),
            (Count, "-1", false),
            (Count, "many", false),
            (Count, "", false),
            (Seconds, "0.05", true),
            (Seconds, "30", true),
            (Seconds, "nan", false),
            (Seconds, "inf", false),
            (Seconds, "30s", false),
            (POOL_MODES, "transaction", true),
            (POOL_MODES, "transactions", false),
            (Text, "", true),
        ] {
            assert_eq!(kind.refuse(value).is_none(), good, "{kind:?} {value}");
        }
    }
}
