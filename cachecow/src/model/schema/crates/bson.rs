//! `bson`: documents as maps; types that MessagePack lacks, as BSON.

use bson::oid::ObjectId;
use bson::{Bson, DateTime, Decimal128, Document};

use crate::codec::{Comparison, DecodeError, Decoder, Encoder, Kind};
use crate::model::schema::plain::plain;
use crate::model::schema::{CacheSchema, shape_of};

/// The byte before the eight bytes of an `Int64`.
const INT_64: u8 = 0;
/// The byte before a BSON document with the value as its only element.
const WRAPPED: u8 = 1;
/// The elements that hold others: a document, an array, code with its scope.
const NESTING: [u8; 3] = [0x03, 0x04, 0x0f];

plain! {
    ObjectId = "ObjectId":
        |value, encoder| encoder.bytes(&value.bytes()),
        |decoder| decoder.array_of_bytes().map(Self::from_bytes);
    DateTime = "bson::DateTime":
        |value, encoder| encoder.int(value.timestamp_millis()),
        |decoder| decoder.int().map(Self::from_millis);
    Decimal128 = "Decimal128":
        |value, encoder| encoder.bytes(&value.bytes()),
        |decoder| decoder.array_of_bytes().map(Self::from_bytes);
}

impl CacheSchema for Bson {
    shape_of!("Bson");

    fn write_to(&self, encoder: &mut Encoder) {
        match self {
            Self::Null => encoder.nil(),
            Self::Boolean(value) => encoder.bool(*value),
            Self::Int32(value) => encoder.int((*value).into()),
            Self::Double(value) => encoder.f64(*value),
            Self::String(text) => encoder.str(text),
            Self::Array(items) => encoder.nested(|encoder| items.write_to(encoder)),
            Self::Document(document) => document.write_to(encoder),
            Self::Int64(value) => {
                let mut bytes = vec![INT_64];
                bytes.extend_from_slice(&value.to_be_bytes());
                encoder.bytes(&bytes);
            }
            Self::JavaScriptCodeWithScope(_) => encoder.refuse("code with a scope is not stored"),
            other => match Document::from_iter([(String::new(), other.clone())]).to_vec() {
                Ok(document) => encoder.bytes(&[&[WRAPPED], &document[..]].concat()),
                Err(error) => encoder.refuse(error.to_string()),
            },
        }
    }

    fn read_from(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(match decoder.kind() {
            Some(Kind::Nil) => decoder.nil().map(|()| Self::Null)?,
            Some(Kind::Bool) => Self::Boolean(decoder.bool()?),
            Some(Kind::Integer | Kind::NegativeInteger) => Self::Int32(i32::read_from(decoder)?),
            Some(Kind::Float) => Self::Double(decoder.f64()?),
            Some(Kind::Text) => Self::String(decoder.str()?.to_owned()),
            Some(Kind::Array) => Self::Array(decoder.nested(Vec::read_from)?),
            Some(Kind::Map) => Self::Document(Document::read_from(decoder)?),
            _ => read_bytes(decoder.bytes()?)?,
        })
    }

    fn is_same(&self, other: &Self, _: &mut Comparison) -> bool {
        is_same(self, other)
    }
}

fn read_bytes(bytes: &[u8]) -> Result<Bson, DecodeError> {
    let no_value = || DecodeError::new("not a BSON value");
    match bytes {
        [INT_64, digits @ ..] => {
            let digits = digits.try_into().map_err(|_| no_value())?;
            Ok(Bson::Int64(i64::from_be_bytes(digits)))
        }
        // Nested values are refused, also if another program wrote them.
        [WRAPPED, document @ ..]
            if document.get(4).is_some_and(|kind| !NESTING.contains(kind))
                && claims_its_length(document) =>
        {
            let document = Document::from_reader(document).map_err(|_| no_value())?;
            let mut elements = document.into_iter();
            match (elements.next(), elements.next()) {
                (Some((_, value)), None) => Ok(value),
                _ => Err(no_value()),
            }
        }
        _ => Err(no_value()),
    }
}

/// Whether the document says its own length: its reader allocates what is said.
fn claims_its_length(document: &[u8]) -> bool {
    let claimed = document.first_chunk().map(|claimed| i32::from_le_bytes(*claimed));
    claimed.and_then(|claimed| usize::try_from(claimed).ok()) == Some(document.len())
}

/// Compares fields in order, and floats bit by bit.
fn is_same(one: &Bson, other: &Bson) -> bool {
    match (one, other) {
        (Bson::Double(one), Bson::Double(other)) => one.to_bits() == other.to_bits(),
        (Bson::Array(one), Bson::Array(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|(one, other)| is_same(one, other))
        }
        (Bson::Document(one), Bson::Document(other)) => are_same(one, other),
        _ => one == other,
    }
}

fn are_same(one: &Document, other: &Document) -> bool {
    one.len() == other.len()
        && one
            .iter()
            .zip(other)
            .all(|((one_key, one), (other_key, other))| one_key == other_key && is_same(one, other))
}

impl CacheSchema for Document {
    shape_of!("Document");
    const MAY_BE_NIL: bool = false;

    fn write_to(&self, encoder: &mut Encoder) {
        encoder.nested(|encoder| {
            encoder.map(self.len());
            for (key, value) in self {
                encoder.str(key);
                value.write_to(encoder);
            }
        });
    }

    fn read_from(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        decoder.nested(|decoder| {
            let mut document = Self::new();
            for _ in 0..decoder.map()? {
                let key = decoder.str()?.to_owned();
                document.insert(key, Bson::read_from(decoder)?);
            }
            Ok(document)
        })
    }

    fn is_same(&self, other: &Self, _: &mut Comparison) -> bool {
        are_same(self, other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Its reader would ask for as much memory as the document says.
    #[test]
    fn a_length_that_is_not_the_document_s_is_refused() {
        let mut document = [WRAPPED, 12, 0, 0, 0, 0x10, b'v', 0, 1, 0, 0, 0, 0];
        assert!(read_bytes(&document).is_ok());
        for claimed in [i32::MAX, -1, 0, 11, 13] {
            document[1..5].copy_from_slice(&claimed.to_le_bytes());
            assert!(!claims_its_length(&document[1..]), "{claimed}");
            assert!(read_bytes(&document).is_err(), "{claimed}");
        }
        assert!(!claims_its_length(&[12, 0, 0]));
    }
}
