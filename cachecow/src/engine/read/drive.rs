//! Drives a set of reads to their ends, one pipeline a round.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;
use tracing::{Instrument as _, Span};

use super::Unfinished;
use super::events::Event;
use super::judge::{Judged, Judgement};
use super::known::{Answered, Known};
use super::loader::{Loader, Sealed};
use super::primary::{ClaimFirst, Primary};
use super::tagged::Captures;
use super::trace;
use crate::backend::{BackendError, Place, Request};
use crate::engine::flights::{self, Entered, Lead};
use crate::engine::waiting::Wait;
use crate::engine::{Engine, Urgency, leaves_no_claim};
use crate::error::Error;
use crate::key::Key;
use crate::model::object::Loaded;
use crate::protocol::{
    AliasFetch, AliasOutcome, AliasStep, Command, Compared, Fetched, Fill, Lost, Outcome,
    PointerHint, ReadMachine, Reply, Role, Step, Token, Verdict, Wants,
};
use crate::stats::FetchEnd;

/// How a read ended.
pub(crate) type Ended = Result<(Loaded, Outcome), Error>;

/// The reads of one call, under way.
pub(crate) struct Reads<'a> {
    pub(super) engine: &'a Arc<Engine>,
    pub(super) loader: &'a dyn Loader,
    pub(super) slots: Vec<Slot<'a>>,
    /// The loads of other callers that some of the reads follow, and the fills of other processes
    /// that some wait for.
    pub(super) events: FuturesUnordered<Pin<Box<dyn Future<Output = Event<'a>> + Send + 'a>>>,
    /// Claims of primary keys that are no longer needed, to be given back with the next round.
    surplus: Vec<(Key, Token)>,
    /// The span of all loads.
    pub(super) span: Span,
}

/// One read, and what the machine does not carry itself.
pub(super) struct Slot<'a> {
    pub(super) read: ReadMachine,
    /// The fetch of a read by an alias that may fill.
    pub(super) alias: Option<AliasFetch<Primary>>,
    pub(super) due: Due,
    pub(super) result: Option<Result<Loaded, Error>>,
    /// The document of an absence, to be stored under an alias, and its time to live.
    absence: Option<(Bytes, Duration)>,
    pub(super) lead: Option<Lead>,
    /// The wait for another process, between its rounds.
    pub(super) wait: Option<Wait<'a>>,
    /// What was read to judge the next document.
    known: Known,
    /// The state of the guards before the fetch.
    pub(super) captured: Captures,
    claim_first: Option<ClaimFirst>,
    /// A claim of the primary key that was sent, and is not known to be settled.
    claim: Option<(Key, Token)>,
    fetch_took: Duration,
    /// The pointer that is being stored.
    pointer: Option<PointerHint<Primary>>,
    done: Option<Outcome>,
}

/// A step that takes time; it is done together with those of the other reads.
pub(super) enum Due {
    Nothing,
    /// A command for the read's own key, or for the primary key of its alias.
    Send(Key, Command),
    /// Read the places that a document's judgement depends on.
    Look(Bytes, Vec<Place>),
    Fetch,
    Event,
}

/// The result of a fetch.
pub(super) struct Brought {
    pub(super) place: usize,
    /// The document to store, and its time to live.
    pub(super) storable: Option<(Bytes, Duration)>,
    /// Whether a tag may have been invalidated since the fetch began.
    pub(super) refused: bool,
}

impl<'a> Reads<'a> {
    pub(crate) fn new(
        engine: &'a Arc<Engine>,
        loader: &'a dyn Loader,
        reads: impl Iterator<Item = Unfinished<Loaded>>,
    ) -> Self {
        let slots = reads
            .map(|Unfinished { read, present, known, claim_first }| Slot {
                read,
                alias: None,
                due: Due::Nothing,
                result: present.map(Ok),
                absence: None,
                lead: None,
                wait: None,
                known,
                captured: Captures::new(),
                claim_first,
                claim: None,
                fetch_took: Duration::ZERO,
                pointer: None,
                done: None,
            })
            .collect();
        let (events, surplus) = (FuturesUnordered::new(), Vec::new());
        Self { engine, loader, slots, events, surplus, span: Span::none() }
    }

    /// Drives every read to its end.
    ///
    /// A read never waits for another caller's load while it can finish one of its own. So two
    /// batches do not block each other if each one leads a load that the other follows.
    pub(crate) async fn run(mut self) -> Vec<Ended> {
        let span = trace::load(self.loader, self.slots.len());
        self.span = span.clone();
        self.drive().instrument(span).await;
        trace::ended(&self.span, self.slots.iter().filter_map(|slot| slot.done));
        self.slots.iter_mut().map(Slot::end).collect()
    }

