//! What a client sends after its startup message.

mod authentication;
mod bind;
mod copy_fail;
mod execute;
mod function_call;
mod parse;
mod query;
mod target;

pub use authentication::{AuthenticationResponse, PasswordMessage, SaslInitialResponse};
pub use bind::Bind;
pub use copy_fail::CopyFail;
pub use execute::Execute;
pub use function_call::FunctionCall;
pub use parse::Parse;
pub use query::Query;
pub use target::{Close, Describe, Target};

use crate::CopyData;
use crate::message::messages;

/// The type bytes of a client's messages (54.7, Message Formats).
pub mod tag {
    /// 54.7, Bind.
    pub const BIND: u8 = b'B';
    /// 54.7, Close.
    pub const CLOSE: u8 = b'C';
    /// 54.7, CopyData.
    pub const COPY_DATA: u8 = crate::copy::COPY_DATA;
    /// 54.7, CopyDone.
    pub const COPY_DONE: u8 = crate::copy::COPY_DONE;
    /// 54.7, CopyFail.
    pub const COPY_FAIL: u8 = b'f';
    /// 54.7, Describe.
    pub const DESCRIBE: u8 = b'D';
    /// 54.7, Execute.
    pub const EXECUTE: u8 = b'E';
    /// 54.7, Flush.
    pub const FLUSH: u8 = b'H';
    /// 54.7, FunctionCall.
    pub const FUNCTION_CALL: u8 = b'F';
    /// 54.7, GSSResponse, PasswordMessage, SASLInitialResponse and SASLResponse.
    pub const AUTHENTICATION_RESPONSE: u8 = b'p';
    /// 54.7, Parse.
    pub const PARSE: u8 = b'P';
    /// 54.7, Query.
    pub const QUERY: u8 = b'Q';
    /// 54.7, Sync.
    pub const SYNC: u8 = b'S';
    /// 54.7, Terminate.
    pub const TERMINATE: u8 = b'X';
}

/// The server's limit for messages that hold names at most: a length word of 10,000.
const SMALL: u32 = 10_000 - 4;
/// The server's limit for messages that hold data: a length word of 1 GiB less two bytes.
const LARGE: u32 = 0x3fff_fffe - 4;
/// The server's limit for tokens of an authentication exchange: a length word of 65,535.
const TOKEN: u32 = 65_535 - 4;

messages! {
    direction Frontend = "frontend";
    with fields {
        /// A password or a token; which, follows from what the server asked for.
        tag::AUTHENTICATION_RESPONSE => AuthenticationResponse(AuthenticationResponse<'a>), at most TOKEN;
        /// Gives a prepared statement its parameters, which makes a portal.
        tag::BIND => Bind(Bind<'a>), at most LARGE;
        /// Drops a prepared statement or a portal.
        tag::CLOSE => Close(Close<'a>), at most SMALL;
        /// A piece of a COPY stream.
        tag::COPY_DATA => CopyData(CopyData<'a>), at most LARGE;
        /// The client cannot complete its COPY stream.
        tag::COPY_FAIL => CopyFail(CopyFail<'a>), at most SMALL;
        /// Asks for the types of a prepared statement or a portal.
        tag::DESCRIBE => Describe(Describe<'a>), at most SMALL;
        /// Runs a portal.
        tag::EXECUTE => Execute(Execute<'a>), at most SMALL;
        /// Calls a function by its OID.
        tag::FUNCTION_CALL => FunctionCall(FunctionCall<'a>), at most LARGE;
        /// Makes a prepared statement.
        tag::PARSE => Parse(Parse<'a>), at most LARGE;
        /// Runs SQL text.
        tag::QUERY => Query(Query<'a>), at most LARGE;
    }
    without fields {
        /// The COPY stream is complete (54.7, CopyDone).
        tag::COPY_DONE => CopyDone, at most SMALL;
        /// Asks for what the server has held back so far (54.7, Flush).
        tag::FLUSH => Flush, at most SMALL;
        /// Ends a series of extended-query messages, and the implicit transaction (54.7, Sync).
        tag::SYNC => Sync, at most SMALL;
        /// The client is about to close the connection (54.7, Terminate).
        tag::TERMINATE => Terminate, at most SMALL;
    }
}
