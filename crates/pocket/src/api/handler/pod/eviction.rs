//! `pods/<name>/eviction`: a deletion that asks the Pod's PodDisruptionBudget first.
//!
//! A real server reads what a budget allows from its status, which a controller keeps; here it is counted when it is
//! asked for, which needs no controller and is never out of date.

use axum::body::Body;
use axum::response::Response;
use http::{Request, StatusCode};
use serde_json::Value;

use super::super::call::{Call, parse};
use super::super::{admit, delete, present};
use super::created;
use crate::api::selector::Labels;
use crate::api::status::{Cause, Failure};
use crate::api::{body, object};

/// Where budgets are stored.
const BUDGETS: &str = "poddisruptionbudgets.policy";

/// Evicts the Pod, or says why not.
pub(super) async fn answer(call: &Call<'_>, request: Request<Body>) -> Result<Response, Failure> {
    let sent = body::yaml(&body::read(request.into_body()).await?)?;
    let sent = admit::subresource(call, ("policy", "v1", "Eviction"), sent).await?;
    // Two evictions at a time would each see the other's Pod as healthy.
    let _judging = call.server.inner.evictions.lock().await;
    let pod = call.current()?.object;
    judge(&pod, &objects(call, BUDGETS)?, || objects(call, "pods"))?;
    delete::with_options(call, &sent["deleteOptions"]).await?;
    Ok(present::raw(
        call,
        StatusCode::CREATED,
        created().to_string(),
    ))
}

/// The objects of a kind in the Pod's namespace.
fn objects(call: &Call<'_>, kind: &str) -> Result<Vec<Value>, Failure> {
    let found = call.store().list(kind, Some(call.namespace()));
    let parsed = found
        .items
        .iter()
        .map(|(_, stored)| Ok(parse(stored)?.object));
    parsed.collect()
}

