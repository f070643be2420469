//! Everything there is: a database, the cache, processes with callers and writers, and the network.

use cachecow::protocol::{Command, Lost};

use crate::Without;
use crate::cache::{Cell, Flag, Version};
use crate::caller::{Answer, Caller, CallerStage, Driver, Fetch};
use crate::process::{OfKey, Process};
use crate::writer::{Writer, WriterStage};

/// What must never be.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Wrong {
    /// A read gave a version, or an error of one, older than was promised when it began.
    Stale,
    /// A read went on and on.
    Endless,
    /// A read ended with nothing.
    Empty,
}

/// How often each fault may yet happen.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
pub struct Faults {
    /// A command is not carried out, or its answer is lost.
    pub lost: u8,
    /// A command is carried out after its sender has given it up, or a second time.
    pub late: u8,
    /// A value or a flag expires or is evicted.
    pub vanish: u8,
    /// A process dies.
    pub crash: u8,
    /// A caller or writer is cancelled.
    pub cancel: u8,
    /// A fetch fails, or brings what cannot be stored.
    pub fetch: u8,
    /// A near tier loses its connection.
    pub deaf: u8,
    /// A load is given up, its leader not being polled.
    pub give_up: u8,
}

/// A command that nobody waits for.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Late {
    key: u8,
    /// The command.
    pub command: Command<Version>,
    /// Whose connection it is on, where the first sent is the first carried out; none: it may overtake.
    sender: Option<u8>,
}

impl Late {
    /// One that is carried out whenever it likes.
    pub fn at_any_time(key: u8, command: Command<Version>) -> Self {
        Self { key, command, sender: None }
    }

    /// One that is carried out after what its sender sent before.
    pub fn after_others_of(sender: u8, key: u8, command: Command<Version>) -> Self {
        Self { key, command, sender: Some(sender) }
    }
}

/// The state of the model.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct World {
    /// The present version of each key's object.
    pub database: Vec<Version>,
    /// The cache, by key.
    pub cells: Vec<Cell>,
    /// The least version that a read which begins now must see in any process.
    pub promised: Vec<Version>,
    /// The processes.
    pub processes: Vec<Process>,
    /// The callers; none while it is at work.
    pub callers: Vec<Option<Caller>>,
    /// The writers.
    pub writers: Vec<Writer>,
    /// Commands that nobody waits for: each is carried out some time.
    pub late: Vec<Late>,
    /// The faults that may yet happen.
    pub faults: Faults,
    /// Whether the processes keep objects near.
    pub near: bool,
    /// What went wrong.
    pub wrong: Option<Wrong>,
}

/// What becomes of commands on their way.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fate {
    /// They are carried out and answered.
    Sound,
    /// They are carried out, and the answers are lost.
    AnswerLost,
    /// They are lost.
    NeverArrive,
    /// Their sender gives them up, and they are carried out later.
    ArriveLater,
    /// They are carried out and answered, and carried out again later.
    ArriveTwice,
}

impl Fate {
    /// Those that happen without a fault, and those that do not.
    pub const ALL: [Self; 5] =
        [Self::Sound, Self::AnswerLost, Self::NeverArrive, Self::ArriveLater, Self::ArriveTwice];

    /// Those that are faults, and may yet happen.
    pub(crate) fn ill(faults: Faults) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().skip(1).filter(move |fate| fate.happens(&mut faults.clone()))
    }

    /// Takes the fault from what may yet happen; whether it may.
    pub(crate) fn happens(self, faults: &mut Faults) -> bool {
        let left = match self {
            Self::Sound => return true,
            Self::AnswerLost | Self::NeverArrive => &mut faults.lost,
            Self::ArriveLater | Self::ArriveTwice => &mut faults.late,
        };
        take(left)
    }
}

/// Takes one of what may yet happen; whether it may.
pub(crate) fn take(left: &mut u8) -> bool {
    let may = *left > 0;
    *left = left.saturating_sub(1);
    may
}

