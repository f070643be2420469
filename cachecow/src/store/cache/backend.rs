//! A cache backend that keeps its values in any store.

use std::collections::HashSet;
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::values::{Found, Values};
use crate::backend::{BackendError, BackendErrorKind, CacheBackend, Request, Watch};
use crate::backend::{Epochs, Flags, Waiters, ends_lease};
use crate::clock::Clock;
use crate::key::Key;
use crate::protocol::{Command, Replacing, Reply};
use crate::store::KeyValueStore;

/// Commands of keys in one shard wait for each other.
const SHARDS: usize = 256;
/// How many commands of one shard may wait for a store that does not answer.
const LONGEST_QUEUE: usize = 256;
/// How long a claim waits for the store to return the value. A read, unlike a change, may be given up.
const READ_PATIENCE: Duration = Duration::from_secs(30);

/// A cache backend with its values in a [`KeyValueStore`] and its flags in this process's memory.
///
/// A [`CacheDecorator`](super::CacheDecorator) makes one if you pass it a store as its cache. A
/// [`CacheCow`](crate::CacheCow) can use one too:
///
/// ```
/// # fn main() -> Result<(), cachecow::Error> {
/// use cachecow::store::StoreBackend;
/// use cachecow::{CacheCow, MemoryStore};
///
/// let cow = CacheCow::builder().backend(StoreBackend::new(MemoryStore::new()))?;
/// # drop(cow);
/// # Ok(())
/// # }
/// ```
///
/// The names of values are always allowed by the standard [`KeySpace`](super::super::KeySpace),
/// whatever the keys are. Do not share the store with anything else, or wrap it in a prefix.
/// Expired values are not served, and are removed when their key is next read. A store without
/// times to live keeps expired values that nobody reads.
///
/// # Consistency
///
/// The promise holds for all users of this backend, which means within this process: clone the
/// `CacheCow`, or put the backend into an [`Arc`]. Another process that caches in the same store
/// has its own flags, so each process may serve old values after the other's writes.
///
/// If a store does not accept a name ([`InvalidKey`](crate::ErrorKind::InvalidKey)), because it allows only short
/// keys for example, there is no value under it: the key is never cached, and its invalidation succeeds.
///
/// A failed operation of the store must not take effect later. That holds for stores in memory, in files and in a git
/// repository. A store behind a network (SQL, MongoDB, a bucket, a `RedisStore` in a wrapper) cannot exclude it after a
/// timeout: if it stores a value after the next invalidation of the key, that old value may be served until its time to
/// live ends. An operation whose task died (with its runtime, or by a panic) may take effect later, too: if it was storing
/// a value, reads of that key bypass the cache from then on.
///
/// # Time
///
/// The cache's operation timeout (`Builder::operation_timeout`, 500 ms) applies to each operation of the store: set
/// a longer one for a slow store. Values expire by the cache's clock (`Builder::clock`). If several caches share
/// one backend, the clock of the first one counts.
pub struct StoreBackend {
    shared: Arc<Shared>,
}

struct Shared {
    values: Values,
    shards: [Shard; SHARDS],
    doubtful: Doubtful,
    epochs: Epochs,
    waiters: Arc<Waiters>,
}

/// A key's flag and value change under its shard's lock, which is held while the store works.
#[derive(Default)]
struct Shard {
    flags: Arc<tokio::sync::Mutex<Flags>>,
    waiting: AtomicUsize,
}

impl StoreBackend {
    /// Makes a backend that keeps its values in `store`.
    pub fn new(store: impl KeyValueStore + 'static) -> Self {
        let shards = std::array::from_fn(|_| Shard::default());
        let values = Values::new(store);
        let (doubtful, waiters) = (Doubtful::default(), Arc::default());
        let epochs = Epochs::default();
        Self { shared: Arc::new(Shared { values, shards, doubtful, epochs, waiters }) }
    }
}

fn shard_of(key: Key) -> usize {
    usize::from(key.hash().to_le_bytes()[0]) % SHARDS
}

