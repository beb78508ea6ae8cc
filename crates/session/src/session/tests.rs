//! Whole conversations against exact events, and each decision at its edge.

use howdah_pgwire::backend::{
    CommandComplete, CopyBothResponse, CopyFormats, CopyInResponse, CopyOutResponse, ErrorResponse,
    Report,
};
use howdah_pgwire::frontend::{CopyFail, Query};
use howdah_pgwire::startup::{self, CancelRequest, Parameter, StartupMessage};
use howdah_pgwire::{
    Body as _, CopyData, List, ProtocolVersion, SecretKey, SqlState, backend, frontend,
};
use pretty_assertions::assert_eq;

use super::*;
use crate::{ErrorClass, Refusal, StatementKind};

mod crowds;
mod decisions;
mod exchanges;

/// A connection with its clock and what it recorded.
struct World {
    policy: Policy,
    session: Session,
    now: Micros,
    hold: bool,
    events: Vec<Event>,
}

impl World {
    fn new() -> Self {
        Self {
            policy: Policy::default(),
            session: Session::new(true),
            now: 0,
            hold: false,
            events: Vec::new(),
        }
    }

    /// A session that waits for its first command at 100 microseconds.
    fn ready() -> Self {
        let mut world = Self::new();
        let bytes = startup_packet(&[(c"user", c"ada")]);
        assert!(matches!(world.open(&bytes), Opening::Startup(_, _)));
        world.now = 100;
        world.server(&[&ready(b'I')]);
        assert_eq!(world.take(), [Event::Ready { micros: 100 }]);
        world
    }

    fn open<'a>(&mut self, bytes: &'a [u8]) -> Opening<'a> {
        self.session.open(&self.policy, bytes, self.hold, self.now)
    }

    fn client(&mut self, messages: &[&[u8]]) -> Flow {
        let mut record = |event| self.events.push(event);
        self.session.client(
            &self.policy,
            &messages.concat(),
            self.hold,
            self.now,
            &mut record,
        )
    }

    /// What the client sends while nobody wants to hold it.
    fn sends(&mut self, messages: &[&[u8]]) {
        assert_eq!(self.client(messages), Flow::Pass);
    }

    fn server(&mut self, messages: &[&[u8]]) {
        assert_eq!(self.answer(&messages.concat()), Reply::Pass);
    }

    fn answer(&mut self, bytes: &[u8]) -> Reply {
        let mut record = |event| self.events.push(event);
        self.session
            .server(&self.policy, bytes, self.now, &mut record)
    }

    fn at(&mut self, now: Micros) -> &mut Self {
        self.now = now;
        self
    }

    fn take(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }
}

fn startup_packet(parameters: &[(&std::ffi::CStr, &std::ffi::CStr)]) -> Vec<u8> {
    let (mut scratch, mut out) = (Vec::new(), Vec::new());
    let parameters = parameters
        .iter()
        .map(|(name, value)| Parameter { name, value });
    let message = StartupMessage {
        version: ProtocolVersion::V3_2,
        parameters: List::build(&mut scratch, parameters).unwrap(),
    };
    message.encode(&mut out).unwrap();
    out
}

fn front(message: frontend::Message<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    message.encode(&mut out).unwrap();
    out
}

fn back(message: backend::Message<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    message.encode(&mut out).unwrap();
    out
}

fn query() -> Vec<u8> {
    front(Query { query: c"anything" }.into())
}

fn sync() -> Vec<u8> {
    front(frontend::Message::Sync)
}

/// Parse, Bind and Execute, of which only the types matter.
fn extended() -> Vec<u8> {
    [b'P', b'B', b'E']
        .iter()
        .flat_map(|tag| [*tag, 0, 0, 0, 4])
        .collect()
}

fn ready(status: u8) -> Vec<u8> {
    vec![b'Z', 0, 0, 0, 5, status]
}

fn done(tag: &std::ffi::CStr) -> Vec<u8> {
    back(CommandComplete { tag }.into())
}

fn error(code: SqlState) -> Vec<u8> {
    let (mut scratch, mut out) = (Vec::new(), Vec::new());
    let report = Report::build(&mut scratch, "ERROR", code, "no").unwrap();
    ErrorResponse { report }.encode(&mut out).unwrap();
    out
}

/// Text in no columns, of which only the presence matters.
fn formats() -> CopyFormats<'static> {
    CopyFormats {
        overall: 0,
        columns: List::EMPTY,
    }
}

const fn statement(kind: StatementKind, rows: u64) -> Event {
    Event::Statement { kind, rows }
}

const fn answered(micros: u64) -> Event {
    Event::Answered { micros }
}

const fn transaction(end: End, micros: u64) -> Event {
    Event::Transaction { end, micros }
}

fn failed(code: SqlState) -> Event {
    Event::Error {
        class: ErrorClass::of(code),
        code: Some(code),
    }
}
