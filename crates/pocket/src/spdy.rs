//! SPDY/3.1, as far as the streams of `kubectl` use it: many streams of bytes over one connection.
//!
//! [`frame`], [`decode`] and [`encode`] are a codec that knows no socket; [`connection`] drives it over anything that
//! can be read and written, as the side that accepts streams. Deliberately absent: pushing, priorities, credentials.
//!
//! Nothing is buffered without a bound: a stream whose reader is slow holds up its connection, and a writer waits for
//! the peer's windows. Clients of Kubernetes neither send nor heed window updates, so windows bind us only towards a
//! peer that has shown that it keeps them.

pub(crate) mod connection;
mod decode;
mod dictionary;
mod encode;
mod frame;
mod headers;
mod stream;
#[cfg(test)]
mod tests;
mod window;

pub(crate) use connection::{Connection, Stream, StreamReader, StreamWriter};
