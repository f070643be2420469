//! A read of one key.

mod state;

use bytes::Bytes;

use self::state::{AbandonReason, Bypass, Renewal, State};
use super::command::{Command, Lost, Replacing, Reply, SeenValue, Token};
use super::flight::Landing;
use super::step::{
    Fetched, Fill, First, Followed, OnLease, Outcome, Purpose, ReadPolicy, Role, Step, Verdict,
    Waited,
};

/// How many stored values a read rejects before it bypasses the cache.
const MAX_REJECTIONS: u8 = 2;

/// A read of one key, from the first command to the outcome.
///
/// The driver alternates: [`next_step`](Self::next_step) says what to do, then one of the `on_…` methods takes the
/// result. If the method does not match the last step, the driver has a bug: it panics in debug builds, and is
/// ignored in release builds.
///
/// ```
/// use std::time::Duration;
/// use cachecow::protocol::{
///     Command, Fetched, Fill, First, Landing, Lost, OnLease, Outcome, Purpose, ReadMachine, ReadPolicy, Reply, Role,
///     Step, Token, Verdict,
/// };
///
/// let lease = Duration::from_secs(30);
/// let policy = ReadPolicy { first: First::Lookup, on_lease: OnLease::Wait, lease };
///
/// // A hit.
/// let mut read: ReadMachine<&str> = ReadMachine::new(policy).with_purpose(Purpose::Serve);
/// assert_eq!(read.next_step(), Step::Send(Command::Lookup));
/// read.on_reply(Ok(Reply::Value("Ann")));
/// assert_eq!(read.next_step(), Step::Judge("Ann"));
/// read.on_judged(Verdict::Good, None);
/// assert_eq!(read.next_step(), Step::Done(Outcome::Hit));
///
/// // A miss that an invalidation overtakes.
/// let mut read: ReadMachine<&str> = ReadMachine::new(policy);
/// assert_eq!(read.next_step(), Step::Send(Command::Lookup));
/// read.on_reply(Ok(Reply::Absent));
/// assert_eq!(read.next_step(), Step::Enter);
/// let token = Token::from_bytes([7; 16]);
/// read.on_entered(Role::Leader(token));
/// assert_eq!(read.next_step(), Step::Send(Command::Claim { token, lease, replacing: None }));
/// read.on_reply(Ok(Reply::Claimed(1)));
/// assert_eq!(read.next_step(), Step::Fetch);
/// let ttl = Duration::from_secs(600);
/// read.on_fetched(Fetched::Storable("Ann", ttl));
/// let fill = Command::Fill { token: token.granted(1), value: "Ann", ttl };
/// assert_eq!(read.next_step(), Step::Send(fill));
/// read.on_reply(Ok(Reply::Refused));
/// assert_eq!(read.next_step(), Step::Done(Outcome::Fetched(Fill::Refused)));
/// assert_eq!(read.landing(), Some(Landing::Unfenced));
///
/// // The cache does not answer.
/// let mut read: ReadMachine<&str> = ReadMachine::new(policy);
/// assert_eq!(read.next_step(), Step::Send(Command::Lookup));
/// read.on_reply(Err(Lost));
/// assert!(read.is_cut_off());
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ReadMachine<V = Bytes> {
    state: State<V>,
    policy: ReadPolicy,
    purpose: Purpose,
    bypass: Option<Bypass>,
    /// The value that this read does not accept, and may replace.
    replacing: Option<Replacing>,
    renewal: Option<Renewal>,
    /// How the error lands, if the fetch failed: the read then falls back to the value that it wanted to refresh,
    /// if that is still in the cache.
    failed: Option<Landing>,
    rejections: u8,
}

impl<V> ReadMachine<V> {
    /// Makes a read that has not begun.
    pub fn new(policy: ReadPolicy) -> Self {
        let state = match policy.first {
            First::Lookup => State::LookupDue,
            First::Claim => State::EnterDue,
        };
        Self {
            state,
            policy,
            purpose: Purpose::Serve,
            bypass: None,
            replacing: None,
            renewal: None,
            failed: None,
            rejections: 0,
        }
    }

    /// Makes a read that bypasses the cache, because the cache may be outdated for this key.
    pub fn past_the_cache(policy: ReadPolicy) -> Self {
        let bypass = Some(Bypass::Unreachable);
        Self { state: State::EnterDue, bypass, ..Self::new(policy) }
    }

    /// Makes a read that bypasses the cache, because the object cannot be stored there.
    pub fn of_the_unstorable(policy: ReadPolicy) -> Self {
        let bypass = Some(Bypass::Occupied);
        Self { state: State::EnterDue, bypass, ..Self::new(policy) }
    }

