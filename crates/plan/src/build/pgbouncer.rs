//! The container that runs the connection pooler.

use k8s_openapi::api::core::v1::Container;

use super::container::{platform_env, port, unprivileged, with_users};
use super::service::PG_PORT;
use super::volume;
use crate::names::PGBOUNCER;
use crate::pooling::PORT;
use crate::validated::ValidatedCluster;

/// Waits for the file that the agent writes. PgBouncer takes SIGTERM as "wait until every client has left", which
/// may be for ever; SIGINT lets transactions end. One that dies is started again at once, as Envoy is.
///
/// It has a descriptor for each client and each server, and no answer for those that come when it has no more. So it
/// gets as many as the container may have; some runtimes begin with 1024. Envoy takes them by itself.
const RUN: &str = "\
ulimit -Sn \"$(ulimit -Hn)\"; \
trap 'exit 0' TERM INT; \
until [ -e \"$0\" ]; do sleep 0.1; done; \
end=; trap 'end=1; kill -INT $pid 2>/dev/null' TERM INT; \
while :; do \
began=$(date +%s); \
pgbouncer \"$0\" & pid=$!; \
[ -z \"$end\" ] || kill -INT $pid; \
wait $pid; code=$?; \
while kill -0 $pid 2>/dev/null; do wait $pid; code=$?; done; \
[ -z \"$end\" ] && [ $(($(date +%s) - began)) -ge 10 ] || exit $code; \
echo \"pgbouncer ended with $code and is started again\"; \
done";

pub(super) fn pgbouncer(cluster: &ValidatedCluster) -> Container {
    let file = format!("$(HOWDAH_ROOT){}/pgbouncer.ini", volume::PGBOUNCER_PATH);
    let container = Container {
        name: PGBOUNCER.to_owned(),
        image: Some(cluster.images.pgbouncer.clone()),
        command: Some(["/bin/sh", "-c", RUN].map(str::to_owned).to_vec()),
        args: Some(vec![file]),
        // The Services lead to Envoy, if there is one.
        ports: cluster.proxy.is_none().then(|| vec![port(PG_PORT, PORT)]),
        resources: cluster.resources.pgbouncer.clone(),
        security_context: Some(unprivileged()),
        volume_mounts: Some(volume::pgbouncer_mounts(cluster)),
        env: Some(platform_env()),
        ..Container::default()
    };
    with_users(cluster, container)
}
