//! From frames to bytes.

use super::frame::{FIN, Frame, Headers, INITIAL_WINDOW_SIZE, VERSION, kind};
use super::headers::Storer;

/// The longest piece of data in a frame.
pub(super) const LONGEST_DATA: usize = 32 * 1024;

/// Turns frames into bytes; in the order of their sending, as blocks of headers are one stream.
#[derive(Debug, Default)]
pub(super) struct Encoder {
    storer: Storer,
}

impl Encoder {
    /// The bytes of a frame.
    pub(super) fn encode(&mut self, frame: &Frame) -> Vec<u8> {
        match frame {
            Frame::SynStream { id, fin, headers } => {
                // It belongs to no other stream and has the usual priority.
                let fixed = [id.to_be_bytes().as_slice(), &[0; 6]].concat();
                self.with_headers(kind::SYN_STREAM, *fin, &fixed, headers)
            }
            Frame::SynReply { id, fin, headers } => {
                self.with_headers(kind::SYN_REPLY, *fin, &id.to_be_bytes(), headers)
            }
            Frame::Headers { id, fin, headers } => {
                self.with_headers(kind::HEADERS, *fin, &id.to_be_bytes(), headers)
            }
            Frame::Reset { id, status } => control(kind::RST_STREAM, 0, &pair(*id, *status)),
            Frame::GoAway { last, status } => control(kind::GOAWAY, 0, &pair(*last, *status)),
            Frame::WindowUpdate { id, delta } => {
                control(kind::WINDOW_UPDATE, 0, &pair(*id, *delta))
            }
            Frame::Ping(number) => control(kind::PING, 0, &number.to_be_bytes()),
            Frame::Settings { initial_window } => {
                let settings = initial_window.iter();
                let entries = settings.flat_map(|value| pair(INITIAL_WINDOW_SIZE, *value));
                let count = u32::from(initial_window.is_some()).to_be_bytes();
                let payload: Vec<u8> = count.into_iter().chain(entries).collect();
                control(kind::SETTINGS, 0, &payload)
            }
            Frame::Data { id, fin, data } => {
                let mut bytes = id.to_be_bytes().to_vec();
                bytes.extend_from_slice(&flags_and_length(flag(*fin), data.len()));
                bytes.extend_from_slice(data);
                bytes
            }
            Frame::Other => Vec::new(),
        }
    }

    fn with_headers(&mut self, kind: u16, fin: bool, fixed: &[u8], headers: &Headers) -> Vec<u8> {
        let block = self.storer.block(headers);
        control(kind, flag(fin), &[fixed, &block].concat())
    }
}

fn flag(fin: bool) -> u8 {
    if fin { FIN } else { 0 }
}

fn pair(one: u32, other: u32) -> [u8; 8] {
    (u64::from(one) << 32 | u64::from(other)).to_be_bytes()
}

fn flags_and_length(flags: u8, length: usize) -> [u8; 4] {
    // Nothing that we send comes near the limit of 24 bits.
    let length = u32::try_from(length).unwrap_or(u32::MAX) & 0x00ff_ffff;
    (u32::from(flags) << 24 | length).to_be_bytes()
}

fn control(kind: u16, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (0x8000 | VERSION).to_be_bytes().to_vec();
    bytes.extend_from_slice(&kind.to_be_bytes());
    bytes.extend_from_slice(&flags_and_length(flags, payload.len()));
    bytes.extend_from_slice(payload);
    bytes
}
