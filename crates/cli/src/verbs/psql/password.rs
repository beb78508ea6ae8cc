//! The password file that psql reads: private, and gone when the session ends.

use std::io::Write;
use std::path::Path;

use tempfile::NamedTempFile;

use crate::error::Error;

/// A password file for one connection. It has mode 0600 from the start and is removed when dropped.
pub(super) struct PasswordFile(NamedTempFile);

impl PasswordFile {
    pub(super) fn write(host: &str, port: u16, user: &str, password: &str) -> Result<Self, Error> {
        let local = |source| Error::Local {
            what: "write a temporary password file".to_owned(),
            source,
        };
        let mut file = tempfile::Builder::new()
            .prefix("howdah-psql-")
            .tempfile()
            .map_err(local)?;
        file.write_all(line(host, port, user, password).as_bytes())
            .map_err(local)?;
        Ok(Self(file))
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }
}

/// One line of the format that libpq documents: fields separated by colons, with `:` and `\` escaped.
fn line(host: &str, port: u16, user: &str, password: &str) -> String {
    let escape = |text: &str| text.replace('\\', "\\\\").replace(':', "\\:");
    let (host, user, password) = (escape(host), escape(user), escape(password));
    format!("{host}:{port}:*:{user}:{password}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_file_is_private_and_goes_away() {
        let file = PasswordFile::write("a", 5432, "postgres", "secret").unwrap();
        let path = file.path().to_owned();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn separators_in_values_are_escaped() {
        assert_eq!(line("h", 1, "u:x", r"a:b\c"), "h:1:*:u\\:x:a\\:b\\\\c\n");
    }
}
