//! The near tier: decoded objects in this process's memory, dropped when the cache tells of a change.

mod clock;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use quick_cache::Weighter;
use quick_cache::sync::{Cache, DefaultLifecycle};

use self::clock::Moment;
use crate::backend::{CacheBackend, ChangeListener};
use crate::cache::read::{Fill, Read, Source};
use crate::key::FoldKeys;
use crate::key::{Key, KeyEncoder};
use crate::model::cached::Cached;
use crate::model::lookup::Lookup;
use crate::model::object::Object;
use crate::protocol::{Changes, Mark};

/// What the eviction policy keeps for each key: two links, its state and the place in its hash table.
const LINKS: usize = 24;
/// What an entry takes beside its object: the tables double, and so are half empty at the worst; and
/// the object's reference counters and its allocation.
const ENTRY_OVERHEAD: usize = 2 * (size_of::<Key>() + size_of::<Entry>() + LINKS) + 32;
/// One for each value of a byte. Keys of one stripe keep each other from being stored while one of them changes.
const STRIPES: usize = 1 << u8::BITS;

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
    good_until: AtomicU32,
    following: AtomicBool,
    settings: NearSettings,
}

#[derive(Clone)]
struct Entry {
    /// The object, or [`Absent`].
    held: Object,
    expires: Moment,
    weight: u32,
}

/// The encoded key under which there is no object.
struct Absent(Box<[u8]>);

/// What is known of a value that was read and may be kept.
#[derive(Clone, Copy)]
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
        // The tables grow; the estimate only has to be large enough for a few shards a processor.
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let estimate = usize::try_from(capacity / 1024).unwrap_or(usize::MAX).min(128 * processors);
        let (hasher, lifecycle) = (FoldKeys::default(), DefaultLifecycle::default());
        Some(Self {
            entries: Cache::with(estimate, capacity, ByWeight, hasher, lifecycle),
            stripes: (0..STRIPES).map(|_| Mutex::default()).collect(),
            good_until: AtomicU32::new(Moment::NEVER.number()),
            following: AtomicBool::new(false),
            settings,
        })
    }

    /// The object of the key with these parts, if it is here and known to be current.
    #[inline]
    pub(crate) fn get<L: Lookup>(&self, key: Key, parts: &KeyEncoder) -> Option<Read<L::Object>> {
        let Entry { held, expires, .. } = self.entries.get(&key)?;
        let now = Moment::now();
        if now >= expires || !self.is_good(now) {
            return None;
        }
        // Another key may have the same hash.
        let (object, is_asked_for) = match held.downcast::<L::Object>() {
            Ok(object) => {
                let is_asked_for = L::key_of(&object).as_bytes() == parts.as_bytes();
                (Some(object), is_asked_for)
            }
            Err(other) => (None, *other.downcast::<Absent>().ok()?.0 == *parts.as_bytes()),
        };
        is_asked_for.then(|| Read::new(object, Source::Near, Fill::Skipped))
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
        let (held, own): (Object, usize) = match object {
            Some(object) => (Arc::clone(object) as Object, size_of::<T>()),
            None => (Arc::new(Absent(Box::from(parts.as_bytes()))), size_of::<Absent>()),
        };
        let longest = T::POLICY.near_ttl.unwrap_or(self.settings.ttl);
        let entry = Entry {
            held,
            expires: Moment::after(keeping.time_left.min(longest)),
            // What the object owns besides is taken to be as long as its document.
            weight: u32::try_from(keeping.len + own + ENTRY_OVERHEAD).unwrap_or(u32::MAX),
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
        now < Moment::from_number(self.good_until.load(Ordering::Acquire))
    }

    fn stripe(&self, key: Key) -> MutexGuard<'_, Changes> {
        let stripe = usize::from(key.hash().to_le_bytes()[2]);
        lock(&self.stripes[stripe])
    }
}

