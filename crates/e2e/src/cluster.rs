//! One cluster in a world: its status, its addresses, its rows.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use howdah_testkit::wait_until;
use serde_json::Value;

use crate::sql::Sql;
use crate::world::World;

/// A start on a busy machine with two cores can take this long; the time itself is measured elsewhere.
const PATIENCE: Duration = Duration::from_secs(150);

/// A cluster, by name, in the default namespace.
#[derive(Debug, Clone, Copy)]
pub struct Cluster<'a> {
    world: &'a World,
    name: &'a str,
}

impl<'a> Cluster<'a> {
    pub(crate) fn new(world: &'a World, name: &'a str) -> Self {
        Self { world, name }
    }

    /// What `howdah status -o json` says.
    ///
    /// # Errors
    /// When there is no such cluster.
    pub fn status(&self) -> Result<Value> {
        self.world
            .howdah(&["status", self.name, "-o", "json"])?
            .json()
    }

    /// Waits until `howdah status --wait` is content, and returns the status.
    ///
    /// # Errors
    /// When the cluster is not complete in time.
    pub fn wait_until_complete(&self) -> Result<Value> {
        let limit = format!("{}s", PATIENCE.as_secs());
        let arguments = [
            "status",
            self.name,
            "--wait",
            "--timeout",
            &limit,
            "-o",
            "json",
        ];
        self.world.howdah(&arguments)?.json()
    }

    /// Waits until the status fulfils a condition.
    ///
    /// # Errors
    /// When it does not in time; names what is missing.
    pub async fn wait_for(
        &self,
        what: &str,
        mut holds: impl FnMut(&Value) -> bool,
    ) -> Result<Value> {
        wait_until(PATIENCE, what, async || {
            let status = self.status().map_err(|error| format!("{error:#}"))?;
            if holds(&status) {
                Ok(status)
            } else {
                Err(status.to_string())
            }
        })
        .await
    }

    /// Waits until a condition of the SGCluster has this status, and returns its message.
    ///
    /// # Errors
    /// When it has not in time.
    pub async fn wait_for_condition(&self, kind: &str, wanted: &str) -> Result<String> {
        let status = self
            .wait_for(&format!("condition {kind}={wanted}"), |status| {
                condition(status, kind).is_some_and(|found| found["status"] == wanted)
            })
            .await?;
        let found = condition(&status, kind).context("the condition was just there")?;
        Ok(found["message"].as_str().unwrap_or_default().to_owned())
    }

    /// The names of the instances, primary first.
    ///
    /// # Errors
    /// When there is no status.
    pub fn instances(&self) -> Result<Vec<String>> {
        let status = self.status()?;
        let members = status["members"].as_array().context("members")?;
        let mut names: Vec<(bool, String)> = members
            .iter()
            .map(|member| {
                let name = member["name"].as_str().unwrap_or_default().to_owned();
                (member["role"] != "primary", name)
            })
            .collect();
        names.sort();
        Ok(names.into_iter().map(|(_, name)| name).collect())
    }

    /// A connection as superuser through one of the cluster's Services.
    ///
    /// # Errors
    /// When the Service has no address or does not lead to Postgres.
    pub async fn service(&self, serves: &str) -> Result<Sql> {
        let status = self.status()?;
        let services = status["services"].as_array().context("services")?;
        let service = services.iter().find(|service| service["serves"] == serves);
        let address = service
            .and_then(|service| service["address"].as_str())
            .with_context(|| format!("there is no {serves} Service in {status}"))?;
        self.connect(address).await
    }

    /// A connection as superuser to one instance.
    ///
    /// # Errors
    /// When there is no such instance or it does not answer.
    pub async fn instance(&self, name: &str) -> Result<Sql> {
        let status = self.status()?;
        let members = status["members"].as_array().context("members")?;
        let member = members.iter().find(|member| member["name"] == name);
        let address = member
            .and_then(|member| member["address"].as_str())
            .with_context(|| format!("{name} has no address in {status}"))?;
        self.connect(address).await
    }

    async fn connect(&self, address: &str) -> Result<Sql> {
        let password = self.password()?;
        Sql::connect(address, "postgres", &password).await
    }

    /// The superuser's password.
    ///
    /// # Errors
    /// When the Secret is not there.
    pub fn password(&self) -> Result<String> {
        let path = "jsonpath={.data.superuser-password}";
        let encoded = self
            .world
            .kubectl(&["get", "secret", self.name, "-o", path])?
            .ok()?;
        base64(&encoded)
    }

    /// Writes a row through the read-write Service. The table is made when it is missing.
    ///
    /// # Errors
    /// When the write is not acknowledged.
    pub async fn write(&self, value: &str) -> Result<()> {
        let sql = self.service("read-write").await?;
        sql.execute(&format!(
            "CREATE TABLE IF NOT EXISTS notes (value text PRIMARY KEY); INSERT INTO notes VALUES ('{value}')"
        ))
        .await
    }

    /// Waits until an instance shows a row.
    ///
    /// # Errors
    /// When it does not in time.
    pub async fn wait_for_row(&self, instance: &str, value: &str) -> Result<()> {
        let question = format!("SELECT count(*) FROM notes WHERE value = '{value}'");
        wait_until(
            PATIENCE,
            &format!("row {value} on {instance}"),
            async || {
                let seen = async {
                    let sql = self.instance(instance).await?;
                    sql.value(&question).await
                };
                match seen.await {
                    Ok(count) if count == "1" => Ok(()),
                    Ok(count) => Err(format!("{count} rows")),
                    Err(error) => Err(format!("{error:#}")),
                }
            },
        )
        .await
    }

    /// Checks that the cluster has so many instances, one primary, and streaming replicas on one timeline.
    ///
    /// # Errors
    /// When something else is seen.
    pub fn check(&self, status: &Value, instances: usize) -> Result<()> {
        let members = status["members"].as_array().context("members")?;
        ensure!(
            members.len() == instances,
            "{instances} instances in {status}"
        );
        let with_role = |role: &str, state: &str| {
            let fits = |member: &&Value| member["role"] == role && member["state"] == state;
            members.iter().filter(fits).count()
        };
        let primaries = with_role("primary", "running");
        let replicas = with_role("replica", "streaming");
        ensure!(primaries == 1, "one primary in {status}");
        ensure!(
            replicas == instances - 1,
            "{} replicas stream in {status}",
            instances - 1
        );
        let line = &members[0]["timeline"];
        if line.is_null() || members.iter().any(|member| member["timeline"] != *line) {
            bail!("one timeline in {status}");
        }
        Ok(())
    }
}

fn condition<'v>(status: &'v Value, kind: &str) -> Option<&'v Value> {
    let conditions = status["conditions"].as_array()?;
    conditions.iter().find(|found| found["type"] == kind)
}

/// Decodes standard base64; the suite needs it in this one place.
fn base64(text: &str) -> Result<String> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for letter in text.trim().trim_end_matches('=').bytes() {
        let value = ALPHABET.iter().position(|known| *known == letter);
        let value = u32::try_from(value.context("the Secret's value is base64")?)?;
        bits = bits << 6 | value;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff)?);
        }
    }
    Ok(String::from_utf8(bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_decoded_with_any_padding() {
        for (text, value) in [("cw==", "s"), ("c2U=", "se"), ("c2Vj", "sec"), ("", "")] {
            assert_eq!(base64(text).unwrap(), value);
        }
        assert!(base64("c!").is_err());
    }
}
