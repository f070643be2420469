//! The part of an object's keys that a call uses, while their slot moves to another node of a cluster.
//!
//! A script for a whole object names one more key, which never exists. The owner of a moving slot
//! refuses a command if one of its keys is missing there, and the destination refuses a command
//! with several keys. So the script is carried out only if the slot is not moving, and a moving
//! slot is always noticed. Then
//!
//! - **nothing is claimed and nothing is stored**, and a claim is given back;
//! - **the source answers reads**. A value that it lacks counts as absent: the destination may have
//!   a copy that a cancelled move left there, and that was invalidated since;
//! - **writers go to both nodes**, by commands with a single key: the flag, the value, and both once more. The
//!   source carries such a command out if it has the key, otherwise the destination does. After the first pass, the
//!   source has neither an old value nor an old claim. It also gets no new ones, since it accepts no new keys and
//!   nothing is stored. So the second pass reaches the destination. Whichever node owns the slot in the end, and
//!   whatever copies a half-failed `MIGRATE` left, a confirmed invalidation has reached both nodes.
//!
//! Meanwhile the backend does not wait for replicas, and does not confirm commands that need their acknowledgement.
//! The source carries out nothing for a key that it lacks, so there is nothing to acknowledge, and its replicas may
//! still have a value that an earlier command deleted.
//!
//! In each pass the flag comes first: a fill that began before the flag was deleted cannot follow
//! it. Nobody relies on the invalidation or the hold until all steps are done.
//!
//! Clients cannot see a copy on a node that takes no part in a move (any more): after a move was cancelled, or its
//! source failed over and forgot it. Nor can they see a `MIGRATE` that the source gave up, but the destination
//! still carries out. `docs/promise.md` lists these cases.

use ::redis::ServerError;

use super::super::{BackendError, BackendErrorKind};
use super::script::Kind;

/// The part of an object that a call uses.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it; its slot is not moving.
    #[default]
    Whole,
    /// The flag; the value is next.
    Flag(Pass),
    /// The value, after the flag.
    Value(Pass),
    /// The epoch, which has no other part.
    Epoch(Pass),
    /// The flag of an abandoned claim.
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
    /// The first part of a script, if it can be done in parts.
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

/// The error for a writer's command in parts, if replicas must acknowledge it.
pub(super) fn unacknowledged() -> BackendError {
    BackendErrorKind::Rejected.with(
        "its slot is moving to another node, and replicas cannot acknowledge it until that has ended",
    )
}

/// Whether a node refuses a command because its slot is moving.
pub(super) fn says_moving(error: &ServerError) -> bool {
    matches!(error.code(), "ASK" | "TRYAGAIN")
}

/// Whether a script on the source used a key that it had just deleted itself: the new key belongs
/// to the destination.
pub(super) fn says_gone(error: &ServerError) -> bool {
    error.details().is_some_and(|details| details.contains("access a non local key"))
}
