//! Reading many objects at once.

use std::collections::hash_map::Entry;
use std::mem;
use std::sync::Arc;

use super::{
    LoadOptions, Looked, ObjectQuery, Reads, TypedLoader, Unfinished, loaded_arc, look_many,
    near_hit, typed,
};
use crate::backend::Place;
use crate::cache::read::Source;
use crate::engine::Engine;
use crate::engine::background::Attendance;
use crate::engine::client::Answer;
use crate::error::Error;
use crate::key::{KeyMap, Scope};
use crate::model::lookup::Lookup;
use crate::model::object::Loaded;
use crate::near::{Near, NearHit};
use crate::protocol::{Outcome, Purpose};
use crate::stats::TypeState;

/// The size of a window, in rounds of the allowed number of concurrent fetches.
const WINDOW: usize = 8;

/// An object, or its absence.
type Found<L> = Option<Arc<<L as Lookup>::Object>>;
type Objects<L> = Vec<Found<L>>;

/// Reads the objects of the lookups, in their order, each distinct one once. Also returns the slowest of their
/// sources.
pub(crate) async fn get_many<L: Lookup>(
    (engine, scope): (&Arc<Engine>, Scope),
    near: Option<&Near>,
    context: &L::Context,
    lookups: &[L],
    options: LoadOptions,
) -> Result<(Objects<L>, Source), Error> {
    let state = engine.types.of::<L::Object>();
    let mut begun = begin((engine, scope), near, lookups, options).await;
    if !begun.left.is_empty() {
        let left = mem::take(&mut begun.left);
        begun.take(load((engine, context, state), left, options, None).await?);
    }
    Ok(begun.finish())
}

/// A batch after the first round.
pub(crate) struct Begun<'a, L: Lookup> {
    objects: Objects<L>,
    /// The slowest of the objects' sources.
    source: Source,
    /// For each lookup the position of its object, if any lookup is repeated.
    places: Option<Vec<usize>>,
    /// The reads that are not over.
    pub(crate) left: Vec<Left<'a, L>>,
}

/// A read that is not over.
pub(crate) struct Left<'a, L: Lookup> {
    /// The position of its object.
    pub(crate) place: usize,
    pub(crate) query: ObjectQuery<'a, L>,
    pub(crate) unfinished: Unfinished<Loaded>,
}

/// Loaded objects, with their positions and sources.
pub(crate) type Loads<L> = Vec<(usize, Option<Arc<<L as Lookup>::Object>>, Source)>;

impl<L: Lookup> Begun<'_, L> {
    pub(crate) fn take(&mut self, loads: Loads<L>) {
        for (place, object, source) in loads {
            self.objects[place] = object;
            self.source = self.source.or_later(source);
        }
    }

    /// The objects in the order of the lookups, and the slowest of their sources.
    pub(crate) fn finish(self) -> (Objects<L>, Source) {
        let Self { objects, source, places, .. } = self;
        let objects = match places {
            None => objects,
            Some(places) => places.into_iter().map(|place| objects[place].clone()).collect(),
        };
        (objects, source)
    }

    /// For each lookup its object, or `None` if the read is not over.
    pub(crate) fn into_seen(self) -> Vec<Option<Found<L>>> {
        let Self { objects, places, left, .. } = self;
        let mut seen: Vec<_> = objects.into_iter().map(Some).collect();
        left.iter().for_each(|left| seen[left.place] = None);
        match places {
            None => seen,
            Some(places) => places.into_iter().map(|place| seen[place].clone()).collect(),
        }
    }

    /// For each position a lookup that asks for its object.
    pub(crate) fn lookups(&self) -> Vec<usize> {
        let mut lookups: Vec<usize> = (0..self.objects.len()).collect();
        for (lookup, place) in self.places.iter().flatten().enumerate() {
            lookups[*place] = lookup;
        }
        lookups
    }
}

