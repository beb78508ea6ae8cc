//! Pods with a real API and real processes.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use howdah_pocket::node::{LogOptions, ProcessUser};
use k8s_openapi::api::core::v1::{ConfigMap, Event, Node, PersistentVolumeClaim, Secret, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{eventually, file_with, is_alive};
use crate::world::{
    World, catalogue, condition, container, phase, processes_of, restarts, waiting,
};

const FOREVER: &str = "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done";

fn first(pod: &mut Value) -> &mut Value {
    &mut pod["spec"]["containers"][0]
}

#[tokio::test]
async fn a_pod_becomes_ready_and_its_status_tells_the_truth() {
    let world = World::new().await.unwrap();
    let created = world
        .pod(
            "echo $POD_IP $HOWDAH_BIND_ADDRESS $HOWDAH_ROOT; exec sleep 1000",
            |pod| {
                first(pod)["env"] = json!([
                    {"name": "HOWDAH_ROOT", "value": ""},
                    {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
                ]);
            },
        )
        .await
        .unwrap();
    let pod = world.ready().await.unwrap();
    let status = pod.status.clone().unwrap();
    let ip = status.pod_ip.clone().unwrap();
    let octets = world.node_address().unwrap().octets();
    assert!(ip.starts_with(&format!("127.{}.1.", octets[1])), "{ip}");
    assert_eq!(
        status.host_ip.unwrap(),
        world.node_address().unwrap().to_string()
    );
    assert_eq!(status.phase.as_deref(), Some("Running"));
    for name in [
        "PodScheduled",
        "Initialized",
        "ContainersReady",
        "PodReadyToStartContainers",
    ] {
        assert_eq!(condition(&pod, name).as_deref(), Some("True"), "{name}");
    }
    let container = container(&pod).unwrap();
    assert_eq!(container.image_id, "postgres-util@1.0");
    assert_eq!((container.ready, container.started), (true, Some(true)));
    let root = world.pod_dir(&created).unwrap().join("root");
    world.printed(&format!("{ip} {ip} {root}\n")).await.unwrap();
    let claimed = world.pod_when("claimed", |pod| {
        pod.spec.as_ref().unwrap().node_name.is_some()
    });
    assert_eq!(
        claimed.await.unwrap().spec.unwrap().node_name.as_deref(),
        Some("pocket")
    );
    world.finish().await.unwrap();
}

#[tokio::test]
async fn an_ended_container_is_restarted_and_remembered() {
    let world = World::new().await.unwrap();
    let script =
        "if [ -e data/x ]; then echo second; exec sleep 1000; fi; touch data/x; echo first; exit 3";
    world
        .pod(script, |pod| {
            pod["spec"]["volumes"] = json!([{"name": "data", "emptyDir": {}}]);
            first(pod)["volumeMounts"] = json!([{"name": "data", "mountPath": "/data"}]);
        })
        .await
        .unwrap();
    world.printed("second").await.unwrap();
    let pod = world
        .pod_when("restarted", |pod| restarts(pod) == 1)
        .await
        .unwrap();
    let last = container(&pod)
        .unwrap()
        .last_state
        .clone()
        .unwrap()
        .terminated
        .unwrap();
    assert_eq!((last.exit_code, last.reason.as_deref()), (3, Some("Error")));
    let previous = LogOptions {
        previous: true,
        ..LogOptions::default()
    };
    assert_eq!(world.logs(previous).await.unwrap(), "first\n");
    world.finish().await.unwrap();
}

#[tokio::test]
async fn a_container_that_keeps_crashing_waits() {
    let world = World::new().await.unwrap();
    world.pod("exit 1", |_| {}).await.unwrap();
    let pod = world
        .pod_when("back-off", |pod| {
            waiting(pod).is_some_and(|(reason, _)| reason == "CrashLoopBackOff")
        })
        .await
        .unwrap();
    assert_eq!(restarts(&pod), 1);
    assert_eq!(phase(&pod), "Running");
    assert!(waiting(&pod).unwrap().1.starts_with("back-off 10s"));
    world.delete(None).await.unwrap();
    world.gone().await.unwrap();
    world.finish().await.unwrap();
}

#[tokio::test]
async fn deleting_is_gentle_and_leaves_nothing() {
    let world = World::new().await.unwrap();
    let kept = world.dir.join("kept");
    std::fs::create_dir(&kept).unwrap();
    let script = "trap 'echo term >> kept/order; exit 0' TERM; sleep 1000 & echo up; while :; do sleep 0.05; done";
    world
        .pod(script, |pod| {
            pod["spec"]["volumes"] = json!([{"name": "kept", "hostPath": {"path": kept}}]);
            first(pod)["volumeMounts"] = json!([{"name": "kept", "mountPath": "/kept"}]);
            first(pod)["lifecycle"] =
                json!({"preStop": {"exec": {"command": ["sh", "-c", "echo hook >> kept/order"]}}});
        })
        .await
        .unwrap();
    let pod = world.ready().await.unwrap();
    world.printed("up").await.unwrap();
    world.delete(None).await.unwrap();
    world.gone().await.unwrap();
    assert_eq!(
        std::fs::read_to_string(kept.join("order")).unwrap(),
        "hook\nterm\n"
    );
    assert!(!world.pod_dir(&pod).unwrap().exists());
    assert_eq!(processes_of(&world.dir), Vec::<i32>::new());
    world.finish().await.unwrap();
}

#[tokio::test]
async fn a_stubborn_container_is_killed_when_its_grace_is_over() {
    let world = World::new().await.unwrap();
    let script = "trap '' TERM; (trap '' TERM; while :; do sleep 0.05; done) & echo up; while :; do sleep 0.05; done";
    world.pod(script, |_| {}).await.unwrap();
    world.printed("up").await.unwrap();
    // The API knows by now that it runs somewhere, or it would not wait for its end.
    let spec = world.get().await.unwrap().spec.unwrap();
    assert!(spec.node_name.is_some());
    let begin = Instant::now();
    world.delete(Some(1)).await.unwrap();
    world.gone().await.unwrap();
    assert!(
        begin.elapsed() >= Duration::from_secs(1),
        "{:?}",
        begin.elapsed()
    );
    assert_eq!(processes_of(&world.dir), Vec::<i32>::new());
    world.finish().await.unwrap();
}

#[tokio::test]
async fn a_forced_deletion_kills_at_once() {
    let world = World::new().await.unwrap();
    world
        .pod(
            "trap '' TERM; echo up; while :; do sleep 0.05; done",
            |_| {},
        )
        .await
        .unwrap();
    world.printed("up").await.unwrap();
    world.delete(Some(0)).await.unwrap();
    world.gone().await.unwrap();
    // A new Pod of the same name begins only when nothing of the old one is left.
    world.pod(FOREVER, |_| {}).await.unwrap();
    let pod = world.ready().await.unwrap();
    let ours = world.pod_dir(&pod).unwrap();
    let others: Vec<_> = processes_of(&world.dir)
        .into_iter()
        .filter(|pid| {
            let environ = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            let text = String::from_utf8_lossy(&environ).into_owned();
            text.contains("HOWDAH_ROOT") && !text.contains(ours.as_str())
        })
        .collect();
    assert_eq!(others, Vec::<i32>::new());
    world.finish().await.unwrap();
}

#[tokio::test]
async fn running_containers_are_adopted_by_the_next_node() {
    let mut world = World::new().await.unwrap();
    world
        .pod(FOREVER, |pod| {
            // Ready only once: a new node must not doubt it.
            first(pod)["readinessProbe"] =
                json!({"exec": {"command": ["true"]}, "periodSeconds": 3600});
        })
        .await
        .unwrap();
    let pod = world.ready().await.unwrap();
    let main = world.pid(&pod, 0, "main").unwrap();
    world.stop_node().await.unwrap();
    assert!(is_alive(main));
    world.start_node().unwrap();
    world.printed("up").await.unwrap();
    let after = world.get().await.unwrap();
    assert_eq!(
        after.status.as_ref().unwrap().pod_ip,
        pod.status.as_ref().unwrap().pod_ip
    );
    assert_eq!(restarts(&after), 0);
    assert!(crate::world::is_ready(&after));
    assert_eq!(world.pid(&pod, 0, "main").unwrap(), main);
    // The new node is in command: it sees the end and restarts.
    kill(Pid::from_raw(main), Signal::SIGKILL).unwrap();
    world
        .pod_when("restarted", |pod| restarts(pod) == 1)
        .await
        .unwrap();
    world.finish().await.unwrap();
}

#[tokio::test]
async fn an_end_that_no_node_has_seen_is_still_told() {
    let mut world = World::new().await.unwrap();
    world
        .pod(
            "trap 'exit 9' TERM; echo up; while :; do sleep 0.05; done",
            |_| {},
        )
        .await
        .unwrap();
    let pod = world.ready().await.unwrap();
    world.printed("up").await.unwrap();
    let (main, shim) = (
        world.pid(&pod, 0, "main").unwrap(),
        world.pid(&pod, 0, "shim").unwrap(),
    );
    world.stop_node().await.unwrap();
    kill(Pid::from_raw(main), Signal::SIGTERM).unwrap();
    eventually("end of the shim", async || {
        Ok((!is_alive(shim)).then_some(()))
    })
    .await
    .unwrap();
    world.start_node().unwrap();
    let after = world
        .pod_when("restarted", |pod| restarts(pod) == 1)
        .await
        .unwrap();
    let last = container(&after)
        .unwrap()
        .last_state
        .clone()
        .unwrap()
        .terminated
        .unwrap();
    assert_eq!(last.exit_code, 9);
    world.finish().await.unwrap();
}

#[tokio::test]
async fn a_killed_shim_takes_the_whole_container_with_it_before_a_restart() {
    let world = World::new().await.unwrap();
    // The child ignores what it can and would hold a data directory.
    let script = "(trap '' TERM HUP; setsid sh -c 'while :; do sleep 0.05; done' &); echo up; exec sleep 1000";
    world.pod(script, |_| {}).await.unwrap();
    world.printed("up").await.unwrap();
    let pod = world.ready().await.unwrap();
    let before = processes_of(&world.dir);
    kill(
        Pid::from_raw(world.pid(&pod, 0, "shim").unwrap()),
        Signal::SIGKILL,
    )
    .unwrap();
    let after = world.pod_when("restarted", |pod| {
        restarts(pod) == 1 && container(pod).unwrap().ready
    });
    let after = after.await.unwrap();
    let last = container(&after)
        .unwrap()
        .last_state
        .clone()
        .unwrap()
        .terminated
        .unwrap();
    assert_eq!(last.exit_code, 137);
    let survivors: Vec<_> = before.into_iter().filter(|pid| is_alive(*pid)).collect();
    assert_eq!(survivors, Vec::<i32>::new());
    world.finish().await.unwrap();
}

#[tokio::test]
async fn stopping_the_node_keeps_the_pods_for_the_next_one() {
    let mut world = World::new().await.unwrap();
    world
        .pod(FOREVER, |pod| pod["spec"]["restartPolicy"] = json!("Never"))
        .await
        .unwrap();
    let pod = world.ready().await.unwrap();
    world.printed("up").await.unwrap();
    assert_eq!(
        world
            .handle()
            .unwrap()
            .stop_all(Duration::from_secs(10))
            .await,
        0
    );
    let main = world.pid(&pod, 0, "main").unwrap();
    assert!(!is_alive(main));
    let stopped = world.get().await.unwrap();
    assert_eq!(
        (phase(&stopped), condition(&stopped, "Ready").as_deref()),
        ("Running", Some("False"))
    );
    world.stop_node().await.unwrap();
    world.start_node().unwrap();
    let again = world.ready().await.unwrap();
    assert_eq!(restarts(&again), 1);
    assert_eq!(again.metadata.uid, pod.metadata.uid);
    world.finish().await.unwrap();
}

#[tokio::test]
async fn what_a_pod_left_while_no_node_was_there_is_cleared_away() {
    let mut world = World::new().await.unwrap();
    world.pod(FOREVER, |_| {}).await.unwrap();
    let pod = world.ready().await.unwrap();
    world.stop_node().await.unwrap();
    world.delete(Some(0)).await.unwrap();
    assert!(!processes_of(&world.dir).is_empty());
    world.start_node().unwrap();
    let folder = world.pod_dir(&pod).unwrap();
    eventually("folder removed", async || {
        Ok((!folder.exists()).then_some(()))
    })
    .await
    .unwrap();
    assert_eq!(processes_of(&world.dir), Vec::<i32>::new());
    world.finish().await.unwrap();
}

#[tokio::test]
async fn config_maps_and_secrets_arrive_as_files_and_variables_and_are_updated() {
    let world = World::new().await.unwrap();
    let map = |value: &str| json!({"metadata": {"name": "m"}, "data": {"key": value}});
    let script = "echo $FROM_SECRET; while :; do cat etc/m/key; echo; sleep 0.05; done";
    let pod = world
        .pod(script, |pod| {
            pod["spec"]["volumes"] = json!([
                {"name": "m", "configMap": {"name": "m"}},
                {"name": "s", "secret": {"secretName": "s", "defaultMode": 0o440}},
            ]);
            first(pod)["volumeMounts"] = json!([
                {"name": "m", "mountPath": "/etc/m"}, {"name": "s", "mountPath": "/etc/s"},
            ]);
            first(pod)["env"] = json!([
                {"name": "FROM_SECRET", "valueFrom": {"secretKeyRef": {"name": "s", "key": "password"}}},
            ]);
        })
        .await
        .unwrap();
    // They may come late.
    world
        .pod_when("waiting", |pod| {
            waiting(pod).is_some_and(|(_, message)| message.contains("\"m\" not found"))
        })
        .await
        .unwrap();
    world.create::<ConfigMap>(map("one")).await.unwrap();
    let secret = json!({"metadata": {"name": "s"}, "stringData": {"password": "hidden"}});
    world.create::<Secret>(secret).await.unwrap();
    assert!(world.printed("one").await.unwrap().starts_with("hidden\n"));
    let root = world.pod_dir(&pod).unwrap().join("root");
    let file = root.join("etc/s/password");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "hidden");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o440);
    let api = world.api::<ConfigMap>().unwrap();
    let patch = Patch::Merge(map("two"));
    api.patch("m", &PatchParams::default(), &patch)
        .await
        .unwrap();
    file_with(&root.join("etc/m/key"), "two").await.unwrap();
    world.printed("two").await.unwrap();
    world.finish().await.unwrap();
}

