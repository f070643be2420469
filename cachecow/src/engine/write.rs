//! Drives a write: the holds of all its keys, the work, the releases.

use std::future::Future;
use std::sync::Arc;

use tokio::time::Instant;

use super::{Engine, Urgency, not_invalidated};
use crate::backend::{BackendError, Request};
use crate::protocol::{Command, Lost, Reply, Token, Write, WriteOutcome, WriteStep};
use crate::{Error, ErrorKind, Key};

impl Engine {
    /// Runs `work` with every reader kept from filling the keys.
    pub(crate) async fn write<R, E, F>(self: &Arc<Self>, keys: Vec<Key>, work: F) -> Result<R, E>
    where
        F: Future<Output = Result<R, E>>,
        E: From<Error>,
    {
        let began = Instant::now();
        let token = self.tokens.fresh();
        let write = Write::new(token, self.settings.hold, self.settings.hold_policy);
        let mut writes: Vec<(Key, Write)> =
            keys.into_iter().map(|key| (key, write.clone())).collect();
        let unbegun =
            Unbegun { engine: self, token, keys: writes.iter().map(|(key, _)| *key).collect() };
        if let Some(error) = self.hold(&mut writes).await {
            unbegun.disarm();
            return Err(E::from(error));
        }
        unbegun.disarm();
        let unheld = writes.iter().filter(|(_, write)| !write.held()).map(|(key, _)| *key);
        let exposed = Exposed { engine: self, keys: unheld.collect() };
        // Dropped here, the write leaves its holds to expire, as if the process had died: whether
        // the work will still take effect in the backing store cannot be known.
        let result = work.await;
        let overran = began.elapsed() >= self.settings.hold;
        let released = self.release(writes, overran).await;
        exposed.disarm();
        match released {
            // The work's own error comes first.
            Some(error) if result.is_ok() => Err(E::from(error)),
            _ => result,
        }
    }

    /// Places the holds; an error if the write must not begin.
    async fn hold(self: &Arc<Self>, writes: &mut [(Key, Write)]) -> Option<Error> {
        let replies = self.step(writes, Urgency::Read).await;
        let mut refused = None;
        for ((_, write), reply) in writes.iter_mut().zip(replies) {
            write.on_reply(confirmed(&reply));
            if let Err(error) = reply {
                refused.get_or_insert(error);
            }
        }
        let Some(error) = refused else {
            begin_work(writes);
            return None;
        };
        let mut begins = true;
        for (_, write) in writes.iter_mut() {
            begins &= !write.refused();
        }
        if begins {
            tracing::warn!(target: "cachecow", %error, "a write begins without its hold");
            begin_work(writes);
            return None;
        }
        // The other keys' holds, and this one's if only its answer was lost, must not outlast the
        // write that was not begun.
        for (_, write) in writes.iter_mut() {
            write.abort();
        }
        let _ = self.release_all(writes).await;
        Some(Error::caused_by(
            ErrorKind::HoldRefused,
            "write: the cache did not grant the hold, and the work was not begun; retry, or let \
             writes go on without a hold (`HoldPolicy::Proceed`)",
            error,
        ))
    }

    async fn release(
        self: &Arc<Self>,
        mut writes: Vec<(Key, Write)>,
        overran: bool,
    ) -> Option<Error> {
        for (_, write) in &mut writes {
            write.on_worked();
        }
        let error = self.release_all(&mut writes).await?;
        let exposed = writes
            .iter_mut()
            .filter(|(_, write)| overran || write.outcome() != Some(WriteOutcome::HeldUntilExpiry))
            .filter(|(_, write)| write.outcome() != Some(WriteOutcome::Invalidated))
            .count();
        (exposed > 0).then(|| {
            let error = not_invalidated("write", exposed, error);
            tracing::warn!(target: "cachecow", "a write took effect, and the cache could not be told");
            error
        })
    }

    /// Sends the releases; the first error if any failed, after handing those to the background.
    async fn release_all(self: &Arc<Self>, writes: &mut [(Key, Write)]) -> Option<BackendError> {
        let commands: Vec<(Key, Command)> = writes
            .iter_mut()
            .filter_map(|(key, write)| match write.next_step() {
                WriteStep::Send(command) => Some((*key, command)),
                _ => None,
            })
            .collect();
        let requests =
            commands.iter().map(|(key, command)| Request { key: *key, command: command.clone() });
        let replies = self.guard.execute(requests.collect(), Urgency::Invalidation).await;
        for ((_, write), reply) in writes.iter_mut().zip(&replies) {
            write.on_reply(confirmed(reply));
        }
        self.retry_lost(commands.into_iter(), replies).map(|(_, error)| error)
    }

    async fn step(
        &self,
        writes: &mut [(Key, Write)],
        urgency: Urgency,
    ) -> Vec<Result<Reply, BackendError>> {
        let requests: Vec<Request> = writes
            .iter_mut()
            .filter_map(|(key, write)| match write.next_step() {
                WriteStep::Send(command) => Some(Request { key: *key, command }),
                _ => None,
            })
            .collect();
        self.guard.execute(requests, urgency).await
    }
}

fn begin_work(writes: &mut [(Key, Write)]) {
    for (_, write) in writes {
        let step: WriteStep<()> = write.next_step();
        debug_assert_eq!(step, WriteStep::Work, "the work follows the hold");
    }
}

/// A write that is cancelled before its work began: its holds protect nothing.
struct Unbegun<'a> {
    engine: &'a Arc<Engine>,
    token: Token,
    keys: Vec<Key>,
}

impl Unbegun<'_> {
    fn disarm(mut self) {
        self.keys.clear();
    }
}

impl Drop for Unbegun<'_> {
    fn drop(&mut self) {
        if self.keys.is_empty() {
            return;
        }
        let command = Command::Release { token: self.token };
        let requests: Vec<Request> = std::mem::take(&mut self.keys)
            .into_iter()
            .map(|key| Request { key, command: command.clone() })
            .collect();
        let engine = Arc::clone(self.engine);
        self.engine.detach(async move {
            // If it fails, the holds run out.
            let _ = engine.guard.execute(requests, Urgency::Invalidation).await;
        });
    }
}

/// The keys that a write changes without a hold. If it is cancelled or panics, nothing but a later
/// invalidation makes up for it.
struct Exposed<'a> {
    engine: &'a Arc<Engine>,
    keys: Vec<Key>,
}

impl Exposed<'_> {
    fn disarm(mut self) {
        self.keys.clear();
    }
}

impl Drop for Exposed<'_> {
    fn drop(&mut self) {
        if self.keys.is_empty() {
            return;
        }
        tracing::warn!(target: "cachecow", "a write without a hold was cancelled; its keys are invalidated");
        let keys = std::mem::take(&mut self.keys).into_iter();
        let commands = keys.map(|key| (key, Command::Invalidate)).collect();
        self.engine.pending.add(self.engine, commands);
    }
}

fn confirmed(reply: &Result<Reply, BackendError>) -> Result<(), Lost> {
    match reply {
        Ok(Reply::Done) => Ok(()),
        _ => Err(Lost),
    }
}
