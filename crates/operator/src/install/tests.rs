//! The installation's objects are complete, and understood in every field.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::rbac::v1::PolicyRule;
use pretty_assertions::assert_eq;

use super::*;

/// Bound to two namespaces, and with policies.
fn bound() -> Options {
    Options {
        namespaces: ["a", "b"].map(str::to_owned).into(),
        network_policies: true,
    }
}

#[test]
fn nothing_written_in_a_literal_is_lost() {
    for options in [Options::default(), bound()] {
        let deployment = serde_json::to_value(deployment::deployment(&options)).unwrap();
        let container = &deployment["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container, &deployment::literal(&options));
        let read: Deployment = serde_json::from_value(deployment).unwrap();
        assert_eq!(read.spec.replicas, Some(2));
    }
    let policy = serde_json::to_value(deployment::policy()).unwrap();
    assert_eq!(policy["spec"]["ingress"][0]["ports"][0]["port"], "webhook");
    let budget = serde_json::to_value(deployment::budget()).unwrap();
    assert_eq!(budget["spec"]["minAvailable"], 1);
}

#[test]
fn nothing_of_the_webhooks_is_lost_and_all_kinds_are_asked_about() {
    let both = webhooks();
    let configurations = [
        (
            "mutating",
            serde_json::to_value(webhooks::mutating(&Options::default())).unwrap(),
        ),
        (
            "validating",
            serde_json::to_value(webhooks::validating(&Options::default())).unwrap(),
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
    for options in [Options::default(), bound()] {
        let objects = objects(&options);
        let mut names: Vec<_> = objects
            .iter()
            .map(|object| {
                let metadata = &object["metadata"];
                let of = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                [
                    of(&object["kind"]),
                    of(&metadata["namespace"]),
                    of(&metadata["name"]),
                ]
            })
            .collect();
        assert!(
            names
                .iter()
                .all(|[kind, _, name]| !kind.is_empty() && !name.is_empty())
        );
        names.sort();
        names.dedup();
        assert_eq!(names.len(), objects.len());
    }
}

#[test]
fn an_operator_that_is_bound_to_namespaces_has_rights_in_them_alone() {
    let objects = objects(&bound());
    let of = |kind: &str| -> Vec<_> {
        let found = objects.iter().filter(|object| object["kind"] == kind);
        found.collect()
    };
    let places: Vec<_> = of("Role")
        .iter()
        .map(|role| {
            let metadata = &role["metadata"];
            let text = |key: &str| metadata[key].as_str().unwrap().to_owned();
            (text("namespace"), text("name"))
        })
        .collect();
    let place = |namespace: &str, name: &str| (namespace.to_owned(), name.to_owned());
    assert_eq!(
        places,
        [
            place("howdah-system", "howdah-operator-home"),
            place("a", "howdah-operator"),
            place("b", "howdah-operator"),
        ]
    );
    assert_eq!(of("RoleBinding").len(), places.len());
    let cluster_role = of("ClusterRole")[0];
    assert_eq!(
        cluster_role["rules"],
        serde_json::to_value(rights().of_cluster).unwrap()
    );
    let home = serde_json::to_string(&of("Role")[0]["rules"]).unwrap();
    assert!(!home.contains("pods") && !home.contains("roles"), "{home}");
    for webhooks in [
        of("MutatingWebhookConfiguration"),
        of("ValidatingWebhookConfiguration"),
    ] {
        let named = &webhooks[0]["webhooks"][0]["namespaceSelector"]["matchExpressions"][1];
        assert_eq!(named["values"], serde_json::json!(["a", "b"]));
    }
    assert_eq!(of("NetworkPolicy").len(), 1);
}

#[test]
fn the_manifest_reads_back_as_its_objects_after_the_definitions() {
    let text = manifest(&bound()).unwrap();
    let read: Vec<Value> = text
        .split("---\n")
        .filter(|document| !document.is_empty())
        .map(|document| serde_saphyr::from_str(document).unwrap())
        .collect();
    let definitions = howdah_api::crds().len();
    assert_eq!(read[definitions..], objects(&bound()));
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
    let rules = [rights().working, rights().of_cluster].concat();
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
