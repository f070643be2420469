//! Reading many objects at once.

use std::collections::hash_map::Entry;
use std::sync::Arc;

use crate::backend::BackendError;
use crate::engine::{
    self, Engine, Judged, LedTo, Loaded, Primary, TypedLoader, Unfinished, judge, judge_in_place,
    judge_pointer, leads_to, loaded, typed,
};
use crate::key::KeyMap;
use crate::lookup::Lookup;
use crate::protocol::{Lost, Reply, Verdict};
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
        let keys = distinct.iter().map(|(_, key)| *key).collect();
        let replies = engine.guard.lookup_many(keys).await;
        if L::ALIAS {
            follow_pointers::<L>(engine, state, &distinct, replies, &mut objects).await
        } else {
            judge_all::<L>(engine, state, &distinct, replies, &mut objects)
        }
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

type Replies = Vec<Result<Reply, BackendError>>;
type Left = Vec<(usize, Unfinished<Loaded>)>;

/// Takes the answers of the first round, if it is lookups only, without anything that a hit does not
/// need. Returns the reads that are not over, with their places.
fn judge_all<L: Lookup>(
    engine: &Engine,
    state: &TypeState,
    distinct: &[(&L, Key)],
    replies: Replies,
    objects: &mut Objects<L>,
) -> Left {
    let mut left = Vec::new();
    for (place, (reply, (lookup, _))) in replies.into_iter().zip(distinct).enumerate() {
        let judged = match &reply {
            Ok(Reply::Value(document)) => match judge(engine, state, *lookup, document) {
                Judged { found: Some(object), verdict: Verdict::Good } => {
                    objects[place] = object.map(Arc::new);
                    continue;
                }
                judged => Some((judged.map(loaded), None)),
            },
            _ => None,
        };
        left.push((place, unfinished(engine, state, reply, judged)));
    }
    state.record_hits((distinct.len() - left.len()) as u64);
    left
}

/// The same for aliases, with a second round for what their pointers lead to.
async fn follow_pointers<L: Lookup>(
    engine: &Engine,
    state: &TypeState,
    distinct: &[(&L, Key)],
    replies: Replies,
    objects: &mut Objects<L>,
) -> Left {
    let primary_of = |reply: &Result<Reply, BackendError>| match reply {
        Ok(Reply::Value(document)) => leads_to::<L::Object>(engine, document),
        _ => None,
    };
    let primaries: Vec<Option<Primary>> = replies.iter().map(primary_of).collect();
    let keys: Vec<Key> = primaries.iter().flatten().map(Primary::key).collect();
    let values = if keys.is_empty() { Vec::new() } else { engine.guard.lookup_many(keys).await };
    let mut values = values.into_iter().map(|reply| reply.map_err(|error| state.lost(&error)));
    let mut left = Vec::new();
    for (place, (reply, primary)) in replies.into_iter().zip(primaries).enumerate() {
        let lookup = distinct[place].0;
        let judged = match (&reply, primary) {
            (Ok(Reply::Value(document)), Some(primary)) => {
                let value = values.next().unwrap_or(Err(Lost));
                Some(judge_pointer(engine, state, lookup, (document, primary), value))
            }
            (Ok(Reply::Value(document)), None) => {
                Some((judge_in_place(engine, state, lookup, document), None))
            }
            _ => None,
        };
        match judged {
            Some((Judged { found: Some(object), verdict: Verdict::Good }, _)) => {
                objects[place] = object.map(Arc::new);
            }
            judged => {
                let judged = judged.map(|(judged, led_to)| (judged.map(loaded), led_to));
                left.push((place, unfinished(engine, state, reply, judged)));
            }
        }
    }
    state.record_hits((distinct.len() - left.len()) as u64);
    left
}

/// A read whose lookup was answered, and judged if there was a value.
fn unfinished(
    engine: &Engine,
    state: &TypeState,
    reply: Result<Reply, BackendError>,
    judged: Option<(Judged<Loaded>, Option<LedTo>)>,
) -> Unfinished<Loaded> {
    let mut read = engine.read_that_looks_up();
    let _lookup = read.next_step();
    read.on_reply(reply.map_err(|error| state.lost(&error)));
    let mut unfinished = Unfinished::from(read);
    if let Some((Judged { found, verdict }, led_to)) = judged {
        let _judged = unfinished.read.take_value();
        unfinished.read.on_judged(verdict, None);
        (unfinished.present, unfinished.led_to) = (found, led_to);
    }
    unfinished
}

/// The rest goes through the engine.
async fn load<L: Lookup>(
    engine: &Arc<Engine>,
    context: &L::Context,
    state: &TypeState,
    distinct: &[(&L, Key)],
    left: Left,
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
        let ended = engine::run(engine, loader, reads).await;
        for (place, ended) in places.into_iter().zip(ended) {
            objects[place] = ended?.0.map(typed::<L>);
        }
    }
    Ok(())
}
