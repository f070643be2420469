//! Single-flight: the loads of one key in one process. At most one of them accepts followers.

use std::collections::VecDeque;

use super::command::{Command, Token};
use super::flight::{FollowerFate, Landing, Phase};

/// The smallest number of followers at which those that are gone are dropped.
const LEAST_PRUNED: usize = 32;

/// The loads of a key: the one that accepts followers, if there is one; those that writes have
/// overtaken; and those that were given up.
///
/// `I` identifies what is loaded, since two keys may have the same hash. `F` is how a follower is notified.
///
/// ```
/// use cachecow::protocol::{Flight, Flights, Landing, Lead, Waiters, Wants};
///
/// let mut flights: Flights<&str, u32> = Flights::default();
/// let lead: Lead<&str, u32> = flights.take_off("user:42", false);
/// let flight: &mut Flight<&str, u32> = flights.open().unwrap();
/// flight.join(1, Wants::Current, |_| false);
/// lead.begin_fetch(&mut flights);
/// flights.open().unwrap().join(2, Wants::Current, |_| false);
///
/// // The claim did not stand: who asked after the fetch began may not share what it brought.
/// let Waiters { share, next, .. } = lead.land(&mut flights, Landing::Unfenced);
/// assert_eq!(share, [1]);
/// let mut next = next.expect("another load");
/// assert_eq!(flights.promote(&mut next), Some(2));
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Flights<I, F> {
    open: Option<Flight<I, F>>,
    /// Loads that writes have overtaken: a write ended after they began. They accept no more followers.
    overtaken: Vec<Flight<I, F>>,
    /// How many loads were given up and have not ended; their followers follow another load.
    given_up: u32,
    /// The number of the load that begins next.
    next: u64,
}

/// A load that may have followers. It leaves its [`Flights`] when it closes.
///
/// [`Flights`] has an example.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Flight<I, F> {
    identity: I,
    number: u64,
    phase: Phase,
    /// Whether its leader bypasses the cache.
    past_the_cache: bool,
    /// In the order in which they came.
    followers: VecDeque<Follower<F>>,
    /// At this number of followers, those that are gone are dropped.
    pruned_at: usize,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Follower<F> {
    joined: Phase,
    wants: Wants,
    notify: F,
}

/// Which results a follower accepts.
///
/// [`Flights`] has an example.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Wants {
    /// All that are not older than an invalidation before it joined.
    Current,
    /// Those whose fetch began after it joined.
    Fresh,
    /// Those that neither come from the cache nor were confirmed by it.
    PastTheCache,
}

impl<F> Follower<F> {
    fn fate(&self, landing: Landing) -> FollowerFate {
        match landing.fate_of(self.joined) {
            FollowerFate::Accept if self.wants != Wants::Fresh || self.joined == Phase::Opening => {
                FollowerFate::Accept
            }
            _ if self.wants == Wants::Fresh => FollowerFate::NextLoad,
            fate => fate,
        }
    }
}

/// The leader's part in a load. It must [`land`](Self::land), whatever happens.
///
/// [`Flights`] has an example.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Lead<I, F> {
    identity: I,
    number: u64,
    succeeds: bool,
    /// The followers, once the load accepts no more; none if it was given up.
    closed: Option<VecDeque<Follower<F>>>,
    /// A claim that was sent, and is not known to be settled.
    claim: Option<Token>,
}

/// Waiters to notify when a load completes.
///
/// [`Flights`] has an example.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Waiters<I, F> {
    /// These share the result.
    pub share: Vec<F>,
    /// These read the cache.
    pub look_again: Vec<F>,
    /// The next load, to be led by the first of its followers that is still there; see [`Flights::promote`].
    pub next: Option<Lead<I, F>>,
    /// A claim to give back.
    pub give_back: Option<Token>,
}

impl<I, F> Default for Flights<I, F> {
    fn default() -> Self {
        Self::numbered_from(0)
    }
}

impl<I, F> Flights<I, F> {
    /// Makes an empty set; the first load gets this number. Followers distinguish loads by their numbers.
    pub fn numbered_from(next: u64) -> Self {
        Self { open: None, overtaken: Vec::new(), given_up: 0, next }
    }

