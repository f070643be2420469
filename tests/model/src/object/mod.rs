//! One object that has an alias and a tag: readers by the alias and by the primary key, a writer who tells
//! the cache by any of the three, and processes that remember and keep what they have seen.
//!
//! What is explored is [`AliasFetch`](cachecow::protocol::AliasFetch), [`PointerHint`](cachecow::protocol::PointerHint), the rules of
//! [`tags`](cachecow::protocol::tags) – also of a tag that everything of the type carries, which is its own guard – and [`Changes`](cachecow::protocol::Changes) over several keys, beside the machines that
//! the other scenes are about. Commands of one round are carried out in any order, as those of several
//! nodes of a cluster are.
//!
//! Besides what each reader finds, each state is judged by what a read would find that began now.

mod near;
mod place;
mod reader;
pub mod scenes;
mod world;
mod writer;

use cachecow::protocol::Token;
use stateright::{Checker, HasDiscoveries, Model, Property};

pub use self::place::{Content, Place, Tag, Value};
pub use self::world::{Event, World};
pub use self::writer::Write;
use crate::scene::{ENDS, Explored, FLAGS, FRESH};
use crate::world::{Faults, Wrong};

/// The least version that a read must see, by what was invalidated.
type Floor = [usize; place::PLACES];

/// A rule that is left out, as a control.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Skips {
    /// All rules stand.
    #[default]
    Nothing,
    /// The alias is filled whether or not its claim stands.
    GuardOfTheAlias,
    /// The primary key is not claimed where the same object is cached.
    ClaimOfTheSame,
    /// What was fetched before the claim of the primary key is stored.
    SecondFetch,
    /// A pointer is the one that is remembered if it leads to the same primary key.
    TokenOfThePointer,
    /// What is found under the remembered primary key is believed, wherever the pointer leads.
    Pointer,
    /// The tag that is remembered is taken for the object's own.
    OwnTag,
    /// An object is believed whatever its tag's epoch is.
    Epoch,
    /// What was fetched is stored whatever became of the guard.
    TagGuard,
    /// The guard is read again before the epochs are taken.
    GuardAfterEpochs,
    /// The epoch of the tag that is remembered is taken before the fetch, instead of the guard.
    EpochAfterFetch,
    /// The tag ends before the guard.
    GuardFirst,
    /// A write of a tag ends its guard, and does not hold it.
    HoldOfTheGuard,
    /// A load takes followers while it reads the guard.
    ClosedLoad,
    /// An error is shared whatever became of the guard.
    GuardOfErrors,
    /// Nothing settles.
    Settling,
    /// What is kept by an alias watches the alias alone.
    WatchOfThePrimary,
    /// What is kept by an alias watches the primary key alone.
    WatchOfTheAlias,
    /// What is kept does not watch its tag.
    WatchOfTheTag,
    /// The marks are from when the answers have come.
    EarlyMarks,
    /// Whether an invalidation of the primary key is outstanding is looked at when the object is there.
    DebtBeforeLookup,
    /// A reader by the alias shares a load although an invalidation of the primary key is outstanding.
    DebtOfSharers,
}

/// One scene.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is of its own, and scenes have any of them"
)]
pub struct Scene {
    name: String,
    /// What the database has, one after the other.
    history: Vec<Content>,
    writes: Vec<Write>,
    writer: Option<usize>,
    readers: Vec<(u8, Place, bool)>,
    /// The keys that have a value in the cache at first.
    cached: Vec<Place>,
    /// Whether processes remember what they have seen, and the first of them what was there at first.
    remembers: bool,
    near: bool,
    /// Whether fetches read a replica.
    lags: bool,
    /// Whether the tag is that of everything of the type: it is known beforehand, and its own guard.
    whole: bool,
    faults: Faults,
    skips: Skips,
}

impl Scene {
    /// A scene with an empty cache, no readers, and this writer.
    pub fn new(name: impl Into<String>, history: &[Content], writes: &[Write]) -> Self {
        Self {
            name: name.into(),
            history: history.to_vec(),
            writes: writes.to_vec(),
            writer: None,
            readers: Vec::new(),
            cached: Vec::new(),
            remembers: false,
            near: false,
            lags: false,
            whole: false,
            faults: Faults::default(),
            skips: Skips::Nothing,
        }
    }

    /// Adds a reader by the alias or by the primary key.
    #[must_use]
    pub fn reader(self, process: u8, by: Place) -> Self {
        self.add(process, by, false)
    }

    /// Adds a reader that renews every object that it finds.
    #[must_use]
    pub fn renewer(self, process: u8, by: Place) -> Self {
        self.add(process, by, true)
    }

    fn add(mut self, process: u8, by: Place, renews: bool) -> Self {
        self.readers.push((process, by, renews));
        self
    }

