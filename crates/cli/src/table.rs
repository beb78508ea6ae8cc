//! Rows and columns: ours, and those that the server sends.

use serde::Deserialize;
use serde_json::Value;

const GAP: &str = "   ";
/// What an empty cell shows.
pub(crate) const NONE: &str = "<none>";

/// A table as text: headings in capitals, columns as wide as their widest cell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Table {
    headings: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<H: Into<String>>(headings: impl IntoIterator<Item = H>) -> Self {
        Self {
            headings: headings.into_iter().map(Into::into).collect(),
            rows: Vec::new(),
        }
    }

    pub(crate) fn row<C: Into<String>>(&mut self, cells: impl IntoIterator<Item = C>) {
        let cells = cells.into_iter().map(|cell| one_line(&cell.into()));
        self.rows.push(cells.collect());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lines of the table, headings first.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.format(&self.headings)];
        lines.extend(self.rows.iter().map(|row| self.format(row)));
        lines
    }

    /// The lines without the headings.
    pub(crate) fn body(&self) -> Vec<String> {
        self.rows.iter().map(|row| self.format(row)).collect()
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().chain([&self.headings]);
        let widths = cells.filter_map(|row| row.get(column).map(|cell| cell.chars().count()));
        widths.max().unwrap_or(0)
    }

    fn format(&self, row: &[String]) -> String {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            if column + 1 == row.len() {
                line.push_str(cell);
            } else {
                line.push_str(&format!("{cell:<width$}{GAP}", width = self.width(column)));
            }
        }
        line.trim_end().to_owned()
    }
}

/// A cell must not break the table.
fn one_line(cell: &str) -> String {
    cell.lines().collect::<Vec<_>>().join(" ")
}

/// The answer to a request for a table.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServerTable {
    #[serde(default)]
    column_definitions: Vec<Column>,
    #[serde(default)]
    rows: Vec<Row>,
}

#[derive(Debug, Clone, Deserialize)]
struct Column {
    name: String,
    #[serde(default)]
    priority: i32,
}

#[derive(Debug, Clone, Deserialize)]
struct Row {
    #[serde(default)]
    cells: Vec<Value>,
    #[serde(default)]
    object: Value,
}

/// What to show of a server's table.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct View<'a> {
    /// Also the columns that are normally left out.
    pub(crate) wide: bool,
    /// A first column with the namespace.
    pub(crate) namespaces: bool,
    /// What to write before each name, such as `pod/`.
    pub(crate) prefix: &'a str,
}

impl ServerTable {
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(crate) fn show(&self, view: View<'_>) -> Table {
        let shown: Vec<usize> = (0..self.column_definitions.len())
            .filter(|column| view.wide || self.column_definitions[*column].priority == 0)
            .collect();
        let headings = shown
            .iter()
            .map(|column| self.column_definitions[*column].name.to_uppercase());
        let first = view.namespaces.then(|| "NAMESPACE".to_owned());
        let mut table = Table::new(first.into_iter().chain(headings));
        for row in &self.rows {
            let cells = shown.iter().map(|column| {
                let cell = row.cells.get(*column).map_or(NONE.to_owned(), cell);
                if self.column_definitions[*column].name == "Name" {
                    format!("{}{cell}", view.prefix)
                } else {
                    cell
                }
            });
            let namespace = row.object.pointer("/metadata/namespace");
            let first = view
                .namespaces
                .then(|| namespace.map_or(String::new(), cell));
            table.row(first.into_iter().chain(cells));
        }
        table
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => NONE.to_owned(),
        Value::String(text) if text.is_empty() => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(["NAME", "AGE"]);
        table.row(["a-long-name", "5s"]);
        table.row(["b", "two\nlines"]);
        assert_eq!(
            table.lines(),
            [
                "NAME          AGE",
                "a-long-name   5s",
                "b             two lines"
            ]
        );
    }

    #[test]
    fn a_server_table_shows_what_is_asked_for() {
        let table: ServerTable = serde_json::from_value(serde_json::json!({
            "columnDefinitions": [
                {"name": "Name", "priority": 0}, {"name": "Ready", "priority": 0}, {"name": "IP", "priority": 1}],
            "rows": [{"cells": ["a", 2, null], "object": {"metadata": {"name": "a", "namespace": "x"}}}]
        }))
        .unwrap();
        assert_eq!(
            table.show(View::default()).lines(),
            ["NAME   READY", "a      2"]
        );
        let view = View {
            wide: true,
            namespaces: true,
            prefix: "pod/",
        };
        assert_eq!(
            table.show(view).lines(),
            [
                "NAMESPACE   NAME    READY   IP",
                "x           pod/a   2       <none>"
            ]
        );
    }
}
