//! What the engine needs to know of aliases: a pointer is followed, and a fetched object is stored
//! under its primary key before the alias leads there.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use parking_lot::{Mutex, MutexGuard};

use super::Engine;
use super::drive::{Ended, Loads, Unfinished};
use super::judge::{Judged, open, reject, verify};
use super::lifetime::{Age, age};
use super::link::{Linker, Links};
use super::loader::{Loader, Sealed};
use super::primary::{LedTo, Primary};
use super::typed::{TypedLoader, loaded};
use crate::document::{self, Body, Header};
use crate::error::Error;
use crate::key::Key;
use crate::model::cached::Cached;
use crate::model::lookup::Lookup;
use crate::model::object::Loaded;
use crate::model::schema::CacheSchema;
use crate::protocol::{
    AliasFetch, AliasOutcome, Compared, Lost, Outcome, Replacing, Reply, SeenValue, Verdict,
};
use crate::stats::TypeState;

/// The primary key that a document leads to, if it is a pointer; of whichever version of the program,
/// since what it leads to is judged where it is found.
fn leads_to(engine: &Engine, document: &Bytes) -> Option<Primary> {
    if document.len() > engine.settings.max_value_len {
        return None;
    }
    match document::parse(document) {
        Ok((_, Body::Pointer { primary })) => Some(Primary::of(document.slice_ref(primary))),
        _ => None,
    }
}

/// Judges an alias' document that is no pointer.
fn judge_in_place<L: Lookup>(
    engine: &Engine,
    state: &TypeState,
    lookup: &L,
    document: &Bytes,
) -> Judged<Option<L::Object>> {
    let judged = open::<L::Object>(engine, state, document).and_then(|(_, body)| match body {
        Body::Absent { key } if key == lookup.key().as_bytes() => Ok(None),
        _ => Err(reject(state, document, "of another key")),
    });
    Judged::from(judged)
}

/// Judges a pointer by what is stored under the primary key that it leads to.
fn judge_pointer<L: Lookup>(
    engine: &Engine,
    state: &TypeState,
    lookup: &L,
    (pointer, primary): (&Bytes, Primary),
    reply: Result<Reply, Lost>,
) -> (Judged<Option<L::Object>>, Option<LedTo>) {
    if engine.pending.contains(primary.key()) {
        return (Err(Verdict::Unknown).into(), None);
    }
    let value = match reply {
        Ok(Reply::Value(value)) => value,
        Ok(_) => {
            return (Err(Verdict::Replace(SeenValue::of(pointer))).into(), Some((primary, None)));
        }
        Err(Lost) => return (Err(Verdict::Unknown).into(), None),
    };
    let replaces =
        |keep| Some((primary.clone(), Some(Replacing { seen: SeenValue::of(&value), keep })));
    match open_primary::<L>(engine, state, &value, &primary) {
        Ok((header, Some(object))) if lookup.finds(&object) => {
            let (verdict, led_to) = match age(engine, &L::Object::POLICY, header) {
                Age::Fresh => (Verdict::Good, None),
                Age::Ageing => (Verdict::Ageing(SeenValue::of(pointer)), replaces(true)),
                Age::Expired => (Verdict::Expired(SeenValue::of(pointer)), replaces(true)),
                Age::Over => {
                    return (Err(Verdict::Replace(SeenValue::of(pointer))).into(), replaces(true));
                }
            };
            (Judged { found: Some(Some(object)), verdict }, led_to)
        }
        // The alias is another object's by now, or nobody's: the pointer is wrong, not the object.
        Ok(_) => (Err(Verdict::Replace(SeenValue::of(pointer))).into(), None),
        Err(Verdict::Replace(_)) => {
            (Err(Verdict::Replace(SeenValue::of(pointer))).into(), replaces(false))
        }
        Err(verdict) => (Err(verdict).into(), None),
    }
}

/// The object stored under a primary key, or `None` for its absence.
fn open_primary<L: Lookup>(
    engine: &Engine,
    state: &TypeState,
    document: &[u8],
    primary: &Primary,
) -> Result<(Header, Option<L::Object>), Verdict> {
    let is_stored_there = |object: &L::Object| L::primary_of(object).as_bytes() == primary.parts();
    verify(engine, state, document, is_stored_there, |key| key == primary.parts())
}

/// A read by an alias with its first commands, where they are lookups: the object, or the read,
/// which goes on. What a hit needs, and no more.
pub(crate) async fn look<L: Lookup>(
    engine: &Engine,
    state: &TypeState,
    lookup: &L,
) -> Result<Option<L::Object>, Unfinished<Option<L::Object>>> {
    let key = lookup.key().key();
    let mut unfinished = Unfinished::from(engine.read(key, state));
    if unfinished.read.take_lookup() {
        let reply = engine.client.lookup(key).await;
        unfinished.read.on_reply(reply.map_err(|error| state.lost(&error)));
        if let Some(document) = unfinished.read.take_value() {
            let (judged, led_to) = match leads_to(engine, &document) {
                Some(primary) => {
                    let reply = engine.client.lookup(primary.key()).await;
                    let reply = reply.map_err(|error| state.lost(&error));
                    judge_pointer(engine, state, lookup, (&document, primary), reply)
                }
                None => (judge_in_place(engine, state, lookup, &document), None),
            };
            if let Some(found) = unfinished.judged(judged, led_to) {
                state.record(Outcome::Hit, false);
                return Ok(found);
            }
        }
    }
    Err(unfinished)
}

