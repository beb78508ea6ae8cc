//! Comparing a recorded answer with ours, apart from what must differ.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

static UID: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").unwrap()
});
static AGE: LazyLock<Regex> = LazyLock::new(|| Regex::new("^([0-9]+[smhdy])+$").unwrap());
static TOKEN_VOLUME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("^kube-api-access-[a-z0-9]{5}$").unwrap());
static GENERATED: LazyLock<Regex> = LazyLock::new(|| Regex::new("^(g-|e[.])[a-z0-9]{5}$").unwrap());
static DIGEST: LazyLock<Regex> = LazyLock::new(|| Regex::new("X509SHA256=[0-9a-f]{64}").unwrap());
static ADDRESS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^[0-9]+[.][0-9]+[.][0-9]+[.][0-9]+(:[0-9]+)?$").unwrap());

/// What the recording calls by one value and we by another, learned as the replay goes.
#[derive(Default)]
pub(crate) struct Names {
    /// Recorded to ours: uids, generated names, revisions.
    pub(crate) ours: BTreeMap<String, String>,
}

/// How much of an answer is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    Whole,
    /// Of groups and kinds, those that pocket has.
    Served,
}

impl Names {
    /// Replaces recorded names in a request by ours.
    pub(crate) fn translate(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (recorded, ours) in &self.ours {
            if UID.is_match(recorded) || GENERATED.is_match(recorded) {
                text = text.replace(recorded, ours);
            } else {
                let quoted = format!("\"resourceVersion\":\"{recorded}\"");
                text = text.replace(&quoted, &format!("\"resourceVersion\":\"{ours}\""));
                if let Some(head) = text.strip_suffix(&format!("resourceVersion={recorded}")) {
                    text = format!("{head}resourceVersion={ours}");
                }
            }
        }
        text
    }

    fn same_name(&mut self, recorded: &str, ours: &str) -> bool {
        self.ours
            .entry(recorded.to_owned())
            .or_insert_with(|| ours.to_owned())
            == ours
    }

    /// The first difference between two values, if there is one.
    pub(crate) fn difference(
        &mut self,
        extent: Extent,
        path: &str,
        recorded: &Value,
        ours: &Value,
    ) -> Option<String> {
        if let (Some(a), Some(b)) = (without_revision(recorded), without_revision(ours)) {
            return self.difference(extent, path, &a, &b);
        }
        match (recorded, ours) {
            (Value::Object(a), Value::Object(b)) => {
                let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
                keys.into_iter().find_map(|key| {
                    let at = format!("{path}.{key}");
                    let find = |map: &serde_json::Map<String, Value>| {
                        // Keys of ownership entries can hold a uid.
                        let alike = |other: &&String| {
                            UID.replace_all(other, "") == UID.replace_all(key, "")
                        };
                        let found = map.get(key).or_else(|| {
                            let name =
                                map.keys().find(|other| UID.is_match(key) && alike(other))?;
                            map.get(name)
                        });
                        found.cloned()
                    };
                    match (find(a), find(b)) {
                        (Some(a), Some(b)) => self.member(extent, &at, key, &a, &b),
                        (Some(a), None) => Some(format!("{at} is missing: {a}")),
                        (None, Some(b)) => Some(format!("{at} is too much: {b}")),
                        (None, None) => None,
                    }
                })
            }
            (Value::Array(a), Value::Array(b)) => self.lists(extent, path, a, b),
            (Value::String(a), Value::String(b)) => {
                let same = a == b || self.dynamic(a, b);
                (!same).then(|| format!("{path}: {a:?} became {b:?}"))
            }
            (a, b) => (a != b).then(|| format!("{path}: {a} became {b}")),
        }
    }

    fn member(
        &mut self,
        extent: Extent,
        at: &str,
        key: &str,
        a: &Value,
        b: &Value,
    ) -> Option<String> {
        const TIMES: [&str; 6] = [
            "creationTimestamp",
            "deletionTimestamp",
            "time",
            "lastTransitionTime",
            "startTime",
            "startedAt",
        ];
        if let (Some(a), Some(b)) = (a.as_str(), b.as_str()) {
            if key == "resourceVersion" {
                let same = self.same_name(a, b);
                return (!same)
                    .then(|| format!("{at}: revision {a} is {b}, not {:?}", self.ours.get(a)));
            }
            if TIMES.contains(&key) {
                return (a.len() != b.len()).then(|| format!("{at}: {a} became {b}"));
            }
            if ["continue", "ca.crt", "gitCommit"].contains(&key) {
                return None;
            }
        }
        self.difference(extent, at, a, b)
    }

    fn dynamic(&mut self, a: &str, b: &str) -> bool {
        let both = |pattern: &Regex| pattern.is_match(a) && pattern.is_match(b);
        if both(&UID) {
            let plain = UID.replace_all(a, "") == UID.replace_all(b, "");
            let (a, b) = (UID.find(a).unwrap().as_str(), UID.find(b).unwrap().as_str());
            return plain && (a.starts_with("00000000") || self.same_name(a, b));
        }
        if both(&GENERATED) {
            return self.same_name(a, b);
        }
        both(&AGE) || both(&TOKEN_VOLUME) || both(&ADDRESS) || both(&DIGEST)
    }

    fn lists(&mut self, extent: Extent, path: &str, a: &[Value], b: &[Value]) -> Option<String> {
        // The recorded cluster put one source more into its token volumes.
        let ordinary = |one: &&Value| one["configMap"]["name"] != "openshift-service-ca.crt";
        let a: Vec<&Value> = a.iter().filter(ordinary).collect();
        let b: Vec<&Value> = b.iter().filter(ordinary).collect();
        let name = |one: &Value| {
            let names = [
                &one["name"],
                &one["metadata"]["name"],
                &one["resource"],
                &one["subresource"],
            ];
            names.into_iter().find_map(Value::as_str).map(str::to_owned)
        };
        if extent == Extent::Served && b.iter().all(|one| name(one).is_some()) {
            return b.iter().find_map(|ours| {
                let wanted = name(ours);
                let recorded = a.iter().find(|one| name(one) == wanted);
                match recorded {
                    Some(recorded) => self.difference(
                        extent,
                        &format!("{path}[{}]", wanted.unwrap_or_default()),
                        recorded,
                        ours,
                    ),
                    None => Some(format!("{path} has {ours} too much")),
                }
            });
        }
        if a.len() != b.len() {
            let shown = |list: &[&Value]| {
                list.iter()
                    .map(|one| one.to_string())
                    .collect::<Vec<_>>()
                    .join("\n  ")
            };
            return Some(format!(
                "{path} has {} elements instead of {}:\n  {}\n not\n  {}",
                b.len(),
                a.len(),
                shown(&b),
                shown(&a)
            ));
        }
        let pairs = a.iter().zip(&b).enumerate();
        pairs
            .into_iter()
            .find_map(|(at, (a, b))| self.difference(extent, &format!("{path}[{at}]"), a, b))
    }
}

/// Two objects come into a new namespace at once, from different hands: their order means nothing.
pub(crate) const FURNITURE: [&str; 2] = ["kube-root-ca.crt", "openshift-service-ca.crt"];

/// The metadata of such an object without its revision.
fn without_revision(value: &Value) -> Option<Value> {
    let ours = FURNITURE.iter().any(|name| value["name"] == *name);
    let mut copy = value.clone();
    let removed = copy
        .as_object_mut()
        .filter(|_| ours)?
        .remove("resourceVersion");
    removed.map(|_| copy)
}
