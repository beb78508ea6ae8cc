//! How large each type of message may be.

use std::fmt;
use std::marker::PhantomData;

/// Who sends: [`crate::frontend::Frontend`] or [`crate::backend::Backend`].
pub trait Direction: Sized + 'static {
    /// `frontend` or `backend`, for errors.
    const NAME: &'static str;

    /// What is known of the type of message that starts with this byte.
    fn kind(tag: u8) -> Option<Kind>;
}

/// A type of message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The name in 54.7, Message Formats.
    pub name: &'static str,
    /// The default limit: the most bytes that may follow the length word.
    pub max: u32,
}

/// Type bytes are ASCII.
const TAGS: usize = 128;

/// The most bytes that a body may have, for each type of message of a direction.
///
/// The defaults are those of PostgreSQL's own server for messages of the client, and those of libpq for messages of
/// the server, wherever that is more than the protocol needs; each type's is shown where its direction is defined.
/// A limit counts the bytes after the length word.
pub struct Limits<D> {
    max: [u32; TAGS],
    direction: PhantomData<fn() -> D>,
}

impl<D: Direction> Limits<D> {
    /// The limit of the messages that start with this byte; 0 if there are none.
    #[must_use]
    pub fn max(&self, tag: u8) -> u32 {
        self.max.get(usize::from(tag)).copied().unwrap_or_default()
    }

    /// Sets the limit of one type of message.
    #[must_use]
    pub fn with(mut self, tag: u8, max: u32) -> Self {
        if let Some(place) = self.max.get_mut(usize::from(tag)) {
            *place = max;
        }
        self
    }

    /// Lowers every limit to at most this.
    #[must_use]
    pub fn at_most(mut self, max: u32) -> Self {
        for place in &mut self.max {
            *place = max.min(*place);
        }
        self
    }
}

impl<D: Direction> Default for Limits<D> {
    fn default() -> Self {
        let max = std::array::from_fn(|tag| {
            let kind = u8::try_from(tag).ok().and_then(D::kind);
            kind.map(|kind| kind.max).unwrap_or_default()
        });
        Self {
            max,
            direction: PhantomData,
        }
    }
}

impl<D> Clone for Limits<D> {
    fn clone(&self) -> Self {
        Self {
            max: self.max,
            direction: PhantomData,
        }
    }
}

impl<D: Direction> fmt::Debug for Limits<D> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = (0..=u8::MAX).filter_map(|tag| Some((D::kind(tag)?.name, self.max(tag))));
        formatter.debug_map().entries(kinds).finish()
    }
}
