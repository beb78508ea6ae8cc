//! The client's messages after the startup message: only their types are looked at.

use howdah_pgwire::frontend::tag;

use super::{Copy, Flow, Held, Micros, Phase, Session};
use crate::flight::Asked;
use crate::{Policy, Record};

impl Session {
    /// Is told bytes that the client has sent, each byte once, and says what to do with them.
    ///
    /// With `hold`, a client at rest that begins something is kept waiting until [`Self::resume`]. Bytes that
    /// come while it waits are to be told too.
    pub fn client(
        &mut self,
        policy: &Policy,
        mut bytes: &[u8],
        hold: bool,
        now: Micros,
        record: &mut impl Record,
    ) -> Flow {
        if hold && self.held.is_none() && !bytes.is_empty() && self.is_at_rest() {
            self.held = Some(Held::Nothing);
        }
        while matches!(self.phase, Phase::Authenticating { .. } | Phase::Running) {
            match self.frontend.next(&mut bytes, &policy.frontend) {
                Ok(Some(piece)) if piece.first => self.sent(piece.header.tag, now),
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_error) => self.lose(record),
            }
        }
        match self.held {
            None => Flow::Pass,
            Some(Held::Nothing | Held::Work) => Flow::Hold,
            Some(Held::Farewell) => {
                self.held = None;
                Flow::Pass
            }
        }
    }

    /// A message of the client begins.
    fn sent(&mut self, tag: u8, now: Micros) {
        self.held = self.held.map(|held| match (held, tag) {
            (Held::Nothing, tag::TERMINATE) => Held::Farewell,
            _ => Held::Work,
        });
        match tag {
            tag::QUERY | tag::FUNCTION_CALL => {
                self.begin(now);
                self.flight.push(Asked::Simple);
            }
            tag::PARSE | tag::BIND | tag::DESCRIBE | tag::EXECUTE | tag::CLOSE | tag::FLUSH => {
                self.begin(now);
                self.unsynced = true;
            }
            // The server overlooks a Sync that reaches it during COPY FROM STDIN (54.2.6, COPY Operations).
            tag::SYNC if self.copy != Copy::In => {
                self.begin(now);
                self.unsynced = false;
                self.flight.push(Asked::Extended);
            }
            tag::COPY_DONE | tag::COPY_FAIL if self.copy == Copy::In => self.copy = Copy::None,
            _ => {}
        }
    }

    /// The client begins something, unless it is in the middle of it.
    fn begin(&mut self, now: Micros) {
        if self.flight.is_empty() && !self.unsynced {
            self.exchange.began = now;
        }
        self.transaction_began.get_or_insert(now);
    }
}