    /// The number of the load that begins next.
    pub fn next_number(&self) -> u64 {
        self.next
    }

    /// How many loads were given up and have not ended.
    pub fn given_up(&self) -> u32 {
        self.given_up
    }

    /// Whether there is nothing to remember except the next number.
    pub fn is_idle(&self) -> bool {
        self.open.is_none() && self.overtaken.is_empty() && self.given_up == 0
    }
}

impl<I: Clone + PartialEq, F> Flights<I, F> {
    /// The load that accepts followers.
    pub fn open(&mut self) -> Option<&mut Flight<I, F>> {
        self.open.as_mut()
    }

    /// Begins a load. Call it only while no load accepts followers.
    pub fn take_off(&mut self, identity: I, past_the_cache: bool) -> Lead<I, F> {
        debug_assert!(self.open.is_none(), "a load takes followers already");
        let number = self.next;
        self.next += 1;
        let lead = Lead {
            identity: identity.clone(),
            number,
            succeeds: self.given_up > 0,
            closed: None,
            claim: None,
        };
        self.open = Some(Flight {
            identity,
            number,
            phase: Phase::Opening,
            past_the_cache,
            followers: VecDeque::new(),
            pruned_at: LEAST_PRUNED,
        });
        lead
    }

    /// Called when a follower of the load with this number has waited too long: its leader may never be polled
    /// again. The follower leads another load, and the other followers follow that one. `None`: the load accepts no
    /// followers any more, and the follower enters again.
    ///
    /// The leader that was given up goes on if it is polled. It keeps its result for itself. Its claim works like
    /// any other: the cache decides whether it is still valid.
    pub fn give_up(
        &mut self,
        number: u64,
        past_the_cache: bool,
        is_gone: impl Fn(&F) -> bool,
    ) -> Option<Lead<I, F>> {
        let Flight { identity, mut followers, .. } =
            self.open.take_if(|flight| flight.number == number)?;
        self.given_up += 1;
        followers.retain(|follower| !is_gone(&follower.notify));
        let lead = self.take_off(identity, past_the_cache);
        self.take_in(followers);
        Some(lead)
    }

    /// Called when a write is over: from now on, callers do not follow a load whose fetch began before. They could
    /// not share its result, and it may hang. That load goes on for its present followers.
    ///
    /// So there is one load at a time, plus one for each write during a load.
    pub fn overtake(&mut self) {
        self.overtaken.extend(self.open.take_if(|flight| flight.phase != Phase::Opening));
    }

    /// Returns the follower that leads the load from now on: the one that has waited longest. Call it again if that
    /// follower is gone. If none is left, the load is over.
    pub fn promote(&mut self, lead: &mut Lead<I, F>) -> Option<F> {
        let follower = self.of(lead).and_then(|flight| flight.followers.pop_front());
        if follower.is_none() {
            lead.close(self);
        }
        follower.map(|follower| follower.notify)
    }

    fn of(&mut self, lead: &Lead<I, F>) -> Option<&mut Flight<I, F>> {
        let mut unclosed = self.open.iter_mut().chain(&mut self.overtaken);
        unclosed.find(|flight| lead.closed.is_none() && flight.number == lead.number)
    }

    /// Removes the load with this number.
    fn take(&mut self, number: u64) -> Option<Flight<I, F>> {
        let is_it = |flight: &Flight<I, F>| flight.number == number;
        self.open.take_if(|flight| is_it(flight)).or_else(|| {
            let place = self.overtaken.iter().position(is_it)?;
            Some(self.overtaken.remove(place))
        })
    }

    /// Moves followers that need the next load into the load that has begun meanwhile, or into a
    /// new one, which one of them must lead.
    fn carry_over(&mut self, identity: I, followers: VecDeque<Follower<F>>) -> Option<Lead<I, F>> {
        let lead = if self.open.is_none() {
            let past_the_cache =
                followers.iter().all(|follower| follower.wants == Wants::PastTheCache);
            Some(self.take_off(identity, past_the_cache))
        } else {
            None
        };
        self.take_in(followers);
        lead
    }

