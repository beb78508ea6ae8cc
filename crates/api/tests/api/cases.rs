//! Examples of objects that are admitted and refused.

use serde_json::Value;

use crate::admission::{admit, object};

/// One object, or one change of an object, and what becomes of it.
pub(crate) struct Case {
    kind: &'static str,
    name: String,
    old: Option<Value>,
    spec: Value,
    refusal: Option<String>,
}

/// An object that is created.
pub(crate) fn creation(kind: &'static str, spec: Value) -> Case {
    Case {
        kind,
        name: "it".to_owned(),
        old: None,
        spec,
        refusal: None,
    }
}

/// An object that is changed.
pub(crate) fn change(kind: &'static str, old: Value, spec: Value) -> Case {
    Case {
        kind,
        name: "it".to_owned(),
        old: Some(old),
        spec,
        refusal: None,
    }
}

impl Case {
    /// Gives the object a name.
    pub(crate) fn named(mut self, name: &str) -> Self {
        self.name = name.to_owned();
        self
    }

    /// The case is refused with one complaint that holds `part`.
    pub(crate) fn refused(mut self, part: &str) -> Self {
        self.refusal = Some(part.to_owned());
        self
    }

    /// Whether the expected refusal is about this rule.
    pub(crate) fn is_refused_by(&self, message: &str) -> bool {
        self.refusal
            .as_ref()
            .is_some_and(|part| message.contains(part))
    }

    /// Runs the case.
    #[track_caller]
    pub(crate) fn run(&self) {
        let old = self
            .old
            .clone()
            .map(|old| object(self.kind, &self.name, old));
        let outcome = admit(
            self.kind,
            object(self.kind, &self.name, self.spec.clone()),
            old,
        );
        let Self { kind, spec, .. } = self;
        match (outcome, &self.refusal) {
            (Ok(_), None) => {}
            (Ok(_), Some(part)) => panic!("{kind} admitted in spite of {part:?}: {spec}"),
            (Err(complaints), None) => panic!("{kind} refused: {complaints:?}: {spec}"),
            (Err(complaints), Some(part)) => assert!(
                complaints.len() == 1 && complaints[0].contains(part),
                "{kind} refused for other reasons than {part:?}: {complaints:?}: {spec}"
            ),
        }
    }
}
