//! The near tier: decoded objects in this process's memory, served until the cache reports a change of something
//! they depend on.

mod clock;
mod evictions;
mod watch;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use tokio::time::Instant;

use self::clock::Moment;
use self::evictions::Evictions;
pub(crate) use self::watch::Watched;
use self::watch::Watches;
use crate::backend::{CacheBackend, ChangeListener};
use crate::clock::{Clock, GivenClock};
use crate::key::FoldKeys;
use crate::key::{Key, KeyEncoder};
use crate::model::cached::Cached;
use crate::model::lookup::Lookup;
use crate::model::object::Object;
use crate::stats::NearStats;

/// The eviction policy's memory for each key: two links, its state and its slot in the hash table.
const LINKS: usize = 24;
/// The memory of an entry beside its object: the tables, which double and so are half empty in the worst case; and
/// the object's reference counters and its allocation.
const ENTRY_OVERHEAD: usize = 2 * (size_of::<u128>() + size_of::<Entry>() + LINKS) + 32;

/// The settings of the near tier.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NearSettings {
    /// In bytes; `None`: there is no near tier.
    pub(crate) capacity: Option<u64>,
    pub(crate) ttl: Duration,
    /// How far it may lag behind a cache whose changes cannot be heard.
    pub(crate) lag: Duration,
}

impl Default for NearSettings {
    fn default() -> Self {
        Self { capacity: None, ttl: Duration::from_secs(60), lag: Duration::from_secs(1) }
    }
}

/// Decoded objects by their keys' hashes.
pub(crate) struct Near {
    entries: Cache<u128, Entry, ByWeight, FoldKeys, Evictions>,
    evictions: Evictions,
    watches: Watches,
    /// Until when it is known that no change was missed.
    good_until: AtomicU32,
    following: AtomicBool,
    /// When changes were last heard, or when listening should have begun.
    heard: Mutex<Instant>,
    settings: NearSettings,
    /// The program's clock, by which objects expire, if there is one.
    clock: Option<GivenClock>,
}

#[derive(Clone)]
struct Entry {
    /// The object, or [`Absent`].
    held: Object,
    expires: Moment,
    weight: u32,
    /// The other keys that it depends on, if there are any: the primary key, and the tags.
    others: Option<Arc<Watched>>,
}

/// There is no object of the type under this encoded key.
struct Absent {
    /// The type's slot, since two types may have the same template.
    of_type: usize,
    parts: Box<[u8]>,
}

/// An object in this process's memory, or its absence.
pub(crate) struct NearHit<T>(pub(crate) Option<Arc<T>>);

/// An object that was read and may be kept, or its absence.
pub(crate) struct Kept<'a, T> {
    pub(crate) object: Option<&'a Arc<T>>,
    /// Its encoded key.
    pub(crate) parts: &'a [u8],
    pub(crate) watched: Watched,
    /// Its document's length, in bytes.
    pub(crate) len: usize,
    pub(crate) time_left: Duration,
}

#[derive(Clone)]
struct ByWeight;

impl Weighter<u128, Entry> for ByWeight {
    fn weight(&self, _hash: &u128, entry: &Entry) -> u64 {
        u64::from(entry.weight)
    }
}

impl Near {
    /// `None`, if the settings have no near tier.
    pub(crate) fn with(settings: NearSettings, clock: Option<Clock>) -> Option<Self> {
        let capacity = settings.capacity?;
        // The tables grow; the estimate must only be large enough for a few shards for each processor.
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let estimate = usize::try_from(capacity / 1024).unwrap_or(usize::MAX).min(128 * processors);
        let (hasher, evictions) = (FoldKeys::default(), Evictions::default());
        Some(Self {
            entries: Cache::with(estimate, capacity, ByWeight, hasher, evictions.clone()),
            evictions,
            watches: Watches::default(),
            good_until: AtomicU32::new(Moment::NEVER.number()),
            following: AtomicBool::new(false),
            heard: Mutex::new(Instant::now()),
            settings,
            clock: clock.map(GivenClock::new),
        })
    }

    /// The object that the lookup asks for, or its absence, if it is here and known to be current.
    #[inline]
    pub(crate) fn get<L: Lookup>(
        &self,
        lookup: &L,
        key: Key,
        parts: &KeyEncoder,
    ) -> Option<NearHit<L::Object>> {
        let Entry { held, expires, others, .. } = self.entries.get(&key.hash())?;
        let now = Moment::now();
        // Whether a change may have been missed is never decided by the program's clock.
        let now_by = |clock| Moment::after_by(clock, Duration::ZERO);
        let time = self.clock.as_ref().map_or(now, now_by);
        if time >= expires || !self.is_good(now) || others.is_some_and(|others| !others.stands()) {
            return None;
        }
        // Another key may have the same hash.
        match held.downcast::<L::Object>() {
            Ok(object) => lookup.finds(&object).then_some(NearHit(Some(object))),
            Err(other) => {
                let absent = other.downcast::<Absent>().ok()?;
                let is_asked_for =
                    absent.of_type == L::Object::type_slot() && *absent.parts == *parts.as_bytes();
                is_asked_for.then_some(NearHit(None))
            }
        }
    }

