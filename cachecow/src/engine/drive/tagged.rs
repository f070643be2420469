//! What reads of objects with tags do besides; see [`tags`]. The reads of other types come through here
//! without a step.

use std::time::Duration;

use bytes::Bytes;

use super::super::loader::{Judged, Loaded, Loader};
use super::super::{Engine, Urgency};
use super::{Loads, Pending};
use crate::Key;
use crate::backend::{BackendError, Request};
use crate::document;
use crate::key::KeyMap;
use crate::protocol::tags::{self, Captured, Worth};
use crate::protocol::{Command, Fetched, Lost, Reply, Seen, Token, Verdict};
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
        let key = self.loader.guard()?;
        let claims = |request: &Request| matches!(request.command, Command::Claim { .. });
        let fresh = self.engine.tokens.fresh();
        let command = Command::TakeEpoch { fresh, ttl: GUARD_TTL };
        requests.iter().any(claims).then_some(Request { key, command })
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
            let step = std::mem::replace(&mut self.slots[place].step, Pending::None);
            let Pending::Verify(document, judged) = step else { continue };
            // The object's own tags, not those that someone wrote beside it.
            let own = judged.found.as_ref().map(|loaded| self.loader.tags(loaded));
            hits.push((place, document, judged, own.unwrap_or_default()));
        }
        let wanted = hits.iter().flat_map(|(_, _, _, own)| own);
        let wanted = wanted.map(|&tag| (tag, Command::ReadEpoch)).collect();
        let present = ask(self.engine, self.loader, wanted).await;
        for (place, document, judged, own) in hits {
            let judged = match worth(&document, &own, &present) {
                Worth::Current => judged,
                Worth::Outdated => {
                    let verdict = Verdict::Replace(Seen::of(&document));
                    Judged { found: None, verdict }
                }
                Worth::Unknown => Judged { found: None, verdict: Verdict::Unknown },
            };
            self.take_judged(place, judged);
        }
    }

    /// Sees to it that fetched objects are stored with their tags' epochs, or not at all.
    pub(super) async fn stamp(&mut self, all_fetched: &mut [(usize, Fetched<Bytes>)]) {
        let Some(guard) = self.loader.guard() else { return };
        // What was fetched without a claim is neither stored nor shared.
        let mut fetched: Vec<&mut (usize, Fetched<Bytes>)> = all_fetched
            .iter_mut()
            .filter(|(place, fetched)| {
                *fetched != Fetched::Failed && self.slots[*place].read.may_fill()
            })
            .collect();
        if !fetched.iter().any(|(place, _)| self.slots[*place].captured.is_taken()) {
            fetched.iter_mut().for_each(|(_, fetched)| *fetched = Fetched::Refused);
            return;
        }
        for (place, _) in &fetched {
            // Who joins after the guard is read may come after an invalidation that nobody sees.
            if let Some(lead) = &mut self.slots[*place].lead {
                lead.close();
            }
        }
        let tags = self.tags_to_take(&fetched);
        let epochs = ask(self.engine, self.loader, tags).await;
        let look = vec![(guard, Command::ReadEpoch)];
        let guard = ask(self.engine, self.loader, look).await.remove(&guard);
        let guard = guard.unwrap_or(Err(Lost));
        for (place, fetched) in fetched {
            let stands = self.slots[*place].captured.stands(&guard);
            let taken = std::mem::replace(fetched, Fetched::Refused);
            if stands {
                *fetched = self.stamped(*place, taken, &epochs);
            }
        }
    }

    /// For each tag of what is to be stored, the epoch, for as long as the longest needs it.
    fn tags_to_take(&self, fetched: &[&mut (usize, Fetched<Bytes>)]) -> Vec<(Key, Command)> {
        let mut longest: KeyMap<Duration> = KeyMap::default();
        for (place, fetched) in fetched {
            let Fetched::Storable(_, ttl) = fetched else { continue };
            for tag in self.tags_of(*place) {
                let longest = longest.entry(tag).or_default();
                *longest = (*longest).max(*ttl);
            }
        }
        let fresh = || self.engine.tokens.fresh();
        let command = |(tag, ttl)| (tag, Command::TakeEpoch { fresh: fresh(), ttl });
        longest.into_iter().map(command).collect()
    }

    fn tags_of(&self, place: usize) -> Vec<Key> {
        match &self.slots[place].result {
            Some(Ok(loaded)) => self.loader.tags(loaded),
            _ => Vec::new(),
        }
    }

    /// With its epochs; an absence has none.
    fn stamped(&self, place: usize, fetched: Fetched<Bytes>, epochs: &Answers) -> Fetched<Bytes> {
        let is_object = matches!(self.slots[place].result, Some(Ok(Some(_))));
        let (document, ttl) = match fetched {
            Fetched::Storable(document, ttl) if is_object => (document, ttl),
            other => return other,
        };
        let own = self.tags_of(place);
        let answers = own.iter().map(|tag| epochs.get(tag).unwrap_or(&Err(Lost)));
        let Some(taken) = tags::taken(answers) else { return Fetched::Refused };
        let stamps: Vec<(Key, Token)> = own.into_iter().zip(taken).collect();
        let max_len = self.engine.settings.max_value_len;
        if let Ok(document) = document::with_stamps(&document, &stamps, max_len) {
            Fetched::Storable(Bytes::from(document), ttl)
        } else {
            self.loader.state().count(Counter::Oversized);
            Fetched::Unstorable
        }
    }
}

/// Asks for some epochs, each once.
async fn ask(engine: &Engine, loader: &dyn Loader, mut commands: Vec<(Key, Command)>) -> Answers {
    commands.sort_unstable_by_key(|(key, _)| *key);
    commands.dedup_by_key(|(key, _)| *key);
    let keys: Vec<Key> = commands.iter().map(|(key, _)| *key).collect();
    let requests = commands.into_iter().map(|(key, command)| Request { key, command });
    let replies = engine.guard.execute(requests.collect(), Urgency::Read).await;
    let lost = |error| loader.state().lost(&error);
    keys.into_iter().zip(replies.into_iter().map(|reply| reply.map_err(lost))).collect()
}

fn worth(document: &[u8], own: &[Key], present: &Answers) -> Worth {
    let stored = document::stamps(document);
    if !stored.iter().map(|(tag, _)| tag).eq(own) {
        return Worth::Outdated;
    }
    let epochs = stored.iter().map(|(_, epoch)| *epoch);
    tags::worth(epochs, own.iter().map(|tag| present.get(tag).unwrap_or(&Err(Lost))))
}
