//! A small backend that does one thing wrong: the negative controls of the conformance suite.

mod fault;
mod slot;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use cachecow::protocol::{Command, Reply};
use cachecow::{
    BackendError, BackendErrorKind, CacheBackend, ChangeListener, Key, Place, Request, Watch,
};
use futures_util::FutureExt as _;
use futures_util::future::{self, BoxFuture};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

pub use self::fault::Fault;
use self::slot::Slot;

/// A backend with one fault, or with none: then it passes the suite.
#[derive(Clone)]
pub struct Faulty {
    fault: Fault,
    table: Arc<Mutex<Table>>,
    changes: watch::Sender<()>,
}

#[derive(Default)]
struct Table {
    slots: HashMap<Key, Slot>,
    /// How many claims were granted, and how many epochs have begun.
    count: u64,
    watched: Vec<Key>,
    listeners: Vec<Weak<dyn ChangeListener>>,
}

impl Faulty {
    /// A backend with this fault.
    pub fn new(fault: Fault) -> Self {
        Self { fault, table: Arc::default(), changes: watch::Sender::new(()) }
    }

    fn with<R>(&self, act: impl FnOnce(&mut Table) -> R) -> R {
        act(&mut self.table.lock())
    }

    /// What the command does to its key, all at once.
    fn apply(&self, Request { key, command }: &Request) -> Reply {
        let fault = self.fault;
        let place = if fault == Fault::SharesPlaces { Key::from_hash(0) } else { *key };
        let (reply, told) = self.with(|table| {
            let Table { slots, count, listeners, .. } = table;
            let slot = slots.entry(place).or_default();
            slot.expire(Instant::now(), fault);
            let before = slot.value();
            let reply = slot.carry_out(command, fault, count);
            let ends = matches!(
                command,
                Command::EndEpoch | Command::HoldEpoch { .. } | Command::ReleaseEpoch { .. }
            );
            let changed = before != slot.value() || ends;
            let changed = changed && fault.tells(command);
            (reply, if changed { listeners.clone() } else { Vec::new() })
        });
        self.changes.send_replace(());
        told.iter().filter_map(Weak::upgrade).for_each(|listener| listener.changed(*key));
        reply
    }

    /// The same; what is done in two steps is done by a fault.
    async fn carry_out(&self, request: Request) -> Reply {
        let two_steps = match (self.fault, &request.command) {
            (Fault::FillsInTwoSteps, Command::Fill { .. }) => Some(Reply::Settled),
            (Fault::ClaimsInTwoSteps, Command::Claim { .. }) => Some(Reply::Claimed(1)),
            (Fault::TakesInTwoSteps, Command::TakeEpoch { fresh, .. }) => {
                Some(Reply::Epoch(fresh.numbered(1)))
            }
            _ => None,
        };
        let Some(promised) = two_steps else { return self.apply(&request) };
        // Looks at what there is, and acts on it later.
        let seen = self.with(|table| {
            let mut slot = table.slots.get(&request.key).cloned().unwrap_or_default();
            slot.expire(Instant::now(), Fault::None);
            (slot.carry_out(&request.command, Fault::None, &mut table.count), slot)
        });
        if std::mem::discriminant(&seen.0) != std::mem::discriminant(&promised) {
            return seen.0;
        }
        tokio::task::yield_now().await;
        self.with(|table| table.slots.insert(request.key, seen.1));
        seen.0
    }

    fn lease_end(&self, key: Key) -> Option<Instant> {
        self.with(|table| table.slots.get(&key)?.lease_end(Instant::now()))
    }

    fn refused() -> BackendError {
        BackendError::new(BackendErrorKind::Rejected, "as the test says")
    }
}

