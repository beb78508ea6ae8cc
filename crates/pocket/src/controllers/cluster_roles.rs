//! ClusterRoles that gather the rules of others: `aggregationRule`.

use std::sync::Arc;

use futures::StreamExt;
use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::api::{ListParams, Patch, PatchParams};
use kube::core::{Selector, SelectorExt};
use kube::runtime::controller::Action;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::{Controller, watcher};
use kube::{Api, Client, ResourceExt};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{Error, again};

pub(super) async fn run(client: Client, shutdown: CancellationToken) {
    let roles = Api::<ClusterRole>::all(client);
    let controller = Controller::new(roles.clone(), watcher::Config::default());
    let known = controller.store();
    controller
        // Any role can be a part of those that gather.
        .watches(roles.clone(), watcher::Config::default(), move |_| {
            let roles = known.state().into_iter();
            let gathering = roles.filter(|role| role.aggregation_rule.is_some());
            gathering
                .map(|role| ObjectRef::from_obj(&*role))
                .collect::<Vec<_>>()
        })
        .graceful_shutdown_on(shutdown.cancelled_owned())
        .run(
            reconcile,
            |_, error, _| again("cluster-roles", error),
            Arc::new(roles),
        )
        .for_each(|_| std::future::ready(()))
        .await;
}

async fn reconcile(role: Arc<ClusterRole>, roles: Arc<Api<ClusterRole>>) -> Result<Action, Error> {
    let Some(aggregation) = &role.aggregation_rule else {
        return Ok(Action::await_change());
    };
    let selectors = aggregation.cluster_role_selectors.as_deref();
    let all = roles.list(&ListParams::default()).await?;
    let rules = gathered(&role.name_any(), selectors.unwrap_or_default(), &all.items);
    if role.rules.as_deref().unwrap_or_default() != rules {
        let patch = Patch::Merge(json!({"rules": rules}));
        let manager = PatchParams {
            field_manager: Some("clusterrole-aggregation-controller".into()),
            ..PatchParams::default()
        };
        roles.patch(&role.name_any(), &manager, &patch).await?;
    }
    Ok(Action::await_change())
}

/// The rules of all roles that a selector names, each once, in the order of the roles' names.
fn gathered(own: &str, selectors: &[LabelSelector], all: &[ClusterRole]) -> Vec<PolicyRule> {
    let mut rules: Vec<PolicyRule> = Vec::new();
    // One that cannot be understood selects nothing.
    let selectors = selectors
        .iter()
        .cloned()
        .filter_map(|one| Selector::try_from(one).ok());
    for selector in selectors {
        let parts = all
            .iter()
            .filter(|role| role.name_any() != own && selector.matches(role.labels()));
        for rule in parts.flat_map(|role| role.rules.iter().flatten()) {
            if !rules.contains(rule) {
                rules.push(rule.clone());
            }
        }
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_gathered_once_and_never_from_oneself() {
        let role = |name: &str, label: &str, verb: &str| -> ClusterRole {
            serde_json::from_value(json!({"metadata": {"name": name, "labels": {"to": label}},
                "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": [verb]}]}))
            .unwrap()
        };
        let all = [
            role("a", "x", "get"),
            role("b", "x", "get"),
            role("c", "y", "list"),
            role("own", "x", "delete"),
        ];
        let selector: LabelSelector = serde_json::from_value(json!({"matchLabels": {"to": "x"},
            "matchExpressions": [{"key": "to", "operator": "Exists"}]}))
        .unwrap();
        let rules = gathered("own", &[selector], &all);
        assert_eq!(rules.len(), 1);
        assert_eq!(rules[0].verbs, ["get"]);
    }
}
