//! Short, stable fingerprints of what is applied.

use serde::Serialize;
use sha2::{Digest, Sha256};

/// The first 16 hexadecimal digits of the SHA-256 of a value's JSON.
///
/// Maps are `BTreeMap`s everywhere, so equal values have equal JSON.
pub fn hash(value: &impl Serialize) -> String {
    let json = serde_json::to_vec(value).expect("planned values are plain data with text keys");
    Sha256::digest(json)
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_stable() {
        assert_eq!(hash(&["a", "b"]), "0473ef2dc0d324ab");
    }
}
