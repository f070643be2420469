//! Drives a write: the holds of all its keys, the work, the releases.

use std::future::Future;
use std::sync::Arc;

use tokio::time::Instant;

use super::flights::overtake;
use super::{Engine, Invalidation, Urgency, carried_out, not_invalidated};
use crate::backend::{BackendError, Request};
use crate::error::{Error, ErrorKind};
use crate::key::Key;
use crate::protocol::{Command, HoldPolicy, Lost, Token, WriteMachine, WriteOutcome, WriteStep};

impl Engine {
    /// Runs `work` with every reader kept from filling the keys. The work's result, and an error if
    /// the cache could not be told of it.
    ///
    /// A result that is `in_doubt` may yet take effect: the holds are left to expire, as if the work
    /// had been dropped.
    ///
    /// # Errors
    ///
    /// If the work was not begun.
    pub(crate) async fn write<R, E, F>(
        self: &Arc<Self>,
        targets: Vec<Invalidation>,
        policy: HoldPolicy,
        work: F,
        in_doubt: impl FnOnce(&Result<R, E>) -> bool,
    ) -> Result<(Result<R, E>, Option<Error>), Error>
    where
        F: Future<Output = Result<R, E>>,
    {
        let began = Instant::now();
        let token = self.tokens.fresh();
        let write = WriteMachine::new(token, self.settings.hold, policy);
        let settling = |target: &Invalidation| write.clone().with_settle(target.settle);
        let mut writes: Vec<(Key, WriteMachine)> =
            targets.iter().map(|target| (target.key, settling(target))).collect();
        let keys: Vec<Key> = writes.iter().map(|(key, _)| *key).collect();
        let unbegun = OnDrop::new(|| self.release_later(keys, token));
        let refused = self.hold(&mut writes).await;
        unbegun.disarm();
        if let Some(error) = refused {
            return Err(error);
        }
        let unheld = targets.iter().zip(&writes).filter(|(_, (_, write))| !write.held());
        let unheld: Vec<Invalidation> = unheld.map(|(target, _)| *target).collect();
        let exposed = OnDrop::new(|| self.make_up_for(unheld));
        // Dropped here, the write leaves its holds to expire, as if the process had died: whether
        // the work will still take effect in the backing store cannot be known.
        let result = work.await;
        if in_doubt(&result) {
            writes.retain(|(_, write)| !write.held());
        }
        let overran = began.elapsed() >= self.settings.hold;
        let released = self.release(writes, overran).await;
        exposed.disarm();
        targets.iter().for_each(|target| overtake(self, target.key));
        Ok((result, released))
    }

    /// Places the holds; an error if the write must not begin.
    async fn hold(self: &Arc<Self>, writes: &mut [(Key, WriteMachine)]) -> Option<Error> {
        let replies = self.change(requests(&commands(writes)), Urgency::Read).await;
        let mut refused = None;
        for ((_, write), reply) in writes.iter_mut().zip(replies) {
            let done = carried_out(reply);
            write.on_reply(done.clone().map_err(|_| Lost));
            if let Err(error) = done {
                refused.get_or_insert(error);
            }
        }
        let Some(error) = refused else {
            begin_work(writes);
            return None;
        };
        if !writes.iter().any(|(_, write)| write.refused()) {
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

    /// Ends the holds of a write whose work never began: they protect nothing.
    fn release_later(self: &Arc<Self>, keys: Vec<Key>, token: Token) {
        let command = Command::Release { token };
        let commands: Vec<(Key, Command)> =
            keys.into_iter().map(|key| (key, command.clone())).collect();
        let engine = Arc::clone(self);
        self.detach(async move {
            // If it fails, the holds run out.
            let _ = engine.change(requests(&commands), Urgency::Invalidation).await;
        });
    }

    /// Invalidates what a cancelled write may have changed without a hold.
    fn make_up_for(self: &Arc<Self>, unheld: Vec<Invalidation>) {
        if unheld.is_empty() {
            return;
        }
        tracing::warn!(target: "cachecow", "a write without a hold was cancelled; its keys are invalidated");
        let token = self.tokens.fresh();
        let commands = unheld.into_iter().map(|target| (target.key, target.invalidation(token)));
        self.pending.add(self, commands.collect());
    }

    async fn release(
        self: &Arc<Self>,
        mut writes: Vec<(Key, WriteMachine)>,
        overran: bool,
    ) -> Option<Error> {
        for (_, write) in &mut writes {
            write.on_worked();
        }
        let error = self.release_all(&mut writes).await?;
        let exposed = writes
            .iter()
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
    async fn release_all(
        self: &Arc<Self>,
        writes: &mut [(Key, WriteMachine)],
    ) -> Option<BackendError> {
        let commands = commands(writes);
        let replies = self.change(requests(&commands), Urgency::Invalidation).await;
        for ((_, write), reply) in writes.iter_mut().zip(&replies) {
            write.on_reply(carried_out(reply.clone()).map_err(|_| Lost));
        }
        self.retry_lost(commands.into_iter(), replies).map(|(_, error)| error)
    }
}

/// The next command of each write.
fn commands(writes: &mut [(Key, WriteMachine)]) -> Vec<(Key, Command)> {
    writes
        .iter_mut()
        .filter_map(|(key, write)| match write.next_step() {
            WriteStep::Send(command) => Some((*key, command)),
            _ => None,
        })
        .collect()
}

fn requests(commands: &[(Key, Command)]) -> Vec<Request> {
    commands.iter().map(|(key, command)| Request { key: *key, command: command.clone() }).collect()
}

fn begin_work(writes: &mut [(Key, WriteMachine)]) {
    for (_, write) in writes {
        let step: WriteStep<()> = write.next_step();
        debug_assert_eq!(step, WriteStep::Work, "the work follows the hold");
    }
}

/// What is left to do if a write is cancelled, or its work panics, before a certain point.
struct OnDrop<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> OnDrop<F> {
    fn new(what: F) -> Self {
        Self(Some(what))
    }

    fn disarm(mut self) {
        self.0 = None;
    }
}

impl<F: FnOnce()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        if let Some(what) = self.0.take() {
            what();
        }
    }
}
