//! The embedded backend: the same protocol in this process's memory.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{self, BoxFuture};
use parking_lot::{Mutex, MutexGuard, RwLock};
use quick_cache::sync::Cache;
use quick_cache::{DefaultHashBuilder, Lifecycle, Weighter};
use tokio::time::Instant;

use super::epochs::Epochs;
use super::flags::{Flags, ends_lease};
use super::{BackendError, CacheBackend, ChangeListener, Request, Waiters, Watch};
use crate::clock::{Clock, GivenClock, LONGEST};
use crate::key::Key;
use crate::protocol::{Command, Replacing, Reply, Token};

/// The eviction policy's memory for each key: two links, its state and its slot in the hash table.
const LINKS: usize = 24;
/// The memory of an entry beside its value. The tables double, so in the worst case half of them is empty. The
/// value's reference counter is allocated when it is first read.
const ENTRY_OVERHEAD: usize = 2 * (size_of::<Key>() + size_of::<Entry>() + LINKS) + 32;
/// The smallest allocation; sizes are multiples of it.
const ALLOCATION: usize = 16;
/// The epochs of tags may take one part in this number of the capacity, in addition.
const EPOCHS_SHARE: u64 = 8;
const FLAG_SHARDS: usize = 16;

/// A backend in this process's memory, with the same protocol: for tests, for a single process, and
/// for trying things out. `memory://` opens one.
///
/// Its size is limited by the weight of the stored values; the least used values are evicted first. Values expire
/// by the program's clock, if it has one ([`Builder::clock`](crate::Builder::clock)). Otherwise they expire by
/// tokio's time, as leases, holds and epochs always do. All data is lost when the backend is dropped; clones of a
/// [`CacheCow`](crate::CacheCow) share one backend.
///
/// ```
/// use cachecow::{CacheCow, MemoryBackend};
///
/// # fn main() -> Result<(), cachecow::Error> {
/// let cow = CacheCow::builder().backend(MemoryBackend::with_capacity(256 << 20))?;
/// # Ok(())
/// # }
/// ```
///
/// # Consistency
///
/// The same as with Redis, within this process. Other processes do not see it.
pub struct MemoryBackend {
    values: Cache<Key, Entry, ByBytes, DefaultHashBuilder, Evictions>,
    listeners: Arc<Listeners>,
    /// The lock of a key's shard guards its flag; the key's value is also written under this lock.
    flags: [Mutex<Flags>; FLAG_SHARDS],
    epochs: Epochs,
    waiters: Arc<Waiters>,
    /// The clock by which values expire, if it is not tokio's, and when it was set.
    clock: OnceLock<(GivenClock, Instant)>,
}

#[derive(Clone)]
struct Entry {
    value: Bytes,
    /// By the clock for values.
    expires: Instant,
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<Key, Entry> for ByBytes {
    fn weight(&self, _key: &Key, entry: &Entry) -> u64 {
        let value = entry.value.len().next_multiple_of(ALLOCATION) + ALLOCATION;
        (value + ENTRY_OVERHEAD) as u64
    }
}

/// The listeners that keep values elsewhere. They hear of a change before the caller that made it gets its answer.
#[derive(Default)]
struct Listeners {
    all: RwLock<Vec<Weak<dyn ChangeListener>>>,
    any: AtomicBool,
}

impl Listeners {
    fn add(&self, listener: Weak<dyn ChangeListener>) -> Option<Arc<dyn ChangeListener>> {
        let added = listener.upgrade();
        let mut all = self.all.write();
        all.retain(|listener| listener.strong_count() > 0);
        all.push(listener);
        self.any.store(true, Ordering::Release);
        added
    }

    fn tell(&self, key: Key) {
        if self.any.load(Ordering::Acquire) {
            let all = self.all.read();
            all.iter().filter_map(Weak::upgrade).for_each(|listener| listener.changed(key));
        }
    }
}

/// Reports evicted values.
#[derive(Clone)]
struct Evictions(Arc<Listeners>);

impl Lifecycle<Key, Entry> for Evictions {
    type RequestState = ();

