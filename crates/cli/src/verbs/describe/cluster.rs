//! What a description of a cluster shows of its own: what is wanted and what runs.

use serde_json::Value;

use super::generic::{section, yaml};
use crate::error::Error;
use crate::server::Server;
use crate::status;

pub(super) async fn lines(
    object: &Value,
    name: &str,
    server: &Server,
) -> Result<Vec<String>, Error> {
    let mut lines = section("Wanted", yaml(object.get("spec").unwrap_or(&Value::Null))?);
    if let Some(found) = status::gather(server, name).await? {
        lines.extend(section("Running", status::lines(&found)));
    }
    Ok(lines)
}
