//! What of an object's keys a call is about, while their slot moves to another node of a cluster.
//!
//! A script for a whole object names one key more, which never exists. The owner of a slot that is
//! moving refuses a command of which a key is missing, and so does the destination a command of
//! several keys: the script is carried out only where the slot rests, and a slot that moves always
//! shows. Then
//!
//! - **nothing is claimed and nothing is stored**, and a claim is given back;
//! - **reads are answered by the source**. What it lacks counts as absent: the destination may have
//!   a copy that was left there by a move which was broken off, and invalidated since;
//! - **writers go to both ends**, by commands of a single key, each of which the source carries out
//!   if it has the key, and the destination if not: the flag, the value, and both once more. After
//!   the first pass the source has neither an old value nor an old claim, and gets none, since it
//!   takes no new keys and nothing is stored. So the second pass comes to the destination. Whichever
//!   end the slot belongs to in the end, and whatever copies a `MIGRATE` that failed half-way left,
//!   an invalidation that was confirmed has reached both.
//!
//! Replicas are not waited for meanwhile, and what they should acknowledge is not confirmed: the source
//! carries out nothing for a key that it lacks, so that there is nothing to acknowledge, and its
//! replicas may still have what an earlier command deleted.
//!
//! In each pass the flag is first: no fill that began before it was deleted comes after it, and
//! nobody relies on the invalidation or the hold until all is done.
//!
//! What clients cannot see, and `docs/promise.md` lists, is a copy at a node that is not, or no longer, an
//! end of a move: of one that was broken off, or whose source failed over and forgot it; and a
//! `MIGRATE` that the source gave up and the destination carries out all the same.

use ::redis::ServerError;

use super::super::{BackendError, BackendErrorKind};
use super::script::Kind;

/// What of an object a call is about.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it, where its slot rests.
    #[default]
    Whole,
    /// The flag; the value is next.
    Flag(Pass),
    /// The value, after the flag.
    Value(Pass),
    /// The epoch, which is all there is.
    Epoch(Pass),
    /// The flag of a claim that is given up.
    FlagOfAbandoned,
    /// The flag of a value that could not be stored.
    FlagOfUnfilled,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    /// To the source, if it has the key.
    First,
    /// To the destination, since the source no longer has the key.
    Second,
}

impl Part {
    /// The first part of what a script does, if it can be done in parts.
    pub(super) fn first(script: Kind, of_epochs: bool) -> Option<Self> {
        match script {
            Kind::Claim | Kind::TakeEpoch => None,
            Kind::Fill => Some(Self::FlagOfUnfilled),
            Kind::Abandon => Some(Self::FlagOfAbandoned),
            Kind::Invalidate | Kind::Hold | Kind::Release if of_epochs => {
                Some(Self::Epoch(Pass::First))
            }
            Kind::Invalidate | Kind::Hold | Kind::Release | Kind::ReleaseAndStore => {
                Some(Self::Flag(Pass::First))
            }
        }
    }

    /// The part after this one.
    pub(super) fn next(self) -> Option<Self> {
        match self {
            Self::Flag(pass) => Some(Self::Value(pass)),
            Self::Value(Pass::First) => Some(Self::Flag(Pass::Second)),
            Self::Epoch(Pass::First) => Some(Self::Epoch(Pass::Second)),
            _ => None,
        }
    }
}

/// What is wrong with a writer's command in parts, if replicas should acknowledge it.
pub(super) fn unacknowledged() -> BackendError {
    BackendErrorKind::Rejected.with(
        "its slot is moving to another node, and replicas cannot acknowledge it until that has ended",
    )
}

/// Whether a node refuses a command since its slot is moving.
pub(super) fn says_moving(error: &ServerError) -> bool {
    matches!(error.code(), "ASK" | "TRYAGAIN")
}

/// Whether a script came upon a key that it had deleted itself, at the source: what it would have
/// put in its place is the destination's.
pub(super) fn says_gone(error: &ServerError) -> bool {
    error.details().is_some_and(|details| details.contains("access a non local key"))
}
