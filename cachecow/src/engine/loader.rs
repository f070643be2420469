//! What the engine needs to know of a type, without its type: the objects as `Any`, the fetches
//! boxed. A hit does not come here.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt as _};

use super::Engine;
use crate::document::{self, Body, Header, Unfit};
use crate::key::KeyMap;
use crate::near::Keeping;
use crate::object::{Loaded, Object};
use crate::protocol::{Fill, Lost, Mark, Reply, Seen, Verdict};
use crate::schema::CacheSchema;
use crate::settings::{LONGEST, Settings};
use crate::stats::{Counter, TypeState};
use crate::{Cached, Error, Key, KeyEncoder, Lookup, Tag, TypePolicy};

/// A fetched value on its way into the cache.
pub(crate) enum Sealed {
    Storable(Bytes, Duration),
    Unstorable,
    /// Not to be stored nor shared; what became of it.
    Unfenced(Fill),
}

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

/// The engine's view of the lookups of one batch, by their place in it.
pub(crate) trait Loader: Send + Sync {
    fn key(&self, place: usize) -> Key;

    fn state(&self) -> &TypeState;

    /// Decodes and verifies a stored document.
    fn judge(&self, place: usize, document: &Bytes) -> Judged<Loaded>;

    /// The key that has to be looked up before the document can be judged, by
    /// [`judge_referred`](Self::judge_referred).
    fn refers_to(&self, _place: usize, _document: &Bytes) -> Option<Key> {
        None
    }

    /// Decodes and verifies what is stored under the key that the document refers to.
    fn judge_referred(
        &self,
        place: usize,
        document: &Bytes,
        _reply: Result<Reply, Lost>,
    ) -> Judged<Loaded> {
        self.judge(place, document)
    }

    /// What tells this place's load from one whose key has the same hash: the type and the parts.
    fn identity(&self, place: usize) -> (usize, &[u8]);

    /// The error of a read that must not fetch while the cache cannot be used; `None` lets it.
    fn refuse_cut_off(&self) -> Option<Error>;

    /// Fetches from the backing store, answering for each place in order. What a place brings that
    /// does not fill is not sealed.
    fn fetch<'a>(
        &'a self,
        places: &'a [usize],
        fills: &'a [bool],
    ) -> BoxFuture<'a, Vec<Result<Loaded, Error>>>;

    /// The guard of the type's tags, if its objects carry any.
    fn guard(&self) -> Option<Key> {
        None
    }

    /// Whether what is sealed carries the tags' epochs.
    fn seals_tags(&self) -> bool {
        self.guard().is_some()
    }

    /// What to do about a document whose object's tags were invalidated; the document is the
    /// object's.
    fn outdated(&self, _place: usize, document: &Bytes) -> Verdict {
        Verdict::Replace(Seen::of(document))
    }

    /// The tags that an object carries.
    fn tags(&self, _loaded: &Loaded) -> Vec<Key> {
        Vec::new()
    }

    /// Encodes a fetched value.
    fn seal(&self, place: usize, loaded: &Loaded, fetch_took: Duration) -> Sealed;
}

/// The lookups of one call, all different, with what they fetch from.
pub(crate) struct TypedLoader<'a, L: Lookup> {
    engine: &'a Engine,
    state: &'a TypeState,
    context: &'a L::Context,
    lookups: Vec<Asked<'a, L>>,
    /// Whether `fetch_many` may be called.
    together: bool,
}

/// A lookup with its key.
struct Asked<'a, L> {
    lookup: &'a L,
    parts: KeyEncoder,
    key: Key,
}

impl<'a, L: Lookup> Asked<'a, L> {
    fn of(lookup: &'a L) -> Self {
        let parts = lookup.key();
        let key = parts.key();
        Self { lookup, parts, key }
    }
}

impl<'a, L: Lookup> TypedLoader<'a, L> {
    /// For a read of one object.
    pub(crate) fn one(
        engine: &'a Engine,
        state: &'a TypeState,
        context: &'a L::Context,
        lookup: &'a L,
    ) -> Self {
        Self { engine, state, context, lookups: vec![Asked::of(lookup)], together: false }
    }

    /// For a batch.
    pub(crate) fn many(
        engine: &'a Engine,
        state: &'a TypeState,
        context: &'a L::Context,
        lookups: impl Iterator<Item = &'a L>,
    ) -> Self {
        let lookups = lookups.map(Asked::of).collect();
        Self { engine, state, context, lookups, together: true }
    }

