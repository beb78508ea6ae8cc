//! The first bytes of a message's body, put together from pieces in a place of fixed size.

use howdah_pgwire::Piece;

/// Enough for every command tag, and for severity and code of an error in any language of the server.
const SIZE: usize = 128;

/// The first bytes of the body that is passing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    bytes: [u8; SIZE],
    have: usize,
}

impl Head {
    pub(crate) const EMPTY: Self = Self {
        bytes: [0; SIZE],
        have: 0,
    };

    /// Adds a piece, and hands out what is there of the body if that was its last.
    pub(crate) fn push<'a>(&'a mut self, piece: &Piece<'a>) -> Option<&'a [u8]> {
        if let Some(whole) = piece.whole() {
            return Some(whole.get(..SIZE).unwrap_or(whole));
        }
        if piece.first {
            self.have = 0;
        }
        let places = self.bytes.get_mut(self.have..).unwrap_or_default();
        let taken = places.len().min(piece.bytes.len());
        for (place, byte) in places.iter_mut().zip(piece.bytes) {
            *place = *byte;
        }
        self.have = self.have.saturating_add(taken);
        piece.is_last().then(|| self.bytes.get(..self.have))?
    }
}
