//! Reading many objects at once.

use std::collections::hash_map::Entry;
use std::sync::Arc;

use crate::engine::{self, Engine, Judged, TypedLoader, Unfinished, judge, keeping, loaded, typed};
use crate::error::Error;
use crate::key::Key;
use crate::key::KeyMap;
use crate::model::cached::Cached as _;
use crate::model::lookup::Lookup;
use crate::model::object::Loaded;
use crate::near::Near;
use crate::protocol::{Mark, Outcome, Reply, Verdict};
use crate::stats::TypeState;

/// How many rounds of fetches, as many at a time as allowed, one window takes.
const WINDOW: usize = 8;

type Objects<L> = Vec<Option<Arc<<L as Lookup>::Object>>>;

/// The objects of the lookups, in their order, each distinct one read once.
pub(crate) async fn get_many<L: Lookup>(
    engine: &Arc<Engine>,
    near: Option<&Near>,
    context: &L::Context,
    lookups: &[L],
) -> Result<Objects<L>, Error> {
    let state = engine.types.of::<L::Object>();
    let (distinct, places) = tell_apart(lookups);
    let mut objects: Objects<L> = vec![None; distinct.len()];
    let wanted: Vec<usize> = match near {
        Some(near) => not_near(engine, near, state, &distinct, &mut objects),
        None => (0..distinct.len()).collect(),
    };
    let left = if L::Object::TAGGED || !engine.looks_up_first(state) {
        let read = |place: usize| engine.read_of::<L::Object>(distinct[place].1, state).into();
        wanted.into_iter().map(|place| (place, read(place))).collect()
    } else if wanted.is_empty() {
        Vec::new()
    } else if L::ALIAS {
        look_up_aliases::<L>(engine, state, &distinct, &mut objects).await
    } else {
        look_up::<L>(engine, near, state, &distinct, &wanted, &mut objects).await
    };
    if !left.is_empty() {
        load(engine, context, state, near, &distinct, left, &mut objects).await?;
    }
    Ok(match places {
        None => objects,
        Some(places) => places.into_iter().map(|place| objects[place].clone()).collect(),
    })
}

/// The lookups without repetition, and for each lookup its place among them, if any is repeated.
fn tell_apart<L: Lookup>(lookups: &[L]) -> (Vec<(&L, Key)>, Option<Vec<usize>>) {
    let mut distinct: Vec<(&L, Key)> = Vec::with_capacity(lookups.len());
    let mut places = Vec::with_capacity(lookups.len());
    let mut known: KeyMap<usize> = KeyMap::with_capacity_and_hasher(lookups.len(), <_>::default());
    for lookup in lookups {
        let key = lookup.key().key();
        match known.entry(key) {
            Entry::Occupied(place) if same_parts(distinct[*place.get()].0, lookup) => {
                places.push(*place.get());
            }
            // Another lookup of the same hash is not found again, and is read as often as asked for.
            entry => {
                entry.or_insert(distinct.len());
                places.push(distinct.len());
                distinct.push((lookup, key));
            }
        }
    }
    let repeated = distinct.len() < lookups.len();
    (distinct, repeated.then_some(places))
}

fn same_parts<L: Lookup>(one: &L, other: &L) -> bool {
    one.key().as_bytes() == other.key().as_bytes()
}

/// Takes what is in this process's memory; the places of the rest.
fn not_near<L: Lookup>(
    engine: &Engine,
    near: &Near,
    state: &TypeState,
    distinct: &[(&L, Key)],
    objects: &mut Objects<L>,
) -> Vec<usize> {
    let mut wanted = Vec::new();
    for (place, (lookup, key)) in distinct.iter().enumerate() {
        let outstanding = engine.pending.contains(*key);
        match near.get::<L>(*key, &lookup.key()) {
            Some(read) if !outstanding => {
                engine.sample(*lookup, read.value.as_ref());
                objects[place] = read.value;
            }
            _ => wanted.push(place),
        }
    }
    state.near_hits((distinct.len() - wanted.len()) as u64);
    wanted
}

