//! Events about what the instances decide: another primary, fewer replicas that confirm writes.
//!
//! They decide without the operator; it only sees their record change and tells people. What changed
//! while no operator ran is not told.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use futures::channel::mpsc::UnboundedReceiver;
use futures::{StreamExt as _, future};
use howdah_api::cluster::{Replication, ReplicationMode};
use howdah_api::conditions::events;
use howdah_api::control_record::{Intent, Refusal};
use howdah_api::{ControlRecord, SGCluster};
use kube::Resource as _;
use kube::runtime::reflector::ObjectRef;
use tokio::time::Instant;
use tracing::warn;

use crate::cluster::{Chain, Guarded};
use crate::events::{Happening, Recorder, Severity};
use crate::records::{Key, News, Said};
use crate::triggers::Clusters;

/// A cluster whose instances cannot agree must not fill the server: so many Events of one cluster...
const MOST: usize = 20;
/// ... in so long.
const PERIOD: Duration = Duration::from_secs(600);

/// Tells about every change of a record for as long as it is polled.
pub(crate) async fn tell(
    mut news: UnboundedReceiver<News>,
    clusters: Clusters,
    recorder: Recorder,
) {
    let mut told: HashMap<Key, Told> = HashMap::new();
    while let Some(News { key, said }) = news.next().await {
        let Some(said) = said else {
            told.remove(&key);
            continue;
        };
        let history = told.entry(key.clone()).or_default();
        if history.uid != said.uid {
            *history = Told {
                uid: said.uid.clone(),
                refused: said.refusal.clone(),
                ..Told::default()
            };
        }
        report(&said, &key, history, &clusters, &recorder).await;
    }
    // Passes must not end with it.
    future::pending().await
}

async fn report(
    said: &Said,
    (namespace, name): &Key,
    told: &mut Told,
    clusters: &Clusters,
    recorder: &Recorder,
) {
    let Some(record) = &said.record else {
        return;
    };
    let cluster = clusters.get(&ObjectRef::<Guarded>::new(name).within(namespace));
    let spec = cluster.as_ref().and_then(|cluster| cluster.0.as_ref().ok());
    let wanted = spec.map_or(0, wanted_acks);
    let now = Instant::now();
    let mut happenings = told.notice(name, record, wanted, now);
    happenings.extend(told.refusal(name, record, said.refusal.as_ref(), now));
    let Some(cluster) = cluster else {
        return;
    };
    for happening in happenings {
        let about = cluster.object_ref(&());
        if let Err(error) = recorder.publish(&happening, &about).await {
            warn!(error = %Chain(&error), reason = happening.reason, "event not published");
        }
    }
}

/// How many replicas must confirm a write before the cluster counts as degraded.
fn wanted_acks(cluster: &SGCluster) -> u32 {
    let none = Replication::default();
    let replication = cluster.spec.replication.as_ref().unwrap_or(&none);
    match replication.mode.unwrap_or_default() {
        ReplicationMode::Async => 0,
        ReplicationMode::Sync | ReplicationMode::StrictSync => {
            let wanted = replication.sync_instances.unwrap_or(1);
            u32::try_from(wanted).unwrap_or(1)
        }
        ReplicationMode::SyncAll | ReplicationMode::StrictSyncAll => 1,
    }
}

/// What was seen of one record.
#[derive(Debug, Default)]
struct Told {
    uid: Option<String>,
    /// The last term that served clients, and its primary.
    served: Option<(u64, u32)>,
    /// What people asked for since then.
    asked: Option<Intent>,
    /// Whether that primary gave up by itself.
    released: bool,
    /// How many replicas should confirm writes, whether so many did, and whether people know that
    /// they do not.
    wanted: u32,
    enough: bool,
    degraded: bool,
    /// The refusal that people know of.
    refused: Option<Refusal>,
    /// When Events were published.
    published: VecDeque<Instant>,
}

impl Told {
    /// What is new in a record.
    fn notice(
        &mut self,
        cluster: &str,
        record: &ControlRecord,
        wanted: u32,
        now: Instant,
    ) -> Vec<Happening> {
        let mut happenings = Vec::new();
        if record.serving && !record.released {
            happenings.extend(self.primary(cluster, record));
            happenings.extend(self.replication(record, wanted));
        } else {
            self.released |= record.released;
        }
        if record.intent.is_some() {
            self.asked.clone_from(&record.intent);
        }
        happenings.retain(|_| self.may_publish(now));
        happenings
    }

