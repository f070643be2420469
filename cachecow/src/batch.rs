//! Reading many objects at once.

use std::collections::hash_map::Entry;
use std::sync::Arc;

use crate::engine::{Engine, Judged, Loaded, Loads, TypedLoader, Unfinished, judge, loaded, typed};
use crate::key::KeyMap;
use crate::lookup::Lookup;
use crate::protocol::{Reply, Verdict};
use crate::stats::TypeState;
use crate::{Error, Key};

/// How many rounds of fetches, as many at a time as allowed, one window takes.
const WINDOW: usize = 8;

type Objects<L> = Vec<Option<Arc<<L as Lookup>::Object>>>;

/// The objects of the lookups, in their order, each distinct one read once.
pub(crate) async fn get_many<L: Lookup>(
    engine: &Arc<Engine>,
    context: &L::Context,
    lookups: &[L],
) -> Result<Objects<L>, Error> {
    let state = engine.types.of::<L::Object>();
    let (distinct, places) = tell_apart(lookups);
    let mut objects: Objects<L> = vec![None; distinct.len()];
    let left = if engine.looks_up_first(state) {
        look_up::<L>(engine, state, &distinct, &mut objects).await
    } else {
        let reads = distinct.iter().map(|(_, key)| engine.read(*key, state).into());
        reads.enumerate().collect()
    };
    if !left.is_empty() {
        load(engine, context, state, &distinct, left, &mut objects).await?;
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

/// The first round, if it is lookups only, without anything that a hit does not need. Returns the
/// reads that are not over, with their places.
async fn look_up<L: Lookup>(
    engine: &Arc<Engine>,
    state: &TypeState,
    distinct: &[(&L, Key)],
    objects: &mut Objects<L>,
) -> Vec<(usize, Unfinished<Loaded>)> {
    let keys = distinct.iter().map(|(_, key)| *key).collect();
    let replies = engine.guard.lookup_many(keys).await;
    let mut left = Vec::new();
    let mut hits = 0;
    for (place, (reply, (lookup, _))) in replies.into_iter().zip(distinct).enumerate() {
        let judged = match &reply {
            Ok(Reply::Value(document)) => match judge(engine, state, *lookup, document) {
                Judged { found: Some(object), verdict: Verdict::Good } => {
                    objects[place] = object.map(Arc::new);
                    hits += 1;
                    continue;
                }
                judged => Some(judged),
            },
            _ => None,
        };
        let mut read = engine.read_that_looks_up();
        let _lookup = read.next_step();
        read.on_reply(reply.map_err(|error| state.lost(&error)));
        let mut present = None;
        if let Some(judged) = judged {
            let _judged = read.take_value();
            present = judged.found.map(loaded);
            read.on_judged(judged.verdict, None);
        }
        left.push((place, Unfinished { read, present }));
    }
    state.record_hits(hits);
    left
}

/// The rest goes through the engine.
async fn load<L: Lookup>(
    engine: &Arc<Engine>,
    context: &L::Context,
    state: &TypeState,
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
        let loader = TypedLoader::many(engine, state, context, lookups);
        let ended = Loads::new(engine, &loader, reads.into_iter()).run().await;
        for (place, ended) in places.into_iter().zip(ended) {
            objects[place] = ended?.0.map(typed::<L>);
        }
    }
    Ok(())
}
