//! How many connections may be forwarded at once, so that the rest of the program never runs out of descriptors.

/// Descriptors of one forwarded connection.
const PER_CONNECTION: usize = 2;
/// Where `/proc` does not say.
const DEFAULT_FILES: usize = 1024;

/// As many connections as fit into three quarters of the descriptors that the process may have.
pub(super) fn connections() -> usize {
    let text = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let files = parse(&text).unwrap_or(DEFAULT_FILES);
    (files / 4 * 3 / PER_CONNECTION).max(1)
}

/// The soft limit in a line like `Max open files  1024  524288  files`.
fn parse(limits: &str) -> Option<usize> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_counts() {
        let text = "Limit   Soft Limit  Hard Limit  Units\nMax open files            1024                 524288               files\n";
        assert_eq!(parse(text), Some(1024));
        assert_eq!(parse(""), None);
        assert!(connections() > 0);
    }
}
