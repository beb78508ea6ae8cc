//! What is wrong with a URI or an absolute path.

use crate::schema::text::quote;

pub(super) fn problems(text: &str) -> Vec<String> {
    let problem = problem(text).map(|problem| format!("parse {}: {problem}", quote(text)));
    problem.into_iter().collect()
}

fn problem(text: &str) -> Option<String> {
    if text.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
        return Some("net/url: invalid control character in URL".to_owned());
    }
    if text.is_empty() {
        return Some("empty url".to_owned());
    }
    if text.starts_with(':') {
        return Some("missing protocol scheme".to_owned());
    }
    let (scheme, rest) = scheme(text);
    let rest = rest.split('?').next().unwrap_or_default();
    if !rest.starts_with('/') {
        // After a scheme it is for the scheme to say what may follow.
        return scheme
            .is_none()
            .then(|| "invalid URI for request".to_owned());
    }
    match rest.strip_prefix("//").filter(|_| scheme.is_some()) {
        Some(rest) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            in_authority(authority).or_else(|| in_escapes(path))
        }
        None => in_escapes(rest),
    }
}

/// The scheme, if there is one, and what follows it.
fn scheme(text: &str) -> (Option<&str>, &str) {
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    };
    match text.split_once(':') {
        Some((scheme, rest)) if is_scheme(scheme) => (Some(scheme), rest),
        _ => (None, text),
    }
}

fn in_authority(authority: &str) -> Option<String> {
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (user, host),
        None => ("", authority),
    };
    let is_user = |c: char| c.is_ascii_alphanumeric() || "-._:~!$&'()*+,;=%@".contains(c);
    if !user.chars().all(is_user) {
        return Some("net/url: invalid userinfo".to_owned());
    }
    let after = if host.starts_with('[') {
        match host.rsplit_once(']') {
            None => return Some("missing ']' in host".to_owned()),
            Some((_, after)) => after,
        }
    } else {
        host.rfind(':').map_or("", |at| &host[at..])
    };
    let is_port = after.is_empty()
        || after
            .strip_prefix(':')
            .is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
    if !is_port {
        return Some(format!("invalid port {} after host", quote(after)));
    }
    let is_host = |c: char| {
        !c.is_ascii() || c.is_ascii_alphanumeric() || "-_.~!$&'()*+,;=:[]<>\"%".contains(c)
    };
    match host.chars().find(|c| !is_host(*c)) {
        Some(bad) => Some(format!(
            "invalid character {} in host name",
            quote(&bad.to_string())
        )),
        None => in_escapes(user).or_else(|| in_escapes(host)),
    }
}

fn in_escapes(text: &str) -> Option<String> {
    text.match_indices('%').find_map(|(at, _)| {
        let digits = &text.as_bytes()[at + 1..];
        let is_whole = digits.len() >= 2 && digits[..2].iter().all(u8::is_ascii_hexdigit);
        let shown: String = text[at..].chars().take(3).collect();
        (!is_whole).then(|| format!("invalid URL escape {}", quote(&shown)))
    })
}
