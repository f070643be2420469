//! Drives a set of reads to their ends, one pipeline a round.

mod events;
pub(super) mod tagged;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;

use self::events::Event;
use super::flights::{self, Entered, Lead};
use super::judge::Judged;
use super::loader::{Loader, Sealed};
use super::primary::LedTo;
use super::waiting::Wait;
use super::{Engine, Urgency, leaves_no_claim};
use crate::backend::{BackendError, Request};
use crate::error::Error;
use crate::key::Key;
use crate::model::object::Loaded;
use crate::protocol::tags::Captured;
use crate::protocol::{Command, Fetched, Outcome, ReadMachine, Reply, Role, Step, Verdict};

/// How a read ended.
pub(crate) type Ended = Result<(Loaded, Outcome), Error>;

/// The reads of one call, under way.
pub(crate) struct Loads<'a> {
    engine: &'a Arc<Engine>,
    loader: &'a dyn Loader,
    slots: Vec<Slot<'a>>,
    /// The loads of other callers that some of the reads follow, and the fills of other processes
    /// that some wait for.
    events: FuturesUnordered<Pin<Box<dyn Future<Output = Event<'a>> + Send + 'a>>>,
}

/// A read that is not over.
pub(crate) struct Unfinished<T> {
    pub(crate) read: ReadMachine,
    /// What is in the cache, to be served if the load fails, or if another does it.
    pub(crate) present: Option<T>,
    /// Where its pointer led in vain, if it is by an alias.
    pub(crate) led_to: Option<LedTo>,
}

impl<T> Unfinished<T> {
    pub(crate) fn map<U>(self, to: impl FnOnce(T) -> U) -> Unfinished<U> {
        Unfinished { read: self.read, present: self.present.map(to), led_to: self.led_to }
    }

    /// Takes the judgement of what was looked up; it, unless the read goes on.
    pub(crate) fn judged(&mut self, judged: Judged<T>, led_to: Option<LedTo>) -> Option<T> {
        match judged {
            Judged { found: Some(found), verdict: Verdict::Good } => Some(found),
            Judged { found, verdict } => {
                (self.present, self.led_to) = (found, led_to);
                self.read.on_judged(verdict, None);
                None
            }
        }
    }
}

impl<T> From<ReadMachine> for Unfinished<T> {
    fn from(read: ReadMachine) -> Self {
        Self { read, present: None, led_to: None }
    }
}

/// One read, and what the machine does not carry itself.
struct Slot<'a> {
    read: ReadMachine,
    step: Due,
    result: Option<Result<Loaded, Error>>,
    lead: Option<Lead>,
    /// The wait for another process, between its rounds.
    wait: Option<Wait<'a>>,
    /// What was known of the type's tags before the fetch.
    captured: Captured,
    done: Option<Outcome>,
}

/// A step that takes time, and is taken together with those of the other reads.
enum Due {
    None,
    Send(Command),
    /// Read what the document refers to.
    Refer(Bytes, Key),
    /// To look whether the tags of a stored object were invalidated.
    Verify(Bytes, Judged<Loaded>),
    Fetch,
    Event,
}

impl<'a> Loads<'a> {
    pub(crate) fn new(
        engine: &'a Arc<Engine>,
        loader: &'a dyn Loader,
        reads: impl Iterator<Item = Unfinished<Loaded>>,
    ) -> Self {
        let slots = reads
            .map(|Unfinished { read, present, .. }| Slot {
                read,
                step: Due::None,
                result: present.map(Ok),
                lead: None,
                wait: None,
                captured: Captured::default(),
                done: None,
            })
            .collect();
        Self { engine, loader, slots, events: FuturesUnordered::new() }
    }