fn lock(stripe: &Mutex<Changes>) -> MutexGuard<'_, Changes> {
    // No user code runs under the lock but an object's destructor, which has nothing to do with it.
    stripe.lock()
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
        self.good_until.store(Moment::after(time).number(), Ordering::Release);
    }

    fn lost(&self) {
        self.good_until.store(Moment::NEVER.number(), Ordering::Release);
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

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::error::Error;
    use crate::key::KeyPart as _;
    use crate::model::cached::TypePolicy;
    use crate::model::schema::CacheSchema;

    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Book(u64);

    impl CacheSchema for Book {
        const NAME: &'static str = "Book";
        const FINGERPRINT: u64 = 1;
    }

    impl Cached for Book {
        const POLICY: TypePolicy = TypePolicy::new();

        fn each_key(&self, visit: &mut dyn FnMut(Key)) {
            visit(parts(self.0).key());
        }
    }

    struct BookBy(u64);

    impl Lookup for BookBy {
        type Object = Book;
        type Context = ();
        const NAME: &'static str = "Book::by";

        fn key(&self) -> KeyEncoder {
            parts(self.0)
        }

        fn key_of(object: &Book) -> KeyEncoder {
            parts(object.0)
        }

        async fn fetch(&self, (): &()) -> Result<Option<Book>, Error> {
            Ok(None)
        }
    }

    fn parts(id: u64) -> KeyEncoder {
        let mut parts = KeyEncoder::new("book:{}");
        id.encode(&mut parts);
        parts
    }

    fn near(capacity: u64) -> Near {
        let settings = NearSettings { capacity: Some(capacity), ..NearSettings::default() };
        let near = Near::with(settings).unwrap();
        near.current_for(Duration::from_secs(3600));
        near
    }

    /// Keeps a book as one that was read after the mark.
    fn keep(near: &Near, id: u64, mark: Mark, time_left: Duration) {
        let keeping = Keeping { mark, len: 100, time_left };
        near.keep(parts(id).key(), &parts(id), Some(&Arc::new(Book(id))), keeping);
    }

    fn read_and_keep(near: &Near, id: u64) {
        let mark = near.mark(parts(id).key()).unwrap();
        keep(near, id, mark, Duration::from_secs(60));
    }

    fn get(near: &Near, id: u64) -> Option<u64> {
        let read = near.get::<BookBy>(parts(id).key(), &parts(id))?;
        read.value.map(|book| book.0)
    }

    #[test]
    fn what_is_kept_is_found() {
        let near = near(1 << 20);
        assert_eq!(get(&near, 1), None);
        read_and_keep(&near, 1);
        assert_eq!((get(&near, 1), get(&near, 2)), (Some(1), None));
    }

    #[test]
    fn a_change_after_the_mark_forbids_keeping() {
        let (near, key) = (near(1 << 20), parts(1).key());
        for change in [&|| near.changed(key), &|| near.all_changed()] as [&dyn Fn(); 2] {
            let before = near.mark(key).unwrap();
            change();
            keep(&near, 1, before, Duration::from_secs(60));
            assert_eq!(get(&near, 1), None);
            // The control: a mark taken when the answer has come misses the change.
            let after = near.mark(key).unwrap();
            keep(&near, 1, after, Duration::from_secs(60));
            assert_eq!(get(&near, 1), Some(1));
        }
    }

    #[test]
    fn a_change_drops_what_is_kept() {
        let near = near(1 << 20);
        (1..=3).for_each(|id| read_and_keep(&near, id));
        near.changed(parts(1).key());
        assert_eq!([get(&near, 1), get(&near, 2)], [None, Some(2)]);
        near.all_changed();
        assert_eq!([get(&near, 2), get(&near, 3)], [None, None]);
    }

    #[test]
    fn who_cannot_hear_serves_and_keeps_nothing() {
        let (near, key) = (near(1 << 20), parts(1).key());
        read_and_keep(&near, 1);
        let before = near.mark(key).unwrap();
        near.lost();
        assert_eq!((get(&near, 1), near.mark(key)), (None, None));
        near.current_for(Duration::from_secs(60));
        keep(&near, 1, before, Duration::from_secs(60));
        assert_eq!(get(&near, 1), None, "what was read before may have changed unheard");
        near.current_for(Duration::ZERO);
        assert_eq!(near.mark(key), None, "it was heard too long ago");
    }

    #[test]
    fn nothing_is_served_beyond_its_time() {
        let near = near(1 << 20);
        let mark = near.mark(parts(1).key()).unwrap();
        keep(&near, 1, mark, Duration::ZERO);
        assert_eq!(get(&near, 1), None);
    }

    #[test]
    fn another_key_of_the_same_hash_finds_nothing() {
        let near = near(1 << 20);
        read_and_keep(&near, 1);
        assert!(near.get::<BookBy>(parts(1).key(), &parts(2)).is_none());
    }

    #[test]
    fn it_holds_no_more_than_it_may() {
        let near = near(50_000);
        (0..10_000).for_each(|id| read_and_keep(&near, id));
        let most = 50_000 / (100 + size_of::<Book>() + ENTRY_OVERHEAD);
        let held = (0..10_000).filter(|id| get(&near, *id).is_some()).count();
        assert!((most / 2..=most).contains(&held), "{held} of {most}");
        assert_eq!(near.entries.len(), held);
    }
}
