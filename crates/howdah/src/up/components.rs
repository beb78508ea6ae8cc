//! The components folder: is it there, and is everything in it that its catalogue names.

use std::fs;

use anyhow::{Context, Result, bail, ensure};
use camino::Utf8Path;
use howdah_types::catalogue::{Catalogue, ComponentName, FILE_NAME};

/// Reads the catalogue and checks that what it names is there.
pub(crate) fn read(folder: &Utf8Path) -> Result<Catalogue> {
    let path = folder.join(FILE_NAME);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => bail!(
            "there are no components in {folder}: run `make components`, or name their folder with --components"
        ),
        Err(error) => return Err(error).with_context(|| format!("read {path}")),
    };
    let catalogue: Catalogue = serde_saphyr::from_str(&text)
        .with_context(|| format!("understand {path}: run `make components` to write it anew"))?;
    if let Some(problem) = catalogue.problems().first() {
        bail!("{path} is wrong, {problem}: run `make components` to write it anew");
    }
    for component in &catalogue.components {
        for programs in component.program_dirs(folder.as_str()) {
            let found = fs::metadata(&programs).is_ok_and(|meta| meta.is_dir());
            ensure!(
                found,
                "component {} {} is missing its folder {programs}: run `make components`",
                component.component,
                component.version
            );
        }
    }
    ensure!(
        catalogue.newest(ComponentName::Postgres).is_some(),
        "there is no component postgres in {folder}: run `make components`"
    );
    Ok(catalogue)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(catalogue: Option<&str>) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap();
        if let Some(text) = catalogue {
            fs::write(path.join(FILE_NAME), text).unwrap();
        }
        let error = read(path).unwrap_err();
        format!("{error:#}").replace(path.as_str(), "DIR")
    }

    #[test]
    fn each_gap_is_one_sentence_with_the_way_out() {
        assert_eq!(
            problem(None),
            "there are no components in DIR: run `make components`, or name their folder with --components"
        );
        assert_eq!(
            problem(Some("components: []\n")),
            "there is no component postgres in DIR: run `make components`"
        );
        assert_eq!(
            problem(Some(
                "components:\n- {component: postgres, version: '18.6', image: i, programs: [gone/bin]}\n"
            )),
            "component postgres 18.6 is missing its folder DIR/gone/bin: run `make components`"
        );
        assert!(problem(Some("components: 1\n")).starts_with(
            "understand DIR/catalogue.yaml: run `make components` to write it anew: "
        ));
    }
}
