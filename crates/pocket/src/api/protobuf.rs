//! Bodies in the protobuf encoding of Kubernetes, which `kubectl create` sends for built-in kinds.
//!
//! Only requests are read; answers are always JSON, which every client accepts too. The kinds that
//! can be read are those that people create with `kubectl create` and its relatives.

mod fields;
mod wire;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Number, Value};

use self::fields::{Field, Message, of_kind};
use self::wire::{Item, items};

/// The media type of such bodies.
pub(crate) const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";
/// What every such body starts with.
const MAGIC: &[u8] = b"k8s\0";
/// Messages of our tables nest less deeply than this.
const DEPTH: usize = 16;

/// Reads an object; `None` when the bytes are broken or of a kind that is not known here.
pub(crate) fn decode(body: &[u8]) -> Option<Value> {
    // runtime.Unknown: 1 TypeMeta (1 apiVersion, 2 kind), 2 the object.
    let envelope = items(body.strip_prefix(MAGIC)?)?;
    let part = |number| envelope.iter().find(|(field, _)| *field == number);
    let (_, Item::Bytes(names)) = part(1)? else {
        return None;
    };
    let mut texts = [String::new(), String::new()];
    for (number, item) in items(names)? {
        if let (1 | 2, Item::Bytes(text)) = (number, item) {
            texts[usize::from(number == 2)] = std::str::from_utf8(text).ok()?.to_owned();
        }
    }
    let [version, kind] = texts;
    let object = match part(2) {
        Some((_, Item::Bytes(bytes))) => *bytes,
        Some(_) => return None,
        None => &[],
    };
    let mut value = message(object, of_kind(&kind)?, DEPTH)?;
    value.insert("apiVersion".into(), version.into());
    value.insert("kind".into(), kind.into());
    Some(Value::Object(value))
}

fn message(bytes: &[u8], table: Message, depth: usize) -> Option<Map<String, Value>> {
    let depth = depth.checked_sub(1)?;
    let mut members = Map::new();
    for (number, item) in items(bytes)? {
        let Some((_, name, field)) = table.iter().find(|(at, ..)| *at == number) else {
            continue;
        };
        put(&mut members, name, *field, &item, depth)?;
    }
    Some(members)
}

fn put(
    members: &mut Map<String, Value>,
    name: &str,
    field: Field,
    item: &Item<'_>,
    depth: usize,
) -> Option<()> {
    let value = match (field, item) {
        // Texts and numbers that are not optional are written even when they are empty.
        (Field::Text, Item::Bytes([])) | (Field::Number, Item::Number(0)) => return Some(()),
        (Field::Text | Field::Texts, Item::Bytes(bytes)) => {
            Value::from(std::str::from_utf8(bytes).ok()?)
        }
        (Field::Number | Field::Optional, Item::Number(number)) => signed(*number),
        (Field::Flag, Item::Number(number)) => Value::Bool(*number != 0),
        (Field::Sub(table) | Field::Subs(table), Item::Bytes(bytes)) => {
            let value = message(bytes, table, depth)?;
            if value.is_empty() && matches!(field, Field::Sub(_)) {
                return Some(());
            }
            Value::Object(value)
        }
        (Field::IntOrText, Item::Bytes(bytes)) => int_or_text(bytes)?,
        (Field::TextMap | Field::ByteMap, Item::Bytes(bytes)) => {
            let (key, value) = entry(bytes)?;
            let value = match field {
                Field::ByteMap => STANDARD.encode(value),
                _ => std::str::from_utf8(value).ok()?.to_owned(),
            };
            let map = members
                .entry(name)
                .or_insert_with(|| Value::Object(Map::new()));
            map.as_object_mut()?.insert(key, value.into());
            return Some(());
        }
        _ => return None,
    };
    if matches!(field, Field::Texts | Field::Subs(_)) {
        let list = members
            .entry(name)
            .or_insert_with(|| Value::Array(Vec::new()));
        list.as_array_mut()?.push(value);
    } else {
        members.insert(name.to_owned(), value);
    }
    Some(())
}

/// Negative numbers are written as the 64-bit pattern of their two's complement.
fn signed(number: u64) -> Value {
    Value::Number(Number::from(i64::from_ne_bytes(number.to_ne_bytes())))
}

/// One entry of a map: 1 the key, 2 the value.
fn entry(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (mut key, mut value) = (String::new(), &[][..]);
    for (number, item) in items(bytes)? {
        match (number, item) {
            (1, Item::Bytes(text)) => key = std::str::from_utf8(text).ok()?.to_owned(),
            (2, Item::Bytes(bytes)) => value = bytes,
            _ => {}
        }
    }
    Some((key, value))
}

/// intstr.IntOrString: 1 which of the two, 2 the number, 3 the text.
fn int_or_text(bytes: &[u8]) -> Option<Value> {
    let (mut is_text, mut number, mut text) = (false, 0, "");
    for (field, item) in items(bytes)? {
        match (field, item) {
            (1, Item::Number(kind)) => is_text = kind == 1,
            (2, Item::Number(value)) => number = value,
            (3, Item::Bytes(value)) => text = std::str::from_utf8(value).ok()?,
            _ => {}
        }
    }
    Some(if is_text { text.into() } else { signed(number) })
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;

    /// A field with bytes.
    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let mut out = vec![number << 3 | 2, u8::try_from(bytes.len()).unwrap()];
        out.extend_from_slice(bytes);
        out
    }

    fn body(version: &str, kind: &str, object: &[u8]) -> Vec<u8> {
        let names = [field(1, version.as_bytes()), field(2, kind.as_bytes())].concat();
        [MAGIC, &field(1, &names), &field(2, object)].concat()
    }

    #[test]
    fn a_secret_is_read() {
        let labels = field(11, &[field(1, b"a"), field(2, b"b")].concat());
        let metadata = [field(1, b"s"), field(2, b""), field(3, b"ns"), labels].concat();
        let data = field(2, &[field(1, b"p"), field(2, b"hello")].concat());
        let object = [field(1, &metadata), data, field(3, b"Opaque")].concat();
        assert_eq!(
            decode(&body("v1", "Secret", &object)),
            Some(
                json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
                "metadata": {"name": "s", "namespace": "ns", "labels": {"a": "b"}},
                "data": {"p": "aGVsbG8="}})
            )
        );
    }

    #[test]
    fn broken_bytes_and_other_kinds_are_refused() {
        let good = body("v1", "Namespace", &field(1, &field(1, b"n")));
        assert!(decode(&good).is_some());
        for cut in 0..good.len() {
            assert!(
                decode(&good[..cut]).is_none_or(|value| value["metadata"]["name"].is_null()),
                "{cut}"
            );
        }
        assert_eq!(decode(&body("v1", "Unheard", &[])), None);
        assert_eq!(decode(b"{}"), None);
    }
}
