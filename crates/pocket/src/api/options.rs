//! The query parameters of all verbs, and which of them do not go together.
//!
//! The rules are those of `ListOptions`, `CreateOptions`, `UpdateOptions`, `PatchOptions` and `DeleteOptions` in the
//! Kubernetes API reference ("Common Parameters"; "Resource versions" in the API concepts).

use axum::extract::Query;
use http::Uri;
use serde_json::{Value, json};

use super::status::{Cause, Failure};

const MATCH: &str = "resourceVersionMatch";
const NOT_OLDER: &str = "NotOlderThan";
const NOT_WITH_CONTINUE: &str = "resourceVersionMatch is forbidden when continue is provided";

/// How unknown fields are treated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum FieldValidation {
    Ignore,
    #[default]
    Warn,
    Strict,
}

/// The query parameters of all verbs.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Options {
    pub(crate) label_selector: String,
    pub(crate) field_selector: String,
    pub(crate) limit: Option<usize>,
    pub(crate) continue_token: String,
    pub(crate) resource_version: String,
    pub(crate) version_match: String,
    pub(crate) watch: bool,
    pub(crate) bookmarks: bool,
    pub(crate) send_initial_events: Option<bool>,
    pub(crate) timeout_seconds: Option<u64>,
    pub(crate) dry_run: bool,
    pub(crate) field_manager: String,
    pub(crate) field_validation: FieldValidation,
    pub(crate) force: bool,
    pub(crate) grace_period: Option<i64>,
    pub(crate) propagation: String,
    pub(crate) orphan: Option<bool>,
    /// Everything, for subresources with parameters of their own.
    pub(crate) all: Vec<(String, String)>,
}

impl Options {
    pub(crate) fn parse(uri: &Uri) -> Result<Self, Failure> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|error| Failure::bad_request(error.to_string()))?;
        let mut options = Self::default();
        for (name, value) in &pairs {
            options.set(name, value)?;
        }
        options.all = pairs;
        Ok(options)
    }

    /// A parameter by name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.all
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), Failure> {
        let flag = || matches!(value, "true" | "1" | "True" | "TRUE" | "t");
        let number = || {
            let bad = || format!("strconv.ParseInt: parsing {value:?}: invalid syntax");
            value
                .parse::<i64>()
                .map_err(|_| Failure::bad_request(bad()))
        };
        match name {
            "labelSelector" => value.clone_into(&mut self.label_selector),
            "fieldSelector" => value.clone_into(&mut self.field_selector),
            "limit" => self.limit = usize::try_from(number()?).ok().filter(|limit| *limit > 0),
            "continue" => value.clone_into(&mut self.continue_token),
            "resourceVersion" => value.clone_into(&mut self.resource_version),
            "resourceVersionMatch" => value.clone_into(&mut self.version_match),
            "watch" => self.watch = flag(),
            "allowWatchBookmarks" => self.bookmarks = flag(),
            "sendInitialEvents" => self.send_initial_events = Some(flag()),
            "timeoutSeconds" => self.timeout_seconds = u64::try_from(number()?).ok(),
            "dryRun" => self.dry_run |= value == "All",
            "fieldManager" => value.clone_into(&mut self.field_manager),
            "fieldValidation" => self.field_validation = field_validation(value),
            "force" => self.force = flag(),
            "gracePeriodSeconds" => self.grace_period = Some(number()?),
            "propagationPolicy" => value.clone_into(&mut self.propagation),
            "orphanDependents" => self.orphan = Some(flag()),
            _ => {}
        }
        Ok(())
    }

    /// Checks the parameters that the verb looks at.
    pub(crate) fn check(&self, verb: &str) -> Result<(), Failure> {
        let (kind, causes) = match verb {
            "create" => ("CreateOptions", self.of_a_write()),
            "update" => ("UpdateOptions", self.of_a_write()),
            "patch" => ("PatchOptions", self.of_a_write()),
            "delete" | "deletecollection" => ("DeleteOptions", dry_runs(&self.dry_runs())),
            "list" => ("ListOptions", self.of_a_list()),
            "watch" => ("ListOptions", self.of_a_watch()),
            _ => return Ok(()),
        };
        refuse(kind, causes)?;
        let paging = matches!(verb, "list" | "watch") && !self.continue_token.is_empty();
        if paging && !matches!(self.resource_version.as_str(), "" | "0") {
            return Err(Failure::bad_request(
                "specifying resource version is not allowed when using continue",
            ));
        }
        Ok(())
    }

    fn dry_runs(&self) -> Vec<Value> {
        let given = self.all.iter().filter(|(key, _)| key == "dryRun");
        given
            .map(|(_, value)| Value::from(value.as_str()))
            .collect()
    }

    fn of_a_write(&self) -> Vec<Cause> {
        let mut causes = dry_runs(&self.dry_runs());
        let known = ["", "Ignore", "Strict", "Warn"];
        let asked = self.get("fieldValidation").unwrap_or_default();
        if !known.contains(&asked) {
            causes.push(unsupported("fieldValidation", asked, &known));
        }
        causes
    }

    fn of_a_list(&self) -> Vec<Cause> {
        let (wanted, version) = (self.version_match.as_str(), self.resource_version.as_str());
        let mut causes = Vec::new();
        let mut forbid = |field: &str, detail: &str| causes.push(Cause::forbidden(field, detail));
        if !wanted.is_empty() {
            if version.is_empty() {
                let detail = "resourceVersionMatch is forbidden unless resourceVersion is provided";
                forbid(MATCH, detail);
            }
            if !self.continue_token.is_empty() {
                forbid(MATCH, NOT_WITH_CONTINUE);
            }
            if wanted == "Exact" && version == "0" {
                let detail =
                    "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"";
                forbid(MATCH, detail);
            }
        }
        if self.send_initial_events.is_some() {
            let detail = "sendInitialEvents is forbidden for list";
            forbid("sendInitialEvents", detail);
        }
        if !["", "Exact", NOT_OLDER].contains(&wanted) {
            causes.push(unsupported(MATCH, wanted, &["Exact", NOT_OLDER, ""]));
        }
        causes
    }

    fn of_a_watch(&self) -> Vec<Cause> {
        let wanted = self.version_match.as_str();
        let mut causes = Vec::new();
        let mut forbid = |detail: &str| causes.push(Cause::forbidden(MATCH, detail));
        if self.send_initial_events.is_some() && wanted != NOT_OLDER {
            forbid("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
        }
        if !wanted.is_empty() {
            if self.send_initial_events.is_none() {
                forbid(
                    "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
                );
            }
            if !self.continue_token.is_empty() {
                forbid(NOT_WITH_CONTINUE);
            }
            if wanted != NOT_OLDER {
                causes.push(unsupported(MATCH, wanted, &[NOT_OLDER]));
            }
        }
        causes
    }
}

