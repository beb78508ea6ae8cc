//! A client that writes and lists, and the answers it got.

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::Client;
use parking_lot::Mutex;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::world::{ALL, ask, collection, revision};

const NAMESPACES: [&str; 2] = ["default", "kube-public"];
pub(super) const NAMES: [&str; 3] = ["a", "b", "c"];
const TEAMS: [&str; 3] = ["red", "blue", ""];

/// One request.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Create(Place, usize),
    /// A PUT of what this client saw last, which may be old.
    Replace(Place, usize),
    /// A PATCH of whatever is there.
    Patch(Place, usize),
    /// With `true` only what this client saw last.
    Delete(Place, bool),
    /// A PUT or POST that must change nothing.
    DryRun(Place),
    /// A list in pages of this size.
    Pages(usize),
}

/// The namespace and the name, by number.
pub(super) type Place = (usize, usize);

impl Step {
    pub(super) fn any() -> impl Strategy<Value = Self> {
        let place = || (0..NAMESPACES.len(), 0..NAMES.len());
        let team = || 0..TEAMS.len();
        prop_oneof![
            4 => (place(), team()).prop_map(|(place, team)| Self::Create(place, team)),
            4 => (place(), team()).prop_map(|(place, team)| Self::Replace(place, team)),
            4 => (place(), team()).prop_map(|(place, team)| Self::Patch(place, team)),
            2 => (place(), any::<bool>()).prop_map(|(place, old)| Self::Delete(place, old)),
            1 => place().prop_map(Self::DryRun),
            1 => (1..4_usize).prop_map(Self::Pages),
        ]
    }
}

/// What the server said to all clients.
#[derive(Clone, Default)]
pub(super) struct Answers(Arc<Mutex<Told>>);

#[derive(Default)]
pub(super) struct Told {
    /// The object as written, and the revision that it replaced if the client said so.
    pub(super) written: Vec<(Value, Option<u64>)>,
    /// How often an object of this namespace and name was deleted.
    pub(super) deleted: BTreeMap<(String, String), usize>,
    /// Complete lists, put together from pages.
    pub(super) lists: Vec<Value>,
}

impl Answers {
    pub(super) fn told(&self) -> parking_lot::MutexGuard<'_, Told> {
        self.0.lock()
    }
}

/// Carries the steps out, one after the other.
pub(super) async fn work(client: Client, number: usize, steps: Vec<Step>, answers: Answers) {
    let mut seen: BTreeMap<Place, u64> = BTreeMap::new();
    for (count, step) in steps.into_iter().enumerate() {
        // No two writes are the same, so none is one without an effect.
        let mark = format!("{number}-{count}");
        match step {
            Step::Create(place, team) => {
                let body = lease(place, team, &mark);
                let answer = ask(&client, "POST", &collection(NAMESPACES[place.0]), &body).await;
                note(&answers, &mut seen, place, answer, None, &[409]);
            }
            Step::Replace(place, team) => {
                let Some(&at) = seen.get(&place) else {
                    continue;
                };
                let mut body = lease(place, team, &mark);
                body["metadata"]["resourceVersion"] = at.to_string().into();
                let answer = ask(&client, "PUT", &path(place), &body).await;
                note(&answers, &mut seen, place, answer, Some(at), &[404, 409]);
                look(&client, &mut seen, place).await;
            }
            Step::Patch(place, team) => {
                let body = change(place, team, &mark);
                let answer = ask(&client, "PATCH", &path(place), &body).await;
                note(&answers, &mut seen, place, answer, None, &[404]);
            }
            Step::Delete(place, old) => {
                let at = seen.get(&place).filter(|_| old);
                let body = match at {
                    Some(at) => json!({"preconditions": {"resourceVersion": at.to_string()}}),
                    None => Value::Null,
                };
                match ask(&client, "DELETE", &path(place), &body).await {
                    Ok(_) => *answers.told().deleted.entry(names(place)).or_default() += 1,
                    Err(code) => assert!([404, 409].contains(&code), "{code}"),
                }
            }
            Step::DryRun(place) => {
                let body = lease(place, 0, &mark);
                let posted = format!("{}?dryRun=All", collection(NAMESPACES[place.0]));
                drop(ask(&client, "POST", &posted, &body).await);
                let patched = format!("{}?dryRun=All", path(place));
                drop(ask(&client, "PATCH", &patched, &body).await);
            }
            Step::Pages(size) => answers.told_list(pages(&client, size).await),
        }
    }
}

impl Answers {
    fn told_list(&self, list: Option<Value>) {
        self.told().lists.extend(list);
    }
}

fn names(place: Place) -> (String, String) {
    (NAMESPACES[place.0].to_owned(), NAMES[place.1].to_owned())
}

fn path(place: Place) -> String {
    format!("{}/{}", collection(NAMESPACES[place.0]), NAMES[place.1])
}

/// A whole Lease; it has no label without a team.
fn lease(place: Place, team: usize, mark: &str) -> Value {
    let mut lease = change(place, team, mark);
    if TEAMS[team].is_empty() {
        lease["metadata"]["labels"] = json!({});
    }
    lease
}

/// A merge patch; it removes the label without a team.
fn change(place: Place, team: usize, mark: &str) -> Value {
    let team = match TEAMS[team] {
        "" => Value::Null,
        team => team.into(),
    };
    json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": NAMES[place.1], "labels": {"team": team}},
        "spec": {"holderIdentity": mark},
    })
}

fn note(
    answers: &Answers,
    seen: &mut BTreeMap<Place, u64>,
    place: Place,
    answer: Result<Value, u16>,
    expected: Option<u64>,
    allowed: &[u16],
) {
    match answer {
        Ok(object) => {
            seen.insert(place, revision(&object["metadata"]));
            answers.told().written.push((object, expected));
        }
        Err(code) => assert!(allowed.contains(&code), "{code}"),
    }
}

async fn look(client: &Client, seen: &mut BTreeMap<Place, u64>, place: Place) {
    if let Ok(object) = ask(client, "GET", &path(place), &Value::Null).await {
        seen.insert(place, revision(&object["metadata"]));
    }
}

/// A list in pages, all of one revision; nothing when that has been forgotten meanwhile.
async fn pages(client: &Client, size: usize) -> Option<Value> {
    let first = format!("{ALL}?limit={size}");
    let mut list = ask(client, "GET", &first, &Value::Null).await.unwrap();
    let mut token = list["metadata"]["continue"].clone();
    while let Some(text) = token.as_str() {
        let next = format!("{first}&continue={text}");
        let page = match ask(client, "GET", &next, &Value::Null).await {
            Ok(page) => page,
            Err(410) => return None,
            Err(code) => panic!("{code}"),
        };
        let at = |list: &Value| list["metadata"]["resourceVersion"].clone();
        assert_eq!(at(&page), at(&list));
        let items = page["items"].as_array().unwrap().clone();
        list["items"].as_array_mut().unwrap().extend(items);
        token = page["metadata"]["continue"].clone();
    }
    Some(list)
}
