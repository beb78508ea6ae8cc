//! The life of a Pod with several containers: sidecars, hooks, policies, and what its status says of resources.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::world::{IMAGE, World, container, is_ready, phase, restarts};

const FOREVER: &str = "trap 'exit 0' TERM; while :; do sleep 0.05; done";

fn sidecar(script: &str) -> Value {
    json!({"name": "side", "image": IMAGE, "restartPolicy": "Always",
        "command": ["sh", "-c", script]})
}

/// Gives all containers of a Pod a folder in common.
fn share(pod: &mut Value) {
    pod["spec"]["volumes"] = json!([{"name": "d", "emptyDir": {}}]);
    for list in ["initContainers", "containers"] {
        for container in pod["spec"][list].as_array_mut().into_iter().flatten() {
            container["volumeMounts"] = json!([{"name": "d", "mountPath": "/d"}]);
        }
    }
}

#[tokio::test]
async fn a_sidecar_begins_first_and_ends_last_and_the_pod_succeeds() {
    let world = World::new().await.unwrap();
    let side = "trap 'echo side ends >> d/order; exit 0' TERM; echo side >> d/order; \
                while :; do sleep 0.02; done";
    let main = "until grep -q side d/order; do sleep 0.02; done; echo main >> d/order; \
                echo main ends >> d/order";
    let pod = world
        .pod(main, |pod| {
            pod["spec"]["restartPolicy"] = json!("Never");
            pod["spec"]["initContainers"] = json!([sidecar(side)]);
            share(pod);
        })
        .await
        .unwrap();
    let done = world
        .pod_when("succeeded", |pod| phase(pod) == "Succeeded")
        .await
        .unwrap();
    let order = world.pod_dir(&pod).unwrap().join("volumes/d/order");
    let order = std::fs::read_to_string(order).unwrap();
    assert_eq!(order, "side\nmain\nmain ends\nside ends\n");
    let status = done.status.unwrap();
    let init = &status.init_container_statuses.unwrap()[0];
    assert_eq!(
        init.state
            .as_ref()
            .unwrap()
            .terminated
            .as_ref()
            .unwrap()
            .exit_code,
        0
    );
    world.finish().await.unwrap();
}

#[tokio::test]
async fn a_sidecar_counts_for_readiness_and_is_started_again() {
    let world = World::new().await.unwrap();
    let side = format!("if [ ! -e d/again ]; then touch d/again; sleep 0.2; exit 3; fi; {FOREVER}");
    world
        .pod(FOREVER, |pod| {
            let mut side = sidecar(&side);
            side["readinessProbe"] = json!({"exec": {"command": ["test", "-e", "d/ready"]},
                "periodSeconds": 1});
            pod["spec"]["initContainers"] = json!([side]);
            share(pod);
        })
        .await
        .unwrap();
    let side = |pod: &k8s_openapi::api::core::v1::Pod| {
        let status = pod.status.clone().unwrap_or_default();
        status
            .init_container_statuses
            .unwrap_or_default()
            .first()
            .cloned()
    };
    let found = world.pod_when("sidecar again", |pod| {
        side(pod).is_some_and(|side| side.restart_count == 1 && side.started == Some(true))
    });
    let pod = found.await.unwrap();
    assert!(!is_ready(&pod) && restarts(&pod) == 0);
    let volume = world.pod_dir(&pod).unwrap().join("volumes/d/ready");
    std::fs::write(volume, "").unwrap();
    let pod = world.ready().await.unwrap();
    assert!(side(&pod).unwrap().ready);
    assert_eq!(phase(&pod), "Running");
    world.finish().await.unwrap();
}

#[tokio::test]
async fn hooks_run_in_the_container_and_the_stop_waits_for_its_own() {
    let world = World::new().await.unwrap();
    let script = "trap 'echo term >> d/order; exit 0' TERM; while :; do sleep 0.02; done";
    let pod = world
        .pod(script, |pod| {
            pod["spec"]["containers"][0]["lifecycle"] = json!({
                "postStart": {"exec": {"command": ["sh", "-c", "echo begun >> d/order"]}},
                "preStop": {"exec": {"command": ["sh", "-c", "sleep 0.2; echo hook >> d/order"]}},
            });
            // A claim outlives the Pod, so that its last words can be read.
            pod["spec"]["containers"][0]["volumeMounts"] =
                json!([{"name": "d", "mountPath": "/d"}]);
            pod["spec"]["volumes"] = json!([{"name": "d",
                "hostPath": {"path": world_folder(&world), "type": "DirectoryOrCreate"}}]);
        })
        .await;
    pod.unwrap();
    let order = camino::Utf8PathBuf::from(world_folder(&world)).join("order");
    crate::support::file_with(&order, "begun").await.unwrap();
    world.ready().await.unwrap();
    world.delete(None).await.unwrap();
    world.gone().await.unwrap();
    assert_eq!(
        std::fs::read_to_string(order).unwrap(),
        "begun\nhook\nterm\n"
    );
    world.finish().await.unwrap();
}

fn world_folder(world: &World) -> String {
    world.dir.join("shared").into_string()
}

#[tokio::test]
async fn resources_are_recorded_in_the_status() {
    let world = World::new().await.unwrap();
    let wanted =
        json!({"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}});
    world
        .pod(FOREVER, |pod| {
            pod["spec"]["containers"][0]["resources"] = wanted.clone();
        })
        .await
        .unwrap();
    let pod = world.ready().await.unwrap();
    let found = container(&pod).unwrap();
    assert_eq!(serde_json::to_value(&found.resources).unwrap(), wanted);
    let allocated = serde_json::to_value(&found.allocated_resources).unwrap();
    assert_eq!(allocated, wanted["requests"]);
    assert_eq!(
        pod.status.as_ref().unwrap().qos_class.as_deref(),
        Some("Burstable")
    );
    world.finish().await.unwrap();
}
