//! What people write to name objects: `KIND`, `KIND NAME...` or `KIND/NAME...`.

use crate::error::Error;

/// A kind, and a name unless all objects are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) kind: String,
    pub(crate) name: Option<String>,
}

/// Splits the words of a command line into references.
///
/// # Errors
/// When both forms are mixed, or a part is empty.
pub(crate) fn parse(words: &[String]) -> Result<Vec<Reference>, Error> {
    let Some((first, names)) = words.split_first() else {
        return Err(Error::Usage(
            "name a kind of object, such as `sgclusters` or `pods`".to_owned(),
        ));
    };
    if words.iter().any(|word| word.contains('/')) {
        return words.iter().map(|word| slashed(word)).collect();
    }
    let kinds: Vec<&str> = first.split(',').collect();
    if kinds.iter().any(|kind| kind.is_empty()) {
        return Err(Error::Usage(format!(
            "\"{first}\" is no list of kinds: write them with one comma between, such as `pods,services`"
        )));
    }
    let reference = |kind: &str, name: Option<&String>| Reference {
        kind: kind.to_owned(),
        name: name.cloned(),
    };
    if names.is_empty() {
        return Ok(kinds.iter().map(|kind| reference(kind, None)).collect());
    }
    let pairs = kinds
        .iter()
        .flat_map(|kind| names.iter().map(|name| reference(kind, Some(name))));
    Ok(pairs.collect())
}

fn slashed(word: &str) -> Result<Reference, Error> {
    match word.split_once('/') {
        Some((kind, name)) if !kind.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok(Reference {
                kind: kind.to_owned(),
                name: Some(name.to_owned()),
            })
        }
        _ => Err(Error::Usage(format!(
            "\"{word}\" names no object: write every object as KIND/NAME, or KIND NAME..."
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Vec<(String, Option<String>)>, String> {
        let words: Vec<_> = line.split_whitespace().map(ToOwned::to_owned).collect();
        let references = parse(&words).map_err(|error| error.report())?;
        Ok(references.into_iter().map(|r| (r.kind, r.name)).collect())
    }

    #[test]
    fn both_forms_name_the_same_objects() {
        let expected = Ok(vec![
            ("pod".to_owned(), Some("a".to_owned())),
            ("pod".to_owned(), Some("b".to_owned())),
        ]);
        assert_eq!(parsed("pod a b"), expected);
        assert_eq!(parsed("pod/a pod/b"), expected);
    }

    #[test]
    fn several_kinds_are_separated_by_commas() {
        assert_eq!(
            parsed("pods,svc"),
            Ok(vec![("pods".to_owned(), None), ("svc".to_owned(), None)])
        );
    }

    #[test]
    fn mixed_and_empty_forms_are_refused() {
        for line in ["pod/a b", "pod/", "/a", "pod/a/b", "pods,,svc", ""] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }
}
