//! What a stored document is worth: whether it is whole, of this version, of the key and of its time.

use super::Engine;
use super::lifetime::{Age, age};
use crate::document::{self, Body, Header};
use crate::model::cached::Cached;
use crate::model::lookup::Lookup;
use crate::model::schema::CacheSchema;
use crate::protocol::{SeenValue, Verdict};
use crate::stats::{Counter, TypeState};

/// What a stored document holds, if it may be served, and what is to be done.
pub(crate) struct Judged<T> {
    pub(crate) found: Option<T>,
    pub(crate) verdict: Verdict,
}

impl<T> Judged<T> {
    #[inline]
    pub(crate) fn map<U>(self, to: impl FnOnce(T) -> U) -> Judged<U> {
        Judged { found: self.found.map(to), verdict: self.verdict }
    }
}

impl<T> From<Result<T, Verdict>> for Judged<T> {
    #[inline]
    fn from(judged: Result<T, Verdict>) -> Self {
        match judged {
            Ok(found) => Self { found: Some(found), verdict: Verdict::Good },
            Err(verdict) => Self { found: None, verdict },
        }
    }
}

/// Decodes and verifies a stored document of `L`'s object type.
#[inline]
pub(crate) fn judge<L: Lookup>(
    engine: &Engine,
    state: &TypeState,
    lookup: &L,
    document: &[u8],
) -> Judged<Option<L::Object>> {
    let is_asked_for = |object: &L::Object| lookup.finds(object);
    let is_its_key = |key: &[u8]| key == lookup.key().as_bytes();
    let (header, object) = match verify(engine, state, document, is_asked_for, is_its_key) {
        Ok(verified) => verified,
        Err(verdict) => return Judged { found: None, verdict },
    };
    let verdict = match age(engine, &L::Object::POLICY, header) {
        Age::Fresh => Verdict::Good,
        Age::Ageing => Verdict::Ageing(SeenValue::of(document)),
        Age::Expired => Verdict::Expired(SeenValue::of(document)),
        Age::Over => {
            return Judged { found: None, verdict: Verdict::Replace(SeenValue::of(document)) };
        }
    };
    Judged { found: Some(object), verdict }
}

/// The header, and the object if it is the one asked for, or its absence if that is of its key.
#[inline]
pub(super) fn verify<T: Cached>(
    engine: &Engine,
    state: &TypeState,
    document: &[u8],
    is_asked_for: impl FnOnce(&T) -> bool,
    is_its_key: impl FnOnce(&[u8]) -> bool,
) -> Result<(Header, Option<T>), Verdict> {
    let (header, body) = open::<T>(engine, state, document)?;
    match body {
        // Which tags it was stored with, if any, is looked at later, with their epochs.
        Body::Object(object) | Body::Tagged { object, .. } => match document::decode::<T>(object) {
            Err(_) => Err(reject(state, document, "undecodable")),
            Ok(object) if is_asked_for(&object) => Ok((header, Some(object))),
            Ok(_) => Err(reject(state, document, "of another key")),
        },
        Body::Absent { key } if is_its_key(key) => Ok((header, None)),
        Body::Absent { .. } | Body::Pointer { .. } => {
            Err(reject(state, document, "of another key"))
        }
    }
}

/// The header and the body of a document of `T`, as this version of the program writes it.
#[inline]
pub(super) fn open<'a, T: Cached>(
    engine: &Engine,
    state: &TypeState,
    document: &'a [u8],
) -> Result<(Header, Body<'a>), Verdict> {
    if document.len() > engine.settings.max_value_len {
        return Err(reject(state, document, "larger than the cache's maximum"));
    }
    let Ok((header, body)) = document::parse(document) else {
        return Err(reject(state, document, "malformed"));
    };
    if header.fingerprint != <T as CacheSchema>::FINGERPRINT {
        return Err(another_version(engine, state, document, header));
    }
    Ok((header, body))
}

#[cold]
pub(super) fn reject(state: &TypeState, document: &[u8], why: &str) -> Verdict {
    state.count(Counter::DecodeFailures);
    tracing::warn!(target: "cachecow", r#type = state.name(), why, "a cached value was rejected; it will be replaced");
    Verdict::Replace(SeenValue::of(document))
}

/// Two versions of the program share the cache: neither reads the other's values, and each lets the
/// other's live for a while, lest they overwrite each other on every read.
#[cold]
fn another_version(engine: &Engine, state: &TypeState, document: &[u8], header: Header) -> Verdict {
    state.count(Counter::OtherVersions);
    let age = engine.wall_clock().saturating_sub(header.stored_at);
    if u128::from(age) < engine.settings.replace_after.as_millis() {
        Verdict::Leave
    } else {
        Verdict::Replace(SeenValue::of(document))
    }
}
