//! A database, the cache, the processes, and the network.

use cachecow::protocol::{Command, Flights, Lead, Lost, PointerHint, Reply};

use super::near::{Hint, Near};
use super::place::{PLACES, Place, Places, Tag, Value};
use super::reader::{Does, Driver, Pending, Reader};
use super::writer::Writer;
use super::{Floor, Scene, Skips};
use crate::cache::Epoch;
use crate::caller::Answer;
use crate::world::{Fate, Faults, Wrong, take};

/// The loads by one key in one process; a follower is a reader's number.
pub(super) type KeyFlights = Flights<(), usize>;
/// The leader's part in one.
pub(super) type KeyLead = Lead<(), usize>;

/// One process.
#[derive(Clone, Default, PartialEq, Eq, Hash, Debug)]
pub(super) struct Process {
    pub(super) hint: Hint,
    pub(super) near: Near,
    /// What it promises itself.
    promised: Floor,
    /// Of which places an invalidation is outstanding.
    owes: [bool; PLACES],
    by_alias: KeyFlights,
    by_primary: KeyFlights,
}

impl Process {
    pub(super) fn flights(&mut self, by: Place) -> &mut KeyFlights {
        if by == Place::Alias { &mut self.by_alias } else { &mut self.by_primary }
    }

    pub(super) fn owes(&self, place: Place) -> bool {
        self.owes[place.index()]
    }

    /// Whether reads by this key go past the cache.
    pub(super) fn bypasses(&self, by: Place) -> bool {
        let tags = [Place::Tag(Tag::Red), Place::Tag(Tag::Blue)];
        self.owes(by) || tags.into_iter().any(|tag| self.owes(tag))
    }

    /// As the engine does it: what is idle is forgotten.
    fn forget_if_idle(&mut self) {
        for flights in [&mut self.by_alias, &mut self.by_primary] {
            if flights.is_idle() {
                *flights = KeyFlights::default();
            }
        }
    }
}

/// The state of the model.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct World {
    /// The number of the present version.
    pub(super) database: usize,
    /// That of the version that fetches read.
    pub(super) replica: usize,
    pub(super) cache: Places,
    pub(super) processes: Vec<Process>,
    pub(super) readers: Vec<Reader>,
    writer: Writer,
    /// Commands that nobody waits for: each is carried out some time.
    late: Vec<(Place, Command<Value>)>,
    /// For each place that was invalidated, the least version that reads which begin now must see.
    promised: [usize; PLACES],
    /// The same for whatever is found under the primary key, since a pointer was there that a read by the
    /// alias may have found.
    led: usize,
    pub(super) faults: Faults,
    /// What went wrong.
    pub(super) wrong: Option<Wrong>,
}

/// What happens next.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Event {
    /// A reader asks.
    Begins(usize),
    /// A reader's command for a place meets its fate.
    Sends(usize, Place, Fate),
    /// A reader takes the answers.
    Takes(usize),
    /// A reader's fetch function reads.
    Fetches(usize),
    /// A reader's fetch function fails.
    Fails(usize),
    /// The writer goes on.
    Writes(Fate),
    /// The replica follows the database.
    Follows,
    /// What was kept from being filled, or from beginning, is not any more.
    Settled(Place),
    /// A command that nobody waits for is carried out.
    Arrives(usize),
    /// A process hears of changes of a place.
    Hears(usize, Place),
    /// A value or an epoch expires or is evicted.
    ValueVanishes(Place),
    /// A flag expires or is evicted.
    FlagVanishes(Place),
}

impl World {
    pub(super) fn new(scene: &Scene) -> Self {
        let first = scene.history[0];
        let (epoch, pointer) = (Scene::first_epoch(), Scene::first_pointer());
        let epoch = first.tag.map(|_| epoch);
        let is_cached = |place| scene.cached.contains(&place);
        let mut cache = Places::default();
        cache.alias.value = is_cached(Place::Alias).then_some(Value::Pointer(pointer));
        cache.primary.value = is_cached(Place::Primary).then_some(Value::Object(first, epoch));
        if let (Some(tag), Some(epoch)) = (first.tag, epoch) {
            cache.set_epoch(Place::Tag(tag), Epoch::Is(epoch));
        }
        let processes = scene.readers.iter().map(|(process, ..)| usize::from(*process) + 1).max();
        let mut processes = vec![Process::default(); processes.unwrap_or(0)];
        if let (true, Some(process)) = (scene.remembers, processes.first_mut()) {
            let pointer = PointerHint { stored_by: pointer, primary: () };
            process.hint.pointer = is_cached(Place::Alias).then_some(pointer);
            process.hint.tag = first.tag.filter(|_| is_cached(Place::Primary));
            process.hint.epoch = epoch.filter(|_| scene.skips == Skips::OwnTag);
        }
        let readers = scene.readers.iter().enumerate();
        let readers = readers.map(|(at, (process, by, renews))| {
            Reader::new(u8::try_from(at).unwrap_or(0), *process, *by, *renews)
        });
        Self {
            database: 0,
            replica: 0,
            cache,
            processes,
            readers: readers.collect(),
            writer: Writer::default(),
            late: Vec::new(),
            promised: [0; PLACES],
            led: 0,
            faults: scene.faults,
            wrong: None,
        }
    }

