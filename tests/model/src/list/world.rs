//! The cache, the database and the writers.

use std::time::Duration;

use cachecow::protocol::{Command, HoldPolicy, Reply, Token, WriteMachine, WriteStep};

use super::reader::Reader;
use super::{Scene, Skips};
use crate::cache::{Cell, Flag, Version};

const HOLD: Duration = Duration::from_secs(60);

/// One of the two lists.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum List {
    /// In which the object is at first.
    Old,
    /// To which it moves.
    New,
}

/// In which list the object is, if in any.
type Place = Option<List>;

/// The keys: of the lists, and of the object.
pub(super) const OBJECT: usize = 2;
const KEYS: usize = 3;

impl List {
    pub(super) fn key(self) -> usize {
        match self {
            Self::Old => 0,
            Self::New => 1,
        }
    }
}

/// What a writer does, and which keys it names.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Writer {
    /// Whether the object is in a list before it.
    before: bool,
    /// In which list the object is after it; `None`: unchanged.
    leads_to: Option<Place>,
    named: Vec<usize>,
    /// A machine for each.
    machines: Vec<WriteMachine>,
    by_invalidation: bool,
    stage: Stage,
    /// What it wrote.
    version: Version,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Stage {
    /// The next hold is that of this machine.
    Holds(usize),
    Works,
    Releases(usize),
    Over,
}

impl Writer {
    /// `write((&old, &new), …)`, of an object that is in the first list before and in the second after it.
    pub fn writes(states: &[Option<List>; 2], skips: Skips) -> Self {
        let skipped = match skips {
            Skips::NewList => Some(List::New),
            Skips::OldListAndLeftOut => Some(List::Old),
            _ => None,
        };
        let lists = states.iter().flatten().filter(|list| Some(**list) != skipped);
        let named = lists.map(|list| list.key()).chain([OBJECT]).collect();
        let writer = Self::new(Some(states[1]), named, false);
        Self { before: states[0].is_some(), ..writer }
    }

    /// The same by `invalidate` after the work.
    pub fn invalidates(states: &[Option<List>; 2], skips: Skips) -> Self {
        let Self { leads_to, named, .. } = Self::writes(states, skips);
        Self::new(leads_to, named, true)
    }

    /// `write(Post::by_id(1), …)`, of a field that no list depends on.
    pub fn changes() -> Self {
        Self::new(None, vec![OBJECT], false)
    }

    fn new(leads_to: Option<Place>, named: Vec<usize>, by_invalidation: bool) -> Self {
        let machine = |number: &usize| {
            let token = Token::from_bytes([100 + u8::try_from(*number).unwrap_or(0); 16]);
            if by_invalidation {
                WriteMachine::invalidation(token)
            } else {
                WriteMachine::new(token, HOLD, HoldPolicy::Proceed)
            }
        };
        let machines = named.iter().map(machine).collect();
        let stage = if by_invalidation { Stage::Works } else { Stage::Holds(0) };
        Self { before: true, leads_to, named, machines, by_invalidation, stage, version: 0 }
    }

    /// The keys of all that it changes, whether or not it names them: what is promised once it has returned.
    fn covers(&self) -> Vec<usize> {
        if self.leads_to.is_some() { (0..KEYS).collect() } else { vec![OBJECT] }
    }
}

/// The state of the model.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct World {
    /// Where the object is, by version.
    history: Vec<Option<List>>,
    pub(super) cells: [Cell; KEYS],
    /// The least version that a read which begins now may be of, by key.
    pub(super) promised: [Version; KEYS],
    pub(super) readers: Vec<Reader>,
    writers: Vec<Writer>,
    vanished: (u8, u8),
    /// What a reader was returned against the promise.
    pub(super) wrong: Option<&'static str>,
}

/// What happens next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// A reader begins, or goes on.
    Reads(usize),
    /// A reader that remembers the object asks for it.
    AsksForTheRemembered(usize),
    /// A reader is cancelled.
    IsCancelled(usize),
    /// A writer goes on.
    Writes(usize),
    /// A value expires, or is evicted.
    ValueVanishes(usize),
    /// A flag does.
    FlagVanishes(usize),
}

impl World {
    /// With nothing cached, or with all of version 0.
    pub fn new(is_cold: bool, readers: Vec<Reader>, writers: Vec<Writer>) -> Self {
        let cell = || Cell { value: (!is_cold).then_some(0), ..Cell::default() };
        let first = writers.first().is_none_or(|writer| writer.before).then_some(List::Old);
        Self {
            history: vec![first],
            cells: [cell(), cell(), cell()],
            promised: [0; KEYS],
            readers,
            writers,
            vanished: (0, 0),
            wrong: None,
        }
    }