    /// Returns this read, which must not have begun, with another purpose.
    #[must_use]
    pub fn with_purpose(mut self, purpose: Purpose) -> Self {
        self.set_purpose(purpose);
        self
    }

    /// Sets the purpose in place.
    #[cold]
    pub fn set_purpose(&mut self, purpose: Purpose) {
        self.purpose = purpose;
        match (purpose, &self.state) {
            (Purpose::Look, State::EnterDue) if !self.bypasses() => self.state = State::LookupDue,
            (Purpose::Renew | Purpose::Fetch, State::LookupDue) => self.state = State::EnterDue,
            _ => {}
        }
    }

    /// Returns what to do next.
    #[inline]
    pub fn next_step(&mut self) -> Step<V> {
        let (state, step) = match std::mem::replace(&mut self.state, State::EnterDue) {
            State::LookupDue => (State::LookupSent, Step::Send(Command::Lookup)),
            State::JudgeDue(value) => (State::Judging, Step::Judge(value)),
            State::LeadDue => (State::Entering, Step::Lead),
            // It shares nothing with followers, and follows no load.
            State::EnterDue if !self.purpose.fills() => (State::Fetching(None), Step::Fetch),
            State::EnterDue => (State::Entering, Step::Enter),
            State::FollowDue => (State::Following, Step::Follow),
            State::ClaimDue(token) => {
                let lease = self.policy.lease;
                let claim = Command::Claim { token, lease, replacing: self.replacing.clone() };
                (State::ClaimSent(token), Step::Send(claim))
            }
            State::WaitDue => (State::Waiting, Step::Wait),
            State::FetchDue(token) => (State::Fetching(token), Step::Fetch),
            State::FillDue(token, value, ttl) => {
                (State::FillSent, Step::Send(Command::Fill { token, value, ttl }))
            }
            State::AbandonDue(token, reason) => {
                (State::AbandonSent(reason), Step::Send(Command::Abandon { token }))
            }
            State::DropDue => (State::DropSent, Step::Send(Command::Invalidate)),
            State::Done(outcome, landing) => (State::Done(outcome, landing), Step::Done(outcome)),
            waiting => {
                debug_assert!(false, "a step was asked for before the last one was answered");
                self.state = waiting;
                return Step::Wait;
            }
        };
        self.state = state;
        step
    }

    /// If the next step is a lookup, takes it and returns `true`. [`next_step`](Self::next_step) does the same at
    /// several times the cost.
    #[inline]
    pub fn take_lookup(&mut self) -> bool {
        let is_due = matches!(self.state, State::LookupDue);
        if is_due {
            self.state = State::LookupSent;
        }
        is_due
    }

    /// The value to judge, if that is the next step.
    #[inline]
    pub fn value(&self) -> Option<&V> {
        match &self.state {
            State::JudgeDue(value) => Some(value),
            _ => None,
        }
    }

    /// Takes the value to judge, if that is the next step; fast like [`take_lookup`](Self::take_lookup).
    #[inline]
    pub fn take_value(&mut self) -> Option<V> {
        match std::mem::replace(&mut self.state, State::Judging) {
            State::JudgeDue(value) => Some(value),
            other => {
                self.state = other;
                None
            }
        }
    }

    /// Takes the cache's answer.
    #[inline]
    pub fn on_reply(&mut self, reply: Result<Reply<V>, Lost>) {
        self.state = match (&self.state, reply) {
            (State::LookupSent | State::ClaimSent(_), Ok(Reply::Value(value))) => {
                State::JudgeDue(value)
            }
            (State::LookupSent, reply) => match (self.failed, reply) {
                (Some(landing), _) => State::Done(Outcome::Failed, landing),
                (None, Ok(_)) => State::EnterDue,
                (None, Err(Lost)) => {
                    self.bypass = Some(Bypass::Unreachable);
                    State::EnterDue
                }
            },
            (State::ClaimSent(token), Ok(Reply::Claimed(grant))) => {
                State::FetchDue(Some(token.granted(grant)))
            }
            // Another reader refreshes it, a writer removed it, or the cache failed: the value that
            // was found before may be served.
            (State::ClaimSent(_), _) if self.renewal == Some(Renewal::Early) => State::CONTENT,
            (State::ClaimSent(_), Ok(Reply::Leased)) => match self.policy.on_lease {
                OnLease::Wait => State::WaitDue,
                OnLease::Fetch => State::FetchDue(None),
            },
            // A writer holds the key, or it is not known whether the claim was granted: fetch, and store nothing.
            (State::ClaimSent(_), Ok(_)) => State::FetchDue(None),
            (State::ClaimSent(_), Err(Lost)) => {
                self.bypass = Some(Bypass::Unreachable);
                State::FetchDue(None)
            }
            (State::FillSent, Ok(Reply::Settled)) => {
                State::Done(Outcome::Fetched(Fill::Stored), Landing::Fenced)
            }
            (State::FillSent, Ok(Reply::Refused)) => {
                State::Done(Outcome::Fetched(Fill::Refused), Landing::Unfenced)
            }
            (State::FillSent, _) => {
                State::Done(Outcome::Fetched(Fill::Unreachable), Landing::Unfenced)
            }
            (State::DropSent, _) => State::Done(Outcome::Fetched(Fill::Skipped), Landing::Unfenced),
            (State::AbandonSent(reason), reply) => self.on_abandoned(*reason, &reply),
            _ => return Self::unexpected("a reply"),
        };
    }