    /// Whether a read that begins now, and remembers nothing, may find what is older than promised.
    pub(super) fn holds_stale(&self, scene: &Scene) -> bool {
        let mut floor = self.promised;
        floor[Place::Alias.index()] = self.led;
        self.cache.object().is_some_and(|content| scene.is_stale(Place::Alias, content, &floor))
    }

    /// What a read of this process must see that begins now.
    pub(super) fn floor(&self, process: usize) -> Floor {
        let own = &self.processes[process].promised;
        std::array::from_fn(|at| self.promised[at].max(own[at]))
    }

    /// The same of a read that is served by the process itself: of what it has heard, or done.
    pub(super) fn floor_near(&self, process: usize) -> Floor {
        let Process { near, promised, .. } = &self.processes[process];
        let mut floor = self.floor(process);
        near.unheard().for_each(|place| floor[place.index()] = promised[place.index()]);
        floor
    }

    /// From here on every read that begins must see what the database has.
    pub(super) fn promise(&mut self, place: Place) {
        self.promised[place.index()] = self.database;
    }

    /// An invalidation was confirmed, or will be retried.
    pub(super) fn on_invalidated(&mut self, scene: &Scene, place: Place, done: bool) {
        if done {
            self.promise(place);
        }
        if let Some(process) = scene.writer {
            let process = &mut self.processes[process];
            process.promised[place.index()] = self.database;
            process.owes[place.index()] = !done;
            process.near.change(place);
        }
    }

    pub(super) fn is_at_rest(&self, scene: &Scene) -> bool {
        // Asked of every state: what is so of nearly all comes first.
        let waits = |reader: &Reader| matches!(reader.pending, Pending::Follow | Pending::Over);
        if !self.readers.iter().all(waits) {
            return false;
        }
        let mut progress = Vec::new();
        self.progress(scene, &mut progress);
        progress.is_empty()
    }

    pub(super) fn anyone_waits(&self) -> bool {
        self.readers.iter().any(|reader| reader.pending != Pending::Over)
    }

    pub(super) fn has_flags(&self) -> bool {
        Place::ALL.into_iter().any(|place| self.cache.has_flag(place))
    }

    /// Everything that happens without a fault, sooner or later.
    pub(super) fn progress(&self, scene: &Scene, to: &mut Vec<Event>) {
        for (at, reader) in self.readers.iter().enumerate() {
            match &reader.pending {
                Pending::Idle => to.push(Event::Begins(at)),
                Pending::Asked(asked) => {
                    let sent = asked.iter().filter(|one| one.answer.is_none());
                    to.extend(sent.map(|one| Event::Sends(at, one.place, Fate::Sound)));
                    if asked.iter().all(|one| one.answer.is_some()) {
                        to.push(Event::Takes(at));
                    }
                }
                Pending::Fetch => to.push(Event::Fetches(at)),
                Pending::Fetched => to.push(Event::Takes(at)),
                Pending::Follow | Pending::Nothing | Pending::Over => {}
            }
        }
        if !self.writer.is_over(scene) {
            to.push(Event::Writes(Fate::Sound));
        }
        if scene.lags && self.replica != self.database {
            to.push(Event::Follows);
        } else if scene.lags || self.writer.is_over(scene) {
            // The holds that nobody will release: those that settle, and those of a writer that died.
            let settles = |place: &Place| self.cache.settles(*place);
            to.extend(Place::ALL.into_iter().filter(settles).map(Event::Settled));
        }
        to.extend((0..self.late.len()).map(Event::Arrives));
        for (number, process) in self.processes.iter().enumerate() {
            to.extend(process.near.unheard().map(|place| Event::Hears(number, place)));
        }
    }

    /// The faults that may happen now.
    pub(super) fn faults(&self, scene: &Scene, to: &mut Vec<Event>) {
        let fates = || Fate::ill(self.faults);
        for (at, reader) in self.readers.iter().enumerate() {
            match &reader.pending {
                Pending::Asked(asked) => {
                    for one in asked.iter().filter(|one| one.answer.is_none()) {
                        to.extend(fates().map(|fate| Event::Sends(at, one.place, fate)));
                    }
                }
                Pending::Fetch if self.faults.fetch > 0 => to.push(Event::Fails(at)),
                _ => {}
            }
        }
        if self.writer.sends(scene) {
            to.extend(fates().map(Event::Writes));
        }
        if self.faults.vanish > 0 {
            for place in Place::ALL {
                if self.cache.has_value(place) {
                    to.push(Event::ValueVanishes(place));
                }
                if self.cache.has_flag(place) {
                    to.push(Event::FlagVanishes(place));
                }
            }
        }
    }