    pub(super) fn lookup(&self, place: usize) -> &'a L {
        self.lookups[place].lookup
    }

    async fn fetch_one(&self, place: usize) -> Result<Loaded, Error> {
        let object = self.lookups[place].lookup.fetch(self.context).await?;
        Ok(loaded(object))
    }

    async fn fetch_together(&self, places: &[usize]) -> Option<Result<Vec<L::Object>, Error>> {
        if !self.together {
            return None;
        }
        let lookups: Vec<&L> = places.iter().map(|&place| self.lookups[place].lookup).collect();
        Some(L::fetch_many(&lookups, self.context)?.await)
    }

    /// Gives each place its object, by the objects' own fields. Where some objects fit no place, as
    /// with a case-insensitive column, the places without one are asked for on their own: they
    /// might otherwise be taken for absent.
    async fn match_up(
        &self,
        places: &[usize],
        objects: Vec<L::Object>,
    ) -> Vec<Result<Loaded, Error>> {
        let mut found: KeyMap<Vec<L::Object>> = KeyMap::default();
        for object in objects {
            found.entry(L::key_of(&object).key()).or_default().push(object);
        }
        let mut results: Vec<Result<Loaded, Error>> = Vec::with_capacity(places.len());
        for &place in places {
            let Asked { lookup, key, .. } = &self.lookups[place];
            let object = found.get_mut(key).and_then(|same_hash| {
                let at = same_hash.iter().position(|object| lookup.finds(object))?;
                Some(same_hash.swap_remove(at))
            });
            results.push(Ok(loaded(object)));
        }
        let fits_nobody = found.values().flatten().any(|object| !self.is_asked_for(places, object));
        if fits_nobody {
            for (&place, result) in places.iter().zip(&mut results) {
                if matches!(result, Ok(None)) {
                    *result = self.fetch_one(place).await;
                }
            }
        }
        results
    }

    fn is_asked_for(&self, places: &[usize], object: &L::Object) -> bool {
        places.iter().any(|&place| self.lookups[place].lookup.finds(object))
    }

    /// How long a value may be served, and how long the cache keeps it. Only where the two differ,
    /// or a value is renewed before its end, do the clocks of those who read it matter.
    fn lifetimes(&self, object: Option<&L::Object>, ttl: Duration) -> (Duration, Duration) {
        let (settings, policy) = (&self.engine.settings, L::Object::POLICY);
        match (object, settings.stale_window(&policy)) {
            (Some(_), Some(window)) => (ttl, ttl.saturating_add(window).min(LONGEST)),
            (Some(_), None) if settings.refreshes_ahead(&policy) => (ttl, ttl),
            _ => (Duration::MAX, ttl),
        }
    }

    fn ttl(&self, object: Option<&L::Object>) -> Option<Duration> {
        let settings = &self.engine.settings;
        let ttl = ttl(settings, object)?.min(LONGEST);
        let shortened = ttl.mul_f64(1.0 - settings.ttl_jitter * fastrand::f64());
        // Redis counts in milliseconds: less than one is none.
        (ttl >= Duration::from_millis(1)).then(|| shortened.max(Duration::from_millis(1)))
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
        Age::Ageing => Verdict::Ageing(Seen::of(document)),
        Age::Expired => Verdict::Expired(Seen::of(document)),
        Age::Over => {
            return Judged { found: None, verdict: Verdict::Replace(Seen::of(document)) };
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

/// An object without its type.
pub(crate) fn loaded<T: Send + Sync + 'static>(object: Option<T>) -> Loaded {
    object.map(|object| Arc::new(object) as Object)
}

/// How far a stored object is in its time to live.
pub(super) enum Age {
    Fresh,
    /// It is to be fetched anew, by one caller.
    Ageing,
    /// It may be served if the fetch fails.
    Expired,
    Over,
}

/// By the clocks of this process and of the one that stored it: no promise rests on them.
#[inline]
pub(super) fn age(engine: &Engine, policy: &TypePolicy, header: Header) -> Age {
    // The cache itself ends it.
    if header.ttl == u32::MAX {
        return Age::Fresh;
    }
    let age = engine.wall_clock().saturating_sub(header.stored_at);
    let settings = &engine.settings;
    match u64::from(header.ttl).checked_sub(age) {
        Some(left) if left > 0 => {
            let took = f64::from(header.fetch_took) / 1000.0;
            let early = took * -(1.0 - fastrand::f64()).ln();
            // The longer the fetch takes, the earlier it begins; at random, so that not all
            // processes try at the same moment.
            #[expect(
                clippy::cast_precision_loss,
                reason = "milliseconds of a few weeks at the most"
            )]
            let due = settings.refreshes_ahead(policy) && early >= left as f64;
            if due { Age::Ageing } else { Age::Fresh }
        }
        _ => {
            let over = u128::from(age - u64::from(header.ttl));
            match settings.stale_window(policy) {
                Some(window) if over < window.as_millis() => Age::Expired,
                _ => Age::Over,
            }
        }
    }
}

/// What is to be known of an object that may be kept near.
pub(crate) fn keeping<T: Cached>(
    engine: &Engine,
    mark: Mark,
    object: Option<&T>,
    document: &[u8],
) -> Keeping {
    Keeping { mark, len: document.len(), time_left: time_left(engine, object, document) }
}

