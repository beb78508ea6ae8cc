//! Columns that a definition describes.

use jiff::Timestamp;
use serde_json::{Number, Value, json};

use super::column::{CREATED_DESCRIPTION, Column};
use super::json_path::JsonPath;
use super::{age, read};

/// Where a cell comes from.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    path: JsonPath,
    kind: String,
}

/// The name, then what the definition asks for. A column whose path cannot be read ends the table, as it does on the server.
pub(super) fn columns(described: &[Value]) -> (Vec<Column>, Vec<Cell>) {
    let default = [json!({
        "name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp", "description": CREATED_DESCRIPTION
    })];
    let described = if described.is_empty() {
        &default
    } else {
        described
    };
    let mut columns = vec![Column::NAME];
    let mut cells = Vec::new();
    for column in described {
        let path = read::text(column, "/jsonPath");
        let Ok(parsed) = JsonPath::parse(path) else {
            break;
        };
        let description = match read::text(column, "/description") {
            "" => format!("Custom resource definition column (in JSONPath format): {path}"),
            written => written.to_owned(),
        };
        columns.push(Column {
            name: read::text(column, "/name").to_owned().into(),
            kind: read::text(column, "/type").to_owned().into(),
            format: read::text(column, "/format").to_owned().into(),
            description: description.into(),
            priority: read::count(column, "/priority"),
        });
        cells.push(Cell {
            path: parsed,
            kind: read::text(column, "/type").to_owned(),
        });
    }
    (columns, cells)
}

pub(super) fn cells(cells: &[Cell], object: &Value, now: Timestamp) -> Vec<Value> {
    let mut out = vec![read::name(object)];
    out.extend(cells.iter().map(|cell| {
        let found = cell.path.find(object);
        found
            .first()
            .map_or(Value::Null, |value| shown(&cell.kind, value, now))
    }));
    out
}

/// A value as a cell of the column's type; one of another type is left out.
fn shown(kind: &str, value: &Value, now: Timestamp) -> Value {
    match (kind, value) {
        ("string", Value::Null) => Value::Null,
        ("string", Value::String(text)) => Value::from(text.as_str()),
        ("string", other) => Value::from(other.to_string()),
        ("integer", Value::Number(number)) => integer(number),
        ("number", Value::Number(number)) => number.as_f64().map_or(Value::Null, Value::from),
        ("boolean", Value::Bool(value)) => Value::from(*value),
        ("date", Value::String(text)) => Value::from(age::since(Some(text), now)),
        _ => Value::Null,
    }
}

fn integer(number: &Number) -> Value {
    match (number.as_i64(), number.as_f64()) {
        (Some(integer), _) => Value::from(integer),
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the server cuts fractions off too, and the cast saturates"
        )]
        (None, Some(float)) => Value::from(float as i64),
        (None, None) => Value::Null,
    }
}
