//! Where a read is, and why.

use std::time::Duration;

use super::super::command::Token;
use super::super::flight::Landing;
use super::super::step::Outcome;

/// Where a read is.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum State<V> {
    LookupDue,
    LookupSent,
    JudgeDue(V),
    Judging,
    LeadDue,
    EnterDue,
    Entering,
    FollowDue,
    Following,
    ClaimDue(Token),
    ClaimSent(Token),
    WaitDue,
    Waiting,
    FetchDue(Option<Token>),
    Fetching(Option<Token>),
    FillDue(Token, V, Duration),
    FillSent,
    AbandonDue(Token, AbandonReason),
    AbandonSent(AbandonReason),
    DropDue,
    DropSent,
    Done(Outcome, Landing),
}

impl<V> State<V> {
    /// The value last judged is the read's.
    pub(super) const CONTENT: Self = Self::Done(Outcome::Hit, Landing::Hit);
}

/// Why the cache is of no use to a read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Bypass {
    /// It failed, or missed an invalidation.
    Unreachable,
    /// It holds what must be left alone, or what cannot be replaced.
    Occupied,
}

/// Why a read loads a value although there is one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Renewal {
    /// Its time to live is nearly over.
    Early,
    /// Its time to live is over.
    Late,
}

/// Why a read gives its claim back.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum AbandonReason {
    FetchFailed,
    FailedUnfenced,
    Unstorable,
    Refused,
}
