//! SGCluster: one pass and its steps.

mod apply;
mod credentials;
mod dereference;
mod ensure;
mod error;
mod instances;
mod orphans;
mod reconcile;
mod retry;
mod status;

pub(crate) use error::{Chain, Error};
pub(crate) use reconcile::{Guarded, reconcile};
pub(crate) use retry::{Retries, error_policy};
