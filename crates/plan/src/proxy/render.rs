//! Envoy's file, but for what only the agent in the Pod knows.

use serde_json::{Value, json};

use super::{DIRECT_PORT, METRICS_PORT, POOLED_PORT, Proxy};
use crate::pooling;

/// What the agent puts in place of these words.
#[derive(Debug, Clone, Copy)]
pub struct Placeholders;

impl Placeholders {
    /// The address to listen on.
    pub const LISTEN: &str = "$(LISTEN_ADDRESS)";
    /// Name of the Pod.
    pub const POD: &str = "$(POD_NAME)";
    /// Address of the Pod, where its pooler and its Postgres are.
    pub const SERVER: &str = "$(POD_IP)";
    /// What stands before every path.
    pub const ROOT: &str = "$(HOWDAH_ROOT)";
}

const API: &str = "type.googleapis.com/envoy.extensions";
/// The time to say who one is, and to agree on encryption.
const PATIENCE: &str = "15s";
/// In effect none: limits are those of the pooler and of Postgres, which have an SQLSTATE for them.
const NO_LIMIT: u32 = 1_000_000;

/// Numbers of Linux for options of sockets, and values by which a peer that is gone is noticed in half a minute.
const KEEPALIVE: [(u32, u32, u32); 5] =
    [(1, 9, 1), (6, 4, 10), (6, 5, 5), (6, 6, 3), (6, 18, 20_000)];

/// Writes the file; `tls` says whether clients can have encryption, `pooled` whether there is a pooler.
pub fn render(cluster: &str, proxy: Proxy, pooled: bool, tls: bool) -> String {
    let mut listeners = Vec::new();
    if pooled || proxy.direct {
        listeners.push(listener("pooled", POOLED_PORT, tls));
    }
    if proxy.direct {
        listeners.push(listener("direct", DIRECT_PORT, tls));
    }
    listeners.push(metrics());
    let behind = if pooled { pooling::PORT } else { 5432 };
    let file = json!({
        "node": {"id": Placeholders::POD, "cluster": cluster},
        // Only for this container: whoever reaches it can stop Envoy.
        "admin": {"address": {"pipe": admin_socket()}},
        "bootstrap_extensions": [{
            "name": "control",
            "typed_config": {
                "@type": format!("{API}.bootstrap.dynamic_modules.v3.DynamicModuleBootstrapExtension"),
                "dynamic_module_config": module(),
                "extension_name": "control",
            },
        }],
        "stats_config": {
            "stats_tags": [
                tag("kind", "pg\\.statements(\\.kind\\.(\\w+))$"),
                tag("sqlstate_class", "pg\\.errors(\\.class\\.(\\w+))$"),
                tag("end", "pg\\.transactions(\\.end\\.(\\w+))$"),
                tag("reason", "pg\\.refused(\\.reason\\.(\\w+))$"),
                tag("answer", "pg\\.encryption_requests(\\.answer\\.(\\w+))$"),
            ],
            "histogram_bucket_settings": [{
                "match": {"suffix": "_time_us"},
                "buckets": [
                    50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 1_000_000, 10_000_000,
                ],
            }],
        },
        "static_resources": {
            "listeners": listeners,
            "clusters": [
                upstream("pooled", socket(Placeholders::SERVER, behind)),
                upstream("direct", socket(Placeholders::SERVER, 5432)),
                upstream("admin", json!({"pipe": admin_socket()})),
            ],
        },
    });
    format!("{file:#}\n")
}

fn below(path: &str) -> String {
    format!("{}/etc/envoy/{path}", Placeholders::ROOT)
}

fn admin_socket() -> Value {
    json!({"path": below("admin.sock"), "mode": 0o600})
}

fn socket(address: &str, port: i32) -> Value {
    json!({"socket_address": {"address": address, "port_value": port}})
}

fn module() -> Value {
    json!({"name": "howdah_envoy_filter", "do_not_close": true, "metrics_namespace": "howdah"})
}

fn tag(name: &str, regex: &str) -> Value {
    json!({"tag_name": name, "regex": regex})
}

fn settings(value: Value) -> Value {
    json!({"@type": "type.googleapis.com/google.protobuf.Struct", "value": value})
}

fn upstream(name: &str, address: Value) -> Value {
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "2s",
        "circuit_breakers": {"thresholds": [{
            "max_connections": NO_LIMIT, "max_pending_requests": NO_LIMIT, "max_requests": NO_LIMIT,
        }]},
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    })
}

fn keepalive() -> Vec<Value> {
    KEEPALIVE
        .iter()
        .map(|(level, name, value)| json!({"level": level, "name": name, "int_value": value}))
        .collect()
}

