//! How many connections of peers there may be at once.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

/// In all.
const ALL: usize = 32;
/// From one address, so that a stranger cannot take all of them.
const EACH: usize = 16;

/// Counts the connections by address.
#[derive(Debug, Clone, Default)]
pub(super) struct Slots(Arc<Mutex<BTreeMap<IpAddr, usize>>>);

/// One connection. Dropping it gives the place back.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Slots,
    address: IpAddr,
}

impl Slots {
    /// A place for a connection from that address, if there is one.
    pub(super) fn take(&self, address: IpAddr) -> Option<Slot> {
        let mut taken = self.0.lock();
        let all: usize = taken.values().sum();
        let each = taken.get(&address).copied().unwrap_or_default();
        if all >= ALL || each >= EACH {
            return None;
        }
        taken.insert(address, each + 1);
        Some(Slot {
            slots: self.clone(),
            address,
        })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.slots.0.lock();
        let left = taken.remove(&self.address).unwrap_or_default();
        if left > 1 {
            taken.insert(self.address, left - 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_cannot_take_every_place() {
        let slots = Slots::default();
        let from = |last: u8| IpAddr::from([127, 0, 0, last]);
        let mut held: Vec<Slot> = (0..EACH).filter_map(|_| slots.take(from(1))).collect();
        assert_eq!(held.len(), EACH);
        assert!(slots.take(from(1)).is_none());
        held.extend((0..EACH).filter_map(|_| slots.take(from(2))));
        assert_eq!(held.len(), ALL);
        assert!(slots.take(from(3)).is_none(), "all are taken");
        held.pop();
        assert!(slots.take(from(3)).is_some());
        drop(held);
        assert!(slots.0.lock().is_empty());
    }
}
