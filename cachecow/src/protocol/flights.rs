//! Single-flight: the loads of one key in one process, of which one at a time takes followers.

use std::collections::VecDeque;

use super::command::{Command, Token};
use super::flight::{FollowerFate, Landing, Phase};

/// The load of a key that takes followers, if there is one.
///
/// `I` tells what is loaded, since two keys may have the same hash; `F` is how a follower is told.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Flights<I, F>(Option<Flight<I, F>>);

/// A load that takes followers. It leaves its [`Flights`] when it closes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Flight<I, F> {
    identity: I,
    phase: Phase,
    /// Whether its leader makes no use of the cache.
    past_the_cache: bool,
    /// In the order they came.
    followers: VecDeque<Follower<F>>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Follower<F> {
    joined: Phase,
    /// Whether it must not be served from the cache.
    past_the_cache: bool,
    told_by: F,
}

/// The leader's part in a load; it has to [`land`](Self::land), whatever happens.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Lead<I, F> {
    identity: I,
    /// The followers, once the load takes no more; until then it is the one that takes followers, since
    /// another begins only when there is none.
    closed: Option<VecDeque<Follower<F>>>,
    /// A claim that was sent and, as far as is known, not settled.
    claim: Option<Token>,
}

/// Who is to be told what at the end of a load.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Told<I, F> {
    /// These share the result.
    pub share: Vec<F>,
    /// These read the cache.
    pub look_again: Vec<F>,
    /// The next load, for the first of its followers that is still there; see [`Flights::promote`].
    pub next: Option<Lead<I, F>>,
    /// A claim to be given back.
    pub give_back: Option<Token>,
}

impl<I, F> Default for Flights<I, F> {
    fn default() -> Self {
        Self(None)
    }
}

impl<I: Clone + PartialEq, F> Flights<I, F> {
    /// The load that takes followers.
    pub fn open(&mut self) -> Option<&mut Flight<I, F>> {
        self.0.as_mut()
    }

    /// Whether no load takes followers.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Begins a load. To be called only while no load takes followers.
    pub fn take_off(&mut self, identity: I, past_the_cache: bool) -> Lead<I, F> {
        debug_assert!(self.is_empty(), "a load takes followers already");
        let (phase, followers) = (Phase::Opening, VecDeque::new());
        let identity_of_lead = identity.clone();
        self.0 = Some(Flight { identity, phase, past_the_cache, followers });
        Lead { identity: identity_of_lead, closed: None, claim: None }
    }

    /// The follower that leads the load from here on, whoever has waited longest. To be asked again if
    /// it is gone; with none left, the load is over.
    pub fn promote(&mut self, lead: &Lead<I, F>) -> Option<F> {
        let follower = self.of(lead)?.followers.pop_front();
        if follower.is_none() {
            self.0 = None;
        }
        follower.map(|follower| follower.told_by)
    }

    fn of(&mut self, lead: &Lead<I, F>) -> Option<&mut Flight<I, F>> {
        self.0.as_mut().filter(|_| lead.closed.is_none())
    }

    /// Puts followers whose time has not come into the load that has begun in the meantime, or else
    /// into a new one that one of them is to lead.
    fn carry_over(&mut self, identity: I, followers: VecDeque<Follower<F>>) -> Option<Lead<I, F>> {
        let lead = if self.is_empty() {
            let past_the_cache = followers.iter().all(|follower| follower.past_the_cache);
            Some(self.take_off(identity, past_the_cache))
        } else {
            None
        };
        if let Some(flight) = &mut self.0 {
            for follower in followers {
                flight.join(follower.told_by, follower.past_the_cache);
            }
        }
        lead
    }
}

impl<I, F> Flight<I, F> {
    /// What is loaded.
    pub fn identity(&self) -> &I {
        &self.identity
    }

    /// Adds a follower. Who must not be served from the cache shares no load that may be answered, or
    /// confirmed, by it.
    pub fn join(&mut self, told_by: F, past_the_cache: bool) {
        let unfit = past_the_cache && !self.past_the_cache;
        let joined = if unfit { Phase::Closed } else { self.phase };
        self.followers.push_back(Follower { joined, past_the_cache, told_by });
    }

    /// Lets nobody share the load any more: who joins from here on looks again once it is over.
    pub fn close_to_newcomers(&mut self) {
        self.phase = Phase::Closed;
    }
}

impl<I: Clone + PartialEq, F> Lead<I, F> {
    /// Before a command of the read that leads is sent: a claim has to be given back from here on; any
    /// other is the last, which settles the claim or finds what all share, and nobody may join any more.
    pub fn on_send<V>(&mut self, flights: &mut Flights<I, F>, command: &Command<V>) {
        match command {
            Command::Claim { token, .. } => self.claim = Some(*token),
            _ => self.close(flights),
        }
    }

