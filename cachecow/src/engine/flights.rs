//! Single-flight: at most one load of a key at a time in this process.

use std::collections::VecDeque;
use std::collections::hash_map::{Entry, VacantEntry};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::Engine;
use crate::key::KeyMap;
use crate::object::Loaded;
use crate::protocol::{FollowerFate, Landing, Outcome, Phase, Token};
use crate::{Error, Key};

const SHARDS: usize = 16;

/// The loads under way, by key.
#[derive(Default)]
pub(crate) struct Flights {
    shards: [Mutex<KeyMap<Flight>>; SHARDS],
    next_id: AtomicU64,
}

/// A load that others may follow. It leaves the map when it closes.
struct Flight {
    id: u64,
    identity: Identity,
    phase: Phase,
    /// Whether its leader makes no use of the cache.
    past_the_cache: bool,
    /// In the order they came.
    followers: VecDeque<Follower>,
}

impl Flight {
    /// When a follower counts as having joined. Who must not be served from the cache shares no load
    /// that may be answered, or confirmed, by it.
    fn joined(&self, past_the_cache: bool) -> Phase {
        if past_the_cache && !self.past_the_cache { Phase::Closed } else { self.phase }
    }
}

/// What is loaded: the type, and the encoded parts of the key. Two keys may have the same hash.
type Identity = (usize, Arc<[u8]>);

struct Follower {
    joined: Phase,
    /// Whether it must not be served from the cache.
    past_the_cache: bool,
    sender: oneshot::Sender<Landed>,
}

/// What a follower is told; if it is told nothing, the leader's process is shutting down.
pub(crate) enum Landed {
    /// The load's result.
    Shared(Result<Loaded, Error>, Outcome),
    /// Read the cache.
    LookAgain,
    /// Lead the next load.
    Promoted(Lead),
}

pub(crate) enum Entered {
    Lead(Lead),
    Follow(oneshot::Receiver<Landed>),
    /// The load under way is of something else whose key has the same hash.
    Alone,
}

impl Flights {
    fn shard(&self, key: Key) -> MutexGuard<'_, KeyMap<Flight>> {
        let shard = usize::from(key.hash().to_le_bytes()[1]) % SHARDS;
        // No user code runs under the lock, so a poisoned one is as good as any.
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fresh_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }
}

/// Leads a load of `key`, if there is none under way.
pub(crate) fn lead(engine: &Arc<Engine>, key: Key, (slot, parts): (usize, &[u8])) -> Option<Lead> {
    match engine.flights.shard(key).entry(key) {
        Entry::Occupied(_) => None,
        Entry::Vacant(place) => {
            Some(Lead::take_off(engine, key, (slot, Arc::from(parts)), place, false))
        }
    }
}

/// Follows the load of `key` that is under way, or leads one; for a read that may or must not make use
/// of the cache.
pub(crate) fn enter(
    engine: &Arc<Engine>,
    key: Key,
    (slot, parts): (usize, &[u8]),
    past_the_cache: bool,
) -> Entered {
    match engine.flights.shard(key).entry(key) {
        Entry::Occupied(flight)
            if flight.get().identity.0 != slot || *flight.get().identity.1 != *parts =>
        {
            Entered::Alone
        }
        Entry::Occupied(mut flight) => {
            let (sender, receiver) = oneshot::channel();
            let joined = flight.get().joined(past_the_cache);
            flight.get_mut().followers.push_back(Follower { joined, past_the_cache, sender });
            Entered::Follow(receiver)
        }
        Entry::Vacant(place) => {
            let identity = (slot, Arc::from(parts));
            Entered::Lead(Lead::take_off(engine, key, identity, place, past_the_cache))
        }
    }
}

/// Lets nobody share the load of `key` any more: who joins from here on looks again once it is over.
/// For the leader's use only.
pub(super) fn close_to_newcomers(engine: &Engine, key: Key, (slot, parts): (usize, &[u8])) {
    if let Some(flight) = engine.flights.shard(key).get_mut(&key)
        && (flight.identity.0, &*flight.identity.1) == (slot, parts)
    {
        flight.phase = Phase::Closed;
    }
}

/// The leader's part in a load. Dropped before it landed — the leader was cancelled, or its fetch
/// panicked — it gives the claim back and promotes a follower.
pub(crate) struct Lead {
    engine: Arc<Engine>,
    key: Key,
    identity: Identity,
    id: u64,
    /// The followers, once the flight has left the map.
    closed: Option<VecDeque<Follower>>,
    landed: bool,
    /// A claim that was sent and, as far as is known, not settled.
    claim: Option<Token>,
}

impl Lead {
    fn of(engine: &Arc<Engine>, key: Key, identity: Identity, id: u64) -> Self {
        let engine = Arc::clone(engine);
        Self { engine, key, identity, id, closed: None, landed: false, claim: None }
    }

