//! What a hardened cluster asks of Pods, and what a drain may take away.

use pretty_assertions::assert_eq;

use super::*;

#[test]
fn one_instance_alone_never_blocks_a_drain() {
    let alone = NINE_LINES.replace("instances: 3", "instances: 1");
    assert_eq!(objects(&manifest(&alone), None).disruption_budget, None);
    let zero = NINE_LINES.replace("instances: 3", "instances: 0");
    assert_eq!(objects(&manifest(&zero), None).disruption_budget, None);
    let budget = objects(&manifest(NINE_LINES), None).disruption_budget;
    let spec = serde_json::to_value(budget.unwrap().spec).unwrap();
    assert_eq!(spec["minAvailable"], 2);
    assert_eq!(spec["unhealthyPodEvictionPolicy"], "AlwaysAllow");
}

/// The rules of <https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted>, and a
/// root that cannot be written.
#[test]
fn a_hardened_cluster_accepts_every_container_of_ours() {
    let objects = objects(&manifest(NINE_LINES), None);
    for pod in &objects.pods {
        let spec = serde_json::to_value(pod.spec.as_ref().unwrap()).unwrap();
        let pod = &spec["securityContext"];
        assert_eq!(pod["runAsNonRoot"], true);
        for id in ["runAsUser", "runAsGroup", "fsGroup"] {
            assert_eq!(pod[id], 999);
        }
        assert_eq!(pod["seccompProfile"]["type"], "RuntimeDefault");
        for container in spec["containers"].as_array().unwrap() {
            let context = &container["securityContext"];
            assert_eq!(context["allowPrivilegeEscalation"], false);
            assert_eq!(context["readOnlyRootFilesystem"], true);
            assert_eq!(context["capabilities"], json!({"drop": ["ALL"]}));
            assert_eq!(context["privileged"], Value::Null);
        }
        let volumes = spec["volumes"].as_array().unwrap();
        assert!(volumes.iter().all(|volume| volume["hostPath"].is_null()));
    }
}
