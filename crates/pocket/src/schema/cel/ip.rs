//! `ip('10.0.0.1')` and what kind of address it is.

use std::net::IpAddr;

use ::cel::common::types::{STRING_TYPE, Type};
use ::cel::common::value::CowVal;
use ::cel::{DeclarationError, Env, ExecutionError};

use super::functions::{Args, Outcome, bool, int, member, string, text};
use super::opaque::{argument, opaque};

/// The type, as expressions name it.
pub(super) static IP: Type = Type::new_unspecified_type("net.IP");

/// An address of version 4 or 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ip(pub(super) IpAddr);

opaque!(Ip, IP);

pub(super) fn declare(env: &mut Env) -> Result<(), DeclarationError> {
    env.add_type(IP.to_owned())?;
    env.add_overload("ip", "ip(string)", vec![STRING_TYPE], ip)?;
    env.add_overload("isIP", "isIP(string)", vec![STRING_TYPE], is_ip)?;
    env.add_overload(
        "ip.isCanonical",
        "ip.isCanonical(string)",
        vec![STRING_TYPE],
        is_canonical,
    )?;
    env.add_overload("string", "string(net.IP)", vec![IP.to_owned()], written)?;
    for (name, function) in [
        ("family", family as ::cel::common::functions::Function),
        ("isUnspecified", is_unspecified),
        ("isLoopback", is_loopback),
        ("isLinkLocalMulticast", is_link_local_multicast),
        ("isLinkLocalUnicast", is_link_local_unicast),
        ("isGlobalUnicast", is_global_unicast),
    ] {
        member(env, name, &IP, vec![], function)?;
    }
    Ok(())
}

/// An address; one of version 4 in the clothes of version 6 is none, nor is one with a zone.
pub(super) fn parse(text: &str) -> Option<IpAddr> {
    let address: IpAddr = text.parse().ok()?;
    let is_mapped = matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some());
    (!is_mapped).then_some(address)
}

fn parsed(text: &str) -> Result<IpAddr, ExecutionError> {
    parse(text).ok_or_else(|| {
        let problem = match text.parse::<IpAddr>() {
            Ok(_) => format!("IPv4-mapped IPv6 address {text:?} is not allowed"),
            Err(_) => format!("IP Address {text:?} parse error during conversion from string"),
        };
        ExecutionError::function_error("ip", problem)
    })
}

/// The address an argument is.
pub(super) fn address(args: &Args<'_, '_>, index: usize) -> Result<IpAddr, ExecutionError> {
    Ok(argument::<Ip>(args, index)?.0)
}

fn ip<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    Ok(CowVal::owned(Ip(parsed(text(&args, 0)?)?)))
}

fn is_ip<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    Ok(bool(parse(text(&args, 0)?).is_some()))
}

fn is_canonical<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    let text = text(&args, 0)?;
    Ok(bool(parsed(text)?.to_string() == text))
}

fn written<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    Ok(string(address(&args, 0)?.to_string()))
}

fn family<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    Ok(int(if address(&args, 0)?.is_ipv4() { 4 } else { 6 }))
}

fn is_unspecified<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    Ok(bool(address(&args, 0)?.is_unspecified()))
}

fn is_loopback<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    Ok(bool(address(&args, 0)?.is_loopback()))
}

fn is_link_local_multicast<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    Ok(bool(match address(&args, 0)? {
        IpAddr::V4(v4) => v4.octets().starts_with(&[224, 0, 0]),
        IpAddr::V6(v6) => v6.segments()[0] & 0xff0f == 0xff02,
    }))
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

fn is_link_local_unicast<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    Ok(bool(is_link_local(address(&args, 0)?)))
}

/// Private addresses are global in this sense.
fn is_global_unicast<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    let address = address(&args, 0)?;
    let is_broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    let is_special = address.is_unspecified() || address.is_loopback() || address.is_multicast();
    Ok(bool(
        !is_broadcast && !is_special && !is_link_local(address),
    ))
}
