//! One key whose slot moves from one node of a cluster to another: moves that fail half-way, are broken
//! off and begun again, failovers, two readers, and a writer whose invalidation is repeated until it is
//! confirmed.
//!
//! The parts in which it is carried out while the slot moves are those of the Redis backend
//! (`backend/redis/part.rs`), whose commands are modelled here: a script for a whole object at a slot
//! that rests, and a command of one key at the source, or at the destination if the source lacks it.

mod world;

use stateright::{Model, Property};

pub use self::world::Event;
use self::world::World;
use crate::small;

/// No read finds what is older than was promised when it began.
pub const FRESH: &str = "no read that starts after the invalidation may find the old value";

/// What may happen, and which rule is left out, as a control.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scene {
    /// Whether replicas must acknowledge an invalidation; then nodes fail over.
    pub acks: bool,
    /// Whether a move can come to its end.
    pub ends: bool,
    /// The rule that is left out.
    pub skips: Skips,
}

/// A rule that is left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Skips {
    /// All rules stand.
    Nothing,
    /// The flag and the value are invalidated once, and so at one end.
    SecondPass,
    /// The value is deleted before the flag.
    FlagFirst,
    /// What the destination's replica acknowledges counts for the source's as well.
    Source,
    /// Before a slot moves, what was left at the destination is deleted. The operator's rule.
    Deletion,
    /// The same, and a read is sent on to the destination.
    DeletionAndRefusal,
}

impl Model for Scene {
    type State = World;
    type Action = Event;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(true, self.acks), World::new(false, self.acks)]
    }

    fn actions(&self, world: &World, to: &mut Vec<Event>) {
        world.actions(*self, to);
    }

    fn next_state(&self, world: &World, event: Event) -> Option<World> {
        let mut next = world.clone();
        next.on(event, *self);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(FRESH, |scene: &Self, world: &World| !world.is_stale(*scene)),
            Property::sometimes("it is confirmed", |_, world: &World| world.is_confirmed()),
        ]
    }
}

/// Explores everything that can happen: how many states there are, and the way to a stale read.
///
/// # Panics
///
/// If the invalidation is never confirmed.
pub fn explore(scene: Scene) -> (usize, Option<String>) {
    small::explore(scene, FRESH, "it is confirmed")
}
