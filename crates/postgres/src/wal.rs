//! How the WAL is cut into segments and pages, and how its files are named.

use camino::{Utf8Path, Utf8PathBuf};
use howdah_types::{Lsn, Timeline};

/// The size of a WAL page, `XLOG_BLCKSZ`: every packaged Postgres is built with it.
pub(crate) const PAGE: u64 = 8192;
/// The header at the start of a segment, and that of the other pages.
const LONG_HEADER: u64 = 40;
const SHORT_HEADER: u64 = 24;

/// The folder of the WAL.
pub(crate) fn folder(data: &Utf8Path) -> Utf8PathBuf {
    data.join("pg_wal")
}

/// The end of the last record, given the place for the next one: they differ where a page begins,
/// whose header belongs to no record.
pub(crate) fn end_before(next: Lsn, segment_size: u64) -> Lsn {
    let bytes = next.bytes();
    let header = header_at(Lsn::new(bytes - bytes % PAGE), segment_size);
    if bytes % PAGE == header {
        Lsn::new(bytes - header)
    } else {
        next
    }
}

/// The place for the next record, given the end of the last one; it is aligned to 8 bytes.
pub(crate) fn start_after(end: Lsn, segment_size: u64) -> Lsn {
    let aligned = end.bytes().next_multiple_of(8);
    if aligned.is_multiple_of(PAGE) {
        Lsn::new(aligned + header_at(Lsn::new(aligned), segment_size))
    } else {
        Lsn::new(aligned)
    }
}

/// The length of the header of the page that starts there.
fn header_at(page: Lsn, segment_size: u64) -> u64 {
    match page.bytes().checked_rem(segment_size) {
        Some(0) => LONG_HEADER,
        _ => SHORT_HEADER,
    }
}

/// The end of a record of that length which starts there: the pages that it runs through have headers.
pub(crate) fn record_end(start: Lsn, length: u32, segment_size: u64) -> Lsn {
    let mut at = start.bytes();
    let mut left = u64::from(length);
    loop {
        let in_page = PAGE - at % PAGE;
        if left <= in_page {
            return Lsn::new(at + left);
        }
        left -= in_page;
        at += in_page;
        at += header_at(Lsn::new(at), segment_size);
    }
}

/// The number of the segment that holds the byte before `end`.
pub(crate) fn segment_before(end: Lsn, segment_size: u64) -> Option<u64> {
    end.bytes().saturating_sub(1).checked_div(segment_size)
}

/// The name of a segment's file.
pub(crate) fn segment_name(timeline: Timeline, number: u64, segment_size: u64) -> Option<String> {
    let per_log = (1_u64 << 32).checked_div(segment_size)?;
    let high = number.checked_div(per_log)?;
    let low = number % per_log;
    Some(format!("{:08X}{high:08X}{low:08X}", timeline.number()))
}

/// The timeline and the number of the segment that a file with that name holds; none for other files.
pub(crate) fn parse_segment_name(name: &str, segment_size: u64) -> Option<(Timeline, u64)> {
    if name.len() != 24 || !is_upper_hex(name) {
        return None;
    }
    let part = |from: usize| u32::from_str_radix(name.get(from..from + 8)?, 16).ok();
    let per_log = (1_u64 << 32).checked_div(segment_size)?;
    let number = u64::from(part(8)?) * per_log + u64::from(part(16)?);
    Some((Timeline::new(part(0)?)?, number))
}

/// The timeline that a segment's file name starts with.
pub(crate) fn timeline_of_segment(name: &str) -> Option<Timeline> {
    Timeline::new(u32::from_str_radix(name.get(..8)?, 16).ok()?)
}

/// The timeline whose history a file with that name holds; none for other files.
pub(crate) fn parse_history_name(name: &str) -> Option<Timeline> {
    let digits = name.strip_suffix(".history")?;
    if digits.len() != 8 || !is_upper_hex(digits) {
        return None;
    }
    timeline_of_segment(digits)
}

/// The name of the file with a timeline's history.
pub(crate) fn history_name(timeline: Timeline) -> String {
    format!("{:08X}.history", timeline.number())
}

fn is_upper_hex(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEGMENT: u64 = 16 << 20;

    fn lsn(text: &str) -> Lsn {
        text.parse().unwrap()
    }

    #[test]
    fn a_page_header_belongs_to_no_record() {
        for (next, end) in [
            ("0/3000028", "0/3000000"),
            ("0/3002018", "0/3002000"),
            ("0/3002028", "0/3002028"),
            ("0/3002020", "0/3002020"),
            ("0/3000018", "0/3000018"),
        ] {
            assert_eq!(end_before(lsn(next), SEGMENT), lsn(end), "{next}");
        }
        assert_eq!(start_after(lsn("0/3000000"), SEGMENT), lsn("0/3000028"));
        assert_eq!(start_after(lsn("0/3001FFC"), SEGMENT), lsn("0/3002018"));
        assert_eq!(start_after(lsn("0/3002021"), SEGMENT), lsn("0/3002028"));
    }

    #[test]
    fn a_record_runs_through_the_headers_of_pages() {
        let end = |start, length| record_end(lsn(start), length, SEGMENT);
        assert_eq!(end("0/3000028", 100), lsn("0/300008C"));
        assert_eq!(end("0/3001FF0", 16), lsn("0/3002000"));
        assert_eq!(end("0/3001FF0", 17), lsn("0/3002019"));
        assert_eq!(end("0/3FFFFF0", 17), lsn("0/4000029"));
    }

    #[test]
    fn names_of_segments_are_read_and_written() {
        let timeline = Timeline::new(10).unwrap();
        let number = segment_before(lsn("16/B374D848"), SEGMENT).unwrap();
        let name = segment_name(timeline, number, SEGMENT).unwrap();
        assert_eq!(name, "0000000A00000016000000B3");
        assert_eq!(parse_segment_name(&name, SEGMENT), Some((timeline, number)));
        assert_eq!(segment_before(lsn("0/4000000"), SEGMENT), Some(3));
        assert_eq!(segment_before(lsn("0/4000001"), SEGMENT), Some(4));
        assert_eq!(segment_before(lsn("0/0"), SEGMENT), Some(0));
        for odd in [
            "0000000A00000016000000B3.partial",
            "0000000a00000016000000B3",
            "000000000000001600000003",
            "0000000A000000160000\u{e9}\u{e9}",
            "",
        ] {
            assert_eq!(parse_segment_name(odd, SEGMENT), None, "{odd}");
        }
        assert_eq!(parse_segment_name(&name, 0), None);
    }

    #[test]
    fn names_of_histories_are_read_and_written() {
        let timeline = Timeline::new(26).unwrap();
        assert_eq!(history_name(timeline), "0000001A.history");
        assert_eq!(parse_history_name("0000001A.history"), Some(timeline));
        for odd in ["0000001a.history", "1A.history", "00000000.history", "x"] {
            assert_eq!(parse_history_name(odd), None, "{odd}");
        }
    }
}
