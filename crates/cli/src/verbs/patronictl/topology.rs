//! Asking an instance about all of them: directly from within a Pod, by way of the API elsewhere.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::pretty::Grid;
use super::variable;
use crate::error::Error;
use crate::ha::Instance;
use crate::names::REST_PORT;
use crate::server::Server;
use crate::text::encode;

/// An instance that does not answer must not hold up the rest.
const ANSWER: Duration = Duration::from_secs(5);
/// The longest answer that is read.
const LONGEST: u64 = 1 << 20;

/// What the first instance that answers says at a path.
pub(super) async fn ask(
    server: &Server,
    instances: &[Instance],
    path: &str,
) -> Result<Value, Error> {
    // Only Pods can be sure to reach Pods, and need no right to be let through by the API.
    let near = variable("HOWDAH_CLUSTER").is_some() && variable("POD_NAME").is_some();
    let mut ready: Vec<&Instance> = instances.iter().collect();
    ready.sort_by_key(|instance| !instance.ready);
    for instance in ready {
        let answer = async {
            if near {
                let address = instance.address.as_deref()?;
                return direct(address, path).await;
            }
            let path = format!(
                "/api/v1/namespaces/{}/pods/{}:{REST_PORT}/proxy/{path}",
                encode(server.namespace()),
                encode(&instance.name)
            );
            server.get(&path).await.ok()
        };
        if let Ok(Some(answer)) = tokio::time::timeout(ANSWER, answer).await {
            return Ok(answer);
        }
    }
    Err(Error::NotNow("no instance answers".to_owned()))
}

/// One question in the oldest form of HTTP, which ends with its connection.
async fn direct(address: &str, path: &str) -> Option<Value> {
    let mut stream = TcpStream::connect((address, REST_PORT)).await.ok()?;
    let request = format!("GET /{path} HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer).await.ok()?;
    body(&answer)
}

fn body(answer: &[u8]) -> Option<Value> {
    let status = answer.split(|byte| *byte == b'\r').next()?;
    if !status.ends_with(b" 200 OK") {
        return None;
    }
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    serde_json::from_slice(answer.get(end + 4..)?).ok()
}

/// The members as rows.
pub(super) fn grid(cluster: &Value) -> Grid {
    let mut grid = Grid::new(&["Member", "Host", "Role", "State", "TL", "Lag in MB"]);
    let mut members = cluster["members"].as_array().cloned().unwrap_or_default();
    members.sort_by_key(|member| {
        let name = member["name"].as_str().unwrap_or_default().to_owned();
        (crate::names::index(&name), name)
    });
    for member in &members {
        let role = member["role"].as_str().unwrap_or_default();
        let lag = match (role, member["lag"].as_u64()) {
            ("leader", _) => Value::Null,
            (_, Some(bytes)) => json!((bytes + (1 << 19)) >> 20),
            (_, None) => json!("unknown"),
        };
        grid.row(vec![
            member["name"].clone(),
            member["host"].clone(),
            json!(word(role)),
            member["state"].clone(),
            member["timeline"].clone(),
            lag,
        ]);
    }
    grid
}

/// `sync_standby` becomes `Sync Standby`.
fn word(role: &str) -> String {
    let words = role.split('_').map(|word| {
        let mut letters = word.chars();
        let first = letters
            .next()
            .map(|letter| letter.to_uppercase().to_string());
        format!("{}{}", first.unwrap_or_default(), letters.as_str())
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn members_are_rows_in_order() {
        let cluster = json!({"members": [
            {"name": "a-10", "host": "10.0.0.3", "role": "replica", "state": "starting"},
            {"name": "a-2", "host": "10.0.0.2", "role": "sync_standby", "state": "streaming", "timeline": 3, "lag": 600_000},
            {"name": "a-1", "host": "10.0.0.1", "role": "leader", "state": "running", "timeline": 3, "lag": 0}]});
        assert_eq!(
            grid(&cluster).tsv(&[])[1..],
            [
                "a-1\t10.0.0.1\tLeader\trunning\t3\t",
                "a-2\t10.0.0.2\tSync Standby\tstreaming\t3\t1",
                "a-10\t10.0.0.3\tReplica\tstarting\t\tunknown",
            ]
        );
        assert_eq!(grid(&json!(null)).tsv(&[]).len(), 1);
    }

    #[test]
    fn only_a_good_answer_is_read() {
        let answer = |status: &str, body: &str| {
            super::body(format!("HTTP/1.0 {status}\r\nx: y\r\n\r\n{body}").as_bytes())
        };
        assert_eq!(answer("200 OK", "{\"a\":1}"), Some(json!({"a": 1})));
        assert_eq!(answer("503 Service Unavailable", "{}"), None);
        assert_eq!(answer("200 OK", "nonsense"), None);
        assert_eq!(super::body(b""), None);
    }
}
