//! Putting a body together that came in pieces.

use super::Piece;

/// A buffer for the bodies that are to be read whole. Bodies that arrived whole are not copied.
///
/// It grows to the size of the largest body pushed into it, so push only the types that are to be read, and let
/// the walker's limits bound them.
#[derive(Clone, Debug, Default)]
pub struct Gather {
    body: Vec<u8>,
}

impl Gather {
    /// An empty buffer.
    #[must_use]
    pub const fn new() -> Self {
        Self { body: Vec::new() }
    }

    /// Adds a piece, and hands out the body if that was its last. All pieces of a message must be pushed, in order.
    pub fn push<'a>(&'a mut self, piece: Piece<'a>) -> Option<&'a [u8]> {
        if let Some(whole) = piece.whole() {
            return Some(whole);
        }
        if piece.first {
            self.body.clear();
        }
        self.body.extend_from_slice(piece.bytes);
        piece.is_last().then_some(self.body.as_slice())
    }
}