    fn on_evict(&self, _state: &mut Self::RequestState, key: Key, _entry: Entry) {
        self.0.tell(key);
    }
}

impl MemoryBackend {
    /// The capacity that [`CacheCow::memory`](crate::CacheCow::memory) and `memory://` use: 64 MiB.
    pub const DEFAULT_CAPACITY: u64 = 64 * 1024 * 1024;

    /// Makes an empty cache that takes at most about `capacity` bytes of memory. Each value counts with its length
    /// and about 270 bytes of overhead.
    ///
    /// In addition, each right to fill and each hold takes about 100 bytes, and the epochs of tags take up to an
    /// eighth of `capacity`. Beyond that, objects of some tags are dropped.
    pub fn with_capacity(capacity: u64) -> Self {
        // The estimate sizes the initial tables only.
        let estimate = usize::try_from(capacity / 1024).unwrap_or(usize::MAX).clamp(16, 1 << 16);
        let listeners = Arc::new(Listeners::default());
        let evictions = Evictions(Arc::clone(&listeners));
        let hasher = DefaultHashBuilder::default();
        Self {
            values: Cache::with(estimate, capacity, ByBytes, hasher, evictions),
            listeners,
            flags: std::array::from_fn(|_| Mutex::default()),
            epochs: Epochs::within(capacity / EPOCHS_SHARE),
            waiters: Arc::default(),
            clock: OnceLock::new(),
        }
    }

    /// The current time for the expiry of values.
    #[inline]
    fn time_of_values(&self) -> Instant {
        let given = |(clock, began): &(GivenClock, Instant)| *began + clock.elapsed().min(LONGEST);
        self.clock.get().map_or_else(Instant::now, given)
    }

    /// Deletes the value of a key whose shard is locked.
    fn remove(&self, key: Key) {
        self.values.remove(&key);
        self.listeners.tell(key);
    }

    /// Stores the value of a key whose shard is locked.
    fn store(&self, key: Key, value: &Bytes, ttl: Duration) -> Reply {
        let expires = self.time_of_values() + ttl;
        // As a copy: the bytes may be a slice of a far larger buffer.
        let value = Bytes::copy_from_slice(value);
        self.values.insert(key, Entry { value, expires });
        self.listeners.tell(key);
        Reply::Settled
    }

    fn carry_out(&self, request: Request) -> Reply {
        let Request { key, command } = request;
        if command == Command::Lookup {
            return self.value(key).map_or(Reply::Absent, Reply::Value);
        }
        let now = Instant::now();
        if let Some(reply) = self.epochs.carry_out(key, &command, now) {
            if reply == Reply::Done {
                self.listeners.tell(key);
            }
            return reply;
        }
        let mut flags = self.lock(key);
        let ends_lease = ends_lease(&command);
        let reply = match command {
            Command::Lookup
            | Command::ReadEpoch
            | Command::TakeEpoch { .. }
            | Command::EndEpoch
            | Command::HoldEpoch { .. }
            | Command::ReleaseEpoch { .. } => unreachable!("answered above, without the lock"),
            Command::Claim { token, lease, replacing } => {
                self.claim(&mut flags, key, token, now + lease, replacing.as_ref())
            }
            Command::Fill { token, value, ttl } => {
                if !flags.take_lease(key, &token, now) {
                    return Reply::Refused;
                }
                self.store(key, &value, ttl)
            }
            Command::Abandon { token } => {
                if flags.take_lease(key, &token, now) {
                    Reply::Settled
                } else {
                    Reply::Refused
                }
            }
            Command::Invalidate => {
                self.remove(key);
                flags.invalidate(key);
                Reply::Done
            }
            Command::Hold { token, ttl } => {
                self.remove(key);
                flags.hold(key, token, now, ttl);
                Reply::Done
            }
            Command::Release { token } => {
                self.remove(key);
                flags.release(key, &token, now);
                Reply::Done
            }
            Command::ReleaseAndStore { token, value, ttl } => {
                let is_alone = flags.is_held_alone(key, &token, now);
                self.remove(key);
                flags.release(key, &token, now);
                if is_alone { self.store(key, &value, ttl) } else { Reply::Refused }
            }
        };
        if ends_lease {
            self.waiters.wake(key);
        }
        reply
    }

