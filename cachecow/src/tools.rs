//! What the program `cachecow` needs besides the public interface. It is not part of the public interface: anything
//! here may change in any release.

use std::time::Duration;

use bytes::Bytes;

pub use crate::backend::redis::servers::{OneServer, RedisServers, refusal};
use crate::document::{self, Body, packed};
use crate::key::Key;
use crate::model::cached::TypePolicy;
use crate::model::keys::KeySet;
use crate::packing::{Packing, Refusal};

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    crate::hex::hex(bytes)
}

/// A stored value with its header.
#[derive(Debug)]
pub struct Stored {
    /// The fingerprint of the type that wrote it.
    pub fingerprint: u64,
    /// When it was stored, in milliseconds since 1970 by the writer's clock.
    pub stored_at: u64,
    /// How long the fetch took.
    pub fetch_took: Duration,
    /// How long it may be served, if that is less than the cache keeps it.
    pub ttl: Option<Duration>,
    /// How it is compressed and encrypted, if it is.
    pub codec: Option<String>,
    /// The name of the key that it is encrypted with.
    pub encryption_key: Option<String>,
    /// The content of the value.
    pub content: Content,
}

/// The content of the value.
#[derive(Debug)]
pub enum Content {
    /// An object as MessagePack, and the tags that it carries.
    Object(Vec<u8>, Vec<Stamp>),
    /// The absence of an object, with its encoded key.
    Absent(Vec<u8>, Vec<Stamp>),
    /// A pointer: the object is stored under this encoded primary key.
    Pointer(Vec<u8>),
    /// The content cannot be shown, for this reason.
    Hidden(&'static str),
}

/// A tag that a value was stored with.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// The hash of the tag's key.
    pub tag: u128,
    /// The tag's epoch when the value was stored.
    pub epoch: [u8; 16],
}

impl Stored {
    /// Reads the value that is stored under a key, of at most `max_len` bytes unpacked. `None` if it does not have
    /// this crate's format.
    pub fn read(key: Key, stored: Vec<u8>, max_len: usize) -> Option<Self> {
        let header = document::header(&stored).ok()?;
        let packed =
            packed::is_packed(&stored).then(|| packed::unpack(&stored)).transpose().ok()?;
        let name = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let codec = packed.map(|packed| name(packed.codec));
        let encryption_key =
            packed.filter(|packed| !packed.key.is_empty()).map(|packed| name(packed.key));
        let (stored, mut unpacked) = (Bytes::from(stored), None);
        let content = match Packing::default().unpack(key, &stored, max_len, &mut unpacked) {
            Ok(clear) => content(clear)?,
            Err(Refusal::TooLarge) => Content::Hidden("it is too large"),
            Err(Refusal::OtherSettings) if encryption_key.is_some() => {
                Content::Hidden("it is encrypted")
            }
            Err(Refusal::OtherSettings) => Content::Hidden("its codec is unknown"),
            Err(Refusal::Damaged(why)) => Content::Hidden(why),
        };
        Some(Self {
            fingerprint: header.fingerprint,
            stored_at: header.stored_at,
            fetch_took: Duration::from_micros(header.fetch_took.into()),
            ttl: (header.ttl != u32::MAX).then(|| Duration::from_millis(header.ttl.into())),
            codec,
            encryption_key,
            content,
        })
    }

    /// Reads the time of storing from the first bytes of a value; at least [`Self::HEAD`] are needed.
    pub fn stored_at(head: &[u8]) -> Option<u64> {
        document::header(head).ok().map(|header| header.stored_at)
    }

    /// Reads the fingerprint from the first bytes of a value.
    pub fn fingerprint(head: &[u8]) -> Option<u64> {
        document::header(head).ok().map(|header| header.fingerprint)
    }

    /// How many bytes the header takes.
    pub const HEAD: usize = 30;
}

fn content(clear: &[u8]) -> Option<Content> {
    let stamps = |stamps| {
        let stamp =
            |(tag, epoch): (u128, crate::protocol::Token)| Stamp { tag, epoch: *epoch.as_bytes() };
        document::stamps(stamps).map(stamp).collect()
    };
    Some(match document::parse(clear).ok()?.1 {
        Body::Object(object) => Content::Object(object.to_vec(), Vec::new()),
        Body::Tagged { stamps: tags, object } => Content::Object(object.to_vec(), stamps(tags)),
        Body::Absent { stamps: tags, key } => Content::Absent(key.to_vec(), stamps(tags)),
        Body::Pointer { primary, .. } => Content::Pointer(primary.to_vec()),
    })
}

/// The template with its placeholders emptied; `None` if it is malformed.
pub fn emptied(template: &str) -> Option<String> {
    crate::key::emptied(template).map(|(emptied, _)| emptied.into_owned())
}

/// The key of encoded parts, which begin with the template; `None` after too many different templates.
pub fn key_of(parts: &[u8]) -> Option<Key> {
    Key::of_foreign_parts(parts)
}

/// The key with this hash and the words of another.
pub fn with_hash(hash: u128, words_of: Key) -> Key {
    words_of.with_hash(hash)
}

/// The words in front of the hash, each with a colon.
pub fn words_of(key: Key) -> String {
    String::from_utf8_lossy(key.words()).into_owned()
}

/// Adds a tag by the keys of its type's guard and of its epoch.
pub fn add_tag(set: &mut KeySet, guard: Key, tag: Key, policy: TypePolicy) {
    set.add_tag_by_keys(guard, tag, policy);
}

/// Adds everything of a type by the key of its epoch.
pub fn add_all(set: &mut KeySet, whole: Key, policy: TypePolicy) {
    set.add_all_by_key(whole, policy);
}

/// The key of the epoch that query results with this tag carry.
pub fn answers_of(tag: Key) -> Key {
    tag.of_answers()
}