    /// The present version.
    pub(super) fn version(&self) -> Version {
        u8::try_from(self.history.len() - 1).unwrap_or(u8::MAX)
    }

    /// In which list the object was in a version.
    pub(super) fn place_in(&self, version: Version) -> Option<List> {
        self.history[usize::from(version)]
    }

    /// Whether the object was in this list, or was not, in a version that a reader may be returned.
    pub(super) fn ever(&self, since: Version, list: List, is_in: bool) -> bool {
        self.history[usize::from(since)..].iter().any(|place| (*place == Some(list)) == is_in)
    }

    pub(super) fn actions(&self, scene: &Scene, to: &mut Vec<Event>) {
        for (at, reader) in self.readers.iter().enumerate() {
            if reader.can_go_on() {
                to.push(Event::Reads(at));
            }
            if reader.may_ask_for_the_remembered() {
                to.push(Event::AsksForTheRemembered(at));
            }
            if reader.is_under_way() {
                to.push(Event::IsCancelled(at));
            }
        }
        for (at, writer) in self.writers.iter().enumerate() {
            // One after the other: what overlapping writers do to a key is in the other model.
            let before = &self.writers[..at];
            if writer.stage != Stage::Over
                && before.iter().all(|writer| writer.stage == Stage::Over)
            {
                to.push(Event::Writes(at));
            }
        }
        for (key, cell) in self.cells.iter().enumerate() {
            if cell.value.is_some() && self.vanished.0 < scene.vanishes.0 {
                to.push(Event::ValueVanishes(key));
            }
            if matches!(cell.flag, Flag::Lease(_)) && self.vanished.1 < scene.vanishes.1 {
                to.push(Event::FlagVanishes(key));
            }
        }
    }

    pub(super) fn on(&mut self, event: Event, scene: &Scene) {
        match event {
            Event::Reads(at) => {
                let mut reader = self.readers[at].clone();
                reader.go_on(self, at, scene);
                self.readers[at] = reader;
            }
            Event::AsksForTheRemembered(at) => {
                self.readers[at].remembered = Some(self.cells[OBJECT].value);
            }
            Event::IsCancelled(at) => {
                let mut reader = self.readers[at].clone();
                reader.cancel(self, at, scene);
                self.readers[at] = reader;
                Reader::desert(self, at);
            }
            Event::Writes(at) => self.write(at, scene),
            Event::ValueVanishes(key) => {
                self.vanished.0 += 1;
                self.cells[key].value = None;
            }
            Event::FlagVanishes(key) => {
                self.vanished.1 += 1;
                self.cells[key].flag = Flag::Free;
            }
        }
    }

    /// Carries a command out.
    pub(super) fn carry_out(
        &mut self,
        key: usize,
        command: &Command<Version>,
        scene: &Scene,
    ) -> Reply<Version> {
        self.cells[key].carry_out(command, scene.without)
    }

    fn write(&mut self, at: usize, scene: &Scene) {
        let mut writer = self.writers[at].clone();
        match writer.stage {
            Stage::Holds(number) => {
                self.step(&mut writer, number, scene);
                let is_last = number + 1 == writer.named.len();
                writer.stage = if is_last { Stage::Works } else { Stage::Holds(number + 1) };
            }
            Stage::Works => {
                let place = writer.leads_to.unwrap_or_else(|| self.place_in(self.version()));
                self.history.push(place);
                writer.version = self.version();
                if !writer.by_invalidation {
                    for machine in &mut writer.machines {
                        assert!(matches!(machine.next_step::<Version>(), WriteStep::Work));
                        machine.on_worked();
                    }
                    // It is crash-safe: from here on nobody is served what was before.
                    self.promise(&writer);
                }
                writer.stage = Stage::Releases(0);
            }
            Stage::Releases(number) => {
                self.step(&mut writer, number, scene);
                let is_last = number + 1 == writer.named.len();
                if is_last {
                    self.promise(&writer);
                }
                writer.stage = if is_last { Stage::Over } else { Stage::Releases(number + 1) };
            }
            Stage::Over => {}
        }
        self.writers[at] = writer;
    }

    fn step(&mut self, writer: &mut Writer, number: usize, scene: &Scene) {
        let WriteStep::Send(command) = writer.machines[number].next_step() else {
            unreachable!("a write of a key sends to that key")
        };
        let reply = self.carry_out(writer.named[number], &command, scene);
        assert_eq!(reply, Reply::Done);
        writer.machines[number].on_reply(Ok(()));
    }

    fn promise(&mut self, writer: &Writer) {
        for key in writer.covers() {
            self.promised[key] = self.promised[key].max(writer.version);
        }
    }
}