    /// Takes the judgement of the last value. `token` marks the claim that follows a rejection.
    #[inline]
    pub fn on_judged(&mut self, verdict: Verdict, leading: Option<Token>) {
        if !matches!(self.state, State::Judging) {
            return Self::unexpected("a judgement");
        }
        if let Some(landing) = self.failed {
            self.state = match verdict {
                Verdict::Good | Verdict::Ageing(_) => State::CONTENT,
                // It was in the cache after all followers of this load had asked.
                Verdict::Expired(_) => State::Done(Outcome::Stale, Landing::Fenced),
                Verdict::Replace(_) | Verdict::Leave | Verdict::Unknown => {
                    State::Done(Outcome::Failed, landing)
                }
            };
            return;
        }
        self.renewal = None;
        self.state = match verdict {
            Verdict::Good => State::CONTENT,
            // Others wait for a leader: leave the refresh to the next reader.
            Verdict::Ageing(_) if leading.is_some() || !self.purpose.fills() => State::CONTENT,
            Verdict::Ageing(seen) => {
                self.renew(Renewal::Early, seen);
                State::LeadDue
            }
            Verdict::Expired(seen) => {
                if self.renews() {
                    self.count_rejection();
                }
                self.renew(Renewal::Late, seen);
                self.load(leading)
            }
            Verdict::Replace(seen) => {
                self.count_rejection();
                self.replacing = Some(Replacing { seen, keep: false });
                self.load(leading)
            }
            Verdict::Leave => {
                self.bypass = self.bypass.or(Some(Bypass::Occupied));
                self.load(leading)
            }
            Verdict::Unknown => {
                self.bypass = Some(Bypass::Unreachable);
                self.load(leading)
            }
        };
    }

    /// Takes this read's role in the load.
    pub fn on_entered(&mut self, role: Role) {
        if !matches!(self.state, State::Entering) {
            return Self::unexpected("a role");
        }
        self.state = match role {
            Role::Leader(token) => self.load(Some(token)),
            Role::Follower => State::FollowDue,
            Role::Alone if self.renewal == Some(Renewal::Early) => State::CONTENT,
            Role::Alone => State::FetchDue(None),
        };
    }

    /// If another reader has a lease, fetch at once: it may be a leader that was given up, for which this process
    /// has already waited.
    pub fn wait_for_no_lease(&mut self) {
        self.policy.on_lease = OnLease::Fetch;
    }

    /// Takes the result of following.
    pub fn on_followed(&mut self, followed: Followed) {
        if !matches!(self.state, State::Following) {
            return Self::unexpected("a landing");
        }
        self.state = match followed {
            Followed::Shared(fill) => State::Done(Outcome::Shared(fill), Landing::Fenced),
            Followed::Stale if self.renews() => State::EnterDue,
            Followed::Stale => State::Done(Outcome::Stale, Landing::Fenced),
            Followed::Failed => State::Done(Outcome::Failed, Landing::Fenced),
            Followed::LookAgain if self.bypasses() || self.renews() => State::EnterDue,
            Followed::LookAgain => State::LookupDue,
            Followed::Promoted(token) => self.load(Some(token)),
            Followed::GivenUp => State::EnterDue,
        };
    }

    /// Takes the result of waiting for another process.
    pub fn on_waited(&mut self, waited: Waited) {
        if !matches!(self.state, State::Waiting) {
            return Self::unexpected("the end of a wait");
        }
        self.state = match waited {
            Waited::Again(token) => State::ClaimDue(token),
            Waited::Expired => State::FetchDue(None),
        };
    }