    fn primary(&mut self, cluster: &str, record: &ControlRecord) -> Option<Happening> {
        let now = (record.epoch, record.holder?);
        let before = self.served.replace(now);
        if before == Some(now) {
            // A wish that is gone while the same primary serves on was taken back.
            self.asked = None;
            return None;
        }
        let (asked, released) = (self.asked.take(), std::mem::take(&mut self.released));
        let (_, old) = before.filter(|before| before.0 < now.0 && before.1 != now.1)?;
        let (epoch, new) = now;
        let change =
            format!("{cluster}-{new} is primary in place of {cluster}-{old} (term {epoch})");
        Some(match asked {
            Some(Intent::Switchover { .. }) => happening(
                Severity::Normal,
                events::SWITCHOVER,
                format!("{change}, as people asked for"),
            ),
            Some(Intent::Failover { .. }) => happening(
                Severity::Warning,
                events::FAILOVER,
                format!("{change}, as people decided without waiting for the others"),
            ),
            _ if released => happening(
                Severity::Warning,
                events::FAILOVER,
                format!("{change}, which gave up in order"),
            ),
            _ => happening(
                Severity::Warning,
                events::FAILOVER,
                format!("{change}, which was lost"),
            ),
        })
    }

    fn replication(&mut self, record: &ControlRecord, wanted: u32) -> Option<Happening> {
        let enough = record.acks >= wanted;
        let had_enough = std::mem::replace(&mut self.enough, enough);
        // People who change what they want know that it is not so yet.
        if std::mem::replace(&mut self.wanted, wanted) != wanted || wanted == 0 {
            self.degraded = false;
            return None;
        }
        let acks = record.acks;
        if !enough && had_enough {
            self.degraded = true;
            let message = format!(
                "writes are confirmed by {acks} of {wanted} wanted replicas, because no more keep up"
            );
            return Some(happening(
                Severity::Warning,
                events::REPLICATION_DEGRADED,
                message,
            ));
        }
        if enough && std::mem::take(&mut self.degraded) {
            return Some(happening(
                Severity::Normal,
                events::REPLICATION_RESTORED,
                format!("writes are confirmed by {acks} replicas again"),
            ));
        }
        None
    }

    /// That the primary does not hand over as asked.
    fn refusal(
        &mut self,
        cluster: &str,
        record: &ControlRecord,
        refusal: Option<&Refusal>,
        now: Instant,
    ) -> Option<Happening> {
        let refusal = refusal.filter(|refusal| self.refused.as_ref() != Some(refusal))?;
        self.refused = Some(refusal.clone());
        self.asked = None;
        let primary = record.holder.filter(|_| self.may_publish(now))?;
        let why = &refusal.why;
        Some(happening(
            Severity::Warning,
            events::SWITCHOVER_REFUSED,
            format!("{cluster}-{primary} does not hand over as people asked: {why}"),
        ))
    }

    fn may_publish(&mut self, now: Instant) -> bool {
        let old = |at: &Instant| now.duration_since(*at) >= PERIOD;
        while self.published.front().is_some_and(old) {
            self.published.pop_front();
        }
        let may = self.published.len() < MOST;
        if may {
            self.published.push_back(now);
        }
        may
    }
}

