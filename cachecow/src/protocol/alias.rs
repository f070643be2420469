//! Storing the object that an alias leads to.

use std::time::Duration;

use bytes::Bytes;

use super::command::{Command, Lost, Replacing, Reply, SeenValue, Token};
use super::step::Fill;

/// How many fetches one load of an alias makes at the most.
const MAX_FETCHES: u8 = 2;
/// How many stored values are compared with the fetched one.
const MAX_COMPARISONS: u8 = 2;

/// What the driver of a [`AliasFetch`] does next; each step but [`GiveBack`](AliasStep::GiveBack) and
/// [`Done`](AliasStep::Done) is answered by the method named.
///
/// [`AliasFetch`] has an example.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum AliasStep<K, V> {
    /// Send the command for this primary key → [`AliasFetch::on_reply`].
    Send {
        /// The primary key.
        primary: K,
        /// What to do with it.
        command: Command<V>,
        /// Whether something has been fetched that its answer may confirm: for who joins the load
        /// from here on, that is no confirmation.
        confirms: bool,
    },
    /// Call the alias' fetch function → [`AliasFetch::on_fetched`].
    Fetch,
    /// Compare what is stored with what was fetched → [`AliasFetch::on_compared`].
    Compare {
        /// What is stored.
        stored: V,
        /// What was fetched.
        fetched: V,
    },
    /// Give back the claim of this primary key; nothing waits for the answer.
    GiveBack(K, Token),
    /// It is over. A claim that stands is given back.
    Done(AliasOutcome<K>),
}

/// What a stored value is beside the fetched one.
///
/// [`AliasFetch`] has an example.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Compared {
    /// The same object.
    Same(SeenValue),
    /// Not the same, or not fit to be served.
    Different(SeenValue),
    /// To be left alone: freshly stored by another version of the program.
    Leave,
}

