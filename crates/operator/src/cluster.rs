//! SGCluster: one pass and its steps.

mod apply;
mod catalogue;
mod credentials;
mod dereference;
mod ensure;
mod error;
mod instances;
mod orphans;
mod peer;
mod reconcile;
mod record;
mod retry;
mod server_tls;
mod status;

pub(crate) use catalogue::read as read_catalogue;
pub(crate) use credentials::contents;
pub(crate) use dereference::largest_volume;
pub(crate) use error::{Chain, Error};
pub(crate) use reconcile::{Guarded, reconcile};
pub(crate) use retry::{Retries, error_policy};
