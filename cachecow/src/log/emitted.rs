//! Keys that a writer names in its own transaction, as text: in the outbox's table, and in PostgreSQL's log.

use std::time::Duration;

use serde_json::Value as Json;

use super::batch::Batch;
use crate::key::Key;
use crate::model::cached::TypePolicy;
use crate::model::keys::{KeySet, TagInSet};

/// Emitted keys, with the only setting that an invalidation uses.
#[cfg(any(feature = "postgres-log", all(feature = "outbox", feature = "sqlx-0_8")))]
pub(super) fn of_keys(set: &KeySet) -> String {
    let settle = |policy: &TypePolicy| policy.settle.map(|settle| settle.as_millis().to_string());
    let named =
        |(key, policy): &(Key, TypePolicy)| serde_json::json!([key.to_string(), settle(policy)]);
    let tags = set.tags.iter();
    let tags = tags.map(|tag| {
        serde_json::json!([tag.tag.to_string(), settle(&tag.policy), tag.guard.to_string()])
    });
    serde_json::json!({
        "keys": set.keys.iter().map(named).collect::<Vec<_>>(),
        "epochs": set.answers.iter().map(named).collect::<Vec<_>>(),
        "tags": tags.collect::<Vec<_>>(),
    })
    .to_string()
}

/// Adds emitted keys to the batch. If they cannot be read, everything is invalidated.
pub(super) fn add_to(batch: &mut Batch, text: Option<&str>) {
    match keys(text) {
        Some(keys) => batch.keys(keys),
        None => batch.everything_of_all("emitted keys cannot be read"),
    }
}

/// The emitted keys; `None` if any of them cannot be read.
fn keys(text: Option<&str>) -> Option<KeySet> {
    let payload: Json = serde_json::from_str(text?).ok()?;
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
}
