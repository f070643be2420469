//! Converts fields of documents to columns.

use std::borrow::Cow;

use mongodb::bson::RawDocument;
use mongodb::bson::raw::RawBsonRef;
use mongodb::bson::spec::BinarySubtype;

use crate::log::value::Value;

/// Up to this limit, a double represents every whole number exactly. `mongosh` writes numbers as doubles.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Returns the field at this path: `mail`, or `address.city` in a nested document. A missing field is null, as in
/// MongoDB's own queries.
pub(super) fn field<'a>(document: &'a RawDocument, path: &str) -> Value<'a> {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    match (document.get(name), rest) {
        (Ok(None), _) | (Ok(Some(RawBsonRef::Null | RawBsonRef::Undefined)), Some(_)) => {
            Value::Null
        }
        (Ok(Some(found)), None) => value(found),
        (Ok(Some(RawBsonRef::Document(inner))), Some(rest)) => field(inner, rest),
        // For example, an array is on the path.
        (Ok(Some(_)) | Err(_), _) => Value::Other,
    }
}

fn value(bson: RawBsonRef<'_>) -> Value<'_> {
    match bson {
        RawBsonRef::String(text) | RawBsonRef::Symbol(text) => Value::text(text),
        RawBsonRef::ObjectId(id) => Value::text(id.to_hex()),
        RawBsonRef::Int32(number) => Value::text(number.to_string()),
        RawBsonRef::Int64(number) => Value::text(number.to_string()),
        RawBsonRef::Double(number) if number.fract() == 0.0 && number.abs() <= EXACT => {
            // Without a decimal point, and with 0 for -0.
            Value::text(format!("{:.0}", number + 0.0))
        }
        RawBsonRef::Double(number) => Value::text(number.to_string()),
        RawBsonRef::Decimal128(number) => Value::text(number.to_string()),
        RawBsonRef::Boolean(truth) => Value::Bool(truth),
        RawBsonRef::DateTime(moment) => {
            moment.try_to_rfc3339_string().map_or(Value::Other, Value::text)
        }
        // The order of an old UUID's bytes depends on the driver that wrote it.
        RawBsonRef::Binary(binary) if binary.subtype == BinarySubtype::UuidOld => Value::Other,
        RawBsonRef::Binary(binary) => Value::Bytes(Cow::Borrowed(binary.bytes)),
        RawBsonRef::Null | RawBsonRef::Undefined => Value::Null,
        _ => Value::Other,
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::oid::ObjectId;
    use mongodb::bson::{Binary, Bson, DateTime, Document, RawDocumentBuf, Timestamp, doc};

    use super::*;

    fn of(document: Document, path: &str) -> Value<'static> {
        let raw = RawDocumentBuf::try_from(document).unwrap();
        field(&raw, path).into_owned()
    }

    #[test]
    fn fields_are_read_as_the_text_that_a_key_part_takes() {
        let id = ObjectId::parse_str("65a1f0c2d4e5f60718293a4b").unwrap();
        let uuid = Binary { subtype: BinarySubtype::Uuid, bytes: vec![7; 16] };
        for (bson, value) in [
            (Bson::from("Ann"), Value::text("Ann")),
            (Bson::from(id), Value::text("65a1f0c2d4e5f60718293a4b")),
            (Bson::Int32(-7), Value::text("-7")),
            (Bson::Int64(i64::MAX), Value::text("9223372036854775807")),
            (Bson::Double(42.0), Value::text("42")),
            (Bson::Double(-0.0), Value::text("0")),
            (Bson::Double(0.5), Value::text("0.5")),
            (Bson::Boolean(true), Value::Bool(true)),
            (Bson::from(DateTime::from_millis(0)), Value::text("1970-01-01T00:00:00Z")),
            (Bson::from(DateTime::from_millis(5)), Value::text("1970-01-01T00:00:00.005Z")),
            (Bson::from(uuid), Value::Bytes(vec![7; 16].into())),
            (Bson::Null, Value::Null),
            (Bson::Undefined, Value::Null),
        ] {
            let seen = of(doc! { "x": bson.clone() }, "x");
            assert!(seen == value, "{bson:?} is read as {:?}", seen.as_text());
        }
    }

    #[test]
    fn what_no_key_is_made_of_is_said_to_be_something_else() {
        let old = Binary { subtype: BinarySubtype::UuidOld, bytes: vec![7; 16] };
        for bson in [
            Bson::from(vec!["a"]),
            Bson::from(doc! { "a": 1 }),
            Bson::from(old),
            Bson::from(Timestamp { time: 1, increment: 1 }),
            Bson::MinKey,
        ] {
            assert!(of(doc! { "x": bson.clone() }, "x") == Value::Other, "{bson:?}");
        }
    }

    #[test]
    fn a_path_leads_into_documents_and_not_into_arrays() {
        let document =
            doc! { "address": { "city": "Ghent", "geo": null }, "tags": [{ "city": "x" }] };
        let read = |path: &str| of(document.clone(), path);
        assert!(read("address.city") == Value::text("Ghent"));
        assert!(read("address.street") == Value::Null);
        assert!(read("address.geo.lat") == Value::Null);
        assert!(read("nowhere.city") == Value::Null);
        assert!(read("address") == Value::Other);
        assert!(read("tags.city") == Value::Other);
        assert!(read("address.city.x") == Value::Other, "a text has no fields");
    }

    #[test]
    fn a_document_that_cannot_be_read_gives_nothing() {
        let mut bytes = RawDocumentBuf::try_from(doc! { "x": "abc" }).unwrap().into_bytes();
        let at = bytes.len() - 3;
        bytes[at] = 0xff;
        let raw = RawDocumentBuf::from_bytes(bytes).unwrap();
        assert!(field(&raw, "x") == Value::Other, "no UTF-8");
    }
}