/// How it ended.
///
/// [`AliasFetch`] has an example.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum AliasOutcome<K> {
    /// The object stands under this primary key, for this time: the alias may lead to it.
    To(K, Duration),
    /// There is no object, or none to be stored.
    Nothing,
    /// The object is to be returned, and the alias leads nowhere.
    Not(Fill),
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum State<K, V> {
    ClaimDue(Claim<K>),
    ClaimSent(Claim<K>),
    FetchDue,
    Fetching,
    CompareDue(V),
    Comparing,
    FillDue,
    FillSent,
    Done(AliasOutcome<K>),
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Claim<K> {
    primary: K,
    token: Token,
    replacing: Option<Replacing>,
    /// Whether what it is granted despite of is what was fetched.
    same: bool,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Object<K, V> {
    primary: K,
    value: V,
    ttl: Duration,
}

/// The fetch in a load of an alias, whose claim stands meanwhile: it sees to it that the object is
/// stored under its primary key before the alias leads there.
///
/// The load itself is a [`ReadMachine`](super::ReadMachine) of the alias, whose value is a pointer. `K` is a
/// primary key, `V` a stored value.
///
/// ```
/// use std::time::Duration;
/// use cachecow::protocol::{
///     AliasFetch, AliasOutcome, AliasStep, Command, Compared, Reply, SeenValue, Token,
/// };
///
/// let (lease, ttl) = (Duration::from_secs(30), Duration::from_secs(600));
/// let token = |number| Token::from_bytes([number; 16]);
///
/// // By e-mail address: it is not known whose it is.
/// let mut fetch: AliasFetch<&str, &str> = AliasFetch::new(lease, None, token(1));
/// assert_eq!(fetch.next_step(), AliasStep::Fetch);
/// fetch.on_fetched(Some(("user:42", "Ann", ttl)), token(2));
/// let AliasStep::Send { primary: "user:42", command: Command::Claim { .. }, .. } = fetch.next_step() else { panic!() };
/// // The object stands there already: it is what was fetched.
/// fetch.on_reply(Ok(Reply::Value("Ann")));
/// assert_eq!(fetch.next_step(), AliasStep::Compare { stored: "Ann", fetched: "Ann" });
/// fetch.on_compared(Compared::Same(SeenValue::of(b"Ann")), token(3));
/// let AliasStep::Send { command: Command::Claim { .. }, .. } = fetch.next_step() else { panic!() };
/// fetch.on_reply(Ok(Reply::Claimed(1)));
/// assert_eq!(fetch.next_step(), AliasStep::Done(AliasOutcome::To("user:42", ttl)));
/// ```
///
/// # Consistency
///
/// An alias that leads to a primary key after its invalidation was linked by a load whose claims,
/// first of the alias, then of the primary key, came after that invalidation. When the latter was
/// granted no older claim of the primary key stood, and none ever fills again; what stood there was
/// equal to what had been fetched since the alias was claimed, or has been replaced by what was
/// fetched under the claim. Whatever is found under the primary key from then on was therefore read
/// after the invalidation.
///
/// An object fetched before the claim of its primary key is never stored there: it is fetched again.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct AliasFetch<K, V = Bytes> {
    state: State<K, V>,
    lease: Duration,
    /// The claim that stands.
    claim: Option<(K, Token)>,
    /// One that is of no use any more.
    surplus: Option<(K, Token)>,
    object: Option<Object<K, V>>,
    fetches: u8,
    comparisons: u8,
    lost: bool,
}

impl<K: Clone + PartialEq, V: Clone> AliasFetch<K, V> {
    /// A fetch that has not begun. If the alias led to a primary key, this is claimed first, despite
    /// the value that was found there; the token marks the claim.
    pub fn new(lease: Duration, led_to: Option<(K, Option<Replacing>)>, token: Token) -> Self {
        let state = match led_to {
            Some((primary, replacing)) => {
                State::ClaimDue(Claim { primary, token, replacing, same: false })
            }
            None => State::FetchDue,
        };
        Self {
            state,
            lease,
            claim: None,
            surplus: None,
            object: None,
            fetches: 0,
            comparisons: 0,
            lost: false,
        }
    }

    /// What to do next.
    pub fn next_step(&mut self) -> AliasStep<K, V> {
        if let Some((primary, token)) = self.surplus.take() {
            return AliasStep::GiveBack(primary, token);
        }
        let (state, step) = match std::mem::replace(&mut self.state, State::FetchDue) {
            State::ClaimDue(claim) => {
                let Claim { primary, token, replacing, .. } = claim.clone();
                let command = Command::Claim { token, lease: self.lease, replacing };
                let confirms = self.object.is_some();
                (State::ClaimSent(claim), AliasStep::Send { primary, command, confirms })
            }
            State::FetchDue => (State::Fetching, AliasStep::Fetch),
            State::CompareDue(stored) => match &self.object {
                Some(object) => {
                    let fetched = object.value.clone();
                    (State::Comparing, AliasStep::Compare { stored, fetched })
                }
                None => Self::over(AliasOutcome::Nothing),
            },
            State::FillDue => match (self.object.take(), self.claim.clone()) {
                (Some(object), Some((primary, token))) => {
                    let Object { value, ttl, .. } = object.clone();
                    self.object = Some(object);
                    let command = Command::Fill { token, value, ttl };
                    (State::FillSent, AliasStep::Send { primary, command, confirms: true })
                }
                _ => Self::over(AliasOutcome::Nothing),
            },
            State::Done(linked) => Self::over(linked),
            waiting => {
                debug_assert!(false, "a step was asked for before the last one was answered");
                self.state = waiting;
                return AliasStep::Done(AliasOutcome::Not(Fill::Skipped));
            }
        };
        self.state = state;
        step
    }

    fn over(linked: AliasOutcome<K>) -> (State<K, V>, AliasStep<K, V>) {
        (State::Done(linked.clone()), AliasStep::Done(linked))
    }

    /// Takes the cache's answer.
    pub fn on_reply(&mut self, reply: Result<Reply<V>, Lost>) {
        self.state = match (std::mem::replace(&mut self.state, State::FetchDue), reply) {
            (State::ClaimSent(claim), reply) => self.on_claim(claim, reply),
            (State::FillSent, Ok(Reply::Settled)) => {
                self.claim = None;
                self.linked()
            }
            (State::FillSent, Ok(Reply::Refused)) => {
                self.claim = None;
                State::Done(AliasOutcome::Not(Fill::Refused))
            }
            (State::FillSent, _) => State::Done(AliasOutcome::Not(Fill::Unreachable)),
            (state, _) => {
                debug_assert!(false, "a reply does not answer the last step");
                state
            }
        };
    }

    fn on_claim(&mut self, claim: Claim<K>, reply: Result<Reply<V>, Lost>) -> State<K, V> {
        match reply {
            Ok(Reply::Claimed(grant)) => {
                self.claim = Some((claim.primary, claim.token.granted(grant)));
                if claim.same { self.linked() } else { State::FetchDue }
            }
            Err(Lost) => {
                self.lost = true;
                self.without_claim(Fill::Unreachable)
            }
            Ok(Reply::Value(stored)) if self.object.is_some() => {
                self.comparisons += 1;
                if self.comparisons > MAX_COMPARISONS {
                    State::Done(AliasOutcome::Not(Fill::Skipped))
                } else {
                    State::CompareDue(stored)
                }
            }
            // Another reader is about to fill, or has filled, or a writer is at work.
            Ok(_) => self.without_claim(Fill::Skipped),
        }
    }

    /// What was fetched already is returned; what was not, is fetched without the claim.
    fn without_claim(&self, fill: Fill) -> State<K, V> {
        if self.object.is_some() { State::Done(AliasOutcome::Not(fill)) } else { State::FetchDue }
    }

    fn linked(&self) -> State<K, V> {
        State::Done(match &self.object {
            Some(Object { primary, ttl, .. }) => AliasOutcome::To(primary.clone(), *ttl),
            None => AliasOutcome::Nothing,
        })
    }

    /// Takes what was fetched: the primary key, the value and its time to live, or nothing to be
    /// stored. The token marks the claim that may follow.
    pub fn on_fetched(&mut self, fetched: Option<(K, V, Duration)>, token: Token) {
        debug_assert!(matches!(self.state, State::Fetching), "a fetch answers no step");
        self.fetches += 1;
        let Some((primary, value, ttl)) = fetched else {
            self.state = State::Done(AliasOutcome::Nothing);
            return;
        };
        let claimed = self.claim.as_ref().is_some_and(|(claimed, _)| *claimed == primary);
        self.state = if claimed {
            State::FillDue
        } else if self.lost {
            State::Done(AliasOutcome::Not(Fill::Unreachable))
        } else if self.fetches >= MAX_FETCHES {
            State::Done(AliasOutcome::Not(Fill::Skipped))
        } else {
            self.surplus = self.claim.take();
            let primary = primary.clone();
            State::ClaimDue(Claim { primary, token, replacing: None, same: false })
        };
        self.object = Some(Object { primary, value, ttl });
    }

    /// Takes the comparison; the token marks the claim that may follow.
    pub fn on_compared(&mut self, compared: Compared, token: Token) {
        debug_assert!(matches!(self.state, State::Comparing), "a comparison answers no step");
        let (seen, same) = match compared {
            Compared::Same(seen) => (seen, true),
            Compared::Different(seen) => (seen, false),
            Compared::Leave => {
                self.state = State::Done(AliasOutcome::Not(Fill::Skipped));
                return;
            }
        };
        self.state = match &self.object {
            Some(Object { primary, .. }) => {
                // It stays for those who ask for it by its primary key, until it is replaced.
                let replacing = Some(Replacing { seen, keep: true });
                State::ClaimDue(Claim { primary: primary.clone(), token, replacing, same })
            }
            None => State::Done(AliasOutcome::Nothing),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(30);

    fn token(number: u8) -> Token {
        Token::from_bytes([number; 16])
    }

    fn seen(value: u8) -> SeenValue {
        SeenValue::of(&[value])
    }

    /// A link that has fetched an object of the primary key and is about to claim it.
    fn fetched(led_to: Option<(char, Option<Replacing>)>) -> AliasFetch<char, u8> {
        let mut link = AliasFetch::new(LEASE, led_to, token(1));
        assert_eq!(link.next_step(), AliasStep::Fetch);
        link.on_fetched(Some(('p', 1, LEASE)), token(2));
        link
    }

    fn sends_claim(link: &mut AliasFetch<char, u8>) -> bool {
        matches!(link.next_step(), AliasStep::Send { command: Command::Claim { .. }, .. })
    }

    #[test]
    fn where_the_alias_led_is_fetched_although_another_has_filled_it() {
        let mut link: AliasFetch<char, u8> = AliasFetch::new(LEASE, Some(('p', None)), token(1));
        assert!(sends_claim(&mut link));
        link.on_reply(Ok(Reply::Value(7)));
        assert_eq!(link.next_step(), AliasStep::Fetch);
    }

    #[test]
    fn a_primary_key_that_keeps_changing_is_compared_so_often_and_not_linked() {
        let mut link = fetched(None);
        for value in 0..MAX_COMPARISONS {
            assert!(sends_claim(&mut link));
            link.on_reply(Ok(Reply::Value(value)));
            assert_eq!(link.next_step(), AliasStep::Compare { stored: value, fetched: 1 });
            link.on_compared(Compared::Different(seen(value)), token(9));
        }
        assert!(sends_claim(&mut link));
        link.on_reply(Ok(Reply::Value(9)));
        assert_eq!(link.next_step(), AliasStep::Done(AliasOutcome::Not(Fill::Skipped)));
    }

    #[test]
    fn an_object_that_keeps_moving_is_fetched_so_often_and_not_linked() {
        let mut link = fetched(None);
        for fetch in 1..MAX_FETCHES {
            assert!(sends_claim(&mut link));
            link.on_reply(Ok(Reply::Claimed(1)));
            assert_eq!(link.next_step(), AliasStep::Fetch);
            link.on_fetched(Some((char::from(b'p' + fetch), 1, LEASE)), token(9));
        }
        assert_eq!(link.next_step(), AliasStep::Done(AliasOutcome::Not(Fill::Skipped)));
    }
}
