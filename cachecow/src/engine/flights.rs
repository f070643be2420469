//! The loads under way in this process, and the channels that notify their followers.

use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::Span;

use super::Engine;
use crate::clock::LONGEST;
use crate::error::Error;
use crate::key::Key;
use crate::key::KeyMap;
use crate::model::object::Loaded;
use crate::protocol::{self, Command, Landing, Outcome, Waiters, Wants};

const SHARDS: usize = 16;

/// The most doublings of the patience: a leader that is never polled again never ends, and counts for ever.
const MOST_DOUBLINGS: u32 = 4;

/// What is loaded: the type, and the encoded parts of the key. Two keys may have the same hash.
type Identity = (usize, Arc<[u8]>);
type FlightsOfKey = protocol::Flights<Identity, Follower>;

/// The loads under way, by key.
#[derive(Default)]
pub(crate) struct Flights {
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Default)]
struct Shard {
    loads: KeyMap<Loads>,
    /// Later than the number of any load that has ended.
    next_number: u64,
}

/// The loads of one key.
struct Loads {
    flights: FlightsOfKey,
    /// The number of the load that accepts followers, and when it began to accept them.
    began: Option<(u64, Instant)>,
}

/// The leader's side of a follower. If it is dropped unused, the follower learns that the process shuts down.
struct Follower {
    landed: oneshot::Sender<Landed>,
    /// The number of the load that it follows, which changes under the shard's lock.
    follows: Arc<AtomicU64>,
}

impl Follower {
    fn is_gone(&self) -> bool {
        self.landed.is_closed()
    }
}

/// A follower's side of a load.
pub(crate) struct Following {
    pub(crate) landed: oneshot::Receiver<Landed>,
    /// When the load has taken long enough.
    pub(crate) until: Instant,
    /// The number of the load for which `until` holds.
    number: u64,
    follows: Arc<AtomicU64>,
    past_the_cache: bool,
}

/// What a follower is notified with.
pub(crate) enum Landed {
    /// The load's result, and its span.
    Shared(Result<Loaded, Error>, Outcome, Span),
    /// Read the cache.
    LookAgain,
    /// Lead the next load.
    Promoted(Lead),
}

pub(crate) enum Entered {
    Lead(Lead),
    Follow(Following),
    /// The load under way is for another key with the same hash.
    Alone,
}

impl Flights {
    fn at<R>(&self, key: Key, change: impl FnOnce(&mut Loads) -> R) -> R {
        let shard = usize::from(key.hash().to_le_bytes()[1]) % SHARDS;
        let mut shard = self.shards[shard].lock();
        let Shard { loads, next_number } = &mut *shard;
        let mut of_key = match loads.entry(key) {
            Entry::Occupied(of_key) => of_key,
            Entry::Vacant(place) => place.insert_entry(Loads::numbered_from(*next_number)),
        };
        let result = change(of_key.get_mut());
        of_key.get_mut().note_beginning();
        if of_key.get().flights.is_idle() {
            *next_number = of_key.remove().flights.next_number().max(*next_number);
        }
        result
    }
}

impl Loads {
    fn numbered_from(next: u64) -> Self {
        Self { flights: FlightsOfKey::numbered_from(next), began: None }
    }

    fn note_beginning(&mut self) {
        let number = self.flights.open().map(|flight| flight.number());
        if number != self.began.map(|(number, _)| number) {
            self.began = number.map(|number| (number, Instant::now()));
        }
    }

    /// When followers give up the load that accepts followers. `patience` is for the first load; each load that was
    /// given up and is still under way doubles it, so that a slow backing store gets few loads of a key at a time.
    fn until(&self, patience: Duration) -> Instant {
        let began = self.began.map_or_else(Instant::now, |(_, began)| began);
        let patience = patience * (1 << self.flights.given_up().min(MOST_DOUBLINGS));
        began + patience.min(LONGEST)
    }

    /// Tells the followers which load they follow.
    fn number_followers(&mut self) {
        if let Some(flight) = self.flights.open() {
            for follower in flight.followers() {
                follower.follows.store(flight.number(), Ordering::Relaxed);
            }
        }
    }
}

/// Leads a load of `key`, if there is none under way.
pub(crate) fn lead(engine: &Arc<Engine>, key: Key, (slot, parts): (usize, &[u8])) -> Option<Lead> {
    let lead = engine.flights.at(key, |Loads { flights, .. }| {
        flights.open().is_none().then(|| flights.take_off((slot, Arc::from(parts)), false))
    });
    lead.map(|lead| Lead::new(engine, key, lead))
}

