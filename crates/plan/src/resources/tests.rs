//! Requests and limits of the containers, worked out by hand.

use pretty_assertions::assert_eq;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;

fn computed(pods: Value, more: Value, profile: Value) -> Result<Value, Vec<Invalid>> {
    let mut spec = json!({
        "postgres": {"version": "latest"},
        "instances": 1,
        "pods": {"persistentVolume": {"size": "5Gi"}, "disableConnectionPooling": true, "disableEnvoy": true},
    });
    for (key, value) in pods.as_object().unwrap() {
        spec["pods"][key] = value.clone();
    }
    for (key, value) in more.as_object().unwrap() {
        spec[key] = value.clone();
    }
    let spec = serde_json::from_value(spec).unwrap();
    let profile = serde_json::from_value(profile).unwrap();
    let resources = resources(&spec, "p", &profile)?;
    Ok(json!({"patroni": resources.patroni, "util": resources.postgres_util}))
}

#[rstest]
#[case::default_profile(json!({}), json!({}), json!({}), json!({
    "patroni": {
        "limits": {"cpu": "1", "memory": "2Gi"},
        "requests": {"cpu": "938m", "memory": "1984Mi"},
    },
    "util": {"requests": {"cpu": "62m", "memory": "64Mi"}},
}))]
#[case::requests_of_the_pod(
    json!({}), json!({}),
    json!({"cpu": "4", "memory": "8Gi", "requests": {
        "cpu": "2", "memory": "4Gi", "containers": {"postgres-util": {"cpu": "100m"}},
    }}),
    json!({
        "patroni": {
            "limits": {"cpu": "4", "memory": "8Gi"},
            "requests": {"cpu": "1900m", "memory": "4032Mi"},
        },
        "util": {"requests": {"cpu": "100m", "memory": "64Mi"}},
    }),
)]
#[case::never_below_zero(
    json!({}), json!({}), json!({"cpu": "100m", "memory": "32Mi"}),
    json!({
        "patroni": {
            "limits": {"cpu": "100m", "memory": "32Mi"},
            "requests": {"cpu": "94m", "memory": "0"},
        },
        "util": {"requests": {"cpu": "6m", "memory": "64Mi"}},
    }),
)]
#[case::not_split(
    json!({"resources": {
        "disableResourcesRequestsSplitFromTotal": true,
        "enableClusterLimitsRequirements": true,
    }}),
    json!({}), json!({}),
    json!({
        "patroni": {
            "limits": {"cpu": "1", "memory": "2Gi"},
            "requests": {"cpu": "1", "memory": "2Gi"},
        },
        "util": {
            "limits": {"cpu": "62m", "memory": "64Mi"},
            "requests": {"cpu": "62m", "memory": "64Mi"},
        },
    }),
)]
#[case::development(json!({}), json!({"profile": "development"}), json!({}), json!({
    "patroni": null, "util": null,
}))]
#[case::explicit_option_wins_over_the_profile(
    json!({}),
    json!({
        "profile": "development",
        "nonProductionOptions": {"disablePatroniResourceRequirements": false},
    }),
    json!({}),
    json!({
        "patroni": {
            "limits": {"cpu": "1", "memory": "2Gi"},
            "requests": {"cpu": "1", "memory": "2Gi"},
        },
        "util": null,
    }),
)]
#[case::overridden_by_container(
    json!({"resources": {"containers": {"patroni": {"limits": {"cpu": 3, "memory": "3Gi"}}}}}),
    json!({}), json!({}),
    json!({
        "patroni": {
            "limits": {"cpu": "3", "memory": "3Gi"},
            "requests": {"cpu": "938m", "memory": "1984Mi"},
        },
        "util": {"requests": {"cpu": "62m", "memory": "64Mi"}},
    }),
)]
fn requests_and_limits(
    #[case] pods: Value,
    #[case] more: Value,
    #[case] profile: Value,
    #[case] expected: Value,
) {
    assert_eq!(computed(pods, more, profile), Ok(expected));
}

#[test]
fn the_pooler_and_envoy_take_their_shares_unless_they_are_switched_off() {
    let spec = json!({
        "postgres": {"version": "latest"},
        "instances": 1,
        "pods": {"persistentVolume": {"size": "5Gi"}},
    });
    let spec = serde_json::from_value(spec).unwrap();
    let profile = json!({"containers": {"pgbouncer": {"cpu": "100m", "memory": "128Mi"}}});
    let profile = serde_json::from_value(profile).unwrap();
    let resources = resources(&spec, "p", &profile).unwrap();
    let requests = |of: Option<ResourceRequirements>| json!(of.unwrap().requests);
    assert_eq!(
        requests(resources.pgbouncer),
        json!({"cpu": "100m", "memory": "128Mi"})
    );
    assert_eq!(
        requests(resources.envoy),
        json!({"cpu": "250m", "memory": "128Mi"})
    );
    assert_eq!(
        requests(resources.patroni),
        json!({"cpu": "588m", "memory": "1728Mi"})
    );
}

#[test]
fn sidecars_above_the_total_are_refused_on_request() {
    let problems = computed(
        json!({"resources": {"failWhenTotalIsHigher": true}}),
        json!({}),
        json!({"cpu": "100m", "memory": "32Mi"}),
    )
    .unwrap_err();
    assert_eq!(
        problems[0].field,
        "spec.pods.resources.failWhenTotalIsHigher"
    );
}

#[test]
fn a_quantity_that_is_none_is_refused() {
    let problems = computed(json!({}), json!({}), json!({"cpu": "0", "memory": "2Gi"}));
    assert_eq!(
        problems,
        Err(vec![Invalid::config(
            "SGInstanceProfile/p.spec.cpu",
            "spec.cpu of SGInstanceProfile \"p\": must be more than zero",
        )])
    );
}
