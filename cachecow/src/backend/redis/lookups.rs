//! Lookups of many callers in few commands.
//!
//! A few lookups at a time are sent as they come, each a `GET`. Those that arrive meanwhile wait for
//! one of them to be answered and then leave together, as one `MGET`: the busier the process, the
//! larger the batches, and the less each lookup costs on either side. Nobody waits for a batch to
//! fill up.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ::redis::{Cmd, Value};
use futures_util::future::{Either, select};
use tokio::sync::oneshot;

use super::super::{BackendError, BackendErrorKind};
use super::Shared;
use super::reply;
use super::routed::Routed;
use crate::Key;
use crate::protocol::Reply;

/// How many commands may be under way. Up to so many concurrent lookups nobody waits for a turn;
/// beyond, a lookup waits for about that part of a round trip.
const MAX_UNDER_WAY: usize = 16;
/// How many lookups of different callers leave together at the most: each waits for the values of
/// the others.
const MAX_KEYS: usize = 128;

type Answer = Result<Reply, BackendError>;

type Waiting = (Key, oneshot::Sender<Answer>);

#[derive(Default)]
pub(super) struct Lookups(Mutex<State>);

#[derive(Default)]
struct State {
    under_way: usize,
    /// In the order they came.
    waiting: VecDeque<Waiting>,
}

impl Lookups {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that may panic runs under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The value of one key.
pub(super) async fn lookup(shared: &Arc<Shared>, key: Key) -> Answer {
    let answered = {
        let mut state = shared.lookups.lock();
        if state.under_way < MAX_UNDER_WAY {
            state.under_way += 1;
            None
        } else {
            let (sender, receiver) = oneshot::channel();
            state.waiting.push_back((key, sender));
            Some(receiver)
        }
    };
    let Some(answered) = answered else {
        let _turn = Turn(Arc::clone(shared));
        let get =
            Routed { command: get(shared, &[key]), slot: shared.slot(key), is_writers: false };
        return reply::looked_up(shared.route.send(get).await?);
    };
    answered.await.unwrap_or_else(|_| Err(BackendErrorKind::Disconnected.with("shutting down")))
}

/// One of the commands under way. However it ends, its turn passes to those that wait.
struct Turn(Arc<Shared>);

impl Drop for Turn {
    fn drop(&mut self) {
        pass_on(&self.0);
    }
}

fn pass_on(shared: &Arc<Shared>) {
    let mut state = shared.lookups.lock();
    if state.waiting.is_empty() {
        state.under_way -= 1;
        return;
    }
    let count = state.waiting.len().min(MAX_KEYS);
    let batch: Vec<Waiting> = state.waiting.drain(..count).collect();
    drop(state);
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        // The runtime is gone, and with it all that wait.
        shared.lookups.lock().under_way -= 1;
        return;
    };
    // Made here, so that a task that is dropped before it begins passes its turn on as well.
    let turn = Turn(Arc::clone(shared));
    runtime.spawn(async move { look_up_together(&turn.0, batch).await });
}

async fn look_up_together(shared: &Shared, mut batch: Vec<Waiting>) {
    // Callers that are gone need no answer.
    batch.retain(|(_, sender)| !sender.is_closed());
    if batch.is_empty() {
        return;
    }
    let keys: Vec<Key> = batch.iter().map(|(key, _)| *key).collect();
    // Each caller bounds its own wait. When the last has given up, so does the command: a connection
    // that never answers must not keep the turn.
    let answers = {
        let (send, gone) = (pin!(lookup_many(shared, keys)), pin!(all_gone(&mut batch)));
        match select(send, gone).await {
            Either::Left((answers, _)) => answers,
            Either::Right(_) => return,
        }
    };
    for ((_, sender), answer) in batch.into_iter().zip(answers) {
        let _ = sender.send(answer);
    }
}

async fn all_gone(batch: &mut [Waiting]) {
    for (_, sender) in batch {
        sender.closed().await;
    }
}

/// The values of several keys.
pub(super) async fn lookup_many(shared: &Shared, keys: Vec<Key>) -> Vec<Answer> {
    let max_keys = shared.max_keys();
    let gets = keys.chunks(max_keys).map(|keys| Routed {
        command: get(shared, keys),
        slot: keys.first().map_or(0, |key| shared.slot(*key)),
        is_writers: false,
    });
    let values = shared.route.send_each(gets.collect(), None).await;
    let mut values = values.into_iter();
    keys.chunks(max_keys)
        .flat_map(|keys| {
            let value = values.next().unwrap_or_else(|| Err(super::malformed("to a lookup")));
            answers(value, keys.len())
        })
        .collect()
}

/// The command that reads the values of some keys.
pub(super) fn get(shared: &Shared, keys: &[Key]) -> Cmd {
    named(keys, |command, key| shared.add_value_name(command, key))
}

/// The command that reads some epochs.
pub(super) fn get_epochs(shared: &Shared, keys: &[Key]) -> Cmd {
    named(keys, |command, key| shared.add_epoch_name(command, key))
}

/// `GET`, which the server answers in less time, or `MGET`.
fn named(keys: &[Key], add_name: impl Fn(&mut Cmd, Key)) -> Cmd {
    let mut command = Cmd::with_capacity(keys.len() + 1, keys.len() * 48);
    command.arg(if keys.len() == 1 { "GET" } else { "MGET" });
    keys.iter().for_each(|key| add_name(&mut command, *key));
    command
}

/// What a `GET`, or an `MGET` of `count` keys, says of each.
fn answers(value: Result<Value, BackendError>, count: usize) -> impl Iterator<Item = Answer> {
    let (values, error) = match value {
        Ok(value) if count == 1 => (vec![value], None),
        Ok(Value::Array(values)) if values.len() == count => (values, None),
        Ok(Value::ServerError(error)) => (Vec::new(), Some(reply::rejected(&error))),
        Ok(_) => (Vec::new(), Some(super::malformed("to a lookup"))),
        Err(error) => (Vec::new(), Some(error)),
    };
    let mut values = values.into_iter();
    (0..count).map(move |_| match (&error, values.next()) {
        (None, Some(value)) => reply::looked_up(value),
        (Some(error), _) => Err(error.clone()),
        (None, None) => Err(super::malformed("to a lookup")),
    })
}
