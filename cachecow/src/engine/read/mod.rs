//! The read path.
//!
//! 1. If the object is in this process's memory, it is served from there ([`near_hit`]).
//! 2. One round asks the cache for everything that a hit needs: [`look_one`] for one key, [`look_many`] for a
//!    batch. For an alias that is the pointer, and the object that it pointed to last time; for an object with
//!    tags, its value and their epochs.
//! 3. [`Query::judge`] says whether the stored document may be served. A hit ends here.
//! 4. Misses go to [`Reads`], which drives the protocol's machines for any number of reads, one pipeline a round.
//!    It reads what else the judgement needs, claims, waits, fetches and fills. (For a batch, [`look_many`] has
//!    already read what else is needed.)

pub(crate) mod batch;
mod detached;
mod drive;
mod events;
mod hints;
mod judge;
mod known;
mod lifetime;
mod list;
mod loader;
mod peek;
mod primary;
mod query;
mod tagged;
mod trace;
mod typed;

use std::mem;

use bytes::Bytes;

pub(crate) use self::detached::{Detached, DetachedLeft, DetachedQuery, load_one};
pub(crate) use self::drive::Reads;
pub(crate) use self::hints::Hints;
pub(crate) use self::judge::{Judged, Judgement};
#[cfg(feature = "store")]
pub(crate) use self::judge::{refused, reject};
pub(crate) use self::known::Known;
use self::known::{Answered, each_once};
pub(crate) use self::lifetime::lifetimes;
pub(crate) use self::list::{Learnt, ListHint, ListRead, Seen, look_list, too_long};
pub(crate) use self::loader::LoadOptions;
#[cfg(feature = "store")]
pub(crate) use self::loader::{Loader, Sealed};
pub(crate) use self::peek::{find, peek};
use self::primary::ClaimFirst;
pub(crate) use self::query::{ObjectQuery, near_hit};
pub(crate) use self::typed::{TypedLoader, loaded, loaded_arc, typed};
use super::Engine;
use super::client::Answer;
use crate::backend::Place;
use crate::key::Key;
use crate::protocol::{Lost, Outcome, ReadMachine, Reply, Verdict};
use crate::stats::TypeState;

/// What the first round needs to know about one read.
pub(crate) trait Query {
    /// The result of a hit.
    type Found;

    /// The requested key.
    fn key(&self) -> Key;

    /// Takes the other places to ask for with it.
    fn take_hinted(&mut self) -> Vec<Place> {
        Vec::new()
    }

    /// Decodes and verifies a stored document.
    fn judge(&self, document: &Bytes, known: &Known) -> Judgement<Self::Found>;
}

/// A read that is not over.
pub(crate) struct Unfinished<T> {
    read: ReadMachine,
    /// The cached object, to be served if the load fails, or if another caller loads.
    present: Option<T>,
    /// What was read in addition to the document, which must still be judged.
    known: Known,
    claim_first: Option<ClaimFirst>,
}

impl<T> Unfinished<T> {
    pub(crate) fn map<U>(self, to: impl FnOnce(T) -> U) -> Unfinished<U> {
        let Self { read, present, known, claim_first } = self;
        Unfinished { read, present: present.map(to), known, claim_first }
    }

    /// The object to serve at once, if the rest of the read only refreshes it.
    pub(crate) fn ageing(&self) -> Option<&T> {
        self.present.as_ref().filter(|_| self.read.renews_early())
    }

    /// Judges a looked-up document: returns a hit, or the read to be continued.
    #[inline]
    fn judge<Q: Query<Found = T>>(&mut self, query: &Q, known: Known) -> Option<T> {
        match query.judge(self.read.value()?, &known) {
            Judgement::Done(Judged { found: Some(found), verdict: Verdict::Good, .. }) => {
                Some(found)
            }
            Judgement::Done(Judged { found, verdict, claim_first }) => {
                (self.present, self.claim_first) = (found, claim_first);
                self.read.take_value();
                self.read.on_judged(verdict, None);
                None
            }
            // It is judged again when the other places have been read.
            Judgement::Needs(_) => {
                self.known = known;
                None
            }
        }
    }
}

impl<T> From<ReadMachine> for Unfinished<T> {
    fn from(read: ReadMachine) -> Self {
        Self { read, present: None, known: Known::default(), claim_first: None }
    }
}

