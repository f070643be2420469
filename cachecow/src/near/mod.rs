//! The near tier: decoded objects in this process's memory, dropped when the cache tells of a change.

mod clock;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use quick_cache::Weighter;
use quick_cache::sync::{Cache, DefaultLifecycle};

use self::clock::Moment;
use crate::backend::{CacheBackend, ChangeListener};
use crate::engine::Object;
use crate::key::FoldKeys;
use crate::protocol::{Changes, Mark};
use crate::{Cached, Key, KeyEncoder, Lookup};

/// What one entry costs beyond its document's bytes, roughly: the tables' share, the key, the
/// allocation.
const ENTRY_OVERHEAD: usize = 128;
/// Keys of one stripe keep each other from being stored while one of them changes.
const STRIPES: usize = 256;

/// The settings of the near tier.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NearSettings {
    /// In bytes; none: there is no near tier.
    pub(crate) capacity: Option<u64>,
    pub(crate) ttl: Duration,
    /// How far it may lag behind a cache that cannot be heard.
    pub(crate) lag: Duration,
}

impl Default for NearSettings {
    fn default() -> Self {
        Self { capacity: None, ttl: Duration::from_secs(60), lag: Duration::from_secs(1) }
    }
}

/// Decoded objects by key.
pub(crate) struct Near {
    entries: Cache<Key, Entry, ByWeight, FoldKeys>,
    /// A key's changes are counted, and its entry is stored, under its stripe's lock.
    stripes: Box<[Mutex<Changes>]>,
    /// Until when it is known that no change was missed.
    good_until: AtomicU64,
    following: AtomicBool,
    settings: NearSettings,
}

#[derive(Clone)]
struct Entry {
    held: Held,
    expires: Moment,
    weight: u32,
}

/// The object, or the encoded key under which there is none.
#[derive(Clone)]
enum Held {
    Object(Object),
    Absent(Arc<[u8]>),
}

/// What is known of a value that was read and may be kept.
pub(crate) struct Keeping {
    pub(crate) mark: Mark,
    /// Its document's length, in bytes.
    pub(crate) len: usize,
    pub(crate) time_left: Duration,
}

#[derive(Clone)]
struct ByWeight;

impl Weighter<Key, Entry> for ByWeight {
    fn weight(&self, _key: &Key, entry: &Entry) -> u64 {
        u64::from(entry.weight)
    }
}

impl Near {
    /// None, if the settings want none.
    pub(crate) fn with(settings: NearSettings) -> Option<Self> {
        let capacity = settings.capacity?;
        // The estimate sizes the initial tables only.
        let estimate = usize::try_from(capacity / 1024).unwrap_or(usize::MAX).clamp(16, 1 << 16);
        let (hasher, lifecycle) = (FoldKeys::default(), DefaultLifecycle::default());
        Some(Self {
            entries: Cache::with(estimate, capacity, ByWeight, hasher, lifecycle),
            stripes: (0..STRIPES).map(|_| Mutex::default()).collect(),
            good_until: AtomicU64::new(0),
            following: AtomicBool::new(false),
            settings,
        })
    }

    /// The object of the key with these parts, if it is here and known to be current.
    #[inline]
    pub(crate) fn get<L: Lookup>(
        &self,
        key: Key,
        parts: &KeyEncoder,
    ) -> Option<Option<Arc<L::Object>>> {
        let Entry { held, expires, .. } = self.entries.get(&key)?;
        let now = Moment::now();
        if now >= expires || !self.is_good(now) {
            return None;
        }
        // Another key may have the same hash.
        match held {
            Held::Object(object) => {
                let object = object.downcast::<L::Object>().ok()?;
                let is_asked_for = L::key_of(&object).as_bytes() == parts.as_bytes();
                is_asked_for.then_some(Some(object))
            }
            Held::Absent(of) => (*of == *parts.as_bytes()).then_some(None),
        }
    }

    /// Before the cache is asked for a key's value; `None` if it could not be kept.
    #[inline]
    pub(crate) fn mark(&self, key: Key) -> Option<Mark> {
        self.is_good(Moment::now()).then(|| self.stripe(key).mark())
    }

    /// Keeps what the cache had, unless it has changed since the mark.
    pub(crate) fn keep<T: Cached>(
        &self,
        key: Key,
        parts: &KeyEncoder,
        object: Option<&Arc<T>>,
        keeping: Keeping,
    ) {
        let held = match object {
            Some(object) => Held::Object(Arc::clone(object) as Object),
            None => Held::Absent(Arc::from(parts.as_bytes())),
        };
        let longest = T::POLICY.near_ttl.unwrap_or(self.settings.ttl);
        let entry = Entry {
            held,
            expires: Moment::after(keeping.time_left.min(longest)),
            weight: u32::try_from(keeping.len + ENTRY_OVERHEAD).unwrap_or(u32::MAX),
        };
        let changes = self.stripe(key);
        if changes.allow(keeping.mark) {
            self.entries.insert(key, entry);
        }
    }

    /// Hears of changes from now on, if it does not yet.
    #[inline]
    pub(crate) fn follow(self: &Arc<Self>, backend: &dyn CacheBackend) {
        if !self.following.load(Ordering::Relaxed) {
            self.begin_to_follow(backend);
        }
    }

    #[cold]
    fn begin_to_follow(self: &Arc<Self>, backend: &dyn CacheBackend) {
        if !self.following.swap(true, Ordering::AcqRel) {
            let listener: Weak<Self> = Arc::downgrade(self);
            backend.follow(listener, self.settings.lag);
        }
    }

    #[inline]
    fn is_good(&self, now: Moment) -> bool {
        now < Moment::from_ticks(self.good_until.load(Ordering::Acquire))
    }

    fn stripe(&self, key: Key) -> MutexGuard<'_, Changes> {
        let stripe = usize::from(key.hash().to_le_bytes()[2]) % STRIPES;
        lock(&self.stripes[stripe])
    }
}

fn lock(stripe: &Mutex<Changes>) -> MutexGuard<'_, Changes> {
    // No user code runs under the lock but an object's destructor, which has nothing to do with it.
    stripe.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ChangeListener for Near {
    fn changed(&self, key: Key) {
        let mut changes = self.stripe(key);
        changes.on_change();
        let dropped = self.entries.remove(&key);
        drop(changes);
        drop(dropped);
    }

    fn all_changed(&self) {
        for stripe in &self.stripes {
            lock(stripe).on_change();
        }
        self.entries.clear();
    }

    fn current_for(&self, time: Duration) {
        self.good_until.store(Moment::after(time).ticks(), Ordering::Release);
    }

    fn lost(&self) {
        self.good_until.store(0, Ordering::Release);
        self.all_changed();
    }

    fn ended(&self) {
        self.lost();
        self.following.store(false, Ordering::Release);
    }
}

impl fmt::Debug for Near {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Near")
            .field("objects", &self.entries.len())
            .field("weight", &self.entries.weight())
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