/// Refuses when there is something wrong with options of this kind.
pub(crate) fn refuse(kind: &str, causes: Vec<Cause>) -> Result<(), Failure> {
    if causes.is_empty() {
        return Ok(());
    }
    Err(Failure::invalid_kind("meta.k8s.io", kind, "", causes))
}

/// What is wrong with the values of `dryRun`, of which there is one.
pub(crate) fn dry_runs(given: &[Value]) -> Vec<Cause> {
    if given.iter().all(|value| *value == "All" || *value == "") {
        return Vec::new();
    }
    let allowed = ["\"All\"".to_owned()];
    vec![Cause::unsupported("dryRun", &json!(given), &allowed)]
}

fn unsupported(field: &str, value: &str, allowed: &[&str]) -> Cause {
    let allowed: Vec<String> = allowed.iter().map(|word| format!("{word:?}")).collect();
    Cause::unsupported(field, &Value::from(value), &allowed)
}

fn field_validation(value: &str) -> FieldValidation {
    match value {
        "Strict" => FieldValidation::Strict,
        "Ignore" => FieldValidation::Ignore,
        _ => FieldValidation::Warn,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(verb: &str, query: &str) -> Option<String> {
        let uri = format!("/x?{query}").parse().unwrap();
        let options = Options::parse(&uri).unwrap();
        options.check(verb).err().map(|failure| failure.message)
    }

    #[test]
    fn parameters_that_do_not_go_together_are_refused() {
        for (verb, query, told) in [
            (
                "create",
                "dryRun=Some",
                "CreateOptions.meta.k8s.io \"\" is invalid: dryRun: Unsupported value: [\"Some\"]: supported values: \
                 \"All\"",
            ),
            (
                "patch",
                "fieldValidation=Some",
                "PatchOptions.meta.k8s.io \"\" is invalid: fieldValidation: Unsupported value: \"Some\": supported \
                 values: \"\", \"Ignore\", \"Strict\", \"Warn\"",
            ),
            (
                "list",
                "resourceVersion=0&resourceVersionMatch=Exact",
                "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch \
                 \"exact\" is forbidden for resourceVersion \"0\"",
            ),
            (
                "watch",
                "sendInitialEvents=true",
                "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents requires \
                 setting resourceVersionMatch to NotOlderThan",
            ),
        ] {
            assert_eq!(refused(verb, query).as_deref(), Some(told), "{query}");
        }
    }

    #[test]
    fn parameters_that_the_verb_does_not_look_at_do_not_matter() {
        assert_eq!(refused("list", "dryRun=Some"), None);
        assert_eq!(refused("get", "resourceVersionMatch=Exact"), None);
        assert_eq!(refused("create", "dryRun=All&fieldValidation=Strict"), None);
        let both = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan";
        assert_eq!(refused("watch", both), None);
    }
}