/// What happens next.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Event {
    /// A caller does something.
    Caller(usize, CallerDoes),
    /// A writer does something.
    Writer(usize, WriterDoes),
    /// A command that nobody waits for is carried out.
    Arrives(usize),
    /// A process retries an invalidation of a key.
    Retries(usize, usize),
    /// A process hears of a change of a key.
    Hears(usize, usize),
    /// A process hears of changes again.
    HearsAgain(usize),
    /// A key's value expires or is evicted.
    ValueVanishes(usize),
    /// A key's flag expires or is evicted.
    FlagVanishes(usize),
    /// A process loses the connection by which it hears.
    GoesDeaf(usize),
    /// A process dies.
    Crashes(usize),
}

/// What a caller does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CallerDoes {
    /// It asks.
    Begin,
    /// Its commands meet their fate.
    Send(Fate),
    /// It takes the answers.
    TakeAnswers,
    /// Its fetch function reads.
    Fetch,
    /// Its fetch function fails, or brings what cannot be stored.
    FetchElse(Fetch),
    /// It takes what was fetched.
    TakeFetched,
    /// It hears what it was told.
    Wake,
    /// It asks again for what another process is to fill.
    AskAgain(usize),
    /// It waits no longer for that.
    LosePatience(usize),
    /// It waits no longer for the load that it follows.
    GiveUp(usize),
    /// It is dropped.
    Cancel,
}

/// What a writer does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum WriterDoes {
    /// It begins.
    Begin,
    /// Its command meets its fate.
    Send(Fate),
    /// It takes the answer.
    TakeAnswer,
    /// It changes the database.
    Work,
    /// It is dropped.
    Cancel,
}

impl World {
    /// Everything that happens without a fault, sooner or later.
    pub fn progress(&self, to: &mut Vec<Event>) {
        for (number, caller) in self.callers.iter().flatten().enumerate() {
            let mut does = |what| to.push(Event::Caller(number, what));
            match caller.stage {
                CallerStage::Idle if self.lives(caller.process) => does(CallerDoes::Begin),
                CallerStage::Sent => does(CallerDoes::Send(Fate::Sound)),
                CallerStage::Answered => does(CallerDoes::TakeAnswers),
                CallerStage::Fetching => does(CallerDoes::Fetch),
                CallerStage::Fetched => does(CallerDoes::TakeFetched),
                CallerStage::Waiting => {
                    if caller.was_told() {
                        does(CallerDoes::Wake);
                    }
                    for place in caller.waits() {
                        if caller.is_patient(place) {
                            does(CallerDoes::AskAgain(place));
                        }
                        does(CallerDoes::LosePatience(place));
                    }
                }
                CallerStage::Idle | CallerStage::Over | CallerStage::Gone => {}
            }
        }
        for (number, writer) in self.writers.iter().enumerate() {
            let mut does = |what| to.push(Event::Writer(number, what));
            match writer.stage {
                WriterStage::Idle if self.lives(writer.process) => does(WriterDoes::Begin),
                WriterStage::Sent(_) => does(WriterDoes::Send(Fate::Sound)),
                WriterStage::Answered(..) => does(WriterDoes::TakeAnswer),
                WriterStage::Working => does(WriterDoes::Work),
                WriterStage::Idle | WriterStage::Over | WriterStage::Gone => {}
            }
        }
        for (at, late) in self.late.iter().enumerate() {
            let waits_for = |before: &Late| late.sender.is_some() && before.sender == late.sender;
            if !self.late[..at].iter().any(waits_for) {
                to.push(Event::Arrives(at));
            }
        }
        for (number, process) in self.processes.iter().enumerate().filter(|(_, one)| one.alive) {
            for (key, here) in process.keys.iter().enumerate() {
                if !here.debts.is_empty() {
                    to.push(Event::Retries(number, key));
                }
                if here.near.unheard > 0 {
                    to.push(Event::Hears(number, key));
                }
            }
            if process.keys.iter().any(|here| here.near.deaf) {
                to.push(Event::HearsAgain(number));
            }
        }
    }

