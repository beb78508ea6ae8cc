//! What a verb did, as data.

use howdah_ha::machine::Record;
use serde::Serialize;

use super::members::named;
use crate::error::Error;
use crate::output::{self, DataFormat};
use crate::terminal::Terminal;

/// How a cluster is after a verb.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Outcome {
    pub(crate) cluster: String,
    pub(crate) namespace: String,
    /// False if all was as asked for before.
    pub(crate) changed: bool,
    /// One sentence for people.
    pub(crate) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) primary: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) epoch: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) paused: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) fenced: Vec<String>,
    /// The instances that something was asked of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) instances: Vec<String>,
}

impl Outcome {
    /// Without a word about the record.
    pub(crate) fn new(cluster: &str, namespace: &str, message: String) -> Self {
        Self {
            cluster: cluster.to_owned(),
            namespace: namespace.to_owned(),
            changed: true,
            message,
            primary: None,
            epoch: None,
            paused: None,
            fenced: Vec::new(),
            instances: Vec::new(),
        }
    }

    /// With what the record says.
    pub(crate) fn of(mut self, record: &Record) -> Self {
        let holds = !record.released;
        self.primary = holds.then(|| named(&self.cluster, record.holder.member));
        self.epoch = Some(record.epoch.number());
        self.paused = Some(record.paused);
        let fenced = record.fenced.iter();
        self.fenced = fenced.map(|member| named(&self.cluster, *member)).collect();
        self
    }

    /// Prints it.
    pub(crate) fn show(&self, format: DataFormat, terminal: &mut Terminal) -> Result<(), Error> {
        output::data(terminal, format, self, |outcome| {
            vec![outcome.message.clone()]
        })
    }
}
