//! What a reader does, one round after the other.

use cachecow::protocol::tags::{Captured, StampCheck};
use cachecow::protocol::{
    AliasFetch, Command, Lost, PointerHint, ReadMachine, Reply, Step, Verdict, Waited,
};

use super::super::near::Hint;
use super::super::place::{Content, Place, Tag, Value};
use super::super::world::{KeyFlights, Process, World};
use super::super::{Floor, Scene, Skips};
use super::{Ahead, Asked, Does, For, Found, LEASE, Landed, POLICY, Pending, Reader};
use crate::caller::Answer;
use crate::world::Wrong;

/// More rounds than any reader needs.
const MOST_ROUNDS: u8 = 40;

/// A reader that is taken out of its world while it does something.
pub(in super::super) struct Driver<'a> {
    pub(in super::super) scene: &'a Scene,
    pub(in super::super) world: &'a mut World,
    pub(in super::super) reader: Reader,
    /// Its place among the readers.
    pub(in super::super) at: usize,
    /// Whom it tells what, once it is put back.
    pub(in super::super) told: Vec<(usize, Landed)>,
}

impl Driver<'_> {
    pub(super) fn skips(&self, skips: Skips) -> bool {
        self.scene.skips == skips
    }

    pub(super) fn process(&mut self) -> &mut Process {
        &mut self.world.processes[usize::from(self.reader.process)]
    }

    pub(super) fn flights(&mut self) -> &mut KeyFlights {
        let by = self.reader.by;
        self.process().flights(by)
    }

    /// Does it, and goes on until something takes time.
    pub(in super::super) fn go_on(&mut self, does: Does) {
        match does {
            Does::Begin => self.begin(),
            Does::TakeAnswers => self.take_answers(),
            Does::TakeFetched => self.take_fetched(),
            Does::TakeTold(landed) => self.take_told(landed),
        }
        self.run();
    }

    /// The reader asks.
    pub(super) fn begin(&mut self) {
        let (by, process) = (self.reader.by, usize::from(self.reader.process));
        self.reader.floor = self.world.floor(process);
        self.reader.hint = self.process().hint;
        if self.scene.whole {
            self.reader.hint.tag = Some(Tag::Red);
        }
        self.reader.pending = Pending::Nothing;
        if self.process().bypasses(by) {
            self.reader.read = ReadMachine::past_the_cache(POLICY);
        } else if let Some(content) = self.process().near.get(by) {
            let floor = self.world.floor_near(process);
            self.see(content, &floor);
            self.reader.end();
        }
    }

    pub(super) fn see(&mut self, content: Content, floor: &Floor) {
        if self.scene.is_stale(self.reader.by, content, floor) {
            self.world.wrong.get_or_insert(Wrong::Stale);
        }
    }

    pub(super) fn run(&mut self) {
        while self.reader.pending == Pending::Nothing {
            self.reader.rounds += 1;
            if self.reader.rounds > MOST_ROUNDS {
                self.world.wrong.get_or_insert(Wrong::Endless);
                self.reader.pending = Pending::Over;
            } else if self.reader.link.is_some() {
                self.step_link();
            } else {
                self.step_read();
            }
        }
    }

    pub(super) fn ask(&mut self, waits: For, commands: Vec<(Place, Command<Value>)>) {
        if self.scene.near {
            let near = &self.world.processes[usize::from(self.reader.process)].near;
            for (place, _) in &commands {
                self.reader.marks[place.index()].get_or_insert(near.mark(*place));
            }
        }
        let asked = commands.into_iter();
        let asked = asked.map(|(place, command)| Asked { place, command, answer: None });
        self.reader.waits = waits;
        self.reader.pending = Pending::Asked(asked.collect());
    }

    /// The answers to one round are there.
    pub(super) fn take_answers(&mut self) {
        let pending = std::mem::replace(&mut self.reader.pending, Pending::Nothing);
        let Pending::Asked(mut asked) = pending else { return };
        let guard = self.scene.guard();
        let takes = |one: &Asked| matches!(one.command, Command::TakeEpoch { .. });
        let captures = asked.iter().any(|one| one.place == guard && takes(one));
        let mut take = |place: Place| {
            let at = asked.iter().position(|one| one.place == place)?;
            asked.remove(at).answer
        };
        let lost = Err(Lost);
        match self.reader.waits {
            For::ReadMachine => {
                let own = take(self.reader.by).unwrap_or(lost);
                if captures {
                    self.reader.captured = Captured::by(&take(guard).unwrap_or(Err(Lost)));
                    self.reader.epoch = self.reader.hint.tag.and_then(|tag| take(Place::Tag(tag)));
                } else {
                    let epoch = self.reader.hint.tag;
                    let epoch = epoch.and_then(|tag| Some((tag, take(Place::Tag(tag))?)));
                    let ahead = Ahead { object: take(Place::Primary), epoch };
                    self.reader.ahead = Some(ahead).filter(|ahead| *ahead != Ahead::default());
                }
                self.on_reply(own);
            }
            For::Pointer => {
                let found = self.reader.found.take().and_then(|found| found.pointer);
                let answer = take(Place::Primary).unwrap_or(lost);
                self.judge_pointer(found, &answer, None);
            }
            For::Epoch => {
                let Some(found) = self.reader.found.take() else { return };
                let answer = found.content.tag.and_then(|tag| take(Place::Tag(tag)));
                match Self::check(&found, &answer.unwrap_or(lost)) {
                    StampCheck::Current => self.accept(&found),
                    StampCheck::Outdated => self.reject(&found),
                    StampCheck::Unknown => self.judged(Verdict::Unknown),
                }
            }
            For::Guard => {
                self.reader.captured = Captured::by(&take(guard).unwrap_or(lost));
                self.reader.epoch = self.reader.hint.tag.and_then(|tag| take(Place::Tag(tag)));
                self.reader.pending = Pending::Fetch;
            }
            For::AliasFetch => {
                let answer = take(Place::Primary).unwrap_or(lost);
                if matches!(&answer, Ok(reply) if !matches!(reply, Reply::Claimed(_))) {
                    self.reader.claim = None;
                }
                if let Some(link) = &mut self.reader.link {
                    link.on_reply(answer);
                }
            }
            For::Stamp => {
                let is_read = !asked.iter().any(takes);
                let answer = asked.pop().and_then(|one| one.answer);
                if is_read {
                    self.reader.guard = answer;
                } else if self.scene.whole {
                    // It is the guard, too.
                    (self.reader.guard, self.reader.epoch) = (answer.clone(), answer);
                } else {
                    self.reader.epoch = answer;
                }
                self.stamp();
            }
        }
    }

    pub(super) fn on_reply(&mut self, mut own: Answer<Value>) {
        if let (Some(lead), Ok(reply)) = (&mut self.reader.lead, &own)
            && !matches!(reply, Reply::Claimed(_))
        {
            lead.claim_settled();
        }
        if self.skips(Skips::Pointer)
            && let Some(Ahead { object: Some(Ok(Reply::Value(_))), .. }) = &self.reader.ahead
            && let Some(hint) = &self.reader.hint.pointer
        {
            own = Ok(Reply::Value(Value::Pointer(hint.stored_by)));
        }
        self.reader.read.on_reply(own);
    }

    pub(super) fn step_read(&mut self) {
        match self.reader.read.next_step() {
            Step::Send(command) => self.send(command),
            Step::Judge(pointer @ Value::Pointer(stored_by)) => {
                let found = PointerHint { stored_by, primary: () };
                self.remember(|hint| hint.pointer = Some(found));
                let is_it = self
                    .reader
                    .hint
                    .pointer
                    .is_some_and(|hint| hint.is_still(found.stored_by, &found.primary));
                let ahead = self.reader.ahead.take().unwrap_or_default();
                match ahead.object {
                    Some(object) if is_it || self.skips(Skips::TokenOfThePointer) => {
                        self.judge_pointer(Some(pointer), &object, ahead.epoch.as_ref());
                    }
                    _ if self.must_not_look() => self.judged(Verdict::Unknown),
                    _ => {
                        // Only the pointer is known of it.
                        let content = Content { number: 0, tag: None };
                        let pointer = Some(pointer);
                        self.reader.found = Some(Found { pointer, content, epoch: None });
                        self.ask(For::Pointer, vec![(Place::Primary, Command::Lookup)]);
                    }
                }
            }
            Step::Judge(Value::Object(content, epoch)) => {
                let ahead = self.reader.ahead.take().unwrap_or_default();
                let found = Found { pointer: None, content, epoch };
                self.judge(found, ahead.epoch.as_ref());
            }
            Step::Enter => self.enter(false),
            Step::Lead => self.enter(true),
            Step::Wait => self.reader.read.on_waited(Waited::Expired),
            Step::Fetch => {
                if let Some(lead) = &self.reader.lead {
                    let process = &mut self.world.processes[usize::from(self.reader.process)];
                    lead.begin_fetch(process.flights(self.reader.by));
                }
                if self.reader.by == Place::Alias && self.reader.read.may_fill() {
                    let token = self.reader.fresh();
                    let led_to = self.reader.led_to.take();
                    self.reader.link = Some(AliasFetch::new(LEASE, led_to, token));
                } else {
                    self.reader.pending = Pending::Fetch;
                }
            }
            Step::Follow => self.reader.pending = Pending::Follow,
            Step::Done(outcome) => self.finish(outcome),
        }
    }

    /// Sends a command of the read, and with it what can be asked for at once.
    pub(super) fn send(&mut self, command: Command<Value>) {
        let by = self.reader.by;
        if let Some(lead) = &mut self.reader.lead {
            let process = &mut self.world.processes[usize::from(self.reader.process)];
            lead.on_send(process.flights(by), &command);
        }
        let mut commands = vec![(by, command)];
        match commands[0].1 {
            Command::Claim { .. } if by == Place::Primary => commands.extend(self.capture()),
            // What is remembered serves the first round.
            Command::Lookup if self.reader.rounds == 1 => {
                let Hint { pointer, tag, .. } = self.reader.hint;
                let object = pointer.filter(|_| by == Place::Alias && !self.must_not_look());
                commands.extend(object.map(|_| (Place::Primary, Command::Lookup)));
                let tag = tag.filter(|_| by == Place::Primary || object.is_some());
                commands.extend(tag.map(|tag| (Place::Tag(tag), Command::ReadEpoch)));
            }
            _ => {}
        }
        self.ask(For::ReadMachine, commands);
    }

    /// Whether what stands under the primary key may be outdated. Looked at before that is asked for: when it is
    /// there, the invalidation that was outstanding may have come after it.
    fn must_not_look(&mut self) -> bool {
        !self.skips(Skips::DebtBeforeLookup) && self.process().owes(Place::Primary)
    }

    /// What is taken of the type's tags before a fetch.
    pub(super) fn capture(&mut self) -> Vec<(Place, Command<Value>)> {
        if !self.scene.tagged() {
            return Vec::new();
        }
        self.reader.guard = None;
        self.reader.epoch = None;
        let tag = self.reader.hint.tag.filter(|_| self.skips(Skips::EpochAfterFetch));
        let places = [self.scene.guard()].into_iter().chain(tag.map(Place::Tag));
        places.map(|place| (place, self.take_epoch())).collect()
    }

    pub(super) fn take_epoch(&mut self) -> Command<Value> {
        Command::TakeEpoch { fresh: self.reader.fresh(), ttl: LEASE }
    }

    pub(super) fn remember(&mut self, remember: impl FnOnce(&mut Hint)) {
        if self.scene.remembers {
            remember(&mut self.process().hint);
        }
    }
}
