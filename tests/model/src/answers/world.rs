//! The database, the cache, the readers and the writers.

use std::time::Duration;

use cachecow::protocol::{Command, HoldPolicy, Reply, Token, WriteMachine, WriteStep};

use super::reader::{Answer, Reader, Rows};
use super::{Kind, Scene, Skips};
use crate::Without;
use crate::cache::{Cell, Epoch, Flag};

const READERS: usize = 2;
const HOLD: Duration = Duration::from_secs(60);

/// The state of the model.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct World {
    pub(super) rows: Rows,
    /// The least that a read which begins now may be returned.
    pub(super) promised: Rows,
    cell: Cell<Answer>,
    epochs: [Epoch; 2],
    /// How many epochs have begun.
    begun: u64,
    writers: [Writer; 2],
    pub(super) readers: [Reader; READERS],
    vanished: u8,
    pub(super) is_wrong: bool,
}

/// What happens next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// A reader goes on: with the value, or with an epoch.
    Reads(usize, usize),
    /// The writer of a tag goes on.
    Writes(usize),
    /// The value vanishes.
    ValueVanishes,
    /// The claim vanishes.
    ClaimVanishes,
    /// An epoch, or what holds it, vanishes.
    EpochVanishes(usize),
}

/// The writer of one tag.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Writer {
    /// Nothing before it has begun.
    write: Option<WriteMachine>,
    is_over: bool,
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            rows: [0; 2],
            promised: [0; 2],
            cell: Cell::default(),
            epochs: [Epoch::None, Epoch::None],
            begun: 0,
            writers: [(); 2].map(|()| Writer { write: None, is_over: false }),
            readers: [(); READERS].map(|()| Reader::new()),
            vanished: 0,
            is_wrong: false,
        }
    }

    pub(super) fn is_done(&self, scene: Scene) -> bool {
        let written = |at: usize| self.writers[at].is_over || scene.writers[at] == Kind::Dies;
        self.readers.iter().all(Reader::is_over) && (0..2).all(written)
    }

    pub(super) fn actions(&self, scene: Scene, to: &mut Vec<Event>) {
        for (at, reader) in self.readers.iter().enumerate() {
            to.extend(reader.parts().into_iter().map(|part| Event::Reads(at, part)));
        }
        to.extend((0..2).filter(|at| !self.writers[*at].is_over).map(Event::Writes));
        if self.vanished < scene.vanishes {
            if self.cell.value.is_some() {
                to.push(Event::ValueVanishes);
            }
            if self.cell.flag != Flag::Free {
                to.push(Event::ClaimVanishes);
            }
            let stands = |at: &usize| self.epochs[*at] != Epoch::None;
            to.extend((0..2).filter(stands).map(Event::EpochVanishes));
        }
    }

    pub(super) fn on(&mut self, event: Event, scene: Scene) {
        match event {
            Event::Reads(at, part) => {
                let mut reader = self.readers[at].clone();
                reader.go_on(self, at, part, scene);
                self.readers[at] = reader;
            }
            Event::Writes(at) => self.write(at, scene),
            Event::ValueVanishes => self.vanish(|world| world.cell.value = None),
            Event::ClaimVanishes => self.vanish(|world| world.cell.flag = Flag::Free),
            Event::EpochVanishes(at) => self.vanish(|world| world.epochs[at] = Epoch::None),
        }
    }

    fn vanish(&mut self, what: impl FnOnce(&mut Self)) {
        what(self);
        self.vanished += 1;
    }

    pub(super) fn ask_value(&mut self, command: &Command<Answer>) -> Reply<Answer> {
        self.cell.carry_out(command, Without::Nothing)
    }

    pub(super) fn ask_epoch(&mut self, tag: usize, command: &Command<Answer>) -> Reply<Answer> {
        self.epochs[tag].carry_out(command, &mut self.begun)
    }

    /// One step of the writer of this tag.
    fn write(&mut self, tag: usize, scene: Scene) {
        let kind = scene.writers[tag];
        let token = Token::from_bytes([200 + u8::from(tag == 1); 16]);
        let Some(mut write) = self.writers[tag].write.take() else {
            let write = if kind == Kind::Invalidates {
                self.rows[tag] += 1;
                WriteMachine::invalidation(token)
            } else {
                WriteMachine::new(token, HOLD, HoldPolicy::Require)
            };
            self.writers[tag].write = Some(write.of_answers());
            return;
        };
        match write.next_step::<Answer>() {
            WriteStep::Send(Command::HoldEpoch { .. }) if scene.skips == Skips::Hold => {
                self.ask_epoch(tag, &Command::EndEpoch);
                write.on_reply(Ok(()));
            }
            WriteStep::Send(command) => {
                assert_eq!(self.ask_epoch(tag, &command), Reply::Done);
                write.on_reply(Ok(()));
            }
            WriteStep::Work => {
                self.rows[tag] += 1;
                let holds = |epoch: &Epoch| matches!(epoch, Epoch::Held(by) if by.contains(&token));
                // Whatever becomes of the writer from here on, nobody is served what was before.
                if holds(&self.epochs[tag]) || scene.skips == Skips::Hold {
                    self.promised[tag] = self.rows[tag];
                }
                write.on_worked();
                self.writers[tag].is_over = kind == Kind::Dies;
            }
            WriteStep::Done(_) => {
                self.promised[tag] = self.rows[tag];
                self.writers[tag].is_over = true;
            }
            WriteStep::SendToTags(_) => unreachable!("answers have no guard"),
        }
        self.writers[tag].write = Some(write);
    }
}