    /// Takes the result of the fetch function.
    pub fn on_fetched(&mut self, fetched: Fetched<V>) {
        let State::Fetching(token) = self.state else {
            return Self::unexpected("a fetch");
        };
        self.state = match (fetched, token) {
            (Fetched::Storable(value, ttl), Some(token)) => State::FillDue(token, value, ttl),
            // The fetched value is newer than the value in the cache, but cannot replace it.
            (Fetched::Unstorable | Fetched::Refused, Some(_)) if self.renewal.is_some() => {
                State::DropDue
            }
            (Fetched::Unstorable, Some(token)) => {
                State::AbandonDue(token, AbandonReason::Unstorable)
            }
            (Fetched::Refused, Some(token)) => State::AbandonDue(token, AbandonReason::Refused),
            (Fetched::Failed, Some(token)) => State::AbandonDue(token, AbandonReason::FetchFailed),
            (Fetched::FailedUnfenced, Some(token)) => {
                State::AbandonDue(token, AbandonReason::FailedUnfenced)
            }
            (Fetched::Unfenced(fill), Some(_)) => {
                State::Done(Outcome::Fetched(fill), Landing::Unfenced)
            }
            (
                Fetched::Storable(..)
                | Fetched::Unstorable
                | Fetched::Unfenced(_)
                | Fetched::Refused,
                None,
            ) => {
                let fill = if self.is_cut_off() { Fill::Unreachable } else { Fill::Skipped };
                State::Done(Outcome::Fetched(fill), Landing::Unfenced)
            }
            (Fetched::Failed | Fetched::FailedUnfenced, None) => self.fall_back(Landing::Unfenced),
        };
    }

    /// Returns how the load that this read led ended; `None` while it goes on.
    pub fn landing(&self) -> Option<Landing> {
        match self.state {
            State::Done(_, landing) => Some(landing),
            _ => None,
        }
    }

    /// Returns whether the read bypasses the cache.
    pub fn bypasses(&self) -> bool {
        self.bypass.is_some()
    }

    /// Returns whether it does so because the cache cannot be used.
    pub fn is_cut_off(&self) -> bool {
        self.bypass == Some(Bypass::Unreachable)
    }

    /// Returns whether the fetch failed. An object may have been served nevertheless.
    pub fn fetch_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// Returns whether a fill may follow the fetch under way.
    pub fn may_fill(&self) -> bool {
        matches!(self.state, State::Fetching(Some(_)))
    }

    /// Returns whether the read fetches even if there is a value.
    pub fn renews(&self) -> bool {
        self.purpose == Purpose::Renew
    }

    /// Returns whether a value was found that is refreshed before it expires.
    pub fn renews_early(&self) -> bool {
        self.renewal == Some(Renewal::Early)
    }

    fn count_rejection(&mut self) {
        self.rejections += 1;
        if self.rejections > MAX_REJECTIONS {
            self.bypass = self.bypass.or(Some(Bypass::Occupied));
        }
    }

    fn renew(&mut self, renewal: Renewal, seen: SeenValue) {
        self.renewal = Some(renewal);
        self.replacing = Some(Replacing { seen, keep: true });
    }

    /// The answer to an abandon says whether the claim was valid during the whole fetch.
    fn on_abandoned(&mut self, reason: AbandonReason, reply: &Result<Reply<V>, Lost>) -> State<V> {
        use AbandonReason::{FailedUnfenced, FetchFailed, Refused, Unstorable};
        let landing = match (reason, reply) {
            (FetchFailed | Unstorable, Ok(Reply::Settled)) => Landing::Fenced,
            _ => Landing::Unfenced,
        };
        match reason {
            FetchFailed | FailedUnfenced => self.fall_back(landing),
            Unstorable => State::Done(Outcome::Fetched(Fill::Skipped), landing),
            Refused => State::Done(Outcome::Fetched(Fill::Refused), landing),
        }
    }

    /// After a failed fetch: the value that should have been refreshed is served if it is still in
    /// the cache. Then it was not invalidated meanwhile.
    fn fall_back(&mut self, landing: Landing) -> State<V> {
        self.failed = Some(landing);
        if self.renewal.is_some() && !self.is_cut_off() && !self.renews() {
            State::LookupDue
        } else {
            State::Done(Outcome::Failed, landing)
        }
    }

    fn load(&self, leading: Option<Token>) -> State<V> {
        match leading {
            None => State::EnterDue,
            Some(_) if self.bypasses() => State::FetchDue(None),
            Some(token) => State::ClaimDue(token),
        }
    }

    #[cold]
    fn unexpected(what: &str) {
        debug_assert!(false, "{what} does not answer the last step");
    }
}

#[cfg(test)]
mod tests;
