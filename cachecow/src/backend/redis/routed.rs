//! A command with its route, and its answer.

use ::redis::{Cmd, Value};

use super::super::BackendError;

/// The answer to a command, or the reason why there is none.
pub(super) type Answer = Result<Value, BackendError>;

/// One answer for each command.
pub(super) type Answers = Vec<Answer>;

/// A command, and where it is sent.
pub(super) struct Routed {
    pub(super) command: Cmd,
    /// The slot of its keys, in a cluster.
    #[cfg_attr(not(feature = "cluster"), allow(dead_code, reason = "only clusters have slots"))]
    pub(super) slot: u16,
    /// Whether it is a writer's command: an invalidation, a hold or a release.
    pub(super) is_writers: bool,
    #[cfg_attr(not(feature = "cluster"), allow(dead_code, reason = "only clusters have slots"))]
    pub(super) extent: Extent,
}

/// Where a command may be carried out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// Only at the owner of its slot, never at the node that the slot is moving to.
    Whole,
    /// Also at the node to which its slot is moving, if the owner lacks the key.
    Part,
}

impl Routed {
    /// A read from the owner of the slot.
    pub(super) fn read(command: Cmd, slot: u16) -> Self {
        Self { command, slot, is_writers: false, extent: Extent::Whole }
    }
}