    async fn drive(&mut self) {
        loop {
            self.take_ready_events();
            for place in 0..self.slots.len() {
                self.advance(place);
            }
            let sending = self.places(|due| matches!(due, Due::Send(..)));
            if !sending.is_empty() {
                self.send(&sending).await;
                continue;
            }
            let looking = self.places(|due| matches!(due, Due::Look(..)));
            if !looking.is_empty() {
                self.look(&looking).await;
                continue;
            }
            let fetching = self.places(|due| matches!(due, Due::Fetch));
            if !fetching.is_empty() {
                self.fetch(&fetching).await;
                continue;
            }
            if self.slots.iter().all(|slot| slot.done.is_some()) {
                return;
            }
            self.wait().instrument(trace::wait()).await;
        }
    }

    fn places(&self, wanted: impl Fn(&Due) -> bool) -> Vec<usize> {
        (0..self.slots.len()).filter(|&place| wanted(&self.slots[place].due)).collect()
    }

    /// Takes the steps that need no I/O.
    fn advance(&mut self, place: usize) {
        while self.slots[place].done.is_none() && matches!(self.slots[place].due, Due::Nothing) {
            if self.slots[place].alias.is_some() {
                self.advance_alias(place);
                continue;
            }
            match self.slots[place].read.next_step() {
                Step::Judge(document) => self.judge(place, document),
                Step::Enter => self.enter(place),
                Step::Lead => self.lead(place),
                Step::Send(command) => self.due_send(place, self.loader.key(place), command),
                Step::Fetch => self.begin_fetch(place),
                Step::Wait => self.begin_wait(place),
                Step::Follow => self.slots[place].due = Due::Event,
                Step::Done(outcome) => self.finish(place, outcome),
            }
        }
    }

    /// Adds a command to the next round. A value that cannot be encrypted is not sent, and is treated as if the
    /// command was lost.
    fn due_send(&mut self, place: usize, key: Key, mut command: Command) {
        if let Command::Fill { value, .. } = &mut command {
            match self.engine.settings.packing.pack(key, std::mem::take(value)) {
                Some(packed) => *value = packed,
                None => return self.take_lost(place),
            }
        }
        self.slots[place].due = Due::Send(key, command);
    }

    /// The next step of an alias' fetch.
    fn advance_alias(&mut self, place: usize) {
        let slot = &mut self.slots[place];
        let (Some(alias), Some(aliases)) = (&mut slot.alias, self.loader.aliases()) else { return };
        match alias.next_step() {
            AliasStep::Send { primary, command, confirms } => {
                if confirms {
                    self.close(place);
                }
                self.due_send(place, primary.key(), command);
            }
            AliasStep::Fetch => slot.due = Due::Fetch,
            AliasStep::Compare { stored, fetched } => {
                let loaded = slot.result.as_ref().and_then(|result| result.as_ref().ok());
                let primary = loaded.and_then(|loaded| aliases.primary_of(loaded));
                let compared = match &primary {
                    Some(primary) => aliases.compare(primary, &stored, &fetched),
                    None => Compared::Leave,
                };
                alias.on_compared(compared, self.engine.tokens.fresh());
            }
            AliasStep::GiveBack(..) => self.surplus.extend(slot.claim.take()),
            AliasStep::Done(outcome) => self.end_alias(place, outcome),
        }
    }

    /// Ends the alias's fetch: the alias points to its object, or the read ends without it.
    fn end_alias(&mut self, place: usize, outcome: AliasOutcome<Primary>) {
        let slot = &mut self.slots[place];
        slot.alias = None;
        self.surplus.extend(slot.claim.take());
        let fetched = match (outcome, &slot.result) {
            (AliasOutcome::To(primary, ttl), _) => {
                let pointer = PointerHint { stored_by: self.engine.tokens.fresh(), primary };
                let aliases = self.loader.aliases();
                let document =
                    aliases.and_then(|aliases| aliases.seal_pointer(&pointer, slot.fetch_took));
                slot.pointer = Some(pointer);
                document.map_or(Fetched::Unstorable, |document| Fetched::Storable(document, ttl))
            }
            (AliasOutcome::Not(fill), _) => Fetched::Unfenced(fill),
            (AliasOutcome::Nothing, _) => match slot.absence.take() {
                Some((absence, ttl)) => Fetched::Storable(absence, ttl),
                None => Fetched::Unstorable,
            },
        };
        slot.read.on_fetched(fetched);
    }

    /// Callers that join the load from now on read the cache again when it ends.
    pub(super) fn close(&mut self, place: usize) {
        if self.slots[place].alias.is_some() {
            let (key, identity) = (self.loader.key(place), self.loader.identity(place));
            flights::close_to_newcomers(self.engine, key, identity);
        } else if let Some(lead) = &mut self.slots[place].lead {
            lead.close();
        }
    }

