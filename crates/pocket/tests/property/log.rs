//! What happened, as the one watch that saw everything tells it.

use std::collections::BTreeMap;

use pretty_assertions::assert_eq;
use serde_json::Value;

use super::client::{Answers, NAMES};
use super::watch::{About, Part, Seeing, Seen};
use super::world::revision;

type Place = (String, String);
type State = BTreeMap<Place, Value>;

/// The history from one revision on.
pub(super) struct Log {
    start: u64,
    events: Vec<Seeing>,
}

impl Log {
    /// Checks that these events are a history.
    pub(super) fn new(start: u64, seen: Seen) -> Self {
        let events: Vec<Seeing> = seen
            .parts
            .into_iter()
            .flat_map(|part| part.events)
            .collect();
        let (mut state, mut last) = (State::new(), start);
        for (kind, object) in &events {
            assert!(revision(&object["metadata"]) > last, "{object}");
            last = revision(&object["metadata"]);
            assert_eq!(state.contains_key(&place(object)), *kind != "ADDED");
            apply(&mut state, kind, object);
        }
        Self { start, events }
    }

    /// Every answer is one event, and every event was answered to somebody.
    pub(super) fn check_answers(&self, answers: &Answers) {
        let told = answers.told();
        let mut written = BTreeMap::new();
        for (object, expected) in &told.written {
            let at = revision(&object["metadata"]);
            let twice = written.insert(at, (object, *expected));
            assert!(twice.is_none(), "{object}");
        }
        let mut deleted = BTreeMap::new();
        let mut state = State::new();
        for (kind, object) in &self.events {
            let place = place(object);
            if *kind == "DELETED" {
                *deleted.entry(place).or_default() += 1;
            } else {
                let answer = written.remove(&revision(&object["metadata"]));
                let (answer, expected) = answer.expect("an answer for each event");
                assert_eq!(bare(answer), bare(object));
                if let Some(expected) = expected {
                    assert_eq!(revision(&state[&place]["metadata"]), expected);
                }
            }
            apply(&mut state, kind, object);
        }
        assert!(
            written.is_empty(),
            "answered, but nobody saw it: {written:?}"
        );
        assert_eq!(deleted, told.deleted);
        for list in &told.lists {
            self.check_list(list, None);
        }
    }

    /// A list is the state as of its revision.
    pub(super) fn check_list(&self, list: &Value, about: Option<&About>) {
        let mut state = State::new();
        for (kind, object) in &self.events {
            if revision(&object["metadata"]) <= revision(&list["metadata"]) {
                apply(&mut state, kind, object);
            }
        }
        let about = about.unwrap_or(&About::All);
        let expected: Vec<Value> = state
            .values()
            .filter(|one| covers(about, one))
            .map(bare)
            .collect();
        let items = list["items"].as_array().unwrap();
        assert_eq!(items.iter().map(bare).collect::<Vec<_>>(), expected);
    }

    /// A watcher has seen its part of the history, all of it and once.
    pub(super) fn check(&self, seen: Seen) {
        for list in &seen.lists {
            self.check_list(list, Some(&seen.about));
        }
        for part in &seen.parts {
            let expected = self.expected(&seen.about, part);
            let events: Vec<Value> = part
                .events
                .iter()
                .map(|(kind, object)| line(kind, object))
                .collect();
            // What was before the log is known to nobody.
            let events: Vec<Value> = events
                .into_iter()
                .filter(|line| line["at"].as_u64() > Some(self.start))
                .collect();
            assert_eq!(
                events, expected,
                "{:?} {}..{}",
                seen.about, part.after, part.upto
            );
        }
    }

    fn expected(&self, about: &About, part: &Part) -> Vec<Value> {
        let mut state = State::new();
        let mut expected = Vec::new();
        for (kind, object) in &self.events {
            let before = state.get(&place(object)).cloned();
            apply(&mut state, kind, object);
            let at = revision(&object["metadata"]);
            if at <= part.after || at > part.upto {
                continue;
            }
            let was = before.as_ref().is_some_and(|before| covers(about, before));
            let is = *kind != "DELETED" && covers(about, object);
            match (was, is) {
                (false, false) => {}
                (false, true) => expected.push(line("ADDED", object)),
                (true, true) => expected.push(line("MODIFIED", object)),
                (true, false) => {
                    // The state that the watcher knows, at the revision of its end.
                    let mut gone = before.unwrap_or_default();
                    gone["metadata"]["resourceVersion"] = at.to_string().into();
                    expected.push(line("DELETED", &gone));
                }
            }
        }
        expected
    }
}

fn place(object: &Value) -> Place {
    let text = |field: &str| object["metadata"][field].as_str().unwrap().to_owned();
    (text("namespace"), text("name"))
}

fn apply(state: &mut State, kind: &str, object: &Value) {
    match kind {
        "DELETED" => state.remove(&place(object)),
        _ => state.insert(place(object), object.clone()),
    };
}

/// What is compared of an object; items of a list have neither kind nor version.
fn bare(object: &Value) -> Value {
    let mut object = object.clone();
    let members = object.as_object_mut().unwrap();
    members.remove("kind");
    members.remove("apiVersion");
    object
}

fn line(kind: &str, object: &Value) -> Value {
    let at = revision(&object["metadata"]);
    serde_json::json!({"type": kind, "at": at, "object": bare(object)})
}

fn covers(about: &About, object: &Value) -> bool {
    let metadata = &object["metadata"];
    let team = metadata["labels"]["team"].as_str();
    match about {
        About::All => true,
        About::Namespace => metadata["namespace"] == "default",
        About::Name(at) => metadata["name"] == NAMES[*at],
        About::Labels("team=red") => team == Some("red"),
        About::Labels("team!=red") => team != Some("red"),
        About::Labels("team in (red,blue)") => matches!(team, Some("red" | "blue")),
        About::Labels("!team") => team.is_none(),
        About::Labels(other) => panic!("{other}"),
    }
}
