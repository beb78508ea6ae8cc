//! What every message type has in common, and the enum of a direction's messages.

use crate::read::Reader;
use crate::{Error, Shape, write};

/// How a body is read and written; sealed by being unnameable outside.
pub trait Wire<'a>: Sized {
    /// The name in 54.7, Message Formats.
    const NAME: &'static str;
    /// The first byte of the message.
    const TAG: u8;

    /// Reads the fields; the caller checks that nothing follows.
    #[doc(hidden)]
    fn read(reader: &mut Reader<'a>) -> Result<Self, Shape>;

    /// Appends the fields.
    #[doc(hidden)]
    fn write(&self, out: &mut Vec<u8>);
}

/// A message type: anything with a type byte, a length and a body.
pub trait Body<'a>: Wire<'a> {
    /// Reads a whole body, which is what follows the length word.
    ///
    /// # Errors
    /// If the body is not of the message's form.
    fn decode(body: &'a [u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(body);
        Self::read(&mut reader)
            .and_then(|message| reader.finish().map(|()| message))
            .map_err(|shape| malformed(Self::NAME, shape))
    }

    /// Appends the message with its type byte and length.
    ///
    /// # Errors
    /// If the body is larger than a length word can say; `out` is then as it was.
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        write::frame(Self::NAME, Some(Self::TAG), out, |out| self.write(out))
    }
}

impl<'a, T: Wire<'a>> Body<'a> for T {}

pub(crate) const fn malformed(message: &'static str, shape: Shape) -> Error {
    Error::Malformed { message, shape }
}

/// Checks the body of a message that has no fields.
pub(crate) fn empty(message: &'static str, body: &[u8]) -> Result<(), Error> {
    Reader::new(body)
        .finish()
        .map_err(|shape| malformed(message, shape))
}

/// Defines a direction's messages: the enum, how each is found by its type byte, and how large it may be.
macro_rules! messages {
    (
        direction $direction:ident = $name:literal;
        with fields { $($(#[$doc:meta])+ $tag:path => $variant:ident($body:ty), at most $max:expr;)+ }
        without fields { $($(#[$bare_doc:meta])+ $bare_tag:path => $bare:ident, at most $bare_max:expr;)+ }
    ) => {
        /// The direction itself, as a parameter of [`crate::Limits`] and [`crate::Walker`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $direction {}

        impl $crate::frame::Direction for $direction {
            const NAME: &'static str = $name;

            fn kind(tag: u8) -> Option<$crate::frame::Kind> {
                Message::<'static>::kind(tag)
            }
        }

        /// A message of this direction. Fields borrow from the bytes that were parsed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Message<'a> {
            $($(#[$doc])+ $variant($body),)+
            $($(#[$bare_doc])+ $bare,)+
        }

        impl<'a> Message<'a> {
            fn kind(tag: u8) -> Option<$crate::frame::Kind> {
                let (name, max) = match tag {
                    $($tag => (<$body as $crate::message::Wire<'a>>::NAME, $max),)+
                    $($bare_tag => (stringify!($bare), $bare_max),)+
                    _ => return None,
                };
                Some($crate::frame::Kind { name, max })
            }

            /// The name in 54.7, Message Formats.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => <$body as $crate::message::Wire<'a>>::NAME,)+
                    $(Self::$bare => stringify!($bare),)+
                }
            }

            /// The first byte of the message.
            #[must_use]
            pub fn tag(&self) -> u8 {
                match self {
                    $(Self::$variant(_) => $tag,)+
                    $(Self::$bare => $bare_tag,)+
                }
            }

            /// Reads the body of a message that starts with `tag`.
            ///
            /// # Errors
            /// If the direction has no such message, or the body is not of its form.
            pub fn decode(tag: u8, body: &'a [u8]) -> Result<Self, $crate::Error> {
                use $crate::message::Body as _;
                let (message, name) = match tag {
                    $($tag => return <$body>::decode(body).map(Self::$variant),)+
                    $($bare_tag => (Self::$bare, stringify!($bare)),)+
                    _ => return Err($crate::Error::UnknownType { direction: $name, tag }),
                };
                $crate::message::empty(name, body).map(|()| message)
            }

            /// Appends the message with its type byte and length.
            ///
            /// # Errors
            /// If the body is larger than a length word can say; `out` is then as it was.
            pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), $crate::Error> {
                use $crate::message::Body as _;
                match self {
                    $(Self::$variant(body) => body.encode(out),)+
                    $(Self::$bare => {
                        $crate::write::frame(stringify!($bare), Some($bare_tag), out, |_| ())
                    })+
                }
            }
        }

        $(impl<'a> From<$body> for Message<'a> {
            fn from(body: $body) -> Self {
                Self::$variant(body)
            }
        })+

        /// Takes one message off the front; the number is its size in bytes, and `None` asks for more bytes.
        ///
        /// # Errors
        /// If the type is unknown, the length is impossible or above the limit, or the body is not of its form.
        pub fn parse<'a>(
            bytes: &'a [u8],
            limits: &$crate::Limits<$direction>,
        ) -> Result<Option<(Message<'a>, usize)>, $crate::Error> {
            $crate::frame::whole(bytes, limits)?
                .map(|(header, body)| {
                    Message::decode(header.tag, body).map(|message| (message, header.size()))
                })
                .transpose()
        }
    };
}

pub(crate) use messages;
