//! A cluster by hand: an API server, Pods that nobody but the test runs, and an agent for each.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use howdah_testkit::{Components, TempWorld};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

/// How long anything may take on a loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);
const NAMESPACE: &str = "default";

/// The API, and a folder for everything.
pub(crate) struct World {
    pocket: Option<howdah_pocket::Running>,
    client: kube::Client,
    pub(crate) certificates: Certificates,
    /// True while the API gives no answer.
    pub(crate) cut: Arc<AtomicBool>,
    pub(crate) folder: TempWorld,
}

/// The components folder. The first call also gives up root, for good, since Postgres refuses it. The
/// folder of components is found first: root has its own.
pub(crate) fn components() -> Result<&'static Components> {
    static COMPONENTS: OnceLock<Result<Components, String>> = OnceLock::new();
    COMPONENTS
        .get_or_init(|| {
            let components = howdah_testkit::components().map_err(|error| format!("{error:#}"))?;
            give_up_root().map_err(|error| format!("{error:#}"))?;
            Ok(components)
        })
        .as_ref()
        .map_err(|error| anyhow::anyhow!("{error}"))
}

fn give_up_root() -> Result<()> {
    use nix::unistd::{Gid, Uid, setgid, setgroups, setuid};
    if let Some(user) = howdah_testkit::unprivileged_user()? {
        let group = Gid::from_raw(user.gid);
        setgroups(&[group])?;
        setgid(group)?;
        setuid(Uid::from_raw(user.uid))?;
    }
    Ok(())
}

impl World {
    pub(crate) async fn new() -> Result<Self> {
        // For the reader of a failed test.
        let _ = tracing_subscriber::fmt()
            .with_max_level(tracing_subscriber::filter::LevelFilter::INFO)
            .with_writer(std::io::stderr)
            .try_init();
        let components = components()?.folder();
        let folder = TempWorld::new()?;
        let config = howdah_pocket::Config {
            port: 0,
            ..howdah_pocket::Config::new(folder.path().join("pocket"), components)
        };
        let pocket = howdah_pocket::start(config).await?;
        let cut = Arc::new(AtomicBool::new(false));
        Ok(Self {
            certificates: Certificates::new()?,
            client: cuttable(pocket.client(), Arc::clone(&cut)),
            pocket: Some(pocket),
            cut,
            folder,
        })
    }

    /// A client for an agent: it fails while the API is cut off.
    pub(crate) fn client(&self) -> kube::Client {
        self.client.clone()
    }

