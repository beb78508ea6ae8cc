//! The frames (SPDY/3, section 2.6).

use bytes::Bytes;

/// Types of control frames.
pub(super) mod kind {
    pub(in crate::spdy) const SYN_STREAM: u16 = 1;
    pub(in crate::spdy) const SYN_REPLY: u16 = 2;
    pub(in crate::spdy) const RST_STREAM: u16 = 3;
    pub(in crate::spdy) const SETTINGS: u16 = 4;
    pub(in crate::spdy) const PING: u16 = 6;
    pub(in crate::spdy) const GOAWAY: u16 = 7;
    pub(in crate::spdy) const HEADERS: u16 = 8;
    pub(in crate::spdy) const WINDOW_UPDATE: u16 = 9;
}

/// Why a stream is reset (section 2.6.3).
pub(crate) mod status {
    /// A violation of the protocol.
    pub(crate) const PROTOCOL_ERROR: u32 = 1;
    /// There is no such stream.
    pub(crate) const INVALID_STREAM: u32 = 2;
    /// It was not begun.
    pub(crate) const REFUSED_STREAM: u32 = 3;
    /// It is not needed any more.
    pub(crate) const CANCEL: u32 = 5;
    /// A window was made larger than windows can be.
    pub(crate) const FLOW_CONTROL_ERROR: u32 = 7;
}

/// The flag of the last frame of a direction.
pub(super) const FIN: u8 = 1;
/// The setting with the size that windows begin with.
pub(super) const INITIAL_WINDOW_SIZE: u32 = 7;
/// The version in control frames.
pub(super) const VERSION: u16 = 3;

/// Names and values in their order.
pub(crate) type Headers = Vec<(String, String)>;

/// One frame, or a part of the data of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// A stream begins.
    SynStream {
        id: u32,
        fin: bool,
        headers: Headers,
    },
    /// It is accepted.
    SynReply {
        id: u32,
        fin: bool,
        headers: Headers,
    },
    /// It is over in both directions.
    Reset { id: u32, status: u32 },
    /// What the peer wants to be so; only the size that windows begin with is of interest.
    Settings { initial_window: Option<u32> },
    /// Wants the same back, or is that.
    Ping(u32),
    /// No more streams.
    GoAway { last: u32, status: u32 },
    /// More headers.
    Headers {
        id: u32,
        fin: bool,
        headers: Headers,
    },
    /// There is room for more data, of all streams for number 0.
    WindowUpdate { id: u32, delta: u32 },
    /// Data of a stream.
    Data { id: u32, fin: bool, data: Bytes },
    /// A frame that says nothing to us.
    Other,
}
