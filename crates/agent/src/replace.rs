//! Files of other containers of the Pod, which are replaced as a whole.

use std::fs::{OpenOptions, rename};
use std::io::{Result, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;

use camino::Utf8Path;

/// Writes a file beside, and renames it into place. Only its owner can read it. It need not outlive the machine.
pub(crate) fn replace(folder: &Utf8Path, name: &str, text: &str) -> Result<()> {
    let temporary = folder.join(format!("{name}.new"));
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(text.as_bytes())?;
    rename(&temporary, folder.join(name))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap();
        for text in ["first, and longer", "second"] {
            replace(path, "a", text).unwrap();
            assert_eq!(std::fs::read_to_string(path.join("a")).unwrap(), text);
        }
        let mode = std::fs::metadata(path.join("a"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(replace(&path.join("none"), "a", "").is_err());
    }
}
