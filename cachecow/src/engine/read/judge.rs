//! Judging a stored document: whether it is complete, of this version, of the right key, and neither invalidated by
//! a tag nor past its time to live.

use std::sync::Arc;

use bytes::Bytes;

use super::known::Known;
use super::lifetime::{Age, age};
use super::primary::ClaimFirst;
use crate::backend::Place;
use crate::document::{self, Body, Header};
use crate::engine::Engine;
use crate::engine::settings::Settings;
use crate::events::say;
use crate::key::Key;
use crate::model::cached::Cached;
use crate::model::schema::CacheSchema;
use crate::packing::Refusal;
use crate::protocol::tags::{StampCheck, check_stamps};
use crate::protocol::{Lost, Reply, SeenValue, Verdict};
use crate::stats::{Counter, TypeState};

/// The judgement of a stored document.
pub(crate) enum Judgement<T> {
    Done(Judged<T>),
    /// These places must be read first; then the document is judged again.
    Needs(Vec<Place>),
}

/// The content of a stored document, if it may be served, and what the read does next.
pub(crate) struct Judged<T> {
    pub(crate) found: Option<T>,
    pub(crate) verdict: Verdict,
    /// The target of a pointer that must be replaced.
    pub(crate) claim_first: Option<ClaimFirst>,
}

impl<T> Judgement<T> {
    #[inline]
    pub(crate) fn map<U>(self, to: impl FnOnce(T) -> U) -> Judgement<U> {
        match self {
            Self::Done(Judged { found, verdict, claim_first }) => {
                Judgement::Done(Judged { found: found.map(to), verdict, claim_first })
            }
            Self::Needs(places) => Judgement::Needs(places),
        }
    }
}

impl<T> Judgement<T> {
    /// The judgement of a read that accepts no stored object.
    #[cold]
    pub(super) fn renewed(self, document: &[u8]) -> Self {
        match self {
            Self::Done(Judged {
                verdict: Verdict::Good | Verdict::Ageing(_) | Verdict::Expired(_),
                claim_first,
                ..
            }) => {
                let verdict = Verdict::Expired(SeenValue::of(document));
                Self::Done(Judged { found: None, verdict, claim_first })
            }
            other => other,
        }
    }
}

impl<T> From<Result<T, Verdict>> for Judgement<T> {
    #[inline]
    fn from(judged: Result<T, Verdict>) -> Self {
        let (found, verdict) = match judged {
            Ok(found) => (Some(found), Verdict::Good),
            Err(verdict) => (None, verdict),
        };
        Self::Done(Judged { found, verdict, claim_first: None })
    }
}

/// A document as stored, and after decryption and decompression.
#[derive(Clone, Copy)]
pub(crate) struct Stored<'a> {
    pub(crate) stored: &'a Bytes,
    pub(crate) clear: &'a Bytes,
}

/// Decrypts and decompresses a stored value, unless it is larger than the cache's maximum, or stored with other
/// settings.
#[inline]
pub(super) fn unpack<'a>(
    engine: &Engine,
    state: &TypeState,
    key: Key,
    stored: &'a Bytes,
    unpacked: &'a mut Option<Bytes>,
) -> Result<Stored<'a>, Verdict> {
    let Settings { packing, max_value_len, .. } = &engine.settings;
    match packing.unpack(key, stored, *max_value_len, unpacked) {
        Ok(clear) => Ok(Stored { stored, clear }),
        Err(refusal) => Err(refused(engine, state, stored, refusal)),
    }
}

/// The judgement of a value that could not be opened.
#[cold]
pub(crate) fn refused(
    engine: &Engine,
    state: &TypeState,
    stored: &[u8],
    refusal: Refusal,
) -> Verdict {
    match (refusal, document::header(stored)) {
        (Refusal::TooLarge, _) => reject(state, stored, "larger than the cache's maximum"),
        (Refusal::Damaged(why), _) => reject(state, stored, why),
        (Refusal::OtherSettings, Ok(header)) => another_version(engine, state, stored, header),
        (Refusal::OtherSettings, Err(_)) => reject(state, stored, "malformed"),
    }
}

