//! Whether a primary still has the WAL with which a standby would go on.

use howdah_types::Lsn;

use crate::session::{Error, Session, column};

const WHAT: &str = "ask the primary for its oldest WAL";

/// What a primary can offer a standby.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Continuity {
    /// The WAL from there on is kept.
    Kept,
    /// It is gone: only a new copy helps.
    Gone,
}

/// A segment's file name is timeline, then the number in two parts of eight digits; so the last 16
/// digits are ordered as the WAL is.
const OLDEST: &str = "\
SELECT min(pg_catalog.substr(name, 9)) AS oldest,
  (SELECT pg_catalog.pg_size_bytes(pg_catalog.current_setting('wal_segment_size'))) AS segment_size
FROM pg_catalog.pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$'";

impl Session {
    /// Asked of a primary with the replication role: is the WAL from `position` on still there?
    pub async fn continuity(&self, position: Lsn) -> Result<Continuity, Error> {
        let row = self.row(WHAT, OLDEST, &[]).await?;
        let oldest: Option<&str> = column(WHAT, &row, "oldest")?;
        let segment_size: i64 = column(WHAT, &row, "segment_size")?;
        let needed = segment(position, segment_size.unsigned_abs());
        Ok(match (oldest, needed) {
            (Some(oldest), Some(needed)) if oldest > needed.as_str() => Continuity::Gone,
            _ => Continuity::Kept,
        })
    }
}

/// The last 16 digits of the name of the segment with that position, at whose start streaming begins.
fn segment(position: Lsn, segment_size: u64) -> Option<String> {
    let number = position.bytes().checked_div(segment_size)?;
    let per_log = (1_u64 << 32).checked_div(segment_size)?;
    let high = number.checked_div(per_log)?;
    Some(format!("{high:08X}{:08X}", number % per_log))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_named_as_postgres_names_them() {
        let name = |text: &str, size| segment(text.parse().unwrap(), size).unwrap();
        assert_eq!(name("0/3000060", 16 << 20), "0000000000000003");
        assert_eq!(name("16/B374D848", 16 << 20), "00000016000000B3");
        assert_eq!(name("1/40000000", 1 << 30), "0000000100000001");
        assert_eq!(segment(Lsn::new(1), 0), None);
    }
}