impl CacheBackend for Faulty {
    fn execute(&self, requests: Vec<Request>) -> BoxFuture<'_, Vec<Result<Reply, BackendError>>> {
        let this = self.clone();
        let carry_out = async move {
            let mut replies = Vec::new();
            for request in requests {
                replies.push(Ok(this.carry_out(request).await));
            }
            match this.fault {
                Fault::AnswersOutOfOrder => replies.reverse(),
                Fault::AnswersOneTooFew if replies.len() > 1 => drop(replies.pop()),
                Fault::AnswersTheEmptyBatch if replies.is_empty() => replies.push(Ok(Reply::Done)),
                Fault::FailsLargeBatches if replies.len() > 1000 => {
                    replies.fill(Err(Self::refused()));
                }
                _ => {}
            }
            replies
        };
        if self.fault == Fault::CarriesOutLate {
            let task = tokio::spawn(async {
                for _ in 0..3 {
                    tokio::task::yield_now().await;
                }
                carry_out.await
            });
            return task.map(Result::unwrap_or_default).boxed();
        }
        carry_out.boxed()
    }

    fn lookup(&self, key: Key) -> BoxFuture<'_, Result<Reply, BackendError>> {
        let reply = match self.fault {
            Fault::LooksUpTheOld => self.with(|table| table.slots.get(&key).and_then(Slot::last)),
            _ => None,
        };
        let reply = reply.unwrap_or_else(|| self.apply(&Request { key, command: Command::Lookup }));
        future::ready(Ok(reply)).boxed()
    }

    fn lookup_many(
        &self,
        mut places: Vec<Place>,
    ) -> BoxFuture<'_, Vec<Result<Reply, BackendError>>> {
        match self.fault {
            Fault::LooksManyUpOutOfOrder => places.sort_unstable(),
            Fault::LooksUpFewOnly => places.truncate(1000),
            Fault::LooksUpValuesOnly => {
                places.iter_mut().for_each(|place| *place = Place::Value(place.key()));
            }
            _ => {}
        }
        let replies = places.into_iter().map(|place| Ok(self.apply(&place.into()))).collect();
        future::ready(replies).boxed()
    }

    fn watch(&self, key: Key) -> BoxFuture<'_, Result<Watch, BackendError>> {
        let first = self.with(|table| {
            let first = !table.watched.contains(&key);
            table.watched.push(key);
            first
        });
        let never = match self.fault {
            Fault::CannotWatch => {
                let unsupported = BackendError::new(BackendErrorKind::Unsupported, "no watch");
                return future::ready(Err(unsupported)).boxed();
            }
            Fault::FailsToWatch => return future::ready(Err(Self::refused())).boxed(),
            Fault::WatchNeverStands => return future::pending().boxed(),
            Fault::WatchNeverTells => true,
            Fault::WatchTellsOne => !first,
            Fault::WatchNeedsALease => self.lease_end(key).is_none(),
            _ => false,
        };
        if never {
            return future::ready(Ok(future::pending().boxed())).boxed();
        }
        let (this, mut changes) = (self.clone(), self.changes.subscribe());
        let watch = async move {
            if this.fault == Fault::WatchFails {
                return Err(Self::refused());
            }
            while let Some(end) = this.lease_end(key) {
                let changed = changes.changed().map(drop);
                if this.fault == Fault::WatchOutlivesTheLease {
                    changed.await;
                    continue;
                }
                future::select(Box::pin(changed), Box::pin(sleep_until(end))).await;
            }
            Ok(())
        };
        future::ready(Ok(watch.boxed())).boxed()
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        let fails = self.fault == Fault::FailsPings;
        future::ready(if fails { Err(Self::refused()) } else { Ok(()) }).boxed()
    }

    fn follow(&self, listener: Weak<dyn ChangeListener>, lag: Duration) {
        if self.fault != Fault::IsNeverCurrent
            && let Some(listener) = listener.upgrade()
        {
            listener.current_for(lag);
        }
        self.with(|table| table.listeners.push(listener));
    }

    fn reset(&self) {
        if self.fault == Fault::ForgetsAtReset {
            self.with(|table| table.slots.clear());
        }
    }
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faulty").field("fault", &self.fault).finish_non_exhaustive()
    }
}
