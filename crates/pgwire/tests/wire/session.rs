//! Recorded sessions: their file format, and a reader that follows both sides through the phases of the protocol.
//!
//! A capture is a series of records: `F` or `B` (who sent), an Int32 length, and the bytes, in the order in which
//! they passed.

use anyhow::{Context, Result, bail, ensure};
use howdah_pgwire::startup::{self, EncryptionReply, Replication};
use howdah_pgwire::{Body, Limits, SecretKey, backend, frontend, replication};

/// Who sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    Frontend,
    Backend,
}

/// What passed between one client and one server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Capture {
    pub(crate) records: Vec<(Side, Vec<u8>)>,
}

impl Capture {
    pub(crate) fn read(mut bytes: &[u8]) -> Result<Self> {
        let mut records = Vec::new();
        while let Some((side, rest)) = bytes.split_first() {
            let side = match side {
                b'F' => Side::Frontend,
                b'B' => Side::Backend,
                other => bail!("no side is called {other:#04x}"),
            };
            let (length, rest) = rest.split_first_chunk().context("a length")?;
            let length = usize::try_from(u32::from_be_bytes(*length))?;
            let (data, rest) = rest.split_at_checked(length).context("a record's bytes")?;
            records.push((side, data.to_vec()));
            bytes = rest;
        }
        Ok(Self { records })
    }
}