#[tokio::test]
async fn init_containers_run_first_and_a_finished_pod_has_succeeded() {
    let world = World::new().await.unwrap();
    let mount = json!([{"name": "d", "mountPath": "/d"}]);
    world
        .pod("cat d/order; exit 0", |pod| {
            pod["spec"]["restartPolicy"] = json!("Never");
            pod["spec"]["volumes"] = json!([{"name": "d", "emptyDir": {}}]);
            first(pod)["volumeMounts"] = mount.clone();
            let init = |name: &str| {
                json!({"name": name, "image": crate::world::IMAGE, "volumeMounts": mount,
                    "command": ["sh", "-c", format!("sleep 0.1; echo {name} >> d/order")]})
            };
            pod["spec"]["initContainers"] = json!([init("a"), init("b")]);
        })
        .await
        .unwrap();
    let pod = world
        .pod_when("succeeded", |pod| phase(pod) == "Succeeded")
        .await
        .unwrap();
    let options = || LogOptions::default();
    let log = eventually("log", async || {
        use futures::StreamExt;
        use howdah_pocket::node::PodLogs;
        let stream = world
            .handle()?
            .logs("default", "p", Some("c"), options())
            .await?;
        Ok(Some(
            stream
                .map(|piece| piece.unwrap_or_default())
                .collect::<Vec<_>>()
                .await
                .concat(),
        ))
    });
    assert_eq!(log.await.unwrap(), b"a\nb\n");
    assert_eq!(condition(&pod, "Ready").as_deref(), Some("False"));
    world.delete(None).await.unwrap();
    world.gone().await.unwrap();
    world.finish().await.unwrap();
}

