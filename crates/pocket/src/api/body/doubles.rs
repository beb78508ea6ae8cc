//! Decoding that notices fields given more than once: the last one counts, and somebody should know.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::{DuplicateKeyPolicy, Spanned};

use crate::schema::quote;

/// No more are told of one body.
const MOST: usize = 100;

/// Fields that a body gave more than once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Doubles {
    /// Paths in a JSON body.
    pub(crate) fields: Vec<String>,
    /// What is said about a YAML body, one line each.
    pub(crate) lines: Vec<String>,
}

/// Decodes JSON.
pub(crate) fn json(text: &[u8]) -> serde_json::Result<(Value, Doubles)> {
    let mut fields = Vec::new();
    let mut decoder = serde_json::Deserializer::from_slice(text);
    let seed = Seed {
        place: Place::Root,
        read_key: |key: String| (key, 0),
        tell: &mut |place: &Place<'_>, key: &str, _| {
            let path = place.path(key);
            // One field given three times is told once.
            if fields.len() < MOST && fields.last() != Some(&path) {
                fields.push(path);
            }
        },
    };
    let value = seed.deserialize(&mut decoder)?;
    decoder.end()?;
    let lines = Vec::new();
    Ok((value, Doubles { fields, lines }))
}

/// Decodes YAML.
pub(crate) fn yaml(text: &str) -> Result<(Value, Doubles), serde_saphyr::Error> {
    let mut lines = Vec::new();
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
    };
    let seed = Seed {
        place: Place::Root,
        read_key: |key: Spanned<String>| (key.value, key.referenced.line()),
        tell: &mut |_: &Place<'_>, key: &str, line: u64| {
            if lines.len() < MOST {
                lines.push(format!(
                    "line {line}: key {} already set in map",
                    quote(key)
                ));
            }
        },
    };
    let decode = |decoder: serde_saphyr::Deserializer<'_, '_>| seed.deserialize(decoder);
    let value = serde_saphyr::with_deserializer_from_str_with_options(text, options, decode)?;
    let fields = Vec::new();
    Ok((value, Doubles { fields, lines }))
}

/// Where in a body the decoder is.
#[derive(Clone, Copy)]
enum Place<'p> {
    Root,
    Field(&'p Place<'p>, &'p str),
    Index(&'p Place<'p>, usize),
}

impl Place<'_> {
    fn path(&self, key: &str) -> String {
        let above = self.to_string();
        match above.is_empty() {
            true => key.to_owned(),
            false => format!("{above}.{key}"),
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Field(Place::Root, key) => f.write_str(key),
            Self::Field(above, key) => write!(f, "{above}.{key}"),
            Self::Index(above, at) => write!(f, "{above}[{at}]"),
        }
    }
}

/// A value at a place. `K` is how the format reads keys; with a key comes its line, where the format has lines.
struct Seed<'p, 't, K, T> {
    place: Place<'p>,
    read_key: fn(K) -> (String, u64),
    tell: &'t mut T,
}

impl<'de, K, T> DeserializeSeed<'de> for Seed<'_, '_, K, T>
where
    K: serde::Deserialize<'de>,
    T: FnMut(&Place<'_>, &str, u64),
{
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, decoder: D) -> Result<Value, D::Error> {
        decoder.deserialize_any(self)
    }
}

impl<'de, K, T> Visitor<'de> for Seed<'_, '_, K, T>
where
    K: serde::Deserialize<'de>,
    T: FnMut(&Place<'_>, &str, u64),
{
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        let number = Number::from_f64(value).map(Value::Number);
        number.ok_or_else(|| E::custom("a number that is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_some<D: Deserializer<'de>>(self, decoder: D) -> Result<Value, D::Error> {
        decoder.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        loop {
            let seed = Seed {
                place: Place::Index(&self.place, list.len()),
                read_key: self.read_key,
                tell: &mut *self.tell,
            };
            match items.next_element_seed(seed)? {
                Some(item) => list.push(item),
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(key) = entries.next_key::<K>()? {
            let (key, line) = (self.read_key)(key);
            let seed = Seed {
                place: Place::Field(&self.place, &key),
                read_key: self.read_key,
                tell: &mut *self.tell,
            };
            let value = entries.next_value_seed(seed)?;
            if members.contains_key(&key) {
                (self.tell)(&self.place, &key, line);
            }
            members.insert(key, value);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;

    #[test]
    fn json_fields_given_twice_are_named_by_their_path() {
        let text = br#"{"a": 1, "b": [{"c": 1, "c": {"d": null, "d": 2.5}}], "a": "x", "a": true}"#;
        let (value, doubles) = json(text).unwrap();
        assert_eq!(value, json!({"a": true, "b": [{"c": {"d": 2.5}}]}));
        assert_eq!(doubles.fields, ["b[0].c.d", "b[0].c", "a"]);
        assert_eq!(value, serde_json::from_slice::<Value>(text).unwrap());
    }

    #[test]
    fn yaml_keys_given_twice_are_named_by_their_line() {
        let text = "a: 1\nb:\n- c: x\n  c: 'y'\na: ~\n";
        let (value, doubles) = yaml(text).unwrap();
        assert_eq!(value, json!({"a": null, "b": [{"c": "y"}]}));
        let lines = [
            "line 4: key \"c\" already set in map",
            "line 5: key \"a\" already set in map",
        ];
        assert_eq!(doubles.lines, lines);
    }

    #[test]
    fn what_is_no_json_is_refused_and_much_is_not_told() {
        assert!(json(b"{} {}").is_err());
        assert!(json(&b"[".repeat(100_000)).is_err());
        assert!(yaml(&"[".repeat(100_000)).is_err());
        assert!(yaml("a: .nan").is_err());
        let many: String = (0..500)
            .map(|at| format!("\"k{at}\":1,\"k{at}\":1,"))
            .collect();
        let text = format!("{{{}}}", many.trim_end_matches(','));
        assert_eq!(json(text.as_bytes()).unwrap().1.fields.len(), MOST);
    }
}