/// A verified document of a type; only its tags and age are not checked yet.
pub(super) struct Verified<'a, T> {
    pub(super) header: Header,
    /// The object, or its absence.
    pub(super) object: Option<Arc<T>>,
    /// The epochs stored with it.
    pub(super) stamps: &'a [u8],
}

/// Verifies that the document holds the requested object, or its absence.
#[inline]
pub(super) fn verify<'a, T: Cached>(
    engine: &Engine,
    state: &TypeState,
    document: Stored<'a>,
    is_asked_for: impl FnOnce(&T) -> bool,
    is_its_key: impl FnOnce(&[u8]) -> bool,
) -> Result<Verified<'a, T>, Verdict> {
    let (header, body) = open::<T>(engine, state, document)?;
    let (object, stamps) = match body {
        Body::Object(object) => (object, &[][..]),
        Body::Tagged { object, stamps } => (object, stamps),
        Body::Absent { stamps, key } if is_its_key(key) => {
            return Ok(Verified { header, object: None, stamps });
        }
        Body::Absent { .. } | Body::Pointer { .. } => {
            return Err(reject(state, document.stored, "of another key"));
        }
    };
    match document::decode::<T>(object) {
        Err(error) => Err(reject(state, document.stored, &format!("undecodable: {error}"))),
        // Put into an `Arc` at once: from here on only a pointer is moved, not the object.
        Ok(object) if is_asked_for(&object) => {
            Ok(Verified { header, object: Some(Arc::new(object)), stamps })
        }
        Ok(_) => Err(reject(state, document.stored, "of another key")),
    }
}

/// The header and the body of a document of `T`, as this version of the program writes it.
#[inline]
pub(super) fn open<'a, T: Cached>(
    engine: &Engine,
    state: &TypeState,
    Stored { stored, clear }: Stored<'a>,
) -> Result<(Header, Body<'a>), Verdict> {
    if state.clashes() {
        return Err(Verdict::Leave);
    }
    let Ok((header, body)) = document::parse(clear) else {
        return Err(reject(state, stored, "malformed"));
    };
    if header.fingerprint != <T as CacheSchema>::FINGERPRINT {
        return Err(another_version(engine, state, stored, header));
    }
    Ok((header, body))
}

/// Judges a document by its age; `seen` describes the document under the read's own key.
#[inline]
pub(super) fn judge_age<T: Cached>(
    engine: &Engine,
    header: Header,
    seen: impl FnOnce() -> SeenValue,
) -> Verdict {
    match age(engine, &T::POLICY, header) {
        Age::Fresh => Verdict::Good,
        Age::Ageing => Verdict::Ageing(seen()),
        Age::Expired => Verdict::Expired(seen()),
        Age::Over => Verdict::Replace(seen()),
    }
}

/// Compares the epochs stored with an object with the current ones. The tags are computed from the object itself,
/// not taken from the document.
pub(super) fn check_tags(
    stamps: &[u8],
    own: &[Key],
    known: &Known,
) -> Result<StampCheck, Vec<Place>> {
    let missing = own.iter().filter(|tag| known.epoch(**tag).is_none());
    let missing: Vec<Place> = missing.map(|tag| Place::Epoch(*tag)).collect();
    if !missing.is_empty() {
        return Err(missing);
    }
    let stored = document::stamps(stamps);
    if !stored.clone().map(|(tag, _)| tag).eq(own.iter().map(|tag| tag.hash())) {
        return Ok(StampCheck::Outdated);
    }
    let lost: Result<Reply, Lost> = Err(Lost);
    let present = own.iter().map(|tag| known.epoch(*tag).unwrap_or(&lost));
    Ok(check_stamps(stored.map(|(_, epoch)| epoch), present))
}

#[cold]
pub(crate) fn reject(state: &TypeState, document: &[u8], why: &str) -> Verdict {
    state.count(Counter::DecodeFailures);
    if let Some(left_out) = state.rates.value_rejected.admits() {
        say!(
            VALUE_REJECTED,
            r#type = state.name(),
            why,
            left_out,
            "a cached value was rejected; it will be replaced"
        );
    }
    Verdict::Replace(SeenValue::of(document))
}

/// Two versions of the program share the cache, or two settings for compression and encryption. Neither can read
/// the other's values. Each leaves the other's values for a while; otherwise they would overwrite each other at
/// every read.
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
