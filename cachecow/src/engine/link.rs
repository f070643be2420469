//! Drives the fetches of a set of aliases to their ends, one pipeline a round.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::drive::tagged::{self, Epochs, Stamped};
use super::flights;
use super::loader::Loader;
use super::primary::Primary;
use super::{Engine, Urgency, leaves_no_claim};
use crate::backend::Request;
use crate::error::Error;
use crate::key::Key;
use crate::model::object::Loaded;
use crate::protocol::tags::Captured;
use crate::protocol::{AliasFetch, AliasOutcome, AliasStep, Command, Compared, Fill, Token};

/// What the driver needs to know of the objects, without their type.
pub(super) trait Linker: Send + Sync {
    /// The loads of the aliases.
    fn loader(&self) -> &dyn Loader;

    /// Fetches from the backing store by the aliases, answering for each place in order.
    fn fetch<'a>(&'a self, places: &'a [usize]) -> BoxFuture<'a, Vec<Result<Loaded, Error>>>;

    /// The object's primary key, its document and how long the cache keeps that; `None` if there is
    /// nothing to be stored.
    fn seal_object(
        &self,
        place: usize,
        loaded: &Loaded,
        fetch_took: Duration,
    ) -> Option<(Primary, Bytes, Duration)>;

    /// Compares a stored document with that of a fetched object.
    fn compare(&self, stored: &Bytes, fetched: &Bytes) -> Compared;
}

/// What a fetch brought, and whether the alias may lead to it; nothing of that if it does not fill.
pub(super) type Fetched = (Result<Loaded, Error>, Option<AliasOutcome<Primary>>);

/// The fetches of one batch, under way.
pub(super) struct Links<'a> {
    engine: &'a Arc<Engine>,
    linker: &'a dyn Linker,
    slots: Vec<Slot>,
    /// Claims of no use any more, to be given back with the next round.
    surplus: Vec<(Key, Token)>,
}

struct Slot {
    place: usize,
    link: Option<AliasFetch<Primary>>,
    step: Step,
    /// A claim of the primary key that was sent and, as far as is known, not settled.
    claim: Option<(Key, Token)>,
    result: Option<Result<Loaded, Error>>,
    linked: Option<AliasOutcome<Primary>>,
}

/// A step that takes time, and is taken together with those of the others.
enum Step {
    Next,
    Send(Primary, Command),
    Fetch,
    Over,
}

impl<'a> Links<'a> {
    /// For the places, each with its machine, or without one if the fetch is not to be followed by a
    /// fill.
    pub(super) fn new(
        engine: &'a Arc<Engine>,
        linker: &'a dyn Linker,
        places: Vec<(usize, Option<AliasFetch<Primary>>)>,
    ) -> Self {
        let slot = |(place, link): (usize, Option<AliasFetch<Primary>>)| Slot {
            place,
            step: if link.is_some() { Step::Next } else { Step::Fetch },
            link,
            claim: None,
            result: None,
            linked: None,
        };
        let slots = places.into_iter().map(slot).collect();
        Self { engine, linker, slots, surplus: Vec::new() }
    }

    /// Drives every fetch to its end, answering in order.
    pub(super) async fn run(mut self) -> Vec<Fetched> {
        loop {
            for at in 0..self.slots.len() {
                self.advance(at);
            }
            let sending = self.at(|step| matches!(step, Step::Send(..)));
            if !sending.is_empty() {
                self.send(&sending).await;
                continue;
            }
            let fetching = self.at(|step| matches!(step, Step::Fetch));
            if fetching.is_empty() {
                break;
            }
            self.fetch(&fetching).await;
        }
        self.slots.iter_mut().map(Slot::end).collect()
    }

    fn at(&self, wanted: impl Fn(&Step) -> bool) -> Vec<usize> {
        (0..self.slots.len()).filter(|&at| wanted(&self.slots[at].step)).collect()
    }

    /// Takes the steps that need no time.
    fn advance(&mut self, at: usize) {
        let slot = &mut self.slots[at];
        while let (Some(link), Step::Next) = (&mut slot.link, &slot.step) {
            match link.next_step() {
                AliasStep::Send { primary, command, confirms } => {
                    if confirms {
                        let loader = self.linker.loader();
                        let (key, identity) = (loader.key(slot.place), loader.identity(slot.place));
                        flights::close_to_newcomers(self.engine, key, identity);
                    }
                    slot.step = Step::Send(primary, command);
                }
                AliasStep::Fetch => slot.step = Step::Fetch,
                AliasStep::Compare { stored, fetched } => {
                    let compared = self.linker.compare(&stored, &fetched);
                    link.on_compared(compared, self.engine.tokens.fresh());
                }
                AliasStep::GiveBack(..) => self.surplus.extend(slot.claim.take()),
                AliasStep::Done(linked) => {
                    slot.linked = Some(linked);
                    slot.step = Step::Over;
                }
            }
        }
    }

