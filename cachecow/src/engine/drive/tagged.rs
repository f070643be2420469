//! What reads of objects with tags do besides; see [`tags`]. The reads of other types come through here
//! without a step.

use std::time::Duration;

use bytes::Bytes;

use super::super::judge::Judged;
use super::super::loader::Loader;
use super::super::{Engine, Urgency};
use super::{Due, Loads};
use crate::backend::{BackendError, Request};
use crate::document;
use crate::key::Key;
use crate::key::KeyMap;
use crate::model::object::Loaded;
use crate::protocol::tags::{self, Captured, StampCheck};
use crate::protocol::{Command, Fetched, Lost, Reply, Token, Verdict};
use crate::stats::Counter;

/// How long a guard is kept after it was last taken. It bounds nothing but the cache's memory: a
/// guard that is lost only refuses the fills under way.
const GUARD_TTL: Duration = Duration::from_secs(24 * 60 * 60);

type Answers = KeyMap<Result<Reply, Lost>>;

impl Loads<'_> {
    /// Whether the object is worth something only as long as its tags' epochs last.
    pub(super) fn has_tags(&self, judged: &Judged<Loaded>) -> bool {
        self.loader.guard().is_some() && matches!(judged.found, Some(Some(_)))
    }

    /// The request that takes the guard, if any of the others claims: no fetch begins before it is
    /// answered.
    pub(super) fn capture(&self, requests: &[Request]) -> Option<Request> {
        let key = self.loader.guard().filter(|_| self.loader.seals_tags())?;
        let claims = |request: &Request| matches!(request.command, Command::Claim { .. });
        requests.iter().any(claims).then(|| Request { key, command: take_guard(self.engine) })
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

    /// Compares the epochs that objects were stored with to the present ones.
    pub(super) async fn verify(&mut self, places: &[usize]) {
        let mut hits = Vec::with_capacity(places.len());
        for &place in places {
            let step = std::mem::replace(&mut self.slots[place].step, Due::None);
            let Due::Verify(document, judged) = step else { continue };
            // The object's own tags, not those that someone wrote beside it.
            let own = judged.found.as_ref().map(|loaded| self.loader.tags(loaded));
            hits.push((place, document, judged, own.unwrap_or_default()));
        }
        let wanted = hits.iter().flat_map(|(_, _, _, own)| own);
        let wanted = wanted.map(|&tag| (tag, Command::ReadEpoch)).collect();
        let present = ask(self.engine, self.loader, wanted).await;
        for (place, document, judged, own) in hits {
            let judged = match worth(&document, &own, &present) {
                StampCheck::Current => judged,
                StampCheck::Outdated => {
                    let verdict = self.loader.outdated(place, &document);
                    Judged { found: None, verdict }
                }
                StampCheck::Unknown => Judged { found: None, verdict: Verdict::Unknown },
            };
            self.take_judged(place, judged);
        }
    }

    /// Sees to it that fetched objects are stored with their tags' epochs, or not at all, and that an
    /// error is shared only if no tag of the type was invalidated during the fetch.
    pub(super) async fn stamp(&mut self, all_fetched: &mut [(usize, Fetched<Bytes>)]) {
        if !self.loader.seals_tags() {
            return;
        }
        // What was fetched without a claim is neither stored nor shared.
        let fetched: Vec<&mut (usize, Fetched<Bytes>)> = all_fetched
            .iter_mut()
            .filter(|(place, _)| self.slots[*place].read.may_fill())
            .collect();
        if !fetched.iter().any(|(place, _)| self.slots[*place].captured.is_taken()) {
            for (_, fetched) in fetched {
                *fetched = std::mem::replace(fetched, Fetched::Refused).refused();
            }
            return;
        }
        for (place, _) in &fetched {
            // Who joins after the guard is read may come after an invalidation that nobody sees.
            if let Some(lead) = &mut self.slots[*place].lead {
                lead.close();
            }
        }
        let objects: Vec<(&Loaded, Duration)> = fetched
            .iter()
            .filter_map(|(place, fetched)| match (&self.slots[*place].result, fetched) {
                (Some(Ok(loaded)), Fetched::Storable(_, ttl)) => Some((loaded, *ttl)),
                _ => None,
            })
            .collect();
        let epochs = Epochs::take(self.engine, self.loader, &objects).await;
        for (place, fetched) in fetched {
            let slot = &self.slots[*place];
            let taken = std::mem::replace(fetched, Fetched::Refused);
            if !epochs.allow(slot.captured) {
                *fetched = taken.refused();
                continue;
            }
            *fetched = match (taken, &slot.result) {
                // An absence has no tags.
                (Fetched::Storable(document, ttl), Some(Ok(loaded @ Some(_)))) => {
                    match epochs.stamped(self.engine, self.loader, loaded, &document) {
                        Stamped::Document(document) => Fetched::Storable(document, ttl),
                        Stamped::Refused => Fetched::Refused,
                        Stamped::TooLarge => Fetched::Unstorable,
                    }
                }
                (other, _) => other,
            };
        }
    }
}

fn take_guard(engine: &Engine) -> Command {
    Command::TakeEpoch { fresh: engine.tokens.fresh(), ttl: GUARD_TTL }
}

/// The guard of the loader's type, before a fetch.
pub(in super::super) async fn capture(engine: &Engine, loader: &dyn Loader) -> Captured {
    let Some(guard) = loader.guard() else { return Captured::default() };
    let taken = ask(engine, loader, vec![(guard, take_guard(engine))]).await.remove(&guard);
    Captured::by(&taken.unwrap_or(Err(Lost)))
}

/// What is known of the tags of fetched objects after the fetch.
pub(in super::super) struct Epochs {
    of_tags: Answers,
    guard: Result<Reply, Lost>,
}

/// What becomes of an object's document.
pub(in super::super) enum Stamped {
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
    pub(in super::super) async fn take(
        engine: &Engine,
        loader: &dyn Loader,
        objects: &[(&Loaded, Duration)],
    ) -> Self {
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
    pub(in super::super) fn allow(&self, captured: Captured) -> bool {
        captured.stands(&self.guard)
    }

    /// An object's document with its tags' epochs.
    pub(in super::super) fn stamped(
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

fn worth(document: &[u8], own: &[Key], present: &Answers) -> StampCheck {
    let stored = document::stamps(document);
    if !stored.iter().map(|(tag, _)| tag).eq(own) {
        return StampCheck::Outdated;
    }
    let epochs = stored.iter().map(|(_, epoch)| *epoch);
    tags::check_stamps(epochs, own.iter().map(|tag| present.get(tag).unwrap_or(&Err(Lost))))
}
