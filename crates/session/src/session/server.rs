//! The server's messages: those that complete, fail or end something are read, all others only followed.

use howdah_pgwire::backend::{ReadyForQuery, TransactionStatus, field, tag};
use howdah_pgwire::{Body as _, SqlState};

use super::{Copy, Exchange, Micros, Phase, Reply, Session};
use crate::flight::Asked;
use crate::{Crowded, End, ErrorClass, Event, Policy, Record, StatementKind, report};

/// The types of messages whose body is looked at.
const READ: [u8; 3] = [
    tag::COMMAND_COMPLETE,
    tag::ERROR_RESPONSE,
    tag::READY_FOR_QUERY,
];

impl Session {
    /// Is told bytes that the server has sent, each byte once, and says what to do with them.
    ///
    /// A refusal of which some bytes have passed before passes: a pooler writes its few bytes at once.
    pub fn server(
        &mut self,
        policy: &Policy,
        mut bytes: &[u8],
        now: Micros,
        record: &mut impl Record,
    ) -> Reply {
        let (length, mut reply) = (bytes.len(), Reply::Pass);
        while matches!(self.phase, Phase::Authenticating { .. } | Phase::Running) {
            let piece = match self.backend.next(&mut bytes, &policy.backend) {
                Ok(Some(piece)) => piece,
                Ok(None) => break,
                Err(_error) => {
                    self.lose(record);
                    break;
                }
            };
            let tag = piece.header.tag;
            if !READ.contains(&tag) {
                if piece.first {
                    self.followed(tag);
                }
                continue;
            }
            let mut head = self.head;
            let Some(body) = head.push(&piece) else {
                self.head = head;
                continue;
            };
            if let Some(crowded) = self.read(tag, body, now, record) {
                let (end, size) = (length.saturating_sub(bytes.len()), piece.header.size());
                if let Some(at) = end.checked_sub(size) {
                    reply = Reply::Replace { at, size, crowded };
                }
            }
        }
        reply
    }

    /// A message begins whose body says nothing that is counted.
    fn followed(&mut self, tag: u8) {
        match tag {
            tag::COPY_IN_RESPONSE => {
                self.copy = Copy::In;
                if self.flight.oldest() != Some(Asked::Simple) {
                    // What was sent behind the Execute reaches the server during COPY, which overlooks Sync;
                    // the client has to send another one (54.2.6, COPY Operations).
                    self.flight.forget();
                    self.unsynced = true;
                }
            }
            tag::COPY_OUT_RESPONSE => self.copy = Copy::Out,
            tag::COPY_BOTH_RESPONSE => self.copy = Copy::Both,
            tag::COPY_DONE if self.copy == Copy::Out => self.copy = Copy::None,
            tag::EMPTY_QUERY_RESPONSE | tag::PORTAL_SUSPENDED | tag::FUNCTION_CALL_RESPONSE => {
                self.exchange.worked = true;
            }
            _ => {}
        }
    }

    /// A message is complete, and this is the start of its body.
    fn read(
        &mut self,
        tag: u8,
        body: &[u8],
        now: Micros,
        record: &mut impl Record,
    ) -> Option<Crowded> {
        match tag {
            tag::COMMAND_COMPLETE => self.completed(body, record),
            tag::ERROR_RESPONSE => return self.failed(body, record),
            _ => match ReadyForQuery::decode(body) {
                Ok(ReadyForQuery { status }) => self.ready(status, now, record),
                Err(_error) => self.lose(record),
            },
        }
        None
    }

    fn failed(&mut self, body: &[u8], record: &mut impl Record) -> Option<Crowded> {
        self.exchange.worked = true;
        self.exchange.failed = true;
        self.copy = Copy::None;
        // Later the same words are those of whoever runs a function.
        let opening = matches!(self.phase, Phase::Authenticating { .. });
        let crowded = opening.then(|| Crowded::of(body)).flatten();
        let code = crowded.map_or_else(|| sqlstate(body), |_| Some(Crowded::SQLSTATE));
        let class = code.map_or(ErrorClass::OTHER, ErrorClass::of);
        self.emit(Event::Error { class, code }, record);
        crowded
    }

    fn completed(&mut self, body: &[u8], record: &mut impl Record) {
        let tag = body.split(|byte| *byte == 0).next().unwrap_or_default();
        let kind = StatementKind::of(tag);
        match kind {
            StatementKind::Commit => self.exchange.ended = Some(End::Commit),
            StatementKind::Rollback => self.exchange.ended = Some(End::Rollback),
            _ => {}
        }
        self.exchange.worked = true;
        self.copy = Copy::None;
        let rows = rows(tag);
        self.emit(Event::Statement { kind, rows }, record);
    }

    fn ready(&mut self, status: TransactionStatus, now: Micros, record: &mut impl Record) {
        let Exchange {
            began,
            worked,
            failed,
            ended,
        } = std::mem::take(&mut self.exchange);
        let before = std::mem::replace(&mut self.status, status);
        self.exchange.began = now;
        self.copy = Copy::None;
        if let Phase::Authenticating { since } = self.phase {
            self.phase = Phase::Running;
            let micros = now.saturating_sub(since);
            return self.emit(Event::Ready { micros }, record);
        }
        if !self.flight.pop() {
            // Nobody asked: the count was off, and the server knows better.
            self.unsynced = false;
        }
        if worked {
            let micros = now.saturating_sub(began);
            self.emit(Event::Answered { micros }, record);
        }
        if status == TransactionStatus::Idle {
            self.transaction_over(before, worked, failed, ended, now, record);
        }
    }

    fn transaction_over(
        &mut self,
        before: TransactionStatus,
        worked: bool,
        failed: bool,
        ended: Option<End>,
        now: Micros,
        record: &mut impl Record,
    ) {
        let began = self.transaction_began.take().unwrap_or(now);
        if !self.flight.is_empty() || self.unsynced {
            self.transaction_began = Some(now);
        }
        if worked || before != TransactionStatus::Idle {
            let end = if failed {
                End::Rollback
            } else {
                ended.unwrap_or(End::Commit)
            };
            let micros = now.saturating_sub(began);
            self.emit(Event::Transaction { end, micros }, record);
        }
    }
}

/// The number at the end of a command tag.
fn rows(tag: &[u8]) -> u64 {
    let last = tag.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    let number = str::from_utf8(last).ok().and_then(|text| text.parse().ok());
    number.unwrap_or_default()
}

fn sqlstate(body: &[u8]) -> Option<SqlState> {
    SqlState::from_bytes(report::field(body, field::CODE)?).ok()
}
