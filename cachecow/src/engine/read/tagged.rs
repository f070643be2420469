//! The additional steps of reads of objects with tags; see [`tags`]. For other types this does nothing.

use std::time::Duration;

use bytes::Bytes;
use smallvec::SmallVec;

use super::drive::{Brought, Reads};
use super::loader::Loader;
use super::query::Tags;
use crate::backend::{BackendError, Request};
use crate::document;
use crate::engine::{Engine, Urgency};
use crate::key::{Key, KeyMap};
use crate::protocol::tags::{self, Captured};
use crate::protocol::{Command, Lost, Reply, Token};
use crate::stats::Counter;

/// How long a guard is kept after it was last used. It only limits the cache's memory: if a guard
/// is lost, fills under way are refused.
const GUARD_TTL: Duration = Duration::from_secs(24 * 60 * 60);

type Answers = KeyMap<Result<Reply, Lost>>;

/// The guards of one place as they were before its fetch, in the order of [`Loader::guards`].
pub(super) type Captures = SmallVec<[Captured; 1]>;

impl Reads<'_> {
    /// The guards to read, if any of these requests claims: no fetch begins before their answers.
    pub(super) fn guards_of(&self, places: &[usize], requests: &[Request]) -> Vec<Key> {
        let claims = |request: &Request| matches!(request.command, Command::Claim { .. });
        let mut guards = Vec::new();
        if requests.iter().any(claims) {
            for &place in places {
                let mut own = self.loader.guards(place);
                own.retain(|guard| !guards.contains(guard));
                guards.extend(own);
            }
        }
        guards
    }

    /// The requests that read these guards.
    pub(super) fn capture(&self, guards: &[Key]) -> impl Iterator<Item = Request> {
        let take = || Command::TakeEpoch { fresh: self.engine.tokens.fresh(), ttl: GUARD_TTL };
        guards.iter().map(move |&key| Request { key, command: take() })
    }

    pub(super) fn take_captures(
        &mut self,
        places: &[usize],
        guards: impl Iterator<Item = (Key, Result<Reply, BackendError>)>,
    ) {
        let lost = |error| self.loader.state().lost(&error);
        let captured = |reply: Result<Reply, BackendError>| Captured::by(&reply.map_err(lost));
        let captured: KeyMap<Captured> =
            guards.map(|(guard, reply)| (guard, captured(reply))).collect();
        for &place in places {
            let own = self.loader.guards(place).into_iter();
            let own = own.map(|guard| captured.get(&guard).copied().unwrap_or_default());
            self.slots[place].captured = own.collect();
        }
    }

    /// Makes sure that fetched objects are stored with their tags' epochs or not at all, and that an error is
    /// shared only if none of its guards changed during the fetch.
    pub(super) async fn stamp(&mut self, all: &mut [Brought]) {
        let mut fenced: Vec<(&mut Brought, Tags)> = Vec::new();
        for brought in all {
            let guards = self.loader.guards(brought.place);
            // A result that was fetched without a claim is neither stored nor shared.
            if !guards.is_empty() && self.slots[brought.place].read.may_fill() {
                fenced.push((brought, guards));
            }
        }
        let slots = fenced.iter().map(|(brought, _)| &self.slots[brought.place]);
        let taken = slots.filter(|slot| slot.captured.iter().any(|guard| guard.is_taken())).count();
        if taken == 0 {
            fenced.iter_mut().for_each(|(brought, _)| brought.refuse());
            return;
        }
        for (brought, _) in &fenced {
            // A caller that joins after the guards are read may follow an invalidation that this load does not
            // notice.
            self.close(brought.place);
        }
        let (tags, guards) = (self.tags_to_store(&fenced), fenced.iter());
        let guards = guards.flat_map(|(_, guards)| guards).copied().collect();
        let epochs = Epochs::take(self.engine, self.loader, tags, guards).await;
        for (brought, guards) in fenced {
            let slot = &self.slots[brought.place];
            if !epochs.allow(&slot.captured, &guards) {
                brought.refuse();
                continue;
            }
            let (Some(Ok(loaded)), Some((document, _))) = (&slot.result, &mut brought.storable)
            else {
                continue;
            };
            let own = self.loader.tags(brought.place, loaded);
            // The tags of an object that does not exist are not known.
            if own.is_empty() && loaded.is_none() {
                continue;
            }
            match epochs.stamped(self.engine, self.loader, &own, document) {
                Stamped::Document(stamped) => *document = stamped,
                Stamped::Refused => brought.refuse(),
                Stamped::TooLarge => brought.storable = None,
            }
        }
    }

    /// The tags of the documents to store, each with the longest time to live that needs it.
    fn tags_to_store(&self, fenced: &[(&mut Brought, Tags)]) -> KeyMap<Duration> {
        let mut longest: KeyMap<Duration> = KeyMap::default();
        for (brought, _) in fenced {
            let Some((_, ttl)) = &brought.storable else { continue };
            let Some(Ok(loaded)) = &self.slots[brought.place].result else { continue };
            for tag in self.loader.tags(brought.place, loaded) {
                let longest = longest.entry(tag).or_default();
                *longest = (*longest).max(*ttl);
            }
        }
        longest
    }
}

