//! What people ask of a cluster by the REST API, as Patroni's tools do.

use anyhow::{Context, Result, ensure};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::failover::{check_rows, end, successor, three, write};
use crate::instance::Instance;
use crate::world::{World, eventually, expect};

/// `superuser:people-1` of the Secret, as a header has it.
const RIGHT: &str = "Basic c3VwZXJ1c2VyOnBlb3BsZS0x";
const WRONG: &str = "Basic c3VwZXJ1c2VyOnBlb3BsZS0y";

/// Sends a request with a body; tells the status line's number, the headers and the body.
async fn ask(to: &Instance, what: &str, authorization: &str, body: &str) -> Result<(u16, String)> {
    let mut stream = tokio::net::TcpStream::connect((to.ip(), 8008)).await?;
    let request = format!(
        "{what} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{authorization}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let code = answer.split(' ').nth(1).context("no status")?.parse()?;
    Ok((code, answer))
}

async fn as_admin(to: &Instance, what: &str, body: &Value) -> Result<(u16, String)> {
    ask(
        to,
        what,
        &format!("Authorization: {RIGHT}\r\n"),
        &body.to_string(),
    )
    .await
}

const ACTIONS: [&str; 7] = [
    "POST /switchover",
    "DELETE /switchover",
    "POST /failover",
    "POST /restart",
    "DELETE /restart",
    "POST /reload",
    "POST /reinitialize",
];

async fn strangers_are_refused(member: &Instance) -> Result<()> {
    let wrong = format!("Authorization: {WRONG}\r\n");
    for action in ACTIONS {
        for header in ["", &wrong] {
            let (code, answer) = ask(member, action, header, "{}").await?;
            assert_eq!(code, 401, "{action}");
            let answer = answer.to_lowercase();
            ensure!(answer.contains("www-authenticate: basic"), "{answer}");
        }
    }
    for action in ["PATCH /config", "PUT /config"] {
        let (code, answer) = ask(member, action, "", "{\"ttl\": 5}").await?;
        assert_eq!(code, 405, "{action}");
        ensure!(
            answer.contains("spec.configurations.patroni.dynamicConfig"),
            "{answer}"
        );
    }
    Ok(())
}

async fn nonsense_is_refused(primary: &Instance) -> Result<()> {
    let long = json!({"leader": "x".repeat(20_000)});
    for (what, body, expected) in [
        ("POST /switchover", json!({}), 400),
        ("POST /switchover", json!([1]), 400),
        ("POST /switchover", long, 400),
        ("POST /switchover", json!({"leader": "simple-1"}), 412),
        (
            "POST /switchover",
            json!({"leader": "simple-0", "candidate": "simple-7"}),
            412,
        ),
        (
            "POST /switchover",
            json!({"leader": "simple-0", "scheduled_at": "2030-01-01T00:00Z"}),
            400,
        ),
        ("POST /failover", json!({}), 400),
        ("POST /failover", json!({"candidate": "other-1"}), 412),
        ("DELETE /switchover", json!({}), 404),
        ("DELETE /restart", json!({}), 404),
        ("POST /restart", json!({"role": "replica"}), 503),
        ("POST /restart", json!({"restart_pending": true}), 503),
        ("POST /reinitialize", json!({}), 503),
    ] {
        let (code, answer) = as_admin(primary, what, &body).await?;
        assert_eq!(code, expected, "{what} {body}: {answer}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_hand_over_and_restart_by_the_rest_api() -> Result<()> {
    let world = World::new().await?;
    let mut members = three(&world, r#"{"mode":"sync","ttl":30}"#).await?;
    for member in &members {
        member.mount("credentials/restapi-username", "superuser")?;
        member.mount("credentials/restapi-password", "people-1")?;
    }
    strangers_are_refused(&members[0]).await?;
    nonsense_is_refused(&members[0]).await?;
    for (path, first, second) in [
        ("/replica?lag=10MB&replication_state=streaming", 503, 200),
        ("/replica?replication_state=archive", 503, 503),
        ("/replica?tag_nofailover=false", 503, 200),
        ("/replica?tag_zone=a", 503, 503),
        ("/replica?lag=much", 400, 400),
        ("/read-only?lag=1", 200, 200),
        ("/readiness?lag=10MB", 200, 200),
        ("/standby-leader", 503, 503),
        ("/sync", 503, 200),
        ("/quorum", 503, 200),
        ("/async", 503, 503),
        ("/read-only-sync", 200, 200),
    ] {
        eventually(path, async || {
            let codes = (members[0].code(path).await?, members[1].code(path).await?);
            expect(codes, (first, second))
        })
        .await?;
    }
    let config = members[1].json("/config").await?;
    assert_eq!(
        (&config["ttl"], &config["synchronous_mode"]),
        (&json!(30), &json!(true))
    );
    write(&world, &members, 1).await?;
    be_refused(&world, &mut members).await?;
    hand_over(&world, &members).await?;
    write(&world, &members, 2).await?;
    restart(&world, &members[0]).await?;
    check_rows(&members, "1 2").await?;
    end(world, members).await
}

/// Who does not stream cannot take over; the answer says so.
async fn be_refused(world: &World, members: &mut [Instance]) -> Result<()> {
    members[2].stop().await?;
    // The primary looks twice a second; by then it knows.
    eventually("the primary to miss it", async || {
        let record = world.recorded("howdah.io/record").await?;
        ensure!(record.contains(r#""standbys":[1]"#), "{record}");
        Ok(())
    })
    .await?;
    let wish = json!({"leader": "simple-0", "candidate": "simple-2"});
    let (code, answer) = as_admin(&members[1], "POST /switchover", &wish).await?;
    let why = "the primary stays: simple-2 does not stream from the primary";
    assert_eq!(code, 412, "{answer}");
    ensure!(answer.contains(why), "{answer}");
    let uid = members[2].uid(world).await?;
    members[2].start_agent(world, uid, false).await?;
    members[2].wait_ok("/readiness").await
}

/// The request goes to a member that is neither the old primary nor the next.
async fn hand_over(world: &World, members: &[Instance]) -> Result<()> {
    let wish = json!({"leader": "simple-0", "candidate": "simple-1"});
    let (code, answer) = as_admin(&members[2], "POST /switchover", &wish).await?;
    assert_eq!(code, 200, "{answer}");
    ensure!(
        answer.contains("Successfully switched over to \"simple-1\""),
        "{answer}"
    );
    assert_eq!(successor(world, members, 0).await?, 1);
    eventually("the change in /history", async || {
        let history = members[2].json("/history").await?;
        let last = history.as_array().and_then(|all| all.last()).cloned();
        expect(last.map(|row| row[4].clone()), Some(json!("simple-1")))
    })
    .await?;
    for member in members {
        member.wait_ok("/readiness").await?;
    }
    Ok(())
}

async fn restart(world: &World, member: &Instance) -> Result<()> {
    let before = member.postmaster()?;
    let (code, answer) = as_admin(member, "POST /restart", &json!({})).await?;
    assert_eq!(code, 202, "{answer}");
    eventually("the answer on the Pod", async || {
        let pod = world.pods().get("simple-0").await?;
        let annotations = pod.metadata.annotations.unwrap_or_default();
        let asked = annotations.get("howdah.io/restart").cloned();
        expect(annotations.get("howdah.io/restarted").cloned(), asked)
    })
    .await?;
    eventually("another postmaster", async || {
        ensure!(member.postmaster()? != before, "the same");
        Ok(())
    })
    .await?;
    member.wait_ok("/readiness").await
}