#[tokio::test]
async fn probes_decide_about_readiness_and_restarts() {
    let world = World::new().await.unwrap();
    let probe = |file: &str| json!({"exec": {"command": ["test", "-e", file]}, "periodSeconds": 1, "failureThreshold": 1});
    let pod = world
        .pod(
            "touch tmp/alive tmp/ready; echo up; exec sleep 1000",
            |pod| {
                first(pod)["readinessProbe"] = probe("tmp/ready");
                first(pod)["livenessProbe"] = probe("tmp/alive");
                first(pod)["livenessProbe"]["initialDelaySeconds"] = json!(1);
            },
        )
        .await
        .unwrap();
    world.ready().await.unwrap();
    let tmp = world.pod_dir(&pod).unwrap().join("root/tmp");
    std::fs::remove_file(tmp.join("ready")).unwrap();
    let unready = world.pod_when("unready", |pod| {
        condition(pod, "Ready").as_deref() == Some("False")
    });
    assert_eq!(restarts(&unready.await.unwrap()), 0);
    std::fs::remove_file(tmp.join("alive")).unwrap();
    let again = world.pod_when("restarted", |pod| {
        restarts(pod) == 1 && crate::world::is_ready(pod)
    });
    let last = container(&again.await.unwrap())
        .unwrap()
        .last_state
        .clone()
        .unwrap();
    assert_eq!(last.terminated.unwrap().exit_code, 143);
    world.finish().await.unwrap();
}

