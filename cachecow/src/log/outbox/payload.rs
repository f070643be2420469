//! The contents of the outbox's rows.

use serde_json::{Map, Value as Json};

use crate::log::row::{Row, RowVersion};
use crate::log::value::Value;

/// One row, as it was read.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: i64,
    pub(super) source: String,
    pub(super) old: Option<String>,
    pub(super) new: Option<String>,
}

/// Parses a version of a changed row. Returns `None` if no trigger of this crate would write this text.
pub(super) fn object(text: Option<&str>) -> Option<Map<String, Json>> {
    match serde_json::from_str(text?) {
        Ok(Json::Object(columns)) => Some(columns),
        _ => None,
    }
}

pub(super) fn row(version: RowVersion, columns: &Map<String, Json>) -> Row<'_> {
    let mut row = Row::of(version);
    for (name, value) in columns {
        row.push(name, column(value));
    }
    row
}

fn column(json: &Json) -> Value<'_> {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::String(text) => Value::text(text.as_str()),
        // SQLite's blobs.
        Json::Array(hex) => match hex.first().and_then(Json::as_str).and_then(bytes) {
            Some(bytes) => Value::Bytes(bytes.into()),
            None => Value::Null,
        },
        other => Value::text(other.to_string()),
    }
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_texts_or_bytes() {
        let columns = object(Some(r#"{"a":"1","b":null,"c":["00FF"],"d":12345678901234567}"#));
        let columns = columns.unwrap();
        let row = row(RowVersion::Old, &columns);
        assert_eq!(row.get("a"), Some(&Value::text("1")));
        assert_eq!(row.get("b"), Some(&Value::Null));
        assert_eq!(row.get("c"), Some(&Value::Bytes(vec![0, 255].into())));
        assert_eq!(row.get("d"), Some(&Value::text("12345678901234567")));
    }
}
