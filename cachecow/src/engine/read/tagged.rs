//! What reads of objects with tags do besides; see [`tags`]. The reads of other types come through here
//! without a step.

use std::time::Duration;

use bytes::Bytes;

use super::drive::{Brought, Reads};
use super::loader::Loader;
use crate::backend::{BackendError, Request};
use crate::document;
use crate::engine::{Engine, Urgency};
use crate::key::{Key, KeyMap};
use crate::model::object::Loaded;
use crate::protocol::tags::{self, Captured};
use crate::protocol::{Command, Lost, Reply, Token};
use crate::stats::Counter;

/// How long a guard is kept after it was last taken. It bounds nothing but the cache's memory: a
/// guard that is lost only refuses the fills under way.
const GUARD_TTL: Duration = Duration::from_secs(24 * 60 * 60);

type Answers = KeyMap<Result<Reply, Lost>>;

impl Reads<'_> {
    /// The request that takes the guard, if any of the others claims: no fetch begins before it is
    /// answered.
    pub(super) fn capture(&self, requests: &[Request]) -> Option<Request> {
        let key = self.loader.guard()?;
        let claims = |request: &Request| matches!(request.command, Command::Claim { .. });
        let take = Command::TakeEpoch { fresh: self.engine.tokens.fresh(), ttl: GUARD_TTL };
        requests.iter().any(claims).then_some(Request { key, command: take })
    }

    pub(super) fn take_capture(
        &mut self,
        places: &[usize],
        reply: Option<Result<Reply, BackendError>>,
    ) {
        let reply = reply.unwrap_or(Ok(Reply::Absent));
        let captured = Captured::by(&reply.map_err(|error| self.loader.state().lost(&error)));
        for &place in places {
            self.slots[place].captured = captured;
        }
    }

    /// Sees to it that fetched objects are stored with their tags' epochs, or not at all, and that an
    /// error is shared only if no tag of the type was invalidated during the fetch.
    pub(super) async fn stamp(&mut self, all: &mut [Brought]) {
        if self.loader.guard().is_none() {
            return;
        }
        // What was fetched without a claim is neither stored nor shared.
        let mut fenced: Vec<&mut Brought> =
            all.iter_mut().filter(|brought| self.slots[brought.place].read.may_fill()).collect();
        if !fenced.iter().any(|brought| self.slots[brought.place].captured.is_taken()) {
            fenced.iter_mut().for_each(|brought| brought.refuse());
            return;
        }
        for brought in &fenced {
            // A caller that joins after the guard is read may come after an invalidation that this load does
            // not notice.
            self.close(brought.place);
        }
        let objects: Vec<(&Loaded, Duration)> = fenced
            .iter()
            .filter_map(|brought| match (&self.slots[brought.place].result, &brought.storable) {
                (Some(Ok(loaded)), Some((_, ttl))) => Some((loaded, *ttl)),
                _ => None,
            })
            .collect();
        let epochs = Epochs::take(self.engine, self.loader, &objects).await;
        for brought in fenced {
            let slot = &self.slots[brought.place];
            if !epochs.allow(slot.captured) {
                brought.refuse();
                continue;
            }
            // An absence has no tags.
            let Some(Ok(loaded @ Some(_))) = &slot.result else { continue };
            let Some((document, _)) = &mut brought.storable else { continue };
            match epochs.stamped(self.engine, self.loader, loaded, document) {
                Stamped::Document(stamped) => *document = stamped,
                Stamped::Refused => brought.refuse(),
                Stamped::TooLarge => brought.storable = None,
            }
        }
    }
}

impl Brought {
    fn refuse(&mut self) {
        (self.refused, self.storable) = (true, None);
    }
}

/// What is known of the tags of fetched objects after the fetch.
struct Epochs {
    of_tags: Answers,
    guard: Result<Reply, Lost>,
}

/// What becomes of an object's document.
enum Stamped {
    /// It has its tags' epochs.
    Document(Bytes),
    /// Some epoch is not known.
    Refused,
    /// With them it is too large.
    TooLarge,
}

impl Epochs {
    /// For each tag of what is to be stored, the epoch, for as long as the longest needs it; then the
    /// guard.
    async fn take(engine: &Engine, loader: &dyn Loader, objects: &[(&Loaded, Duration)]) -> Self {
        let mut longest: KeyMap<Duration> = KeyMap::default();
        for (loaded, ttl) in objects {
            for tag in loader.tags(loaded) {
                let longest = longest.entry(tag).or_default();
                *longest = (*longest).max(*ttl);
            }
        }
        let command = |(tag, ttl)| (tag, Command::TakeEpoch { fresh: engine.tokens.fresh(), ttl });
        let of_tags = ask(engine, loader, longest.into_iter().map(command).collect()).await;
        let guard = match loader.guard() {
            None => Err(Lost),
            Some(guard) => {
                let mut answers = ask(engine, loader, vec![(guard, Command::ReadEpoch)]).await;
                answers.remove(&guard).unwrap_or(Err(Lost))
            }
        };
        Self { of_tags, guard }
    }

    /// Whether what was fetched after the guard was captured may be stored or shared.
    fn allow(&self, captured: Captured) -> bool {
        captured.stands(&self.guard)
    }

    /// An object's document with its tags' epochs.
    fn stamped(
        &self,
        engine: &Engine,
        loader: &dyn Loader,
        loaded: &Loaded,
        document: &[u8],
    ) -> Stamped {
        let own = loader.tags(loaded);
        let answers = own.iter().map(|tag| self.of_tags.get(tag).unwrap_or(&Err(Lost)));
        let Some(taken) = tags::taken(answers) else { return Stamped::Refused };
        let stamps: Vec<(Key, Token)> = own.into_iter().zip(taken).collect();
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
    let keys: Vec<Key> = commands.iter().map(|(key, _)| *key).collect();
    let requests = commands.into_iter().map(|(key, command)| Request { key, command });
    let replies = engine.client.execute(requests.collect(), Urgency::Read).await;
    let lost = |error| loader.state().lost(&error);
    keys.into_iter().zip(replies.into_iter().map(|reply| reply.map_err(lost))).collect()
}
