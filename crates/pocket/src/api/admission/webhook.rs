//! One webhook of a configuration.

use std::time::Duration;

use serde_json::Value;

use super::condition::Condition;
use super::rules::Rule;
use crate::api::object;
use crate::api::selector::Labels;

/// The storage key of the mutating configurations.
pub(super) const MUTATING: &str = "mutatingwebhookconfigurations.admissionregistration.k8s.io";
/// The storage key of the validating configurations.
pub(super) const VALIDATING: &str = "validatingwebhookconfigurations.admissionregistration.k8s.io";

/// A webhook, ready to be matched and called.
#[derive(Clone, Debug)]
pub(super) struct Webhook {
    pub(super) name: String,
    pub(super) target: Target,
    /// PEM of whom to trust; empty means whom the machine trusts.
    pub(super) authorities: String,
    pub(super) rules: Vec<Rule>,
    /// Only the very versions in the rules count.
    pub(super) exact: bool,
    pub(super) namespaces: Labels,
    pub(super) objects: Labels,
    pub(super) conditions: Vec<Condition>,
    /// A failed call does not matter.
    pub(super) ignore: bool,
    pub(super) timeout: Duration,
    /// Dry runs may be sent to it.
    pub(super) dry_runs: bool,
    /// To be asked again when a later webhook has changed the object.
    pub(super) again: bool,
    pub(super) speaks_v1: bool,
}

/// Where a webhook is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Target {
    Url(String),
    Service {
        namespace: String,
        name: String,
        port: u16,
        path: String,
    },
}

impl Webhook {
    /// The webhooks of a configuration, in their order.
    pub(super) fn all(configuration: &Value) -> Vec<Self> {
        let list = object::list(configuration, &["webhooks"]);
        list.iter().map(Self::parse).collect()
    }

    fn parse(source: &Value) -> Self {
        let text = |name: &str| object::text(source, &[name]);
        // One that cannot be understood selects nothing.
        let selector = |name: &str| Labels::of(&source[name]).unwrap_or_else(|_| Labels::nothing());
        let seconds = source["timeoutSeconds"].as_u64().unwrap_or(10);
        let client = &source["clientConfig"];
        Self {
            name: text("name").to_owned(),
            target: Target::parse(client),
            authorities: decoded(object::text(client, &["caBundle"])),
            rules: object::list(source, &["rules"])
                .iter()
                .map(Rule::parse)
                .collect(),
            exact: text("matchPolicy") == "Exact",
            namespaces: selector("namespaceSelector"),
            objects: selector("objectSelector"),
            conditions: object::list(source, &["matchConditions"])
                .iter()
                .map(Condition::parse)
                .collect(),
            ignore: text("failurePolicy") == "Ignore",
            timeout: Duration::from_secs(seconds.clamp(1, 30)),
            dry_runs: matches!(text("sideEffects"), "None" | "NoneOnDryRun"),
            again: text("reinvocationPolicy") == "IfNeeded",
            speaks_v1: object::list(source, &["admissionReviewVersions"])
                .iter()
                .any(|version| version == "v1"),
        }
    }
}

impl Target {
    fn parse(client: &Value) -> Self {
        if let Some(url) = client["url"].as_str() {
            return Self::Url(url.to_owned());
        }
        let service = &client["service"];
        let port = service["port"]
            .as_u64()
            .and_then(|port| u16::try_from(port).ok());
        Self::Service {
            namespace: object::text(service, &["namespace"]).to_owned(),
            name: object::text(service, &["name"]).to_owned(),
            port: port.unwrap_or(443),
            path: object::text(service, &["path"]).to_owned(),
        }
    }
}

/// The text of base64 data; nonsense is nobody to trust.
fn decoded(data: &str) -> String {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(data)
        .unwrap_or_default();
    let text = String::from_utf8(bytes).unwrap_or_default();
    if text.is_empty() && !data.is_empty() {
        // Never empty when something was given: that would mean trusting the whole world.
        return "-".to_owned();
    }
    text
}