    fn take_off(
        engine: &Arc<Engine>,
        key: Key,
        identity: Identity,
        place: VacantEntry<'_, Key, Flight>,
        past_the_cache: bool,
    ) -> Self {
        let id = engine.flights.fresh_id();
        let (phase, followers) = (Phase::Opening, VecDeque::new());
        place.insert(Flight { id, identity: identity.clone(), phase, past_the_cache, followers });
        Self::of(engine, key, identity, id)
    }

    /// Before a claim is sent: from here on it has to be given back.
    pub(crate) fn claiming(&mut self, token: Token) {
        self.claim = Some(token);
    }

    /// The claim is known to be settled, or never to have been granted.
    pub(crate) fn claim_settled(&mut self) {
        self.claim = None;
    }

    /// Before the fetch begins.
    pub(crate) fn begin_fetch(&self) {
        if let Some(flight) = self.engine.flights.shard(self.key).get_mut(&self.key)
            && flight.id == self.id
        {
            flight.phase = Phase::Fetching;
        }
    }

    /// Before the claim is settled: nobody may join any more.
    pub(crate) fn close(&mut self) {
        if self.closed.is_some() {
            return;
        }
        let mut shard = self.engine.flights.shard(self.key);
        let followers = match shard.entry(self.key) {
            Entry::Occupied(flight) if flight.get().id == self.id => flight.remove().followers,
            _ => VecDeque::new(),
        };
        drop(shard);
        self.closed = Some(followers);
    }

    /// Tells every follower how the load ended.
    pub(crate) fn land(
        mut self,
        landing: Landing,
        result: &Result<Loaded, Error>,
        outcome: Outcome,
    ) {
        self.tell(landing, Some((result, outcome)));
    }

    fn tell(&mut self, landing: Landing, ended: Option<(&Result<Loaded, Error>, Outcome)>) {
        self.landed = true;
        self.close();
        let mut next = VecDeque::new();
        for follower in self.closed.take().unwrap_or_default() {
            // A follower that is gone does not hear it.
            match (landing.fate_of(follower.joined), ended) {
                (FollowerFate::Accept, Some((result, outcome))) => {
                    let _ = follower.sender.send(Landed::Shared(result.clone(), outcome));
                }
                (FollowerFate::LookAgain, _) => {
                    let _ = follower.sender.send(Landed::LookAgain);
                }
                (FollowerFate::Accept | FollowerFate::NextLoad, _) => next.push_back(follower),
            }
        }
        if !next.is_empty() {
            self.begin_next(next);
        }
        if let Some(token) = self.claim.take() {
            self.engine.abandon([(self.key, token)]);
        }
    }

    /// The followers whose time has not come take part in the next load: in one that has begun in
    /// the meantime, or in one that the first of them leads.
    fn begin_next(&self, mut followers: VecDeque<Follower>) {
        let id = self.engine.flights.fresh_id();
        match self.engine.flights.shard(self.key).entry(self.key) {
            Entry::Occupied(flight) if flight.get().identity != self.identity => {
                // Something else with the same hash is being loaded; each reads on its own.
                for follower in followers {
                    let _ = follower.sender.send(Landed::LookAgain);
                }
                return;
            }
            Entry::Occupied(mut flight) => {
                let flight = flight.get_mut();
                for mut follower in followers {
                    follower.joined = flight.joined(follower.past_the_cache);
                    flight.followers.push_back(follower);
                }
                return;
            }
            Entry::Vacant(place) => {
                // One of them leads it.
                let past_the_cache = followers.iter().all(|follower| follower.past_the_cache);
                let (identity, phase) = (self.identity.clone(), Phase::Opening);
                let none = VecDeque::new();
                let flight =
                    place.insert(Flight { id, identity, phase, past_the_cache, followers: none });
                for follower in &mut followers {
                    follower.joined = flight.joined(follower.past_the_cache);
                }
                flight.followers = followers;
            }
        }
        Self::of(&self.engine, self.key, self.identity.clone(), id).promote();
    }

    /// Hands the lead to whoever has waited longest and is still there.
    fn promote(self) {
        let mut lead = self;
        loop {
            let follower = {
                let mut shard = lead.engine.flights.shard(lead.key);
                let follower = shard
                    .get_mut(&lead.key)
                    .filter(|flight| flight.id == lead.id)
                    .and_then(|flight| flight.followers.pop_front());
                // Under the same lock, so that nobody joins a flight without a leader.
                let ours = shard.get(&lead.key).is_some_and(|flight| flight.id == lead.id);
                if follower.is_none() && ours {
                    shard.remove(&lead.key);
                }
                follower
            };
            let Some(follower) = follower else {
                lead.landed = true;
                return;
            };
            match follower.sender.send(Landed::Promoted(lead)) {
                Err(Landed::Promoted(returned)) => lead = returned,
                _ => return,
            }
        }
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        if !self.landed {
            self.tell(Landing::Deserted, None);
        }
    }
}
