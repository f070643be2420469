//! A writer: `write` around its work, or the work and an `invalidate` after it.

use std::time::Duration;

use cachecow::protocol::{
    Command, HoldPolicy, Lost, Reply, Token, WriteMachine, WriteOutcome, WriteStep,
};

use crate::cache::Version;
use crate::caller::Answer;
use crate::world::{Late, World};

const HOLD: Duration = Duration::from_secs(60);

/// How a writer tells the cache.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum How {
    /// By `write`.
    Write,
    /// By `write`, and what it wrote is stored.
    WriteThrough,
    /// By `invalidate` after the work.
    Invalidate,
    /// By `invalidate` before the work, which is wrong: a control.
    InvalidateFirst,
}

/// Where a writer is.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum WriterStage {
    /// It has not begun.
    Idle,
    /// A command is on its way to the cache.
    Sent(Command<Version>),
    /// The answer is on its way back.
    Answered(Command<Version>, Answer),
    /// At work in the database.
    Working,
    /// It has returned.
    Over,
    /// It was cancelled, or its process died.
    Gone,
}

/// One writer of one key.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Writer {
    /// Its process.
    pub process: u8,
    /// What it writes.
    pub key: u8,
    /// Where it is.
    pub stage: WriterStage,
    /// How it tells the cache.
    pub how: How,
    /// Whether its hold may have been evicted: it protects its write only as `invalidate` does.
    pub hold_vanished: bool,
    token: Token,
    number: u8,
    write: WriteMachine,
    /// What it wrote.
    version: Version,
}

impl Writer {
    /// A writer that has not begun.
    pub fn new(process: u8, number: u8, key: u8, how: How) -> Self {
        // No caller has such a number.
        let number = 100 + number;
        let mut bytes = [0; 16];
        bytes[..2].copy_from_slice(&[number, 1]);
        let token = Token::from_bytes(bytes);
        let write = WriteMachine::new(token, HOLD, HoldPolicy::Proceed);
        Self {
            process,
            key,
            stage: WriterStage::Idle,
            how,
            hold_vanished: false,
            token,
            number,
            write,
            version: 0,
        }
    }

    fn writes(&self) -> bool {
        matches!(self.how, How::Write | How::WriteThrough)
    }

    /// Whether it is at it.
    pub fn is_under_way(&self) -> bool {
        !matches!(self.stage, WriterStage::Idle | WriterStage::Over | WriterStage::Gone)
    }

    /// It begins.
    pub fn begin(&mut self) {
        self.stage = match self.how {
            How::Write | How::WriteThrough => self.send_next(),
            How::Invalidate => WriterStage::Working,
            How::InvalidateFirst => WriterStage::Sent(Command::Invalidate),
        };
    }

    fn send_next(&mut self) -> WriterStage {
        match self.write.next_step() {
            WriteStep::Send(Command::Release { token })
                if self.how == How::WriteThrough && self.write.held() =>
            {
                let (value, ttl) = (self.version, HOLD);
                WriterStage::Sent(Command::ReleaseAndStore { token, value, ttl })
            }
            WriteStep::Send(command) | WriteStep::SendToTags(command) => WriterStage::Sent(command),
            WriteStep::Work => WriterStage::Working,
            WriteStep::Done(_) => WriterStage::Over,
        }
    }

    /// It changes the database.
    pub fn work(&mut self, world: &mut World) {
        let key = usize::from(self.key);
        world.database[key] += 1;
        self.version = world.database[key];
        self.stage = match self.how {
            How::Write | How::WriteThrough => {
                // Whatever becomes of the writer from here on, nobody is served the old object.
                if self.write.held() && !self.hold_vanished {
                    world.promise(self.key, self.version);
                }
                self.write.on_worked();
                self.send_next()
            }
            How::Invalidate => WriterStage::Sent(Command::Invalidate),
            How::InvalidateFirst => {
                world.promise(self.key, self.version);
                WriterStage::Over
            }
        };
    }

    /// Takes the cache's answer.
    pub fn take_answer(&mut self, world: &mut World) {
        let WriterStage::Answered(command, answer) = self.stage.clone() else { return };
        let is_done = |reply: &Reply<Version>| match command {
            Command::ReleaseAndStore { .. } => matches!(reply, Reply::Settled | Reply::Refused),
            _ => *reply == Reply::Done,
        };
        let done = answer.and_then(|reply| if is_done(&reply) { Ok(()) } else { Err(Lost) });
        let here = &mut world.processes[usize::from(self.process)].keys[usize::from(self.key)];
        here.near.change();
        let worked = self.version > 0;
        if worked && self.writes() {
            here.flights.overtake();
        }
        if done.is_err() && worked {
            // What is repeated stores nothing.
            let last = match command {
                Command::ReleaseAndStore { token, .. } => Command::Release { token },
                command => command,
            };
            here.owe(last, self.version);
        }
        self.stage = match self.how {
            How::Write | How::WriteThrough => {
                self.write.on_reply(done);
                if self.write.outcome() == Some(WriteOutcome::Invalidated) {
                    world.promise(self.key, self.version);
                }
                self.send_next()
            }
            How::Invalidate => {
                if done.is_ok() {
                    world.promise(self.key, self.version);
                }
                WriterStage::Over
            }
            How::InvalidateFirst => WriterStage::Working,
        };
    }

    /// The writer's future is dropped.
    pub fn cancel(&mut self, world: &mut World) {
        let hold_is_out = matches!(
            &self.stage,
            WriterStage::Sent(Command::Hold { .. })
                | WriterStage::Answered(Command::Hold { .. }, _)
        );
        if let WriterStage::Sent(command) = &self.stage {
            world.late.push(Late::after_others_of(self.number, self.key, command.clone()));
        }
        if hold_is_out {
            let release = Command::Release { token: self.token };
            world.late.push(Late::after_others_of(self.number, self.key, release));
        } else if self.writes() && !self.write.held() {
            let here = &mut world.processes[usize::from(self.process)].keys[usize::from(self.key)];
            here.near.change();
            here.owe(Command::Invalidate, self.version);
        }
        self.stage = WriterStage::Gone;
    }
}
