//! Events, of both API groups.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::age;
use super::built_in::Definition;
use super::column::Column;
use super::read::{at, name, or, text};

pub(super) static EVENTS: Definition = Definition {
    columns: &[
        Column::text(
            "Last Seen",
            "The time at which the most recent occurrence of this event was recorded.",
        ),
        Column::text(
            "Type",
            "Type of this event (Normal, Warning), new types could be added in the future",
        ),
        Column::text(
            "Reason",
            "This should be a short, machine understandable string that gives the reason for the transition into the object's \
             current status.",
        ),
        Column::text("Object", "The object that this event is about."),
        Column::wide(
            "Subobject",
            "The part of the object that this event is about.",
        ),
        Column::wide(
            "Source",
            "The component reporting this event. Should be a short machine understandable string.",
        ),
        Column::text(
            "Message",
            "A human-readable description of the status of this operation.",
        ),
        Column::wide(
            "First Seen",
            "The time at which the event was first recorded.",
        ),
        Column::wide("Count", "The number of times this event has occurred."),
        Column::WIDE_NAME,
    ],
    cells,
};

fn cells(event: &Value, now: Timestamp) -> Vec<Value> {
    let seen = |pointers: &[&str]| {
        pointers
            .iter()
            .map(|pointer| text(event, pointer))
            .find(|time| !time.is_empty())
    };
    let first = seen(&["/firstTimestamp", "/deprecatedFirstTimestamp", "/eventTime"]);
    let last = seen(&[
        "/series/lastObservedTime",
        "/lastTimestamp",
        "/deprecatedLastTimestamp",
    ])
    .or(first);
    let count = ["/series/count", "/count", "/deprecatedCount"]
        .iter()
        .find_map(|pointer| at(event, pointer).as_i64());
    let object = or_value(event, "/involvedObject", "/regarding");
    vec![
        json!(age::since(last, now)),
        json!(text(event, "/type")),
        json!(text(event, "/reason")),
        json!(target(object)),
        json!(text(object, "/fieldPath")),
        json!(source(event)),
        json!(or(text(event, "/message"), text(event, "/note")).trim()),
        json!(age::since(first, now)),
        json!(count.filter(|count| *count > 0).unwrap_or(1)),
        name(event),
    ]
}

fn or_value<'a>(event: &'a Value, pointer: &str, other: &str) -> &'a Value {
    match at(event, pointer) {
        Value::Null => at(event, other),
        value => value,
    }
}

fn target(object: &Value) -> String {
    let kind = text(object, "/kind").to_lowercase();
    match text(object, "/name") {
        "" => kind,
        name => format!("{kind}/{name}"),
    }
}

fn source(event: &Value) -> String {
    let source = or_value(event, "/source", "/deprecatedSource");
    let component = or(
        text(source, "/component"),
        or(
            text(event, "/reportingComponent"),
            text(event, "/reportingController"),
        ),
    );
    let host = or(text(source, "/host"), text(event, "/reportingInstance"));
    match (component, host) {
        (component, "") => component.to_owned(),
        (component, host) => format!("{component}, {host}"),
    }
}