/// Follows the load of `key` that is under way, or leads a new one. If an outstanding invalidation of this process
/// may concern the load, a follower must bypass the cache: the load may have fetched older data, although its claim
/// is valid.
pub(crate) fn enter(
    engine: &Arc<Engine>,
    key: Key,
    (slot, parts): (usize, &[u8]),
    past_the_cache: bool,
    wants: Wants,
) -> Entered {
    engine.flights.at(key, |loads| match loads.flights.open() {
        None => {
            let lead = loads.flights.take_off((slot, Arc::from(parts)), past_the_cache);
            Entered::Lead(Lead::new(engine, key, lead))
        }
        Some(flight) if is(flight.identity(), (slot, parts)) => {
            let (sender, landed) = oneshot::channel();
            let number = flight.number();
            let follows = Arc::new(AtomicU64::new(number));
            let follower = Follower { landed: sender, follows: Arc::clone(&follows) };
            flight.join(follower, wants, Follower::is_gone);
            let until = loads.until(engine.settings.patience());
            Entered::Follow(Following { landed, until, number, follows, past_the_cache })
        }
        Some(_) => Entered::Alone,
    })
}

/// What a follower does when its load has taken too long.
pub(super) enum GivenUp {
    /// It leads another load, which the other followers follow.
    Leads(Lead),
    /// Another follower already leads a new load: it waits for that one.
    Follows(Following),
    /// The load accepts no followers any more: it enters again.
    Enters,
}

/// Gives up the load that has taken too long.
pub(super) fn give_up(engine: &Arc<Engine>, key: Key, mut following: Following) -> GivenUp {
    // The follower may just have received a lead. Dropping a lead takes the lock, so it must not be dropped here,
    // under the lock: the closure only borrows.
    let (moved_to, lead) = engine.flights.at(key, |loads| {
        let number = following.follows.load(Ordering::Relaxed);
        let open = loads.flights.open().is_some_and(|open| open.number() == number);
        if open && number != following.number {
            return (Some((number, loads.until(engine.settings.patience()))), None);
        }
        let lead = loads.flights.give_up(number, following.past_the_cache, Follower::is_gone);
        loads.number_followers();
        (None, lead)
    });
    match (moved_to, lead) {
        (Some((number, until)), _) => {
            (following.number, following.until) = (number, until);
            GivenUp::Follows(following)
        }
        (None, Some(lead)) => GivenUp::Leads(Lead::new(engine, key, lead)),
        (None, None) => GivenUp::Enters,
    }
}

/// A write of `key` is over: from now on, new callers do not wait for a load that began before.
pub(super) fn overtake(engine: &Engine, key: Key) {
    engine.flights.at(key, |loads| loads.flights.overtake());
}

/// Stops sharing the load of `key`: callers that join from now on read the cache again when it ends. Only the
/// leader may call this. If its load was given up, later callers belong to another load, and do the same.
pub(super) fn close_to_newcomers(engine: &Engine, key: Key, identity: (usize, &[u8])) {
    engine.flights.at(key, |loads| {
        if let Some(flight) = loads.flights.open()
            && is(flight.identity(), identity)
        {
            flight.close_to_newcomers();
        }
    });
}

fn is((slot, parts): &Identity, identity: (usize, &[u8])) -> bool {
    (*slot, &**parts) == identity
}

/// The leader's part in a load. If it is dropped before it has landed (the leader was cancelled, or
/// its fetch panicked), it gives the claim back and promotes a follower.
pub(crate) struct Lead {
    engine: Arc<Engine>,
    key: Key,
    /// `None` once it has landed.
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
        Some(self.engine.flights.at(self.key, |loads| change(lead, &mut loads.flights)))
    }

    /// Whether an earlier load was given up and has not ended yet.
    pub(crate) fn succeeds(&self) -> bool {
        self.part.as_ref().is_some_and(protocol::Lead::succeeds)
    }

    /// Before a command of the read is sent.
    pub(crate) fn on_send(&mut self, command: &Command) {
        self.with(|lead, flights| lead.on_send(flights, command));
    }

    /// Notes that the claim is settled, or was never granted.
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
        let waiters = self.engine.flights.at(self.key, |loads| {
            let waiters = lead.land(&mut loads.flights, landing);
            loads.number_followers();
            waiters
        });
        let Waiters { share, look_again, next, give_back } = waiters;
        // Fails if the follower is gone.
        if let Some((result, outcome)) = ended {
            let load = Span::current();
            for follower in share {
                let _ = follower.landed.send(Landed::Shared(result.clone(), outcome, load.clone()));
            }
        }
        for follower in look_again {
            let _ = follower.landed.send(Landed::LookAgain);
        }
        if let Some(next) = next {
            Self::new(&self.engine, self.key, next).promote();
        }
        if let Some(token) = give_back {
            self.engine.abandon([(self.key, token)]);
        }
    }

    /// Passes the lead to the follower that has waited longest and is still there.
    fn promote(mut self) {
        while let Some(Some(follower)) = self.with(|lead, flights| flights.promote(lead)) {
            match follower.landed.send(Landed::Promoted(self)) {
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