/// Looks into the near tier, then asks the cache in one round.
pub(crate) async fn begin<'a, L: Lookup>(
    (engine, scope): (&'a Engine, Scope),
    near: Option<&'a Near>,
    lookups: &'a [L],
    options: LoadOptions,
) -> Begun<'a, L> {
    begin_beside((engine, scope), near, lookups, options, Vec::new()).await.0
}

/// The same, but also asks for other places in the same round, and returns their answers, if there was a round.
pub(crate) async fn begin_beside<'a, L: Lookup>(
    (engine, scope): (&'a Engine, Scope),
    near: Option<&'a Near>,
    lookups: &'a [L],
    options: LoadOptions,
    beside: Vec<Place>,
) -> (Begun<'a, L>, Vec<(Place, Answer)>) {
    let state = engine.types.of::<L::Object>();
    let queries = lookups.iter().map(|lookup| {
        let parts = lookup.key();
        let named = (scope, scope.key(parts.key()), parts);
        engine.note_read::<L>(scope, named.1);
        let mut query = ObjectQuery::new(engine, state, near, lookup, named);
        query.set_purpose(options.purpose);
        query
    });
    let (queries, places) = tell_apart(queries);
    let mut objects: Objects<L> = vec![None; queries.len()];
    let mut wanted = take_near_hits(engine, state, near, (queries, options), &mut objects);
    let source = if wanted.queries.is_empty() { Source::Near } else { Source::Cache };
    let (left, beside) = look_up(engine, state, &mut wanted, &mut objects, beside).await;
    (Begun { objects, source, places, left: wanted.left(left) }, beside)
}

/// The queries without duplicates, and for each lookup its position among them, if any is repeated.
fn tell_apart<'a, L: Lookup>(
    queries: impl ExactSizeIterator<Item = ObjectQuery<'a, L>>,
) -> (Vec<ObjectQuery<'a, L>>, Option<Vec<usize>>) {
    let count = queries.len();
    let mut distinct: Vec<ObjectQuery<'a, L>> = Vec::with_capacity(count);
    let mut places = Vec::with_capacity(count);
    let mut known: KeyMap<usize> = KeyMap::with_capacity_and_hasher(count, <_>::default());
    for query in queries {
        match known.entry(query.key) {
            Entry::Occupied(place) if distinct[*place.get()].is_same(&query) => {
                places.push(*place.get());
            }
            // A different lookup with the same hash is not deduplicated; it is read as often as it is asked for.
            entry => {
                entry.or_insert(distinct.len());
                places.push(distinct.len());
                distinct.push(query);
            }
        }
    }
    let repeated = distinct.len() < count;
    (distinct, repeated.then_some(places))
}

/// Takes hits from this process's memory; returns the rest, with the positions of their objects.
fn take_near_hits<'a, L: Lookup>(
    engine: &Engine,
    state: &TypeState,
    near: Option<&Near>,
    (queries, options): (Vec<ObjectQuery<'a, L>>, LoadOptions),
    objects: &mut Objects<L>,
) -> Wanted<'a, L> {
    let count = queries.len();
    let (queries_wanted, places) = (Vec::with_capacity(count), Vec::with_capacity(count));
    let mut wanted = Wanted { queries: queries_wanted, places, options };
    for (place, mut query) in queries.into_iter().enumerate() {
        let ObjectQuery { lookup, key, parts, .. } = &query;
        if let Some(NearHit(object)) = near_hit(engine, near, *lookup, *key, parts) {
            engine.sample(query.scope, query.lookup, object.as_ref());
            objects[place] = object;
        } else {
            query.prepare();
            wanted.queries.push(query);
            wanted.places.push(place);
        }
    }
    state.near_hits((count - wanted.queries.len()) as u64);
    wanted
}

/// The queries to the cache, and the positions of their objects.
struct Wanted<'a, L: Lookup> {
    queries: Vec<ObjectQuery<'a, L>>,
    places: Vec<usize>,
    options: LoadOptions,
}

