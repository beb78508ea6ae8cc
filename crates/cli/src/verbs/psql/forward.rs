//! A local port whose connections go to Postgres in a Pod, through the API.

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use crate::error::Error;
use crate::names::POSTGRES_PORT;
use crate::server::Server;

/// The local end; dropping it ends the forwarding.
pub(super) struct Forward {
    port: u16,
    problems: mpsc::Receiver<kube::Error>,
    _task: AbortOnDropHandle<()>,
}

impl Forward {
    /// Opens a free port of the loopback address.
    pub(super) async fn open(server: &Server, pod: &str) -> Result<Self, Error> {
        let local = |source| Error::Local {
            what: "open a local port for psql".to_owned(),
            source,
        };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(local)?;
        let port = listener.local_addr().map_err(local)?.port();
        let (sender, problems) = mpsc::channel(1);
        let api: Api<Pod> = Api::namespaced(server.client(), server.namespace());
        let task = tokio::spawn(accept(listener, api, pod.to_owned(), sender));
        Ok(Self {
            port,
            problems,
            _task: AbortOnDropHandle::new(task),
        })
    }

    /// The local port.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Why a connection could not be made, if one could not.
    pub(super) fn problem(mut self) -> Option<kube::Error> {
        self.problems.try_recv().ok()
    }
}

async fn accept(
    listener: TcpListener,
    api: Api<Pod>,
    pod: String,
    problems: mpsc::Sender<kube::Error>,
) {
    let mut connections = JoinSet::new();
    // Cancelling a statement opens a second connection, so one is not enough.
    while let Ok((client, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let (api, pod, problems) = (api.clone(), pod.clone(), problems.clone());
        connections.spawn(async move {
            if let Err(error) = carry(client, &api, &pod).await {
                // The first problem is the one to tell; psql says that the rest failed.
                let _ = problems.try_send(error);
            }
        });
    }
}

async fn carry(mut client: TcpStream, api: &Api<Pod>, pod: &str) -> Result<(), kube::Error> {
    let mut forwarder = api.portforward(pod, &[POSTGRES_PORT]).await?;
    let Some(mut stream) = forwarder.take_stream(POSTGRES_PORT) else {
        return Ok(());
    };
    // Either side may end the connection at any time; psql tells when it should not have.
    let _ = copy_bidirectional(&mut client, &mut stream).await;
    drop(stream);
    forwarder.abort();
    Ok(())
}