/// Reads by several aliases with their first commands, which are lookups.
pub(crate) async fn look_many<L: Lookup>(
    engine: &Engine,
    state: &TypeState,
    lookups: &[(&L, Key)],
) -> Vec<Result<Option<L::Object>, Unfinished<Option<L::Object>>>> {
    let replies = engine.client.lookup_many(lookups.iter().map(|(_, key)| *key).collect()).await;
    let primaries: Vec<Option<Primary>> = replies
        .iter()
        .map(|reply| match reply {
            Ok(Reply::Value(document)) => leads_to(engine, document),
            _ => None,
        })
        .collect();
    let keys: Vec<Key> = primaries.iter().flatten().map(Primary::key).collect();
    let values = if keys.is_empty() { Vec::new() } else { engine.client.lookup_many(keys).await };
    let mut values = values.into_iter().map(|reply| reply.map_err(|error| state.lost(&error)));
    let mut looked = Vec::with_capacity(lookups.len());
    for ((reply, primary), (lookup, _)) in replies.into_iter().zip(primaries).zip(lookups) {
        let mut unfinished = Unfinished::from(engine.read_that_looks_up());
        unfinished.read.on_reply(reply.map_err(|error| state.lost(&error)));
        let judged = match (unfinished.read.take_value(), primary) {
            (None, _) => None,
            (Some(document), None) => {
                Some((judge_in_place(engine, state, *lookup, &document), None))
            }
            (Some(document), Some(primary)) => {
                let value = values.next().unwrap_or(Err(Lost));
                Some(judge_pointer(engine, state, *lookup, (&document, primary), value))
            }
        };
        let found = judged.and_then(|(judged, led_to)| unfinished.judged(judged, led_to));
        looked.push(found.ok_or(unfinished));
    }
    looked
}

/// Drives reads to their ends, by an alias or by the primary key.
pub(crate) async fn run<L: Lookup>(
    engine: &Arc<Engine>,
    typed: TypedLoader<'_, L>,
    reads: Vec<Unfinished<Loaded>>,
) -> Vec<Ended> {
    if L::ALIAS {
        let led_to = reads.iter().map(|read| read.led_to.clone()).collect();
        let loader = AliasLoader::new(engine, typed, led_to);
        Loads::new(engine, &loader, reads.into_iter()).run().await
    } else {
        Loads::new(engine, &typed, reads.into_iter()).run().await
    }
}

/// Lookups by an alias.
struct AliasLoader<'a, L: Lookup> {
    engine: &'a Arc<Engine>,
    typed: TypedLoader<'a, L>,
    places: Mutex<Vec<Place>>,
}

/// What is known of one lookup's object besides the object.
#[derive(Default)]
struct Place {
    led_to: Option<LedTo>,
    /// The pointer that was followed last, and where it led.
    pointer: Option<(Bytes, Primary)>,
    linked: Option<AliasOutcome<Primary>>,
}

impl<'a, L: Lookup> AliasLoader<'a, L> {
    fn new(engine: &'a Arc<Engine>, typed: TypedLoader<'a, L>, led_to: Vec<Option<LedTo>>) -> Self {
        let places =
            led_to.into_iter().map(|led_to| Place { led_to, ..Place::default() }).collect();
        Self { engine, typed, places: Mutex::new(places) }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Place>> {
        self.places.lock()
    }

    fn pointer(&self, primary: &Primary, fetch_took: Duration) -> Option<Bytes> {
        let fingerprint = <L::Object as CacheSchema>::FINGERPRINT;
        // The cache itself ends it.
        let now = self.engine.wall_clock();
        let header = Header::new(fingerprint, now, fetch_took, Duration::MAX);
        let max_len = self.engine.settings.max_value_len;
        document::encode_pointer(header, primary.parts(), max_len).ok().map(Bytes::from)
    }
}

impl<L: Lookup> Loader for AliasLoader<'_, L> {
    fn key(&self, place: usize) -> Key {
        self.typed.key(place)
    }

    fn state(&self) -> &TypeState {
        self.typed.state()
    }

    fn refers_to(&self, _place: usize, document: &Bytes) -> Option<Key> {
        leads_to(self.engine, document).map(|primary| primary.key())
    }

    fn judge(&self, place: usize, document: &Bytes) -> Judged<Loaded> {
        self.lock()[place].led_to = None;
        judge_in_place(self.engine, self.state(), self.typed.lookup(place), document).map(loaded)
    }

