//! One row whose changes are followed through the database's log: commits that are in the log before they are visible,
//! readers that fill the cache, a follower that dies, and a slot that is lost and made anew.
//!
//! The follower is `cachecow::log`'s, whose steps are modelled here: it opens the log and compares its position with the
//! mark in the cache; reads a change; waits until it is visible; invalidates; writes the mark; acknowledges.

mod world;

use stateright::{Model, Property};

pub use self::world::Event;
use self::world::World;
use crate::small;

/// Once all has come to rest, nothing old is cached.
pub const FRESH: &str = "nothing is stale for good";

/// What may happen, and which rule is left out, as a control.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scene {
    /// How often the follower may die.
    pub crashes: u8,
    /// Whether the slot may be lost, and made anew.
    pub loses_slot: bool,
    /// The rule that is left out.
    pub skips: Skips,
}

/// A rule that is left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Skips {
    /// All rules stand.
    Nothing,
    /// A change is invalidated when it is visible.
    Gate,
    /// A change is acknowledged after it was invalidated. With it goes the mark, which would tell.
    Order,
    /// A log that begins beyond the mark in the cache has lost changes.
    Mark,
    /// What was dropped while older changes were not visible yet is dropped again when they are.
    SecondDrop,
    /// Nothing is acknowledged before that.
    Patience,
}

impl Model for Scene {
    type State = World;
    type Action = Event;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(*self)]
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
            Property::always(FRESH, |_, world: &World| !world.is_stale_for_good()),
            Property::sometimes("it comes to rest", |_, world: &World| world.is_at_rest()),
        ]
    }
}

/// Explores everything that can happen: how many states there are, and the way to an object that is stale for good.
///
/// # Panics
///
/// If nothing ever comes to rest.
pub fn explore(scene: Scene) -> (usize, Option<String>) {
    small::explore(scene, FRESH, "it comes to rest")
}