    fn judge(&mut self, place: usize, document: Bytes) {
        let slot = &mut self.slots[place];
        match self.loader.judge(place, &document, &slot.known) {
            Judgement::Needs(places) => slot.due = Due::Look(document, places),
            Judgement::Done(Judged { found, verdict, claim_first }) => {
                slot.known = Known::default();
                slot.claim_first = claim_first;
                self.take_judged(place, found, verdict);
            }
        }
    }

    fn take_judged(&mut self, place: usize, found: Option<Loaded>, verdict: Verdict) {
        let slot = &mut self.slots[place];
        if let Some(found) = found {
            slot.result = Some(Ok(found));
        }
        let leading = slot.lead.is_some().then(|| self.engine.tokens.fresh());
        slot.read.on_judged(verdict, leading);
    }

    /// Reads the places that the judgements depend on, each once.
    async fn look(&mut self, looking: &[usize]) {
        let mut all: Vec<Place> = Vec::new();
        for &place in looking {
            if let Due::Look(_, places) = &self.slots[place].due {
                all.extend(places);
            }
        }
        let answered = Answered::ask(self.engine, all).await;
        for error in answered.errors() {
            self.loader.state().lost(error);
        }
        for &place in looking {
            let slot = &mut self.slots[place];
            let Due::Look(document, places) = std::mem::replace(&mut slot.due, Due::Nothing) else {
                continue;
            };
            for place in places {
                let answer = answered.at(place).and_then(|answer| answer.as_ref().ok());
                slot.known.learn(place, answer.cloned().ok_or(Lost));
            }
            self.judge(place, document);
        }
    }

