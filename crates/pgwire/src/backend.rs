//! What a server sends, after its answers to requests for encryption.

mod authentication;
mod backend_key_data;
mod command_complete;
mod copy_response;
mod data_row;
mod fields;
mod function_call_response;
mod negotiate;
mod notification;
mod parameter_description;
mod parameter_status;
mod ready_for_query;
mod report;
mod row_description;

pub use authentication::Authentication;
pub use backend_key_data::BackendKeyData;
pub use command_complete::CommandComplete;
pub use copy_response::{CopyBothResponse, CopyFormats, CopyInResponse, CopyOutResponse};
pub use data_row::DataRow;
pub use fields::{Field, field};
pub use function_call_response::FunctionCallResponse;
pub use negotiate::NegotiateProtocolVersion;
pub use notification::NotificationResponse;
pub use parameter_description::ParameterDescription;
pub use parameter_status::ParameterStatus;
pub use ready_for_query::{ReadyForQuery, TransactionStatus};
pub use report::{ErrorResponse, NoticeResponse, Report};
pub use row_description::{Column, RowDescription};

use crate::CopyData;
use crate::message::messages;

/// The type bytes of a server's messages (54.7, Message Formats).
pub mod tag {
    /// 54.7, Authentication... (all of them).
    pub const AUTHENTICATION: u8 = b'R';
    /// 54.7, BackendKeyData.
    pub const BACKEND_KEY_DATA: u8 = b'K';
    /// 54.7, BindComplete.
    pub const BIND_COMPLETE: u8 = b'2';
    /// 54.7, CloseComplete.
    pub const CLOSE_COMPLETE: u8 = b'3';
    /// 54.7, CommandComplete.
    pub const COMMAND_COMPLETE: u8 = b'C';
    /// 54.7, CopyBothResponse.
    pub const COPY_BOTH_RESPONSE: u8 = b'W';
    /// 54.7, CopyData.
    pub const COPY_DATA: u8 = crate::copy::COPY_DATA;
    /// 54.7, CopyDone.
    pub const COPY_DONE: u8 = crate::copy::COPY_DONE;
    /// 54.7, CopyInResponse.
    pub const COPY_IN_RESPONSE: u8 = b'G';
    /// 54.7, CopyOutResponse.
    pub const COPY_OUT_RESPONSE: u8 = b'H';
    /// 54.7, DataRow.
    pub const DATA_ROW: u8 = b'D';
    /// 54.7, EmptyQueryResponse.
    pub const EMPTY_QUERY_RESPONSE: u8 = b'I';
    /// 54.7, ErrorResponse.
    pub const ERROR_RESPONSE: u8 = b'E';
    /// 54.7, FunctionCallResponse.
    pub const FUNCTION_CALL_RESPONSE: u8 = b'V';
    /// 54.7, NegotiateProtocolVersion.
    pub const NEGOTIATE_PROTOCOL_VERSION: u8 = b'v';
    /// 54.7, NoData.
    pub const NO_DATA: u8 = b'n';
    /// 54.7, NoticeResponse.
    pub const NOTICE_RESPONSE: u8 = b'N';
    /// 54.7, NotificationResponse.
    pub const NOTIFICATION_RESPONSE: u8 = b'A';
    /// 54.7, ParameterDescription.
    pub const PARAMETER_DESCRIPTION: u8 = b't';
    /// 54.7, ParameterStatus.
    pub const PARAMETER_STATUS: u8 = b'S';
    /// 54.7, ParseComplete.
    pub const PARSE_COMPLETE: u8 = b'1';
    /// 54.7, PortalSuspended.
    pub const PORTAL_SUSPENDED: u8 = b's';
    /// 54.7, ReadyForQuery.
    pub const READY_FOR_QUERY: u8 = b'Z';
    /// 54.7, RowDescription.
    pub const ROW_DESCRIPTION: u8 = b'T';
}

