//! Objects that a work returned, which are stored when its write ends.

use std::time::Duration;

use bytes::Bytes;

use super::invalidation::{Change, Target};
use super::read::lifetimes;
use super::{Engine, Urgency, read_back};
use crate::backend::Request;
use crate::document::{self, Header};
use crate::key::{Key, KeyMap, Scope};
use crate::model::cached::Cached;
use crate::model::keys::KeySet;
use crate::model::tag;
use crate::protocol::tags::{self, Captured};
use crate::protocol::{Command, Lost, Reply};
use crate::stats::{Counter, TypeState};

/// What is known once the work has succeeded.
pub(crate) struct AfterWork<'a> {
    engine: &'a Engine,
    scope: Scope,
    /// How long the write has taken so far.
    took: Duration,
    /// Further keys to invalidate.
    pub(crate) named: KeySet,
    objects: Vec<WrittenObject>,
}

/// An object, encoded for storing.
pub(crate) struct WrittenObject {
    key: Key,
    document: Vec<u8>,
    ttl: Duration,
    /// The guards of its type, if its objects carry epochs.
    guards: Vec<Key>,
    tags: Vec<Key>,
    state: fn(&Engine) -> &TypeState,
}

/// The guards of types, as they were before the work.
pub(crate) type Guards = KeyMap<Captured>;

impl<'a> AfterWork<'a> {
    pub(crate) fn new(engine: &'a Engine, scope: Scope, took: Duration) -> Self {
        Self { engine, scope, took, named: KeySet::default(), objects: Vec::new() }
    }

    /// Adds the object's keys to the invalidation, and the object to what is stored under the primary key.
    pub(crate) fn store<T: Cached>(&mut self, object: &T) {
        self.named.add_object(object);
        self.objects.extend(WrittenObject::of(self.engine, self.scope, object, self.took));
    }

    /// Returns what to invalidate and what to store.
    pub(crate) fn into_parts(self) -> (Vec<Target>, Vec<WrittenObject>) {
        (self.engine.targets_of(self.scope, self.named), self.objects)
    }
}

impl WrittenObject {
    /// `None` if it cannot be stored.
    fn of<T: Cached>(engine: &Engine, scope: Scope, object: &T, took: Duration) -> Option<Self> {
        let state = engine.types.of::<T>();
        if state.clashes() {
            return None;
        }
        let (logical, ttl) = lifetimes(&engine.settings, Some(object), None)?;
        let header = Header::new(T::FINGERPRINT, engine.wall_clock(), took, logical);
        let document = read_back::encode(engine, state, header, object)?;
        let (mut key, mut tags) = (None, Vec::new());
        // The primary key comes first.
        object.each_key(&mut |each| key = key.or(Some(scope.key(each))));
        tag::each_epoch(Some(object), &mut |epoch| tags.push(scope.key(epoch)));
        let (guards, state) = (guards::<T>(scope), state_of::<T> as _);
        Some(Self { key: key?, document, ttl, guards, tags, state })
    }

    /// Its key, and the epochs that it carries.
    #[cfg(feature = "testing")]
    pub(super) fn epochs(&self) -> (Key, Vec<Key>) {
        (self.key, self.tags.clone())
    }
}

/// The guards that must be unchanged after the work, for an object of the type to be stored.
pub(crate) fn guards<T: Cached>(scope: Scope) -> Vec<Key> {
    let mut guards = Vec::new();
    tag::each_guard::<T>(&mut |guard| guards.push(scope.key(guard)));
    guards
}

fn state_of<T: Cached>(engine: &Engine) -> &TypeState {
    engine.types.of::<T>()
}

impl Engine {
    /// Reads the guards of the types whose objects a write will store, before the work begins.
    pub(super) async fn capture(&self, guards: &[Key], ttl: Duration) -> Guards {
        if guards.is_empty() {
            return Guards::default();
        }
        let take = |&key| (key, Command::TakeEpoch { fresh: self.tokens.fresh(), ttl });
        let answers = self.ask(guards.iter().map(take).collect()).await;
        answers.into_iter().map(|(key, answer)| (key, Captured::by(&answer))).collect()
    }

    /// Lets the objects be stored when the holds of their keys are released. Objects whose key is not held are left
    /// out.
    pub(super) async fn store_with(
        &self,
        changes: &mut [Change],
        objects: Vec<WrittenObject>,
        guards: &Guards,
    ) {
        for mut object in objects {
            let Some(at) = changes.iter().position(|change| change.may_store(object.key)) else {
                continue;
            };
            if !self.stamp(&mut object, guards).await {
                continue;
            }
            let packing = &self.settings.packing;
            let Some(value) = packing.pack(object.key, Bytes::from(object.document)) else {
                continue;
            };
            changes[at].storing = Some((value, object.ttl));
            changes[at].state = Some(object.state);
        }
    }

    /// Adds the tags' epochs to the object; returns whether it may be stored.
    async fn stamp(&self, object: &mut WrittenObject, guards: &Guards) -> bool {
        if object.guards.is_empty() {
            return true;
        }
        let captured = object.guards.iter().map(|guard| guards.get(guard).copied());
        let captured: Vec<Captured> = captured.map(Option::unwrap_or_default).collect();
        if !captured.iter().all(|guard| guard.is_taken()) {
            return false;
        }
        let take = |&tag| (tag, Command::TakeEpoch { fresh: self.tokens.fresh(), ttl: object.ttl });
        let taken = self.ask(object.tags.iter().map(take).collect()).await;
        // After the epochs were read; see `protocol::tags`.
        let read = object.guards.iter().map(|&guard| (guard, Command::ReadEpoch)).collect();
        let of_guards = self.ask(read).await;
        if !tags::all_stand(&captured, of_guards.iter().map(|(_, answer)| answer)) {
            return false;
        }
        let Some(epochs) = tags::taken(taken.iter().map(|(_, answer)| answer)) else {
            return false;
        };
        let stamps: Vec<_> = object.tags.iter().copied().zip(epochs).collect();
        let stamped = document::with_stamps(&object.document, &stamps, self.settings.max_value_len);
        let fits = stamped.is_ok();
        object.document = stamped.unwrap_or_default();
        fits
    }

    async fn ask(&self, commands: Vec<(Key, Command)>) -> Vec<(Key, Result<Reply, Lost>)> {
        let keys: Vec<Key> = commands.iter().map(|(key, _)| *key).collect();
        let requests = commands.into_iter().map(|(key, command)| Request { key, command });
        let replies = self.client.execute(requests.collect(), Urgency::Read).await;
        keys.into_iter().zip(replies.into_iter().map(|reply| reply.map_err(|_| Lost))).collect()
    }
}

/// Whether the objects of a write were stored.
pub(super) fn count(engine: &Engine, changes: &[Change]) {
    for change in changes {
        if let Some(state) = change.state {
            let counter = if change.stored { Counter::FillsStored } else { Counter::FillsRefused };
            state(engine).count(counter);
        }
    }
}
