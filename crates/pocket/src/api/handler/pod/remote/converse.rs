//! Lets a client and a program in a container talk, until one of them goes.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Channel, Client, Event};
use crate::api::status::Failure;
use crate::node::{Input, Output, PodSessions, Session, SessionOptions, Terminal};

const CHUNK: usize = 32 * 1024;
/// What a program has left in its pipes is read until nothing comes for so long: others may hold them open.
const QUIET: Duration = Duration::from_millis(300);
/// The exit code of a program that was killed.
const KILLED: i32 = 137;

/// What is to be run, and for whom.
pub(super) struct Conversation {
    pub(super) sessions: Arc<dyn PodSessions>,
    pub(super) namespace: String,
    pub(super) pod: String,
    pub(super) options: SessionOptions,
    pub(super) shutdown: CancellationToken,
}

impl Conversation {
    /// Runs it. What was started has ended, or is ended, when this returns.
    pub(super) async fn hold(self, client: Client) {
        let Client { events, out, gone } = client;
        let greeting = match (self.options.stdout, self.options.stderr) {
            (true, _) => Channel::Stdout,
            (false, true) => Channel::Stderr,
            (false, false) => Channel::Error,
        };
        // Tells the client that it is connected.
        drop(out.send((greeting, Bytes::new())).await);
        let status = tokio::select! {
            status = self.talk(events, &out) => status,
            () = gone.cancelled() => return,
            () = self.shutdown.cancelled() => return,
        };
        drop(out.send((Channel::Error, status.to_string().into())).await);
    }

    /// The Status at the end.
    async fn talk(
        &self,
        events: mpsc::Receiver<Event>,
        out: &mpsc::Sender<(Channel, Bytes)>,
    ) -> Value {
        let begun = self
            .sessions
            .session(&self.namespace, &self.pod, self.options.clone());
        let mut session = match begun.await {
            Ok(session) => session,
            Err(error) => {
                use std::error::Error as _;
                let source = error.source().map(|source| format!(": {source}"));
                let message = format!("{error}{}", source.unwrap_or_default());
                return Failure::internal(message).body();
            }
        };
        let code = exchange(&mut session, events, out).await;
        match &self.options.command {
            Some(command) => end(command, code),
            // The end of the main process is told by the Pod.
            None => success(),
        }
    }
}

/// Copies in all directions; the exit code of the program.
async fn exchange(
    session: &mut Session,
    events: mpsc::Receiver<Event>,
    out: &mpsc::Sender<(Channel, Bytes)>,
) -> i32 {
    let (ended, input_closed) = (CancellationToken::new(), CancellationToken::new());
    let stdout = copy(session.stdout.take(), Channel::Stdout, out, &ended);
    let stderr = copy(session.stderr.take(), Channel::Stderr, out, &ended);
    let input = feed(
        events,
        session.stdin.take(),
        session.terminal.take(),
        &input_closed,
    );
    let end = async {
        let code = session.ended(&input_closed).await;
        ended.cancel();
        code
    };
    let mut input = pin!(input);
    let mut all = pin!(async { tokio::join!(end, stdout, stderr).0 });
    let code = tokio::select! {
        code = &mut all => code,
        () = &mut input => all.await,
    };
    code.unwrap_or(KILLED)
}

/// From the client to the program.
async fn feed(
    mut events: mpsc::Receiver<Event>,
    mut stdin: Option<Input>,
    terminal: Option<Terminal>,
    closed: &CancellationToken,
) {
    while let Some(event) = events.recv().await {
        match event {
            Event::Stdin(data) => {
                if let Some(to) = &mut stdin
                    && to.write_all(&data).await.is_err()
                {
                    stdin = None;
                }
            }
            Event::StdinClosed => {
                stdin = None;
                closed.cancel();
            }
            Event::Resize { columns, rows } => {
                if let Some(terminal) = &terminal
                    && let Err(error) = terminal.resize(columns, rows)
                {
                    tracing::debug!(%error, "terminal not resized");
                }
            }
        }
    }
}

/// From the program to the client.
async fn copy(
    from: Option<Output>,
    channel: Channel,
    out: &mpsc::Sender<(Channel, Bytes)>,
    ended: &CancellationToken,
) {
    let Some(mut from) = from else { return };
    let mut buffer = vec![0; CHUNK];
    loop {
        let quiet = async {
            ended.cancelled().await;
            tokio::time::sleep(QUIET).await;
        };
        let count = tokio::select! {
            read = from.read(&mut buffer) => read.unwrap_or_default(),
            () = quiet => 0,
        };
        if count == 0 {
            return;
        }
        let data = Bytes::copy_from_slice(&buffer[..count]);
        if out.send((channel, data)).await.is_err() {
            return;
        }
    }
}

fn success() -> Value {
    json!({"metadata": {}, "status": "Success"})
}

fn end(command: &[String], code: i32) -> Value {
    if code == 0 {
        return success();
    }
    let message = format!(
        "command terminated with non-zero exit code: error executing command [{}], exit code {code}",
        command.join(" ")
    );
    json!({
        "metadata": {}, "status": "Failure", "message": message, "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]},
    })
}
