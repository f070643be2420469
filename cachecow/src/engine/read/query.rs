//! A read of an object: what it asks for, and how it judges the answers.

use std::sync::Arc;
use std::{iter, mem};

use bytes::Bytes;
use smallvec::SmallVec;

use super::Query;
use super::judge::{
    Judged, Judgement, Stored, Verified, check_tags, judge_age, open, reject, unpack, verify,
};
use super::known::Known;
use super::lifetime::time_left;
use super::primary::{ClaimFirst, Primary};
use crate::backend::Place;
use crate::document::{self, Body, Header};
use crate::engine::Engine;
use crate::key::{Key, KeyEncoder, Scope};
use crate::model::cached::Cached as _;
use crate::model::lookup::Lookup;
use crate::near::{Kept, Near, NearHit, Watched};
use crate::protocol::tags::StampCheck;
use crate::protocol::{Lost, PointerHint, Purpose, Replacing, Reply, SeenValue, Token, Verdict};
use crate::stats::TypeState;

/// A read of one object by one lookup.
pub(crate) struct ObjectQuery<'a, L: Lookup> {
    pub(super) engine: &'a Engine,
    pub(crate) state: &'a TypeState,
    pub(crate) lookup: &'a L,
    pub(crate) parts: KeyEncoder,
    /// The key of the parts, in the scope.
    pub(crate) key: Key,
    pub(crate) scope: Scope,
    /// The near tier, if hits may be kept there.
    pub(super) near: Option<&'a Near>,
    /// Whether a stored object is fetched again, even if it is valid.
    pub(super) renews: bool,
    /// The other places to ask for with the key.
    pub(super) hinted: Vec<Place>,
    /// The pointer that gave the primary key among them.
    pub(super) pointer: Option<Arc<PointerHint<Primary>>>,
    /// The keys that have been watched since before the first command of this read, so that a hit may be kept near,
    /// whichever command found it.
    pub(super) watched: Option<Watched>,
}

type Found<L> = Option<Arc<<L as Lookup>::Object>>;

/// The tags of an object; few have more.
pub(super) type Tags = SmallVec<[Key; 4]>;

impl<'a, L: Lookup> ObjectQuery<'a, L> {
    /// A read that was not served from this process's memory.
    #[inline]
    pub(crate) fn new(
        engine: &'a Engine,
        state: &'a TypeState,
        near: Option<&'a Near>,
        lookup: &'a L,
        (scope, key, parts): (Scope, Key, KeyEncoder),
    ) -> Self {
        Self {
            engine,
            state,
            lookup,
            parts,
            key,
            scope,
            near,
            renews: false,
            hinted: Vec::new(),
            pointer: None,
            watched: None,
        }
    }

    /// Sets the purpose of the read.
    #[inline]
    pub(crate) fn set_purpose(&mut self, purpose: Purpose) {
        self.renews = purpose == Purpose::Renew;
    }

