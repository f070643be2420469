//! Batches lookups of many callers into few commands.
//!
//! A single lookup is sent at once. While another is under way, lookups are collected: all that arrive until the
//! sender task runs are sent together, each place once. No caller waits for the answer of another request, nor for
//! a batch to fill up, and any number of batches may be under way. The busier the process, the larger the batches.

use std::sync::Arc;

use coarsetime::Instant as Moment;
use futures_util::future::join_all;
use parking_lot::{Mutex, MutexGuard};
use tokio::runtime::{self, Handle};
use tokio::sync::oneshot;

use super::client::{Answer, Answers, Client};
use crate::backend::Place;
use crate::key::Key;

/// How many places are read together at most: each caller waits for what is in all of them.
const MAX_PLACES: usize = 128;

/// If a sender has not run for this time, the next caller sends instead: the sender's thread may be busy, or nobody
/// drives its runtime.
const LATE: coarsetime::Duration = coarsetime::Duration::from_millis(10);

/// A caller that waits for the sender.
struct Waiting {
    key: Key,
    /// The other places it asks for.
    others: Vec<Place>,
    answers: oneshot::Sender<Answers>,
    /// For a caller without a timer: the only runtime whose senders may take it. Another runtime may no longer be
    /// driven when the answer arrives.
    bound_to: Option<Handle>,
}

#[derive(Default)]
pub(super) struct Lookups(Mutex<State>);

#[derive(Default)]
struct State {
    /// The number of the lookup that was sent alone and is not over; 0 if there is none.
    alone: u64,
    last_number: u64,
    /// Whether the last batch served several callers: then more are likely.
    crowded: bool,
    /// The callers whose lookups are sent when the sender runs. Each caller that is bound to a runtime has a sender
    /// there that has not run yet.
    waiting: Vec<Waiting>,
    /// When and where the last sender was spawned; `None` once a sender has run.
    sender: Option<(Moment, runtime::Id)>,
}

impl Lookups {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }

    /// Decides whether a lookup is sent alone, or with others that arrive now. In the second case it takes
    /// `others`.
    #[inline]
    pub(super) fn enter(&self, key: Key, others: &mut Vec<Place>) -> Turn<'_> {
        let mut state = self.lock();
        if state.alone == 0 && state.waiting.is_empty() && !state.crowded {
            state.last_number += 1;
            state.alone = state.last_number;
            return Turn::Alone(Alone { lookups: self, number: state.alone });
        }
        let (sender, answers) = oneshot::channel();
        let now = Moment::now_without_cache_update();
        let runtime = Handle::current();
        let own = runtime.id();
        let sends = state.sender.is_none_or(|(since, _)| now.duration_since(since) > LATE);
        if sends {
            state.sender = Some((now, own));
        }
        let is_ours = state.sender.is_some_and(|(_, runtime)| runtime == own);
        // A timer for each lookup would make it a tenth slower. So only some have one: the first, the second, the
        // fourth and so on. If the sender's thread is blocked (possibly by the task of the first lookup), the timer
        // of another lookup frees all of them.
        let has_timer = !is_ours || (state.waiting.len() + 1).is_power_of_two();
        let bound_to = if has_timer { None } else { Some(runtime) };
        let others = std::mem::take(others);
        state.waiting.push(Waiting { key, others, answers: sender, bound_to });
        Turn::Together(Together { answers, sends, has_timer })
    }
}

impl State {
    /// The callers that a sender of this runtime may take, and the runtimes of those that are left.
    fn take(&mut self, runtime: runtime::Id) -> (Vec<Waiting>, Vec<Handle>) {
        self.sender = None;
        let is_left =
            |caller: &Waiting| caller.bound_to.as_ref().is_some_and(|own| own.id() != runtime);
        if !self.waiting.iter().any(is_left) {
            return (std::mem::take(&mut self.waiting), Vec::new());
        }
        let (left, taken): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.waiting).into_iter().partition(is_left);
        let mut runtimes: Vec<Handle> =
            left.iter().filter_map(|caller| caller.bound_to.clone()).collect();
        runtimes.dedup_by_key(|runtime| runtime.id());
        self.waiting = left;
        (taken, runtimes)
    }
}

/// How a lookup is sent.
pub(super) enum Turn<'a> {
    /// With its own command, which the caller sends.
    Alone(Alone<'a>),
    Together(Together),
}

/// A lookup that is sent with others.
pub(super) struct Together {
    answers: oneshot::Receiver<Answers>,
    /// Whether this caller must spawn a sender: there is none, or its thread is busy.
    sends: bool,
    /// Whether it waits with a timeout. Without one it waits for a sender in its own runtime, which is driven as
    /// long as this caller is.
    has_timer: bool,
}

impl Together {
    /// The answers; `None` if the sender's runtime has ended, which may differ from this caller's.
    pub(super) async fn answers(mut self, client: &Arc<Client>) -> Option<Answers> {
        if self.sends {
            // Outside the lock: if the runtime has ended, it drops the sender at once, which takes the lock.
            Sender::new(client).spawn_on(&Handle::current());
        }
        if !self.has_timer {
            return self.answers.await.ok();
        }
        // Twice as long as a batch may take. After that, the sender's runtime is probably no longer driven, or its
        // thread is blocked.
        let answers = tokio::time::timeout(client.timeout() * 2, &mut self.answers).await;
        if answers.is_err() {
            // Callers that still wait for the sender then send alone, too.
            drop(Sender::new(client));
        }
        answers.ok()?.ok()
    }
}