impl Brought {
    fn refuse(&mut self) {
        (self.refused, self.storable) = (true, None);
    }
}

/// The epochs after the fetch.
struct Epochs {
    of_tags: Answers,
    of_guards: Answers,
}

/// The document of an object, with or without its epochs.
enum Stamped {
    /// The document with its tags' epochs.
    Document(Bytes),
    /// An epoch is not known.
    Refused,
    /// With the epochs, it is too large.
    TooLarge,
}

impl Epochs {
    /// Reads the epochs of these tags, each with its time to live; then the guards.
    async fn take(
        engine: &Engine,
        loader: &dyn Loader,
        tags: KeyMap<Duration>,
        mut guards: Vec<Key>,
    ) -> Self {
        let command = |(tag, ttl)| (tag, Command::TakeEpoch { fresh: engine.tokens.fresh(), ttl });
        let of_tags = ask(engine, loader, tags.into_iter().map(command).collect()).await;
        // A tag that is also a guard is already read: its epoch must be the captured one.
        guards.retain(|guard| !of_tags.contains_key(guard));
        let read = guards.into_iter().map(|guard| (guard, Command::ReadEpoch)).collect();
        let of_guards = ask(engine, loader, read).await;
        Self { of_tags, of_guards }
    }

    /// Whether a result that was fetched after these guards were captured may be stored or shared.
    fn allow(&self, captured: &[Captured], guards: &[Key]) -> bool {
        let answer = |guard: &Key| self.of_tags.get(guard).or_else(|| self.of_guards.get(guard));
        tags::all_stand(captured, guards.iter().map(|guard| answer(guard).unwrap_or(&Err(Lost))))
    }

    /// A document with the epochs of these tags.
    fn stamped(
        &self,
        engine: &Engine,
        loader: &dyn Loader,
        own: &[Key],
        document: &[u8],
    ) -> Stamped {
        let answers = own.iter().map(|tag| self.of_tags.get(tag).unwrap_or(&Err(Lost)));
        let Some(taken) = tags::taken(answers) else { return Stamped::Refused };
        let stamps: Vec<(Key, Token)> = own.iter().copied().zip(taken).collect();
        let max_len = engine.settings.max_value_len;
        if let Ok(document) = document::with_stamps(document, &stamps, max_len) {
            Stamped::Document(Bytes::from(document))
        } else {
            loader.state().count(Counter::Oversized);
            Stamped::TooLarge
        }
    }
}

/// Asks for some epochs, each once.
async fn ask(engine: &Engine, loader: &dyn Loader, mut commands: Vec<(Key, Command)>) -> Answers {
    commands.sort_unstable_by_key(|(key, _)| *key);
    commands.dedup_by_key(|(key, _)| *key);
    if commands.is_empty() {
        return Answers::default();
    }
    let keys: Vec<Key> = commands.iter().map(|(key, _)| *key).collect();
    let requests = commands.into_iter().map(|(key, command)| Request { key, command });
    let replies = engine.client.execute(requests.collect(), Urgency::Read).await;
    let lost = |error| loader.state().lost(&error);
    keys.into_iter().zip(replies.into_iter().map(|reply| reply.map_err(lost))).collect()
}