#[tokio::test]
async fn an_unknown_image_is_named_and_may_still_come() {
    let world = World::new().await.unwrap();
    world
        .pod(FOREVER, |pod| first(pod)["image"] = json!("bundle/late"))
        .await
        .unwrap();
    let pod = world
        .pod_when("waiting", |pod| {
            waiting(pod).is_some_and(|(reason, _)| reason == "ErrImagePull")
        })
        .await
        .unwrap();
    let file = world.dir.join("components/catalogue.yaml");
    assert_eq!(
        waiting(&pod).unwrap().1,
        format!("image \"bundle/late\" is not in the catalogue {file}")
    );
    let text = serde_json::to_string(&catalogue(&["bundle/late"])).unwrap();
    std::fs::write(&file, text).unwrap();
    world.ready().await.unwrap();
    world.finish().await.unwrap();
}

#[tokio::test]
async fn a_claim_is_awaited_and_its_folder_survives_the_pod() {
    let world = World::new().await.unwrap();
    let volume = world.dir.join("volume");
    std::fs::create_dir(&volume).unwrap();
    world
        .pod("echo row >> data/table; echo up; exec sleep 1000", |pod| {
            pod["spec"]["volumes"] =
                json!([{"name": "d", "persistentVolumeClaim": {"claimName": "claim"}}]);
            first(pod)["volumeMounts"] = json!([{"name": "d", "mountPath": "/data"}]);
        })
        .await
        .unwrap();
    world
        .pod_when("waiting", |pod| {
            waiting(pod).is_some_and(|(_, message)| message.contains("\"claim\" not found"))
        })
        .await
        .unwrap();
    let volumes = Api::<k8s_openapi::api::core::v1::PersistentVolume>::all(world.client().unwrap());
    let object = json!({"metadata": {"name": "v"}, "spec": {
        "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": volume},
    }});
    let object = serde_json::from_value(object).unwrap();
    volumes
        .create(&PostParams::default(), &object)
        .await
        .unwrap();
    let claim = json!({"metadata": {"name": "claim"}, "spec": {
        "accessModes": ["ReadWriteOnce"], "volumeName": "v", "storageClassName": "",
        "resources": {"requests": {"storage": "1Gi"}},
    }});
    world.create::<PersistentVolumeClaim>(claim).await.unwrap();
    let bound = Patch::Merge(json!({"status": {"phase": "Bound"}}));
    let claims = world.api::<PersistentVolumeClaim>().unwrap();
    claims
        .patch_status("claim", &PatchParams::default(), &bound)
        .await
        .unwrap();
    world.printed("up").await.unwrap();
    world.delete(None).await.unwrap();
    world.gone().await.unwrap();
    assert_eq!(
        std::fs::read_to_string(volume.join("table")).unwrap(),
        "row\n"
    );
    world.finish().await.unwrap();
}

