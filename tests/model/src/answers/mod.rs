//! An answer to a query that carries tags of two types: readers of the answer, and a writer of each tag.
//!
//! Each tag has an epoch for answers. A load takes both before it fetches, and both must stand when it has fetched. What
//! stands of the protocol is [`tags`](cachecow::protocol::tags)' `all_stand` and `check_stamps`, the machine of a write of
//! answers, and the commands; which load a reader joins is decided by hand, as in the model of [lists](crate::list).

mod reader;
mod world;

use stateright::{Model, Property};

pub use self::world::Event;
use self::world::World;
use crate::small;

/// A reader is returned what was promised when it began.
pub const FRESH: &str = "an answer is as young as the last invalidation of each of its tags";

/// Who does what, and which rule is left out, as a control.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scene {
    /// What the writer of each tag does.
    pub writers: [Kind; 2],
    /// Whether the readers are of one process, and join each other's loads.
    pub joins: bool,
    /// How many values, flags and epochs may vanish.
    pub vanishes: u8,
    /// The rule that is left out.
    pub skips: Skips,
}

/// What the writer of a tag does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// It changes a row and invalidates.
    Invalidates,
    /// It holds, changes a row and releases.
    Writes,
    /// It holds, changes a row and dies.
    Dies,
}

/// A rule that is left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Skips {
    /// All rules stand.
    Nothing,
    /// A hit compares the epochs that it was stored with.
    Stamps,
    /// What was fetched is shared if both epochs stand: here the first is enough.
    SecondEpoch,
    /// What is stored carries the epochs from before the fetch: here it carries those from after it.
    EpochsBeforeFetch,
    /// A write holds the epoch: here it ends it.
    Hold,
    /// Nobody joins a load that reads the epochs again.
    ClosedLoad,
}

impl Model for Scene {
    type State = World;
    type Action = Event;

    fn init_states(&self) -> Vec<World> {
        vec![World::new()]
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
            Property::always(FRESH, |_, world: &World| !world.is_wrong),
            Property::sometimes("all are done", |scene: &Self, world: &World| {
                world.is_done(*scene)
            }),
        ]
    }
}

/// Explores everything that can happen: how many states there are, and the way to an answer that is too old.
///
/// # Panics
///
/// If the readers and writers are never done.
pub fn explore(scene: Scene) -> (usize, Option<String>) {
    small::explore(scene, FRESH, "all are done")
}

/// The scenes: readers that join each other or do not, around each way to change what the answer depends on.
pub fn scenes() -> Vec<Scene> {
    let of = |writers, joins, vanishes| Scene { writers, joins, vanishes, skips: Skips::Nothing };
    let pairs = [
        [Kind::Invalidates, Kind::Invalidates],
        [Kind::Invalidates, Kind::Writes],
        [Kind::Writes, Kind::Dies],
    ];
    let all = pairs.into_iter().flat_map(|writers| [of(writers, true, 0), of(writers, false, 0)]);
    all.chain([of([Kind::Dies, Kind::Invalidates], true, 1)]).collect()
}

/// For each rule a scene that goes wrong without it, and what is left out.
pub fn controls() -> Vec<(&'static str, Scene)> {
    let without = |skips, kind, joins| Scene { writers: [kind; 2], joins, vanishes: 0, skips };
    vec![
        (
            "a hit that does not compare its epochs",
            without(Skips::Stamps, Kind::Invalidates, false),
        ),
        (
            "an answer that is shared if its first tag's epoch stands",
            without(Skips::SecondEpoch, Kind::Invalidates, true),
        ),
        (
            "an answer that is stored with the epochs from after the fetch",
            without(Skips::EpochsBeforeFetch, Kind::Invalidates, false),
        ),
        ("a write that does not hold", without(Skips::Hold, Kind::Dies, false)),
        (
            "a load that is joined while it reads its epochs again",
            without(Skips::ClosedLoad, Kind::Invalidates, true),
        ),
    ]
}