    async fn send(&mut self, places: &[usize]) {
        let mut requests = Vec::with_capacity(places.len() + self.surplus.len());
        for &at in places {
            let slot = &mut self.slots[at];
            if let Step::Send(primary, command) = std::mem::replace(&mut slot.step, Step::Next) {
                let key = primary.key();
                if let Command::Claim { token, .. } = &command {
                    slot.claim = Some((key, *token));
                }
                requests.push(Request { key, command });
            }
        }
        let abandon = |&(key, token)| Request { key, command: Command::Abandon { token } };
        requests.extend(self.surplus.iter().map(abandon));
        let replies = self.engine.client.execute(requests, Urgency::Read).await;
        self.surplus.clear();
        for (&at, reply) in places.iter().zip(replies) {
            let slot = &mut self.slots[at];
            if leaves_no_claim(&reply) {
                slot.claim = None;
            }
            let reply = reply.map_err(|error| self.linker.loader().state().lost(&error));
            if let Some(link) = &mut slot.link {
                link.on_reply(reply);
            }
        }
    }

    async fn fetch(&mut self, fetching: &[usize]) {
        let places: Vec<usize> = fetching.iter().map(|&at| self.slots[at].place).collect();
        // Nothing is asked of the cache for what will not be stored there: it may be out of reach.
        let fills = fetching.iter().any(|&at| self.slots[at].link.is_some());
        let captured = if fills {
            tagged::capture(self.engine, self.linker.loader()).await
        } else {
            Captured::default()
        };
        let began = Instant::now();
        let results = self.linker.fetch(&places).await;
        let took = began.elapsed();
        let mut objects = Vec::with_capacity(fetching.len());
        for (&at, result) in fetching.iter().zip(&results) {
            let slot = &self.slots[at];
            let loaded = result.as_ref().ok().filter(|_| slot.link.is_some());
            objects
                .push(loaded.and_then(|loaded| self.linker.seal_object(slot.place, loaded, took)));
        }
        let refused = if fills {
            self.stamp(fetching, captured, &results, &mut objects).await
        } else {
            Vec::new()
        };
        for ((&at, result), object) in fetching.iter().zip(results).zip(objects) {
            let slot = &mut self.slots[at];
            slot.step = Step::Over;
            if refused.contains(&at) {
                slot.linked = Some(AliasOutcome::Not(Fill::Refused));
            } else if let Some(link) = &mut slot.link {
                link.on_fetched(object, self.engine.tokens.fresh());
                slot.step = Step::Next;
            }
            slot.result = Some(result);
        }
    }

    /// Gives the documents of objects with tags the epochs of these; the places of those that must
    /// not be stored.
    async fn stamp(
        &self,
        fetching: &[usize],
        captured: Captured,
        results: &[Result<Loaded, Error>],
        objects: &mut [Option<(Primary, Bytes, Duration)>],
    ) -> Vec<usize> {
        let loader = self.linker.loader();
        if loader.guard().is_none() {
            return Vec::new();
        }
        for &at in fetching.iter().filter(|&&at| self.slots[at].link.is_some()) {
            let place = self.slots[at].place;
            // Who joins after the guard is read may come after an invalidation that nobody sees.
            flights::close_to_newcomers(self.engine, loader.key(place), loader.identity(place));
        }
        let sealed = results.iter().zip(objects.iter());
        let sealed: Vec<(&Loaded, Duration)> = sealed
            .filter_map(|(result, object)| Some((result.as_ref().ok()?, object.as_ref()?.2)))
            .collect();
        let epochs = Epochs::take(self.engine, loader, &sealed).await;
        let mut refused = Vec::new();
        for ((&at, result), object) in fetching.iter().zip(results).zip(objects) {
            if !epochs.allow(captured) {
                refused.push(at);
                continue;
            }
            let (Ok(loaded), Some((_, document, _))) = (result, object.as_mut()) else { continue };
            match epochs.stamped(self.engine, loader, loaded, document) {
                Stamped::Document(stamped) => *document = stamped,
                Stamped::Refused => refused.push(at),
                Stamped::TooLarge => *object = None,
            }
        }
        refused
    }
}

/// At the end or before it, what is claimed is given back.
impl Drop for Links<'_> {
    fn drop(&mut self) {
        let claimed = self.slots.iter_mut().filter_map(|slot| slot.claim.take());
        let claims: Vec<_> = claimed.chain(self.surplus.drain(..)).collect();
        if !claims.is_empty() {
            self.engine.abandon(claims);
        }
    }
}

impl Slot {
    fn end(&mut self) -> Fetched {
        match self.result.take() {
            Some(result) => (result, self.linked.take()),
            // `run` ends when nothing is left to be fetched, and every fetch brings a result.
            None => unreachable!("a fetch ended without a result"),
        }
    }
}
