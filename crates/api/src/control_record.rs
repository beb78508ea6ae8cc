//! The control record of a cluster, as programs other than the instances read it.
//!
//! The instances own it: they keep it as JSON in an annotation of the Lease that has the cluster's
//! name. Whoever only looks must cope with records of older and newer instances, so everything here
//! is read leniently: a part that is missing or not understood is left out, and never an error.

use std::collections::BTreeSet;

use serde_json::Value;

/// The longest text that is read; real records are a hundredth of it.
const MOST_BYTES: usize = 256 * 1024;

/// What the record says. Instances are named by the number at the end of their name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ControlRecord {
    /// The number of the term; it grows with every change of the primary.
    pub epoch: u64,
    /// The instance that holds the term.
    pub holder: Option<u32>,
    /// Whether there is a database.
    pub initialised: bool,
    /// Instances that may confirm writes, or agree to another primary.
    pub standbys: BTreeSet<u32>,
    /// How many of them must confirm a write.
    pub acks: u32,
    /// Whether the term's primary serves clients.
    pub serving: bool,
    /// Whether the holder gave the term up.
    pub released: bool,
    /// Whether people keep the instances from replacing a silent primary.
    pub paused: bool,
    /// Instances that people keep stopped.
    pub fenced: BTreeSet<u32>,
    /// What people asked for.
    pub intent: Option<Intent>,
    /// Whether the cluster is a standby of another one: the holder streams from there, and nobody takes writes.
    pub replicates: bool,
}

/// What people asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Intent {
    /// To hand over in order.
    Switchover {
        /// To whom; anybody where it is not said.
        to: Option<u32>,
    },
    /// To take over with what one instance has.
    Failover {
        /// Who takes over.
        to: Option<u32>,
    },
    /// Something that only newer programs know.
    Other,
}

impl ControlRecord {
    /// Reads a record; none if it is not JSON at all.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MOST_BYTES {
            return None;
        }
        let value: Value = serde_json::from_str(text).ok()?;
        let record = value.as_object()?;
        let flag = |name: &str| record.get(name).and_then(Value::as_bool).unwrap_or(false);
        let cohort = &value["cohort"];
        Some(Self {
            epoch: record.get("epoch").and_then(number).unwrap_or(0),
            holder: instance(&value["holder"]["member"]),
            initialised: record.get("system").is_some_and(|system| !system.is_null()),
            standbys: instances(&cohort["standbys"]),
            acks: instance(&cohort["acks"]).unwrap_or(0),
            serving: flag("serving"),
            released: flag("released"),
            paused: flag("paused"),
            fenced: instances(&value["fenced"]),
            intent: intent(&value["intent"]),
            replicates: flag("replicates"),
        })
    }
}

/// Why a primary did not hand over as people asked, from [`crate::labels::REFUSED`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Refusal {
    /// The term in which it was refused.
    pub epoch: u64,
    /// How often the record had been written.
    pub revision: u64,
    /// The reason, as a part of a sentence.
    pub why: String,
}

impl Refusal {
    /// Reads a refusal; none if it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MOST_BYTES {
            return None;
        }
        let value: Value = serde_json::from_str(text).ok()?;
        Some(Self {
            epoch: number(&value["epoch"])?,
            revision: number(&value["revision"])?,
            why: value["why"].as_str()?.to_owned(),
        })
    }
}

fn intent(value: &Value) -> Option<Intent> {
    match value {
        Value::Null => None,
        Value::Object(map) => Some(match map.iter().next() {
            Some((name, inner)) if name == "Switchover" => Intent::Switchover {
                to: instance(&inner["to"]),
            },
            Some((name, inner)) if name == "Failover" => Intent::Failover {
                to: instance(&inner["to"]),
            },
            _ => Intent::Other,
        }),
        _ => Some(Intent::Other),
    }
}

/// Numbers above 2^53 travel as text in some programs.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn instance(value: &Value) -> Option<u32> {
    u32::try_from(number(value)?).ok()
}

fn instances(value: &Value) -> BTreeSet<u32> {
    let list = value.as_array().into_iter().flatten();
    list.filter_map(instance).collect()
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;

    fn read(record: &Value) -> ControlRecord {
        ControlRecord::parse(&record.to_string()).unwrap()
    }

    #[test]
    fn a_record_of_the_instances() {
        let record = json!({
            "epoch": 7, "revision": 12, "holder": {"member": 1, "boot": 81_985_529_216_486_895_u64},
            "nonce": 18_364_758_544_493_064_720_u64, "system": "7000000000000000001", "timeline": 3,
            "cohort": {"standbys": [0, 2], "acks": 1, "writer": 1, "timeline": 3,
                "floor": {"timeline": 3, "lsn": "0/3000000"}},
            "older": [], "serving": true, "released": false, "paused": true, "fenced": [2],
            "intent": {"Switchover": {"to": 2}}, "replicates": true,
        });
        let expected = ControlRecord {
            epoch: 7,
            holder: Some(1),
            initialised: true,
            standbys: [0, 2].into(),
            acks: 1,
            serving: true,
            released: false,
            paused: true,
            fenced: [2].into(),
            intent: Some(Intent::Switchover { to: Some(2) }),
            replicates: true,
        };
        assert_eq!(read(&record), expected);
    }

    #[test]
    fn what_is_missing_or_strange_is_left_out() {
        assert_eq!(read(&json!({})), ControlRecord::default());
        let strange = json!({
            "epoch": "12", "holder": "a-1", "system": null, "cohort": [], "fenced": {"a": 1},
            "serving": "yes", "intent": "Nothing",
        });
        let expected = ControlRecord {
            epoch: 12,
            intent: Some(Intent::Other),
            ..ControlRecord::default()
        };
        assert_eq!(read(&strange), expected);
        let numbers = json!({"holder": {"member": -1}, "fenced": [1, -2, "3", 1e30, null]});
        assert_eq!(read(&numbers).fenced, [1, 3].into());
        assert_eq!(read(&numbers).holder, None);
    }

    #[test]
    fn a_refusal_of_the_instances() {
        let text = r#"{"epoch":3,"revision":9,"why":"a-2 is fenced"}"#;
        let expected = Refusal {
            epoch: 3,
            revision: 9,
            why: "a-2 is fenced".to_owned(),
        };
        assert_eq!(Refusal::parse(text), Some(expected));
        for text in ["", "{}", r#"{"epoch":3,"revision":9,"why":1}"#] {
            assert_eq!(Refusal::parse(text), None, "{text}");
        }
        let long = format!(
            "{{\"epoch\":3,\"revision\":9,\"why\":\"{}\"}}",
            "x".repeat(MOST_BYTES)
        );
        assert_eq!(Refusal::parse(&long), None);
    }

    #[test]
    fn what_is_no_record_is_none() {
        for text in ["", "7", "[]", "{", "null"] {
            assert_eq!(ControlRecord::parse(text), None, "{text}");
        }
        let long = format!("{{\"x\": \"{}\"}}", "x".repeat(MOST_BYTES));
        assert_eq!(ControlRecord::parse(&long), None);
        let deep = "[".repeat(100_000);
        assert_eq!(ControlRecord::parse(&deep), None);
    }
}