fn happening(severity: Severity, reason: &'static str, message: String) -> Happening {
    Happening {
        severity,
        reason,
        message,
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;

    fn served(epoch: u64, holder: u32, acks: u32) -> ControlRecord {
        ControlRecord {
            epoch,
            holder: Some(holder),
            acks,
            serving: true,
            ..ControlRecord::default()
        }
    }

    fn asked(record: ControlRecord, intent: Intent) -> ControlRecord {
        ControlRecord {
            intent: Some(intent),
            ..record
        }
    }

    /// The Events of records that follow each other, as reason and message.
    fn told(records: &[ControlRecord], wanted: u32) -> Vec<(&'static str, String)> {
        let mut told = Told::default();
        let now = Instant::now();
        records
            .iter()
            .flat_map(|record| told.notice("a", record, wanted, now))
            .map(|happening| (happening.reason, happening.message))
            .collect()
    }

    fn one(reason: &'static str, message: &str) -> Vec<(&'static str, String)> {
        vec![(reason, message.to_owned())]
    }

    #[test]
    fn a_refusal_is_told_once_with_its_reason() {
        let (mut told, now) = (Told::default(), Instant::now());
        let refusal = |revision| Refusal {
            epoch: 1,
            revision,
            why: "a-2 is fenced".to_owned(),
        };
        let mut say = |refusal: Option<&Refusal>| {
            let happening = told.refusal("a", &served(1, 0, 0), refusal, now);
            happening.map(|happening| (happening.reason, happening.message))
        };
        let message = "a-0 does not hand over as people asked: a-2 is fenced";
        let expected = Some((events::SWITCHOVER_REFUSED, message.to_owned()));
        assert_eq!(say(None), None);
        assert_eq!(say(Some(&refusal(1))), expected);
        assert_eq!(say(Some(&refusal(1))), None);
        assert_eq!(say(Some(&refusal(2))), expected);
    }

    #[test]
    fn a_lost_primary_is_told_once_the_next_one_serves() {
        let claimed = ControlRecord {
            serving: false,
            ..served(3, 2, 0)
        };
        let records = [served(1, 0, 0), claimed, served(4, 1, 0), served(4, 1, 0)];
        assert_eq!(
            told(&records, 0),
            one(
                "Failover",
                "a-1 is primary in place of a-0 (term 4), which was lost"
            )
        );
    }

    #[test]
    fn a_switchover_is_told_as_what_people_asked_for() {
        let wish = asked(served(1, 0, 0), Intent::Switchover { to: Some(1) });
        let released = ControlRecord {
            released: true,
            ..wish.clone()
        };
        assert_eq!(
            told(&[served(1, 0, 0), wish, released, served(2, 1, 0)], 0),
            one(
                "Switchover",
                "a-1 is primary in place of a-0 (term 2), as people asked for"
            )
        );
    }

    #[test]
    fn giving_up_and_forced_takeovers_have_their_own_words() {
        let released = ControlRecord {
            released: true,
            ..served(1, 0, 0)
        };
        assert_eq!(
            told(&[served(1, 0, 0), released, served(2, 1, 0)], 0)[0].1,
            "a-1 is primary in place of a-0 (term 2), which gave up in order"
        );
        let forced = asked(served(1, 0, 0), Intent::Failover { to: Some(1) });
        assert_eq!(
            told(&[served(1, 0, 0), forced, served(2, 1, 0)], 0)[0].1,
            "a-1 is primary in place of a-0 (term 2), as people decided without waiting for the others"
        );
    }

    #[test]
    fn the_first_primary_and_one_that_comes_back_are_no_failover() {
        assert_eq!(told(&[served(1, 0, 0)], 0), []);
        assert_eq!(told(&[served(1, 0, 0), served(2, 0, 0)], 0), []);
        // A record that went back tells nothing.
        assert_eq!(told(&[served(5, 0, 0), served(3, 1, 0)], 0), []);
    }

    #[test]
    fn fewer_confirmations_than_wanted_are_told_and_so_is_the_end_of_it() {
        let records = [
            served(1, 0, 0),
            served(1, 0, 1),
            served(1, 0, 0),
            served(1, 0, 0),
            served(1, 0, 1),
        ];
        let expected = [
            "writes are confirmed by 0 of 1 wanted replicas, because no more keep up",
            "writes are confirmed by 1 replicas again",
        ];
        let messages: Vec<_> = told(&records, 1).into_iter().map(|told| told.1).collect();
        assert_eq!(messages, expected);
        assert_eq!(told(&records, 0), []);
    }

    #[test]
    fn a_changed_wish_is_no_degradation() {
        let mut told = Told::default();
        let now = Instant::now();
        for (acks, wanted) in [(0, 0), (0, 1), (1, 1), (1, 2), (2, 2), (2, 0), (0, 0)] {
            let happenings = told.notice("a", &served(1, 0, acks), wanted, now);
            assert_eq!(happenings, [], "{acks} of {wanted}");
        }
    }

    #[test]
    fn a_cluster_that_changes_all_the_time_is_told_about_for_a_while_only() {
        let mut told = Told::default();
        let start = Instant::now();
        let mut count = |now: Instant, epochs: std::ops::Range<u64>| -> usize {
            epochs
                .map(|epoch| {
                    let record = served(epoch, u32::from(epoch % 2 == 0), 0);
                    told.notice("a", &record, 0, now).len()
                })
                .sum()
        };
        assert_eq!(count(start, 0..100), MOST);
        assert_eq!(count(start + PERIOD / 2, 100..110), 0);
        assert_eq!(count(start + PERIOD, 110..120), 10);
    }
}