    /// Whether the other asks for the same.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.parts.as_bytes() == other.parts.as_bytes()
    }

    /// Before the first command is sent: collects the other places to ask for, and watches all of them.
    #[inline]
    pub(crate) fn prepare(&mut self) {
        if L::ALIAS || L::TAGGED {
            self.take_hints();
        }
        if let Some(near) = self.near {
            let hinted = self.hinted.iter().map(|place| place.key());
            self.watched = near.watch(iter::once(self.key).chain(hinted));
        }
    }

    fn take_hints(&mut self) {
        let mut stored_under = self.key;
        if L::ALIAS {
            self.pointer = self.engine.hints.pointer(self.key);
            let Some(pointer) = &self.pointer else {
                // An absence is stored under the alias.
                self.hinted.extend(self.whole().map(Place::Epoch));
                return;
            };
            stored_under = pointer.primary.key();
            if self.engine.pending.contains(stored_under) {
                return;
            }
            self.hinted.push(Place::Value(stored_under));
        }
        self.hinted.extend(self.hinted_tags(stored_under));
    }

    /// The epochs of the tags that the object under a key had.
    fn hinted_tags(&self, stored_under: Key) -> impl Iterator<Item = Place> + use<L> {
        let tags = if L::TAGGED { self.engine.hints.tags(stored_under) } else { None };
        let tags =
            tags.map_or_else(|| self.whole().into_iter().collect(), |tags| Tags::from_slice(&tags));
        tags.into_iter().map(Place::Epoch)
    }

    /// The primary key that the alias led to last time.
    pub(super) fn hinted_primary(&self) -> Option<Primary> {
        if !L::ALIAS {
            return None;
        }
        self.engine.hints.pointer(self.key).map(|pointer| pointer.primary.clone())
    }

    /// Remembers what the next read needs in addition to its key. The pointer must already be stored, so that later
    /// reads under its primary key find its target.
    pub(super) fn remember(
        &self,
        object: Option<&L::Object>,
        pointer: Option<PointerHint<Primary>>,
    ) {
        let stored_under = pointer.as_ref().map_or(self.key, |pointer| pointer.primary.key());
        if L::TAGGED {
            self.remember_tags(stored_under, &self.tags_of(object));
        }
        if let Some(pointer) = pointer {
            self.engine.hints.remember_pointer(self.key, Arc::new(pointer));
        } else if L::ALIAS {
            // There is no object: the next load must not claim the primary key of the previous object.
            self.engine.hints.forget(self.key);
        }
    }

    fn remember_tags(&self, stored_under: Key, own: &[Key]) {
        let hints = &self.engine.hints;
        let known = hints.tags(stored_under);
        let is_known = known.map_or_else(|| is_of(own, self.whole()), |tags| *tags == *own);
        if !is_known {
            hints.remember_tags(stored_under, own);
        }
    }

    /// The epoch of the whole type, which needs no hint.
    #[inline]
    fn whole(&self) -> Option<Key> {
        L::Object::CLEARABLE.then(|| self.scope.key(L::Object::whole()))
    }

    /// If a document is a pointer: its token, and the primary key that it points to. Pointers of any version of the
    /// program are accepted, since the target is judged itself.
    fn pointer_in(document: Stored<'_>) -> Option<(Token, &[u8])> {
        match document::parse(document.clear) {
            Ok((_, Body::Pointer { stored_by, primary })) => Some((stored_by, primary)),
            _ => None,
        }
    }

    #[inline]
    fn judge_usual(&self, document: &Bytes, known: &Known) -> Judgement<Found<L>> {
        let mut unpacked = None;
        let opened = match unpack(self.engine, self.state, self.key, document, &mut unpacked) {
            Ok(opened) => opened,
            Err(verdict) => return Err(verdict).into(),
        };
        if !L::ALIAS {
            return self.judge_stored(opened, known);
        }
        match Self::pointer_in(opened) {
            Some(pointer) => self.judge_pointer(document, pointer, known),
            None => self.judge_absence(opened, known),
        }
    }

    /// Judges a document under the key where the object is stored.
    #[inline]
    fn judge_stored(&self, document: Stored<'_>, known: &Known) -> Judgement<Found<L>> {
        let is_asked_for = |object: &L::Object| self.lookup.finds(object);
        let is_its_key = |key: &[u8]| key == self.parts.as_bytes();
        let verified = verify(self.engine, self.state, document, is_asked_for, is_its_key);
        let Verified { header, object, stamps } = match verified {
            Ok(verified) => verified,
            Err(verdict) => return Err(verdict).into(),
        };
        self.judge_found(document, (header, object), (stamps, known))
    }

    /// Judges the document under the requested key: the object, or its absence.
    #[inline]
    fn judge_found(
        &self,
        document: Stored<'_>,
        (header, object): (Header, Found<L>),
        (stamps, known): (&[u8], &Known),
    ) -> Judgement<Found<L>> {
        let seen = || SeenValue::of(document.stored);
        match self.check(self.key, object, (stamps, known)) {
            Ok(object) => {
                let verdict = judge_age::<L::Object>(self.engine, header, seen);
                self.judged(object, verdict, None, document.clear, known)
            }
            Err(Unserved::Outdated) => Err(Verdict::Replace(seen())).into(),
            Err(Unserved::Unknown) => Err(Verdict::Unknown).into(),
            Err(Unserved::Needs(places)) => Judgement::Needs(places),
        }
    }

    /// Judges an alias's document that is not a pointer: it is an absence.
    fn judge_absence(&self, document: Stored<'_>, known: &Known) -> Judgement<Found<L>> {
        match open::<L::Object>(self.engine, self.state, document) {
            Ok((header, Body::Absent { stamps, key })) if key == self.parts.as_bytes() => {
                self.judge_found(document, (header, None), (stamps, known))
            }
            Ok(_) => Err(reject(self.state, document.stored, "of another key")).into(),
            Err(verdict) => Err(verdict).into(),
        }
    }

    /// Judges a pointer by the value stored under the primary key that it points to.
    fn judge_pointer(
        &self,
        document: &Bytes,
        (stored_by, parts): (Token, &[u8]),
        known: &Known,
    ) -> Judgement<Found<L>> {
        let hint = self.pointer.as_ref().filter(|hint| hint.is_still(stored_by, parts));
        let is_hinted = hint.is_some();
        let replace = |claim_first| {
            let verdict = Verdict::Replace(SeenValue::of(document));
            Judgement::Done(Judged { found: None, verdict, claim_first })
        };
        let primary = match hint {
            Some(hint) => hint.primary.clone(),
            None => match Primary::of_pointer(parts, self.scope) {
                Some(primary) => primary,
                None => return replace(None),
            },
        };
        // A value that was read for another pointer may be older than this pointer.
        let value = known.value(primary.key()).filter(|_| is_hinted || !known.is_by_hint());
        let stored = match value {
            // Check before asking. After the answer, the invalidation may have been retried successfully, although
            // the answer is older than that retry.
            None if self.engine.pending.contains(primary.key()) => {
                return Err(Verdict::Unknown).into();
            }
            None => {
                let mut places = vec![Place::Value(primary.key())];
                places.extend(self.hinted_tags(primary.key()));
                return Judgement::Needs(places);
            }
            Some(Ok(Reply::Value(stored))) => stored,
            Some(Ok(_)) => return replace(Some((primary.clone(), None))),
            Some(Err(Lost)) => return Err(Verdict::Unknown).into(),
        };
        let instead = |keep| {
            let replacing = Replacing { seen: SeenValue::of(stored), keep };
            Some((primary.clone(), Some(replacing)))
        };
        let is_there = |object: &L::Object| L::primary_of(object).as_bytes() == primary.parts();
        let is_its_key = |key: &[u8]| key == primary.parts();
        let mut unpacked = None;
        let opened = unpack(self.engine, self.state, primary.key(), stored, &mut unpacked);
        let verified = opened.and_then(|opened| {
            let verified = verify(self.engine, self.state, opened, is_there, is_its_key)?;
            Ok((verified, opened.clear))
        });
        let (header, object, stamps, clear) = match verified {
            Ok((Verified { header, object: Some(object), stamps }, clear))
                if self.lookup.finds(&object) =>
            {
                (header, object, stamps, clear)
            }
            // The alias now belongs to another object, or to none: the pointer is wrong, not the object.
            Ok(_) => {
                self.engine.hints.forget(self.key);
                return replace(None);
            }
            Err(Verdict::Replace(_)) => return replace(instead(false)),
            Err(verdict) => return Err(verdict).into(),
        };
        match self.check(primary.key(), Some(object), (stamps, known)) {
            Ok(object) => {
                let seen = || SeenValue::of(document);
                match judge_age::<L::Object>(self.engine, header, seen) {
                    Verdict::Replace(_) => replace(instead(true)),
                    verdict => {
                        let stays = verdict == Verdict::Good && !self.renews;
                        let claim_first = if stays { None } else { instead(true) };
                        if !is_hinted {
                            // Only after its target was verified: someone else may have written the
                            // pointer.
                            let pointer = PointerHint { stored_by, primary };
                            self.engine.hints.remember_pointer(self.key, Arc::new(pointer));
                        }
                        self.judged(object, verdict, claim_first, clear, known)
                    }
                }
            }
            Err(Unserved::Outdated) => replace(instead(false)),
            Err(Unserved::Unknown) => Err(Verdict::Unknown).into(),
            Err(Unserved::Needs(places)) => Judgement::Needs(places),
        }
    }

    /// Returns the object, or its absence, unless one of its tags was invalidated.
    #[inline]
    fn check(
        &self,
        stored_under: Key,
        object: Found<L>,
        (stamps, known): (&[u8], &Known),
    ) -> Result<Found<L>, Unserved> {
        if !L::TAGGED {
            return Ok(object);
        }
        let own = self.tags_of(object.as_deref());
        match check_tags(stamps, &own, known) {
            Ok(StampCheck::Current) => Ok(object),
            Ok(StampCheck::Outdated) => Err(Unserved::Outdated),
            Ok(StampCheck::Unknown) => Err(Unserved::Unknown),
            Err(places) => {
                self.remember_tags(stored_under, &own);
                Err(Unserved::Needs(places))
            }
        }
    }

    /// The judgement for an object, or its absence, with this verdict. `document` is the decrypted document that
    /// holds it. A good one is kept near, if everything that it depends on is watched.
    #[inline]
    fn judged(
        &self,
        object: Found<L>,
        verdict: Verdict,
        claim_first: Option<ClaimFirst>,
        document: &Bytes,
        known: &Known,
    ) -> Judgement<Found<L>> {
        if let (Some(near), Some(watched)) = (self.near, &self.watched)
            && verdict == Verdict::Good
            && self.watches_all_of(object.as_deref(), known)
        {
            let time_left = time_left(self.engine, object.as_deref(), document);
            let (parts, len) = (self.parts.as_bytes(), document.len());
            let (object, watched) = (object.as_ref(), watched.clone());
            near.keep(self.key, Kept { object, parts, watched, len, time_left });
        }
        Judgement::Done(Judged { found: Some(object), verdict, claim_first })
    }

    /// Whether all keys that the object depends on have been watched since before the first command.
    fn watches_all_of(&self, object: Option<&L::Object>, known: &Known) -> bool {
        // A read that began with a claim has not used its hints yet, so they are still here.
        known.is_by_hint() || !self.depends_on_others(object) || known.is_within(&self.hinted)
    }

    /// Whether the object depends on other places than its key.
    fn depends_on_others(&self, object: Option<&L::Object>) -> bool {
        if L::ALIAS && object.is_some() {
            return true;
        }
        let mut has_tags = false;
        if L::TAGGED {
            self.lookup.each_epoch(object, &mut |_| has_tags = true);
        }
        has_tags
    }

    /// The epochs that the object carries, or its absence.
    pub(super) fn tags_of(&self, object: Option<&L::Object>) -> Tags {
        let mut tags = Tags::new();
        self.lookup.each_epoch(object, &mut |tag| tags.push(self.scope.key(tag)));
        tags
    }

    /// The epochs that are captured before the fetch.
    pub(super) fn guards(&self) -> Tags {
        let mut guards = Tags::new();
        if L::TAGGED {
            self.lookup.each_guard(&mut |guard| guards.push(self.scope.key(guard)));
        }
        guards
    }
}