    fn claim(
        &self,
        flags: &mut Flags,
        key: Key,
        token: Token,
        expires: Instant,
        replacing: Option<&Replacing>,
    ) -> Reply {
        if let Some(value) = self.value(key) {
            match replacing {
                Some(replacing) if replacing.seen.matches(&value) => {
                    if !replacing.keep {
                        self.remove(key);
                    }
                }
                _ => return Reply::Value(value),
            }
        }
        flags.claim(key, token, Instant::now(), expires)
    }

    fn value(&self, key: Key) -> Option<Bytes> {
        let entry = self.values.get(&key)?;
        (entry.expires > self.time_of_values()).then_some(entry.value)
    }

    fn lock(&self, key: Key) -> MutexGuard<'_, Flags> {
        let shard = usize::from(key.hash().to_le_bytes()[0]) % FLAG_SHARDS;
        self.flags[shard].lock()
    }
}

impl Default for MemoryBackend {
    fn default() -> Self {
        Self::with_capacity(Self::DEFAULT_CAPACITY)
    }
}

impl fmt::Debug for MemoryBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBackend")
            .field("values", &self.values.len())
            .field("weight", &self.values.weight())
            .field("capacity", &self.values.capacity())
            .field("watched", &self.waiters.keys())
            .finish_non_exhaustive()
    }
}

impl CacheBackend for MemoryBackend {
    fn is_of_this_process(&self) -> bool {
        true
    }

    fn execute(&self, requests: Vec<Request>) -> BoxFuture<'_, Vec<Result<Reply, BackendError>>> {
        let replies = requests.into_iter().map(|request| Ok(self.carry_out(request))).collect();
        future::ready(replies).boxed()
    }

    fn lookup(&self, key: Key) -> BoxFuture<'_, Result<Reply, BackendError>> {
        let value = self.value(key);
        future::ready(Ok(value.map_or(Reply::Absent, Reply::Value))).boxed()
    }

    fn watch(&self, key: Key) -> BoxFuture<'_, Result<Watch, BackendError>> {
        let waiter = self.waiters.wait(key);
        let lease_end = self.lock(key).lease_end(key, Instant::now());
        future::ready(Ok(waiter.until(lease_end))).boxed()
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        future::ready(Ok(())).boxed()
    }

    fn follow(&self, listener: Weak<dyn ChangeListener>, _lag: Duration) {
        if let Some(listener) = self.listeners.add(listener) {
            listener.current_for(LONGEST);
        }
    }

    fn use_clock(&self, clock: &Clock) {
        self.clock.get_or_init(|| (GivenClock::new(Arc::clone(clock)), Instant::now()));
    }

    fn reset(&self) {}
}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_says_what_a_value_takes() {
        // Half of an allocation is unused on average.
        let tens = (ENTRY_OVERHEAD + ALLOCATION + ALLOCATION / 2).div_ceil(10);
        let (source, page) = (include_str!("memory.rs"), include_str!("../../docs/scale.md"));
        let builder = include_str!("../cache/builder/mod.rs");
        assert!(source.contains(&format!("about {tens}0 bytes of overhead")), "{tens}0");
        assert!(page.contains(&format!("about {tens}0 bytes for each value")), "{tens}0");
        assert!(builder.contains(&format!("about {tens}0 bytes for each value")), "{tens}0");
    }
}
