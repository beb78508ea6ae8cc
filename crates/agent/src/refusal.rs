//! Why the primary does not hand over as asked, for people: it stands beside the control record, and is
//! written with the record that no longer has the wish.

use howdah_ha::Epoch;
use howdah_ha::machine::{Intent, Record, Refusal};
use howdah_types::ClusterName;
use k8s_openapi::api::coordination::v1::Lease;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::ids;

/// The annotation of the control record with the last refusal.
pub(crate) const REFUSED: &str = "howdah.io/refused";
/// The longest text that is read, in bytes.
const LONGEST: usize = 4 << 10;

/// A refusal, and the record that says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Refused {
    epoch: Epoch,
    revision: u64,
    why: String,
}

/// The reason as a part of a sentence.
pub(crate) fn reason(cluster: &ClusterName, intent: Intent, why: Refusal) -> String {
    match intent.wanted() {
        Some(to) => {
            let why = why.to_string();
            let why = why.strip_prefix("it ").unwrap_or(&why);
            format!("{} {why}", ids::name(cluster, to))
        }
        None => "no other instance that may become primary streams and is caught up".to_owned(),
    }
}

/// The annotation's value for a record that is written because of the refusal.
pub(crate) fn annotation(record: &Record, why: &str) -> String {
    json!({"epoch": record.epoch, "revision": record.revision, "why": why}).to_string()
}

/// Why a wish that was written into that record was refused, if it was and this Lease still tells.
pub(crate) fn since(before: &Record, lease: &Lease) -> Option<String> {
    let annotations = lease.metadata.annotations.as_ref()?;
    let text = annotations.get(REFUSED)?;
    if text.len() > LONGEST {
        return None;
    }
    let refused: Refused = serde_json::from_str(text).ok()?;
    let later = (refused.epoch, refused.revision) > (before.epoch, before.revision);
    later.then_some(refused.why)
}

#[cfg(test)]
mod tests {
    use howdah_ha::machine::Member;
    use pretty_assertions::assert_eq;

    use super::*;
    use crate::record::tests::record;

    #[test]
    fn a_reason_names_whom_people_want() {
        let cluster = "simple".parse().unwrap();
        let to = Some(Member(2));
        for (intent, why, expected) in [
            (
                Intent::Switchover { to },
                Refusal::Behind,
                "simple-2 is too far behind the primary",
            ),
            (
                Intent::Failover { to: Member(1) },
                Refusal::NoVoter,
                "simple-1 is no member that may become primary",
            ),
            (
                Intent::Switchover { to: None },
                Refusal::NotStreaming,
                "no other instance that may become primary streams and is caught up",
            ),
        ] {
            assert_eq!(reason(&cluster, intent, why), expected);
        }
    }

    #[test]
    fn only_a_refusal_after_the_wish_answers_it() {
        let before = record();
        let after = Record {
            revision: before.revision + 1,
            ..before.clone()
        };
        let told = |text: String| {
            let mut lease = Lease::default();
            lease.metadata.annotations = Some([(REFUSED.to_owned(), text)].into());
            since(&before, &lease)
        };
        assert_eq!(told(annotation(&after, "no")), Some("no".to_owned()));
        assert_eq!(told(annotation(&before, "no")), None, "of an earlier wish");
        assert_eq!(told("{}".to_owned()), None);
        assert_eq!(told(annotation(&after, &"x".repeat(LONGEST))), None);
        assert_eq!(since(&before, &Lease::default()), None);
    }
}
