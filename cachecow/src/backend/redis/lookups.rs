//! Lookups of many callers in few commands.
//!
//! A few lookups at a time are sent as they come, each a `GET`. Those that arrive meanwhile wait for
//! one of them to be answered and then leave together, as one `MGET`: the busier the process, the
//! larger the batches, and the less each lookup costs on either side. Nobody waits for a batch to
//! fill up.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ::redis::{Cmd, Value};
use tokio::sync::oneshot;

use super::Shared;
use super::super::{BackendError, BackendErrorKind};
use super::reply;
use crate::Key;
use crate::protocol::Reply;

/// How many commands may be under way. Two keep client and server busy at the same time.
const MAX_UNDER_WAY: usize = 2;
/// How many keys one `MGET` takes at the most.
const MAX_KEYS: usize = 128;

type Answer = Result<Reply, BackendError>;

#[derive(Default)]
pub(super) struct Lookups(Mutex<State>);

#[derive(Default)]
struct State {
    under_way: usize,
    waiting: Vec<(Key, oneshot::Sender<Answer>)>,
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
            state.waiting.push((key, sender));
            Some(receiver)
        }
    };
    let Some(answered) = answered else {
        let _turn = Turn(shared);
        let value = shared.link.send(::redis::cmd("GET").arg(shared.value_name(key))).await?;
        return reply::looked_up(value);
    };
    answered.await.unwrap_or_else(|_| Err(BackendErrorKind::Disconnected.with("shutting down")))
}

/// One of the commands under way. However it ends, its turn passes to those that wait.
struct Turn<'a>(&'a Arc<Shared>);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        pass_on(self.0);
    }
}

fn pass_on(shared: &Arc<Shared>) {
    let mut state = shared.lookups.lock();
    if state.waiting.is_empty() {
        state.under_way -= 1;
        return;
    }
    let rest = state.waiting.len().saturating_sub(MAX_KEYS);
    let batch = state.waiting.split_off(rest);
    drop(state);
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        // The runtime is gone, and with it all that wait.
        shared.lookups.lock().under_way -= 1;
        return;
    };
    let shared = Arc::clone(shared);
    runtime.spawn(async move {
        let _turn = Turn(&shared);
        look_up_together(&shared, batch).await;
    });
}

async fn look_up_together(shared: &Shared, batch: Vec<(Key, oneshot::Sender<Answer>)>) {
    // Callers that are gone need no answer.
    let batch: Vec<_> = batch.into_iter().filter(|(_, sender)| !sender.is_closed()).collect();
    if batch.is_empty() {
        return;
    }
    let mut command = Cmd::with_capacity(batch.len() + 1, batch.len() * 48);
    command.arg("MGET");
    for (key, _) in &batch {
        command.arg(shared.value_name(*key));
    }
    match shared.link.send(&command).await {
        Ok(Value::Array(values)) if values.len() == batch.len() => {
            for ((_, sender), value) in batch.into_iter().zip(values) {
                let _ = sender.send(reply::looked_up(value));
            }
        }
        Ok(Value::ServerError(error)) => tell_all(batch, &reply::rejected(&error)),
        Ok(_) => tell_all(batch, &super::malformed("to a lookup")),
        Err(error) => tell_all(batch, &error),
    }
}

fn tell_all(batch: Vec<(Key, oneshot::Sender<Answer>)>, error: &BackendError) {
    for (_, sender) in batch {
        let _ = sender.send(Err(error.clone()));
    }
}