/// One message, and how it was understood.
#[derive(Debug)]
pub(crate) enum Event<'a> {
    Startup(startup::Message<'a>),
    Reply(EncryptionReply),
    Frontend(frontend::Message<'a>),
    Backend(backend::Message<'a>),
    /// Under TLS nothing can be read.
    Encrypted,
}

impl Event<'_> {
    /// Whether the codec writes the message as it came.
    fn is_encoded_as(&self, raw: &[u8]) -> Result<bool> {
        let mut out = Vec::new();
        match self {
            Self::Startup(message) => message.encode(&mut out)?,
            Self::Reply(reply) => reply.encode(&mut out),
            Self::Frontend(message) => message.encode(&mut out)?,
            Self::Backend(message) => message.encode(&mut out)?,
            Self::Encrypted => return Ok(true),
        }
        Ok(out == raw)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Start,
    AwaitingReply,
    Session,
    Cancelled,
    Encrypted,
}

/// What is remembered of the session, to know what a message must be.
#[derive(Debug)]
struct Reader {
    phase: Phase,
    replication: Replication,
    /// The body of the last authentication request.
    asked: Vec<u8>,
    /// What began the COPY stream that runs.
    copy: Option<u8>,
}

/// Tells `see` each message of a capture and its bytes. Fails on anything that is not understood or written
/// differently, and on leftovers.
pub(crate) fn walk(
    capture: &Capture,
    mut see: impl FnMut(Side, &Event<'_>, &[u8]) -> Result<()>,
) -> Result<()> {
    let mut reader = Reader {
        phase: Phase::Start,
        replication: Replication::None,
        asked: Vec::new(),
        copy: None,
    };
    let (mut front, mut back) = (Vec::new(), Vec::new());
    for (side, data) in &capture.records {
        let waiting = match side {
            Side::Frontend => &mut front,
            Side::Backend => &mut back,
        };
        waiting.extend(data);
        let mut done = 0;
        while let Some(rest) = waiting.get(done..).filter(|rest| !rest.is_empty()) {
            let next = match side {
                Side::Frontend => reader.frontend(rest),
                Side::Backend => reader.backend(rest),
            };
            let Some((event, size)) = next.with_context(|| format!("{side:?} {rest:?}"))? else {
                break;
            };
            let raw = rest.get(..size).context("the message's bytes")?;
            ensure!(
                event.is_encoded_as(raw)?,
                "{event:?} is written differently"
            );
            see(*side, &event, raw)?;
            done += size;
        }
        waiting.drain(..done);
    }
    ensure!(
        front.is_empty() && back.is_empty(),
        "{} + {} bytes are left",
        front.len(),
        back.len()
    );
    Ok(())
}

type Next<'a> = Result<Option<(Event<'a>, usize)>>;

impl Reader {
    fn frontend<'a>(&mut self, bytes: &'a [u8]) -> Next<'a> {
        match self.phase {
            Phase::Start => self.startup(bytes),
            Phase::Encrypted => Ok(Some((Event::Encrypted, bytes.len()))),
            Phase::AwaitingReply | Phase::Cancelled => bail!("nothing may be sent now"),
            Phase::Session => {
                let parsed = frontend::parse(bytes, &Limits::default())?;
                let Some((message, size)) = parsed else {
                    return Ok(None);
                };
                self.check_frontend(&message)?;
                Ok(Some((Event::Frontend(message), size)))
            }
        }
    }

    fn startup<'a>(&mut self, bytes: &'a [u8]) -> Next<'a> {
        let parsed = startup::parse(bytes, &startup::Limits::default())?;
        let Some((message, size)) = parsed else {
            return Ok(None);
        };
        self.phase = match &message {
            startup::Message::Startup(startup) => {
                self.replication = startup.replication().context("a kind of replication")?;
                Phase::Session
            }
            startup::Message::SslRequest | startup::Message::GssEncRequest => Phase::AwaitingReply,
            startup::Message::Cancel(_) => Phase::Cancelled,
            startup::Message::DirectTls => {
                self.phase = Phase::Encrypted;
                return Ok(Some((Event::Encrypted, bytes.len())));
            }
        };
        Ok(Some((Event::Startup(message), size)))
    }

    fn backend<'a>(&mut self, bytes: &'a [u8]) -> Next<'a> {
        match self.phase {
            Phase::AwaitingReply => {
                let Some((reply, size)) = startup::parse_reply(bytes)? else {
                    return Ok(None);
                };
                self.phase = match reply {
                    EncryptionReply::Ssl | EncryptionReply::Gss => Phase::Encrypted,
                    EncryptionReply::Refused => Phase::Start,
                    EncryptionReply::Error => Phase::Session,
                };
                Ok(Some((Event::Reply(reply), size)))
            }
            Phase::Encrypted => Ok(Some((Event::Encrypted, bytes.len()))),
            _ => {
                let parsed = backend::parse(bytes, &Limits::default())?;
                let Some((message, size)) = parsed else {
                    return Ok(None);
                };
                self.check_backend(&message)?;
                Ok(Some((Event::Backend(message), size)))
            }
        }
    }

    /// Reads what is inside tokens and CopyData too.
    fn check_frontend(&self, message: &frontend::Message<'_>) -> Result<()> {
        match message {
            frontend::Message::AuthenticationResponse(response) => {
                let mut out = Vec::new();
                match backend::Authentication::decode(&self.asked)? {
                    backend::Authentication::Sasl { .. } => {
                        response.sasl_initial()?.encode(&mut out)?;
                    }
                    backend::Authentication::CleartextPassword
                    | backend::Authentication::Md5Password { .. } => {
                        response.password()?.encode(&mut out)?;
                    }
                    _ => response.encode(&mut out)?,
                }
                let body = out.get(howdah_pgwire::Header::SIZE..);
                ensure!(
                    body == Some(response.data.expose()),
                    "the token is written differently"
                );
            }
            frontend::Message::CopyData(copy)
                if self.copy == Some(backend::tag::COPY_BOTH_RESPONSE) =>
            {
                let mut out = Vec::new();
                replication::standby::parse(copy.data)?.encode(&mut out);
                ensure!(
                    out == copy.data,
                    "the standby's message is written differently"
                );
            }
            _ => (),
        }
        Ok(())
    }

    fn check_backend(&mut self, message: &backend::Message<'_>) -> Result<()> {
        match message {
            backend::Message::Authentication(authentication) => {
                let mut out = Vec::new();
                authentication.encode(&mut out)?;
                self.asked = out.split_off(howdah_pgwire::Header::SIZE);
            }
            backend::Message::BackendKeyData(data) => {
                ensure!(
                    data.key.expose().len() <= SecretKey::MAX,
                    "a key that is too long"
                );
            }
            backend::Message::CopyBothResponse(_)
            | backend::Message::CopyInResponse(_)
            | backend::Message::CopyOutResponse(_) => self.copy = Some(message.tag()),
            backend::Message::ReadyForQuery(_) => self.copy = None,
            backend::Message::CopyData(copy) => {
                let mut out = Vec::new();
                match (self.copy, self.replication) {
                    (Some(backend::tag::COPY_BOTH_RESPONSE), _) => {
                        replication::primary::parse(copy.data)?.encode(&mut out);
                    }
                    // A base backup; a subscription copies tables in a session for logical replication.
                    (_, Replication::Physical) => {
                        replication::backup::parse(copy.data)?.encode(&mut out);
                    }
                    _ => out.extend_from_slice(copy.data),
                }
                ensure!(
                    out == copy.data,
                    "the server's message is written differently"
                );
            }
            _ => (),
        }
        Ok(())
    }
}
