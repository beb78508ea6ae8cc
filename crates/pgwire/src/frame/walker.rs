//! Following the frames of a stream over any split of it, without holding bodies.

use std::marker::PhantomData;

use super::{Direction, Header, Limits};
use crate::Error;

/// Where in the stream of frames the next byte belongs.
///
/// It keeps at most the bytes of one header. After an error the position of the next message is unknown, so it
/// answers with that error for ever.
pub struct Walker<D> {
    state: State,
    direction: PhantomData<fn() -> D>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// These bytes of a header have come.
    Header {
        bytes: [u8; Header::SIZE],
        have: usize,
    },
    /// This much of a body has been handed out.
    Body {
        header: Header,
        done: u32,
    },
    Lost(Error),
}

const START: State = State::Header {
    bytes: [0; Header::SIZE],
    have: 0,
};

/// Some or all bytes of one body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// Whose body it is.
    pub header: Header,
    /// Whether it is the first of its message.
    pub first: bool,
    /// How many bytes of the body came before.
    pub offset: u32,
    /// The bytes that are there; none if the input ended with the header.
    pub bytes: &'a [u8],
}

impl<'a> Piece<'a> {
    /// Whether the message ends here.
    #[must_use]
    pub const fn is_last(&self) -> bool {
        self.end() >= self.header.body as usize
    }

    /// The body, if all of it is here.
    #[must_use]
    pub const fn whole(&self) -> Option<&'a [u8]> {
        if self.offset == 0 && self.is_last() {
            Some(self.bytes)
        } else {
            None
        }
    }

    const fn end(&self) -> usize {
        (self.offset as usize).saturating_add(self.bytes.len())
    }
}

impl<D: Direction> Walker<D> {
    /// At the start of a message.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            state: START,
            direction: PhantomData,
        }
    }

    /// Whether the next byte is the first of a message.
    #[must_use]
    pub const fn is_between_messages(&self) -> bool {
        matches!(self.state, State::Header { have: 0, .. })
    }

    /// Takes the next piece off the front of `input`; `None` once nothing is left of it.
    ///
    /// The first piece of a message comes as soon as its header is complete.
    ///
    /// # Errors
    /// If a header is not one of this direction, or says a length that is impossible or above the limit.
    pub fn next<'a>(
        &mut self,
        input: &mut &'a [u8],
        limits: &Limits<D>,
    ) -> Result<Option<Piece<'a>>, Error> {
        match self.state {
            State::Lost(error) => Err(error),
            State::Body { header, done } => Ok(self.body(header, done, input)),
            State::Header { bytes, have } => match header(bytes, have, input, limits) {
                Ok(Progress::Complete(header)) => {
                    let piece = self.piece(header, 0, input);
                    Ok(Some(Piece {
                        first: true,
                        ..piece
                    }))
                }
                Ok(Progress::Partial(state)) => {
                    self.state = state;
                    Ok(None)
                }
                Err(error) => {
                    self.state = State::Lost(error);
                    Err(error)
                }
            },
        }
    }

    fn body<'a>(&mut self, header: Header, done: u32, input: &mut &'a [u8]) -> Option<Piece<'a>> {
        (!input.is_empty()).then(|| self.piece(header, done, input))
    }

    /// Takes what is there of the body, and moves on.
    fn piece<'a>(&mut self, header: Header, offset: u32, input: &mut &'a [u8]) -> Piece<'a> {
        let left = header.body.saturating_sub(offset);
        let here = u32::try_from(input.len()).unwrap_or(u32::MAX).min(left);
        let (bytes, rest) = input.split_at_checked(here as usize).unwrap_or_default();
        *input = rest;
        self.state = if here == left {
            START
        } else {
            State::Body {
                header,
                done: offset.saturating_add(here),
            }
        };
        Piece {
            header,
            first: false,
            offset,
            bytes,
        }
    }
}

enum Progress {
    Complete(Header),
    Partial(State),
}

/// Completes a header with bytes of the input, or keeps them.
fn header<D: Direction>(
    mut bytes: [u8; Header::SIZE],
    mut have: usize,
    input: &mut &[u8],
    limits: &Limits<D>,
) -> Result<Progress, Error> {
    while let (Some(place), Some((byte, rest))) = (bytes.get_mut(have), input.split_first()) {
        *place = *byte;
        *input = rest;
        have = have.saturating_add(1);
    }
    let header = Header::parse(bytes.get(..have).unwrap_or_default(), limits)?;
    Ok(header.map_or(
        Progress::Partial(State::Header { bytes, have }),
        Progress::Complete,
    ))
}

impl<D: Direction> Default for Walker<D> {
    fn default() -> Self {
        Self::new()
    }
}

impl<D> Clone for Walker<D> {
    fn clone(&self) -> Self {
        Self {
            state: self.state,
            direction: PhantomData,
        }
    }
}

impl<D> std::fmt::Debug for Walker<D> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Walker").field(&self.state).finish()
    }
}