    /// The faults that may happen now.
    pub fn faults(&self, to: &mut Vec<Event>) {
        let fates = || Fate::ill(self.faults);
        for (number, caller) in self.callers.iter().flatten().enumerate() {
            if caller.stage == CallerStage::Sent {
                to.extend(fates().map(|fate| Event::Caller(number, CallerDoes::Send(fate))));
            }
            if caller.stage == CallerStage::Fetching && self.faults.fetch > 0 {
                let others =
                    [Fetch::Unstorable, Fetch::Refused, Fetch::Failed, Fetch::FailedUnfenced];
                to.extend(others.map(|other| Event::Caller(number, CallerDoes::FetchElse(other))));
            }
            if self.faults.give_up > 0 {
                let follows = caller.follows();
                to.extend(follows.map(|place| Event::Caller(number, CallerDoes::GiveUp(place))));
            }
            if caller.is_under_way() && self.faults.cancel > 0 {
                to.push(Event::Caller(number, CallerDoes::Cancel));
            }
        }
        for (number, writer) in self.writers.iter().enumerate() {
            if matches!(writer.stage, WriterStage::Sent(_)) {
                to.extend(fates().map(|fate| Event::Writer(number, WriterDoes::Send(fate))));
            }
            if writer.is_under_way() && self.faults.cancel > 0 {
                to.push(Event::Writer(number, WriterDoes::Cancel));
            }
        }
        for (key, cell) in self.cells.iter().enumerate().filter(|_| self.faults.vanish > 0) {
            if cell.value.is_some() {
                to.push(Event::ValueVanishes(key));
            }
            if cell.flag != Flag::Free {
                to.push(Event::FlagVanishes(key));
            }
        }
        for (number, process) in self.processes.iter().enumerate().filter(|(_, one)| one.alive) {
            if self.faults.crash > 0 {
                to.push(Event::Crashes(number));
            }
            if self.near && self.faults.deaf > 0 && process.keys.iter().all(|here| !here.near.deaf)
            {
                to.push(Event::GoesDeaf(number));
            }
        }
    }

    /// Lets something happen.
    pub fn on(&mut self, event: Event, without: Without) {
        match event {
            Event::Caller(number, does) => self.on_caller(number, does, without),
            Event::Writer(number, does) => {
                let mut writer = self.writers[number].clone();
                self.on_writer(&mut writer, does, without);
                self.writers[number] = writer;
            }
            Event::Arrives(at) => {
                let late = self.late.remove(at);
                self.carry_out(late.key, &late.command, without);
            }
            Event::Retries(process, key) => {
                let (command, version) = self.processes[process].keys[key].debts.remove(0);
                let key = u8::try_from(key).unwrap_or(0);
                self.carry_out(key, &command, without);
                self.processes[process].keys[usize::from(key)].near.change();
                self.promise(key, version);
            }
            Event::Hears(process, key) => {
                let near = &mut self.processes[process].keys[key].near;
                near.unheard -= 1;
                near.change();
            }
            Event::HearsAgain(process) => {
                self.processes[process].keys.iter_mut().for_each(|here| here.near.deaf = false);
            }
            Event::ValueVanishes(key) => {
                take(&mut self.faults.vanish);
                self.cells[key].value = None;
                self.push(key);
            }
            Event::FlagVanishes(key) => {
                take(&mut self.faults.vanish);
                self.cells[key].flag = Flag::Free;
                let of_key = |writer: &&mut Writer| usize::from(writer.key) == key;
                self.writers.iter_mut().filter(of_key).for_each(|one| one.hold_vanished = true);
            }
            Event::GoesDeaf(process) => {
                take(&mut self.faults.deaf);
                for here in &mut self.processes[process].keys {
                    here.near.change();
                    (here.near.deaf, here.near.unheard) = (true, 0);
                }
            }
            Event::Crashes(process) => self.crash(process),
        }
    }

    fn on_caller(&mut self, number: usize, does: CallerDoes, without: Without) {
        let Some(caller) = self.callers[number].take() else { return };
        let mut driver = Driver { world: self, caller, without };
        match does {
            CallerDoes::Begin => driver.begin(),
            CallerDoes::Send(fate) => {
                fate.happens(&mut driver.world.faults);
                driver.arrive(|world, key, command| world.meet(fate, key, command, without));
            }
            CallerDoes::TakeAnswers => driver.take_answers(),
            CallerDoes::Fetch => driver.fetch(Fetch::Storable),
            CallerDoes::FetchElse(fetch) => {
                take(&mut driver.world.faults.fetch);
                driver.fetch(fetch);
            }
            CallerDoes::TakeFetched => driver.take_fetched(),
            CallerDoes::Wake => driver.wake(),
            CallerDoes::AskAgain(place) => driver.end_wait(place, true),
            CallerDoes::LosePatience(place) => driver.end_wait(place, false),
            CallerDoes::GiveUp(place) => {
                take(&mut driver.world.faults.give_up);
                driver.give_up(place);
            }
            CallerDoes::Cancel => {
                take(&mut driver.world.faults.cancel);
                driver.cancel();
            }
        }
        let caller = driver.caller;
        let process = &mut self.processes[usize::from(caller.process)];
        process.keys.iter_mut().for_each(OfKey::forget_if_idle);
        self.callers[number] = Some(caller);
    }