    pub(crate) fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), NAMESPACE)
    }

    /// Makes the Pod of an instance, with its address but nothing that runs it; gives its UID.
    pub(crate) async fn make_pod(&self, name: &str, address: &str) -> Result<String> {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {
                "name": name,
                "labels": {
                    "app": "StackGresCluster",
                    "stackgres.io/cluster": "true",
                    "stackgres.io/cluster-name": "simple",
                    "stackgres.io/cluster-uid": "c0ffee",
                },
            },
            // No node of that name exists, so no node starts it.
            "spec": {
                "nodeName": "by-hand",
                "terminationGracePeriodSeconds": 0,
                "containers": [{"name": "patroni", "image": "none"}],
            },
        }))?;
        let pods = self.pods();
        let made = pods.create(&PostParams::default(), &pod).await?;
        let status = json!({"status": {"phase": "Running", "podIP": address}});
        pods.patch_status(name, &PatchParams::default(), &Patch::Merge(status))
            .await?;
        made.metadata.uid.context("a stored Pod has a UID")
    }

    pub(crate) async fn delete_pod(&self, name: &str) -> Result<()> {
        let at_once = DeleteParams {
            grace_period_seconds: Some(0),
            ..DeleteParams::default()
        };
        self.pods().delete(name, &at_once).await?;
        howdah_testkit::wait_until(PATIENCE, "the Pod's end", async || {
            match self.pods().get_opt(name).await {
                Ok(None) => Ok(()),
                Ok(Some(_)) => Err("still there".to_owned()),
                Err(error) => Err(error.to_string()),
            }
        })
        .await
    }

    pub(crate) async fn record(&self) -> Result<Option<Lease>> {
        let leases: Api<Lease> = Api::namespaced(self.client.clone(), NAMESPACE);
        Ok(leases.get_opt("simple").await?)
    }

    /// An annotation of the control record.
    pub(crate) async fn recorded(&self, name: &str) -> Result<String> {
        let record = self.record().await?.context("no control record")?;
        let value = record.metadata.annotations.unwrap_or_default().remove(name);
        value.with_context(|| format!("no annotation {name}"))
    }

    /// Changes the control record as people's tools do.
    pub(crate) async fn edit_record(&self, change: impl Fn(&mut Value)) -> Result<()> {
        let leases: Api<Lease> = Api::namespaced(self.client.clone(), NAMESPACE);
        eventually("a change of the record", async || {
            let mut lease = leases.get("simple").await?;
            let annotations = lease.metadata.annotations.get_or_insert_default();
            let record = annotations.get("howdah.io/record").context("no record")?;
            let mut record = serde_json::from_str(record)?;
            change(&mut record);
            annotations.insert("howdah.io/record".to_owned(), record.to_string());
            leases
                .replace("simple", &PostParams::default(), &lease)
                .await?;
            Ok(())
        })
        .await
    }

    /// The address that clients are sent to, with the epoch of the route.
    pub(crate) async fn route(&self) -> Result<(String, String)> {
        let slices: Api<EndpointSlice> = Api::namespaced(self.client.clone(), NAMESPACE);
        let slice = slices.get("simple").await?;
        let endpoint = slice
            .endpoints
            .unwrap_or_default()
            .pop()
            .context("no endpoint")?;
        let epoch = slice
            .metadata
            .annotations
            .unwrap_or_default()
            .remove("howdah.io/epoch");
        let address = endpoint.addresses.first().context("no address")?;
        Ok((address.clone(), epoch.context("no epoch")?))
    }

    /// The role label and the state of a Pod.
    pub(crate) async fn published(&self, name: &str) -> Result<(String, Value)> {
        let pod = self.pods().get(name).await?;
        let role = pod.metadata.labels.unwrap_or_default().remove("role");
        let status = pod
            .metadata
            .annotations
            .unwrap_or_default()
            .remove("status");
        let status = serde_json::from_str(&status.context("no status")?)?;
        Ok((role.context("no role")?, status))
    }

    pub(crate) async fn end(mut self) {
        if let Some(pocket) = self.pocket.take() {
            pocket.shutdown().await;
        }
    }
}

/// What members show each other.
pub(crate) struct Certificates {
    authority: String,
    certificate: String,
    key: String,
}

impl Certificates {
    fn new() -> Result<Self> {
        use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
        let mut authority = CertificateParams::new(Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let member = CertificateParams::new(vec!["members.simple.default".to_owned()])?;
        let member = member.signed_by(&key, &authority)?;
        Ok(Self {
            authority: authority.pem(),
            certificate: member.pem(),
            key: key.serialize_pem(),
        })
    }

    /// The files of the mounted folder.
    pub(crate) fn files(&self) -> [(&'static str, &str); 3] {
        [
            ("ca.crt", &self.authority),
            ("tls.crt", &self.certificate),
            ("tls.key", &self.key),
        ]
    }
}

/// A client whose requests fail while `cut` is set.
fn cuttable(client: kube::Client, cut: Arc<AtomicBool>) -> kube::Client {
    let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
        let (client, cut) = (client.clone(), Arc::clone(&cut));
        async move {
            if cut.load(Ordering::SeqCst) {
                return Err(std::io::Error::other("the API is cut off").into());
            }
            client.send(request).await.map_err(tower::BoxError::from)
        }
    });
    kube::Client::new(service, NAMESPACE)
}

/// Waits until a probe succeeds.
pub(crate) async fn eventually<T>(
    what: &str,
    mut probe: impl AsyncFnMut() -> Result<T>,
) -> Result<T> {
    howdah_testkit::wait_until(PATIENCE, what, async || {
        probe().await.map_err(|error| format!("{error:#}"))
    })
    .await
}

/// An error that shows what was seen, unless it is what was expected.
pub(crate) fn expect<T: PartialEq + std::fmt::Debug>(seen: T, expected: T) -> Result<()> {
    if seen != expected {
        bail!("{seen:?}");
    }
    Ok(())
}
