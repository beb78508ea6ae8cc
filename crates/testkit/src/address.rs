//! Loopback addresses that no other test uses at the same time.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Result, bail};

/// A port that is bound on an address for as long as a test owns the address; nothing is ever sent to it.
const CLAIM_PORT: u16 = 40_961;

/// Pocket takes 127.64.0.0 and up, people use 127.0.0.0/16, so tests have what lies between.
const FIRST: u32 = u32::from_be_bytes([127, 10, 0, 1]);
const COUNT: u32 = 40 << 16;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// An address that belongs to the holder until this value is dropped: all its ports but one can be used.
#[derive(Debug)]
pub struct LoopbackAddress {
    ip: Ipv4Addr,
    _claim: UdpSocket,
}

impl LoopbackAddress {
    /// The address.
    #[must_use]
    pub const fn ip(&self) -> IpAddr {
        IpAddr::V4(self.ip)
    }

    /// The address with a port.
    #[must_use]
    pub const fn port(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.ip(), port)
    }
}

/// Claims a loopback address that no other test on this machine holds.
///
/// # Errors
/// When a thousand addresses in a row are taken.
pub fn free_loopback_address() -> Result<LoopbackAddress> {
    // Processes start far from each other, so that they rarely try the same address.
    let start = std::process::id().wrapping_mul(2_654_435_761);
    for _ in 0..1000 {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let ip = Ipv4Addr::from_bits(FIRST + start.wrapping_add(step) % COUNT);
        if let Ok(claim) = UdpSocket::bind((ip, CLAIM_PORT)) {
            return Ok(LoopbackAddress { ip, _claim: claim });
        }
    }
    bail!("1000 loopback addresses in a row are taken")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_holders_have_two_addresses_to_listen_on() {
        let (one, two) = (
            free_loopback_address().unwrap(),
            free_loopback_address().unwrap(),
        );
        assert_ne!(one.ip(), two.ip());
        for address in [&one, &two] {
            assert!(address.ip().is_loopback());
            std::net::TcpListener::bind(address.port(5432)).unwrap();
        }
    }
}
