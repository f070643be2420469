//! The state of a read.

use std::time::Duration;

use super::super::command::Token;
use super::super::flight::Landing;
use super::super::step::Outcome;

/// The state of a read.
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
    /// The read returns the last judged value.
    pub(super) const CONTENT: Self = Self::Done(Outcome::Hit, Landing::Hit);
}

/// Why a read cannot use the cache.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Bypass {
    /// The cache failed, or missed an invalidation.
    Unreachable,
    /// The cache holds a value that must be left alone, or that cannot be replaced.
    Occupied,
}

/// Why a read loads a value although there is one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Renewal {
    /// Its time to live ends soon.
    Early,
    /// Its time to live has ended.
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