/// libpq's limit for messages that are never long: a length word of 30,000.
const SHORT: u32 = 30_000 - 4;
/// What a server can allocate, and so send: a length word of 1 GiB less two bytes.
const LONG: u32 = 0x3fff_fffe - 4;
/// Tokens of an authentication exchange are limited as the client's are.
const TOKEN: u32 = 65_535 - 4;
/// A byte, a count, and as many format codes as the count can say.
const FORMATS: u32 = 1 + 2 + 2 * u16::MAX as u32;
/// A count, and as many OIDs as the count can say.
const OIDS: u32 = 2 + 4 * u16::MAX as u32;

messages! {
    direction Backend = "backend";
    with fields {
        /// What the client must prove, or that it has.
        tag::AUTHENTICATION => Authentication(Authentication<'a>), at most TOKEN;
        /// What a CancelRequest for this connection must say.
        tag::BACKEND_KEY_DATA => BackendKeyData(BackendKeyData<'a>), at most SHORT;
        /// A command is done.
        tag::COMMAND_COMPLETE => CommandComplete(CommandComplete<'a>), at most SHORT;
        /// Both sides send COPY streams from here on: replication.
        tag::COPY_BOTH_RESPONSE => CopyBothResponse(CopyBothResponse<'a>), at most FORMATS;
        /// A piece of a COPY stream.
        tag::COPY_DATA => CopyData(CopyData<'a>), at most LONG;
        /// The client is to send a COPY stream.
        tag::COPY_IN_RESPONSE => CopyInResponse(CopyInResponse<'a>), at most FORMATS;
        /// The server sends a COPY stream.
        tag::COPY_OUT_RESPONSE => CopyOutResponse(CopyOutResponse<'a>), at most FORMATS;
        /// A row of a result.
        tag::DATA_ROW => DataRow(DataRow<'a>), at most LONG;
        /// Something failed.
        tag::ERROR_RESPONSE => ErrorResponse(ErrorResponse<'a>), at most LONG;
        /// What a function returned.
        tag::FUNCTION_CALL_RESPONSE => FunctionCallResponse(FunctionCallResponse<'a>), at most LONG;
        /// The server does not know the version or the extensions that the client asked for.
        tag::NEGOTIATE_PROTOCOL_VERSION => NegotiateProtocolVersion(NegotiateProtocolVersion<'a>), at most SHORT;
        /// A warning or a piece of information.
        tag::NOTICE_RESPONSE => NoticeResponse(NoticeResponse<'a>), at most LONG;
        /// Somebody notified a channel on which the client listens.
        tag::NOTIFICATION_RESPONSE => NotificationResponse(NotificationResponse<'a>), at most LONG;
        /// The types of a prepared statement's parameters.
        tag::PARAMETER_DESCRIPTION => ParameterDescription(ParameterDescription<'a>), at most OIDS;
        /// The value of a setting, at the start and whenever it changes.
        tag::PARAMETER_STATUS => ParameterStatus(ParameterStatus<'a>), at most SHORT;
        /// The server waits for a command.
        tag::READY_FOR_QUERY => ReadyForQuery(ReadyForQuery), at most SHORT;
        /// The columns of the rows that follow.
        tag::ROW_DESCRIPTION => RowDescription(RowDescription<'a>), at most LONG;
    }
    without fields {
        /// A portal was made (54.7, BindComplete).
        tag::BIND_COMPLETE => BindComplete, at most SHORT;
        /// A prepared statement or portal was dropped (54.7, CloseComplete).
        tag::CLOSE_COMPLETE => CloseComplete, at most SHORT;
        /// The COPY stream is complete (54.7, CopyDone).
        tag::COPY_DONE => CopyDone, at most SHORT;
        /// The query text held no command (54.7, EmptyQueryResponse).
        tag::EMPTY_QUERY_RESPONSE => EmptyQueryResponse, at most SHORT;
        /// The described statement or portal returns no rows (54.7, NoData).
        tag::NO_DATA => NoData, at most SHORT;
        /// A prepared statement was made (54.7, ParseComplete).
        tag::PARSE_COMPLETE => ParseComplete, at most SHORT;
        /// Execute reached its number of rows before the end (54.7, PortalSuspended).
        tag::PORTAL_SUSPENDED => PortalSuspended, at most SHORT;
    }
}