    /// Lets something happen.
    pub(super) fn on(&mut self, scene: &Scene, event: Event) {
        match event {
            Event::Begins(at) => self.drive(scene, at, Does::Begin),
            Event::Sends(at, place, fate) => {
                fate.happens(&mut self.faults);
                self.send(scene, at, place, fate);
            }
            Event::Takes(at) if self.readers[at].pending == Pending::Fetched => {
                self.drive(scene, at, Does::TakeFetched);
            }
            Event::Takes(at) => self.drive(scene, at, Does::TakeAnswers),
            Event::Fetches(at) => self.fetch(scene, at, false),
            Event::Fails(at) => {
                take(&mut self.faults.fetch);
                self.fetch(scene, at, true);
            }
            Event::Writes(fate) => {
                fate.happens(&mut self.faults);
                let mut writer = std::mem::take(&mut self.writer);
                writer.go_on(scene, self, fate);
                self.writer = writer;
            }
            Event::Follows => self.replica = self.database,
            Event::Settled(place) => self.cache.settle(place),
            Event::Arrives(at) => {
                let (place, command) = self.late.remove(at);
                self.carry_out(scene, place, &command);
            }
            Event::Hears(process, place) => self.processes[process].near.hear(place),
            Event::ValueVanishes(place) => {
                take(&mut self.faults.vanish);
                self.cache.drop_value(place);
                self.tell(scene, place);
            }
            Event::FlagVanishes(place) => {
                take(&mut self.faults.vanish);
                self.cache.drop_flag(place);
                self.writer.on_flag_vanished(place);
            }
        }
        if !scene.lags {
            self.replica = self.database;
        }
        self.forget_changes();
        if matches!(self.cache.alias.value, Some(Value::Pointer(_))) {
            self.led = self.led.max(self.promised[Place::Alias.index()]);
        }
    }

    /// What makes no difference makes no other state.
    fn forget_changes(&mut self) {
        for (number, process) in self.processes.iter_mut().enumerate() {
            for place in Place::ALL {
                let readers = &self.readers;
                if !readers.iter().any(|reader| reader.has_mark(number, place)) {
                    process.near.forget_changes(place);
                }
            }
        }
    }

    fn drive(&mut self, scene: &Scene, at: usize, does: Does) {
        let reader = self.readers[at].clone();
        let mut driver = Driver { scene, world: self, reader, at, told: Vec::new() };
        driver.go_on(does);
        let Driver { reader, told, .. } = driver;
        let process = usize::from(reader.process);
        self.readers[at] = reader;
        for (follower, landed) in told {
            self.drive(scene, follower, Does::TakeTold(landed));
        }
        self.processes[process].forget_if_idle();
    }

    fn send(&mut self, scene: &Scene, at: usize, place: Place, fate: Fate) {
        let Pending::Asked(mut asked) = self.readers[at].pending.clone() else { return };
        for one in asked.iter_mut().filter(|one| one.place == place) {
            one.answer = Some(self.meet(scene, fate, place, one.command.clone()));
        }
        let all = asked.iter().all(|one| one.answer.is_some());
        self.readers[at].pending = Pending::Asked(asked);
        if all && !scene.is_slow() {
            self.drive(scene, at, Does::TakeAnswers);
        }
    }

    fn fetch(&mut self, scene: &Scene, at: usize, fails: bool) {
        self.readers[at].fetch(scene.history[self.replica], fails);
        if !scene.is_slow() {
            self.drive(scene, at, Does::TakeFetched);
        }
    }

    /// A command meets its fate.
    pub(super) fn meet(
        &mut self,
        scene: &Scene,
        fate: Fate,
        place: Place,
        command: Command<Value>,
    ) -> Answer<Value> {
        match fate {
            Fate::Sound => Ok(self.carry_out(scene, place, &command)),
            Fate::AnswerLost => {
                self.carry_out(scene, place, &command);
                Err(Lost)
            }
            Fate::NeverArrive => Err(Lost),
            Fate::ArriveLater => {
                self.late.push((place, command));
                Err(Lost)
            }
            Fate::ArriveTwice => {
                let reply = self.carry_out(scene, place, &command);
                self.late.push((place, command));
                Ok(reply)
            }
        }
    }

    /// To be carried out some time.
    pub(super) fn send_late(&mut self, place: Place, command: Command<Value>) {
        self.late.push((place, command));
    }

    fn carry_out(&mut self, scene: &Scene, place: Place, command: &Command<Value>) -> Reply<Value> {
        let (mut changed, mut reply) = self.cache.carry_out(place, command);
        if scene.skips == Skips::GuardOfTheAlias
            && let (Place::Alias, Command::Fill { value, .. }) = (place, command)
        {
            self.cache.alias.value = Some(*value);
            (changed, reply) = (true, Reply::Settled);
        }
        if changed {
            self.tell(scene, place);
        }
        reply
    }

    /// Tells the processes of a change; they hear of it some time.
    fn tell(&mut self, scene: &Scene, place: Place) {
        if scene.near && place != Place::Guard {
            self.processes.iter_mut().for_each(|process| process.near.tell(place));
        }
    }
}