    /// Watches the keys that a value depends on, its own first. Call it before the cache is asked for any of them.
    /// `None` if the value could not be kept.
    pub(crate) fn watch(&self, keys: impl IntoIterator<Item = Key>) -> Option<Watched> {
        self.is_good(Moment::now()).then(|| self.watches.watch(keys))
    }

    /// Keeps a value from the cache, unless something that it depends on has changed.
    pub(crate) fn keep<T: Cached>(&self, key: Key, kept: Kept<'_, T>) {
        let (held, own): (Object, usize) = if let Some(object) = kept.object {
            (Arc::clone(object) as Object, size_of::<T>())
        } else {
            let absent = Absent { of_type: T::type_slot(), parts: Box::from(kept.parts) };
            (Arc::new(absent), size_of::<Absent>())
        };
        let longest = T::POLICY.near_ttl.unwrap_or(self.settings.ttl);
        let others = kept.watched.has_others();
        let mut entry = Entry {
            held,
            expires: self.after(kept.time_left.min(longest)),
            // The memory that the object owns is estimated by the length of its document.
            weight: u32::try_from(kept.len + own + ENTRY_OVERHEAD + kept.watched.weight())
                .unwrap_or(u32::MAX),
            others: None,
        };
        // Under the lock that a change of the key takes. If another key changes from now on, the entry is found but
        // not served.
        self.watches.locked(key, || {
            if kept.watched.stands() {
                entry.others = others.then(|| Arc::new(kept.watched));
                self.entries.insert(key.hash(), entry);
            }
        });
    }

    /// How long it has not been able to hear of changes.
    pub(crate) fn deaf_for(&self) -> Option<Duration> {
        let is_deaf = self.following.load(Ordering::Relaxed) && !self.is_good(Moment::now());
        is_deaf.then(|| self.heard.lock().elapsed())
    }

    pub(crate) fn stats(&self) -> NearStats {
        NearStats {
            entries: self.entries.len() as u64,
            bytes: self.entries.weight(),
            capacity: self.entries.capacity(),
            evictions: self.evictions.count(),
        }
    }

    /// Starts to listen for changes, unless it already does.
    #[inline]
    pub(crate) fn follow(self: &Arc<Self>, backend: &dyn CacheBackend) {
        if !self.following.load(Ordering::Relaxed) {
            self.begin_to_follow(backend);
        }
    }

    #[cold]
    fn begin_to_follow(self: &Arc<Self>, backend: &dyn CacheBackend) {
        if !self.following.swap(true, Ordering::AcqRel) {
            *self.heard.lock() = Instant::now();
            let listener: Weak<Self> = Arc::downgrade(self);
            backend.follow(listener, self.settings.lag);
        }
    }

    fn after(&self, time: Duration) -> Moment {
        let by = |clock| Moment::after_by(clock, time);
        self.clock.as_ref().map_or_else(|| Moment::after(time), by)
    }

    #[inline]
    fn is_good(&self, now: Moment) -> bool {
        now < Moment::from_number(self.good_until.load(Ordering::Acquire))
    }
}

impl ChangeListener for Near {
    fn changed(&self, key: Key) {
        let dropped = self.watches.changed(key, || self.entries.remove(&key.hash()));
        drop(dropped);
    }

    fn all_changed(&self) {
        self.watches.all_changed();
        self.entries.clear();
    }