    /// The claim is known to be settled, or never to have been granted.
    pub fn claim_settled(&mut self) {
        self.claim = None;
    }

    /// Before the fetch begins.
    pub fn begin_fetch(&self, flights: &mut Flights<I, F>) {
        if let Some(flight) = flights.of(self)
            && flight.phase == Phase::Opening
        {
            flight.phase = Phase::Fetching;
        }
    }

    /// Nobody may join any more.
    pub fn close(&mut self, flights: &mut Flights<I, F>) {
        if self.closed.is_none() {
            let flight = flights.0.take();
            self.closed = Some(flight.map(|flight| flight.followers).unwrap_or_default());
        }
    }

    /// Ends the load.
    pub fn land(mut self, flights: &mut Flights<I, F>, landing: Landing) -> Told<I, F> {
        self.close(flights);
        let mut told =
            Told { share: Vec::new(), look_again: Vec::new(), next: None, give_back: self.claim };
        let mut waiting = VecDeque::new();
        for follower in self.closed.take().unwrap_or_default() {
            match landing.fate_of(follower.joined) {
                FollowerFate::Accept => told.share.push(follower.told_by),
                FollowerFate::LookAgain => told.look_again.push(follower.told_by),
                FollowerFate::NextLoad => waiting.push_back(follower),
            }
        }
        let other = flights.open().is_some_and(|flight| flight.identity != self.identity);
        if other {
            // Something else with the same hash is being loaded; each reads on its own.
            told.look_again.extend(waiting.into_iter().map(|follower| follower.told_by));
        } else if !waiting.is_empty() {
            told.next = flights.carry_over(self.identity, waiting);
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(share: &[u8], look_again: &[u8]) -> (Vec<u8>, Vec<u8>) {
        (share.to_vec(), look_again.to_vec())
    }

    #[test]
    fn who_joined_in_time_shares_and_the_others_wait_for_the_next_load() {
        let mut flights = Flights::default();
        let lead = flights.take_off((), false);
        flights.open().unwrap().join(1, false);
        lead.begin_fetch(&mut flights);
        flights.open().unwrap().join(2, false);
        let ended = lead.land(&mut flights, Landing::Unfenced);
        assert_eq!((ended.share, ended.look_again), told(&[1], &[]));
        let next = ended.next.unwrap();
        assert_eq!(flights.promote(&next), Some(2));
        assert_eq!((flights.promote(&next), flights.is_empty()), (None, true));
    }

    #[test]
    fn a_load_closes_before_its_last_command() {
        let mut flights: Flights<(), u8> = Flights::default();
        let mut lead = flights.take_off((), false);
        let token = Token::from_bytes([1; 16]);
        let claim: Command<u8> =
            Command::Claim { token, lease: std::time::Duration::from_secs(1), despite: None };
        lead.on_send(&mut flights, &claim);
        assert!(!flights.is_empty());
        lead.on_send(&mut flights, &Command::<u8>::Abandon { token });
        assert!(flights.is_empty());
        assert_eq!(lead.clone().land(&mut flights, Landing::Fenced).give_back, Some(token));
        lead.claim_settled();
        assert_eq!(lead.land(&mut flights, Landing::Fenced).give_back, None);
    }

    #[test]
    fn who_must_not_be_served_from_the_cache_shares_no_load_of_it() {
        for (past_the_cache, expected) in [(false, told(&[], &[1])), (true, told(&[1], &[]))] {
            let mut flights = Flights::default();
            let lead = flights.take_off((), past_the_cache);
            flights.open().unwrap().join(1, true);
            let ended = lead.land(&mut flights, Landing::Fenced);
            assert_eq!((ended.share, ended.look_again), expected);
        }
    }

    #[test]
    fn followers_left_over_join_what_has_begun_in_the_meantime_unless_it_is_of_something_else() {
        for (identity, expected) in [('a', told(&[], &[])), ('b', told(&[], &[1]))] {
            let mut flights = Flights::default();
            let mut first = flights.take_off('a', false);
            first.begin_fetch(&mut flights);
            flights.open().unwrap().join(1, false);
            first.on_send(&mut flights, &Command::<u8>::Invalidate);
            let second = flights.take_off(identity, false);
            let ended = first.land(&mut flights, Landing::Deserted);
            assert_eq!((ended.share, ended.look_again, ended.next), (expected.0, expected.1, None));
            let shared = second.land(&mut flights, Landing::Unfenced).share;
            assert_eq!(shared, if identity == 'a' { vec![1] } else { vec![] });
        }
    }

    #[test]
    fn a_closed_load_does_not_open_again() {
        let mut flights = Flights::default();
        let lead = flights.take_off((), false);
        flights.open().unwrap().close_to_newcomers();
        lead.begin_fetch(&mut flights);
        flights.open().unwrap().join(1, false);
        assert_eq!(lead.land(&mut flights, Landing::Fenced).look_again, [1]);
    }
}
