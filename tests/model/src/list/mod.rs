//! One object that moves between two lists: the keys of both lists and of the object, readers of the lists, writers
//! that move the object, change it or delete it, and joined loads.
//!
//! A value under any key is the version of the database that it was read from: for a list it says whether the
//! object was a member, for the object which list it is in. Readers and writers are driven by the machines of
//! [`cachecow::protocol`]. Commands are carried out and answered at once, and which load a reader joins is decided
//! by hand: what is lost or late, and how loads are shared, is what the other models are about.

mod reader;
mod world;

use stateright::{Checker, HasDiscoveries, Model, Property};

pub use self::reader::Reader;
pub use self::world::{Event, List, World, Writer};
use crate::Without;

/// A reader is returned what was promised when it began.
pub const FRESH: &str =
    "a member is in the list where it is, and as it is, for whoever begins after a write";

/// The rule that is left out, as a control.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub enum Skips {
    /// All rules stand.
    #[default]
    Nothing,
    /// Who joins the load of a list reads its objects under their own keys.
    OwnKeys,
    /// A write of an object names the list that it comes to be in.
    NewList,
    /// A write names the list that the object was in, and who reads an object that is elsewhere leaves it out: either
    /// would do.
    OldListAndLeftOut,
}

/// Who does what.
#[derive(Clone, Debug)]
pub struct Scene {
    /// What it is about.
    pub name: &'static str,
    /// The state at first.
    pub world: World,
    /// The rule that is left out.
    pub skips: Skips,
    /// The rule of the cache that is left out.
    pub without: Without,
    /// How many values may vanish, and flags.
    pub vanishes: (u8, u8),
}

impl Model for Scene {
    type State = World;
    type Action = Event;

    fn init_states(&self) -> Vec<World> {
        vec![self.world.clone()]
    }

    fn actions(&self, world: &World, to: &mut Vec<Event>) {
        world.actions(self, to);
    }

    fn next_state(&self, world: &World, event: Event) -> Option<World> {
        let mut next = world.clone();
        next.on(event, self);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always(FRESH, |_, world: &World| world.wrong.is_none())]
    }
}

/// Explores everything that can happen: how many states there are, and the way to what is wrong.
pub fn explore(scene: Scene) -> (usize, Option<String>) {
    let checker = scene.checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs();
    let checker = checker.join();
    let way = checker.discovery(FRESH).map(|path| {
        let wrong = path.last_state().wrong;
        format!("{wrong:?}: {:?}", path.into_actions())
    });
    (checker.unique_state_count(), way)
}

/// The scenes: two readers, or one that joins another, around each way to write.
pub fn scenes(skips: Skips, without: Without) -> Vec<Scene> {
    let moves = Writer::writes(&[Some(List::Old), Some(List::New)], skips);
    let invalidates = Writer::invalidates(&[Some(List::Old), Some(List::New)], skips);
    let changes = Writer::changes();
    let deletes = Writer::writes(&[Some(List::Old), None], skips);
    let inserts = Writer::writes(&[None, Some(List::New)], skips);
    let old = |process| Reader::of(&[List::Old], process);
    let new = |process| Reader::of(&[List::New], process);
    let both = |process| Reader::of(&[List::Old, List::New], process);
    let scene = |name, is_cold, readers: Vec<Reader>, writers: Vec<Writer>| {
        let readers_of_both = readers.iter().any(Reader::reads_both);
        Scene {
            name,
            world: World::new(is_cold, readers, writers),
            skips,
            without,
            // A reader of two lists has long ways already.
            vanishes: (1, u8::from(!readers_of_both)),
        }
    };
    vec![
        scene("a move, both lists", true, vec![both(0), both(1)], vec![moves.clone()]),
        scene("a move, warm", false, vec![both(0), both(1)], vec![moves.clone()]),
        scene("a move by invalidation", true, vec![both(0), both(1)], vec![invalidates]),
        scene("a delete", true, vec![old(0), old(1)], vec![deletes.clone()]),
        scene("an insert", true, vec![new(0), new(1)], vec![inserts.clone()]),
        scene("a delete and an insert", false, vec![old(0), new(1)], vec![deletes, inserts]),
        scene("a change in a joined load", true, vec![old(0), old(0)], vec![changes.clone()]),
        scene("a move in a joined load", true, vec![new(0), new(0)], vec![moves.clone()]),
        scene(
            "a move, remembered",
            false,
            vec![both(0).remembering(), both(1)],
            vec![moves.clone()],
        ),
        scene(
            "a change and a move, remembered",
            false,
            vec![old(0).remembering(), new(1).remembering()],
            vec![changes, moves],
        ),
    ]
}
