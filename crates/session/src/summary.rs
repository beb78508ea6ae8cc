//! What a connection did in all its life, for the access log.

use howdah_pgwire::SqlState;

use crate::Event;

/// Sums over one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Statements that the server completed.
    pub statements: u64,
    /// Transactions that ended.
    pub transactions: u64,
    /// Rows that statements returned or touched.
    pub rows: u64,
    /// Errors that the server reported.
    pub errors: u64,
    /// The code of the last of them.
    pub last_error: Option<SqlState>,
}

impl Summary {
    pub(crate) const NONE: Self = Self {
        statements: 0,
        transactions: 0,
        rows: 0,
        errors: 0,
        last_error: None,
    };

    pub(crate) fn add(&mut self, event: Event) {
        let one = |sum: &mut u64| *sum = sum.saturating_add(1);
        match event {
            Event::Statement { rows, .. } => {
                one(&mut self.statements);
                self.rows = self.rows.saturating_add(rows);
            }
            Event::Transaction { .. } => one(&mut self.transactions),
            Event::Error { code, .. } => {
                one(&mut self.errors);
                self.last_error = code;
            }
            Event::Ready { .. } | Event::Answered { .. } | Event::Opaque => {}
        }
    }
}
