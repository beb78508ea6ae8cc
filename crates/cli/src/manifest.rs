//! Reads manifests from files, folders and standard input.
//!
//! Only the frame of a manifest is looked at here; whether its content is right is for the server to say.

use std::fs;
use std::io::{self, Read};

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;

/// More than this in one file is no manifest, but a mistake or an attack.
const MAX_BYTES: u64 = 16 << 20;
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

/// Why manifests could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be read.
    #[error("read {path}")]
    Read {
        /// What was named.
        path: Utf8PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A file is too large to be a manifest.
    #[error("{path} is larger than {} MiB, which is no manifest", MAX_BYTES >> 20)]
    TooLarge {
        /// The file.
        path: Utf8PathBuf,
    },
    /// A folder has no manifest in it.
    #[error("{path} has no .yaml, .yml or .json file: name files, or add -R for the folders below")]
    EmptyFolder {
        /// The folder.
        path: Utf8PathBuf,
    },
    /// A file has no document in it.
    #[error("{path} has no object in it")]
    Empty {
        /// The file.
        path: Utf8PathBuf,
    },
    /// The text is neither YAML nor JSON.
    #[error("{path} cannot be read as YAML or JSON: {reason}")]
    Syntax {
        /// The file.
        path: Utf8PathBuf,
        /// The parser's words, with line and column.
        reason: String,
    },
    /// A document lacks what every object has.
    #[error("{path}, object {number}: {problem}")]
    Frame {
        /// The file.
        path: Utf8PathBuf,
        /// Which object of the file, from 1.
        number: usize,
        /// What is missing.
        problem: &'static str,
    },
}

/// One object as somebody wrote it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Manifest {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) namespace: Option<String>,
    /// The file it comes from, for messages.
    pub(crate) source: Utf8PathBuf,
    pub(crate) body: Value,
}

/// Reads everything that the sources name, in their order; files of a folder by name.
pub(crate) fn read(sources: &[Utf8PathBuf], recursive: bool) -> Result<Vec<Manifest>, Error> {
    let mut manifests = Vec::new();
    for source in sources {
        if source == "-" {
            let path = Utf8Path::new("standard input");
            manifests.extend(parse(path, &limited(path, io::stdin().lock())?)?);
            continue;
        }
        for file in files(source, recursive)? {
            let open = fs::File::open(&file).map_err(|source| Error::Read {
                path: file.clone(),
                source,
            })?;
            manifests.extend(parse(&file, &limited(&file, open)?)?);
        }
    }
    Ok(manifests)
}

fn files(source: &Utf8Path, recursive: bool) -> Result<Vec<Utf8PathBuf>, Error> {
    let read = |error| Error::Read {
        path: source.to_owned(),
        source: error,
    };
    if !fs::metadata(source).map_err(read)?.is_dir() {
        return Ok(vec![source.to_owned()]);
    }
    let mut found = Vec::new();
    collect(source, recursive, &mut found).map_err(read)?;
    if found.is_empty() {
        return Err(Error::EmptyFolder {
            path: source.to_owned(),
        });
    }
    Ok(found)
}

fn collect(folder: &Utf8Path, recursive: bool, found: &mut Vec<Utf8PathBuf>) -> io::Result<()> {
    let mut entries = folder
        .read_dir_utf8()?
        .map(|entry| entry.map(|entry| entry.path().to_owned()))
        .collect::<io::Result<Vec<_>>>()?;
    entries.sort();
    for path in entries {
        // A link to a folder is not followed: it may lead back up.
        if path.symlink_metadata()?.is_dir() {
            if recursive {
                collect(&path, recursive, found)?;
            }
        } else if path
            .extension()
            .is_some_and(|ext| EXTENSIONS.contains(&ext))
        {
            found.push(path);
        }
    }
    Ok(())
}

fn limited(path: &Utf8Path, input: impl Read) -> Result<String, Error> {
    let mut text = String::new();
    let read = input.take(MAX_BYTES + 1).read_to_string(&mut text);
    let length = read.map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    if length as u64 > MAX_BYTES {
        return Err(Error::TooLarge {
            path: path.to_owned(),
        });
    }
    Ok(text)
}