    /// These keys have a value in the cache at first.
    #[must_use]
    pub fn cached(self, keys: &[Place]) -> Self {
        Self { cached: keys.to_vec(), ..self }
    }

    /// The processes remember what they have seen, and the first of them has seen what is cached at first.
    #[must_use]
    pub fn remembering(self) -> Self {
        Self { remembers: true, ..self }
    }

    /// The processes keep objects near.
    #[must_use]
    pub fn near(self) -> Self {
        Self { near: true, ..self }
    }

    /// Fetches read a replica, which follows some time.
    #[must_use]
    pub fn lagging(self) -> Self {
        Self { lags: true, ..self }
    }

    /// The tag is that of everything of the type.
    #[must_use]
    pub fn of_the_whole_type(self) -> Self {
        Self { whole: true, ..self }
    }

    /// The writer is of this process, which retries an invalidation that was not confirmed, and reads past the
    /// cache until it succeeds. Else it is of one that does not read.
    #[must_use]
    pub fn written_by(self, process: usize) -> Self {
        Self { writer: Some(process), ..self }
    }

    /// These faults may happen.
    #[must_use]
    pub fn faults(self, faults: Faults) -> Self {
        Self { faults, ..self }
    }

    /// Leaves out a rule, as a control.
    #[must_use]
    pub fn without(self, skips: Skips) -> Self {
        Self { skips, ..self }
    }

    /// What is taken before a fetch and must be the same after it.
    fn guard(&self) -> Place {
        if self.whole { Place::Tag(Tag::Red) } else { Place::Guard }
    }

    /// Whether objects of the type have tags.
    fn tagged(&self) -> bool {
        self.history.iter().any(|content| content.tag.is_some())
    }

    /// Whether it takes time until a reader takes what has come. That makes a difference only to what others of
    /// its process do in between: who joins a load, what is heard, and what is outstanding.
    fn is_slow(&self) -> bool {
        self.near || self.writer.is_some() || self.shares()
    }

    /// Whether readers of one process may share loads.
    fn shares(&self) -> bool {
        let readers = || self.readers.iter().map(|(process, by, _)| (process, by));
        readers().enumerate().any(|(at, one)| readers().skip(at + 1).any(|other| other == one))
    }

    /// The last version with this content.
    fn version(&self, content: Content) -> usize {
        self.history.iter().rposition(|version| *version == content).unwrap_or(0)
    }

    /// Whether a read that must see this must not see that.
    fn is_stale(&self, by: Place, content: Content, floor: &Floor) -> bool {
        let places = [Some(by), Some(Place::Primary), content.tag.map(Place::Tag)];
        let floors = places.into_iter().flatten().map(|place| floor[place.index()]);
        floors.max().is_some_and(|floor| self.version(content) < floor)
    }

    /// The epoch of an object that is cached at first.
    fn first_epoch() -> Token {
        Token::from_bytes([250; 16])
    }

    /// The token of a pointer that is cached at first.
    fn first_pointer() -> Token {
        Token::from_bytes([251; 16])
    }

    /// Explores everything that can happen, or until something is wrong.
    pub fn explore(self, threads: usize) -> Explored {
        let began = std::time::Instant::now();
        let name = self.name.clone();
        let until = HasDiscoveries::AnyFailures;
        let checker = self.checker().threads(threads).finish_when(until).spawn_bfs().join();
        let found = [FRESH, ENDS, FLAGS]
            .into_iter()
            .find_map(|property| Some((property, checker.discovery(property)?)));
        let in_words = |path: stateright::Path<World, Event>| {
            path.into_actions().iter().map(|event| format!("{event:?}")).collect()
        };
        Explored {
            name,
            states: checker.unique_state_count(),
            depth: checker.max_depth(),
            took: began.elapsed(),
            wrong: found.map(|(property, path)| (property, in_words(path))),
        }
    }
}

impl Model for Scene {
    type State = World;
    type Action = Event;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self)]
    }

    fn actions(&self, world: &World, to: &mut Vec<Event>) {
        world.progress(self, to);
        world.faults(self, to);
    }

    fn next_state(&self, world: &World, event: Event) -> Option<World> {
        let mut next = world.clone();
        next.on(self, event);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(FRESH, |scene: &Self, world: &World| {
                world.wrong != Some(Wrong::Stale) && !world.holds_stale(scene)
            }),
            Property::always(ENDS, |scene: &Self, world: &World| {
                let stuck = || world.anyone_waits() && world.is_at_rest(scene);
                !matches!(world.wrong, Some(Wrong::Endless | Wrong::Empty)) && !stuck()
            }),
            Property::always(FLAGS, |scene: &Self, world: &World| {
                // A claim that arrives after its reader is gone stands until it expires.
                let excused = world.faults.late < scene.faults.late;
                excused || !world.has_flags() || !world.is_at_rest(scene)
            }),
        ]
    }
}
