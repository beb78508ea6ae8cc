//! A configuration of Envoy with a listener for each way in which the filters are used.

use std::net::SocketAddr;

use camino::Utf8Path;

/// The name that the certificate is for.
pub(crate) const HOST: &str = "pg.test";

/// A way to use the filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// TLS for those who want it.
    Offer,
    /// TLS for all.
    Require,
    /// No TLS: it is answered with a no.
    Refuse,
    /// As `Refuse`, with a second for the startup message.
    Hurried,
    /// The network filter alone, and the server is dialled when the client has said who it is.
    Bare,
    /// The network filter alone, and TLS is demanded all the same.
    BareRequire,
    /// The network filter alone in front of a tcp_proxy as it is by default: it dials at once and reads afterwards.
    Immediate,
    /// As `Refuse`, and behind it is not Postgres but whatever listens at [`ELSEWHERE`].
    Elsewhere,
    /// Envoy without the filters, to compare with.
    Plain,
}

/// The port of the second server.
pub(crate) const ELSEWHERE: u16 = 5433;
/// The port of Postgres.
pub(crate) const POSTGRES: u16 = 5432;
/// The port of Envoy's admin address.
pub(crate) const ADMIN: u16 = 8001;

impl Way {
    pub(crate) const ALL: [Self; 9] = [
        Self::Offer,
        Self::Require,
        Self::Refuse,
        Self::Hurried,
        Self::Bare,
        Self::BareRequire,
        Self::Immediate,
        Self::Elsewhere,
        Self::Plain,
    ];

    /// The port of its listener.
    pub(crate) const fn port(self) -> u16 {
        7432 + self as u16
    }

    const fn tls(self) -> bool {
        matches!(self, Self::Offer | Self::Require)
    }

    const fn bare(self) -> bool {
        matches!(
            self,
            Self::Bare | Self::BareRequire | Self::Immediate | Self::Plain
        )
    }

    /// The configuration of the network filter.
    fn postgres(self) -> &'static str {
        match self {
            Self::Require | Self::BareRequire => "{requireTls: true}",
            Self::Hurried => "{requireTls: false, startupSeconds: 1}",
            _ => "{requireTls: false}",
        }
    }

    fn listener(self, address: SocketAddr, folder: &Utf8Path) -> String {
        let (ip, port) = (address.ip(), self.port());
        let seconds = if self == Self::Hurried { 1 } else { 15 };
        let listener_filters = if self.bare() {
            "[]".to_owned()
        } else {
            self.listener_filters()
        };
        let filters = self.filters(folder);
        let chains = if self.tls() {
            format!(
                "[{{filter_chain_match: {{transport_protocol: tls}}, transport_socket_connect_timeout: 15s, \
                 transport_socket: {}, filters: {filters}}}, \
                 {{filter_chain_match: {{transport_protocol: raw_buffer}}, filters: {filters}}}]",
                tls(folder)
            )
        } else {
            format!("[{{filters: {filters}}}]")
        };
        format!(
            "  - {{name: way{port}, address: {{socket_address: {{address: {ip}, port_value: {port}}}}}, \
             listener_filters_timeout: {seconds}s, listener_filters: {listener_filters}, filter_chains: {chains}}}\n"
        )
    }

    fn listener_filters(self) -> String {
        let (tls, inspector) = if self.tls() {
            (
                "offer",
                ", {name: envoy.filters.listener.tls_inspector, typed_config: {\"@type\": \
              type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector}}",
            )
        } else {
            ("refuse", "")
        };
        format!(
            "[{{name: tls_request, typed_config: {{\"@type\": \
             type.googleapis.com/envoy.extensions.filters.listener.dynamic_modules.v3.DynamicModuleListenerFilter, \
             dynamic_module_config: {MODULE}, filter_name: tls_request, \
             filter_config: {{\"@type\": type.googleapis.com/google.protobuf.Struct, value: {{tls: {tls}}}}}}}}}{inspector}]"
        )
    }

    fn filters(self, folder: &Utf8Path) -> String {
        let early = if matches!(self, Self::Immediate | Self::Plain) {
            ""
        } else {
            "upstream_connect_mode: ON_DOWNSTREAM_DATA, max_early_data_bytes: 16384, "
        };
        let cluster = if self == Self::Elsewhere {
            "elsewhere"
        } else {
            "postgres"
        };
        let proxy = format!(
            "{{name: envoy.filters.network.tcp_proxy, typed_config: {{\"@type\": \
             type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: way{}, \
             cluster: {cluster}, idle_timeout: 0s, {early}access_log: [{}]}}}}",
            self.port(),
            access_log(folder)
        );
        if self == Self::Plain {
            return format!("[{proxy}]");
        }
        format!(
            "[{{name: postgres, typed_config: {{\"@type\": \
             type.googleapis.com/envoy.extensions.filters.network.dynamic_modules.v3.DynamicModuleNetworkFilter, \
             dynamic_module_config: {MODULE}, filter_name: postgres, \
             filter_config: {{\"@type\": type.googleapis.com/google.protobuf.Struct, value: {}}}}}}}, {proxy}]",
            self.postgres()
        )
    }
}

