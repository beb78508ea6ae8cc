//! The cluster's Pods as they were seen last, on this member's own volume.
//!
//! Nothing is decided before the Pods are known: they tell who the members are and where. An agent that starts
//! while the API is away goes by the last Pods it saw, as one does whose watch is late: it starts its Postgres as a
//! standby, hears the primary and follows it. It cannot become primary that way, since that takes a write of the
//! control record.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use howdah_types::{ClusterName, InstanceName};
use tracing::{debug, info};

use crate::member::Member;
use crate::peers::Peer;

const NAME: &str = "pods.json";
/// The longest file that is read, in bytes.
const LONGEST: u64 = 4 << 20;
/// How long the API has to tell the Pods before the remembered ones are taken.
const PATIENCE: Duration = Duration::from_secs(1);

type Pods = BTreeMap<InstanceName, Peer>;

/// Takes the remembered Pods if the API tells none, and remembers those that it tells.
pub(crate) async fn keep(member: Arc<Member>) {
    let path = member.instance.layout().own().join(NAME);
    let mut stored = read(&path, &member.cluster.name).await;
    let mut peers = member.peers.subscribe();
    let told = tokio::time::timeout(PATIENCE, peers.wait_for(Option::is_some));
    let silent = told.await.is_err();
    if silent && !stored.is_empty() {
        info!(
            pods = stored.len(),
            "going by the Pods of before, since the API is away"
        );
        member.peers.send_if_modified(|peers| {
            let unknown = peers.is_none();
            if unknown {
                *peers = Some(stored.clone());
            }
            unknown
        });
    }
    loop {
        let seen = peers.borrow_and_update().as_ref().map(worth_keeping);
        if let Some(seen) = seen.filter(|seen| *seen != stored) {
            if let Err(error) = write(&path, &seen).await {
                // The next change is another try, and an older file is better than none.
                debug!(%error, "the Pods are not remembered");
            }
            stored = seen;
        }
        if peers.changed().await.is_err() {
            return;
        }
    }
}

/// Without what is of no use later, or must not be done again.
fn worth_keeping(pods: &Pods) -> Pods {
    let mut pods = pods.clone();
    for peer in pods.values_mut() {
        peer.role = None;
        peer.status = None;
        peer.restart = None;
        peer.reinitialise = None;
    }
    pods
}

/// What is not there or not understood is as good as nothing.
async fn read(path: &Utf8Path, cluster: &ClusterName) -> Pods {
    let path = path.to_owned();
    let reading = tokio::task::spawn_blocking(move || parse(&path));
    let mut pods = reading.await.ok().flatten().unwrap_or_default();
    pods.retain(|name, _| name.cluster() == cluster);
    worth_keeping(&pods)
}

fn parse(path: &Utf8Path) -> Option<Pods> {
    let size = std::fs::metadata(path).ok()?.len();
    let text = (size <= LONGEST).then(|| std::fs::read(path))?.ok()?;
    serde_json::from_slice(&text).ok()
}

async fn write(path: &Utf8Path, pods: &Pods) -> std::io::Result<()> {
    let text = serde_json::to_vec(pods)?;
    let path = path.to_owned();
    let writing = tokio::task::spawn_blocking(move || replace(&path, &text));
    writing.await.map_err(std::io::Error::other)?
}

/// A file that is cut off by a crash is not understood, and that is all.
fn replace(path: &Utf8PathBuf, text: &[u8]) -> std::io::Result<()> {
    let new = path.with_extension("tmp");
    let mut options = std::fs::File::options();
    options.create(true).truncate(true).write(true).mode(0o600);
    options.open(&new)?.write_all(text)?;
    std::fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::peers;

    fn pods() -> Pods {
        let pod = |name: &str, address: &str| {
            let pod = json!({
                "metadata": {"name": name, "uid": "u", "labels": {"role": "primary"},
                    "annotations": {"howdah.io/restart": "1", "howdah.io/ha": "{}"}},
                "status": {"podIP": address},
            });
            peers::read(&serde_json::from_value(pod).unwrap()).unwrap()
        };
        [pod("a-0", "10.0.0.1"), pod("b-0", "fd00::1")].into()
    }

    #[tokio::test]
    async fn pods_are_read_as_they_were_written_but_for_wishes() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        let (path, cluster) = (folder.join(NAME), "a".parse().unwrap());
        assert_eq!(read(&path, &cluster).await, Pods::new(), "no file");
        write(&path, &pods()).await.unwrap();
        let found = read(&path, &cluster).await;
        let mut expected = worth_keeping(&pods());
        expected.retain(|name, _| name.cluster().as_str() == "a");
        assert_eq!(found, expected, "another cluster's Pods are left out");
        let peer = found.values().next().unwrap();
        assert_eq!((&peer.restart, &peer.role), (&None, &None));
        assert_eq!(peer.address, Some("10.0.0.1".parse().unwrap()));
        assert_eq!(peer.replication.as_deref(), Some("{}"));
    }

    #[tokio::test]
    async fn what_is_not_understood_or_too_long_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        let (path, cluster) = (folder.join(NAME), "a".parse().unwrap());
        std::fs::write(&path, "{\"a-0\": {").unwrap();
        assert_eq!(read(&path, &cluster).await, Pods::new());
        let length = usize::try_from(LONGEST).unwrap();
        let mut text = serde_json::to_string(&pods()).unwrap();
        text.push_str(&" ".repeat(length - text.len()));
        std::fs::write(&path, &text).unwrap();
        assert_eq!(read(&path, &cluster).await.len(), 1);
        std::fs::write(&path, text + " ").unwrap();
        assert_eq!(read(&path, &cluster).await, Pods::new());
    }
}