/// Whether the Pod may go.
fn judge(
    pod: &Value,
    budgets: &[Value],
    pods: impl FnOnce() -> Result<Vec<Value>, Failure>,
) -> Result<(), Failure> {
    let phase = object::text(pod, &["status", "phase"]);
    if phase != "Running" || object::is_terminating(pod) {
        // One that is over, not begun or already leaving serves nobody.
        return Ok(());
    }
    let mut own = Vec::new();
    for budget in budgets {
        if selects(budget, pod)? {
            own.push(budget);
        }
    }
    let budget = match own.as_slice() {
        [] => return Ok(()),
        [budget] => *budget,
        _ => {
            let message = "This pod has more than one PodDisruptionBudget, which the eviction \
                           subresource does not support.";
            return Err(Failure::internal(message));
        }
    };
    let mut counted = 0;
    let mut healthy = 0;
    for other in pods()? {
        let phase = object::text(&other, &["status", "phase"]);
        if selects(budget, &other)? && !matches!(phase, "Succeeded" | "Failed") {
            counted += 1;
            healthy += i64::from(is_ready(&other) && !object::is_terminating(&other));
        }
    }
    let desired = desired(budget, counted);
    let may_go = if is_ready(pod) {
        healthy > desired
    } else {
        let policy = object::text(budget, &["spec", "unhealthyPodEvictionPolicy"]);
        policy == "AlwaysAllow" || healthy >= desired && desired > 0
    };
    if may_go {
        return Ok(());
    }
    let name = object::meta(budget, "name");
    let cause = Cause {
        reason: "DisruptionBudget",
        message: format!(
            "The disruption budget {name} needs {desired} healthy pods and has {healthy} currently"
        ),
        field: String::new(),
    };
    let message = "Cannot evict pod as it would violate the pod's disruption budget.";
    let refused = Failure::new(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", message);
    Err(refused.with_causes(vec![cause]))
}

/// How many Pods have to stay healthy out of so many.
fn desired(budget: &Value, counted: i64) -> i64 {
    let spec = &budget["spec"];
    let wanted = match (&spec["minAvailable"], &spec["maxUnavailable"]) {
        (Value::Null, Value::Null) => 1,
        (Value::Null, most) => counted - scaled(most, counted),
        (least, _) => scaled(least, counted),
    };
    wanted.max(0)
}

/// A number, or a part of the whole, rounded up.
fn scaled(value: &Value, whole: i64) -> i64 {
    let part = value.as_str().and_then(|text| text.strip_suffix('%'));
    match part.and_then(|part| part.parse::<i64>().ok()) {
        Some(percent) => (whole.saturating_mul(percent).saturating_add(99)) / 100,
        None => value.as_i64().unwrap_or_default(),
    }
}

fn is_ready(pod: &Value) -> bool {
    let conditions = object::list(pod, &["status", "conditions"]).iter();
    let mut ready = conditions.filter(|one| one["type"] == "Ready");
    ready.any(|one| one["status"] == "True")
}

fn selects(budget: &Value, pod: &Value) -> Result<bool, Failure> {
    let selector = &budget["spec"]["selector"];
    if !selector.is_object() {
        return Ok(false);
    }
    Ok(Labels::of(selector)?.matches(pod))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(label: &str, ready: &str) -> Value {
        json!({
            "metadata": {"name": "p", "labels": {"app": label}},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]},
        })
    }

    fn budget(spec: Value) -> Value {
        let mut budget = json!({
            "metadata": {"name": "b"},
            "spec": {"selector": {"matchLabels": {"app": "a"}}},
        });
        for (name, value) in spec.as_object().into_iter().flatten() {
            budget["spec"][name] = value.clone();
        }
        budget
    }

    fn may_go(pod: &Value, budget: Value, others: &[Value]) -> Result<(), Failure> {
        judge(pod, &[budget], || Ok(others.to_vec()))
    }

    #[test]
    fn a_budget_holds_back_what_it_needs() {
        let (a, sick) = (pod("a", "True"), pod("a", "False"));
        let all = vec![a.clone(), a.clone(), a.clone(), pod("b", "True")];
        for (spec, expected) in [
            (json!({"minAvailable": 2}), true),
            (json!({"minAvailable": 3}), false),
            (json!({"maxUnavailable": 1}), true),
            (json!({"maxUnavailable": 0}), false),
            (json!({"minAvailable": "67%"}), false),
            (json!({"minAvailable": "66%"}), true),
            (json!({"maxUnavailable": "1%"}), true),
        ] {
            let result = may_go(&a, budget(spec.clone()), &all);
            assert_eq!(result.is_ok(), expected, "{spec}");
        }
        let spec = json!({"minAvailable": 1});
        let refused = may_go(&a, budget(spec.clone()), &[a.clone(), sick.clone()]).unwrap_err();
        assert_eq!(refused.code, StatusCode::TOO_MANY_REQUESTS);
        // One that is not healthy may go while enough others are.
        assert!(may_go(&sick, budget(spec.clone()), &[a.clone(), sick.clone()]).is_ok());
        assert!(may_go(&sick, budget(spec.clone()), std::slice::from_ref(&sick)).is_err());
        let always = json!({"minAvailable": 1, "unhealthyPodEvictionPolicy": "AlwaysAllow"});
        assert!(may_go(&sick, budget(always), std::slice::from_ref(&sick)).is_ok());
        // Those that are on their way out do not count.
        let mut leaving = a.clone();
        leaving["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        assert!(may_go(&a, budget(spec), &[a.clone(), leaving]).is_err());
    }

    #[test]
    fn budgets_of_others_do_not_matter_and_two_are_too_many() {
        let b = pod("b", "True");
        assert!(may_go(&b, budget(json!({"minAvailable": 9})), &[]).is_ok());
        let everybody = json!({"minAvailable": 9, "selector": {}});
        assert!(may_go(&b, budget(everybody), std::slice::from_ref(&b)).is_err());
        let rule = json!([{"key": "app", "operator": "In", "values": ["b", "c"]}]);
        let some = json!({"minAvailable": 9, "selector": {"matchExpressions": rule}});
        assert!(may_go(&b, budget(some.clone()), std::slice::from_ref(&b)).is_err());
        let both = [budget(some.clone()), budget(some)];
        let refused = judge(&b, &both, || Ok(Vec::new())).unwrap_err();
        assert_eq!(refused.code, StatusCode::INTERNAL_SERVER_ERROR);
    }
}
