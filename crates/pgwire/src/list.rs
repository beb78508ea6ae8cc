//! Lists inside bodies: checked once, kept as the bytes they came in, read by iterating.

use std::fmt;
use std::marker::PhantomData;

use crate::read::Reader;
use crate::{Error, Shape, write};

/// What a list is made of.
pub trait Item<'a>: Sized {
    /// The same for items of any lifetime, so that a list can be built of items that do not live as long as it.
    type Kind;

    /// Takes one item off the front.
    #[doc(hidden)]
    fn read(reader: &mut Reader<'a>) -> Result<Self, Shape>;

    /// Appends the item.
    #[doc(hidden)]
    fn write(&self, out: &mut Vec<u8>);

    /// Whether the item is an empty name, which ends those lists that have no count.
    #[doc(hidden)]
    fn is_terminator(&self) -> bool {
        false
    }
}

/// Items that borrow from the body in which they came, or from a buffer into which they were built.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct List<'a, T> {
    count: usize,
    bytes: &'a [u8],
    item: PhantomData<fn() -> T>,
}

impl<'a, T: Item<'a>> List<'a, T> {
    /// The most items that a list can be built of: counts are Int16 without a sign (54.6, Message Data Types).
    pub const MAX: usize = u16::MAX as usize;

    /// No items.
    pub const EMPTY: Self = Self {
        count: 0,
        bytes: &[],
        item: PhantomData,
    };

    /// Writes the items into `scratch`, whose old content is dropped, and borrows them from there.
    ///
    /// # Errors
    /// If there are more than [`Self::MAX`] items, they are larger than a message can be, or one is an
    /// empty name, which would end the list.
    pub fn build<'b, I: Item<'b, Kind = T::Kind>>(
        scratch: &'a mut Vec<u8>,
        items: impl IntoIterator<Item = I>,
    ) -> Result<Self, Error> {
        const MESSAGE: &str = "list";
        scratch.clear();
        let mut count = 0_usize;
        for item in items {
            if count == Self::MAX {
                return Err(Error::TooMany {
                    message: MESSAGE,
                    limit: Self::MAX,
                });
            }
            if item.is_terminator() {
                return Err(Error::Malformed {
                    message: MESSAGE,
                    shape: Shape::EmptyItem,
                });
            }
            item.write(scratch);
            count = count.saturating_add(1);
        }
        let length = u64::try_from(scratch.len()).unwrap_or(u64::MAX);
        if length > u64::from(write::MAX_BODY) {
            return Err(Error::TooLong {
                message: MESSAGE,
                length,
                limit: write::MAX_BODY,
            });
        }
        Ok(Self {
            count,
            bytes: scratch.as_slice(),
            item: PhantomData,
        })
    }

    /// How many items there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The items in order.
    #[must_use]
    pub fn iter(&self) -> Items<'a, T> {
        Items {
            left: self.count,
            reader: Reader::new(self.bytes),
            item: PhantomData,
        }
    }

    /// The items as they are on the wire, without what counts or ends them.
    pub(crate) const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Checks that many items.
    pub(crate) fn counted(reader: &mut Reader<'a>, count: usize) -> Result<Self, Shape> {
        let start = *reader;
        for _ in 0..count {
            T::read(reader)?;
        }
        Ok(Self {
            count,
            bytes: start.until(reader),
            item: PhantomData,
        })
    }

    /// An Int16 and that many items.
    pub(crate) fn counted_u16(reader: &mut Reader<'a>) -> Result<Self, Shape> {
        let count = reader.u16()?;
        Self::counted(reader, usize::from(count))
    }

    /// Checks items up to a zero byte, and takes that too; `None` if there are more than `limit`.
    pub(crate) fn terminated(reader: &mut Reader<'a>, limit: usize) -> Result<Option<Self>, Shape> {
        let start = *reader;
        let mut count = 0_usize;
        loop {
            let end = *reader;
            if reader.u8()? == 0 {
                let bytes = start.until(&end);
                let item = PhantomData;
                return Ok(Some(Self { count, bytes, item }));
            }
            if count == limit {
                return Ok(None);
            }
            *reader = end;
            T::read(reader)?;
            count = count.saturating_add(1);
        }
    }

    /// An Int16 and the items.
    pub(crate) fn write_counted(&self, out: &mut Vec<u8>) {
        write::count(out, self.count);
        out.extend_from_slice(self.bytes);
    }

    /// The items and a zero byte.
    pub(crate) fn write_terminated(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.bytes);
        out.push(0);
    }
}

impl<'a, T: Item<'a>> Default for List<'a, T> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<'a, T: Item<'a>> IntoIterator for List<'a, T> {
    type Item = T;
    type IntoIter = Items<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a, T: Item<'a> + fmt::Debug> fmt::Debug for List<'a, T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.iter()).finish()
    }
}

/// The items of a [`List`].
#[derive(Clone, Debug)]
pub struct Items<'a, T> {
    left: usize,
    reader: Reader<'a>,
    item: PhantomData<fn() -> T>,
}

impl<'a, T: Item<'a>> Iterator for Items<'a, T> {
    type Item = T;

    /// The list was checked when it was made, so reading an item again cannot fail.
    fn next(&mut self) -> Option<T> {
        self.left = self.left.checked_sub(1)?;
        T::read(&mut self.reader).ok()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<'a, T: Item<'a>> ExactSizeIterator for Items<'a, T> {}
