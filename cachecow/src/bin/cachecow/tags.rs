//! The tags that a value carries, and whether their epochs are still the ones that it was stored with.

use cachecow::__tools::{self as tools, Stamp};
use cachecow::{Key, KeyEncoder};
use redis::{Pipeline, Value};
use serde_json::json;

use crate::fault::Fault;
use crate::manifest::TypeEntry;
use crate::session::{Session, ask_all};

/// The state of a tag's epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Epoch {
    /// It is still the epoch that the value was stored with.
    Current,
    /// The epoch has ended, and another one may have begun.
    Ended,
    /// A writer holds the tag.
    Held,
    /// No epoch was found, and the tag's name is not known for certain.
    Unknown,
}

/// A tag that a value carries.
pub(crate) struct CarriedTag {
    /// The name in Redis, or as much as is known of it.
    pub(crate) name: String,
    /// The tag's name in the program.
    pub(crate) called: Option<String>,
    pub(crate) epoch: Epoch,
}

impl CarriedTag {
    pub(crate) fn json(&self) -> serde_json::Value {
        json!({"name": self.name, "tag": self.called, "epoch": self.epoch.word()})
    }
}

impl Epoch {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Ended => "ended",
            Self::Held => "held",
            Self::Unknown => "unknown",
        }
    }
}

/// Looks up the epoch of each tag. The value contains the hash of the tag's key; the words before the hash come
/// from the tag's type.
pub(crate) async fn carried(
    session: &Session,
    key: Key,
    entry: Option<&TypeEntry>,
    stamps: &[Stamp],
) -> Result<Vec<CarriedTag>, Fault> {
    let named = named_tags(session);
    let certain = entry.filter(|entry| !entry.is_query()).and_then(TypeEntry::guard);
    // An answer may carry tags of any type.
    let mut kinds: Vec<Key> = if let Some(guard) = certain {
        vec![guard]
    } else {
        let guards = session.manifest.types.iter().filter_map(TypeEntry::guard);
        std::iter::once(key).chain(guards).collect()
    };
    kinds.dedup_by_key(|kind| tools::words_of(*kind));
    let mut found = Vec::new();
    for stamp in stamps {
        let called = named.iter().find(|(key, _)| key.hash() == stamp.tag);
        let exact = called.map(|(key, _)| *key);
        let candidates: Vec<Key> = match exact {
            Some(exact) => vec![exact],
            None => kinds.iter().map(|kind| tools::with_hash(stamp.tag, *kind)).collect(),
        };
        let is_certain = exact.is_some() || certain.is_some();
        let mut tag = CarriedTag {
            name: session.name("tag", *candidates.first().unwrap_or(&key)),
            called: called.map(|(_, name)| name.clone()),
            epoch: if is_certain { Epoch::Ended } else { Epoch::Unknown },
        };
        for candidate in candidates {
            if let Some(epoch) = epoch(session, candidate, stamp).await? {
                tag.name = session.name("tag", candidate);
                tag.epoch = epoch;
                break;
            }
        }
        found.push(tag);
    }
    Ok(found)
}

/// The state of the epoch under this key, if there is any.
async fn epoch(session: &Session, tag: Key, stamp: &Stamp) -> Result<Option<Epoch>, Fault> {
    let server = session.servers.with(tag).await?;
    let name = session.name("tag", tag);
    let mut questions = Pipeline::new();
    questions.cmd("GET").arg(&name);
    questions.cmd("TYPE").arg(&name);
    let answers = ask_all(&server, &questions).await?;
    Ok(match &answers[..] {
        [Value::BulkString(epoch), _] if epoch[..] == stamp.epoch => Some(Epoch::Current),
        [Value::BulkString(_), _] => Some(Epoch::Ended),
        [Value::Nil, _] => None,
        [_, kind] if crate::replies::text(kind).as_deref() == Some("zset") => Some(Epoch::Held),
        _ => Some(Epoch::Ended),
    })
}

/// The keys of the tags that take no values, and the names of these tags.
fn named_tags(session: &Session) -> Vec<(Key, String)> {
    let scope = session.scope();
    let mut named = Vec::new();
    for entry in &session.manifest.types {
        if let Some(whole) = entry.whole() {
            named.push((scope.key(whole), format!("all of {}", entry.name)));
        }
        let constant = entry.tags.iter().filter(|tag| tag.parts.is_empty());
        for tag in constant {
            let Some(emptied) = tools::emptied(&tag.template) else { continue };
            let parts = [&entry.tag_scope[..], KeyEncoder::new(&emptied).as_bytes()].concat();
            if let Some(key) = tools::key_of(&parts) {
                let called = format!("{}::{}", entry.name, tag.name);
                named.push((scope.key(tools::answers_of(key)), format!("{called} (answers)")));
                named.push((scope.key(key), called));
            }
        }
    }
    named
}
