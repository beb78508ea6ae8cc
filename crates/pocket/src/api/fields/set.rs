//! A set of field paths, as a trie in the notation of `fieldsV1`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The paths of a conflict together may be this long.
const MOST_TOLD: usize = 1 << 20;

/// A set of paths. Elements are `f:name`, `k:{"key":"value"}` and `v:value`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Set {
    /// The path that leads here is in the set.
    pub(super) member: bool,
    pub(super) children: BTreeMap<String, Set>,
}

impl Set {
    /// A set of one path, which ends here.
    pub(super) fn leaf() -> Self {
        Self {
            member: true,
            children: BTreeMap::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        !self.member && self.children.values().all(Self::is_empty)
    }

    /// Adds a subtree below an element; empty ones leave no trace.
    pub(super) fn put(&mut self, element: String, below: Self) {
        if !below.is_empty() {
            let slot = self.children.entry(element).or_default();
            *slot = std::mem::take(slot).union(below);
        }
    }

    pub(super) fn union(mut self, other: Self) -> Self {
        self.member |= other.member;
        for (element, below) in other.children {
            self.put(element, below);
        }
        self
    }

    pub(super) fn intersection(&self, other: &Self) -> Self {
        let mut both = Self {
            member: self.member && other.member,
            children: BTreeMap::new(),
        };
        for (element, below) in &self.children {
            if let Some(theirs) = other.children.get(element) {
                both.put(element.clone(), below.intersection(theirs));
            }
        }
        both
    }

    pub(super) fn difference(&self, other: &Self) -> Self {
        let mut rest = Self {
            member: self.member && !other.member,
            children: BTreeMap::new(),
        };
        for (element, below) in &self.children {
            match other.children.get(element) {
                Some(theirs) => rest.put(element.clone(), below.difference(theirs)),
                None => rest.put(element.clone(), below.clone()),
            }
        }
        rest
    }

    /// Forgets an element and everything below it.
    pub(super) fn forget(&mut self, element: &str) {
        self.children.remove(element);
    }

    /// The paths in the set, in the dotted form of conflict messages, as many as a client can be told.
    pub(super) fn paths(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut left = MOST_TOLD;
        self.collect(&mut String::new(), &mut left, &mut found);
        found
    }

    fn collect(&self, path: &mut String, left: &mut usize, found: &mut Vec<String>) {
        if *left == 0 {
            return;
        }
        if self.member {
            *left = left.saturating_sub(path.len().max(1));
            found.push(path.clone());
        }
        let mark = path.len();
        for (element, below) in &self.children {
            path.push_str(&dotted(element));
            below.collect(path, left, found);
            path.truncate(mark);
        }
    }

    /// From the JSON form; anything that is no set is an empty one.
    pub(super) fn decode(value: &Value) -> Self {
        let mut set = Self::default();
        for (element, below) in value.as_object().into_iter().flatten() {
            if element == "." {
                set.member = true;
                continue;
            }
            let mut child = Self::decode(below);
            child.member |= child.children.is_empty();
            set.children.insert(element.clone(), child);
        }
        set
    }

    /// The JSON form.
    pub(super) fn encode(&self) -> Value {
        let mut members = Map::new();
        if self.member && !self.children.is_empty() {
            members.insert(".".into(), Value::Object(Map::new()));
        }
        for (element, below) in &self.children {
            members.insert(element.clone(), below.encode());
        }
        Value::Object(members)
    }
}

/// An element as messages show it: `.name`, `[key="value"]`, `[="value"]`.
pub(super) fn dotted(element: &str) -> String {
    if let Some(name) = element.strip_prefix("f:") {
        return format!(".{name}");
    }
    if let Some(value) = element.strip_prefix("v:") {
        return format!("[={value}]");
    }
    let keys = element
        .strip_prefix("k:")
        .and_then(|keys| serde_json::from_str::<Value>(keys).ok());
    let pairs = keys
        .as_ref()
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    let list: Vec<String> = pairs.map(|(key, value)| format!("{key}={value}")).collect();
    format!("[{}]", list.join(","))
}