impl<'a, L: Lookup> Wanted<'a, L> {
    /// The reads that are not over, by their numbers, which are in order.
    fn left(self, unfinished: Vec<(usize, Unfinished<Loaded>)>) -> Vec<Left<'a, L>> {
        let mut unfinished = unfinished.into_iter().peekable();
        let mut left = Vec::with_capacity(unfinished.len());
        if unfinished.peek().is_none() {
            return left;
        }
        for (number, (query, place)) in self.queries.into_iter().zip(self.places).enumerate() {
            if let Some((_, unfinished)) = unfinished.next_if(|(next, _)| *next == number) {
                left.push(Left { place, query, unfinished });
            }
        }
        left
    }
}

/// The first round, if it consists of lookups only. Returns the reads that are not over, each with its number.
async fn look_up<L: Lookup>(
    engine: &Engine,
    state: &TypeState,
    wanted: &mut Wanted<'_, L>,
    objects: &mut Objects<L>,
    beside: Vec<Place>,
) -> (Vec<(usize, Unfinished<Loaded>)>, Vec<(Place, Answer)>) {
    let purpose = wanted.options.purpose;
    let looks_up_first = match purpose {
        Purpose::Serve => engine.looks_up_first(state),
        Purpose::Look => engine.may_look_up(state),
        Purpose::Renew | Purpose::Fetch => false,
    };
    if !looks_up_first {
        let read = |query: &ObjectQuery<'_, L>| {
            engine.read_of(query.scope, query.lookup, query.key, state).with_purpose(purpose).into()
        };
        return (wanted.queries.iter().map(read).enumerate().collect(), Vec::new());
    }
    if wanted.queries.is_empty() && beside.is_empty() {
        return (Vec::new(), Vec::new());
    }
    let read = || engine.read_that_looks_up().with_purpose(purpose);
    let Looked { reads, beside } =
        look_many(engine, state, &mut wanted.queries, read, beside).await;
    let mut left = Vec::new();
    for (number, looked) in reads.into_iter().enumerate() {
        match looked {
            Ok(object) => {
                let query = &wanted.queries[number];
                engine.sample(query.scope, query.lookup, object.as_ref());
                objects[wanted.places[number]] = object;
            }
            Err(unfinished) => left.push((number, unfinished.map(loaded_arc))),
        }
    }
    (left, beside)
}

/// The driver reads the rest.
pub(crate) async fn load<L: Lookup>(
    (engine, context, state): (&Arc<Engine>, &L::Context, &TypeState),
    left: Vec<Left<'_, L>>,
    options: LoadOptions,
    attendance: Option<&Attendance>,
) -> Result<Loads<L>, Error> {
    // One call of `fetch_many` fetches all of them. Single fetches go in windows: if the first
    // object were stored only after the last fetch, its lease might end before.
    let together = L::fetch_many(&[], context).is_some();
    let window = if together { left.len() } else { engine.settings.fetch_concurrency * WINDOW };
    let mut loads = Vec::with_capacity(left.len());
    let mut left = left.into_iter().peekable();
    while left.peek().is_some() {
        let (mut places, mut queries, mut reads) = (Vec::new(), Vec::new(), Vec::new());
        for Left { place, query, unfinished } in left.by_ref().take(window) {
            places.push(place);
            queries.push(query);
            reads.push(unfinished);
        }
        let mut loader =
            TypedLoader::many(engine, state, context, queries.iter().collect(), options);
        if let Some(attendance) = attendance {
            loader = loader.attended(attendance);
        }
        let ended = Reads::new(engine, &loader, reads.into_iter()).run().await;
        for ((place, query), ended) in places.into_iter().zip(&queries).zip(ended) {
            let (object, outcome) = ended?;
            let object = object.map(typed::<L>);
            if outcome == Outcome::Hit {
                engine.sample(query.scope, query.lookup, object.as_ref());
            }
            loads.push((place, object, Source::by(outcome).0));
        }
    }
    Ok(loads)
}
