//! How many connections may be forwarded at once, so that the rest of the program never runs out of descriptors.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tracing::warn;

/// Descriptors are asked for up to here: enough for all clients of one machine, and little enough for programs that
/// look at each one that they could have.
const MOST_FILES: u64 = 65_536;
/// Descriptors of one forwarded connection.
const PER_CONNECTION: usize = 2;
/// Where `/proc` does not say.
const DEFAULT_FILES: usize = 1024;

/// Takes as many descriptors as the process may have. A login shell gives 1024, which is a few hundred clients; Pods
/// begin with what this process has, as those of a container runtime do.
pub(crate) fn raise() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE).and_then(|(soft, hard)| {
        let wanted = hard.min(MOST_FILES).max(soft);
        setrlimit(Resource::RLIMIT_NOFILE, wanted, hard)
    });
    if let Err(error) = raised {
        warn!(%error, "the limit of open files stays as it is");
    }
}

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

    #[test]
    fn the_soft_limit_is_raised_and_the_hard_one_stays() {
        let before = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        let low = before.0.min(900);
        setrlimit(Resource::RLIMIT_NOFILE, low, before.1).unwrap();
        raise();
        let after = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        assert_eq!(after, (before.1.min(MOST_FILES).max(low), before.1));
        raise();
        assert_eq!(getrlimit(Resource::RLIMIT_NOFILE).unwrap(), after);
    }
}
