//! The control file of a data directory, as `pg_controldata` prints it.

use std::collections::BTreeMap;

use camino::Utf8Path;
use howdah_types::{Lsn, SystemIdentifier, Timeline};

use crate::programs::{self, Programs, REPORT};

/// What a data directory was doing when its control file was last written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClusterState {
    /// A primary that was shut down in order.
    ShutDown,
    /// A standby that was shut down in order.
    ShutDownInRecovery,
    /// A primary that runs or crashed.
    InProduction,
    /// A standby that runs or crashed.
    InArchiveRecovery,
    /// Anything between.
    Other,
}

/// The parts of the control file that are used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlData {
    /// The database system that this is a copy of.
    pub system: SystemIdentifier,
    /// The newest timeline that the control file names.
    pub timeline: Timeline,
    /// What the copy was doing.
    pub state: ClusterState,
    /// The start of the newest checkpoint record.
    pub checkpoint: Lsn,
    /// The size of one WAL segment file in bytes.
    pub segment_size: u64,
    /// Values of the primary that a standby's must not be below, by parameter name.
    pub required: BTreeMap<&'static str, u32>,
}

/// The parameters that a standby must not set lower than its primary did (manual 27.4.3), each with
/// its name in the control file and its built-in default.
pub(crate) const AT_LEAST_AS_ON_PRIMARY: [(&str, &str, u32); 5] = [
    ("max_connections", "max_connections setting", 100),
    ("max_worker_processes", "max_worker_processes setting", 8),
    ("max_wal_senders", "max_wal_senders setting", 10),
    ("max_prepared_transactions", "max_prepared_xacts setting", 0),
    (
        "max_locks_per_transaction",
        "max_locks_per_xact setting",
        64,
    ),
];

/// Why a control file tells nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("read the control file")]
    Run(#[source] programs::Error),
    #[error("the control file has a wrong checksum")]
    Checksum,
    #[error("the control file shows no valid \"{0}\"")]
    Field(&'static str),
}

impl Error {
    /// True if the file itself is at fault, not the program that reads it.
    pub(crate) fn is_damage(&self) -> bool {
        !matches!(
            self,
            Self::Run(programs::Error::Missing(_) | programs::Error::Run { .. })
                | Self::Run(programs::Error::Deadline { .. })
        )
    }
}

/// Reads the control file of a data directory.
pub(crate) async fn read(programs: &Programs, data: &Utf8Path) -> Result<ControlData, Error> {
    let mut command = programs.command("pg_controldata");
    command.arg("-D").arg(data);
    let report = programs::run(command, "pg_controldata", Some(REPORT))
        .await
        .map_err(Error::Run)?;
    parse(&report)
}

fn parse(report: &str) -> Result<ControlData, Error> {
    // "WARNING: Calculated CRC checksum does not match value stored in file", and since 17
    // "warning: calculated CRC checksum ...".
    if report
        .to_ascii_lowercase()
        .contains("calculated crc checksum does not match")
    {
        return Err(Error::Checksum);
    }
    let fields: BTreeMap<&str, &str> = report
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim(), value.trim()))
        .collect();
    let required = AT_LEAST_AS_ON_PRIMARY
        .iter()
        .map(|(name, field, _)| Ok((*name, value(&fields, field)?)))
        .collect::<Result<_, Error>>()?;
    Ok(ControlData {
        system: value(&fields, "Database system identifier")?,
        timeline: newest_timeline(&fields)?,
        state: cluster_state(fields.get("Database cluster state").copied()),
        checkpoint: value(&fields, "Latest checkpoint location")?,
        segment_size: value(&fields, "Bytes per WAL segment")?,
        required,
    })
}

/// An error with its cause, for people.
pub(crate) fn describe(error: &Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

fn value<T: std::str::FromStr>(
    fields: &BTreeMap<&str, &str>,
    name: &'static str,
) -> Result<T, Error> {
    fields
        .get(name)
        .and_then(|text| text.parse().ok())
        .ok_or(Error::Field(name))
}

/// A standby may have replayed past the timeline of its last restart point.
fn newest_timeline(fields: &BTreeMap<&str, &str>) -> Result<Timeline, Error> {
    let checkpoint: Timeline = value(fields, "Latest checkpoint's TimeLineID")?;
    let recovered = value(fields, "Min recovery ending loc's timeline").ok();
    Ok(recovered.map_or(checkpoint, |recovered| checkpoint.max(recovered)))
}

fn cluster_state(text: Option<&str>) -> ClusterState {
    match text {
        Some("shut down") => ClusterState::ShutDown,
        Some("shut down in recovery") => ClusterState::ShutDownInRecovery,
        Some("in production") => ClusterState::InProduction,
        Some("in archive recovery") => ClusterState::InArchiveRecovery,
        _ => ClusterState::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "\
pg_control version number:            1300
Database system identifier:           7340121987654321000
Database cluster state:               in archive recovery
Latest checkpoint location:           0/3000060
Latest checkpoint's REDO WAL file:    000000010000000000000003
Latest checkpoint's TimeLineID:       1
Time of latest checkpoint:            Sun Nov 22 20:11:09 2026
Min recovery ending loc's timeline:   2
max_connections setting:              200
max_worker_processes setting:         8
max_wal_senders setting:              10
max_prepared_xacts setting:           32
max_locks_per_xact setting:           64
Bytes per WAL segment:                16777216
";

    #[test]
    fn a_report_is_read() {
        let control = parse(REPORT).unwrap();
        assert_eq!(control.system.to_string(), "7340121987654321000");
        assert_eq!(control.timeline.number(), 2);
        assert_eq!(control.state, ClusterState::InArchiveRecovery);
        assert_eq!(control.checkpoint.to_string(), "0/3000060");
        assert_eq!(control.required["max_connections"], 200);
        assert_eq!(control.required["max_prepared_transactions"], 32);
    }

    #[test]
    fn damage_is_told_from_a_missing_program() {
        let warned = format!("WARNING: Calculated CRC checksum does not match value\n{REPORT}");
        assert!(matches!(parse(&warned), Err(Error::Checksum)));
        let missing = parse("").unwrap_err();
        assert!(missing.is_damage());
        assert!(!Error::Run(programs::Error::Missing("pg_controldata")).is_damage());
    }
}
