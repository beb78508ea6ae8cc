//! SQLSTATE: the five characters that say what kind of error it is (Appendix A, PostgreSQL Error Codes).

use std::fmt;
use std::str::FromStr;

/// An error code: five digits and upper-case letters, the first two of which are its class.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SqlState([u8; 5]);

/// The text is not a SQLSTATE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a SQLSTATE is five digits and upper-case letters")]
pub struct ParseSqlStateError;

macro_rules! codes {
    ($($(#[$doc:meta])+ $name:ident = $code:literal;)+) => {
        impl SqlState {
            $($(#[$doc])+ pub const $name: Self = Self(*$code);)+

            /// Every named constant, for tests of the table.
            #[cfg(test)]
            const NAMED: &'static [Self] = &[$(Self::$name),+];
        }
    };
}

codes! {
    /// `00000` successful_completion (class 00).
    SUCCESSFUL_COMPLETION = b"00000";
    /// `08000` connection_exception (class 08).
    CONNECTION_EXCEPTION = b"08000";
    /// `08001` sqlclient_unable_to_establish_sqlconnection (class 08): no server could be reached.
    UNABLE_TO_ESTABLISH_CONNECTION = b"08001";
    /// `08003` connection_does_not_exist (class 08).
    CONNECTION_DOES_NOT_EXIST = b"08003";
    /// `08004` sqlserver_rejected_establishment_of_sqlconnection (class 08).
    CONNECTION_REJECTED = b"08004";
    /// `08006` connection_failure (class 08): the server was lost.
    CONNECTION_FAILURE = b"08006";
    /// `08007` transaction_resolution_unknown (class 08).
    TRANSACTION_RESOLUTION_UNKNOWN = b"08007";
    /// `08P01` protocol_violation (class 08).
    PROTOCOL_VIOLATION = b"08P01";
    /// `0A000` feature_not_supported (class 0A).
    FEATURE_NOT_SUPPORTED = b"0A000";
    /// `22023` invalid_parameter_value (class 22).
    INVALID_PARAMETER_VALUE = b"22023";
    /// `25006` read_only_sql_transaction (class 25): a write on a replica.
    READ_ONLY_SQL_TRANSACTION = b"25006";
    /// `25P02` in_failed_sql_transaction (class 25).
    IN_FAILED_SQL_TRANSACTION = b"25P02";
    /// `25P03` idle_in_transaction_session_timeout (class 25).
    IDLE_IN_TRANSACTION_SESSION_TIMEOUT = b"25P03";
    /// `25P04` transaction_timeout (class 25).
    TRANSACTION_TIMEOUT = b"25P04";
    /// `26000` invalid_sql_statement_name (class 26): an unknown prepared statement.
    INVALID_SQL_STATEMENT_NAME = b"26000";
    /// `28000` invalid_authorization_specification (class 28): no rule lets this client in.
    INVALID_AUTHORIZATION_SPECIFICATION = b"28000";
    /// `28P01` invalid_password (class 28).
    INVALID_PASSWORD = b"28P01";
    /// `3D000` invalid_catalog_name (class 3D): an unknown database.
    INVALID_CATALOG_NAME = b"3D000";
    /// `40001` serialization_failure (class 40): run the transaction again.
    SERIALIZATION_FAILURE = b"40001";
    /// `40003` statement_completion_unknown (class 40): the commit may or may not have happened.
    STATEMENT_COMPLETION_UNKNOWN = b"40003";
    /// `40P01` deadlock_detected (class 40).
    DEADLOCK_DETECTED = b"40P01";
    /// `42501` insufficient_privilege (class 42).
    INSUFFICIENT_PRIVILEGE = b"42501";
    /// `42601` syntax_error (class 42).
    SYNTAX_ERROR = b"42601";
    /// `53000` insufficient_resources (class 53).
    INSUFFICIENT_RESOURCES = b"53000";
    /// `53100` disk_full (class 53).
    DISK_FULL = b"53100";
    /// `53200` out_of_memory (class 53).
    OUT_OF_MEMORY = b"53200";
    /// `53300` too_many_connections (class 53).
    TOO_MANY_CONNECTIONS = b"53300";
    /// `53400` configuration_limit_exceeded (class 53).
    CONFIGURATION_LIMIT_EXCEEDED = b"53400";
    /// `54000` program_limit_exceeded (class 54).
    PROGRAM_LIMIT_EXCEEDED = b"54000";
    /// `55000` object_not_in_prerequisite_state (class 55).
    OBJECT_NOT_IN_PREREQUISITE_STATE = b"55000";
    /// `55006` object_in_use (class 55): a slot that another connection streams from.
    OBJECT_IN_USE = b"55006";
    /// `55P03` lock_not_available (class 55).
    LOCK_NOT_AVAILABLE = b"55P03";
    /// `57014` query_canceled (class 57).
    QUERY_CANCELED = b"57014";
    /// `57P01` admin_shutdown (class 57): an administrator ended the session.
    ADMIN_SHUTDOWN = b"57P01";
    /// `57P02` crash_shutdown (class 57).
    CRASH_SHUTDOWN = b"57P02";
    /// `57P03` cannot_connect_now (class 57): the server is starting or stopping.
    CANNOT_CONNECT_NOW = b"57P03";
    /// `57P04` database_dropped (class 57).
    DATABASE_DROPPED = b"57P04";
    /// `57P05` idle_session_timeout (class 57).
    IDLE_SESSION_TIMEOUT = b"57P05";
    /// `58000` system_error (class 58).
    SYSTEM_ERROR = b"58000";
    /// `58030` io_error (class 58).
    IO_ERROR = b"58030";
    /// `XX000` internal_error (class XX).
    INTERNAL_ERROR = b"XX000";
    /// `XX001` data_corrupted (class XX).
    DATA_CORRUPTED = b"XX001";
}

impl SqlState {
    /// Checks that these are five digits and upper-case letters.
    ///
    /// # Errors
    /// If they are not.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ParseSqlStateError> {
        let code: [u8; 5] = bytes.try_into().map_err(|_length| ParseSqlStateError)?;
        let known = |byte: &u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
        if code.iter().all(known) {
            Ok(Self(code))
        } else {
            Err(ParseSqlStateError)
        }
    }

    /// The five characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The first two characters, which group related codes.
    #[must_use]
    pub fn class(&self) -> &str {
        self.as_str().get(..2).unwrap_or_default()
    }
}

impl FromStr for SqlState {
    type Err = ParseSqlStateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_bytes(text.as_bytes())
    }
}

impl fmt::Display for SqlState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Debug for SqlState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_constant_is_a_code_of_its_own() {
        let distinct: BTreeSet<_> = SqlState::NAMED.iter().collect();
        assert_eq!(distinct.len(), SqlState::NAMED.len());
        for state in SqlState::NAMED {
            assert_eq!(state.as_str().parse(), Ok(*state));
        }
    }

    #[test]
    fn the_class_is_the_first_two_characters() {
        assert_eq!(SqlState::ADMIN_SHUTDOWN.class(), "57");
        assert_eq!(SqlState::ADMIN_SHUTDOWN.to_string(), "57P01");
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["", "5700", "570000", "57p01", "57 01", "57é1"] {
            assert_eq!(text.parse::<SqlState>(), Err(ParseSqlStateError), "{text}");
        }
    }
}
