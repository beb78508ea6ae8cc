//! The container that runs Envoy, through which clients come in.

use k8s_openapi::api::core::v1::{Container, HTTPGetAction, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::config_map::envoy_file;
use super::container::{platform_env, port, unprivileged, value, with_users};
use super::service::{PG_PORT, REPLICATION_PORT};
use super::volume;
use crate::hash::hash;
use crate::names::ENVOY;
use crate::proxy::{DIRECT_PORT, METRICS_PORT, POOLED_PORT, Proxy};
use crate::validated::ValidatedCluster;

/// The name of the port that Prometheus asks.
pub(super) const METRICS: &str = "envoy-metrics";

/// Waits for the file that the agent writes. An Envoy that dies is started again at once, which takes a kubelet a
/// second or two; one that dies again within ten seconds is left to the kubelet, which waits longer each time.
///
/// Sessions must be able to end their transactions before their Pod goes, and to be told why they end. So Envoy is
/// only stopped when the agent has ended, which stops Postgres; or after 15 seconds, if there is no agent.
const RUN: &str = "\
trap 'exit 0' TERM INT; \
file=\"$0/envoy-$POD_IP.json\"; until [ -e \"$file\" ]; do sleep 0.1; done; \
end=; trap 'end=1' TERM INT; \
while :; do \
began=$(date +%s); \
envoy -c \"$file\" --concurrency \"$1\" --disable-hot-restart --log-level warning \
--file-flush-interval-msec 1000 & pid=$!; \
while [ -z \"$end\" ] && kill -0 $pid 2>/dev/null; do wait $pid; code=$?; done; \
if [ -n \"$end\" ]; then \
left=150; \
while [ ! -e \"$0/ended\" ] && [ $left -gt 0 ] && kill -0 $pid 2>/dev/null; do \
sleep 0.1; left=$((left - 1)); done; \
kill $pid 2>/dev/null; wait $pid; rm -f \"$0/admin.sock\"; exit 0; \
fi; \
[ $(($(date +%s) - began)) -ge 10 ] || exit $code; \
echo \"envoy ended with $code and is started again\"; \
done";

pub(super) fn envoy(cluster: &ValidatedCluster, proxy: Proxy) -> Container {
    let mut env = platform_env();
    // Envoy reads its file once, so another one asks for another Pod.
    env.push(value("HOWDAH_PROXY_FILE", &hash(&envoy_file(cluster))));
    let mut ports = vec![port(PG_PORT, POOLED_PORT)];
    if proxy.direct {
        ports.push(port(REPLICATION_PORT, DIRECT_PORT));
    }
    ports.push(port(METRICS, METRICS_PORT));
    let folder = format!("$(HOWDAH_ROOT){}", volume::ENVOY_PATH);
    let container = Container {
        name: ENVOY.to_owned(),
        image: Some(cluster.images.envoy.clone()),
        command: Some(["/bin/sh", "-c", RUN].map(str::to_owned).to_vec()),
        args: Some(vec![folder, proxy.threads.to_string()]),
        ports: Some(ports),
        readiness_probe: Some(readiness()),
        resources: cluster.resources.envoy.clone(),
        security_context: Some(unprivileged()),
        volume_mounts: Some(volume::envoy_mounts()),
        env: Some(env),
        ..Container::default()
    };
    with_users(cluster, container)
}

/// An instance without its way in is not ready. There is no liveness probe: sessions go on while the thread that
/// would answer it is busy.
fn readiness() -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some("/ready".to_owned()),
            port: IntOrString::Int(METRICS_PORT),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(2),
        failure_threshold: Some(6),
        ..Probe::default()
    }
}
