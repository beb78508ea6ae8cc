//! What is merged, refused and written.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::*;

fn ini(value: Value) -> PgBouncerIni {
    serde_json::from_value(value).unwrap()
}

fn of(config: Value, inline: Value) -> Result<Effective, Vec<Invalid>> {
    let (config, inline) = (ini(config), ini(inline));
    let layers = [
        Layer {
            path: "c",
            ini: &config,
        },
        Layer {
            path: "i",
            ini: &inline,
        },
    ];
    effective(&layers, 100)
}

fn refused(config: Value) -> Vec<String> {
    let problems = of(config, json!({})).unwrap_err();
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn the_cluster_is_over_its_configuration_and_that_over_the_defaults() {
    let config = json!({"pgbouncer": {"pool_mode": "transaction", "max_client_conn": 50},
        "databases": {"shop": {"dbname": "s", "pool_size": 5}}});
    let inline = json!({"pgbouncer": {"max_client_conn": "70"},
        "databases": {"shop": {"pool_size": 7}}, "users": {"app": {"pool_mode": "session"}}});
    let pooling = of(config, inline).unwrap().pooling;
    assert_eq!(pooling.settings["pool_mode"], "transaction");
    assert_eq!(pooling.settings["max_client_conn"], "70");
    assert_eq!(pooling.settings["server_login_retry"], "0.05");
    assert_eq!(pooling.settings["default_pool_size"], "80");
    let shop = &pooling.databases["shop"];
    assert_eq!(
        (shop["dbname"].as_str(), shop["pool_size"].as_str()),
        ("s", "7")
    );
    assert_eq!(pooling.users["app"]["pool_mode"], "session");
}

#[test]
fn settings_of_the_blocklist_are_left_out_and_other_own_ones_are_told() {
    let config = json!({"pgbouncer": {
        "auth_type": "trust", "listen_port": 1, "auth_dbname": "x", "so_reuseport": 1, "verbose": true,
    }});
    let effective = of(config, json!({})).unwrap();
    assert_eq!(
        effective.not_acted_on,
        ["c.pgbouncer.auth_dbname", "c.pgbouncer.so_reuseport"]
    );
    let settings = effective.pooling.settings;
    assert_eq!(settings["verbose"], "1");
    for own in ["auth_type", "listen_port", "auth_dbname", "so_reuseport"] {
        assert!(!settings.contains_key(own), "{own}");
    }
}

#[test]
fn what_pgbouncer_could_not_read_is_refused_by_name() {
    assert_eq!(
        refused(json!({
            "pgbouncer": {"pool_mod": "session", "pool_mode": "x", "server_check_query": "a\n[users]"},
            "databases": {"shop": {"host": "elsewhere", "pool_size": "big"}, "pgbouncer": {}},
            "users": {"": {}, "a": {"dbname": "x"}},
        })),
        [
            "c.pgbouncer.pool_mod: is not a setting that PgBouncer has here; remove it",
            "c.pgbouncer.pool_mode: is \"x\", but must be one of session, transaction, statement",
            "c.pgbouncer.server_check_query: must have at most 1000 bytes, on one line",
            "c.databases.shop.host: is set by Howdah itself and cannot be configured; remove it",
            "c.databases.shop.pool_size: is \"big\", but must be a whole number from 0 on",
            "c.databases.pgbouncer: \"pgbouncer\" is the name of PgBouncer's own console; choose another",
            "c.users.: is no name that PgBouncer can read here: 1 to 63 of a-z, A-Z, 0-9, _ . - and *",
            "c.users.a.dbname: is not a setting that PgBouncer has here; remove it",
        ]
    );
}

#[test]
fn every_limit_is_a_limit() {
    let databases = |count: usize| {
        let entries = (0..count).map(|n| (format!("d{n}"), json!({})));
        json!({"databases": entries.collect::<serde_json::Map<_, _>>()})
    };
    assert!(of(databases(MOST_ENTRIES), json!({})).is_ok());
    assert_eq!(refused(databases(MOST_ENTRIES + 1)).len(), 1);
    let value = |length: usize| json!({"pgbouncer": {"server_check_query": "x".repeat(length)}});
    assert!(of(value(LONGEST), json!({})).is_ok());
    assert_eq!(refused(value(LONGEST + 1)).len(), 1);
    let name = |length: usize| json!({"users": {"x".repeat(length): {}}});
    assert!(of(name(LONGEST_NAME), json!({})).is_ok());
    assert_eq!(refused(name(LONGEST_NAME + 1)).len(), 1);
}

#[test]
fn names_that_pgbouncer_would_have_to_quote_are_refused() {
    for name in [
        "o'hara",
        "a b",
        "a\"b",
        "a=b",
        "a@b",
        "a$b",
        "\u{e4}",
        "a\n[users]",
    ] {
        for section in ["databases", "users"] {
            assert_eq!(refused(json!({section: {name: {}}})).len(), 1, "{name}");
        }
    }
}

#[test]
fn any_value_is_written_as_one() {
    let config = json!({
        "databases": {"a-B_1.c": {"connect_query": "select 'x' host=y"}, "*": {"pool_size": 3}},
        "users": {"ohara": {"pool_mode": "session"}},
    });
    let pooling = of(config, json!({})).unwrap().pooling;
    let users = Users {
        authenticator: "asker",
        admin: "boss\n[users]",
        stats: "looker",
    };
    let text = render(&pooling, users, Server::Postgres, false);
    let until_settings: Vec<_> = text.lines().take(6).collect();
    assert_eq!(
        until_settings,
        [
            "[databases]",
            "a-B_1.c = host='$(POSTGRES_HOST)' port='5432' connect_query='select ''x'' host=y'",
            "* = host='$(POSTGRES_HOST)' port='5432' pool_size='3'",
            "",
            "[users]",
            "ohara = pool_mode='session'",
        ]
    );
    assert!(text.contains("\nadmin_users = boss[users]\n"));
    assert!(!text.contains("client_tls"));
    let text = render(&pooling, users, Server::Postgres, true);
    assert!(text.contains("\nclient_tls_sslmode = prefer\n"));
}

#[test]
fn another_pooler_is_asked_by_the_names_that_clients_use() {
    let config = json!({"databases": {
        "a": {"dbname": "b", "pool_size": 3, "user": "x"}, "b": {"dbname": "a"},
    }});
    let pooling = of(config, json!({})).unwrap().pooling;
    let users = Users {
        authenticator: "asker",
        admin: "boss",
        stats: "looker",
    };
    let text = render(&pooling, users, Server::OtherPooler, false);
    let databases: Vec<_> = text.lines().skip(1).take(3).collect();
    assert_eq!(
        databases,
        [
            "a = host='$(POSTGRES_HOST)' port='6432' pool_size='3'",
            "b = host='$(POSTGRES_HOST)' port='6432'",
            "* = host='$(POSTGRES_HOST)' port='6432'",
        ]
    );
}

#[test]
fn passwords_are_not_looked_up_elsewhere() {
    let alias = |name: &str| json!({"databases": {"postgres": {"dbname": name}}});
    assert!(of(alias("postgres"), json!({})).is_ok());
    assert_eq!(
        refused(alias("shop")),
        ["c.databases.postgres.dbname: must be postgres: passwords are looked up there"]
    );
}