#[tokio::test]
async fn a_service_leads_to_the_pod() {
    let world = World::new().await.unwrap();
    let script = "exec python3 -c 'import os,socket,http.server as h; h.HTTPServer((os.environ[\"HOWDAH_BIND_ADDRESS\"],8080),h.SimpleHTTPRequestHandler).serve_forever()'";
    world
        .pod(script, |pod| {
            first(pod)["ports"] = json!([{"name": "web", "containerPort": 8080}]);
            first(pod)["readinessProbe"] = json!({"httpGet": {"port": "web", "path": "/"}});
        })
        .await
        .unwrap();
    let pod = world.ready().await.unwrap();
    let service =
        json!({"metadata": {"name": "s"}, "spec": {"ports": [{"name": "web", "port": 8000}]}});
    let service: Service = world.create(service).await.unwrap();
    let address = service.spec.unwrap().cluster_ip.unwrap();
    let refused = tokio::net::TcpStream::connect((address.as_str(), 8000))
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    let slice = json!({
        "metadata": {"name": "s-1", "labels": {"kubernetes.io/service-name": "s"}},
        "addressType": "IPv4", "ports": [{"name": "web", "port": 8080}],
        "endpoints": [{"addresses": [pod.status.unwrap().pod_ip], "conditions": {"ready": true}}],
    });
    world.create::<EndpointSlice>(slice).await.unwrap();
    let answer = eventually("answer through the service", async || {
        let mut stream = tokio::net::TcpStream::connect((address.as_str(), 8000)).await?;
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        Ok(Some(text))
    });
    assert!(answer.await.unwrap().contains("200 OK"));
    world.finish().await.unwrap();
}

