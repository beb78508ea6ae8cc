//! Who is asking, and what they may do.

mod escalation;
mod rbac;
mod token;

use serde_json::{Value, json};

pub(crate) use escalation::problem as escalation;
pub(crate) use rbac::{Asked, allowed, held};
pub(crate) use token::{Bound, Claims, Reference, Tokens};

/// A user as the API server sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub(crate) user: String,
    pub(crate) groups: Vec<String>,
    pub(crate) uid: String,
    pub(crate) extra: Vec<(String, String)>,
}

/// Members of this group may do everything.
pub(crate) const MASTERS: &str = "system:masters";
pub(crate) const AUTHENTICATED: &str = "system:authenticated";

impl Identity {
    /// A user in these groups, and in the group of everybody who is known.
    pub(crate) fn new(user: &str, groups: &[&str]) -> Self {
        let mut groups: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
        groups.push(AUTHENTICATED.to_owned());
        Self {
            user: user.to_owned(),
            groups,
            uid: String::new(),
            extra: Vec::new(),
        }
    }

    /// Somebody who may do everything, under this name.
    #[must_use]
    pub fn admin(user: &str) -> Self {
        Self::new(user, &[MASTERS])
    }

    /// A ServiceAccount, with the rights that its roles give it.
    #[must_use]
    pub fn service_account(namespace: &str, name: &str) -> Self {
        let user = format!("system:serviceaccount:{namespace}:{name}");
        let group = format!("system:serviceaccounts:{namespace}");
        Self::new(&user, &["system:serviceaccounts", &group])
    }

    /// The program that acts as this user, by which field ownership names it.
    pub(crate) fn program(&self) -> String {
        let name = self.user.strip_prefix("system:").unwrap_or(&self.user);
        if name.starts_with("node:") {
            "kubelet".to_owned()
        } else {
            name.to_owned()
        }
    }

    /// The `UserInfo` that reviews carry.
    pub(crate) fn user_info(&self) -> Value {
        let mut user = json!({"username": self.user, "groups": self.groups});
        if !self.uid.is_empty() {
            user["uid"] = self.uid.as_str().into();
        }
        let mut extra = serde_json::Map::new();
        for (key, value) in &self.extra {
            let values = extra.entry(key.clone()).or_insert_with(|| json!([]));
            if let Some(values) = values.as_array_mut() {
                values.push(value.as_str().into());
            }
        }
        if !extra.is_empty() {
            user["extra"] = extra.into();
        }
        user
    }

    pub(crate) fn is_master(&self) -> bool {
        self.groups.iter().any(|group| group == MASTERS)
    }
}