    fn take_in(&mut self, followers: VecDeque<Follower<F>>) {
        if let Some(flight) = &mut self.open {
            for follower in followers {
                flight.add(follower.notify, follower.wants);
            }
        }
    }
}

impl<I, F> Flight<I, F> {
    /// What is loaded.
    pub fn identity(&self) -> &I {
        &self.identity
    }

    /// Its number.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Its followers, in the order they came.
    pub fn followers(&self) -> impl ExactSizeIterator<Item = &F> {
        self.followers.iter().map(|follower| &follower.notify)
    }

    /// Adds a follower. A follower that bypasses the cache only joins loads that bypass it too.
    ///
    /// Followers that are gone are dropped each time the number of followers has doubled.
    pub fn join(&mut self, notify: F, wants: Wants, is_gone: impl Fn(&F) -> bool) {
        if self.followers.len() >= self.pruned_at {
            self.followers.retain(|follower| !is_gone(&follower.notify));
            self.pruned_at = LEAST_PRUNED.max(2 * self.followers.len());
        }
        self.add(notify, wants);
    }

    fn add(&mut self, notify: F, wants: Wants) {
        let unfit = wants == Wants::PastTheCache && !self.past_the_cache;
        let joined = if unfit { Phase::Closed } else { self.phase };
        self.followers.push_back(Follower { joined, wants, notify });
    }

    /// Stops sharing the load: callers that join from now on read the cache again when it is over.
    pub fn close_to_newcomers(&mut self) {
        self.phase = Phase::Closed;
    }
}

impl<I: Clone + PartialEq, F> Lead<I, F> {
    /// Whether an earlier load was given up and has not ended. Its claim may still be valid; do not wait for its
    /// fill.
    pub fn succeeds(&self) -> bool {
        self.succeeds
    }

    /// Called before the leader sends a command. After a claim, the claim must be given back. Any other command is
    /// the last one: it settles the claim, or finds the value that all share. Then no follower may join any more.
    pub fn on_send<V>(&mut self, flights: &mut Flights<I, F>, command: &Command<V>) {
        match command {
            Command::Claim { token, .. } => self.claim = Some(*token),
            _ => self.close(flights),
        }
    }

    /// Notes that the claim is settled, or was never granted.
    pub fn claim_settled(&mut self) {
        self.claim = None;
    }

    /// Called before the fetch begins.
    pub fn begin_fetch(&self, flights: &mut Flights<I, F>) {
        if let Some(flight) = flights.of(self)
            && flight.phase == Phase::Opening
        {
            flight.phase = Phase::Fetching;
        }
    }

    /// Closes the load: no follower may join any more.
    pub fn close(&mut self, flights: &mut Flights<I, F>) {
        if self.closed.is_none() {
            let own = flights.take(self.number);
            if own.is_none() {
                flights.given_up -= 1;
            }
            self.closed = Some(own.map(|flight| flight.followers).unwrap_or_default());
        }
    }