/// Whether the tags are this one alone, or none.
fn is_of(tags: &[Key], one: Option<Key>) -> bool {
    tags.iter().copied().eq(one)
}

/// Looks into this process's memory.
#[inline]
pub(crate) fn near_hit<L: Lookup>(
    engine: &Engine,
    near: Option<&Near>,
    lookup: &L,
    key: Key,
    parts: &KeyEncoder,
) -> Option<NearHit<L::Object>> {
    let near = near?;
    // Check the outstanding invalidations first. In the other order, a read could take an outdated object from
    // memory, then a retry succeeds and drops it, and the check would find nothing outstanding.
    let pending = &engine.pending;
    let is_outdated =
        if L::ALIAS || L::TAGGED { !pending.is_clear() } else { pending.contains(key) };
    if is_outdated { None } else { near.get(lookup, key, parts) }
}

/// Why an object is not served.
enum Unserved {
    Outdated,
    Unknown,
    Needs(Vec<Place>),
}

impl<L: Lookup> Query for ObjectQuery<'_, L> {
    type Found = Found<L>;

    #[inline]
    fn key(&self) -> Key {
        self.key
    }

    #[inline]
    fn take_hinted(&mut self) -> Vec<Place> {
        mem::take(&mut self.hinted)
    }

    #[inline]
    fn judge(&self, document: &Bytes, known: &Known) -> Judgement<Found<L>> {
        if self.renews {
            return self.judge_usual(document, known).renewed(document);
        }
        self.judge_usual(document, known)
    }
}
