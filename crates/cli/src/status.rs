//! What is known about a running cluster: gathered from the API and from the instances themselves.

mod blockers;
mod gather;
mod leadership;
mod member;
mod model;
mod show;

pub(crate) use blockers::blockers;
pub(crate) use gather::gather;
pub(crate) use member::is_ready;
pub(crate) use model::Condition;
pub(crate) use show::lines;