#[tokio::test]
async fn the_node_registers_itself_and_events_are_written() {
    let world = World::new().await.unwrap();
    let nodes: Api<Node> = Api::all(world.client().unwrap());
    let node = eventually("node", async || {
        let node = nodes.get_opt("pocket").await?;
        Ok(node.filter(|node| {
            node.status
                .as_ref()
                .is_some_and(|status| status.conditions.is_some())
        }))
    });
    let status = node.await.unwrap().status.unwrap();
    assert!(status.capacity.unwrap().contains_key("memory"));
    world.pod(FOREVER, |_| {}).await.unwrap();
    world.ready().await.unwrap();
    let events = world.api::<Event>().unwrap();
    eventually("event", async || {
        let found = events.list(&ListParams::default()).await?;
        let reasons: Vec<_> = found
            .items
            .into_iter()
            .filter_map(|event| event.reason)
            .collect();
        Ok(["Scheduled", "Started"]
            .iter()
            .all(|one| reasons.iter().any(|found| found == one))
            .then_some(()))
    })
    .await
    .unwrap();
    world.finish().await.unwrap();
}

#[tokio::test]
async fn a_pod_can_speak_to_the_api_as_its_service_account() {
    let world = World::new().await.unwrap();
    let pod = world
        .pod(
            "cat var/run/secrets/kubernetes.io/serviceaccount/namespace; echo; exec sleep 1000",
            |pod| {
                pod["spec"]["automountServiceAccountToken"] = json!(true);
            },
        )
        .await
        .unwrap();
    world.printed("default").await.unwrap();
    let file = world
        .pod_dir(&pod)
        .unwrap()
        .join("volumes/api.access/kubeconfig");
    let kubeconfig = kube::config::Kubeconfig::read_from(&file).unwrap();
    let options = kube::config::KubeConfigOptions::default();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .unwrap();
    let client = kube::Client::try_from(config).unwrap();
    let review: k8s_openapi::api::authentication::v1::SelfSubjectReview = Api::all(client)
        .create(&PostParams::default(), &Default::default())
        .await
        .unwrap();
    let user = review.status.unwrap().user_info.unwrap();
    assert_eq!(
        user.username.as_deref(),
        Some("system:serviceaccount:default:default")
    );
    for name in ["token", "kubeconfig"] {
        let found = std::fs::metadata(file.with_file_name(name)).unwrap();
        assert_eq!(found.permissions().mode() & 0o777, 0o600, "{name}");
    }
    world.finish().await.unwrap();
}

#[tokio::test]
async fn under_root_pods_run_as_another_account() {
    if !nix::unistd::geteuid().is_root() {
        // An ordinary user cannot become another one, and does not need to.
        return;
    }
    let nobody = ProcessUser {
        name: "nobody".to_owned(),
        uid: 65_534,
        gid: 65_534,
    };
    let mut world = World::with_user(Some(nobody)).await.unwrap();
    world.stop_node().await.unwrap();
    std::fs::set_permissions(&world.dir, Permissions::from_mode(0o700)).unwrap();
    world.start_node().unwrap();
    let error = world.stop_node().await.unwrap_err();
    let text = format!("the folder {} is closed to the account nobody", world.dir);
    assert!(error.to_string().starts_with(&text), "{error}");
    for folder in [world.dir.clone(), world.dir.join("state")] {
        std::fs::set_permissions(folder, Permissions::from_mode(0o711)).unwrap();
    }
    world.start_node().unwrap();
    world
        .create::<Secret>(json!({"metadata": {"name": "s"}, "stringData": {"k": "v"}}))
        .await
        .unwrap();
    let pod = world
        .pod("id -u; id -G; cat s/k; touch d/x home/x tmp/x; rm -f s/k 2>/dev/null && echo removed; echo end; exec sleep 1000", |pod| {
            pod["spec"]["volumes"] = json!([
                {"name": "s", "secret": {"secretName": "s", "defaultMode": 0o400}}, {"name": "d", "emptyDir": {}},
            ]);
            first(pod)["volumeMounts"] = json!([
                {"name": "s", "mountPath": "/s"}, {"name": "d", "mountPath": "/d"},
            ]);
        })
        .await
        .unwrap();
    assert_eq!(world.printed("end").await.unwrap(), "65534\n65534\nvend\n");
    let folder = world.pod_dir(&pod).unwrap();
    assert!(folder.join("volumes/d/x").exists());
    world.delete(None).await.unwrap();
    world.gone().await.unwrap();
    assert!(!folder.exists());
    world.finish().await.unwrap();
}