    fn enter(&mut self, place: usize) {
        let key = self.loader.key(place);
        let read = &self.slots[place].read;
        let past_the_cache = read.is_cut_off();
        let identity = self.loader.identity(place);
        // The key of an alias does not reveal the primary key.
        let owes = self.loader.aliases().is_some() && !self.engine.pending.is_clear();
        let wants = match (past_the_cache || owes, read.renews()) {
            (true, _) => Wants::PastTheCache,
            (false, true) => Wants::Fresh,
            (false, false) => Wants::Current,
        };
        let role = match flights::enter(self.engine, key, identity, past_the_cache, wants) {
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
        if let Some(error) = refused {
            slot.result = Some(Err(error));
            slot.read.on_fetched(Fetched::Failed);
            return;
        }
        if let Some(lead) = &mut slot.lead {
            lead.begin_fetch();
        }
        match self.loader.aliases() {
            Some(aliases) if slot.read.may_fill() => {
                let claim_first = slot.claim_first.take();
                let claim_first = claim_first
                    .or_else(|| aliases.hinted_primary(place).map(|primary| (primary, None)));
                let (lease, token) = (self.engine.settings.lease, self.engine.tokens.fresh());
                slot.alias = Some(AliasFetch::new(lease, claim_first, token));
            }
            _ => slot.due = Due::Fetch,
        }
    }

    async fn send(&mut self, places: &[usize]) {
        let mut requests = Vec::with_capacity(places.len() + self.surplus.len() + 1);
        for &place in places {
            let slot = &mut self.slots[place];
            let Due::Send(key, command) = std::mem::replace(&mut slot.due, Due::Nothing) else {
                continue;
            };
            match (&slot.alias, &command) {
                (Some(_), Command::Claim { token, .. }) => slot.claim = Some((key, *token)),
                (Some(_), _) => {}
                (None, command) => {
                    if let Some(lead) = &mut slot.lead {
                        lead.on_send(command);
                    }
                }
            }
            requests.push(Request { key, command });
        }
        let captured = self.guards_of(places, &requests);
        requests.extend(self.capture(&captured));
        let abandon = |&(key, token)| Request { key, command: Command::Abandon { token } };
        requests.extend(self.surplus.iter().map(abandon));
        let span = trace::round(self.engine.settings.label, &requests);
        let replies = self.engine.client.execute(requests, Urgency::Read).instrument(span).await;
        self.surplus.clear();
        let mut replies = replies.into_iter();
        for (&place, reply) in places.iter().zip(replies.by_ref()) {
            self.take_reply(place, reply);
        }
        if !captured.is_empty() {
            self.take_captures(places, captured.into_iter().zip(replies));
        }
    }

    fn take_lost(&mut self, place: usize) {
        let slot = &mut self.slots[place];
        match &mut slot.alias {
            Some(alias) => alias.on_reply(Err(Lost)),
            None => slot.read.on_reply(Err(Lost)),
        }
    }

    fn take_reply(&mut self, place: usize, reply: Result<Reply, BackendError>) {
        let slot = &mut self.slots[place];
        let settled = leaves_no_claim(&reply);
        let reply = reply.map_err(|error| self.loader.state().lost(&error));
        if let Some(alias) = &mut slot.alias {
            if settled {
                slot.claim = None;
            }
            alias.on_reply(reply);
            return;
        }
        if let Some(lead) = slot.lead.as_mut().filter(|_| settled) {
            lead.claim_settled();
        }
        slot.read.on_reply(reply);
    }

    async fn fetch(&mut self, places: &[usize]) {
        let began = Instant::now();
        let results = self.loader.fetch(places).instrument(trace::fetch(places.len())).await;
        let took = began.elapsed();
        let failed = results.iter().any(Result::is_err);
        let end = if failed { FetchEnd::Failed } else { FetchEnd::Found };
        self.loader.state().durations().fetched(end, took);
        let mut all = Vec::with_capacity(places.len());
        for (&place, result) in places.iter().zip(results) {
            let slot = &mut self.slots[place];
            (slot.due, slot.fetch_took) = (Due::Nothing, took);
            let storable = match &result {
                // A read that bypasses the cache stores nothing, so the encoding is skipped.
                Ok(loaded) if slot.read.may_fill() => match self.loader.seal(place, loaded, took) {
                    Sealed::Storable(document, ttl) => Some((document, ttl)),
                    Sealed::Unstorable => None,
                },
                _ => None,
            };
            slot.result = Some(result);
            all.push(Brought { place, storable, refused: false });
        }
        self.stamp(&mut all).await;
        for brought in all {
            self.take_fetched(brought);
        }
    }

    fn take_fetched(&mut self, Brought { place, storable, refused }: Brought) {
        let slot = &mut self.slots[place];
        let fetched = match (&slot.result, slot.alias.as_mut(), storable) {
            (Some(Ok(_)), Some(_), _) if refused => Fetched::Unfenced(Fill::Refused),
            (Some(Ok(None)), Some(alias), absence) => {
                // An absence is stored under the alias itself.
                slot.absence = absence;
                return alias.on_fetched(None, self.engine.tokens.fresh());
            }
            (Some(Ok(loaded)), Some(alias), storable) => {
                let primary = self.loader.aliases().and_then(|aliases| aliases.primary_of(loaded));
                let fetched = primary.zip(storable);
                let fetched = fetched.map(|(primary, (document, ttl))| (primary, document, ttl));
                return alias.on_fetched(fetched, self.engine.tokens.fresh());
            }
            // An error does not tell the primary key, which may have been invalidated.
            (Some(Err(_)), _, _) if self.loader.aliases().is_some() => Fetched::FailedUnfenced,
            (Some(Err(_)), ..) => Fetched::Failed,
            (_, _, Some((document, ttl))) => Fetched::Storable(document, ttl),
            (_, _, None) => Fetched::Unstorable,
        };
        slot.alias = None;
        self.surplus.extend(slot.claim.take());
        slot.read.on_fetched(if refused { fetched.refused() } else { fetched });
    }

    fn finish(&mut self, place: usize, outcome: Outcome) {
        let state = self.loader.state();
        let slot = &mut self.slots[place];
        if !self.loader.is_unattended() {
            state.record(outcome, slot.read.bypasses());
        } else if matches!(outcome, Outcome::Fetched(_) | Outcome::Failed)
            || slot.read.fetch_failed()
        {
            state.record_unattended(outcome);
        }
        if slot.read.fetch_failed() && outcome != Outcome::Failed {
            state.fetch_failed();
        }
        if let (Outcome::Fetched(Fill::Stored), Some(Ok(loaded))) = (outcome, &slot.result) {
            self.loader.on_stored(place, loaded, slot.pointer.take());
        }
        if let (Some(lead), Some(landing), Some(result)) =
            (slot.lead.take(), slot.read.landing(), &slot.result)
        {
            lead.land(landing, result, outcome);
        }
        slot.done = Some(outcome);
    }
}

/// Gives back all claims, at the end or when the reads are cancelled.
impl Drop for Reads<'_> {
    fn drop(&mut self) {
        let claimed = self.slots.iter_mut().filter_map(|slot| slot.claim.take());
        let claims: Vec<_> = claimed.chain(self.surplus.drain(..)).collect();
        if !claims.is_empty() {
            self.engine.abandon(claims);
        }
    }
}

impl Slot<'_> {
    fn end(&mut self) -> Ended {
        match (self.result.take(), self.done) {
            (Some(Ok(loaded)), Some(outcome)) => Ok((loaded, outcome)),
            (Some(Err(error)), _) => Err(error),
            // `run` ends when every read is done, and no read is done without a result.
            (None, _) | (_, None) => unreachable!("a read ended without a result"),
        }
    }
}
