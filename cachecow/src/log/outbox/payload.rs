//! What stands in the outbox's rows.

use std::time::Duration;

use serde_json::{Map, Value as Json, json};

use crate::key::Key;
use crate::log::row::{Row, RowVersion};
use crate::log::value::Value;
use crate::model::cached::TypePolicy;
use crate::model::keys::{KeySet, TagInSet};

/// One row, as it was read.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: i64,
    pub(super) source: String,
    pub(super) old: Option<String>,
    pub(super) new: Option<String>,
}

/// A version of a changed row; `None` if the trigger's text is not what a trigger of ours writes.
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

/// Emitted keys, with the only setting that an invalidation makes use of.
pub(super) fn of_keys(set: &KeySet) -> String {
    let settle = |policy: &TypePolicy| policy.settle.map(|settle| settle.as_millis().to_string());
    let named = |(key, policy): &(Key, TypePolicy)| json!([key.to_string(), settle(policy)]);
    let tags = set.tags.iter();
    let tags =
        tags.map(|tag| json!([tag.tag.to_string(), settle(&tag.policy), tag.guard.to_string()]));
    json!({
        "keys": set.keys.iter().map(named).collect::<Vec<_>>(),
        "epochs": set.answers.iter().map(named).collect::<Vec<_>>(),
        "tags": tags.collect::<Vec<_>>(),
    })
    .to_string()
}

/// The emitted keys; `None` if any of them cannot be told.
pub(super) fn keys(text: Option<&str>) -> Option<KeySet> {
    let payload = object(text)?;
    let each = |name: &str| payload.get(name).and_then(Json::as_array);
    let all = |name: &str| each(name)?.iter().map(named).collect::<Option<_>>();
    let mut set = KeySet { keys: all("keys")?, answers: all("epochs")?, tags: Vec::new() };
    for tag in each("tags")? {
        let ((key, policy), guard) = (named(tag)?, key(tag.get(2)?)?);
        set.tags.push(TagInSet { guard, tag: key, policy });
    }
    Some(set)
}

fn named(json: &Json) -> Option<(Key, TypePolicy)> {
    let mut policy = TypePolicy::new();
    policy.settle = match json.get(1)? {
        Json::Null => None,
        settle => Some(Duration::from_millis(settle.as_str()?.parse().ok()?)),
    };
    Some((key(json.get(0)?)?, policy))
}

fn key(json: &Json) -> Option<Key> {
    Key::from_text(json.as_str()?.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::KeyEncoder;

    #[test]
    fn emitted_keys_are_read_as_they_were_named() {
        let key = |template| KeyEncoder::new(template).key();
        let policy = TypePolicy { settle: Some(Duration::from_millis(5)), ..TypePolicy::new() };
        let mut set = KeySet::default();
        set.add(key("user:{}"), TypePolicy::new());
        set.add(key("post:{}"), policy);
        set.answers.push((key("feed:{}"), policy));
        set.tags.push(TagInSet { guard: key("guard"), tag: key("tag:{}"), policy });
        let read = keys(Some(&of_keys(&set))).unwrap();
        assert_eq!((&read.keys, &read.answers), (&set.keys, &set.answers));
        assert_eq!(format!("{:?}", read.tags), format!("{:?}", set.tags));
        for text in ["", "{}", "[]", r#"{"keys":[["x",null]],"epochs":[],"tags":[]}"#] {
            assert!(keys(Some(text)).is_none(), "{text}");
        }
        assert!(keys(None).is_none());
    }

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