const MODULE: &str = "{name: howdah_envoy_filter, do_not_close: true, metrics_namespace: howdah}";

fn tls(folder: &Utf8Path) -> String {
    format!(
        "{{name: envoy.transport_sockets.tls, typed_config: {{\"@type\": \
         type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext, \
         common_tls_context: {{alpn_protocols: [postgresql], tls_certificates: \
         [{{certificate_chain: {{filename: {folder}/tls.crt}}, private_key: {{filename: {folder}/tls.key}}}}]}}}}}}"
    )
}

fn access_log(folder: &Utf8Path) -> String {
    format!(
        "{{name: envoy.access_loggers.file, typed_config: {{\"@type\": \
         type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: {folder}/access.log, \
         log_format: {{json_format: {{user: \"%DYNAMIC_METADATA(howdah:user)%\", \
         database: \"%DYNAMIC_METADATA(howdah:database)%\", \
         application: \"%DYNAMIC_METADATA(howdah:application_name)%\", \
         statements: \"%DYNAMIC_METADATA(howdah:statements)%\", \
         errors: \"%DYNAMIC_METADATA(howdah:errors)%\", sqlstate: \"%DYNAMIC_METADATA(howdah:sqlstate)%\", \
         rows: \"%DYNAMIC_METADATA(howdah:rows)%\", \
         tls: \"%DOWNSTREAM_TLS_VERSION%\", sni: \"%REQUESTED_SERVER_NAME%\", \
         details: \"%CONNECTION_TERMINATION_DETAILS%\"}}}}}}}}"
    )
}

fn cluster(name: &str, address: SocketAddr) -> String {
    format!(
        "  - {{name: {name}, type: STATIC, connect_timeout: 5s, \
         circuit_breakers: {{thresholds: [{{max_connections: 100000}}]}}, load_assignment: {{cluster_name: {name}, \
         endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: {}, port_value: {}}}}}}}}}]}}]}}}}\n",
        address.ip(),
        address.port()
    )
}

/// What Envoy reads: all listeners, the control of held clients, and labels for the metrics.
pub(crate) fn envoy(address: SocketAddr, folder: &Utf8Path) -> String {
    let ip = address.ip();
    let listeners: String = Way::ALL
        .iter()
        .map(|way| way.listener(address, folder))
        .collect();
    let at = |port| SocketAddr::new(ip, port);
    let clusters = cluster("postgres", at(POSTGRES)) + &cluster("elsewhere", at(ELSEWHERE));
    format!(
        "node: {{id: test, cluster: test}}\n\
         admin: {{address: {{socket_address: {{address: {ip}, port_value: {ADMIN}}}}}}}\n\
         bootstrap_extensions:\n- {{name: control, typed_config: {{\"@type\": \
         type.googleapis.com/envoy.extensions.bootstrap.dynamic_modules.v3.DynamicModuleBootstrapExtension, \
         dynamic_module_config: {MODULE}, extension_name: control}}}}\n\
         stats_flush_interval: 0.2s\n\
         stats_config:\n  stats_tags:\n  \
         - {{tag_name: kind, regex: \"pg\\\\.statements(\\\\.kind\\\\.(\\\\w+))$\"}}\n  \
         - {{tag_name: reason, regex: \"pg\\\\.refused(\\\\.reason\\\\.(\\\\w+))$\"}}\n  \
         - {{tag_name: answer, regex: \"pg\\\\.encryption_requests(\\\\.answer\\\\.(\\\\w+))$\"}}\n\
         static_resources:\n  listeners:\n{listeners}  clusters:\n{clusters}"
    )
}
