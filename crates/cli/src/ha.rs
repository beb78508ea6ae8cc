//! Changing a cluster's control record and its members the way people do: the intent, the pause and the
//! fences in the record, restarts and new copies by annotations on Pods.
//!
//! | module | owns |
//! |---|---|
//! | `control` | the record in its Lease: reading, changing by compare-and-set, waiting |
//! | `members` | the instances as their Pods tell, and what is asked of them |
//! | `confirm` | asking the person at the terminal |
//! | `outcome` | what a verb did, as data |

mod confirm;
mod control;
mod members;
mod outcome;

pub(crate) use confirm::confirm;
pub(crate) use control::{Control, refused};
pub(crate) use members::{Ask, Instance, Scope, find, list, named, number, scope};
pub(crate) use outcome::Outcome;
