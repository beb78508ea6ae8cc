//! The unprivileged user that Postgres and the processes of Pods run as when tests run under root.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use nix::unistd::{Uid, User};

/// Accounts in the order of preference, the same on pocket.
const ACCOUNTS: [&str; 3] = ["howdah", "postgres", "nobody"];

/// An account to run programs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunAs {
    /// Its name.
    pub name: String,
    /// Its user id.
    pub uid: u32,
    /// Its primary group's id.
    pub gid: u32,
}

/// The account that programs must drop to: `None` unless this process runs as root.
///
/// # Errors
/// When root finds none of the accounts `howdah`, `postgres` and `nobody`.
pub fn unprivileged_user() -> Result<Option<RunAs>> {
    if !Uid::effective().is_root() {
        return Ok(None);
    }
    for name in ACCOUNTS {
        if let Some(user) = User::from_name(name).with_context(|| format!("look up {name}"))? {
            let (uid, gid) = (user.uid.as_raw(), user.gid.as_raw());
            return Ok(Some(RunAs {
                name: user.name,
                uid,
                gid,
            }));
        }
    }
    anyhow::bail!(
        "none of the accounts {} exists on this machine",
        ACCOUNTS.join(", ")
    )
}

impl RunAs {
    /// Makes a command run as this account, without supplementary groups.
    pub fn apply(&self, command: &mut Command) {
        // The standard library clears the groups of root itself when a user is set.
        command.uid(self.uid).gid(self.gid);
    }
}

/// The command without root, in no folder of its own and with nothing to read.
///
/// # Errors
/// When the machine has no such account.
pub fn unprivileged(mut command: Command) -> Result<Command> {
    if let Some(user) = unprivileged_user()? {
        user.apply(&mut command);
    }
    // libpq looks for certificates of the user's own there.
    command.env("HOME", "/nonexistent");
    command.stdin(Stdio::null()).current_dir("/");
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_drops_to_an_account_and_others_stay_who_they_are() {
        let user = unprivileged_user().unwrap();
        assert_eq!(user.is_some(), Uid::effective().is_root());
        if let Some(user) = user {
            let mut command = Command::new("id");
            user.apply(command.arg("-G"));
            let output = command.output().unwrap();
            assert_eq!(
                String::from_utf8(output.stdout).unwrap().trim(),
                user.gid.to_string()
            );
        }
    }
}
