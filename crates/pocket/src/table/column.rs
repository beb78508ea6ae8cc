//! Columns and the descriptions they have in common.

use std::borrow::Cow;

use serde_json::{Value, json};

/// One column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    /// The heading; clients print it in capitals.
    pub(crate) name: Cow<'static, str>,
    /// `string`, `integer`, `number`, `boolean` or `date`.
    pub(crate) kind: Cow<'static, str>,
    /// `name` for the column that names the object, empty otherwise.
    pub(crate) format: Cow<'static, str>,
    /// What the column shows.
    pub(crate) description: Cow<'static, str>,
    /// Columns other than 0 are shown in wide output only.
    pub(crate) priority: i64,
}

impl Column {
    const fn described(
        name: &'static str,
        kind: &'static str,
        format: &'static str,
        description: &'static str,
        priority: i64,
    ) -> Self {
        Self {
            name: Cow::Borrowed(name),
            kind: Cow::Borrowed(kind),
            format: Cow::Borrowed(format),
            description: Cow::Borrowed(description),
            priority,
        }
    }

    pub(super) const fn new(
        name: &'static str,
        kind: &'static str,
        description: &'static str,
    ) -> Self {
        Self::described(name, kind, "", description, 0)
    }

    pub(super) const fn text(name: &'static str, description: &'static str) -> Self {
        Self::described(name, "string", "", description, 0)
    }

    /// A column of wide output.
    pub(super) const fn wide(name: &'static str, description: &'static str) -> Self {
        Self::described(name, "string", "", description, 1)
    }

    /// The column that names the object.
    pub(super) const NAME: Self = Self::described("Name", "string", "name", NAME_DESCRIPTION, 0);

    /// The name where other columns say more.
    pub(super) const WIDE_NAME: Self =
        Self::described("Name", "string", "name", NAME_DESCRIPTION, 1);

    /// The age as built-in kinds show it.
    pub(super) const AGE: Self = Self::text("Age", CREATED_DESCRIPTION);

    pub(super) fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "type": self.kind,
            "format": self.format,
            "description": self.description,
            "priority": self.priority,
        })
    }
}

const NAME_DESCRIPTION: &str = "Name must be unique within a namespace. Is required when creating resources, although some \
resources may allow a client to request the generation of an appropriate name automatically. Name is primarily intended \
for creation idempotence and configuration definition. Cannot be updated. More info: \
https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names";

/// Of ages and creation times.
pub(super) const CREATED_DESCRIPTION: &str = "CreationTimestamp is a timestamp representing the server time when this object \
was created. It is not guaranteed to be set in happens-before order across separate operations. Clients may not set this \
value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: \
https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";