    /// Drives every read to its end.
    ///
    /// A read never waits for another caller's load while it could finish one of its own: two
    /// batches that each lead what the other follows do not block each other.
    pub(crate) async fn run(mut self) -> Vec<Ended> {
        loop {
            self.take_ready_events();
            for place in 0..self.slots.len() {
                self.advance(place);
            }
            let sending = self.places(|step| matches!(step, Due::Send(_)));
            if !sending.is_empty() {
                self.send(&sending).await;
                continue;
            }
            let referring = self.places(|step| matches!(step, Due::Refer(..)));
            if !referring.is_empty() {
                self.follow_references(&referring).await;
                continue;
            }
            let verifying = self.places(|step| matches!(step, Due::Verify(..)));
            if !verifying.is_empty() {
                self.verify(&verifying).await;
                continue;
            }
            let fetching = self.places(|step| matches!(step, Due::Fetch));
            if !fetching.is_empty() {
                self.fetch(&fetching).await;
                continue;
            }
            if self.slots.iter().all(|slot| slot.done.is_some()) {
                break;
            }
            self.wait().await;
        }
        self.slots.into_iter().map(Slot::end).collect()
    }

    fn places(&self, wanted: impl Fn(&Due) -> bool) -> Vec<usize> {
        (0..self.slots.len()).filter(|&place| wanted(&self.slots[place].step)).collect()
    }

    /// Takes the steps that need no time.
    fn advance(&mut self, place: usize) {
        while self.slots[place].done.is_none() && matches!(self.slots[place].step, Due::None) {
            match self.slots[place].read.next_step() {
                Step::Judge(document) => match self.loader.refers_to(place, &document) {
                    Some(key) => self.slots[place].step = Due::Refer(document, key),
                    None => self.judged(place, &document, self.loader.judge(place, &document)),
                },
                Step::Enter => self.enter(place),
                Step::Lead => self.lead(place),
                Step::Send(command) => self.slots[place].step = Due::Send(command),
                Step::Fetch => self.begin_fetch(place),
                Step::Wait => self.begin_wait(place),
                Step::Follow => self.slots[place].step = Due::Event,
                Step::Done(outcome) => self.finish(place, outcome),
            }
        }
    }

    /// Judges documents by what they refer to.
    async fn follow_references(&mut self, places: &[usize]) {
        let mut documents = Vec::with_capacity(places.len());
        for &place in places {
            match std::mem::replace(&mut self.slots[place].step, Due::None) {
                Due::Refer(document, key) => documents.push((document, key)),
                _ => return,
            }
        }
        let keys = documents.iter().map(|(_, key)| *key).collect();
        let replies = self.engine.client.lookup_many(keys).await;
        for ((&place, (pointer, _)), reply) in places.iter().zip(documents).zip(replies) {
            let reply = reply.map_err(|error| self.loader.state().lost(&error));
            let document = match &reply {
                Ok(Reply::Value(document)) => document.clone(),
                _ => Bytes::new(),
            };
            let judged = self.loader.judge_referred(place, &pointer, reply);
            self.judged(place, &document, judged);
        }
    }

    /// Takes a judgement, if it does not rest on tags that are to be looked at first. The document is
    /// the object's.
    fn judged(&mut self, place: usize, document: &Bytes, judged: Judged<Loaded>) {
        if self.has_tags(&judged) {
            self.slots[place].step = Due::Verify(document.clone(), judged);
        } else {
            self.take_judged(place, judged);
        }
    }

    fn take_judged(&mut self, place: usize, Judged { found, verdict }: Judged<Loaded>) {
        let slot = &mut self.slots[place];
        if let Some(found) = found {
            slot.result = Some(Ok(found));
        }
        let leading = slot.lead.is_some().then(|| self.engine.tokens.fresh());
        slot.read.on_judged(verdict, leading);
    }

    fn enter(&mut self, place: usize) {
        let key = self.loader.key(place);
        let past_the_cache = self.slots[place].read.is_cut_off();
        let identity = self.loader.identity(place);
        let role = match flights::enter(self.engine, key, identity, past_the_cache) {
            Entered::Lead(lead) => Role::Leader(self.take_lead(place, lead)),
            Entered::Follow(following) => {
                self.begin_follow(place, following);
                Role::Follower
            }
            Entered::Alone => Role::Alone,
        };
        self.slots[place].read.on_entered(role);
    }