fn parse(path: &Utf8Path, text: &str) -> Result<Vec<Manifest>, Error> {
    // The parser's own budget stops nests of aliases; the message need not quote the file.
    let options = serde_saphyr::options! { with_snippet: false };
    let documents: Vec<Value> =
        serde_saphyr::from_multiple_with_options(text, options).map_err(|error| Error::Syntax {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
    let mut objects = Vec::new();
    for document in documents {
        flatten(document, &mut objects);
    }
    if objects.is_empty() {
        return Err(Error::Empty {
            path: path.to_owned(),
        });
    }
    let numbered = objects.into_iter().enumerate();
    numbered
        .map(|(index, body)| {
            frame(path, body).map_err(|problem| Error::Frame {
                path: path.to_owned(),
                number: index + 1,
                problem,
            })
        })
        .collect()
}

/// Takes the items out of a `List`.
fn flatten(document: Value, objects: &mut Vec<Value>) {
    match document {
        Value::Null => {}
        Value::Object(mut map) if is_list(&map) => {
            if let Some(Value::Array(items)) = map.remove("items") {
                for item in items {
                    flatten(item, objects);
                }
            }
        }
        other => objects.push(other),
    }
}

fn is_list(map: &serde_json::Map<String, Value>) -> bool {
    let kind = map.get("kind").and_then(Value::as_str);
    kind.is_some_and(|kind| kind.ends_with("List")) && map.get("items").is_some_and(Value::is_array)
}

fn frame(path: &Utf8Path, body: Value) -> Result<Manifest, &'static str> {
    if !body.is_object() {
        return Err("this is no object with apiVersion, kind and metadata");
    }
    let text = |pointer: &str| {
        let found = body.pointer(pointer).and_then(Value::as_str);
        found.filter(|text| !text.is_empty()).map(ToOwned::to_owned)
    };
    Ok(Manifest {
        api_version: text("/apiVersion").ok_or("apiVersion is not set")?,
        kind: text("/kind").ok_or("kind is not set")?,
        name: text("/metadata/name").ok_or("metadata.name is not set, or is no text")?,
        namespace: text("/metadata/namespace"),
        source: path.to_owned(),
        body,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::chain;
    use pretty_assertions::assert_eq;

    fn parsed(text: &str) -> Result<Vec<String>, String> {
        let manifests = parse(Utf8Path::new("m.yaml"), text).map_err(|error| chain(&error))?;
        Ok(manifests
            .into_iter()
            .map(|m| format!("{} {} {}", m.api_version, m.kind, m.name))
            .collect())
    }

    #[test]
    fn documents_and_lists_become_objects_in_their_order() {
        let text = "---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: a}}\n---\n# nothing\n---\n{\"apiVersion\": \"stackgres.io/v1\", \"kind\": \"SGCluster\", \"metadata\": {\"name\": \"b\"}}\n";
        assert_eq!(
            parsed(text),
            Ok(vec![
                "v1 Secret a".to_owned(),
                "stackgres.io/v1 SGCluster b".to_owned()
            ])
        );
    }

    #[test]
    fn broken_frames_say_which_object_and_what_is_missing() {
        assert_eq!(
            parsed("apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n---\nkind: Secret\n"),
            Err("m.yaml, object 2: apiVersion is not set".to_owned())
        );
        assert_eq!(
            parsed("apiVersion: v1\nkind: Secret\nmetadata: {}\n"),
            Err("m.yaml, object 1: metadata.name is not set, or is no text".to_owned())
        );
        assert_eq!(
            parsed("just words"),
            Err(
                "m.yaml, object 1: this is no object with apiVersion, kind and metadata".to_owned()
            )
        );
        assert_eq!(
            parsed("# only a comment\n"),
            Err("m.yaml has no object in it".to_owned())
        );
    }

    #[test]
    fn syntax_errors_say_where() {
        let message = parsed("a: [1\nb: 2\n").unwrap_err();
        assert!(
            message.starts_with("m.yaml cannot be read as YAML or JSON: "),
            "{message}"
        );
        assert!(message.contains("line"), "{message}");
    }

    #[test]
    fn a_nest_of_aliases_is_refused() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let below = format!("*a{}", level - 1);
            let row = vec![below; 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{row}]\n"));
        }
        assert!(parsed(&text).is_err());
    }

    #[test]
    fn a_folder_gives_its_manifests_by_name_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        let object =
            |name: &str| format!("{{apiVersion: v1, kind: Secret, metadata: {{name: {name}}}}}");
        fs::write(root.join("b.yaml"), object("b")).unwrap();
        fs::write(
            root.join("a.json"),
            "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"a\"}}",
        )
        .unwrap();
        fs::write(root.join("notes.txt"), "no").unwrap();
        fs::create_dir(root.join("sub")).unwrap();
        fs::write(root.join("sub/c.yml"), object("c")).unwrap();
        let names = |recursive| {
            let found = read(&[root.to_owned()], recursive).unwrap();
            found.into_iter().map(|m| m.name).collect::<Vec<_>>()
        };
        assert_eq!(names(false), ["a", "b"]);
        assert_eq!(names(true), ["a", "b", "c"]);
    }

    #[test]
    fn a_missing_file_and_a_file_of_no_end_are_one_sentence() {
        let error = read(&["/nonexistent.yaml".into()], false).unwrap_err();
        assert_eq!(
            chain(&error),
            "read /nonexistent.yaml: No such file or directory (os error 2)"
        );
        let error = limited(Utf8Path::new("zero"), io::repeat(b' ')).unwrap_err();
        assert_eq!(
            chain(&error),
            "zero is larger than 16 MiB, which is no manifest"
        );
    }
}
