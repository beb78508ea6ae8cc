//! Acting as somebody else: the `Impersonate-*` headers, and who may send them.

use http::HeaderMap;

use crate::api::ApiServer;
use crate::api::auth::{AUTHENTICATED, Asked, Identity, allowed};
use crate::api::status::Failure;

const USER: &str = "impersonate-user";
const GROUP: &str = "impersonate-group";
const UID: &str = "impersonate-uid";
const EXTRA: &str = "impersonate-extra-";
const AUTHENTICATION: &str = "authentication.k8s.io";

/// Who the request is from: the sender, or whom he may and wants to be.
pub(super) fn identity(
    server: &ApiServer,
    sender: Identity,
    headers: &HeaderMap,
) -> Result<Identity, Failure> {
    let wanted = Wanted::parse(headers)?;
    let Some(wanted) = wanted else {
        return Ok(sender);
    };
    let check = |group: &str, resource: &str, sub: &str, namespace: &str, name: &str| {
        let asked = Asked {
            verb: "impersonate",
            group,
            resource,
            subresource: sub,
            namespace,
            name,
            path: "",
        };
        if allowed(server.store(), &sender, &asked) {
            return Ok(());
        }
        let place = match namespace {
            "" => " at the cluster scope".to_owned(),
            namespace => format!(" in the namespace \"{namespace}\""),
        };
        let full = match sub {
            "" => resource.to_owned(),
            sub => format!("{resource}/{sub}"),
        };
        let detail = format!(
            "User \"{}\" cannot impersonate resource \"{full}\" in API group \"{group}\"{place}",
            sender.user
        );
        Err(Failure::forbidden(resource, group, name, &detail))
    };
    match account(&wanted.user) {
        Some((namespace, name)) => check("", "serviceaccounts", "", namespace, name)?,
        None => check("", "users", "", "", &wanted.user)?,
    }
    for group in &wanted.groups {
        check("", "groups", "", "", group)?;
    }
    for (key, value) in &wanted.extra {
        check(AUTHENTICATION, "userextras", key, "", value)?;
    }
    if !wanted.uid.is_empty() {
        check(AUTHENTICATION, "uids", "", "", &wanted.uid)?;
    }
    Ok(wanted.identity())
}

fn account(user: &str) -> Option<(&str, &str)> {
    user.strip_prefix("system:serviceaccount:")?.split_once(':')
}

/// What the headers ask for.
struct Wanted {
    user: String,
    groups: Vec<String>,
    uid: String,
    extra: Vec<(String, String)>,
}

impl Wanted {
    fn parse(headers: &HeaderMap) -> Result<Option<Self>, Failure> {
        let all = |name: &str| -> Vec<String> {
            let values = headers.get_all(name).iter();
            values
                .filter_map(|value| value.to_str().ok())
                .map(str::to_owned)
                .collect()
        };
        let first = |name: &str| all(name).into_iter().next().unwrap_or_default();
        let mut extra = Vec::new();
        for (name, value) in headers {
            if let Some(key) = name.as_str().strip_prefix(EXTRA)
                && let Ok(value) = value.to_str()
            {
                let key = crate::api::request::decode(key).unwrap_or_else(|| key.to_owned());
                extra.push((key, value.to_owned()));
            }
        }
        let wanted = Self {
            user: first(USER),
            groups: all(GROUP),
            uid: first(UID),
            extra,
        };
        if !wanted.user.is_empty() {
            return Ok(Some(wanted));
        }
        if wanted.groups.is_empty() && wanted.extra.is_empty() && wanted.uid.is_empty() {
            return Ok(None);
        }
        Err(Failure::internal(
            "requested groups, uid or extra data without impersonating a user",
        ))
    }

    fn identity(self) -> Identity {
        let mut identity = match account(&self.user) {
            Some((namespace, name)) if self.groups.is_empty() => {
                Identity::service_account(namespace, name)
            }
            _ => {
                let groups = self.groups.iter().map(String::as_str);
                // Everybody who is known is in this group; saying so changes nothing.
                let groups: Vec<&str> = groups.filter(|one| *one != AUTHENTICATED).collect();
                Identity::new(&self.user, &groups)
            }
        };
        identity.uid = self.uid;
        identity.extra = self.extra;
        identity
    }
}
