//! The text of a list, in pieces.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use futures::stream;

use crate::api::handler::present;
use crate::api::resource::Resource;

/// Lists are sent in pieces of about this size.
const PIECE: usize = 64 << 10;

/// The text of a list, made while it is sent: a long list is never in memory as a whole.
pub(super) struct Pieces {
    resource: Arc<Resource>,
    head: String,
    items: std::vec::IntoIter<Bytes>,
    /// What comes before the first item, until it has been sent.
    start: Option<Vec<u8>>,
    ended: bool,
}

impl Pieces {
    /// A list that begins with this text.
    pub(super) fn new(resource: &Arc<Resource>, start: Vec<u8>, items: Vec<Bytes>) -> Self {
        Self {
            resource: Arc::clone(resource),
            head: present::head(resource),
            items: items.into_iter(),
            start: Some(start),
            ended: false,
        }
    }

    /// One buffer if it is short, a stream otherwise.
    pub(super) fn into_body(mut self) -> Body {
        let first = self.next().unwrap_or_default();
        if self.ended {
            return first.into();
        }
        let all = std::iter::once(first).chain(self);
        Body::from_stream(stream::iter(all.map(Ok::<_, Infallible>)))
    }
}

impl Iterator for Pieces {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        let mut first = self.start.is_some();
        let mut text = self.start.take().unwrap_or_default();
        while text.len() < PIECE {
            let Some(stored) = self.items.next() else {
                text.extend_from_slice(b"]}");
                self.ended = true;
                break;
            };
            if !std::mem::take(&mut first) {
                text.push(b',');
            }
            present::add_item(&mut text, &self.resource, &self.head, &stored);
        }
        Some(text.into())
    }
}
