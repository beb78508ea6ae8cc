//! Tests of the rendered files.

use pretty_assertions::assert_eq;

use super::*;

fn identity() -> Identity {
    Identity {
        name: "simple-1".parse().unwrap(),
        superuser: "postgres".to_owned(),
        replication: "replicator".to_owned(),
        listen: Some([127, 64, 1, 1].into()),
    }
}

fn upstream() -> Upstream {
    let role = Credential {
        name: "replicator".to_owned(),
        password: "se:cret".into(),
    };
    Upstream::member([127, 64, 1, 0].into(), role)
}

fn control() -> ControlData {
    ControlData {
        system: "1".parse().unwrap(),
        timeline: howdah_types::Timeline::FIRST,
        state: control::ClusterState::InArchiveRecovery,
        checkpoint: howdah_types::Lsn::new(0),
        segment_size: 16 << 20,
        required: [
            ("max_connections", 200),
            ("max_worker_processes", 8),
            ("max_wal_senders", 20),
            ("max_prepared_transactions", 32),
            ("max_locks_per_transaction", 64),
        ]
        .into(),
    }
}

fn render(version: &str, configuration: &Configuration, control: Option<&ControlData>) -> String {
    server_configuration(
        &identity(),
        &Layout::below("/r"),
        version.parse().unwrap(),
        configuration,
        control,
    )
}

#[test]
fn the_agents_lines_come_last() {
    let configuration = Configuration {
        parameters: "port = '1'\nwork_mem = '10MB'\n".to_owned(),
        hba: String::new(),
        upstream: None,
        synchronous: Synchronous::none(),
        admits: true,
    };
    let text = render("18.6", &configuration, None);
    assert!(text.starts_with("# managed"));
    let (user, agent) = text.split_once("# The lines from here on").unwrap();
    assert!(user.contains("port = '1'"));
    assert!(agent.contains("\nport = '5432'\n"));
    assert!(agent.contains("\nlisten_addresses = '127.64.1.1'\n"));
    assert!(agent.contains("\nallow_alter_system = 'off'\n"));
    assert!(agent.contains("\nprimary_conninfo = ''\n"));
    assert!(!render("16.1", &configuration, None).contains("allow_alter_system"));
}

#[test]
fn a_standby_knows_its_upstream_but_not_its_password() {
    let configuration = Configuration {
        parameters: String::new(),
        hba: String::new(),
        upstream: Some(upstream()),
        synchronous: Synchronous::none(),
        admits: true,
    };
    let text = render("18.6", &configuration, Some(&control()));
    assert!(text.contains("host=''127.64.1.0'' port=''5432'' user=''replicator''"));
    assert!(text.contains("application_name=''simple-1''"));
    assert!(text.contains("primary_slot_name = 'simple_1'"));
    assert!(!text.contains("secret") && !text.contains("se:cret"));
    assert_eq!(upstream().passfile(), "*:*:*:replicator:se\\:cret\n");
}

#[test]
fn nothing_is_kept_at_a_source_outside_of_the_cluster() {
    let role = |name: &str| Credential {
        name: name.to_owned(),
        password: format!("of {name}").into(),
    };
    let source = Upstream {
        host: "db.example".to_owned(),
        port: 6000,
        outside: Some(role("admin")),
        ..Upstream::member([127, 64, 1, 0].into(), role("replicator"))
    };
    let expected = "*:*:*:replicator:of replicator\n*:*:*:admin:of admin\n";
    assert_eq!(source.passfile(), expected);
    let layout = Layout::below("/r");
    let asking = source.conninfo_asking("pg_rewind", &layout);
    assert!(
        asking.contains("user='admin'") && !asking.contains("of "),
        "{asking}"
    );
    let configuration = Configuration {
        parameters: String::new(),
        hba: String::new(),
        upstream: Some(source),
        synchronous: Synchronous::none(),
        admits: true,
    };
    let text = render("18.6", &configuration, Some(&control()));
    assert!(text.contains("host=''db.example'' port=''6000'' user=''replicator''"));
    assert!(text.contains("sslmode=''prefer''"));
    assert!(text.contains("\nprimary_slot_name = ''\n"));
    assert!(!text.contains("of replicator"));
}

#[test]
fn a_standby_keeps_the_values_that_its_primary_needs() {
    let lowered = "max_connections = '50'\nmax_wal_senders = '30'\nmax_connections = '60'\n";
    assert_eq!(
        raised(lowered, Some(&control())),
        [("max_connections", 200), ("max_prepared_transactions", 32)]
    );
    assert_eq!(raised(lowered, None), []);
}

#[test]
fn only_the_user_that_runs_postgres_gets_in_without_a_password() {
    let identity = Identity {
        superuser: "pg \"x\"".to_owned(),
        ..identity()
    };
    let mut configuration = Configuration {
        parameters: String::new(),
        hba: "host all all 0.0.0.0/0 scram-sha-256".to_owned(),
        upstream: None,
        synchronous: Synchronous::none(),
        admits: true,
    };
    let own = format!("{MANAGED}local all \"pg \"\"x\"\"\" peer map=howdah\n");
    assert_eq!(
        hba(&identity, &configuration),
        format!("{own}host all all 0.0.0.0/0 scram-sha-256\n")
    );
    configuration.admits = false;
    assert_eq!(
        hba(&identity, &configuration),
        format!(
            "{own}host replication \"replicator\" all scram-sha-256\n\
             host postgres \"replicator\" all scram-sha-256\n\n"
        )
    );
    assert_eq!(
        ident("runner", "postgres"),
        format!("{MANAGED}howdah \"runner\" \"postgres\"\n")
    );
}