    fn on_writer(&mut self, writer: &mut Writer, does: WriterDoes, without: Without) {
        match does {
            WriterDoes::Begin => writer.begin(),
            WriterDoes::Send(fate) => {
                fate.happens(&mut self.faults);
                if let WriterStage::Sent(command) = writer.stage.clone() {
                    let answer = self.meet(fate, writer.key, command.clone(), without);
                    writer.stage = WriterStage::Answered(command, answer);
                }
            }
            WriterDoes::TakeAnswer => writer.take_answer(self),
            WriterDoes::Work => writer.work(self),
            WriterDoes::Cancel => {
                take(&mut self.faults.cancel);
                writer.cancel(self);
            }
        }
    }

    fn meet(&mut self, fate: Fate, key: u8, command: Command<Version>, without: Without) -> Answer {
        match fate {
            Fate::Sound => Ok(self.carry_out(key, &command, without)),
            Fate::AnswerLost => {
                self.carry_out(key, &command, without);
                Err(Lost)
            }
            Fate::NeverArrive => Err(Lost),
            Fate::ArriveLater => {
                self.late.push(Late::at_any_time(key, command));
                Err(Lost)
            }
            Fate::ArriveTwice => {
                let reply = self.carry_out(key, &command, without);
                self.late.push(Late::at_any_time(key, command));
                Ok(reply)
            }
        }
    }

    fn carry_out(
        &mut self,
        key: u8,
        command: &Command<Version>,
        without: Without,
    ) -> cachecow::protocol::Reply<Version> {
        let key = usize::from(key);
        let before = self.cells[key].value;
        let reply = self.cells[key].carry_out(command, without);
        if self.cells[key].value != before {
            self.push(key);
        }
        reply
    }

    /// Tells the processes of a change; they hear of it some time.
    fn push(&mut self, key: usize) {
        for process in &mut self.processes {
            let near = &mut process.keys[key].near;
            if self.near && !near.deaf {
                near.unheard += 1;
            }
        }
    }

    /// From here on every read that begins must see at least this version.
    pub fn promise(&mut self, key: u8, version: Version) {
        let promised = &mut self.promised[usize::from(key)];
        *promised = version.max(*promised);
    }

    fn lives(&self, process: u8) -> bool {
        self.processes[usize::from(process)].alive
    }

    /// What it has sent may yet arrive; nothing else is left of it.
    fn crash(&mut self, process: usize) {
        take(&mut self.faults.crash);
        let keys = self.cells.len();
        self.processes[process] = Process::new(keys);
        self.processes[process].alive = false;
        for caller in self.callers.iter_mut().flatten() {
            if usize::from(caller.process) == process && caller.is_under_way() {
                let sent = caller.crash().into_iter();
                self.late.extend(sent.map(|(key, command)| Late::at_any_time(key, command)));
            }
        }
        for writer in &mut self.writers {
            if usize::from(writer.process) == process && writer.is_under_way() {
                if let WriterStage::Sent(command) = &writer.stage {
                    self.late.push(Late::at_any_time(writer.key, command.clone()));
                }
                writer.stage = WriterStage::Gone;
            }
        }
    }

    /// Whether nothing more happens without a fault.
    pub fn is_at_rest(&self) -> bool {
        let mut progress = Vec::new();
        self.progress(&mut progress);
        progress.is_empty()
    }

    /// Whether somebody is still under way.
    pub fn anyone_waits(&self) -> bool {
        self.callers.iter().flatten().any(Caller::is_under_way)
            || self.writers.iter().any(Writer::is_under_way)
    }
}
