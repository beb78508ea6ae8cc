//! Envoy's configuration: a listener for each way that leads through it.

use camino::Utf8Path;

use super::stack::{PGBOUNCER, POSTGRES, Way};

const TYPES: &str = "type.googleapis.com/envoy.extensions";
const MODULE: &str = "{name: howdah_envoy_filter, do_not_close: true}";

/// All of it. The address is that of everything.
pub(crate) fn config(ip: &str, folder: &Utf8Path) -> String {
    let ways = Way::ALL.into_iter().filter(|way| way.is_envoy());
    let listeners: String = ways.map(|way| listener(way, ip, folder)).collect();
    let clusters = cluster("postgres", ip, POSTGRES) + &cluster("pgbouncer", ip, PGBOUNCER);
    format!("static_resources:\n  listeners:\n{listeners}  clusters:\n{clusters}")
}

fn cluster(name: &str, ip: &str, port: u16) -> String {
    format!(
        "  - {{name: {name}, type: STATIC, connect_timeout: 5s, \
         circuit_breakers: {{thresholds: [{{max_connections: 100000, max_pending_requests: 100000, max_requests: 100000}}]}}, load_assignment: {{cluster_name: {name}, \
         endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: {ip}, port_value: {port}}}}}}}}}]}}]}}}}\n"
    )
}

fn listener(way: Way, ip: &str, folder: &Utf8Path) -> String {
    let port = way.port();
    let filters = filters(way);
    let (before, chain) = if way.is_tls() {
        (
            format!(
                "[{{name: tls_request, typed_config: {{\"@type\": {TYPES}.filters.listener.dynamic_modules.v3.DynamicModuleListenerFilter, \
                 dynamic_module_config: {MODULE}, filter_name: tls_request, \
                 filter_config: {{\"@type\": type.googleapis.com/google.protobuf.Struct, value: {{tls: offer}}}}}}}}]"
            ),
            format!(
                "{{filter_chain_match: {{transport_protocol: tls}}, filters: {filters}, transport_socket: \
                 {{name: envoy.transport_sockets.tls, typed_config: {{\"@type\": {TYPES}.transport_sockets.tls.v3.DownstreamTlsContext, \
                 common_tls_context: {{tls_certificates: [{{certificate_chain: {{filename: {folder}/tls.crt}}, \
                 private_key: {{filename: {folder}/tls.key}}}}]}}}}}}}}"
            ),
        )
    } else {
        ("[]".to_owned(), format!("{{filters: {filters}}}"))
    };
    format!(
        "  - {{name: way{port}, address: {{socket_address: {{address: {ip}, port_value: {port}}}}}, \
         listener_filters: {before}, filter_chains: [{chain}]}}\n"
    )
}

fn filters(way: Way) -> String {
    let cluster = if way.is_pooled() {
        "pgbouncer"
    } else {
        "postgres"
    };
    let early = if way.has_filter() {
        ", upstream_connect_mode: ON_DOWNSTREAM_DATA, max_early_data_bytes: 16384"
    } else {
        ""
    };
    let proxy = format!(
        "{{name: envoy.filters.network.tcp_proxy, typed_config: {{\"@type\": {TYPES}.filters.network.tcp_proxy.v3.TcpProxy, \
         stat_prefix: way, cluster: {cluster}, idle_timeout: 0s{early}}}}}"
    );
    if !way.has_filter() {
        return format!("[{proxy}]");
    }
    format!(
        "[{{name: postgres, typed_config: {{\"@type\": {TYPES}.filters.network.dynamic_modules.v3.DynamicModuleNetworkFilter, \
         dynamic_module_config: {MODULE}, filter_name: postgres, \
         filter_config: {{\"@type\": type.googleapis.com/google.protobuf.Struct, value: {{requireTls: false}}}}}}}}, {proxy}]"
    )
}
