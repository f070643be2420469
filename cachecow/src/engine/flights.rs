//! The loads under way in this process, and the channels by which their followers are told.

use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use super::Engine;
use crate::key::KeyMap;
use crate::object::Loaded;
use crate::protocol::{self, Command, Landing, Outcome, Told};
use crate::{Error, Key};

const SHARDS: usize = 16;

/// What is loaded: the type, and the encoded parts of the key. Two keys may have the same hash.
type Identity = (usize, Arc<[u8]>);
/// How a follower is told; if it is told nothing, the leader's process is shutting down.
type Follower = oneshot::Sender<Landed>;
type FlightsOfKey = protocol::Flights<Identity, Follower>;

/// The loads under way, by key.
#[derive(Default)]
pub(crate) struct Flights {
    shards: [Mutex<KeyMap<FlightsOfKey>>; SHARDS],
}

/// What a follower is told.
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
    fn at<R>(&self, key: Key, change: impl FnOnce(&mut FlightsOfKey) -> R) -> R {
        let shard = usize::from(key.hash().to_le_bytes()[1]) % SHARDS;
        // No user code runs under the lock, so a poisoned one is as good as any.
        let mut shard = self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner);
        match shard.entry(key) {
            Entry::Occupied(mut flights) => {
                let result = change(flights.get_mut());
                if flights.get().is_empty() {
                    flights.remove();
                }
                result
            }
            Entry::Vacant(place) => {
                let mut flights = FlightsOfKey::default();
                let result = change(&mut flights);
                if !flights.is_empty() {
                    place.insert(flights);
                }
                result
            }
        }
    }
}

/// Leads a load of `key`, if there is none under way.
pub(crate) fn lead(engine: &Arc<Engine>, key: Key, (slot, parts): (usize, &[u8])) -> Option<Lead> {
    let lead = engine.flights.at(key, |flights| {
        flights.is_empty().then(|| flights.take_off((slot, Arc::from(parts)), false))
    });
    lead.map(|lead| Lead::new(engine, key, lead))
}

/// Follows the load of `key` that is under way, or leads one; for a read that may or must not make use
/// of the cache.
pub(crate) fn enter(
    engine: &Arc<Engine>,
    key: Key,
    (slot, parts): (usize, &[u8]),
    past_the_cache: bool,
) -> Entered {
    engine.flights.at(key, |flights| match flights.open() {
        None => {
            let lead = flights.take_off((slot, Arc::from(parts)), past_the_cache);
            Entered::Lead(Lead::new(engine, key, lead))
        }
        Some(flight) if is(flight.identity(), (slot, parts)) => {
            let (sender, receiver) = oneshot::channel();
            flight.join(sender, past_the_cache);
            Entered::Follow(receiver)
        }
        Some(_) => Entered::Alone,
    })
}

/// Lets nobody share the load of `key` any more: who joins from here on looks again once it is over.
/// For the leader's use only.
pub(super) fn close_to_newcomers(engine: &Engine, key: Key, identity: (usize, &[u8])) {
    engine.flights.at(key, |flights| {
        if let Some(flight) = flights.open()
            && is(flight.identity(), identity)
        {
            flight.close_to_newcomers();
        }
    });
}

fn is((slot, parts): &Identity, identity: (usize, &[u8])) -> bool {
    (*slot, &**parts) == identity
}

/// The leader's part in a load. Dropped before it landed — the leader was cancelled, or its fetch
/// panicked — it gives the claim back and promotes a follower.
pub(crate) struct Lead {
    engine: Arc<Engine>,
    key: Key,
    /// None once it has landed.
    part: Option<protocol::Lead<Identity, Follower>>,
}

impl Lead {
    fn new(engine: &Arc<Engine>, key: Key, lead: protocol::Lead<Identity, Follower>) -> Self {
        Self { engine: Arc::clone(engine), key, part: Some(lead) }
    }

    fn with<R>(
        &mut self,
        change: impl FnOnce(&mut protocol::Lead<Identity, Follower>, &mut FlightsOfKey) -> R,
    ) -> Option<R> {
        let lead = self.part.as_mut()?;
        Some(self.engine.flights.at(self.key, |flights| change(lead, flights)))
    }

    /// Before a command of the read is sent.
    pub(crate) fn on_send(&mut self, command: &Command) {
        self.with(|lead, flights| lead.on_send(flights, command));
    }

    /// The claim is known to be settled, or never to have been granted.
    pub(crate) fn claim_settled(&mut self) {
        if let Some(lead) = &mut self.part {
            lead.claim_settled();
        }
    }

    /// Before the fetch begins.
    pub(crate) fn begin_fetch(&mut self) {
        self.with(|lead, flights| lead.begin_fetch(flights));
    }

    /// Nobody may join any more.
    pub(crate) fn close(&mut self) {
        self.with(protocol::Lead::close);
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
        let Some(lead) = self.part.take() else { return };
        let told = self.engine.flights.at(self.key, |flights| lead.land(flights, landing));
        let Told { share, look_again, next, give_back } = told;
        // A follower that is gone does not hear it.
        if let Some((result, outcome)) = ended {
            for follower in share {
                let _ = follower.send(Landed::Shared(result.clone(), outcome));
            }
        }
        for follower in look_again {
            let _ = follower.send(Landed::LookAgain);
        }
        if let Some(next) = next {
            Self::new(&self.engine, self.key, next).promote();
        }
        if let Some(token) = give_back {
            self.engine.abandon([(self.key, token)]);
        }
    }

    /// Hands the lead to whoever has waited longest and is still there.
    fn promote(mut self) {
        while let Some(Some(follower)) = self.with(|lead, flights| flights.promote(lead)) {
            match follower.send(Landed::Promoted(self)) {
                Err(Landed::Promoted(returned)) => self = returned,
                _ => return,
            }
        }
        self.part = None;
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        self.tell(Landing::Deserted, None);
    }
}
