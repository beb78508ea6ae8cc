//! Admission webhooks: asking others about a request before it is carried out.
//!
//! [`Attempt::mutate`] asks the mutating webhooks one after the other, in the order of their
//! configurations' names; [`Attempt::validate`] asks the validating ones at the same time. What
//! is sent and how answers are taken is the `admission.k8s.io/v1` contract of the Kubernetes
//! documentation. Everything that comes back is somebody else's: it is bounded in size and time
//! and never trusted to be of the right form. Not offered: the `authorizer` variable of match
//! conditions, and reviews of the older version `v1beta1`.

mod attempt;
mod chain;
mod client;
mod condition;
mod patch;
mod review;
mod rules;
mod service;
mod tls;
mod webhook;

pub(crate) use attempt::{Attempt, Operation};
pub(crate) use condition::check as check_condition;

use super::resource::Resource;

/// Configurations of webhooks are never sent to webhooks, so a bad one can be mended.
fn is_exempt(resource: &Resource) -> bool {
    resource.is(webhook::MUTATING) || resource.is(webhook::VALIDATING)
}