impl Shared {
    /// Executes the request after all that were accepted before it, whenever it is polled.
    fn in_order(
        self: &Arc<Self>,
        request: Request,
    ) -> Option<impl Future<Output = Result<Reply, BackendError>> + use<>> {
        let waiting = Waiting::of(self, shard_of(request.key))?;
        let mut lock = Arc::clone(&waiting.shard().flags).lock_owned().boxed();
        // The first poll enters the queue.
        let locked = lock.as_mut().now_or_never();
        Some(async move {
            let mut flags = match locked {
                Some(flags) => flags,
                None => lock.await,
            };
            let (key, ends_lease) = (request.key, ends_lease(&request.command));
            let reply = waiting.shared.carry_out(&mut flags, request).await;
            if ends_lease {
                waiting.shared.waiters.wake(key);
            }
            reply
        })
    }

    async fn look_up(&self, key: Key) -> Result<Reply, BackendError> {
        self.doubtful.check(key)?;
        Ok(match self.values.find(key).await? {
            Found::Value(value) => Reply::Value(value),
            Found::Nothing | Found::Expired => Reply::Absent,
        })
    }

    async fn carry_out(
        &self,
        flags: &mut Flags,
        Request { key, command }: Request,
    ) -> Result<Reply, BackendError> {
        let now = Instant::now();
        if let Some(reply) = self.epochs.carry_out(key, &command, now) {
            return Ok(reply);
        }
        match command {
            Command::ReadEpoch
            | Command::TakeEpoch { .. }
            | Command::EndEpoch
            | Command::HoldEpoch { .. }
            | Command::ReleaseEpoch { .. } => {
                unreachable!("answered above")
            }
            Command::Lookup => self.look_up(key).await,
            Command::Claim { token, lease, replacing } => {
                if let Some(value) = self.value_to_claim(key, replacing).await? {
                    return Ok(Reply::Value(value));
                }
                Ok(flags.claim(key, token, now, Instant::now() + lease))
            }
            Command::Fill { token, value, ttl } => {
                if !flags.has_lease(key, &token, now) {
                    return Ok(Reply::Refused);
                }
                let doubt = self.doubtful.unless_ended(key);
                let stored = self.values.put(key, &value, ttl).await;
                doubt.end();
                flags.drop_lease(key);
                stored.map(|()| Reply::Settled)
            }
            Command::Abandon { token } => {
                let stood = flags.take_lease(key, &token, now);
                Ok(if stood { Reply::Settled } else { Reply::Refused })
            }
            // The flag is removed first: if the store fails, nobody can fill with an old claim.
            Command::Invalidate => {
                flags.invalidate(key);
                self.values.remove(key).await.map(|()| Reply::Done)
            }
            Command::Hold { token, ttl } => {
                flags.hold(key, token, now, ttl);
                self.values.remove(key).await.map(|()| Reply::Done)
            }
            // The hold stays if the old value may still be there.
            Command::Release { token } => {
                self.values.remove(key).await?;
                flags.release(key, &token, now);
                Ok(Reply::Done)
            }
            Command::ReleaseAndStore { token, value, ttl } => {
                let is_alone = flags.is_held_alone(key, &token, now);
                self.values.remove(key).await?;
                let stored = if is_alone {
                    let doubt = self.doubtful.unless_ended(key);
                    let stored = self.values.put(key, &value, ttl).await;
                    doubt.end();
                    stored.map(|()| Reply::Settled)
                } else {
                    Ok(Reply::Refused)
                };
                flags.release(key, &token, now);
                stored
            }
        }
    }

    async fn value_to_claim(
        &self,
        key: Key,
        replacing: Option<Replacing>,
    ) -> Result<Option<Bytes>, BackendError> {
        self.doubtful.check(key)?;
        let found = tokio::time::timeout(READ_PATIENCE, self.values.find(key)).await;
        let found = found.unwrap_or_else(|_| {
            Err(BackendError::new(BackendErrorKind::TimedOut, "the store did not answer in time"))
        });
        let keep = match (found?, replacing) {
            (Found::Nothing, _) => return Ok(None),
            (Found::Value(value), Some(replacing)) if replacing.seen.matches(&value) => {
                replacing.keep
            }
            (Found::Value(value), _) => return Ok(Some(value)),
            (Found::Expired, _) => false,
        };
        if !keep {
            self.values.remove(key).await?;
        }
        Ok(None)
    }
}

