//! The scenes that are explored: who does what, and which faults may happen.

use cachecow::protocol::First;
use stateright::{Checker, HasDiscoveries, Model, Property};

use crate::cache::{Cell, Flag};
use crate::caller::{Caller, Finds};
use crate::process::Process;
use crate::world::{Event, Faults, World, Wrong};
use crate::writer::{How, Writer};
use crate::{Without, trace};

/// No read is older than promised.
pub const FRESH: &str = "no read is older than was promised when it began";
/// Nobody waits without end.
pub const ENDS: &str = "every read and write ends";
/// No flag stays for nobody.
pub const FLAGS: &str = "no flag is left behind but by the dead";

/// One scene.
#[derive(Clone, Debug)]
pub struct Scene {
    /// What it is about.
    pub name: String,
    callers: Vec<Caller>,
    writers: Vec<Writer>,
    processes: usize,
    keys: usize,
    near: bool,
    /// Whether version 0 is in the cache at first.
    warm: bool,
    faults: Faults,
    without: Without,
}

impl Scene {
    /// A scene with an empty cache and nobody in it.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            callers: Vec::new(),
            writers: Vec::new(),
            processes: 1,
            keys: 1,
            near: false,
            warm: false,
            faults: Faults::default(),
            without: Without::Nothing,
        }
    }

    /// Adds a caller of `get` or, with several keys, `get_many`.
    #[must_use]
    pub fn caller(mut self, process: u8, keys: &[u8], first: First, finds: Finds) -> Self {
        let number = u8::try_from(self.callers.len()).unwrap_or(0);
        self.callers.push(Caller::new(process, number, keys, first, finds));
        self.processes = self.processes.max(usize::from(process) + 1);
        self.keys = keys.iter().fold(self.keys, |most, key| most.max(usize::from(*key) + 1));
        self
    }

    /// Adds a caller of `get` who looks first and finds nothing wrong.
    #[must_use]
    pub fn reader(self, process: u8) -> Self {
        self.caller(process, &[0], First::Lookup, Finds::Good)
    }

    /// Adds a writer.
    #[must_use]
    pub fn writer(mut self, process: u8, how: How) -> Self {
        let number = u8::try_from(self.writers.len()).unwrap_or(0);
        self.writers.push(Writer::new(process, number, 0, how));
        self.processes = self.processes.max(usize::from(process) + 1);
        self
    }

    /// The object is in the cache at first.
    #[must_use]
    pub fn warm(self) -> Self {
        Self { warm: true, ..self }
    }

    /// The processes keep objects near.
    #[must_use]
    pub fn near(self) -> Self {
        Self { near: true, ..self }
    }

    /// These faults may happen.
    #[must_use]
    pub fn faults(self, faults: Faults) -> Self {
        Self { faults, ..self }
    }

    /// Leaves out a rule, as a control.
    #[must_use]
    pub fn without(self, without: Without) -> Self {
        Self { without, ..self }
    }

    /// Explores everything that can happen, or until something is wrong.
    pub fn explore(self, threads: usize) -> Explored {
        let began = std::time::Instant::now();
        let name = self.name.clone();
        let checker = self
            .checker()
            .threads(threads)
            .finish_when(HasDiscoveries::AnyFailures)
            .spawn_bfs()
            .join();
        let found = [FRESH, ENDS, FLAGS]
            .into_iter()
            .find_map(|property| Some((property, checker.discovery(property)?)));
        Explored {
            name,
            states: checker.unique_state_count(),
            depth: checker.max_depth(),
            took: began.elapsed(),
            wrong: found.map(|(property, path)| (property, trace::lines(&path))),
        }
    }
}

/// What an exploration found.
#[derive(Clone, Debug)]
pub struct Explored {
    /// The scene's name.
    pub name: String,
    /// How many different states there are.
    pub states: usize,
    /// The most events one after the other.
    pub depth: usize,
    /// How long it took.
    pub took: std::time::Duration,
    /// The property that does not hold, and the events that lead there.
    pub wrong: Option<(&'static str, Vec<String>)>,
}

impl std::fmt::Display for Explored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, states, depth, took, wrong } = self;
        write!(f, "{name}: {states} states, {depth} events deep, {:.1} s", took.as_secs_f64())?;
        let Some((property, events)) = wrong else { return Ok(()) };
        write!(f, "\n  NOT SO: {property}")?;
        events
            .iter()
            .enumerate()
            .try_for_each(|(at, event)| write!(f, "\n  {:>3}. {event}", at + 1))
    }
}

impl Model for Scene {
    type State = World;
    type Action = Event;

    fn init_states(&self) -> Vec<World> {
        let value = self.warm.then_some(0);
        vec![World {
            database: vec![0; self.keys],
            cells: vec![Cell { value, ..Cell::default() }; self.keys],
            promised: vec![0; self.keys],
            processes: vec![Process::new(self.keys); self.processes],
            callers: self.callers.iter().cloned().map(Some).collect(),
            writers: self.writers.clone(),
            late: Vec::new(),
            faults: self.faults,
            near: self.near,
            wrong: None,
        }]
    }

    fn actions(&self, world: &World, to: &mut Vec<Event>) {
        world.progress(to);
        world.faults(to);
    }

    fn next_state(&self, world: &World, event: Event) -> Option<World> {
        let mut next = world.clone();
        next.on(event, self.without);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(FRESH, |_, world: &World| world.wrong != Some(Wrong::Stale)),
            Property::always(ENDS, |_, world: &World| {
                let stuck = || world.is_at_rest() && world.anyone_waits();
                !matches!(world.wrong, Some(Wrong::Endless | Wrong::Empty)) && !stuck()
            }),
            Property::always(FLAGS, |scene: &Self, world: &World| {
                // A claim that arrives after its reader is gone stands until it expires.
                let excused = world.faults.crash < scene.faults.crash
                    || world.faults.late < scene.faults.late;
                let left = |cell: &Cell| match &cell.flag {
                    Flag::Free => false,
                    Flag::Lease(_) => !excused,
                    // Whether a dropped write took effect cannot be known: its hold runs out.
                    Flag::Holds(_) => !excused && world.faults.cancel == scene.faults.cancel,
                };
                !world.is_at_rest() || !world.cells.iter().any(left)
            }),
        ]
    }
}
