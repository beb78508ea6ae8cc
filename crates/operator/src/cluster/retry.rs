//! When a failed pass is repeated.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use kube::ResourceExt as _;
use kube::runtime::controller::Action;
use parking_lot::Mutex;
use rand::Rng as _;

use super::error::Class;
use super::{Error, Guarded};
use crate::context::Context;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(300);

/// How often each cluster has failed in a row, by UID.
#[derive(Default)]
pub(crate) struct Retries(Mutex<HashMap<String, u32>>);

impl Retries {
    /// Forgets the failures of a cluster whose pass was finished.
    pub(crate) fn succeeded(&self, uid: &str) {
        self.0.lock().remove(uid);
    }

    fn failed(&self, uid: &str) -> u32 {
        let mut failures = self.0.lock();
        let count = failures.entry(uid.to_owned()).or_default();
        *count = count.saturating_add(1);
        *count
    }
}

/// A conflict is looked at again at once; everything else ever more slowly.
pub(crate) fn error_policy(object: Arc<Guarded>, error: &Error, context: Arc<Context>) -> Action {
    let failures = context.retries.failed(&object.uid().unwrap_or_default());
    let jitter = rand::rng().random_range(0.5..1.0);
    Action::requeue(delay(error.class(), failures).mul_f64(jitter))
}

fn delay(class: Class, failures: u32) -> Duration {
    // A conflict that stays is no race: something else is wrong.
    if class == Class::Conflict && failures <= 5 {
        return Duration::from_millis(50);
    }
    let doubled = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16));
    doubled.min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conflicts_are_repeated_at_once_and_the_rest_ever_more_slowly() {
        assert_eq!(delay(Class::Conflict, 1), Duration::from_millis(50));
        assert_eq!(delay(Class::Conflict, 6), Duration::from_secs(16));
        assert_eq!(delay(Class::Transient, 1), Duration::from_millis(500));
        assert_eq!(delay(Class::Transient, 4), Duration::from_secs(4));
        assert_eq!(delay(Class::Transient, 1000), LONGEST);
    }
}