/// A port for clients of Postgres. One without encryption says so, and lets the client decide.
///
/// With filters of the listener, Envoy drops clients that send a few bytes and close the connection at once, as some
/// drivers do that cancel a query. The filter of the session answers requests for encryption with a no by itself, so
/// they are there only where there is a yes.
fn listener(name: &str, port: i32, tls: bool) -> Value {
    let mut filters = Vec::new();
    let mut chains = Vec::new();
    if tls {
        filters.push(json!({
            "name": "tls_request",
            "typed_config": {
                "@type": format!("{API}.filters.listener.dynamic_modules.v3.DynamicModuleListenerFilter"),
                "dynamic_module_config": module(),
                "filter_name": "tls_request",
                "filter_config": settings(json!({"tls": "offer"})),
            },
        }));
        filters.push(json!({
            "name": "envoy.filters.listener.tls_inspector",
            "typed_config": {"@type": format!("{API}.filters.listener.tls_inspector.v3.TlsInspector")},
        }));
        chains.push(json!({
            "filter_chain_match": {"transport_protocol": "tls"},
            "transport_socket_connect_timeout": PATIENCE,
            "transport_socket": encryption(),
            "filters": session(name),
        }));
        chains.push(json!({
            "filter_chain_match": {"transport_protocol": "raw_buffer"},
            "filters": session(name),
        }));
    } else {
        chains.push(json!({"filters": session(name)}));
    }
    json!({
        "name": name,
        // In the names of metrics, where it otherwise is the address.
        "stat_prefix": name,
        "address": socket(Placeholders::LISTEN, port),
        "tcp_backlog_size": 1024,
        "socket_options": keepalive(),
        "listener_filters_timeout": PATIENCE,
        "listener_filters": filters,
        "filter_chains": chains,
    })
}

/// The certificate is in a file of its own, which is replaced without ending a session.
fn encryption() -> Value {
    json!({
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": format!("{API}.transport_sockets.tls.v3.DownstreamTlsContext"),
            "common_tls_context": {
                "alpn_protocols": ["postgresql"],
                "tls_certificate_sds_secret_configs": [{
                    "name": "server",
                    "sds_config": {
                        "path_config_source": {"path": below("sds.json")},
                        "resource_api_version": "V3",
                    },
                }],
            },
        },
    })
}

fn session(name: &str) -> Value {
    json!([
        {
            "name": "postgres",
            "typed_config": {
                "@type": format!("{API}.filters.network.dynamic_modules.v3.DynamicModuleNetworkFilter"),
                "dynamic_module_config": module(),
                "filter_name": "postgres",
                "filter_config": settings(json!({"requireTls": false})),
            },
        },
        {
            "name": "envoy.filters.network.tcp_proxy",
            "typed_config": {
                "@type": format!("{API}.filters.network.tcp_proxy.v3.TcpProxy"),
                "stat_prefix": name,
                "cluster": name,
                "idle_timeout": "0s",
                "upstream_connect_mode": "ON_DOWNSTREAM_DATA",
                "max_early_data_bytes": 16384,
                "access_log": [access_log()],
            },
        },
    ])
}

/// One line for every session, at its end.
fn access_log() -> Value {
    json!({
        "name": "envoy.access_loggers.stdout",
        "typed_config": {
            "@type": format!("{API}.access_loggers.stream.v3.StdoutAccessLog"),
            "log_format": {"json_format": {
                "user": "%DYNAMIC_METADATA(howdah:user)%",
                "database": "%DYNAMIC_METADATA(howdah:database)%",
                "application": "%DYNAMIC_METADATA(howdah:application_name)%",
                "statements": "%DYNAMIC_METADATA(howdah:statements)%",
                "transactions": "%DYNAMIC_METADATA(howdah:transactions)%",
                "rows": "%DYNAMIC_METADATA(howdah:rows)%",
                "errors": "%DYNAMIC_METADATA(howdah:errors)%",
                "sqlstate": "%DYNAMIC_METADATA(howdah:sqlstate)%",
                "tls": "%DOWNSTREAM_TLS_VERSION%",
                "sni": "%REQUESTED_SERVER_NAME%",
                "client": "%DOWNSTREAM_REMOTE_ADDRESS%",
                "ms": "%DURATION%",
                "details": "%CONNECTION_TERMINATION_DETAILS%",
            }},
        },
    })
}

/// What other Pods may read of the admin interface, and nothing else of it.
fn metrics() -> Value {
    json!({
        "name": "metrics",
        "stat_prefix": "metrics",
        "address": socket(Placeholders::LISTEN, METRICS_PORT),
        "filter_chains": [{"filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": {
                "@type": format!("{API}.filters.network.http_connection_manager.v3.HttpConnectionManager"),
                "stat_prefix": "metrics",
                "codec_type": "HTTP1",
                "request_headers_timeout": "5s",
                "request_timeout": "15s",
                "common_http_protocol_options": {"idle_timeout": "60s"},
                "route_config": {"virtual_hosts": [{
                    "name": "metrics",
                    "domains": ["*"],
                    "routes": [page("/stats/prometheus"), page("/ready")],
                }]},
                "http_filters": [{
                    "name": "envoy.filters.http.router",
                    "typed_config": {"@type": format!("{API}.filters.http.router.v3.Router")},
                }],
            },
        }]}],
    })
}

/// A page of the admin interface, to be read.
fn page(path: &str) -> Value {
    json!({
        "match": {
            "path": path,
            "headers": [{"name": ":method", "string_match": {"exact": "GET"}}],
        },
        "route": {"cluster": "admin"},
    })
}
