//! Stored objects as JSON.
//!
//! An object is stored by position. The names of its fields come from the manifest. The names of nested fields are
//! not known: a nested struct is shown as an array, and an enum as the number of its variant, or as an array that
//! begins with this number.

use std::fmt;

use cachecow::__tools as tools;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::manifest::TypeEntry;

/// The deepest nesting that is read; no stored object is as deep.
const MAX_DEPTH: usize = 256;

/// Returns the object, with the names of its fields if they are known. Unless `show` is set, each value is replaced
/// by a word for its kind. Returns `None` if the bytes are not MessagePack.
pub(crate) fn object(bytes: &[u8], entry: Option<(&TypeEntry, bool)>, show: bool) -> Option<Value> {
    let value = decoded(bytes)?;
    let names: Vec<(&str, bool)> = match entry {
        Some((_, true)) => vec![("list", false), ("members", false)],
        Some((entry, false)) if entry.is_query() => vec![("key", false), ("answer", false)],
        Some((entry, false)) => {
            entry.fields.iter().map(|field| (&*field.name, field.opaque)).collect()
        }
        None => Vec::new(),
    };
    match value {
        Value::Array(values) if !names.is_empty() && names.len() == values.len() => {
            let named = names.into_iter().zip(values).map(|((name, is_opaque), value)| {
                let value = if is_opaque { opened(value) } else { value };
                (name.to_owned(), if show { value } else { redacted(&value) })
            });
            Some(Value::Object(named.collect()))
        }
        Value::Array(values) if !show => Some(values.iter().map(redacted).collect()),
        value if show => Some(value),
        value => Some(redacted(&value)),
    }
}

/// An opaque field's value, which is a MessagePack document of its own.
fn opened(value: Value) -> Value {
    let bytes = value.as_str().and_then(|text| crate::key_type::unhex(text.strip_prefix("0x")?));
    bytes.and_then(|bytes| decoded(&bytes)).unwrap_or(value)
}

/// The kind of a value, in words that reveal nothing about the value.
fn redacted(value: &Value) -> Value {
    Value::String(match value {
        Value::Null => return Value::Null,
        Value::Bool(_) => "<bool>".to_owned(),
        Value::Number(number) if number.is_f64() => "<float>".to_owned(),
        Value::Number(_) => "<integer>".to_owned(),
        Value::String(text) if text.starts_with("0x") => "<bytes>".to_owned(),
        Value::String(_) => "<text>".to_owned(),
        Value::Array(values) => format!("<array of {}>", values.len()),
        Value::Object(pairs) => format!("<map of {}>", pairs.len()),
    })
}

/// One MessagePack document, and nothing after it.
pub(crate) fn decoded(bytes: &[u8]) -> Option<Value> {
    let mut rest = bytes;
    let value = next_document(&mut rest)?;
    rest.is_empty().then_some(value)
}

/// The parts of a key, each a MessagePack document; the first is the template.
pub(crate) fn key_parts(mut bytes: &[u8]) -> Option<Vec<Value>> {
    let mut parts = Vec::new();
    while !bytes.is_empty() {
        parts.push(next_document(&mut bytes)?);
    }
    Some(parts)
}

/// Takes the next MessagePack document from the bytes.
fn next_document(bytes: &mut &[u8]) -> Option<Value> {
    let mut deserializer = rmp_serde::Deserializer::new(bytes);
    deserializer.set_max_depth(MAX_DEPTH);
    let Json(value) = Json::deserialize(&mut deserializer).ok()?;
    Some(value)
}

struct Json(Value);

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue).map(Self)
    }
}

struct AnyValue;

impl<'de> DeserializeSeed<'de> for AnyValue {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a MessagePack value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        // JSON has no infinities.
        Ok(Number::from_f64(value).map_or_else(|| value.to_string().into(), Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_bytes<E>(self, value: &[u8]) -> Result<Value, E> {
        Ok(format!("0x{}", tools::hex(value)).into())
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, extension: D) -> Result<Value, D::Error> {
        // A number and bytes.
        extension.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element_seed(Self)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut pairs = Map::new();
        while let Some((key, value)) = map.next_entry_seed(Self, Self)? {
            let key = match key {
                Value::String(text) => text,
                key => key.to_string(),
            };
            pairs.insert(key, value);
        }
        Ok(Value::Object(pairs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_or_redacted() {
        // [42, "a", nil, [1.5, bin 00ff], {1: true}]
        let bytes = [
            0x95, 42, 0xa1, b'a', 0xc0, 0x92, 0xca, 0x3f, 0xc0, 0, 0, 0xc4, 2, 0, 0xff, 0x81, 1,
            0xc3,
        ];
        let shown = object(&bytes, None, true).expect("a value").to_string();
        assert_eq!(shown, r#"[42,"a",null,[1.5,"0x00ff"],{"1":true}]"#);
        let redacted = object(&bytes, None, false).expect("a value").to_string();
        assert_eq!(redacted, r#"["<integer>","<text>",null,"<array of 2>","<map of 1>"]"#);
    }

    #[test]
    fn what_is_no_message_pack_is_none() {
        for bytes in [&[][..], &[0x92, 1], &[1, 1], &[0xc1], &[0xdd, 0xff, 0xff, 0xff, 0xff]] {
            assert_eq!(object(bytes, None, true), None, "{bytes:?}");
        }
        assert_eq!(object(&[0x91; 5000], None, true), None, "too deep");
    }
}
