//! `cidr('10.0.0.0/8')` and what is in it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ::cel::common::types::{CelString, STRING_TYPE, Type};
use ::cel::common::value::CowVal;
use ::cel::{DeclarationError, Env, ExecutionError};

use super::functions::{Args, Outcome, bool, int, member, string, text};
use super::ip::{self, IP, Ip};
use super::opaque::{argument, opaque};

static CIDR: Type = Type::new_unspecified_type("net.CIDR");

/// An address and how many of its bits are those of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cidr {
    address: IpAddr,
    bits: u8,
}

opaque!(Cidr, CIDR);

impl Cidr {
    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/')?;
        let address = ip::parse(address)?;
        let has_plain_bits = bits.bytes().all(|byte| byte.is_ascii_digit())
            && (bits == "0" || !bits.starts_with('0'));
        let bits: u8 = bits.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        (has_plain_bits && bits <= most).then_some(Self { address, bits })
    }

    /// The network: the address without the bits of hosts.
    fn network(address: IpAddr, bits: u8) -> IpAddr {
        match address {
            IpAddr::V4(v4) => {
                let hosts = u32::MAX.checked_shr(bits.into()).unwrap_or(0);
                Ipv4Addr::from(u32::from(v4) & !hosts).into()
            }
            IpAddr::V6(v6) => {
                let hosts = u128::MAX.checked_shr(bits.into()).unwrap_or(0);
                Ipv6Addr::from(u128::from(v6) & !hosts).into()
            }
        }
    }

    fn masked(self) -> Self {
        Self {
            address: Self::network(self.address, self.bits),
            ..self
        }
    }

    fn contains(self, address: IpAddr) -> bool {
        self.address.is_ipv4() == address.is_ipv4()
            && Self::network(address, self.bits) == self.masked().address
    }
}

pub(super) fn declare(env: &mut Env) -> Result<(), DeclarationError> {
    env.add_type(CIDR.to_owned())?;
    env.add_overload("cidr", "cidr(string)", vec![STRING_TYPE], cidr)?;
    env.add_overload("isCIDR", "isCIDR(string)", vec![STRING_TYPE], is_cidr)?;
    env.add_overload("string", "string(net.CIDR)", vec![CIDR.to_owned()], written)?;
    for other in [STRING_TYPE, IP.to_owned()] {
        member(env, "containsIP", &CIDR, vec![other], contains_ip)?;
    }
    for other in [STRING_TYPE, CIDR.to_owned()] {
        member(env, "containsCIDR", &CIDR, vec![other], contains_cidr)?;
    }
    member(env, "ip", &CIDR, vec![], address)?;
    member(env, "masked", &CIDR, vec![], masked)?;
    member(env, "prefixLength", &CIDR, vec![], prefix_length)
}

fn parsed(text: &str) -> Result<Cidr, ExecutionError> {
    let problem = || {
        ExecutionError::function_error(
            "cidr",
            format!("network address parse error during conversion from string: {text:?}"),
        )
    };
    Cidr::parse(text).ok_or_else(problem)
}

/// The network an argument is or, as text, describes.
fn network(args: &Args<'_, '_>, index: usize) -> Result<Cidr, ExecutionError> {
    let written = args
        .get(index)
        .and_then(|value| value.downcast_ref::<CelString<'_>>());
    match written {
        Some(written) => parsed(written.inner()),
        None => argument(args, index).copied(),
    }
}

fn cidr<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    Ok(CowVal::owned(parsed(text(&args, 0)?)?))
}

fn is_cidr<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    Ok(bool(Cidr::parse(text(&args, 0)?).is_some()))
}

fn written<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    let Cidr { address, bits } = network(&args, 0)?;
    Ok(string(format!("{address}/{bits}")))
}

fn contains_ip<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    let network = network(&args, 0)?;
    let address = match args
        .get(1)
        .and_then(|arg| arg.downcast_ref::<CelString<'_>>())
    {
        None => ip::address(&args, 1)?,
        Some(written) => ip::parse(written.inner()).ok_or_else(|| {
            let types = vec!["net.CIDR".to_owned(), "string".to_owned()];
            ExecutionError::no_such_member_overload("containsIP", types)
        })?,
    };
    Ok(bool(network.contains(address)))
}

fn contains_cidr<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    let (outer, inner) = (network(&args, 0)?, network(&args, 1)?);
    Ok(bool(
        outer.bits <= inner.bits && outer.contains(inner.address),
    ))
}

fn address<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    Ok(CowVal::owned(Ip(network(&args, 0)?.address)))
}

fn masked<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    Ok(CowVal::owned(network(&args, 0)?.masked()))
}

fn prefix_length<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    Ok(int(network(&args, 0)?.bits.into()))
}
