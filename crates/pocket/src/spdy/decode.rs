//! From bytes to frames. Every length is checked before anything is kept.

use bytes::{Buf, Bytes, BytesMut};

use super::frame::{FIN, Frame, INITIAL_WINDOW_SIZE, VERSION, kind};
use super::headers::Inflater;

/// No control frame may be longer; it has to be there whole before it is understood. Data has no such limit, as it is
/// passed on as it comes.
pub(super) const LONGEST_CONTROL: usize = 64 * 1024;
const HEAD: usize = 8;
/// The bit that tells control frames from data, and what is no part of a stream's number.
const CONTROL: u32 = 1 << 31;

/// What a peer did wrong; its connection cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// Another version of the protocol, or another protocol.
    #[error("not SPDY/3")]
    Version,
    /// A frame with a length that frames of its type do not have.
    #[error("malformed frame")]
    Malformed,
    /// More than anybody needs.
    #[error("frame or headers too long")]
    TooLong,
    /// Headers that do not inflate.
    #[error("malformed compression of headers")]
    Zlib,
    /// Headers that are none.
    #[error("malformed headers")]
    Headers,
}

/// Cuts a stream of bytes into frames.
#[derive(Debug)]
pub(super) struct Decoder {
    buffer: BytesMut,
    inflater: Inflater,
    /// The rest of a data frame: its stream, whether it is the last, how much is to come.
    data: Option<(u32, bool, usize)>,
}

impl Decoder {
    pub(super) fn new() -> Self {
        Self {
            buffer: BytesMut::new(),
            inflater: Inflater::new(),
            data: None,
        }
    }

    /// Where to put what has been received.
    pub(super) fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// The next frame; `None` when more has to be received first.
    pub(super) fn next(&mut self) -> Result<Option<Frame>, Error> {
        if let Some((id, fin, left)) = self.data {
            return Ok(self.data(id, fin, left));
        }
        let Some(head) = self.buffer.first_chunk::<HEAD>() else {
            return Ok(None);
        };
        let first = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
        let flags = head[4];
        let length = u32::from_be_bytes([0, head[5], head[6], head[7]]);
        let length = usize::try_from(length).map_err(|_| Error::TooLong)?;
        if first & CONTROL == 0 {
            self.buffer.advance(HEAD);
            return Ok(self.data(first, flags & FIN != 0, length));
        }
        let [version, kind] = [head[0..2].as_ref(), &head[2..4]]
            .map(|pair| u16::from_be_bytes([pair[0] & 0x7f, pair[1]]));
        if version != VERSION {
            return Err(Error::Version);
        }
        if length > LONGEST_CONTROL {
            return Err(Error::TooLong);
        }
        if self.buffer.len() < HEAD + length {
            return Ok(None);
        }
        self.buffer.advance(HEAD);
        let payload = self.buffer.split_to(length).freeze();
        self.control(kind, flags, payload).map(Some)
    }

    /// As much of a data frame as is there.
    fn data(&mut self, id: u32, fin: bool, left: usize) -> Option<Frame> {
        let data = self.buffer.split_to(left.min(self.buffer.len())).freeze();
        let left = left - data.len();
        self.data = (left > 0).then_some((id, fin, left));
        (!data.is_empty() || left == 0).then(|| Frame::Data {
            id,
            fin: fin && left == 0,
            data,
        })
    }

    fn control(&mut self, kind: u16, flags: u8, mut payload: Bytes) -> Result<Frame, Error> {
        let fin = flags & FIN != 0;
        match kind {
            kind::SYN_STREAM => {
                let id = stream(&mut payload)?;
                // The stream that it belongs to, and its priority.
                let _ = (number(&mut payload)?, payload.try_get_u16());
                let headers = self.inflater.headers(&payload)?;
                Ok(Frame::SynStream { id, fin, headers })
            }
            kind::SYN_REPLY => {
                let id = stream(&mut payload)?;
                let headers = self.inflater.headers(&payload)?;
                Ok(Frame::SynReply { id, fin, headers })
            }
            kind::HEADERS => {
                let id = stream(&mut payload)?;
                let headers = self.inflater.headers(&payload)?;
                Ok(Frame::Headers { id, fin, headers })
            }
            kind::RST_STREAM => {
                let [id, status] = pair(payload)?;
                Ok(Frame::Reset { id, status })
            }
            kind::GOAWAY => {
                let [last, status] = pair(payload)?;
                Ok(Frame::GoAway { last, status })
            }
            kind::WINDOW_UPDATE => {
                let [id, delta] = pair(payload)?;
                let delta = delta & !CONTROL;
                Ok(Frame::WindowUpdate { id, delta })
            }
            kind::PING if payload.len() == 4 => Ok(Frame::Ping(number(&mut payload)?)),
            kind::PING => Err(Error::Malformed),
            kind::SETTINGS => settings(payload),
            _ => Ok(Frame::Other),
        }
    }
}

fn settings(mut payload: Bytes) -> Result<Frame, Error> {
    let count = usize::try_from(number(&mut payload)?).map_err(|_| Error::Malformed)?;
    if count.checked_mul(8) != Some(payload.len()) {
        return Err(Error::Malformed);
    }
    let mut initial_window = None;
    while !payload.is_empty() {
        let id = number(&mut payload)? & 0x00ff_ffff;
        let value = number(&mut payload)?;
        if id == INITIAL_WINDOW_SIZE {
            initial_window = Some(value);
        }
    }
    Ok(Frame::Settings { initial_window })
}

