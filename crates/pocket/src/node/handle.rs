//! What the rest of pocket may ask of a running node: the logs of a Pod, a way into it, and to stop everything.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use jiff::Timestamp;
use parking_lot::RwLock;
use tokio::sync::watch;
use tokio::time::Instant;

use super::layout::PodDir;
use super::logs;
use super::sessions::{self, PodSessions, Session, SessionError, SessionOptions};

/// The bytes of a log as they come.
pub type LogStream = BoxStream<'static, io::Result<Bytes>>;

/// Which part of a log is wanted, as in the query of `pods/<name>/log`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Stay and send what is written later, until the container ends.
    pub follow: bool,
    /// Begin this many lines before the end.
    pub tail_lines: Option<usize>,
    /// Leave out what is older.
    pub since: Option<Timestamp>,
    /// The container's last run but one.
    pub previous: bool,
    /// Begin each line with its time.
    pub timestamps: bool,
    /// End after this many bytes.
    pub limit_bytes: Option<usize>,
}

/// Why there is no log to read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The Pod does not run here.
    #[error("pod {namespace}/{pod} is not running on this node")]
    NoPod {
        /// The Pod's namespace.
        namespace: String,
        /// The Pod's name.
        pod: String,
    },
    /// The Pod has several containers, and none was named.
    #[error("a container name must be specified for pod {pod}, choose one of: [{}]", choices.join(" "))]
    ContainerNotNamed {
        /// The Pod's name.
        pod: String,
        /// Its containers.
        choices: Vec<String>,
    },
    /// The Pod has no such container.
    #[error("container {container} is not valid for pod {pod}")]
    NoContainer {
        /// The Pod's name.
        pod: String,
        /// The container's name.
        container: String,
    },
    /// The container has not run yet.
    #[error("container {container:?} in pod {pod:?} is waiting to start")]
    NotStarted {
        /// The Pod's name.
        pod: String,
        /// The container's name.
        container: String,
    },
    /// The container has run only once.
    #[error("previous terminated container {container:?} in pod {pod:?} not found")]
    NoPrevious {
        /// The Pod's name.
        pod: String,
        /// The container's name.
        container: String,
    },
    /// The log cannot be read.
    #[error("read the log of container {container:?} in pod {pod:?}")]
    Read {
        /// The Pod's name.
        pod: String,
        /// The container's name.
        container: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Who can read the logs of Pods; the API server knows the node by this alone.
pub trait PodLogs: Send + Sync {
    /// The log of one container; of the only one when none is named.
    fn logs<'a>(
        &'a self,
        namespace: &'a str,
        pod: &'a str,
        container: Option<&'a str>,
        options: LogOptions,
    ) -> BoxFuture<'a, Result<LogStream, LogError>>;
}

/// The way to ask a node; made before it and given to it in its configuration.
#[derive(Clone, Debug, Default)]
pub struct Handle(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    pods: RwLock<BTreeMap<(String, String), Entry>>,
    stop: watch::Sender<Option<Instant>>,
    running: watch::Sender<usize>,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            pods: RwLock::default(),
            stop: watch::Sender::new(None),
            running: watch::Sender::new(0),
        }
    }
}

#[derive(Clone, Debug)]
struct Entry {
    dir: PodDir,
    containers: Vec<String>,
}

impl Handle {
    /// Stops the containers of all Pods, each with its grace period but none longer than `deadline`, and starts no more.
    ///
    /// The Pods stay in the API, so the next node on this state folder starts them again. Returns how many Pods
    /// still had processes when the time was over; normally none.
    pub async fn stop_all(&self, deadline: Duration) -> usize {
        self.0.stop.send_replace(Some(Instant::now() + deadline));
        let mut running = self.0.running.subscribe();
        // Those that must be killed at the deadline need a moment to die.
        let patience = deadline + Duration::from_secs(10);
        let _ = tokio::time::timeout(patience, running.wait_for(|&count| count == 0)).await;
        *running.borrow()
    }

