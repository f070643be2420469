//! A writer: changes of the database, and what the cache is told of them.

use std::time::Duration;

use cachecow::protocol::tags::{TagInvalidation, TagStep};
use cachecow::protocol::{Command, Lost, Reply, Token};

use super::place::{Place, Tag, Value};
use super::world::World;
use super::{Scene, Skips};
use crate::caller::Answer;
use crate::world::Fate;

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
}

/// One that does one thing after the other, each until it is confirmed.
#[derive(Clone, Default, PartialEq, Eq, Hash, Debug)]
pub(super) struct Writer {
    /// How much it has done.
    done: usize,
    /// The invalidation of a tag that is under way.
    tag: Option<TagInvalidation>,
    /// What it holds.
    held: Option<Place>,
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
        self.held.take_if(|held| *held == place);
    }

    pub(super) fn go_on(&mut self, scene: &Scene, world: &mut World, fate: Fate) {
        let Some(write) = scene.writes.get(self.done).copied() else { return };
        let token = Token::from_bytes([240; 16]);
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
            Write::InvalidateTag(tag) => self.invalidate_tag(scene, world, fate, tag),
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

    /// Whether it is invalidated; else there is more to do, or it is begun anew.
    fn invalidate_tag(&mut self, scene: &Scene, world: &mut World, fate: Fate, tag: Tag) -> bool {
        let settles = scene.lags && scene.skips != Skips::Settling;
        let settle = if settles { SETTLE } else { Duration::ZERO };
        let mut invalidation = self.tag.take().unwrap_or_else(|| TagInvalidation::new(settle));
        let (mut guard, mut of_tag) = (Place::Guard, Place::Tag(tag));
        if scene.skips == Skips::GuardFirst {
            std::mem::swap(&mut guard, &mut of_tag);
        }
        let (place, command, is_last) = match invalidation.next_step::<Value>() {
            TagStep::Guard(command) => (guard, command, false),
            TagStep::Tags(command) => (of_tag, command, true),
            TagStep::Done(_) => return false,
        };
        let done = is_done(&world.meet(scene, fate, place, command));
        invalidation.on_reply(if done { Ok(()) } else { Err(Lost) });
        if done && !is_last {
            self.tag = Some(invalidation);
            return false;
        }
        world.on_invalidated(scene, Place::Tag(tag), done);
        done
    }
}

fn is_done(answer: &Answer<Value>) -> bool {
    *answer == Ok(Reply::Done)
}
