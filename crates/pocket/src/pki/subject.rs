//! The subject of a client certificate: common name and organizations.
//!
//! Reads just enough DER (X.690) of a certificate (RFC 5280) that TLS has verified already.

/// Who a certificate is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) name: String,
    pub(crate) groups: Vec<String>,
}

const SEQUENCE: u8 = 0x30;
const EXPLICIT_VERSION: u8 = 0xa0;
/// id-at-commonName and id-at-organizationName.
const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03];
const ORGANIZATION: [u8; 3] = [0x55, 0x04, 0x0a];

impl Subject {
    /// Reads the subject; `None` when this is no certificate.
    pub(crate) fn parse(certificate: &[u8]) -> Option<Self> {
        let (_, certificate, _) = element(certificate)?;
        let (_, mut rest, _) = element(certificate)?;
        if rest.first() == Some(&EXPLICIT_VERSION) {
            rest = element(rest)?.2;
        }
        // serialNumber, signature, issuer, validity
        for _ in 0..4 {
            rest = element(rest)?.2;
        }
        let (tag, mut names, _) = element(rest)?;
        if tag != SEQUENCE {
            return None;
        }
        let mut subject = Self::default();
        while !names.is_empty() {
            let (_, mut set, more) = element(names)?;
            names = more;
            while !set.is_empty() {
                let (_, attribute, next) = element(set)?;
                set = next;
                subject.take(attribute)?;
            }
        }
        Some(subject)
    }

    fn take(&mut self, attribute: &[u8]) -> Option<()> {
        let (_, kind, rest) = element(attribute)?;
        let (_, value, _) = element(rest)?;
        let text = String::from_utf8_lossy(value).into_owned();
        if kind == COMMON_NAME {
            self.name = text;
        } else if kind == ORGANIZATION {
            self.groups.push(text);
        }
        Some(())
    }
}

/// One element: tag, content, and what follows.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut length = usize::from(first);
    if first & 0x80 != 0 {
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 4 || count > rest.len() {
            return None;
        }
        let (digits, after) = rest.split_at(count);
        length = digits
            .iter()
            .fold(0, |sum, byte| (sum << 8) | usize::from(*byte));
        rest = after;
    }
    if length > rest.len() {
        return None;
    }
    let (content, rest) = rest.split_at(length);
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::Subject;

    #[test]
    fn broken_input_is_no_certificate() {
        for bad in [
            &[][..],
            &[0x30],
            &[0x30, 0x84, 1],
            &[0x30, 0x02, 0x30, 0x7f],
            &[0x30, 0x80],
        ] {
            assert_eq!(Subject::parse(bad), None);
        }
    }
}