    fn current_for(&self, time: Duration) {
        *self.heard.lock() = Instant::now();
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
    use super::*;
    use crate::error::Error;
    use crate::key::KeyPart as _;
    use crate::model::cached::TypePolicy;

    #[derive(cachecow::CacheSchema, PartialEq, Debug)]
    struct Book(u64);

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

    /// Of the same template.
    #[derive(cachecow::CacheSchema)]
    struct Booking(u64);

    impl Cached for Booking {
        const POLICY: TypePolicy = TypePolicy::new();

        fn each_key(&self, visit: &mut dyn FnMut(Key)) {
            visit(parts(self.0).key());
        }
    }

    struct BookingBy(u64);

    impl Lookup for BookingBy {
        type Object = Booking;
        type Context = ();
        const NAME: &'static str = "Booking::by";

        fn key(&self) -> KeyEncoder {
            parts(self.0)
        }

        fn key_of(object: &Booking) -> KeyEncoder {
            parts(object.0)
        }

        async fn fetch(&self, (): &()) -> Result<Option<Booking>, Error> {
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
        let near = Near::with(settings, None).unwrap();
        near.current_for(Duration::from_secs(3600));
        near
    }

    /// Keeps a book as one that was read after the keys were watched.
    fn keep(near: &Near, id: u64, watched: Watched, time_left: Duration) {
        let (book, parts) = (Arc::new(Book(id)), parts(id));
        let object = Some(&book);
        let kept = Kept { object, parts: parts.as_bytes(), watched, len: 100, time_left };
        near.keep(parts.key(), kept);
    }

    fn watch(near: &Near, id: u64) -> Watched {
        near.watch([parts(id).key()]).unwrap()
    }

    fn read_and_keep(near: &Near, id: u64) {
        keep(near, id, watch(near, id), Duration::from_secs(60));
    }

    fn get(near: &Near, id: u64) -> Option<u64> {
        near.get(&BookBy(id), parts(id).key(), &parts(id))?.0.map(|book| book.0)
    }

    #[test]
    fn what_is_kept_is_found() {
        let near = near(1 << 20);
        assert_eq!(get(&near, 1), None);
        read_and_keep(&near, 1);
        assert_eq!((get(&near, 1), get(&near, 2)), (Some(1), None));
    }

    #[test]
    fn a_change_after_the_keys_were_watched_forbids_keeping() {
        let (near, key) = (near(1 << 20), parts(1).key());
        for change in [&|| near.changed(key), &|| near.all_changed()] as [&dyn Fn(); 2] {
            let before = watch(&near, 1);
            change();
            keep(&near, 1, before, Duration::from_secs(60));
            assert_eq!(get(&near, 1), None);
            // The control: a read that starts to watch after the answer misses the change.
            let after = watch(&near, 1);
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
    fn a_change_of_any_key_that_it_depends_on_ends_it() {
        let near = near(1 << 20);
        let keys = [parts(1).key(), parts(2).key(), parts(3).key()];
        for changed in keys {
            keep(&near, 1, near.watch(keys).unwrap(), Duration::from_secs(60));
            assert_eq!(get(&near, 1), Some(1));
            near.changed(changed);
            assert_eq!(get(&near, 1), None);
        }
        // The control: what is not watched may change.
        keep(&near, 1, watch(&near, 1), Duration::from_secs(60));
        near.changed(keys[1]);
        assert_eq!(get(&near, 1), Some(1));
    }

    #[test]
    fn who_cannot_hear_serves_and_keeps_nothing() {
        let (near, key) = (near(1 << 20), parts(1).key());
        read_and_keep(&near, 1);
        let before = watch(&near, 1);
        near.lost();
        assert!(get(&near, 1).is_none() && near.watch([key]).is_none());
        near.current_for(Duration::from_secs(60));
        keep(&near, 1, before, Duration::from_secs(60));
        assert_eq!(get(&near, 1), None, "what was read before may have changed unheard");
        near.current_for(Duration::ZERO);
        assert!(near.watch([key]).is_none(), "it was heard too long ago");
    }

    #[test]
    fn the_absence_of_one_type_is_not_that_of_another() {
        let (near, parts) = (near(1 << 20), parts(1));
        let (watched, time_left) = (watch(&near, 1), Duration::from_secs(60));
        let kept = Kept { object: None, parts: parts.as_bytes(), watched, len: 100, time_left };
        near.keep::<Book>(parts.key(), kept);
        assert!(near.get(&BookBy(1), parts.key(), &parts).is_some());
        assert!(near.get(&BookingBy(1), parts.key(), &parts).is_none());
    }

    #[test]
    fn nothing_is_served_beyond_its_time() {
        let near = near(1 << 20);
        let mark = watch(&near, 1);
        keep(&near, 1, mark, Duration::ZERO);
        assert_eq!(get(&near, 1), None);
    }

    #[test]
    fn another_key_of_the_same_hash_finds_nothing() {
        let near = near(1 << 20);
        read_and_keep(&near, 1);
        assert!(near.get(&BookBy(2), parts(1).key(), &parts(2)).is_none());
    }

    #[cfg(target_pointer_width = "64")]
    #[test]
    fn the_documentation_says_what_an_object_takes() {
        let said = format!("about {}0 bytes more", ENTRY_OVERHEAD.div_ceil(10));
        let (page, builder) =
            (include_str!("../../docs/scale.md"), include_str!("../cache/builder/mod.rs"));
        assert!(page.contains(&said) && builder.contains(&said), "{said}");
    }

    #[test]
    fn it_holds_no_more_than_it_may() {
        let near = near(50_000);
        (0..10_000).for_each(|id| read_and_keep(&near, id));
        let most = 50_000 / (100 + size_of::<Book>() + ENTRY_OVERHEAD);
        let held = (0..10_000).filter(|id| get(&near, *id).is_some()).count();
        assert!((most / 2..=most).contains(&held), "{held} of {most}");
        let stats = near.stats();
        assert_eq!((stats.entries, stats.evictions), (held as u64, 10_000 - held as u64));
        assert!(stats.bytes <= stats.capacity && stats.capacity == 50_000, "{stats:?}");
        let evicted = stats.evictions;
        (0..10_000).for_each(|id| near.changed(parts(id).key()));
        let stats = near.stats();
        assert_eq!((stats.entries, stats.bytes, stats.evictions), (0, 0, evicted));
    }
}