/// The only lookup under way.
pub(super) struct Alone<'a> {
    lookups: &'a Lookups,
    number: u64,
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        let mut state = self.lookups.lock();
        if state.alone == self.number {
            state.alone = 0;
        }
    }
}

/// Sends the waiting lookups. If it is dropped before it has run, the callers send them.
struct Sender {
    /// `None` once it has taken them.
    client: Option<Arc<Client>>,
}

impl Sender {
    fn new(client: &Arc<Client>) -> Self {
        Self { client: Some(Arc::clone(client)) }
    }

    fn spawn_on(self, runtime: &Handle) {
        drop(runtime.spawn(self.run()));
    }

    async fn run(mut self) {
        // All tasks that are ready add their lookups before this one goes on.
        tokio::task::yield_now().await;
        let Some(client) = self.client.take() else { return };
        let (mut waiting, left, alone) = {
            let mut state = client.lookups.lock();
            let (waiting, left) = state.take(Handle::current().id());
            state.crowded = waiting.len() > 1;
            (waiting, left, state.alone)
        };
        // Their own senders are late, since otherwise this one would not have been spawned. And the callers with
        // timers may be among those taken.
        left.iter().for_each(|runtime| Self::new(&client).spawn_on(runtime));
        // Callers that ask for the same key go into the same batch. Keys with the same hash and other words may be
        // sorted between them; then a place is read once more.
        waiting.sort_unstable_by_key(|caller| caller.key.hash());
        let mut batches = Vec::with_capacity(1);
        while !waiting.is_empty() {
            let rest = waiting.split_off(batch_len(&waiting));
            batches.push(send(&client, std::mem::replace(&mut waiting, rest)));
        }
        join_all(batches).await;
        // A single lookup that began before this batch, and is not over after it, may never be polled again.
        let mut state = client.lookups.lock();
        if state.alone == alone {
            state.alone = 0;
        }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        if let Some(client) = &self.client {
            let waiting = {
                let mut state = client.lookups.lock();
                state.sender = None;
                std::mem::take(&mut state.waiting)
            };
            // Each caller notices that its sender is gone.
            drop(waiting);
        }
    }
}

/// How many callers the first batch serves. The callers are sorted by key.
fn batch_len(waiting: &[Waiting]) -> usize {
    let mut places = 0;
    for (at, caller) in waiting.iter().enumerate() {
        let is_another = at == 0 || waiting[at - 1].key != caller.key;
        places += usize::from(is_another) + caller.others.len();
        if places > MAX_PLACES && at > 0 && is_another {
            return at;
        }
    }
    waiting.len()
}

/// Looks up each place once and answers every caller that asked for it. The callers are sorted by key.
async fn send(client: &Client, waiting: Vec<Waiting>) {
    if waiting.iter().all(|caller| caller.others.is_empty()) {
        let mut places: Vec<Place> =
            waiting.iter().map(|caller| Place::Value(caller.key)).collect();
        places.dedup();
        return answer_in_order(waiting, client.lookup_part(places).await);
    }
    // Each place, with the caller that asks for it; the caller's own key first.
    let mut wanted: Vec<(Place, usize, bool)> = Vec::with_capacity(3 * waiting.len());
    for (caller, Waiting { key, others, .. }) in waiting.iter().enumerate() {
        wanted.push((Place::Value(*key), caller, true));
        wanted.extend(others.iter().map(|place| (*place, caller, false)));
    }
    wanted.sort_unstable_by_key(|(place, ..)| place.key().hash());
    let mut places: Vec<Place> = wanted.iter().map(|(place, ..)| *place).collect();
    places.dedup();
    let mut answers = client.lookup_part(places).await.into_iter();
    let none = |caller: &Waiting| (None, Vec::with_capacity(caller.others.len()));
    let mut of_callers: Vec<(Option<Answer>, Vec<_>)> = waiting.iter().map(none).collect();
    let mut wanted = wanted.into_iter().peekable();
    while let (Some((place, caller, is_own)), Some(answer)) = (wanted.next(), answers.next()) {
        let mut hand = |caller: usize, is_own, answer| {
            let (own, others) = &mut of_callers[caller];
            if is_own { *own = Some(answer) } else { others.push((place, answer)) }
        };
        // Only answers for several callers are copied.
        while let Some((_, another, is_own)) = wanted.next_if(|(same, ..)| *same == place) {
            hand(another, is_own, answer.clone());
        }
        hand(caller, is_own, answer);
    }
    for (caller, answers) in waiting.into_iter().zip(of_callers) {
        if let (Some(own), others) = answers {
            let _gone = caller.answers.send((own, others));
        }
    }
}

/// Sends each caller the answer for its key; the answers are in the order of the callers.
fn answer_in_order(waiting: Vec<Waiting>, answers: Vec<Answer>) {
    let mut waiting = waiting.into_iter().peekable();
    for answer in answers {
        let Some(caller) = waiting.next() else { return };
        while let Some(another) = waiting.next_if(|another| another.key == caller.key) {
            let _gone = another.answers.send((answer.clone(), Vec::new()));
        }
        let _gone = caller.answers.send((answer, Vec::new()));
    }
}

#[cfg(test)]
mod tests;
