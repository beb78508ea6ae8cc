//! `url('https://...')`, `isURL` and the parts of a URL.

use std::collections::{BTreeMap, HashMap};

use ::cel::common::types::{CelList, CelMap, CelMapKey, CelString, STRING_TYPE, Type};
use ::cel::common::value::{CowVal, Val};
use ::cel::{DeclarationError, Env, ExecutionError};

use super::functions::{Args, Outcome, bool, member, string, text};
use super::opaque::{argument, opaque};

static URL: Type = Type::new_unspecified_type("kubernetes.URL");

/// An absolute URL or an absolute path, in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Url {
    scheme: String,
    host: String,
    path: String,
    query: String,
}

opaque!(Url, URL);

pub(super) fn declare(env: &mut Env) -> Result<(), DeclarationError> {
    env.add_overload("url", "url(string)", vec![STRING_TYPE], url)?;
    env.add_overload("isURL", "isURL(string)", vec![STRING_TYPE], is_url)?;
    member(env, "getScheme", &URL, vec![], get_scheme)?;
    member(env, "getHost", &URL, vec![], get_host)?;
    member(env, "getHostname", &URL, vec![], get_hostname)?;
    member(env, "getPort", &URL, vec![], get_port)?;
    member(env, "getEscapedPath", &URL, vec![], get_path)?;
    member(env, "getQuery", &URL, vec![], get_query)
}

fn parse(text: &str) -> Option<Url> {
    let plain = text
        .bytes()
        .all(|byte| byte > b' ' && byte < 0x7f && !b"<>\"{}|\\^`".contains(&byte));
    if !plain || !has_whole_escapes(text) {
        return None;
    }
    let (rest, query) = text.split_once('?').unwrap_or((text, ""));
    if rest.starts_with('/') {
        return Some(Url {
            scheme: String::new(),
            host: String::new(),
            path: rest.to_owned(),
            query: query.to_owned(),
        });
    }
    let (scheme, rest) = rest.split_once(':')?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let (host, path) = match rest.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", rest),
    };
    let host = host.rsplit('@').next().unwrap_or_default();
    let port_is_fine = port(host).bytes().all(|byte| byte.is_ascii_digit());
    (is_scheme && port_is_fine).then(|| Url {
        scheme: scheme.to_ascii_lowercase(),
        host: host.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
    })
}

fn has_whole_escapes(text: &str) -> bool {
    text.split('%')
        .skip(1)
        .all(|after| after.len() >= 2 && after.as_bytes()[..2].iter().all(u8::is_ascii_hexdigit))
}

fn port(host: &str) -> &str {
    host.rsplit(']')
        .next()
        .unwrap_or_default()
        .rsplit_once(':')
        .map_or("", |(_, port)| port)
}

fn receiver<'a>(args: &'a Args<'_, '_>) -> Result<&'a Url, ExecutionError> {
    argument(args, 0)
}

fn url<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    let written = text(&args, 0)?;
    let problem = || {
        ExecutionError::function_error(
            "url",
            format!("URL parse error during conversion from string: {written:?}"),
        )
    };
    parse(written).map(CowVal::owned).ok_or_else(problem)
}

fn is_url<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    Ok(bool(parse(text(&args, 0)?).is_some()))
}

fn get_scheme<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    Ok(string(receiver(&args)?.scheme.clone()))
}

fn get_host<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    Ok(string(receiver(&args)?.host.clone()))
}

fn get_hostname<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    let host = &receiver(&args)?.host;
    let port = port(host);
    let name = if port.is_empty() {
        host.trim_end_matches(':')
    } else {
        &host[..host.len() - port.len() - 1]
    };
    Ok(string(name.trim_matches(['[', ']']).to_owned()))
}

fn get_port<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    Ok(string(port(&receiver(&args)?.host).to_owned()))
}

fn get_path<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    Ok(string(receiver(&args)?.path.clone()))
}

fn get_query<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    let mut values: BTreeMap<String, Vec<Box<dyn Val>>> = BTreeMap::new();
    for pair in receiver(&args)?
        .query
        .split('&')
        .filter(|pair| !pair.is_empty())
    {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        values
            .entry(decoded(key))
            .or_default()
            .push(Box::new(CelString::from(decoded(value))));
    }
    let map: HashMap<CelMapKey<'static>, Box<dyn Val>> = values
        .into_iter()
        .map(|(key, values)| {
            (
                CelMapKey::from(key),
                Box::new(CelList::from(values)) as Box<dyn Val>,
            )
        })
        .collect();
    Ok(CowVal::owned(CelMap::from(map)))
}

/// Percent-decoding; what does not decode stays as it is.
fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let pair: Vec<u8> = bytes.by_ref().take(2).collect();
                let code = std::str::from_utf8(&pair)
                    .ok()
                    .and_then(|pair| u8::from_str_radix(pair, 16).ok());
                out.push(code.unwrap_or(b'%'));
            }
            other => out.push(other),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
