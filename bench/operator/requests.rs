//! What the API server was asked, by its own counters.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use howdah_e2e::Rest;

use crate::group::Group;

const COUNTER: &str = "apiserver_request_total{";
const READS: [&str; 3] = ["GET", "LIST", "WATCH"];
/// Kinds of requests that are told one by one.
const SHOWN: usize = 6;

/// Verb and resource.
type Kind = (String, String);

/// How often each kind of request was answered.
#[derive(Debug, Default)]
pub(crate) struct Requests(BTreeMap<Kind, u64>);

impl Requests {
    pub(crate) async fn read(rest: &Rest) -> Result<Self> {
        let page = rest.get("/metrics").await?.is(200)?.body;
        let mut requests = Self::default();
        let page = page.as_str().context("the page is text")?;
        for line in page.lines().filter(|line| line.starts_with(COUNTER)) {
            let (labels, count) = line.rsplit_once(' ').context("a counter has a value")?;
            let verb = label(labels, "verb");
            let resource = match label(labels, "subresource") {
                "" => label(labels, "resource").to_owned(),
                below => format!("{}/{below}", label(labels, "resource")),
            };
            let count: u64 = count.parse().context("a counter is a number")?;
            *requests.0.entry((verb.to_owned(), resource)).or_default() += count;
        }
        Ok(requests)
    }

    pub(crate) fn since(mut self, before: &Self) -> Self {
        for (kind, count) in &mut self.0 {
            *count -= before.0.get(kind).copied().unwrap_or_default().min(*count);
        }
        self
    }
}

/// Requests of some time.
pub(crate) struct Rates {
    pub(crate) requests: Requests,
    /// In seconds.
    pub(crate) elapsed: f64,
}

impl Rates {
    fn of(&self, wanted: impl Fn(&str) -> bool) -> f64 {
        let all = self.requests.0.iter();
        let found = all.filter(|((verb, _), _)| wanted(verb));
        found.map(|(_, count)| *count).sum::<u64>() as f64 / self.elapsed
    }

    pub(crate) fn writes(&self) -> f64 {
        self.of(|verb| !READS.contains(&verb))
    }

    /// In words, beside the goals; the writes of before the group was there are not those of its clusters.
    pub(crate) fn show(&self, group: Option<&Group<'_>>, base: f64) -> Vec<String> {
        let (reads, writes) = (self.of(|verb| READS.contains(&verb)), self.writes());
        let mut lines = vec![format!(
            "API: {reads:.2} reads and {writes:.2} writes a second"
        )];
        if let Some(group) = group {
            let clusters = group.count as f64;
            lines.push(match group.instances {
                0 => format!(
                    "{:.2} requests a second per 100 clusters (goal: below 1)",
                    (reads + writes) / clusters * 100.0
                ),
                _ => format!(
                    "{:.2} writes a second more per cluster (goal: at most 1, in the fleet profile 0.5)",
                    (writes - base) / clusters
                ),
            });
        }
        let mut kinds: Vec<_> = self.requests.0.iter().collect();
        kinds.retain(|(_, count)| **count > 0);
        kinds.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        for ((verb, resource), count) in kinds.into_iter().take(SHOWN) {
            let rate = *count as f64 / self.elapsed;
            lines.push(format!("  {verb} {resource}: {rate:.2}"));
        }
        lines
    }
}

fn label<'l>(labels: &'l str, name: &str) -> &'l str {
    let parts = labels.split(['{', ',', '}']);
    let value = parts.filter_map(|part| part.split_once('='));
    let mut found = value.filter(|(key, _)| *key == name);
    found
        .next()
        .map_or("", |(_, value)| value.trim_matches('"'))
}