    /// Ends the load.
    pub fn land(mut self, flights: &mut Flights<I, F>, landing: Landing) -> Waiters<I, F> {
        self.close(flights);
        let mut waiters = Waiters {
            share: Vec::new(),
            look_again: Vec::new(),
            next: None,
            give_back: self.claim,
        };
        let mut waiting = VecDeque::new();
        for follower in self.closed.take().unwrap_or_default() {
            match follower.fate(landing) {
                FollowerFate::Accept => waiters.share.push(follower.notify),
                FollowerFate::LookAgain => waiters.look_again.push(follower.notify),
                FollowerFate::NextLoad => waiting.push_back(follower),
            }
        }
        let other = flights.open().is_some_and(|flight| flight.identity != self.identity);
        if other {
            // A key with the same hash is being loaded; each follower reads on its own.
            waiters.look_again.extend(waiting.into_iter().map(|follower| follower.notify));
        } else if !waiting.is_empty() {
            waiters.next = flights.carry_over(self.identity, waiting);
        }
        waiters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says of every follower that it is still there.
    fn never<F>(_: &F) -> bool {
        false
    }

    fn told(share: &[u8], look_again: &[u8]) -> (Vec<u8>, Vec<u8>) {
        (share.to_vec(), look_again.to_vec())
    }

    #[test]
    fn who_joined_in_time_shares_and_the_others_wait_for_the_next_load() {
        let mut flights = Flights::default();
        let lead = flights.take_off((), false);
        flights.open().unwrap().join(1, Wants::Current, never);
        lead.begin_fetch(&mut flights);
        flights.open().unwrap().join(2, Wants::Current, never);
        let ended = lead.land(&mut flights, Landing::Unfenced);
        assert_eq!((ended.share, ended.look_again), told(&[1], &[]));
        let mut next = ended.next.unwrap();
        assert_eq!(flights.promote(&mut next), Some(2));
        assert_eq!((flights.promote(&mut next), flights.is_idle()), (None, true));
    }

    #[test]
    fn who_wants_a_fresh_result_shares_only_a_fetch_that_began_later() {
        for (landing, before) in [
            (Landing::Fenced, vec![1]),
            (Landing::Unfenced, vec![1]),
            (Landing::Hit, vec![]),
            (Landing::Deserted, vec![]),
        ] {
            let mut flights = Flights::default();
            let lead = flights.take_off((), false);
            flights.open().unwrap().join(1, Wants::Fresh, never);
            lead.begin_fetch(&mut flights);
            flights.open().unwrap().join(2, Wants::Fresh, never);
            let ended = lead.land(&mut flights, landing);
            assert_eq!((ended.share, ended.look_again), (before, vec![]), "{landing:?}");
            let mut next = ended.next.unwrap();
            assert!(flights.promote(&mut next).is_some(), "the others wait for the next");
        }
    }

    #[test]
    fn a_load_closes_before_its_last_command() {
        let mut flights: Flights<(), u8> = Flights::default();
        let mut lead = flights.take_off((), false);
        let token = Token::from_bytes([1; 16]);
        let claim: Command<u8> =
            Command::Claim { token, lease: std::time::Duration::from_secs(1), replacing: None };
        lead.on_send(&mut flights, &claim);
        assert!(flights.open().is_some());
        lead.on_send(&mut flights, &Command::<u8>::Abandon { token });
        assert!(flights.open().is_none());
        assert_eq!(lead.clone().land(&mut flights, Landing::Fenced).give_back, Some(token));
        lead.claim_settled();
        assert_eq!(lead.land(&mut flights, Landing::Fenced).give_back, None);
    }

    #[test]
    fn who_must_not_be_served_from_the_cache_shares_no_load_of_it() {
        for (past_the_cache, expected) in [(false, told(&[], &[1])), (true, told(&[1], &[]))] {
            let mut flights = Flights::default();
            let lead = flights.take_off((), past_the_cache);
            flights.open().unwrap().join(1, Wants::PastTheCache, never);
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
            flights.open().unwrap().join(1, Wants::Current, never);
            first.on_send(&mut flights, &Command::<u8>::Invalidate);
            let second = flights.take_off(identity, false);
            let ended = first.land(&mut flights, Landing::Deserted);
            assert_eq!((ended.share, ended.look_again, ended.next), (expected.0, expected.1, None));
            let shared = second.land(&mut flights, Landing::Unfenced).share;
            assert_eq!(shared, if identity == 'a' { vec![1] } else { vec![] });
        }
    }

    #[test]
    fn a_change_overtakes_a_load_whose_fetch_has_begun() {
        let mut flights = Flights::default();
        let first = flights.take_off((), false);
        flights.overtake();
        assert!(flights.open().is_some(), "who asks now may share what is fetched from now on");
        first.begin_fetch(&mut flights);
        flights.open().unwrap().join(1, Wants::Current, never);
        flights.overtake();
        assert!(flights.open().is_none() && !flights.is_idle());
        let mut second = flights.take_off((), false);
        second.begin_fetch(&mut flights);
        flights.open().unwrap().join(2, Wants::Current, never);
        // The second load closes itself, not the first.
        second.close(&mut flights);
        assert_eq!(second.land(&mut flights, Landing::Fenced).share, [2]);
        let third = flights.take_off((), false);
        flights.open().unwrap().join(3, Wants::Current, never);
        // The first load has no valid claim, so its followers join the load under way.
        let ended = first.land(&mut flights, Landing::Unfenced);
        assert_eq!((ended.share, ended.look_again, ended.next), (vec![], vec![], None));
        assert_eq!(third.land(&mut flights, Landing::Unfenced).share, [3, 1]);
        assert!(flights.is_idle());
    }

    #[test]
    fn loads_that_changes_overtook_end_in_any_order() {
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0]] {
            let mut flights = Flights::default();
            let mut leads: Vec<_> = (0..3u8)
                .map(|follower| {
                    let lead = flights.take_off((), false);
                    lead.begin_fetch(&mut flights);
                    flights.open().unwrap().join(follower, Wants::Current, never);
                    flights.overtake();
                    Some(lead)
                })
                .collect();
            for follower in order {
                let lead = leads[usize::from(follower)].take().unwrap();
                assert_eq!(lead.land(&mut flights, Landing::Fenced).share, [follower]);
            }
            assert!(flights.is_idle());
        }
    }

    #[test]
    fn a_closed_load_does_not_open_again() {
        let mut flights = Flights::default();
        let lead = flights.take_off((), false);
        flights.open().unwrap().close_to_newcomers();
        lead.begin_fetch(&mut flights);
        flights.open().unwrap().join(1, Wants::Current, never);
        assert_eq!(lead.land(&mut flights, Landing::Fenced).look_again, [1]);
    }

    #[test]
    fn the_first_follower_to_give_up_leads_and_the_others_follow_it() {
        let mut flights = Flights::default();
        let mut dead = flights.take_off((), false);
        dead.begin_fetch(&mut flights);
        let number = flights.open().unwrap().number();
        for follower in [1, 2] {
            flights.open().unwrap().join(follower, Wants::Current, never);
        }
        let lead = flights.give_up(number, false, |follower| *follower == 1).unwrap();
        assert!(lead.succeeds() && !dead.succeeds());
        assert!(flights.give_up(number, false, never).is_none(), "it is given up once");
        // The dead leader goes on after all: it does not affect the other load.
        dead.begin_fetch(&mut flights);
        flights.open().unwrap().join(3, Wants::Current, never);
        dead.close(&mut flights);
        assert_eq!(flights.given_up(), 0);
        let ended = dead.land(&mut flights, Landing::Fenced);
        assert_eq!((ended.share, ended.look_again, ended.next), (vec![], vec![], None));
        assert_eq!(lead.land(&mut flights, Landing::Unfenced).share, [2, 3]);
        assert!(flights.is_idle());
    }

    #[test]
    fn a_leader_promoted_to_a_load_that_was_given_up_meanwhile_leaves_nothing_behind() {
        let mut flights = Flights::default();
        let first = flights.take_off((), false);
        first.begin_fetch(&mut flights);
        flights.open().unwrap().join(1, Wants::Current, never);
        let mut next = first.land(&mut flights, Landing::Deserted).next.unwrap();
        let number = flights.open().unwrap().number();
        let lead = flights.give_up(number, false, |follower| *follower == 1).unwrap();
        assert_eq!((flights.promote(&mut next), flights.given_up()), (None, 0));
        lead.land(&mut flights, Landing::Fenced);
        assert!(flights.is_idle());
    }

    #[test]
    fn followers_that_are_gone_are_dropped_and_the_others_kept_in_order() {
        let mut flights = Flights::default();
        let lead = flights.take_off((), false);
        let stays = |follower: u32| follower.is_multiple_of(10_000);
        let mut most = 0;
        for follower in 0..1_000_000 {
            let flight = flights.open().unwrap();
            flight.join(follower, Wants::Current, |other| !stays(*other));
            most = most.max(flight.followers().len());
        }
        assert!(most <= 2 * 100 + LEAST_PRUNED, "{most} followers were kept of 100 that stayed");
        let share = lead.land(&mut flights, Landing::Fenced).share;
        let stayed: Vec<u32> = share.into_iter().filter(|follower| stays(*follower)).collect();
        assert!(stayed.into_iter().eq((0..100).map(|hundredth| hundredth * 10_000)));
    }
}
