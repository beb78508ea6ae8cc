//! Which parameters of a list or watch go together.
//!
//! The rules are those of "Resource versions" in the Kubernetes API concepts.

use serde_json::Value;

use super::call::Call;
use crate::api::status::{Cause, Failure};

const NOT_OLDER: &str = "NotOlderThan";
const MATCH: &str = "resourceVersionMatch";

/// Refuses combinations that mean nothing.
pub(super) fn check(call: &Call<'_>) -> Result<(), Failure> {
    let options = &call.options;
    let causes = if options.watch {
        watch(call)
    } else {
        list(call)
    };
    if !causes.is_empty() {
        let group = "meta.k8s.io";
        return Err(Failure::invalid_kind(group, "ListOptions", "", causes));
    }
    let version = options.resource_version.as_str();
    if !options.continue_token.is_empty() && !matches!(version, "" | "0") {
        return Err(Failure::bad_request(
            "specifying resource version is not allowed when using continue",
        ));
    }
    Ok(())
}

fn list(call: &Call<'_>) -> Vec<Cause> {
    let options = &call.options;
    let (wanted, version) = (
        options.version_match.as_str(),
        options.resource_version.as_str(),
    );
    let mut causes = Vec::new();
    let mut forbid = |field: &str, detail: &str| causes.push(Cause::forbidden(field, detail));
    if !wanted.is_empty() {
        if version.is_empty() {
            forbid(
                MATCH,
                "resourceVersionMatch is forbidden unless resourceVersion is provided",
            );
        }
        if !options.continue_token.is_empty() {
            forbid(
                MATCH,
                "resourceVersionMatch is forbidden when continue is provided",
            );
        }
        if wanted == "Exact" && version == "0" {
            forbid(
                MATCH,
                "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"",
            );
        }
    }
    if options.send_initial_events.is_some() {
        forbid(
            "sendInitialEvents",
            "sendInitialEvents is forbidden for list",
        );
    }
    if !["", "Exact", NOT_OLDER].contains(&wanted) {
        let allowed = ["\"Exact\"", "\"NotOlderThan\"", "\"\""].map(str::to_owned);
        causes.push(Cause::unsupported(MATCH, &Value::from(wanted), &allowed));
    }
    causes
}

fn watch(call: &Call<'_>) -> Vec<Cause> {
    let options = &call.options;
    let wanted = options.version_match.as_str();
    let mut causes = Vec::new();
    let mut forbid = |detail: &str| causes.push(Cause::forbidden(MATCH, detail));
    if options.send_initial_events.is_some() && wanted != NOT_OLDER {
        forbid("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
    }
    if !wanted.is_empty() {
        if options.send_initial_events.is_none() {
            forbid(
                "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
            );
        }
        if !options.continue_token.is_empty() {
            forbid("resourceVersionMatch is forbidden when continue is provided");
        }
        if wanted != NOT_OLDER {
            let allowed = ["\"NotOlderThan\"".to_owned()];
            causes.push(Cause::unsupported(MATCH, &Value::from(wanted), &allowed));
        }
    }
    causes
}
