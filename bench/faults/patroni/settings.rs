//! The configuration of one member.

use std::net::IpAddr;

use camino::Utf8Path;
use howdah_e2e::faults::Mode;
use serde_json::{Value, json};

/// The superuser's. Everything listens on loopback, for the time of a measurement.
pub(super) const PASSWORD: &str = "howdah";

pub(super) struct Settings {
    pub(super) etcd: IpAddr,
    pub(super) mode: Mode,
    pub(super) fast: bool,
}

impl Settings {
    /// JSON, which is YAML too.
    pub(super) fn text(&self, name: &str, ip: IpAddr, folder: &Utf8Path, bin: &Utf8Path) -> String {
        json!({
            "scope": "faults",
            "name": name,
            "restapi": {"listen": format!("{ip}:8008"), "connect_address": format!("{ip}:8008")},
            "etcd3": {"hosts": [format!("{}:2379", self.etcd)]},
            "bootstrap": {
                "dcs": self.dynamic(),
                "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}, "data-checksums"],
            },
            "postgresql": {
                "listen": format!("{ip}:5432"),
                "connect_address": format!("{ip}:5432"),
                "data_dir": folder.join("data"),
                "bin_dir": bin,
                "pgpass": folder.join("pgpass"),
                "authentication": {
                    "superuser": {"username": "postgres", "password": PASSWORD},
                    "replication": {"username": "replicator", "password": PASSWORD},
                    "rewind": {"username": "rewinder", "password": PASSWORD},
                },
                "pg_hba": [
                    "local all all trust",
                    "host all all 127.0.0.0/8 scram-sha-256",
                    "host replication all 127.0.0.0/8 scram-sha-256",
                ],
                "parameters": {"unix_socket_directories": folder},
            },
        })
        .to_string()
    }

    /// Patroni's defaults, or the least that it accepts: ttl is at least 20 and loop_wait plus twice retry_timeout.
    fn dynamic(&self) -> Value {
        let (ttl, wait, retry) = if self.fast { (20, 1, 3) } else { (30, 10, 10) };
        json!({
            "ttl": ttl,
            "loop_wait": wait,
            "retry_timeout": retry,
            "synchronous_mode": self.mode != Mode::Async,
            "synchronous_mode_strict": self.mode == Mode::StrictSync,
            "postgresql": {"use_pg_rewind": true, "use_slots": true},
        })
    }
}
