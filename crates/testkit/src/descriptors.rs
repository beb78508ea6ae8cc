//! As many open files as a test with thousands of clients needs.

use anyhow::{Context as _, Result, ensure};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Takes as many descriptors as this process may have; what it starts from now on has them, too.
///
/// # Errors
/// When that is fewer than are needed.
pub fn raise_descriptors(needed: u64) -> Result<()> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).context("read the limit")?;
    ensure!(
        hard >= needed,
        "{needed} open files are needed, and `ulimit -Hn` is {hard}"
    );
    let wanted = soft.max(needed);
    setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).context("raise the limit")
}
