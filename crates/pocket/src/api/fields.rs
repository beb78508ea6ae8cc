//! Field ownership: `managedFields`, server-side apply and its conflicts.
//!
//! Follows the rules of structured merge: a field set is a trie of path elements, updates own
//! what they change, applies own what they send.

mod check;
mod managers;
mod set;
mod typed;

pub(crate) use check::problems;
pub(crate) use managers::{Conflict, Writer, apply, update};

#[cfg(test)]
mod tests;
