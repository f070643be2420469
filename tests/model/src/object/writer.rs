//! A writer: changes of the database, and what the cache is told of them.

use std::time::Duration;

use cachecow::protocol::{Command, HoldPolicy, Lost, Reply, Token, WriteMachine, WriteStep};

use super::place::{Place, Tag, Value};
use super::world::World;
use super::{Scene, Skips};
use crate::caller::Answer;
use crate::world::Fate;

const TOKEN: Token = Token::from_bytes([240; 16]);
const HOLD: Duration = Duration::from_secs(60);
const SETTLE: Duration = Duration::from_secs(1);

/// What a writer does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Write {
    /// The database changes.
    Change,
    /// A key is invalidated.
    Invalidate(Place),
    /// A tag is invalidated.
    InvalidateTag(Tag),
    /// A key is held, before a change.
    Hold(Place),
    /// The hold ends, after the change.
    Release(Place),
    /// A tag is held, before a change.
    HoldTag(Tag),
    /// The hold ends, after the change.
    ReleaseTag(Tag),
    /// Everything of the type is invalidated.
    InvalidateWhole,
    /// Everything of the type is held, before a change.
    HoldWhole,
    /// The hold ends, after the change.
    ReleaseWhole,
}

/// One that does one thing after the other, each until it is confirmed.
#[derive(Clone, Default, PartialEq, Eq, Hash, Debug)]
pub(super) struct Writer {
    /// How much it has done.
    done: usize,
    /// The invalidation or the write of a tag that is under way.
    tag: Option<WriteMachine>,
    /// What it holds: a key, or a tag.
    held: Option<Place>,
    /// The guard's hold was evicted before the tag's epoch ended.
    lost_guard: bool,
}

impl Writer {
    pub(super) fn is_over(&self, scene: &Scene) -> bool {
        self.done >= scene.writes.len()
    }

    /// Whether its next step is a command.
    pub(super) fn sends(&self, scene: &Scene) -> bool {
        scene.writes.get(self.done).is_some_and(|write| *write != Write::Change)
    }

    /// Its hold may have been evicted, and protects its write only as an invalidation does.
    pub(super) fn on_flag_vanished(&mut self, place: Place) {
        let of_tags = |held: &Place| place == Place::Guard && matches!(held, Place::Tag(_));
        self.held.take_if(|held| *held == place || of_tags(held));
        self.lost_guard |= place == Place::Guard;
    }

    pub(super) fn go_on(&mut self, scene: &Scene, world: &mut World, fate: Fate) {
        let Some(write) = scene.writes.get(self.done).copied() else { return };
        let token = TOKEN;
        let done = match write {
            Write::Change => {
                world.database += 1;
                // Whatever becomes of the writer from here on, nobody is served the old object.
                if let Some(place) = self.held {
                    world.promise(place);
                }
                true
            }
            Write::Invalidate(place) => {
                // Never released: it ends once the replica has followed.
                let settling = Command::Hold { token, ttl: SETTLE };
                let settles = scene.lags && scene.skips != Skips::Settling;
                let command = if settles { settling } else { Command::Invalidate };
                let done = is_done(&world.meet(scene, fate, place, command));
                world.on_invalidated(scene, place, done);
                done
            }
            Write::InvalidateTag(tag) => {
                let invalidation = || WriteMachine::invalidation(token).of_tags();
                self.change_tag(scene, world, fate, tag, invalidation)
            }
            Write::HoldTag(tag) => {
                let write = || WriteMachine::new(token, HOLD, HoldPolicy::Require).of_tags();
                self.change_tag(scene, world, fate, tag, write)
            }
            Write::ReleaseTag(tag) => self.release_tag(scene, world, fate, tag),
            // As a key is, in its own place.
            Write::InvalidateWhole => {
                let settles = scene.lags && scene.skips != Skips::Settling;
                let settling = Command::HoldEpoch { token, ttl: SETTLE };
                let command = if settles { settling } else { Command::EndEpoch };
                let done = is_done(&world.meet(scene, fate, scene.guard(), command));
                world.on_invalidated(scene, scene.guard(), done);
                done
            }
            Write::HoldWhole => {
                let hold = Command::HoldEpoch { token, ttl: HOLD };
                let held = world.meet(scene, fate, scene.guard(), hold);
                self.held = is_done(&held).then_some(scene.guard());
                self.held.is_some()
            }
            Write::ReleaseWhole => {
                let release = Command::ReleaseEpoch { token };
                let done = is_done(&world.meet(scene, fate, scene.guard(), release));
                self.held.take_if(|_| done);
                world.on_invalidated(scene, scene.guard(), done);
                done
            }
            Write::Hold(place) => {
                let held = world.meet(scene, fate, place, Command::Hold { token, ttl: HOLD });
                self.held = is_done(&held).then_some(place);
                self.held.is_some()
            }
            Write::Release(place) => {
                let done = is_done(&world.meet(scene, fate, place, Command::Release { token }));
                self.held.take_if(|_| done);
                world.on_invalidated(scene, place, done);
                done
            }
        };
        self.done += usize::from(done);
    }

    /// The invalidation of a tag, or what goes before a write of it: one step; whether it was the last.
    fn change_tag(
        &mut self,
        scene: &Scene,
        world: &mut World,
        fate: Fate,
        tag: Tag,
        begin: impl Fn() -> WriteMachine,
    ) -> bool {
        let settles = scene.lags && scene.skips != Skips::Settling;
        let settle = if settles { SETTLE } else { Duration::ZERO };
        let mut machine = self.tag.take().unwrap_or_else(|| begin().with_settle(settle));
        let (mut guard, mut of_tag) = (Place::Guard, Place::Tag(tag));
        if scene.skips == Skips::GuardFirst {
            std::mem::swap(&mut guard, &mut of_tag);
        }
        let (place, command) = match machine.next_step::<Value>() {
            WriteStep::Send(Command::HoldEpoch { .. }) if scene.skips == Skips::HoldOfTheGuard => {
                (guard, Command::EndEpoch)
            }
            WriteStep::Send(command) => (guard, command),
            WriteStep::SendToTags(command) => (of_tag, command),
            WriteStep::Work | WriteStep::Done(_) => return false,
        };
        let done = is_done(&world.meet(scene, fate, place, command));
        machine.on_reply(if done { Ok(()) } else { Err(Lost) });
        let is_ready = machine.is_ready();
        if done && !is_ready && machine.outcome().is_none() {
            self.tag = Some(machine);
            return false;
        }
        if is_ready {
            self.held = Some(Place::Tag(tag)).filter(|_| !self.lost_guard);
            self.tag = Some(machine);
        } else {
            world.on_invalidated(scene, Place::Tag(tag), done);
        }
        done
    }

    /// What follows the work: one step; whether it was the last. Until it is confirmed, it is repeated as an
    /// invalidation whose guard is released.
    fn release_tag(&mut self, scene: &Scene, world: &mut World, fate: Fate, tag: Tag) -> bool {
        let write = || WriteMachine::new(TOKEN, HOLD, HoldPolicy::Proceed).of_tags();
        if let Some(machine) = &mut self.tag
            && machine.is_ready()
        {
            let _work: WriteStep<Value> = machine.next_step();
            machine.on_worked();
        }
        let again = || {
            let mut machine = write();
            machine.abort();
            machine
        };
        let done = self.change_tag(scene, world, fate, tag, again);
        self.held.take_if(|_| done);
        done
    }
}

fn is_done(answer: &Answer<Value>) -> bool {
    *answer == Ok(Reply::Done)
}
