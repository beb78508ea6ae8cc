//! The installation's objects are complete, and understood in every field.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::rbac::v1::PolicyRule;
use pretty_assertions::assert_eq;

use super::*;

#[test]
fn nothing_written_in_a_literal_is_lost() {
    let deployment = serde_json::to_value(deployment::deployment()).unwrap();
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container, &deployment::literal());
    let read: Deployment = serde_json::from_value(deployment).unwrap();
    assert_eq!(read.spec.replicas, Some(2));
    let budget = serde_json::to_value(deployment::budget()).unwrap();
    assert_eq!(budget["spec"]["minAvailable"], 1);
}

#[test]
fn nothing_of_the_webhooks_is_lost_and_all_kinds_are_asked_about() {
    let both = webhooks();
    let configurations = [
        (
            "mutating",
            serde_json::to_value(webhooks::mutating()).unwrap(),
        ),
        (
            "validating",
            serde_json::to_value(webhooks::validating()).unwrap(),
        ),
    ];
    for (sort, configuration) in configurations {
        let mut webhook = both[sort][0].clone();
        let namespace = Config::default().namespace.into();
        webhook["clientConfig"]["service"]["namespace"] = namespace;
        assert_eq!(configuration["webhooks"], serde_json::json!([webhook]));
        let asked = webhook["rules"][0]["resources"].as_array().unwrap();
        let names: Vec<_> = howdah_api::crds()
            .into_iter()
            .map(|crd| Value::from(crd.spec.names.plural))
            .collect();
        assert!(names.iter().all(|name| asked.contains(name)), "{names:?}");
        assert_eq!(asked.len(), names.len());
    }
}

#[test]
fn every_object_has_a_kind_and_a_name_of_its_own() {
    let objects = objects();
    let mut names: Vec<_> = objects
        .iter()
        .map(|object| {
            (
                object["kind"].to_string(),
                object["metadata"]["name"].to_string(),
            )
        })
        .collect();
    assert!(
        names
            .iter()
            .all(|(kind, name)| kind != "null" && name != "null")
    );
    names.sort();
    names.dedup();
    assert_eq!(names.len(), objects.len());
}

#[test]
fn the_catalogue_can_be_read_and_has_no_problems() {
    let text = &catalogue().data.unwrap()["catalogue.yaml"];
    let read: howdah_types::catalogue::Catalogue = serde_saphyr::from_str(text).unwrap();
    assert_eq!(read.problems(), Vec::<String>::new());
    assert_eq!(read.components.len(), RELEASED.len());
}

/// Whether one of the rules allows this.
fn allows(rules: &[PolicyRule], group: &str, resource: &str, verb: &str) -> bool {
    let has = |list: &Option<Vec<String>>, what: &str| list.iter().flatten().any(|one| one == what);
    rules.iter().any(|rule| {
        has(&rule.api_groups, group)
            && has(&rule.resources, resource)
            && rule.verbs.iter().any(|one| one == verb)
    })
}

#[test]
fn the_operator_has_every_right_that_it_gives_and_none_over_the_cluster() {
    let rules = cluster_role().rules.unwrap();
    for given in howdah_plan::build::instance_rights() {
        for resource in given.resources.iter().flatten() {
            for verb in &given.verbs {
                let group = &given.api_groups.as_ref().unwrap()[0];
                assert!(allows(&rules, group, resource, verb), "{verb} {resource}");
            }
        }
    }
    for rule in &rules {
        let words = [&rule.api_groups, &rule.resources];
        let mut words = words.into_iter().flatten().flatten().chain(&rule.verbs);
        assert!(words.all(|word| word != "*"), "{rule:?}");
    }
    for (group, resource, verb) in [
        ("", "nodes", "get"),
        ("", "pods/exec", "create"),
        ("", "namespaces", "list"),
        ("", "persistentvolumeclaims", "delete"),
        ("rbac.authorization.k8s.io", "roles", "escalate"),
        ("rbac.authorization.k8s.io", "clusterroles", "create"),
        (howdah_api::GROUP, "sgclusters", "delete"),
    ] {
        assert!(!allows(&rules, group, resource, verb), "{verb} {resource}");
    }
}
