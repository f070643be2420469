//! A command on its way, and its answer.

use ::redis::{Cmd, Value};

use super::super::BackendError;

/// The answer to a command, or why there is none.
pub(super) type Answer = Result<Value, BackendError>;

/// One answer for each command.
pub(super) type Answers = Vec<Answer>;

/// A command, and where it goes.
pub(super) struct Routed {
    pub(super) command: Cmd,
    /// The slot of its keys, where there are slots.
    #[cfg_attr(not(feature = "cluster"), allow(dead_code, reason = "only clusters have slots"))]
    pub(super) slot: u16,
    /// Whether it is a writer's: an invalidation, a hold or a release.
    pub(super) is_writers: bool,
    #[cfg_attr(not(feature = "cluster"), allow(dead_code, reason = "only clusters have slots"))]
    pub(super) extent: Extent,
}

/// Where a command may be carried out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// At the owner of its slot alone. It is not sent to where the slot is moving.
    Whole,
    /// Also at the node to which its slot is moving, if the owner lacks the key.
    Part,
}

impl Routed {
    /// A read of what the owner of the slot has.
    pub(super) fn read(command: Cmd, slot: u16) -> Self {
        Self { command, slot, is_writers: false, extent: Extent::Whole }
    }
}
