//! Finds psql.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use camino::{Utf8Path, Utf8PathBuf};
use howdah_types::catalogue::{Catalogue, ComponentName, FILE_NAME};
use tokio::process::Command;

use crate::error::Error;

const NAME: &str = "psql";

/// A psql that can be started.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Program {
    path: Utf8PathBuf,
    variables: Vec<(String, String)>,
}

impl Program {
    /// The psql on `PATH`, or else the one of the components folder.
    pub(super) fn find(components: &Utf8Path) -> Result<Self, Error> {
        let path = env::var("PATH").unwrap_or_default();
        on_path(&path)
            .or_else(|| in_components(components))
            .ok_or_else(|| Error::NoProgram {
                program: NAME,
                components: components.to_owned(),
            })
    }

    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }
}

fn on_path(path: &str) -> Option<Program> {
    let folders = path.split(':').filter(|folder| !folder.is_empty());
    folders
        .map(|folder| Utf8Path::new(folder).join(NAME))
        .find(|file| is_program(file))
        .map(|path| Program {
            path,
            variables: Vec::new(),
        })
}

fn in_components(folder: &Utf8Path) -> Option<Program> {
    let text = fs::read_to_string(folder.join(FILE_NAME)).ok()?;
    let catalogue: Catalogue = serde_saphyr::from_str(&text).ok()?;
    let component = catalogue.newest(ComponentName::PostgresUtil)?;
    let path = component
        .program_dirs(folder.as_str())
        .map(|folder| Utf8PathBuf::from(folder).join(NAME))
        .find(|file| is_program(file))?;
    let variables = component
        .env_vars(folder.as_str())
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    Some(Program { path, variables })
}

fn is_program(file: &Utf8Path) -> bool {
    fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(file: &Utf8Path) {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "").unwrap();
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn a_program_on_path_must_be_executable() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        fs::create_dir(root.join("a")).unwrap();
        fs::write(root.join("a/psql"), "").unwrap();
        program(&root.join("b/psql"));
        let found = on_path(&format!("{root}/none:{root}/a:{root}/b")).unwrap();
        assert_eq!(found.path, root.join("b/psql"));
        assert_eq!(on_path(&format!("{root}/a")), None);
    }

    #[test]
    fn the_components_folder_offers_one_with_its_environment() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        assert_eq!(in_components(root), None);
        program(&root.join("util/bin/psql"));
        let catalogue = "components:\n- component: postgres-util\n  version: '18.6'\n  image: i\n  programs: [util/bin]\n  env: {LOCPATH: util/locale}\n";
        fs::write(root.join(FILE_NAME), catalogue).unwrap();
        let found = in_components(root).unwrap();
        assert_eq!(found.path, root.join("util/bin/psql"));
        assert_eq!(
            found.variables,
            [("LOCPATH".to_owned(), format!("{root}/util/locale"))]
        );
    }
}