/// A command's position among those of its shard.
struct Waiting {
    shared: Arc<Shared>,
    shard: usize,
}

impl Waiting {
    fn of(shared: &Arc<Shared>, shard: usize) -> Option<Self> {
        let waiting = Self { shared: Arc::clone(shared), shard };
        let before = waiting.shard().waiting.fetch_add(1, Ordering::Relaxed);
        (before < LONGEST_QUEUE).then_some(waiting)
    }

    fn shard(&self) -> &Shard {
        &self.shared.shards[self.shard]
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.shard().waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Keys for which an old value may still be stored.
#[derive(Default)]
struct Doubtful {
    any: AtomicBool,
    keys: Mutex<HashSet<Key>>,
}

impl Doubtful {
    fn check(&self, key: Key) -> Result<(), BackendError> {
        if !self.any.load(Ordering::Acquire) {
            return Ok(());
        }
        let doubtful = self.keys.lock().contains(&key);
        if doubtful {
            Err(gone("a task that died may still store an old value of this key"))
        } else {
            Ok(())
        }
    }

    /// Marks the key as doubtful, if this is dropped before the operation ends.
    fn unless_ended(&self, key: Key) -> Doubt<'_> {
        Doubt { doubtful: self, key: Some(key) }
    }
}

struct Doubt<'a> {
    doubtful: &'a Doubtful,
    key: Option<Key>,
}

impl Doubt<'_> {
    fn end(mut self) {
        self.key = None;
    }
}

impl Drop for Doubt<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            let mut keys = self.doubtful.keys.lock();
            keys.insert(key);
            self.doubtful.any.store(true, Ordering::Release);
        }
    }
}

impl CacheBackend for StoreBackend {
    /// Its flags are.
    fn is_of_this_process(&self) -> bool {
        true
    }

    fn execute(&self, requests: Vec<Request>) -> BoxFuture<'_, Vec<Result<Reply, BackendError>>> {
        // Each in its own task, which holds the lock to the end: a store's operation may go on
        // after its future was dropped, and must not take effect after a later command.
        let commands: Vec<_> = requests
            .into_iter()
            .map(|request| self.shared.in_order(request).map(tokio::spawn))
            .map(|task| async {
                match task {
                    Some(task) => task.await.unwrap_or_else(|_| Err(died())),
                    None => Err(BackendError::new(
                        BackendErrorKind::TimedOut,
                        "too many commands wait for the store",
                    )),
                }
            })
            .collect();
        join_all(commands).boxed()
    }

    fn lookup(&self, key: Key) -> BoxFuture<'_, Result<Reply, BackendError>> {
        // Changes nothing, so it may be dropped.
        caught(self.shared.look_up(key)).boxed()
    }

    fn watch(&self, key: Key) -> BoxFuture<'_, Result<Watch, BackendError>> {
        async move {
            let waiter = self.shared.waiters.wait(key);
            let flags = self.shared.shards[shard_of(key)].flags.lock().await;
            Ok(waiter.until(flags.lease_end(key, Instant::now())))
        }
        .boxed()
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        caught(self.shared.values.ping()).boxed()
    }

    fn use_clock(&self, clock: &Clock) {
        self.shared.values.use_clock(clock);
    }

    fn reset(&self) {}
}

/// Turns a panic of the store into an error: the cache is never the reason for a failure.
async fn caught<T>(
    asked: impl Future<Output = Result<T, BackendError>>,
) -> Result<T, BackendError> {
    AssertUnwindSafe(asked).catch_unwind().await.unwrap_or_else(|_| Err(died()))
}

fn died() -> BackendError {
    gone("the store panicked, or the runtime is shutting down")
}

fn gone(why: &str) -> BackendError {
    BackendError::new(BackendErrorKind::Disconnected, why)
}

impl fmt::Debug for StoreBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreBackend")
            .field("store", &self.shared.values.store())
            .field("watched", &self.shared.waiters.keys())
            .finish_non_exhaustive()
    }
}
