//! ReadyForQuery: the server waits for a command.

use super::tag;
use crate::message::Wire;
use crate::read::Reader;
use crate::{Shape, write};

/// Whether a transaction is open (54.7, ReadyForQuery).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionStatus {
    /// `I`: none.
    Idle,
    /// `T`: one.
    InTransaction,
    /// `E`: one that has failed and can only be rolled back.
    Failed,
}

/// The server waits for a command (54.7, ReadyForQuery).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadyForQuery {
    /// Whether a transaction is open.
    pub status: TransactionStatus,
}

impl Wire<'_> for ReadyForQuery {
    const NAME: &'static str = "ReadyForQuery";
    const TAG: u8 = tag::READY_FOR_QUERY;

    fn read(reader: &mut Reader<'_>) -> Result<Self, Shape> {
        let status = match reader.u8()? {
            b'I' => TransactionStatus::Idle,
            b'T' => TransactionStatus::InTransaction,
            b'E' => TransactionStatus::Failed,
            code => {
                return Err(Shape::UnknownCode {
                    what: "transaction status",
                    code: code.into(),
                });
            }
        };
        Ok(Self { status })
    }

    fn write(&self, out: &mut Vec<u8>) {
        let status = match self.status {
            TransactionStatus::Idle => b'I',
            TransactionStatus::InTransaction => b'T',
            TransactionStatus::Failed => b'E',
        };
        write::u8(out, status);
    }
}
