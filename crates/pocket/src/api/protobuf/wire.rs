//! The wire format of protocol buffers: a message is a sequence of numbered fields.
//!
//! <https://protobuf.dev/programming-guides/encoding/>

/// The content of one field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// Every field of a message, in order; `None` when the bytes are no message.
pub(super) fn items(mut bytes: &[u8]) -> Option<Vec<(u64, Item<'_>)>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        let item = match tag & 7 {
            0 => Item::Number(varint(&mut bytes)?),
            1 => Item::Bytes(take(&mut bytes, 8)?),
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                Item::Bytes(take(&mut bytes, length)?)
            }
            5 => Item::Bytes(take(&mut bytes, 4)?),
            _ => return None,
        };
        found.push((tag >> 3, item));
    }
    Some(found)
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (head, tail) = bytes.split_at_checked(count)?;
    *bytes = tail;
    Some(head)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, tail) = bytes.split_first()?;
        *bytes = tail;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