/// The first two rounds of aliases, if they are lookups only. Returns the reads that are not over,
/// with their places.
async fn look_up_aliases<L: Lookup>(
    engine: &Engine,
    state: &TypeState,
    distinct: &[(&L, Key)],
    objects: &mut Objects<L>,
) -> Vec<(usize, Unfinished<Loaded>)> {
    let mut left = Vec::new();
    for (place, looked) in engine::look_many(engine, state, distinct).await.into_iter().enumerate()
    {
        match looked {
            Ok(object) => {
                objects[place] = object.map(Arc::new);
                engine.sample(distinct[place].0, objects[place].as_ref());
            }
            Err(unfinished) => left.push((place, unfinished.map(loaded))),
        }
    }
    state.record_hits((distinct.len() - left.len()) as u64);
    left
}

/// The first round, if it is lookups only, without anything that a hit does not need. Returns the
/// reads that are not over, with their places.
async fn look_up<L: Lookup>(
    engine: &Arc<Engine>,
    near: Option<&Near>,
    state: &TypeState,
    distinct: &[(&L, Key)],
    wanted: &[usize],
    objects: &mut Objects<L>,
) -> Vec<(usize, Unfinished<Loaded>)> {
    let keys: Vec<Key> = wanted.iter().map(|&place| distinct[place].1).collect();
    let mark = |near: &Near| keys.iter().map(|key| near.mark(*key)).collect();
    let marks: Option<Vec<Option<Mark>>> = near.map(mark);
    let replies = engine.client.lookup_many(keys).await;
    let mut left = Vec::new();
    let mut hits = 0;
    for (at, (reply, &place)) in replies.into_iter().zip(wanted).enumerate() {
        let (lookup, key) = distinct[place];
        let judged = match &reply {
            Ok(Reply::Value(document)) => match judge(engine, state, lookup, document) {
                Judged { found: Some(object), verdict: Verdict::Good } => {
                    objects[place] = object.map(Arc::new);
                    engine.sample(lookup, objects[place].as_ref());
                    let mark = marks.as_ref().and_then(|marks| marks[at]);
                    if let (Some(near), Some(mark)) = (near, mark) {
                        let object = objects[place].as_ref();
                        let keeping =
                            keeping(engine, mark, object.map(|object| &**object), document);
                        near.keep(key, &lookup.key(), object, keeping);
                    }
                    hits += 1;
                    continue;
                }
                judged => Some(judged),
            },
            _ => None,
        };
        let mut unfinished = Unfinished::from(engine.read_that_looks_up());
        unfinished.read.on_reply(reply.map_err(|error| state.lost(&error)));
        if let Some(judged) = judged {
            let _judged = unfinished.read.take_value();
            let _none_good = unfinished.judged(judged.map(loaded), None);
        }
        left.push((place, unfinished));
    }
    state.record_hits(hits);
    left
}

/// The rest goes through the engine.
async fn load<L: Lookup>(
    engine: &Arc<Engine>,
    context: &L::Context,
    state: &TypeState,
    near: Option<&Near>,
    distinct: &[(&L, Key)],
    left: Vec<(usize, Unfinished<Loaded>)>,
    objects: &mut Objects<L>,
) -> Result<(), Error> {
    // One call of `fetch_many` takes them all. Fetched one by one, they go in windows: what is
    // fetched first must not wait for the last to be stored, lest its lease run out.
    let together = L::fetch_many(&[], context).is_some();
    let window = if together { left.len() } else { engine.settings.fetch_concurrency * WINDOW };
    let mut left = left.into_iter().peekable();
    while left.peek().is_some() {
        let (places, reads): (Vec<usize>, Vec<_>) = left.by_ref().take(window).unzip();
        let lookups = places.iter().map(|place| distinct[*place].0);
        let loader = TypedLoader::many(engine, state, context, near, lookups);
        let ended = engine::run(engine, loader, reads).await;
        for (place, ended) in places.into_iter().zip(ended) {
            let (object, outcome) = ended?;
            objects[place] = object.map(typed::<L>);
            if outcome == Outcome::Hit {
                engine.sample(distinct[place].0, objects[place].as_ref());
            }
        }
    }
    Ok(())
}
