//! Finding the program of a container, and the account and folders it needs.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use camino::{Utf8Path, Utf8PathBuf};

/// The file that a name in a command means: looked up in `folders` when it has no slash, as a shell does.
pub(super) fn find_program(
    name: &str,
    folders: &[Utf8PathBuf],
    working_dir: &Utf8Path,
) -> Option<Utf8PathBuf> {
    if name.contains('/') {
        return Some(working_dir.join(name)).filter(|path| is_program(path));
    }
    folders
        .iter()
        .map(|folder| folder.join(name))
        .find(|path| is_program(path))
}

fn is_program(path: &Utf8Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_looked_up_and_paths_are_taken_as_they_are() {
        let folders = ["/nowhere", "/bin"].map(Utf8PathBuf::from);
        let here = Utf8Path::new("/");
        assert_eq!(find_program("sh", &folders, here), Some("/bin/sh".into()));
        assert_eq!(find_program("/bin/sh", &[], here), Some("/bin/sh".into()));
        assert_eq!(find_program("bin/sh", &[], here), Some("/bin/sh".into()));
        assert_eq!(find_program("no-such-program", &folders, here), None);
        assert_eq!(find_program("/etc/passwd", &[], here), None);
    }
}