/// Reads one key with its first command, if that is a lookup. Returns a hit, or the read to be
/// continued. It does only what a hit needs.
#[inline]
pub(crate) async fn look_one<Q: Query>(
    engine: &Engine,
    state: &TypeState,
    query: &mut Q,
    read: ReadMachine,
) -> Result<Q::Found, Unfinished<Q::Found>> {
    let mut unfinished = Unfinished::from(read);
    if unfinished.read.take_lookup() {
        let (reply, others) = engine.client.lookup(query.key(), query.take_hinted()).await;
        let lost = |other: Answer| other.map_err(|error| state.lost(&error));
        let others = others.into_iter().map(|(place, other)| (place, lost(other)));
        let known = Known::by_hint(others.collect());
        unfinished.read.on_reply(reply.map_err(|error| state.lost(&error)));
        if let Some(found) = unfinished.judge(query, known) {
            state.record(Outcome::Hit, false);
            return Ok(found);
        }
    }
    Err(unfinished)
}

/// The result of the first round for several keys.
pub(crate) struct Looked<Q: Query> {
    pub(crate) reads: Vec<Result<Q::Found, Unfinished<Q::Found>>>,
    /// The answers for the other places that were asked for.
    pub(crate) beside: Vec<(Place, Answer)>,
}

/// The same for several different keys, whose first commands are lookups. It also reads what else is needed and was
/// not hinted. Each place is read once.
pub(crate) async fn look_many<Q: Query>(
    engine: &Engine,
    state: &TypeState,
    queries: &mut [Q],
    read: impl Fn() -> ReadMachine,
    beside: Vec<Place>,
) -> Looked<Q> {
    let hinted: Vec<Vec<Place>> = queries.iter_mut().map(Query::take_hinted).collect();
    let mut places: Vec<Place> = queries.iter().map(|query| Place::Value(query.key())).collect();
    let mut others: Vec<Place> = hinted.iter().flatten().chain(&beside).copied().collect();
    each_once(&mut others);
    places.extend(&others);
    let mut answers = engine.client.lookup_many(places).await;
    let of_others = Answered::of(others, answers.split_off(queries.len()));
    let answered = |place| Some((place, of_others.at(place)?.clone()));
    let beside = beside.into_iter().filter_map(answered).collect();
    let mut looked = Vec::with_capacity(queries.len());
    for ((query, hinted), reply) in queries.iter().zip(hinted).zip(answers) {
        let others = hinted.into_iter().map(|place| (place, of(state, &of_others, place)));
        let known = Known::by_hint(others.collect());
        let mut unfinished = Unfinished::from(read());
        unfinished.read.take_lookup();
        unfinished.read.on_reply(reply.map_err(|error| state.lost(&error)));
        let found = unfinished.judge(query, known);
        looked.push(found.ok_or(unfinished));
    }
    look_further(engine, state, queries, &mut looked).await;
    state.record_hits(looked.iter().filter(|looked| looked.is_ok()).count() as u64);
    Looked { reads: looked, beside }
}

/// The same for one key that was looked up.
pub(crate) async fn look_further_for<Q: Query>(
    engine: &Engine,
    state: &TypeState,
    query: &Q,
    unfinished: Unfinished<Q::Found>,
) -> Result<Q::Found, Unfinished<Q::Found>> {
    let mut looked = [Err(unfinished)];
    look_further(engine, state, std::slice::from_ref(query), &mut looked).await;
    let [looked] = looked;
    if looked.is_ok() {
        state.record(Outcome::Hit, false);
    }
    looked
}

/// Reads what else the judgements need, for all keys in one round. (The driver may handle them in several windows,
/// each with its own rounds.)
async fn look_further<Q: Query>(
    engine: &Engine,
    state: &TypeState,
    queries: &[Q],
    looked: &mut [Result<Q::Found, Unfinished<Q::Found>>],
) {
    loop {
        let mut needed: Vec<(usize, Vec<Place>)> = Vec::new();
        for (number, (query, looked)) in queries.iter().zip(&*looked).enumerate() {
            if let Err(unfinished) = looked
                && let Some(document) = unfinished.read.value()
                && let Judgement::Needs(places) = query.judge(document, &unfinished.known)
            {
                needed.push((number, places));
            }
        }
        if needed.is_empty() {
            return;
        }
        let places = needed.iter().flat_map(|(_, places)| places).copied().collect();
        let answered = Answered::ask(engine, places).await;
        for (number, needed) in needed {
            let Err(unfinished) = &mut looked[number] else { continue };
            let mut known = mem::take(&mut unfinished.known);
            for place in needed {
                known.learn(place, of(state, &answered, place));
            }
            if let Some(found) = unfinished.judge(&queries[number], known) {
                looked[number] = Ok(found);
            }
        }
    }
}

/// The answer for a place; a lost one is counted for each read that needs it.
fn of(state: &TypeState, answered: &Answered, place: Place) -> Result<Reply, Lost> {
    let answer = answered.at(place).ok_or(Lost)?;
    answer.clone().map_err(|error| state.lost(&error))
}
