//! Which Pod has which address.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use parking_lot::Mutex;

/// The addresses of a node's Pods. They are handed out in a circle, so that one that has just become free rests for
/// as long as possible: somebody may still be connecting to it.
#[derive(Clone, Debug)]
pub(super) struct Addresses(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    first: u32,
    last: u32,
    next: u32,
    used: BTreeMap<u32, String>,
}

impl Addresses {
    pub(super) fn new((first, last): (Ipv4Addr, Ipv4Addr)) -> Self {
        let (first, last) = (u32::from(first), u32::from(last));
        Self(Arc::new(Mutex::new(State {
            first,
            last,
            next: first,
            used: BTreeMap::new(),
        })))
    }

    /// Keeps the address that a Pod had before; `None` when it is not free or not of this network.
    pub(super) fn keep(&self, address: Ipv4Addr, uid: &str) -> Option<Lease> {
        let number = u32::from(address);
        let mut state = self.0.lock();
        let is_ours = (state.first..=state.last).contains(&number);
        if !is_ours || state.used.contains_key(&number) {
            return None;
        }
        state.take(number, uid);
        Some(self.lease(number))
    }

    /// A free address; `None` when all are taken.
    pub(super) fn allocate(&self, uid: &str) -> Option<Lease> {
        let mut state = self.0.lock();
        let candidates = (state.next..=state.last).chain(state.first..state.next);
        let free = candidates
            .into_iter()
            .find(|number| !state.used.contains_key(number))?;
        state.take(free, uid);
        Some(self.lease(free))
    }

    fn lease(&self, number: u32) -> Lease {
        Lease {
            address: number.into(),
            pool: self.clone(),
        }
    }
}

impl State {
    fn take(&mut self, number: u32, uid: &str) {
        self.used.insert(number, uid.to_owned());
        if number >= self.next {
            self.next = if number < self.last {
                number + 1
            } else {
                self.first
            };
        }
    }
}

/// An address for as long as this lives.
#[derive(Debug)]
pub(super) struct Lease {
    address: Ipv4Addr,
    pool: Addresses,
}

impl Lease {
    pub(super) fn address(&self) -> Ipv4Addr {
        self.address
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.pool.0.lock().used.remove(&u32::from(self.address));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool() -> Addresses {
        Addresses::new((Ipv4Addr::new(127, 64, 1, 0), Ipv4Addr::new(127, 64, 1, 2)))
    }

    #[test]
    fn a_freed_address_rests_until_the_others_were_used() {
        let pool = pool();
        let last_byte = |lease: &Lease| lease.address().octets()[3];
        let first = pool.allocate("a").unwrap();
        assert_eq!(last_byte(&first), 0);
        drop(first);
        let second = pool.allocate("b").unwrap();
        let third = pool.allocate("c").unwrap();
        let again = pool.allocate("d").unwrap();
        assert_eq!([&second, &third, &again].map(last_byte), [1, 2, 0]);
        assert!(pool.allocate("e").is_none());
    }

    #[test]
    fn an_adopted_address_is_never_given_away() {
        let pool = pool();
        let adopted = Ipv4Addr::new(127, 64, 1, 1);
        let kept = pool.keep(adopted, "a").unwrap();
        assert!(pool.keep(adopted, "b").is_none());
        assert!(pool.keep(Ipv4Addr::new(10, 0, 0, 1), "c").is_none());
        let others = [pool.allocate("d").unwrap(), pool.allocate("e").unwrap()];
        assert!(others.iter().all(|lease| lease.address() != kept.address()));
    }
}