    fn lead(&mut self, place: usize) {
        let key = self.loader.key(place);
        let role = match flights::lead(self.engine, key, self.loader.identity(place)) {
            Some(lead) => Role::Leader(self.take_lead(place, lead)),
            None => Role::Alone,
        };
        self.slots[place].read.on_entered(role);
    }

    fn begin_fetch(&mut self, place: usize) {
        let slot = &mut self.slots[place];
        let refused = if slot.read.is_cut_off() { self.loader.refuse_cut_off() } else { None };
        match refused {
            None => slot.step = Due::Fetch,
            Some(error) => {
                slot.result = Some(Err(error));
                slot.read.on_fetched(Fetched::Failed);
            }
        }
    }

    async fn send(&mut self, places: &[usize]) {
        let mut requests = Vec::with_capacity(places.len());
        for &place in places {
            let slot = &mut self.slots[place];
            let Due::Send(command) = std::mem::replace(&mut slot.step, Due::None) else {
                continue;
            };
            if let Some(lead) = &mut slot.lead {
                lead.on_send(&command);
            }
            requests.push(Request { key: self.loader.key(place), command });
        }
        let capture = self.capture(&requests);
        let captures = capture.is_some();
        requests.extend(capture);
        let mut replies = self.engine.client.execute(requests, Urgency::Read).await;
        if captures {
            self.take_capture(places, replies.pop());
        }
        for (&place, reply) in places.iter().zip(replies) {
            self.take_reply(place, reply);
        }
    }

    fn take_reply(&mut self, place: usize, reply: Result<Reply, BackendError>) {
        let slot = &mut self.slots[place];
        if let Some(lead) = slot.lead.as_mut().filter(|_| leaves_no_claim(&reply)) {
            lead.claim_settled();
        }
        slot.read.on_reply(reply.map_err(|error| self.loader.state().lost(&error)));
    }

    async fn fetch(&mut self, places: &[usize]) {
        for &place in places {
            self.slots[place].step = Due::None;
            if let Some(lead) = &mut self.slots[place].lead {
                lead.begin_fetch();
            }
        }
        let began = Instant::now();
        let fills: Vec<bool> =
            places.iter().map(|&place| self.slots[place].read.may_fill()).collect();
        let results = self.loader.fetch(places, &fills).await;
        let took = began.elapsed();
        let mut all_fetched = Vec::with_capacity(places.len());
        for ((&place, result), fills) in places.iter().zip(results).zip(fills) {
            let fetched = match &result {
                Err(_) if self.loader.claim_confirms_errors() => Fetched::Failed,
                Err(_) => Fetched::FailedUnfenced,
                // Nobody stores what was fetched past the cache: spare the encoding.
                Ok(_) if !fills => Fetched::Unstorable,
                Ok(loaded) => match self.loader.seal(place, loaded, took) {
                    Sealed::Storable(document, ttl) => Fetched::Storable(document, ttl),
                    Sealed::Unstorable => Fetched::Unstorable,
                    Sealed::Unfenced(fill) => Fetched::Unfenced(fill),
                },
            };
            self.slots[place].result = Some(result);
            all_fetched.push((place, fetched));
        }
        self.stamp(&mut all_fetched).await;
        for (place, fetched) in all_fetched {
            self.slots[place].read.on_fetched(fetched);
        }
    }

    fn finish(&mut self, place: usize, outcome: Outcome) {
        let state = self.loader.state();
        let slot = &mut self.slots[place];
        state.record(outcome, slot.read.bypasses());
        if slot.read.fetch_failed() && outcome != Outcome::Failed {
            state.fetch_failed();
        }
        if let (Some(lead), Some(landing), Some(result)) =
            (slot.lead.take(), slot.read.landing(), &slot.result)
        {
            lead.land(landing, result, outcome);
        }
        slot.done = Some(outcome);
    }
}

impl Slot<'_> {
    fn end(self) -> Ended {
        match (self.result, self.done) {
            (Some(Ok(loaded)), Some(outcome)) => Ok((loaded, outcome)),
            (Some(Err(error)), _) => Err(error),
            // `run` ends when every read is done, and no read is done without a result.
            (None, _) | (_, None) => unreachable!("a read ended without a result"),
        }
    }
}