fn number(payload: &mut Bytes) -> Result<u32, Error> {
    payload.try_get_u32().map_err(|_| Error::Malformed)
}

fn stream(payload: &mut Bytes) -> Result<u32, Error> {
    Ok(number(payload)? & !CONTROL)
}

fn pair(mut payload: Bytes) -> Result<[u32; 2], Error> {
    if payload.len() != 8 {
        return Err(Error::Malformed);
    }
    Ok([stream(&mut payload)?, number(&mut payload)?])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::encode::Encoder;
    use super::*;

    fn frames() -> Vec<Frame> {
        let headers = vec![("streamtype".to_owned(), "data".to_owned())];
        vec![
            Frame::SynStream {
                id: 1,
                fin: false,
                headers: headers.clone(),
            },
            Frame::SynReply {
                id: 1,
                fin: false,
                headers: Vec::new(),
            },
            Frame::Headers {
                id: 1,
                fin: true,
                headers,
            },
            Frame::Settings {
                initial_window: Some(70_000),
            },
            Frame::Ping(2),
            Frame::WindowUpdate { id: 1, delta: 9 },
            Frame::Reset { id: 3, status: 5 },
            Frame::GoAway { last: 3, status: 0 },
            Frame::Data {
                id: 5,
                fin: true,
                data: Bytes::new(),
            },
        ]
    }

    fn decode(decoder: &mut Decoder, bytes: &[u8]) -> Result<Vec<Frame>, Error> {
        decoder.buffer().extend_from_slice(bytes);
        let mut found = Vec::new();
        while let Some(frame) = decoder.next()? {
            found.push(frame);
        }
        Ok(found)
    }

    #[test]
    fn every_frame_survives_its_way() {
        let mut encoder = Encoder::default();
        let bytes: Vec<u8> = frames()
            .iter()
            .flat_map(|one| encoder.encode(one))
            .collect();
        assert_eq!(decode(&mut Decoder::new(), &bytes).unwrap(), frames());
        // In the smallest pieces.
        let mut decoder = Decoder::new();
        let pieces = bytes
            .iter()
            .map(|&byte| decode(&mut decoder, &[byte]).unwrap());
        assert_eq!(pieces.flatten().collect::<Vec<_>>(), frames());
    }

    #[test]
    fn data_is_passed_on_as_it_comes_and_ends_with_its_last_piece() {
        let mut decoder = Decoder::new();
        let data = |fin, text: &'static str| Frame::Data {
            id: 1,
            fin,
            data: Bytes::from_static(text.as_bytes()),
        };
        // 16 MiB are announced, and none of them is waited for.
        let head = [0, 0, 0, 1, FIN, 0xff, 0xff, 0xff];
        assert_eq!(decode(&mut decoder, &head), Ok(vec![]));
        assert_eq!(decode(&mut decoder, b"abc"), Ok(vec![data(false, "abc")]));
        let head = [0, 0, 0, 1, FIN, 0, 0, 3];
        let mut decoder = Decoder::new();
        assert_eq!(decode(&mut decoder, &head), Ok(vec![]));
        assert_eq!(decode(&mut decoder, b"ab"), Ok(vec![data(false, "ab")]));
        assert_eq!(decode(&mut decoder, b"c"), Ok(vec![data(true, "c")]));
    }

    #[test]
    fn wrong_frames_end_the_connection() {
        for (bytes, error) in [
            (&[0x80, 2, 0, 6, 0, 0, 0, 4, 0, 0, 0, 1][..], Error::Version),
            (b"GET / HTTP/1.1\r\n", Error::Version),
            (&[0x80, 3, 0, 6, 0, 0, 0, 3, 0, 0, 0], Error::Malformed),
            (&[0x80, 3, 0, 9, 0, 0, 0, 4, 0, 0, 0, 1], Error::Malformed),
            (&[0x80, 3, 0, 1, 0, 0, 0, 2, 0, 0], Error::Malformed),
            (
                &[0x80, 3, 0, 4, 0, 0, 0, 4, 0xff, 0, 0, 1],
                Error::Malformed,
            ),
            // One more than the longest control frame, which is never waited for.
            (&[0x80, 3, 0, 1, 0, 1, 0, 1], Error::TooLong),
        ] {
            let found = decode(&mut Decoder::new(), bytes);
            // Text without the first bit looks like data of some stream, of which nobody has heard.
            let is_data = matches!(found.as_deref(), Ok([Frame::Data { .. }]));
            assert!(found == Err(error) || is_data, "{bytes:?}: {found:?}");
        }
    }

    #[test]
    fn frames_of_unknown_types_are_passed_over() {
        let bytes = [0x80, 3, 0, 11, 0, 0, 0, 2, 1, 2];
        assert_eq!(decode(&mut Decoder::new(), &bytes), Ok(vec![Frame::Other]));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            let _ = decode(&mut Decoder::new(), &bytes);
        }

        #[test]
        fn no_control_frame_makes_it_panic(
            kind in 0_u8..12,
            payload in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let length = u8::try_from(payload.len()).unwrap();
            let mut bytes = vec![0x80, 3, 0, kind, 0, 0, 0, length];
            bytes.extend(payload);
            let _ = decode(&mut Decoder::new(), &bytes);
        }
    }
}
