//! A load of an alias with a reader by the primary key, a writer, and a flag or a value that vanishes.

mod world;

use cachecow::protocol::Command;
use stateright::{Checker, Model, Property};

use self::world::{Place, Reader, Value, World};
use crate::Without;
use crate::cache::{Cell, Flag};

/// No object that may be found is older than promised.
pub const FRESH: &str = "no read that starts after the invalidation may find the old object";

/// A rule that is left out, as a control.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Skips {
    /// All rules stand.
    Nothing,
    /// The alias is filled whether or not its claim stands.
    GuardOfTheAlias,
    /// The primary key is not claimed where the same object is cached.
    ClaimOfTheSame,
    /// What was fetched before the claim of the primary key is stored.
    SecondFetch,
}

/// Which keys the writer invalidates after its write.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Invalidates {
    /// The alias alone.
    Alias,
    /// The primary key alone.
    Primary,
    /// First the one, then the other.
    Both,
}

/// What the database has, one after the other. The cache is told of the last; the others are old then.
pub type History = [u8; 3];

/// A change, and one that comes back to what was before: what was read in between is old all the same.
pub const HISTORIES: [History; 2] = [[1, 1, 2], [1, 2, 1]];

/// The steps of the writer: two changes, two invalidations.
const WRITTEN: u8 = 4;

/// One scene.
#[derive(Debug)]
struct Load {
    skips: Skips,
    invalidates: Invalidates,
    history: History,
    first: World,
}

/// What happens next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Event {
    Reads(usize),
    GivesBack(usize),
    Writes,
    FlagVanishes(Place),
    ObjectVanishes,
}

impl Load {
    /// Whether a read that starts after the invalidation may find the old object.
    fn is_stale(&self, world: &World) -> bool {
        let [_, _, current] = self.history;
        let old = world.primary.value == Some(Value::Object(3 - current));
        let told = self.invalidates != Invalidates::Alias && world.written == WRITTEN;
        old && (told || world.led)
    }

    fn write(&self, world: &mut World) {
        world.written += 1;
        let (alias, primary) =
            (self.invalidates != Invalidates::Primary, self.invalidates != Invalidates::Alias);
        match world.written {
            1 => world.database = self.history[1],
            2 => world.database = self.history[2],
            3 if alias => clear(&mut world.alias),
            4 if primary => clear(&mut world.primary),
            _ => {}
        }
    }
}

fn clear(cell: &mut Cell<Value>) {
    cell.carry_out(&Command::Invalidate, Without::Nothing);
}

impl Model for Load {
    type State = World;
    type Action = Event;

    fn init_states(&self) -> Vec<World> {
        vec![self.first.clone()]
    }

    fn actions(&self, world: &World, to: &mut Vec<Event>) {
        to.extend(world.under_way().map(Event::Reads));
        to.extend((0..world.given_back.len()).map(Event::GivesBack));
        if world.written < WRITTEN {
            to.push(Event::Writes);
        }
        if world.losses > 0 {
            to.extend([Place::Alias, Place::Primary].map(Event::FlagVanishes));
            to.push(Event::ObjectVanishes);
        }
    }

    fn next_state(&self, world: &World, event: Event) -> Option<World> {
        let mut next = world.clone();
        match event {
            Event::Reads(at) => self.advance(&mut next, at),
            Event::GivesBack(at) => next.give_back(at),
            Event::Writes => self.write(&mut next),
            Event::FlagVanishes(place) => {
                next.losses -= 1;
                next.cell(place).flag = Flag::Free;
            }
            Event::ObjectVanishes => {
                next.losses -= 1;
                next.primary.value = None;
            }
        }
        let told = self.invalidates != Invalidates::Primary && next.written == WRITTEN;
        next.led |= told && next.alias.value == Some(Value::Pointer);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always(FRESH, |load: &Self, world: &World| !load.is_stale(world))]
    }
}

/// Explores every scene; how many states were seen, and the way to one that is stale.
pub fn explore(
    skips: Skips,
    invalidates: Invalidates,
    history: History,
) -> (usize, Option<String>) {
    let by_alias = |number| Reader::new(number, Place::Alias, false);
    let by_primary = |renews| Reader::new(9, Place::Primary, renews);
    let mut states = 0;
    // The object is cached or not, and the pointer.
    let objects = [None, Some(Value::Object(1))];
    let beginnings =
        objects.into_iter().flat_map(|object| [(None, object), (Some(Value::Pointer), object)]);
    for (pointer, object) in beginnings {
        for (other, losses) in [(by_primary(false), 1), (by_primary(true), 1), (by_alias(2), 0)] {
            let alias = Cell { value: pointer, ..Cell::default() };
            let primary = Cell { value: object, ..Cell::default() };
            let first = World::new(alias, primary, vec![by_alias(1), other], losses);
            let checker = Load { skips, invalidates, history, first }.checker().spawn_dfs().join();
            states += checker.unique_state_count();
            if let Some(path) = checker.discovery(FRESH) {
                return (states, Some(format!("{:?}", path.into_actions())));
            }
        }
    }
    (states, None)
}
