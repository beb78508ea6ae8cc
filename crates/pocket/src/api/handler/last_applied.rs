//! The annotation of client-side apply, kept up to date by server-side apply.
//!
//! So that whoever goes back to the older `kubectl apply` finds what was applied last. As on any
//! server this is done for the manager `kubectl` alone, where the annotation is there.

use serde_json::Value;

use super::call::Call;
use crate::api::names::MOST_ANNOTATED;
use crate::api::object;

const MANAGER: &str = "kubectl";
const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// What was applied, as the annotation says it.
pub(super) fn text(call: &Call<'_>, applied: &Value) -> Option<String> {
    if call.manager != MANAGER {
        return None;
    }
    let mut applied = applied.clone();
    let annotations = object::metadata_mut(&mut applied)
        .get_mut("annotations")
        .and_then(Value::as_object_mut);
    if let Some(annotations) = annotations {
        annotations.remove(ANNOTATION);
    }
    Some(format!("{applied}\n"))
}

/// Puts the text into the annotation, where there is one; a text that is too long removes it.
pub(super) fn refresh(value: &mut Value, text: Option<&str>) {
    let annotations = object::metadata_mut(value)
        .get_mut("annotations")
        .and_then(Value::as_object_mut);
    let (Some(annotations), Some(text)) = (annotations, text) else {
        return;
    };
    if !annotations.contains_key(ANNOTATION) {
        return;
    }
    annotations.remove(ANNOTATION);
    let others: usize = annotations
        .iter()
        .map(|(key, value)| key.len() + value.as_str().map_or(0, str::len))
        .sum();
    if others + ANNOTATION.len() + text.len() <= MOST_ANNOTATED {
        annotations.insert(ANNOTATION.to_owned(), text.into());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_an_annotation_that_is_there_is_refreshed() {
        let mut without = json!({"metadata": {"annotations": {"a": "b"}}});
        let before = without.clone();
        refresh(&mut without, Some("new"));
        assert_eq!(without, before);
        let mut with = json!({"metadata": {"annotations": {"a": "b", ANNOTATION: "old"}}});
        refresh(&mut with, None);
        assert_eq!(with["metadata"]["annotations"][ANNOTATION], "old");
        refresh(&mut with, Some("new"));
        assert_eq!(with["metadata"]["annotations"][ANNOTATION], "new");
        refresh(&mut with, Some(&"x".repeat(MOST_ANNOTATED)));
        assert_eq!(with, before);
    }
}
