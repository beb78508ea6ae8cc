//! Objects as tables, as `kubectl get` asks for them, and objects reduced to their metadata.
//!
//! A [`Printer`] knows the columns of one kind: those of the server for built-in kinds, those of the definition for custom ones. What is
//! asked for (the Accept header, `includeObject`) is the API's business, and so is the time: ages are computed against a `now` that is given.

mod age;
mod built_in;
mod cluster;
mod column;
mod custom;
mod events;
mod json_path;
mod network;
mod partial;
mod pods;
mod rbac;
mod read;
mod storage;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::{Value, json};

use column::Column;
pub(crate) use json_path::JsonPath;
pub(crate) use partial::{partial_metadata, partial_metadata_list};

/// What a row carries besides its cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum IncludeObject {
    /// Nothing.
    None,
    /// The object's metadata.
    #[default]
    Metadata,
    /// The object.
    Object,
}

impl IncludeObject {
    /// Reads the query parameter `includeObject`; the error is the message for a bad request.
    pub(crate) fn from_query(value: &str) -> Result<Self, String> {
        match value {
            "" | "Metadata" => Ok(Self::Metadata),
            "None" => Ok(Self::None),
            "Object" => Ok(Self::Object),
            other => Err(format!("unrecognized includeObject value: {other:?}")),
        }
    }
}

/// How the objects of one kind become rows.
#[derive(Clone, Debug)]
pub(crate) struct Printer {
    columns: Cow<'static, [Column]>,
    cells: Cells,
}

#[derive(Clone, Debug)]
enum Cells {
    BuiltIn(fn(&Value, Timestamp) -> Vec<Value>),
    Custom(Vec<custom::Cell>),
}

/// What a whole table says about its list: `resourceVersion`, and `continue` and `remainingItemCount` where there is more.
#[derive(Clone, Debug)]
pub(crate) struct TableOptions {
    /// The `metadata` of the table.
    pub(crate) metadata: Value,
    /// What each row carries.
    pub(crate) include: IncludeObject,
    /// Whether the table describes its columns; only the first event of a watch does.
    pub(crate) with_columns: bool,
    /// The time that ages are counted to.
    pub(crate) now: Timestamp,
}

impl Printer {
    /// The server's columns for a built-in kind; name and creation time for those it has none for.
    pub(crate) fn built_in(group: &str, kind: &str) -> Self {
        let definition = built_in::definition(group, kind);
        Self {
            columns: Cow::Borrowed(definition.columns),
            cells: Cells::BuiltIn(definition.cells),
        }
    }

    /// The columns of a version of a definition, from its `additionalPrinterColumns`; name and age where it names none.
    pub(crate) fn custom(columns: &[Value]) -> Self {
        let (columns, cells) = custom::columns(columns);
        Self {
            columns: Cow::Owned(columns),
            cells: Cells::Custom(cells),
        }
    }

    /// A Table of these objects.
    pub(crate) fn table<'a>(
        &self,
        objects: impl IntoIterator<Item = &'a Value>,
        options: &TableOptions,
    ) -> Value {
        let rows: Vec<Value> = objects
            .into_iter()
            .map(|object| self.row(object, options))
            .collect();
        let columns = options
            .with_columns
            .then(|| self.columns.iter().map(Column::to_json).collect::<Vec<_>>());
        json!({
            "kind": "Table",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": options.metadata,
            "columnDefinitions": columns,
            "rows": rows,
        })
    }

    /// The cells of one object, one for each column.
    pub(crate) fn cells(&self, object: &Value, now: Timestamp) -> Vec<Value> {
        match &self.cells {
            Cells::BuiltIn(cells) => cells(object, now),
            Cells::Custom(cells) => custom::cells(cells, object, now),
        }
    }

    fn row(&self, object: &Value, options: &TableOptions) -> Value {
        let carried = match options.include {
            IncludeObject::None => Value::Null,
            IncludeObject::Metadata => partial_metadata(object),
            IncludeObject::Object => object.clone(),
        };
        let mut row = json!({"cells": self.cells(object, options.now), "object": carried});
        if let (Cells::BuiltIn(_), Some(condition)) = (&self.cells, pods::row_condition(object)) {
            row["conditions"] = json!([condition]);
        }
        row
    }
}
