//! What an applied value must be, so that its lists can merge.

use std::collections::HashSet;

use serde_json::Value;

use super::set::dotted;
use super::typed::key_of;
use crate::api::resource::Resource;
use crate::api::shape::{ListKind, Shape};

/// No more are told of one value.
const MOST: usize = 100;

/// Why the lists of an applied value cannot merge, each with the path of the list.
pub(crate) fn problems(resource: &Resource, applied: &Value) -> Vec<String> {
    let mut pass = Pass {
        path: String::new(),
        problems: Vec::new(),
    };
    pass.value(&resource.shape(), applied);
    pass.problems
}

struct Pass {
    path: String,
    problems: Vec<String>,
}

impl Pass {
    fn value(&mut self, shape: &Shape<'_>, value: &Value) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    self.below(&format!(".{name}"), &shape.member(name), member);
                }
            }
            Value::Array(items) => self.list(shape, items),
            _ => {}
        }
    }

    fn below(&mut self, step: &str, shape: &Shape<'_>, value: &Value) {
        if self.problems.len() < MOST && (value.is_object() || value.is_array()) {
            let mark = self.path.len();
            self.path.push_str(step);
            self.value(shape, value);
            self.path.truncate(mark);
        }
    }

    fn list(&mut self, shape: &Shape<'_>, items: &[Value]) {
        let kind = shape.list_kind();
        let mut known = HashSet::new();
        for (at, item) in items.iter().enumerate() {
            let element = match &kind {
                ListKind::Atomic => return,
                ListKind::Set => format!("v:{item}"),
                ListKind::Map(keys) => match self.key(shape, keys, at, item) {
                    Some(key) => format!("k:{key}"),
                    None => continue,
                },
            };
            let step = dotted(&element);
            if !known.insert(element) {
                self.tell(&format!("duplicate entries for key {step}"));
            }
            self.below(&step, &shape.element(), item);
        }
    }

    fn key(
        &mut self,
        shape: &Shape<'_>,
        keys: &[String],
        at: usize,
        item: &Value,
    ) -> Option<Value> {
        let key = key_of(shape, keys, item);
        let missing = |key: &Value| keys.iter().find(|name| key.get(name.as_str()).is_none());
        let what = match &key {
            None => "may not have non-map elements".to_owned(),
            Some(key) => match missing(key) {
                None => return Some(key.clone()),
                Some(name) => format!(
                    "has an element that omits key field {name:?} (and doesn't have default value)"
                ),
            },
        };
        self.tell(&format!("element {at}: associative list with keys {what}"));
        None
    }

    fn tell(&mut self, problem: &str) {
        if self.problems.len() < MOST {
            self.problems.push(format!("{}: {problem}", self.path));
        }
    }
}
