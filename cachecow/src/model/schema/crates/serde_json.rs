//! `serde_json`: as MessagePack values of the same kind.

use serde_json::{Map, Number, Value};

use crate::codec::{Comparison, DecodeError, Decoder, Encoder, Kind};
use crate::model::schema::plain::plain;
use crate::model::schema::{CacheSchema, shape_of};

impl CacheSchema for Value {
    shape_of!("Value");

    fn write_to(&self, encoder: &mut Encoder) {
        match self {
            Self::Null => encoder.nil(),
            Self::Bool(value) => encoder.bool(*value),
            Self::Number(number) => number.write_to(encoder),
            Self::String(text) => encoder.str(text),
            Self::Array(items) => encoder.nested(|encoder| items.write_to(encoder)),
            Self::Object(map) => map.write_to(encoder),
        }
    }

    fn read_from(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(match decoder.kind() {
            Some(Kind::Nil) => decoder.nil().map(|()| Self::Null)?,
            Some(Kind::Bool) => Self::Bool(decoder.bool()?),
            Some(Kind::Text) => Self::String(decoder.str()?.to_owned()),
            Some(Kind::Array) => Self::Array(decoder.nested(Vec::read_from)?),
            Some(Kind::Map) => Self::Object(Map::read_from(decoder)?),
            _ => Self::Number(Number::read_from(decoder)?),
        })
    }

    fn is_same(&self, other: &Self, _: &mut Comparison) -> bool {
        self == other
    }
}

impl CacheSchema for Map<String, Value> {
    shape_of!("serde_json::Map");
    const MAY_BE_NIL: bool = false;

    fn write_to(&self, encoder: &mut Encoder) {
        encoder.nested(|encoder| encoder.pairs(self.iter()));
    }

    fn read_from(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        decoder.nested(|decoder| {
            let mut map = Self::new();
            for _ in 0..decoder.map()? {
                map.insert(decoder.str()?.to_owned(), Value::read_from(decoder)?);
            }
            Ok(map)
        })
    }

    fn is_same(&self, other: &Self, _: &mut Comparison) -> bool {
        self == other
    }
}

/// A number that MessagePack cannot represent (`arbitrary_precision`) is written as its text, as binary data.
fn write_number(number: &Number, encoder: &mut Encoder) {
    match (number.as_u64(), number.as_i64(), number.as_f64()) {
        (Some(value), ..) if Number::from(value) == *number => encoder.uint(value),
        (_, Some(value), _) if Number::from(value) == *number => encoder.int(value),
        (.., Some(value)) if Number::from_f64(value).as_ref() == Some(number) => encoder.f64(value),
        _ => encoder.bytes(number.to_string().as_bytes()),
    }
}

fn read_number(decoder: &mut Decoder<'_>) -> Result<Number, DecodeError> {
    let no_number = || DecodeError::new("not a JSON number");
    match decoder.kind() {
        Some(Kind::NegativeInteger) => decoder.int().map(Number::from),
        Some(Kind::Integer) => decoder.uint().map(Number::from),
        Some(Kind::Float) => Number::from_f64(decoder.f64()?).ok_or_else(no_number),
        _ => serde_json::from_slice(decoder.bytes()?).map_err(|_| no_number()),
    }
}

plain! {
    Number = "Number": write_number, read_number;
}