/// How long a stored document is good for, at the least: its time to live, shortened as much as any
/// may be, less its age.
fn time_left<T: Cached>(engine: &Engine, object: Option<&T>, document: &[u8]) -> Duration {
    let Ok((header, _)) = document::parse(document) else { return Duration::ZERO };
    let age = Duration::from_millis(engine.wall_clock().saturating_sub(header.stored_at));
    let ttl = ttl(&engine.settings, object).unwrap_or(Duration::ZERO).min(LONGEST);
    ttl.mul_f64(1.0 - engine.settings.ttl_jitter).saturating_sub(age)
}

/// How long an object of this type, or its absence, may be served.
fn ttl<T: Cached>(settings: &Settings, object: Option<&T>) -> Option<Duration> {
    match object {
        Some(object) => Some(object.ttl().or(T::POLICY.ttl).unwrap_or(settings.ttl)),
        None => T::POLICY.negative_ttl.or(settings.negative_ttl),
    }
}

/// The object again with its type.
pub(crate) fn typed<L: Lookup>(object: Object) -> Arc<L::Object> {
    // Loads of the same identity have the same type.
    object.downcast().expect("the loader made this object, of its own type")
}

#[cold]
pub(super) fn reject(state: &TypeState, document: &[u8], why: &str) -> Verdict {
    state.count(Counter::DecodeFailures);
    tracing::warn!(target: "cachecow", r#type = state.name(), why, "a cached value was rejected; it will be replaced");
    Verdict::Replace(Seen::of(document))
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
        Verdict::Replace(Seen::of(document))
    }
}

impl<L: Lookup> Loader for TypedLoader<'_, L> {
    fn key(&self, place: usize) -> Key {
        self.lookups[place].key
    }

    fn state(&self) -> &TypeState {
        self.state
    }

    fn judge(&self, place: usize, document: &Bytes) -> Judged<Loaded> {
        let lookup = self.lookups[place].lookup;
        judge(self.engine, self.state, lookup, document).map(loaded)
    }

    fn identity(&self, place: usize) -> (usize, &[u8]) {
        (L::Object::type_slot(), self.lookups[place].parts.as_bytes())
    }

    fn refuse_cut_off(&self) -> Option<Error> {
        None
    }

    fn fetch<'a>(
        &'a self,
        places: &'a [usize],
        _fills: &'a [bool],
    ) -> BoxFuture<'a, Vec<Result<Loaded, Error>>> {
        async move {
            match self.fetch_together(places).await {
                Some(Ok(objects)) => self.match_up(places, objects).await,
                Some(Err(error)) => vec![Err(error); places.len()],
                None => {
                    let fetches: Vec<_> =
                        places.iter().map(|&place| self.fetch_one(place)).collect();
                    let concurrency = self.engine.settings.fetch_concurrency;
                    stream::iter(fetches).buffered(concurrency).collect().await
                }
            }
        }
        .boxed()
    }

    fn guard(&self) -> Option<Key> {
        L::Object::TAGGED.then(Tag::<L::Object>::guard)
    }

    fn tags(&self, loaded: &Loaded) -> Vec<Key> {
        let mut tags = Vec::new();
        let object = loaded.as_ref().and_then(|object| object.downcast_ref::<L::Object>());
        if let Some(object) = object {
            object.each_tag(&mut |tag| tags.push(tag.key()));
        }
        tags
    }

    fn seal(&self, place: usize, loaded: &Loaded, fetch_took: Duration) -> Sealed {
        let object = loaded.as_ref().and_then(|object| object.downcast_ref::<L::Object>());
        let Some(ttl) = self.ttl(object) else { return Sealed::Unstorable };
        let max_len = self.engine.settings.max_value_len;
        let Asked { lookup, parts, .. } = &self.lookups[place];
        let fingerprint = <L::Object as CacheSchema>::FINGERPRINT;
        let (logical, ttl) = self.lifetimes(object, ttl);
        let header = Header::new(fingerprint, self.engine.wall_clock(), fetch_took, logical);
        let sealed = match object {
            // Found under other parts than it carries (a case-insensitive column, say), it would
            // be rejected on every read, and no invalidation of it would find this key.
            Some(object) if !lookup.finds(object) => {
                tracing::warn!(
                    target: "cachecow", lookup = L::NAME,
                    "the fetched object's own fields differ from the key asked for; it is not cached"
                );
                return Sealed::Unstorable;
            }
            Some(object) => document::encode(header, object, max_len),
            None => document::encode_absent(header, parts.as_bytes(), max_len),
        };
        match sealed {
            Ok(document) => Sealed::Storable(Bytes::from(document), ttl),
            Err(Unfit::TooLarge) => {
                self.state.count(Counter::Oversized);
                tracing::debug!(target: "cachecow", lookup = L::NAME, max_len, "a value is too large to be cached");
                Sealed::Unstorable
            }
            Err(Unfit::Unserializable(error)) => {
                tracing::warn!(target: "cachecow", lookup = L::NAME, %error, "a value cannot be serialized and is not cached");
                Sealed::Unstorable
            }
        }
    }
}
