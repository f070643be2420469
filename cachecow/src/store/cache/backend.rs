//! Any store as the place of cached values.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::backend::Flags;
use crate::protocol::{Command, Discard, Reply, Token};
use crate::store::{KeyValueStore, Ttl};
use crate::{BackendError, BackendErrorKind, CacheBackend, Error, ErrorKind, Key, Request};

/// Before each value: until when it may be served, in milliseconds since 1970.
const EXPIRY: usize = size_of::<u64>();
/// Commands of keys in one shard wait for each other.
const SHARDS: usize = 256;

/// The protocol with its values in a [`KeyValueStore`] and its flags in this process's memory.
///
/// A [`CacheDecorator`](super::CacheDecorator) makes one of any store that it is given as its cache.
/// A [`CacheCow`](crate::CacheCow) can use one too:
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
/// Values stand under names that the standard [`KeySpace`](super::super::KeySpace) allows, whatever
/// the keys are; share the store with nothing else, or wrap it into a prefix.
///
/// # Consistency
///
/// The promise holds between all that use this backend, that is within the process: clone the
/// `CacheCow` or put the backend into an [`Arc`]. Another process that caches in the same store has
/// flags of its own, and each may serve what the other's writers have changed.
///
/// An operation of the store's that failed must not take effect later.
pub struct StoreBackend {
    shared: Arc<Shared>,
}

struct Shared {
    store: Arc<dyn KeyValueStore>,
    has_ttl: bool,
    /// A key's flag and value change under its shard's lock, which is held while the store works.
    flags: [Arc<Mutex<Flags>>; SHARDS],
}

impl StoreBackend {
    /// A backend that keeps its values in `store`.
    pub fn new(store: impl KeyValueStore + 'static) -> Self {
        let has_ttl = store.capabilities().ttl;
        let flags = std::array::from_fn(|_| Arc::default());
        Self { shared: Arc::new(Shared { store: Arc::new(store), has_ttl, flags }) }
    }
}

impl Shared {
    /// Carries the request out after all that were taken before it, whenever it is polled.
    fn in_order(
        self: &Arc<Self>,
        request: Request,
    ) -> impl Future<Output = Result<Reply, BackendError>> + use<> {
        let shared = Arc::clone(self);
        let shard = usize::from(request.key.hash().to_le_bytes()[0]) % SHARDS;
        let mut lock = Arc::clone(&self.flags[shard]).lock_owned().boxed();
        // The first poll takes the place in the queue.
        let locked = lock.as_mut().now_or_never();
        async move {
            let mut flags = match locked {
                Some(flags) => flags,
                None => lock.await,
            };
            shared.carry_out(&mut flags, request).await
        }
    }

    async fn look_up(&self, key: Key) -> Result<Reply, BackendError> {
        Ok(self.value(&key.to_string()).await?.map_or(Reply::Absent, Reply::Value))
    }

    async fn carry_out(
        &self,
        flags: &mut Flags,
        Request { key, command }: Request,
    ) -> Result<Reply, BackendError> {
        let name = key.to_string();
        let now = Instant::now();
        match command {
            Command::Lookup => self.look_up(key).await,
            Command::Claim { token, lease, discard } => {
                if let Some(value) = self.value_to_claim(&name, discard).await? {
                    return Ok(Reply::Value(value));
                }
                Ok(flags.claim(key, token, now, Instant::now() + lease))
            }
            Command::Fill { token, value, ttl } => {
                if !flags.has_lease(key, &token, now) {
                    return Ok(Reply::Refused);
                }
                let stored = self.store(&name, &value, ttl).await;
                flags.drop_lease(key);
                stored.map(|()| Reply::Settled)
            }
            Command::Abandon { token } => Ok(abandoned(flags, key, &token, now)),
            // The flag goes first: should the store fail, nobody fills on the old right.
            Command::Invalidate => {
                flags.drop_lease(key);
                self.remove(&name).await
            }
            Command::Hold { token, ttl } => {
                flags.hold(key, token, now, ttl);
                self.remove(&name).await
            }
            Command::Release { token } => {
                let removed = self.remove(&name).await;
                // The hold stays if the old value may still be there.
                if removed.is_ok() {
                    flags.release(key, &token, now);
                }
                removed
            }
        }
    }

    async fn value_to_claim(
        &self,
        name: &str,
        discard: Option<Discard>,
    ) -> Result<Option<Bytes>, BackendError> {
        match (self.value(name).await?, discard) {
            (Some(value), Some(discard)) if discard.matches(&value) => {
                self.remove(name).await?;
                Ok(None)
            }
            (value, _) => Ok(value),
        }
    }

    async fn value(&self, name: &str) -> Result<Option<Bytes>, BackendError> {
        let mut stored = match self.store.get(name).await {
            Ok(stored) => stored,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(rejected(&error)),
        };
        if stored.len() < EXPIRY {
            // Not ours, or cut; the judge of the value rejects it.
            return Ok(Some(stored));
        }
        let value = stored.split_off(EXPIRY);
        let expires = stored[..].try_into().map_or(0, u64::from_be_bytes);
        Ok((expires > millis_since_1970()).then_some(value))
    }

    async fn store(&self, name: &str, value: &Bytes, ttl: Duration) -> Result<(), BackendError> {
        let ttl_millis = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        let mut stored = BytesMut::with_capacity(EXPIRY + value.len());
        stored.put_u64(millis_since_1970().saturating_add(ttl_millis));
        stored.extend_from_slice(value);
        // So that the store forgets what is not served any more, where it can.
        let ttl = if self.has_ttl { Ttl::After(ttl) } else { Ttl::StoreDefault };
        self.store.put_bytes(name, stored.freeze(), ttl).await.map_err(|error| rejected(&error))
    }

    async fn remove(&self, name: &str) -> Result<Reply, BackendError> {
        self.store.delete(name).await.map_err(|error| rejected(&error))?;
        Ok(Reply::Done)
    }
}

fn abandoned(flags: &mut Flags, key: Key, token: &Token, now: Instant) -> Reply {
    if flags.take_lease(key, token, now) { Reply::Settled } else { Reply::Refused }
}

fn millis_since_1970() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn rejected(error: &Error) -> BackendError {
    BackendError::new(BackendErrorKind::Rejected, error.to_string())
}

impl CacheBackend for StoreBackend {
    fn execute(&self, requests: Vec<Request>) -> BoxFuture<'_, Vec<Result<Reply, BackendError>>> {
        // Each in a task of its own, under its lock to its end: a store's operation may go on after
        // its future was dropped, and must not take effect after a later command's.
        let commands: Vec<_> = requests
            .into_iter()
            .map(|request| tokio::spawn(self.shared.in_order(request)))
            .map(|task| async {
                let gone = |_| {
                    let why = "the store panicked, or the runtime is shutting down";
                    Err(BackendError::new(BackendErrorKind::Disconnected, why))
                };
                task.await.unwrap_or_else(gone)
            })
            .collect();
        join_all(commands).boxed()
    }

    fn lookup(&self, key: Key) -> BoxFuture<'_, Result<Reply, BackendError>> {
        // Changes nothing, so it may be dropped.
        self.shared.look_up(key).boxed()
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        async {
            let asked = self.shared.store.contains("ping").await;
            asked.map(|_| ()).map_err(|error| rejected(&error))
        }
        .boxed()
    }

    fn reset(&self) {}
}

impl fmt::Debug for StoreBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreBackend").field("store", &self.shared.store).finish_non_exhaustive()
    }
}
