//! Storing the object that an alias points to.

use std::time::Duration;

use bytes::Bytes;

use super::command::{Command, Lost, Replacing, Reply, SeenValue, Token};
use super::step::Fill;

/// The most fetches of one load of an alias.
const MAX_FETCHES: u8 = 2;
/// The most stored values that are compared with the fetched one.
const MAX_COMPARISONS: u8 = 2;

/// What the driver of an [`AliasFetch`] does next. Each step except [`GiveBack`](AliasStep::GiveBack) and
/// [`Done`](AliasStep::Done) is answered by the method after the arrow.
///
/// [`AliasFetch`] has an example.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum AliasStep<K, V> {
    /// Send the command for this primary key → [`AliasFetch::on_reply`].
    Send {
        /// The primary key.
        primary: K,
        /// The command to send.
        command: Command<V>,
        /// Whether the answer may confirm an object that was already fetched. For callers that join
        /// the load from now on, it does not confirm it.
        confirms: bool,
    },
    /// Call the alias's fetch function → [`AliasFetch::on_fetched`].
    Fetch,
    /// Compare the stored value with the fetched one → [`AliasFetch::on_compared`].
    Compare {
        /// The stored value.
        stored: V,
        /// The fetched value.
        fetched: V,
    },
    /// Give back the claim of this primary key; nothing waits for the answer.
    GiveBack(K, Token),
    /// It is over. A claim that is still valid is given back.
    Done(AliasOutcome<K>),
}

/// The result of comparing a stored value with the fetched one.
///
/// [`AliasFetch`] has an example.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Compared {
    /// The same object.
    Same(SeenValue),
    /// Not the same, or it must not be served.
    Different(SeenValue),
    /// Leave it alone: another version of the program stored it recently.
    Leave,
}

/// How an [`AliasFetch`] ended.
///
/// [`AliasFetch`] has an example.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum AliasOutcome<K> {
    /// The object is stored under this primary key, for this time: the alias may point to it.
    To(K, Duration),
    /// There is no object, or none to store.
    Nothing,
    /// The object is returned, and no pointer is stored for the alias.
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
    /// Whether the value that the claim may replace is the fetched object.
    same: bool,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Object<K, V> {
    primary: K,
    value: V,
    ttl: Duration,
}

/// The fetch in a load of an alias, made while the alias is claimed. It makes sure that the object
/// is stored under its primary key before the alias points there.
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
/// Suppose an alias points to a primary key after an invalidation. Then the pointer was stored by a
/// load that claimed first the alias, then the primary key, both after that invalidation. When the
/// claim of the primary key was granted, no older claim of it was valid, and no older claim ever
/// fills again. The value that was stored there was equal to an object fetched after the alias was
/// claimed, or has been replaced by an object fetched under the claim. So every value found under
/// the primary key from then on was read after the invalidation.
///
/// An object that was fetched before its primary key was claimed is never stored there: it is fetched again.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct AliasFetch<K, V = Bytes> {
    state: State<K, V>,
    lease: Duration,
    /// The claim that is valid now.
    claim: Option<(K, Token)>,
    /// A claim that is no longer needed.
    surplus: Option<(K, Token)>,
    object: Option<Object<K, V>>,
    fetches: u8,
    comparisons: u8,
    lost: bool,
}

impl<K: Clone + PartialEq, V: Clone> AliasFetch<K, V> {
    /// Makes a fetch that has not begun. If the alias pointed to a primary key, that key is claimed first, and the
    /// claim may replace the value that was found there. `token` marks the claim.
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

    /// Returns what to do next.
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
            // Another reader is about to fill or has filled, or a writer holds the key.
            Ok(_) => self.without_claim(Fill::Skipped),
        }
    }

    /// If the object was already fetched, it is returned. If not, it is fetched without a claim.
    fn without_claim(&self, fill: Fill) -> State<K, V> {
        if self.object.is_some() { State::Done(AliasOutcome::Not(fill)) } else { State::FetchDue }
    }

    fn linked(&self) -> State<K, V> {
        State::Done(match &self.object {
            Some(Object { primary, ttl, .. }) => AliasOutcome::To(primary.clone(), *ttl),
            None => AliasOutcome::Nothing,
        })
    }

    /// Takes the result of the fetch: the primary key, the value and its time to live; `None` if
    /// nothing is stored. `token` marks the claim that may follow.
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

    /// Takes the result of the comparison. `token` marks the claim that may follow.
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
                // The stored value stays until it is replaced, for callers that ask for it by its primary key.
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

    /// An alias fetch that has fetched an object and is about to claim its primary key.
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