    fn judge_referred(
        &self,
        place: usize,
        document: &Bytes,
        reply: Result<Reply, Lost>,
    ) -> Judged<Loaded> {
        let Some(primary) = leads_to(self.engine, document) else {
            return self.judge(place, document);
        };
        let lookup = self.typed.lookup(place);
        let pointer = Some((document.clone(), primary.clone()));
        let (judged, led_to) =
            judge_pointer(self.engine, self.state(), lookup, (document, primary), reply);
        let known = &mut self.lock()[place];
        (known.led_to, known.pointer) = (led_to, pointer);
        judged.map(loaded)
    }

    fn identity(&self, place: usize) -> (usize, &[u8]) {
        self.typed.identity(place)
    }

    fn guard(&self) -> Option<Key> {
        self.typed.guard()
    }

    /// A pointer carries none; the object that it leads to has its own.
    fn seals_tags(&self) -> bool {
        false
    }

    fn tags(&self, loaded: &Loaded) -> Vec<Key> {
        self.typed.tags(loaded)
    }

    fn outdated(&self, place: usize, document: &Bytes) -> Verdict {
        let mut places = self.lock();
        let Place { pointer, led_to, .. } = &mut places[place];
        match pointer.take() {
            Some((pointer, primary)) => {
                *led_to =
                    Some((primary, Some(Replacing { seen: SeenValue::of(document), keep: false })));
                Verdict::Replace(SeenValue::of(&pointer))
            }
            None => Verdict::Replace(SeenValue::of(document)),
        }
    }

    fn refuse_cut_off(&self) -> Option<Error> {
        None
    }

    /// An error does not tell the primary key, which may have been invalidated.
    fn claim_confirms_errors(&self) -> bool {
        false
    }

    fn fetch<'a>(
        &'a self,
        places: &'a [usize],
        fills: &'a [bool],
    ) -> BoxFuture<'a, Vec<Result<Loaded, Error>>> {
        let link = |place: usize| {
            let led_to = self.lock()[place].led_to.take();
            AliasFetch::new(self.engine.settings.lease, led_to, self.engine.tokens.fresh())
        };
        let wanted = places.iter().zip(fills);
        let wanted = wanted.map(|(&place, fills)| (place, fills.then(|| link(place)))).collect();
        async move {
            let ended = Links::new(self.engine, self, wanted).run().await;
            let mut known = self.lock();
            let ended = places.iter().zip(ended);
            ended
                .map(|(&place, (result, linked))| {
                    known[place].linked = linked;
                    result
                })
                .collect()
        }
        .boxed()
    }

    fn seal(&self, place: usize, loaded: &Loaded, fetch_took: Duration) -> Sealed {
        match (self.lock()[place].linked.take(), loaded) {
            (Some(AliasOutcome::To(primary, ttl)), _) => match self.pointer(&primary, fetch_took) {
                Some(pointer) => Sealed::Storable(pointer, ttl),
                None => Sealed::Unstorable,
            },
            (Some(AliasOutcome::Not(fill)), _) => Sealed::Unfenced(fill),
            (_, None) => self.typed.seal(place, loaded, fetch_took),
            (_, Some(_)) => Sealed::Unstorable,
        }
    }
}

impl<L: Lookup> Linker for AliasLoader<'_, L> {
    fn loader(&self) -> &dyn Loader {
        self
    }

    fn fetch<'a>(&'a self, places: &'a [usize]) -> BoxFuture<'a, Vec<Result<Loaded, Error>>> {
        self.typed.fetch(places, &[])
    }

    fn seal_object(
        &self,
        place: usize,
        loaded: &Loaded,
        fetch_took: Duration,
    ) -> Option<(Primary, Bytes, Duration)> {
        let object = loaded.as_ref()?.downcast_ref::<L::Object>()?;
        let primary = Primary::of(Bytes::copy_from_slice(L::primary_of(object).as_bytes()));
        match self.typed.seal(place, loaded, fetch_took) {
            Sealed::Storable(document, ttl) => Some((primary, document, ttl)),
            Sealed::Unstorable | Sealed::Unfenced(_) => None,
        }
    }

    fn compare(&self, stored: &Bytes, fetched: &Bytes) -> Compared {
        let opened = open::<L::Object>(self.engine, self.state(), stored);
        let (header, body) = match opened {
            Ok(opened) => opened,
            Err(Verdict::Leave) => return Compared::Leave,
            Err(_) => return Compared::Different(SeenValue::of(stored)),
        };
        let fresh =
            matches!(age(self.engine, &L::Object::POLICY, header), Age::Fresh | Age::Ageing);
        let fetched = document::parse(fetched).ok().and_then(|(_, body)| body.object());
        match (body.object(), fetched) {
            (Some(stored_object), Some(fetched_object))
                if fresh && stored_object == fetched_object =>
            {
                Compared::Same(SeenValue::of(stored))
            }
            _ => Compared::Different(SeenValue::of(stored)),
        }
    }
}
