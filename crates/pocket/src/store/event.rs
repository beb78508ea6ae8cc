//! One write as watchers see it, with the texts that were made of it.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use super::{Key, Stored};

/// The most texts that an event keeps; further ones are made anew each time.
const TEXTS: usize = 3;

/// What an event did to its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventKind {
    /// The object is new.
    Added,
    /// The object changed.
    Modified,
    /// The object is gone.
    Deleted,
}

/// One write, as watchers see it.
#[derive(Debug)]
pub(crate) struct Event {
    /// The revision this write got.
    pub(crate) revision: u64,
    /// The object written.
    pub(crate) key: Key,
    /// What happened to it.
    pub(crate) kind: EventKind,
    /// The object after the write; for a deletion its last state with the deletion's revision.
    pub(crate) json: Bytes,
    /// The object before the write.
    pub(crate) previous: Option<Stored>,
    pub(super) texts: Texts,
}

/// What watchers made of an event, so that of many only the first has the work.
#[derive(Default)]
pub(super) struct Texts(Mutex<Vec<(Arc<str>, Bytes)>>);

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

impl Event {
    /// The text of this event in a form; made once for all who ask for the same form.
    ///
    /// `make` must depend on nothing but the event and the form.
    pub(crate) fn text(&self, form: &Arc<str>, make: impl FnOnce() -> Bytes) -> Bytes {
        let mut texts = self.texts.0.lock();
        if let Some((_, text)) = texts.iter().find(|(known, _)| known == form) {
            return text.clone();
        }
        let text = make();
        if texts.len() < TEXTS {
            texts.push((Arc::clone(form), text.clone()));
        }
        text
    }

    /// The state this write leaves behind.
    pub(super) fn stored(&self) -> Stored {
        Stored {
            revision: self.revision,
            json: self.json.clone(),
        }
    }

    /// About how much memory it takes to keep the event, with one text of it.
    pub(super) fn weight(&self) -> usize {
        const FIXED: usize = 256;
        let before = self.previous.as_ref().map_or(0, |stored| stored.json.len());
        FIXED + 2 * self.json.len() + before
    }
}
