//! Putting the agent together, and its end.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use howdah_ha::machine::{self as ha, Boot, Holder, Rules, State};
use howdah_postgres::{
    Identity, Instance, Layout, OpenError, PostmasterError, ProgramError, Programs, VolumeLock,
};
use howdah_types::{InstanceName, PgVersion};
use kube::Client;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

use crate::args::{Args, ArgsError, Config};
use crate::chain::Complaint;
use crate::cluster::Cluster;
use crate::driver::{self, Driver, Means};
use crate::durable::{self, Promises};
use crate::guard::Guard;
use crate::member::{Input, Member};
use crate::mounted::{self, Files, Mounted};
use crate::wire::{self, Incoming, Wire, WireConfig};
use crate::{
    clock, disk, ids, jobs, keeper, observer, pooler, proxy, publisher, remembered, rest, settings,
    upstream, watching, wishes,
};

/// The pause before something at the start is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// The mounted folder with what members show each other.
const CERTIFICATES: &str = "/etc/howdah/peer";
/// How many messages of other members wait for the driver; more are dropped, as on the way.
const HEARD: usize = 256;

/// Why the agent could not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Wrong arguments.
    #[error(transparent)]
    Args(ArgsError),
    /// No programs of Postgres.
    #[error("find the programs of Postgres")]
    Programs(#[source] ProgramError),
    /// Programs of another version than the operator chose.
    #[error("the operator chose Postgres {wanted}, but the programs are of Postgres {found}")]
    Version {
        /// What the operator chose.
        wanted: PgVersion,
        /// What is there.
        found: PgVersion,
    },
    /// The volume cannot be used.
    #[error("open the instance")]
    Open(#[source] OpenError),
    /// A former postmaster does not end.
    #[error("end a former postmaster")]
    LeftOver(#[source] PostmasterError),
    /// The port of the REST API cannot be opened.
    #[error("listen on port {}", rest::PORT)]
    Listen(#[source] std::io::Error),
    /// What was promised before the start is not known.
    #[error("go on from what this member promised to others")]
    Promises(#[source] durable::Error),
    /// The data directory cannot be looked at.
    #[error("look at the volume")]
    Inspect(#[source] jobs::Error),
    /// Other members cannot be heard.
    #[error("listen on port {} for other members", wire::PORT)]
    Wire(#[source] std::io::Error),
    /// Nothing would end this member's authority in time.
    #[error("start the guard")]
    Guard(#[source] std::io::Error),
    /// The number of an instance has 16 bits at most.
    #[error("instance {0} has too high a number")]
    Number(InstanceName),
    /// The driver gave up.
    #[error(transparent)]
    Driver(driver::Error),
    /// Signals cannot be received.
    #[error("receive signals")]
    Signals(#[source] std::io::Error),
}

/// Runs the agent until it is told to stop by SIGTERM or SIGINT, and Postgres is stopped. The programs
/// of Postgres are found on PATH, the API by kubeconfig or by the files of the Pod.
pub async fn run(args: Args) -> Result<(), Error> {
    let mut stop = std::pin::pin!(stop_signal()?);
    let path = std::env::var("PATH").unwrap_or_default();
    let programs = Programs::on_path(&path).await.map_err(Error::Programs)?;
    let program = std::env::current_exe().map_err(Error::Guard)?;
    let program =
        Utf8PathBuf::try_from(program).map_err(|error| Error::Guard(error.into_io_error()))?;
    tokio::select! {
        client = first_client() => Box::pin(run_with(args, client, programs, &program, stop)).await,
        () = &mut stop => Ok(()),
    }
}

/// As [`run`], with a client and programs from elsewhere, until `stop` is ready. `guard` is the program
/// whose subcommand `guard` is [`crate::guard::main`].
pub async fn run_with(
    args: Args,
    client: Client,
    programs: Programs,
    guard: &Utf8Path,
    stop: impl Future<Output = ()>,
) -> Result<(), Error> {
    let layout = Layout::below(args.root.clone());
    proxy::agent_begins(&layout);
    let ended = Box::pin(work(args, client, programs, guard, stop)).await;
    proxy::agent_ends(&layout);
    ended
}

async fn work(
    args: Args,
    client: Client,
    programs: Programs,
    guard: &Utf8Path,
    stop: impl Future<Output = ()>,
) -> Result<(), Error> {
    let config = Config::try_from(args).map_err(Error::Args)?;
    check_version(config.postgres_version, programs.version())?;
    let listener = rest::bind(&config).await.map_err(Error::Listen)?;
    let mut stop = std::pin::pin!(stop);
    let opened = tokio::select! {
        opened = open(&config, programs) => opened?,
        () = &mut stop => return Ok(()),
    };
    Box::pin(drive(config, client, listener, opened, guard, stop)).await
}

async fn drive(
    config: Config,
    client: Client,
    listener: TcpListener,
    opened: Opened,
    program: &Utf8Path,
    mut stop: Pin<&mut impl Future<Output = ()>>,
) -> Result<(), Error> {
    let (inputs, received) = mpsc::unbounded_channel();
    let cluster = Cluster::new(client, &config.namespace, config.cluster.clone());
    let promises = Promises::in_folder(opened.instance.layout().own());
    let durable = promises.read().map_err(Error::Promises)?;
    let me = boot(&config)?;
    let (heard, incoming) = mpsc::channel(HEARD);
    let means = Means {
        incoming,
        promises,
        wire: wire(&config, me, opened.instance.layout(), heard)?,
        guard: Guard::start(program, &opened.instance.layout().volume()).map_err(Error::Guard)?,
    };
    let state = State::new(
        ha::Config {
            me,
            settings: settings::before_the_pods(),
            may_bootstrap: config.may_bootstrap,
            jitter: rand::random(),
            rules: Rules::default(),
        },
        durable,
        clock::now(),
    );
    let version = opened.instance.programs().version();
    info!(instance = %config.instance, postgres = %version, boot = %me, "agent started");
    let member = Member::new(config, opened.instance, cluster, inputs, opened.mounted);
    jobs::inspect(&member).await.map_err(Error::Inspect)?;
    let member = Arc::new(member);
    let mut tasks = JoinSet::new();
    tasks.spawn(rest::serve(listener, Arc::clone(&member)));
    tasks.spawn(watching::pods(Arc::clone(&member)));
    tasks.spawn(watching::control_record(Arc::clone(&member)));
    tasks.spawn(remembered::keep(Arc::clone(&member)));
    tasks.spawn(settings::follow(Arc::clone(&member)));
    tasks.spawn(observer::observe(Arc::clone(&member)));
    tasks.spawn(disk::probe(Arc::clone(&member)));
    tasks.spawn(upstream::watch(Arc::clone(&member)));
    tasks.spawn(wishes::fulfil(Arc::clone(&member)));
    tasks.spawn(publisher::publish(Arc::clone(&member)));
    tasks.spawn(pooler::tend(Arc::clone(&member)));
    tasks.spawn(proxy::tend(Arc::clone(&member)));
    tasks.spawn(keeper::keep(Arc::clone(&member), opened.files));
    let driver = Driver::new(Arc::clone(&member), state, received, means);
    // Among the others, so that no thread has to wake another for each of its steps.
    let mut driver = AbortOnDropHandle::new(tokio::spawn(driver.run()));
    let driven = tokio::select! {
        driven = &mut driver => driven,
        () = &mut stop => {
            member.tell(Input::Stop);
            driver.await
        }
    };
    let driven = driven.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
    tasks.shutdown().await;
    drop(opened.lock);
    info!("agent ended");
    driven.map_err(Error::Driver)
}

/// Messages of other members go to the driver.
fn wire(
    config: &Config,
    me: Holder,
    layout: &Layout,
    heard: mpsc::Sender<Incoming>,
) -> Result<Wire, Error> {
    let config = WireConfig {
        bind: config.bind,
        port: wire::PORT,
        cluster: config.cluster.clone(),
        namespace: config.namespace.clone(),
        me,
        folder: layout.resolve(CERTIFICATES),
    };
    Wire::start(config, heard).map_err(Error::Wire)
}

/// A client needs only its configuration, not yet an API that answers.
async fn first_client() -> Client {
    let mut complaint = Complaint::default();
    loop {
        match Client::try_default().await {
            Ok(client) => return client,
            Err(error) => {
                if let Some(error) = complaint.new_one(&error) {
                    warn!(error, "no access to the API yet");
                }
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

struct Opened {
    instance: Instance,
    lock: VolumeLock,
    files: Files,
    mounted: Mounted,
}

/// Waits for what others must provide: the mounted files, and a volume that no other agent holds.
async fn open(config: &Config, programs: Programs) -> Result<Opened, Error> {
    let layout = Layout::below(config.root.clone());
    let mut files = Files::new(layout.clone());
    let mounted = first_files(&mut files).await;
    let identity = Identity {
        name: config.instance.clone(),
        superuser: mounted.credentials.superuser.name.clone(),
        replication: mounted.credentials.replication.name.clone(),
        listen: config.bind,
    };
    let instance = Instance::new(layout, programs, identity).map_err(Error::Open)?;
    let lock = take_volume(&instance).await?;
    if instance
        .end_left_over_postmaster()
        .await
        .map_err(Error::LeftOver)?
    {
        warn!("ended a former postmaster");
    }
    Ok(Opened {
        instance,
        lock,
        files,
        mounted,
    })
}

async fn first_files(files: &mut Files) -> Mounted {
    let mut complaint = Complaint::default();
    loop {
        match files.changed() {
            Ok(Some(mounted)) => return mounted,
            Ok(None) => {}
            Err(error) => tell_missing(&mut complaint, &error),
        }
        tokio::time::sleep(AGAIN).await;
    }
}

fn tell_missing(complaint: &mut Complaint, error: &mounted::Error) {
    if let Some(error) = complaint.new_one(error) {
        warn!(error, "waiting for mounted files");
    }
}

async fn take_volume(instance: &Instance) -> Result<VolumeLock, Error> {
    let mut complaint = Complaint::default();
    loop {
        match instance.take_volume().await {
            Ok(lock) => return Ok(lock),
            Err(error @ OpenError::InUse) => {
                if let Some(error) = complaint.new_one(&error) {
                    warn!(error, "waiting for the volume");
                }
                tokio::time::sleep(AGAIN).await;
            }
            Err(error) => return Err(Error::Open(error)),
        }
    }
}

/// Minor versions may differ for a while, when an image is newer than the operator's choice.
fn check_version(wanted: PgVersion, found: PgVersion) -> Result<(), Error> {
    if wanted.major() != found.major() {
        return Err(Error::Version { wanted, found });
    }
    if wanted != found {
        warn!(%wanted, %found, "the programs have another minor version than the operator chose");
    }
    Ok(())
}

/// This boot of this member: names are used again, and so are Pods' containers.
fn boot(config: &Config) -> Result<Holder, Error> {
    let member = ids::number(&config.instance);
    Ok(Holder {
        member: member.ok_or_else(|| Error::Number(config.instance.clone()))?,
        boot: Boot(rand::random()),
    })
}

/// Ready at the first SIGTERM or SIGINT; later ones change nothing.
fn stop_signal() -> Result<impl Future<Output = ()>, Error> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Signals)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