    pub(super) fn stop_requests(&self) -> watch::Receiver<Option<Instant>> {
        self.0.stop.subscribe()
    }

    /// Counts a Pod as running until the returned guard is dropped.
    pub(super) fn count_running(&self) -> RunningGuard {
        self.0.running.send_modify(|count| *count += 1);
        RunningGuard(Arc::clone(&self.0))
    }

    pub(super) fn add(&self, namespace: &str, name: &str, dir: PodDir, containers: Vec<String>) {
        let key = (namespace.to_owned(), name.to_owned());
        self.0.pods.write().insert(key, Entry { dir, containers });
    }

    /// Forgets a Pod, unless another one has taken its name meanwhile.
    pub(super) fn remove(&self, namespace: &str, name: &str, dir: &PodDir) {
        let key = (namespace.to_owned(), name.to_owned());
        let mut pods = self.0.pods.write();
        if pods.get(&key).is_some_and(|entry| entry.dir == *dir) {
            pods.remove(&key);
        }
    }

    /// The folder and the name of a container.
    fn find(
        &self,
        namespace: &str,
        pod: &str,
        container: Option<&str>,
    ) -> Result<(PodDir, String), LogError> {
        let key = (namespace.to_owned(), pod.to_owned());
        let Some(entry) = self.0.pods.read().get(&key).cloned() else {
            let (namespace, pod) = key;
            return Err(LogError::NoPod { namespace, pod });
        };
        let pod = key.1;
        match (container, entry.containers.as_slice()) {
            (Some(name), all) if all.iter().any(|known| known == name) => {
                Ok((entry.dir, name.to_owned()))
            }
            (Some(name), _) => Err(LogError::NoContainer {
                pod,
                container: name.to_owned(),
            }),
            (None, [only]) => Ok((entry.dir, only.clone())),
            (None, all) => Err(LogError::ContainerNotNamed {
                pod,
                choices: all.to_vec(),
            }),
        }
    }
}

impl PodLogs for Handle {
    fn logs<'a>(
        &'a self,
        namespace: &'a str,
        pod: &'a str,
        container: Option<&'a str>,
        options: LogOptions,
    ) -> BoxFuture<'a, Result<LogStream, LogError>> {
        async move {
            let (dir, container) = self.find(namespace, pod, container)?;
            let pod = pod.to_owned();
            let Some(last) = dir.last_attempt(&container) else {
                return Err(LogError::NotStarted { pod, container });
            };
            let attempt = if options.previous {
                last.checked_sub(1)
                    .filter(|&previous| dir.attempt(&container, previous).exists())
                    .ok_or_else(|| LogError::NoPrevious {
                        pod: pod.clone(),
                        container: container.clone(),
                    })?
            } else {
                last
            };
            logs::open(&dir, &container, attempt, options)
                .map(StreamExt::boxed)
                .map_err(|source| LogError::Read {
                    pod,
                    container,
                    source,
                })
        }
        .boxed()
    }
}

impl PodSessions for Handle {
    fn session<'a>(
        &'a self,
        namespace: &'a str,
        pod: &'a str,
        options: SessionOptions,
    ) -> BoxFuture<'a, Result<Session, SessionError>> {
        async move {
            let found = self.find(namespace, pod, Some(&options.container));
            let attempt = found.ok().and_then(|(dir, container)| {
                let number = dir.last_attempt(&container)?;
                Some(dir.attempt(&container, number))
            });
            match attempt {
                Some(attempt) => sessions::begin(&attempt, options).await,
                None => Err(SessionError::NotRunning(options.container)),
            }
        }
        .boxed()
    }
}

/// See [`Handle::count_running`].
#[derive(Debug)]
pub(super) struct RunningGuard(Arc<Shared>);

impl Drop for RunningGuard {
    fn drop(&mut self) {
        self.0.running.send_modify(|count| *count -= 1);
    }
}
