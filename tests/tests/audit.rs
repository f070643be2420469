//! The auditor: what it confirms, what it discards, and that nobody is harmed by it.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use cachecow::{
    Auditor, CacheCow, CacheSchema, Cached, Error, Key, KeyEncoder, KeyPart as _, Lookup, Source,
    TypePolicy, TypeStats,
};
use cachecow_tests::backends::Fate;
use cachecow_tests::caches::Cache;
use cachecow_tests::clock::Clock;
use cachecow_tests::on_both_backends;
use cachecow_tests::patient::patient;
use cachecow_tests::seen::{audited_of, seen, until, until_near};
use cachecow_tests::store::{Item, Store};
use futures_util::FutureExt as _;
use serde::{Deserialize, Serialize};

/// Every read, and looks in quick succession.
fn every_read(cow: &CacheCow, store: &Arc<Store>) -> Auditor {
    cow.auditor().context(Arc::clone(store)).one_in(1).grace(Duration::from_millis(1))
}

fn items(count: i64) -> Arc<Store> {
    Arc::new(Store::with_items(count))
}

/// Waits until so many reads of items were audited.
async fn audited(cow: &CacheCow, count: u64) -> TypeStats {
    audited_of(cow, "Item", count).await
}

/// Stale, races, undecided, failed.
fn verdicts(stats: &TypeStats) -> [u64; 4] {
    [stats.confirmed_stale, stats.audit_races, stats.audit_undecided, stats.audit_errors]
}

on_both_backends! {
    async fn a_forgotten_invalidation_is_found_by_type(cache) {
        let (cow, store) = (cache.open_default(), items(2));
        cow.with(&*store).get_many([1, 2].map(Item::by_id)).await.unwrap();
        cow.get(Plain::by_id(1)).await.unwrap();
        let _run = tokio::spawn(every_read(&cow, &store).run());
        store.bump(1);
        for id in [1, 2, 1] {
            cow.with(&*store).get(Item::by_id(id)).await.unwrap();
        }
        cow.get(Plain::by_id(1)).await.unwrap();
        assert_eq!(verdicts(&audited(&cow, 3).await), [2, 0, 0, 0]);
        assert_eq!(verdicts(&audited_of(&cow, "Plain", 1).await), [0; 4]);
        assert!(cow.stats().to_string().contains("3 audited, 2 confirmed stale"), "{}", cow.stats());
    }

    async fn an_object_that_is_gone_or_new_is_found(cache) {
        let minute = Duration::from_secs(60);
        let (cow, store) = (cache.open(CacheCow::builder().negative_ttl(minute)), items(1));
        for id in [1, 2] {
            cow.with(&*store).get(Item::by_id(id)).await.unwrap();
        }
        let _run = tokio::spawn(every_read(&cow, &store).run());
        store.remove(1);
        store.put(Item::new(2));
        assert!(cow.with(&*store).get(Item::by_id(1)).await.unwrap().is_some());
        assert!(cow.with(&*store).get(Item::by_id(2)).await.unwrap().is_none());
        assert_eq!(verdicts(&audited(&cow, 2).await), [2, 0, 0, 0]);
    }

    async fn one_in_this_process_s_memory_is_found(cache) {
        let (cow, store) = (cache.open(patient().near(1 << 20)), items(2));
        until_near(&cow, &store, [1, 2]).await;
        store.bump(1);
        let _run = tokio::spawn(every_read(&cow, &store).run());
        assert_eq!(seen(&cow, &store, 1).await, (1, Source::Near));
        cow.with(&*store).get_many([1, 2].map(Item::by_id)).await.unwrap();
        assert_eq!(verdicts(&audited(&cow, 3).await), [2, 0, 0, 0]);
    }

    async fn every_way_to_read_is_audited(cache) {
        let (cow, store) = (cache.open_default(), items(3));
        let read = async || {
            let view = cow.with(&*store);
            view.get(Item::by_id(1)).await.unwrap();
            view.read(Item::by_id(1)).await.unwrap();
            view.get(Item::by_name("item 1")).await.unwrap();
            view.get_many([1, 2, 3, 1].map(Item::by_id)).await.unwrap();
            view.get_many(["item 1", "item 2"].map(Item::by_name)).await.unwrap();
            cow.get(Tagged::by_id(1)).await.unwrap();
            cow.get_many([1, 2].map(Tagged::by_id)).await.unwrap();
        };
        for _ in 0..20 {
            read().await;
        }
        let _run = tokio::spawn(every_read(&cow, &store).run());
        read().await;
        assert_eq!(verdicts(&audited(&cow, 8).await), [0; 4]);
        assert_eq!(verdicts(&audited_of(&cow, "Tagged", 3).await), [0; 4]);
        (1..=3).for_each(|id| drop(store.bump(id)));
        Tagged::bump();
        read().await;
        assert_eq!(verdicts(&audited(&cow, 16).await), [8, 0, 0, 0]);
        assert_eq!(verdicts(&audited_of(&cow, "Tagged", 6).await), [3, 0, 0, 0]);
        assert_eq!(cow.stats().of("Item").audit_skipped, 0);
    }

    async fn what_is_fetched_is_not_audited(cache) {
        let (cow, store) = (cache.open_default(), items(1));
        let _run = tokio::spawn(every_read(&cow, &store).run());
        for _ in 0..3 {
            let read = cow.with(&*store).read(Item::by_id(1)).await.unwrap();
            assert_eq!(read.source, Source::Fetched);
            cow.invalidate(Item::by_id(1)).await.unwrap();
        }
        cow.with(&*store).get(Item::by_id(1)).await.unwrap();
        cow.with(&*store).get(Item::by_id(1)).await.unwrap();
        assert_eq!(audited(&cow, 1).await.audited, 1);
    }

    /// The first look finds a difference; without the second one, this would be a false alarm.
    async fn an_invalidation_between_the_looks_makes_it_a_race(cache) {
        let (cow, other, store) = (cache.open_default(), cache.open_default(), items(1));
        for by_whom in [&cow, &other] {
            cow.with(&*store).get(Item::by_id(1)).await.unwrap();
            let before = cow.stats().of("Item");
            let run = tokio::spawn(every_read(&cow, &store).run());
            store.bump(1);
            let gate = store.gate();
            cow.with(&*store).get(Item::by_id(1)).await.unwrap();
            // The auditor has seen the new version, and the invalidation is yet to come.
            gate.arrived().await;
            by_whom.invalidate(Item::by_id(1)).await.unwrap();
            gate.open();
            let stats = audited(&cow, before.audited + 1).await;
            assert_eq!(verdicts(&stats), [0, before.audit_races + 1, 0, 0]);
            run.abort();
        }
    }

    /// The same value is in the cache again: who compares no more than values takes it for stale.
    async fn a_value_that_was_stored_anew_is_a_race(cache) {
        let (clock, store) = (Clock::new(), items(1));
        let cow = cache.open(CacheCow::builder().clock(clock.reader()));
        cow.with(&*store).get(Item::by_id(1)).await.unwrap();
        let old = Item::new(1);
        let _run = tokio::spawn(every_read(&cow, &store).run());
        let new = store.bump(1);
        let gates = [store.gate(), store.gate()];
        cow.with(&*store).get(Item::by_id(1)).await.unwrap();
        gates[0].arrived().await;
        clock.advance(Duration::from_millis(1));
        // It changes back, is cached, and changes again.
        store.put(old);
        gates[1].open();
        cow.invalidate(Item::by_id(1)).await.unwrap();
        cow.with(&*store).get(Item::by_id(1)).await.unwrap();
        store.put(new);
        gates[0].open();
        assert_eq!(verdicts(&audited(&cow, 1).await), [0, 1, 0, 0]);
    }

    async fn a_change_that_is_taken_back_is_a_race(cache) {
        let (cow, store) = (cache.open_default(), items(1));
        cow.with(&*store).get(Item::by_id(1)).await.unwrap();
        let _run = tokio::spawn(every_read(&cow, &store).run());
        store.bump(1);
        let gate = store.gate();
        cow.with(&*store).get(Item::by_id(1)).await.unwrap();
        gate.arrived().await;
        store.put(Item::new(1));
        gate.open();
        assert_eq!(verdicts(&audited(&cow, 1).await), [0, 1, 0, 0]);
    }

    async fn what_is_fetched_differently_each_time_is_undecided(cache) {
        let cow = cache.open_default();
        let rows = Arc::new(Rows::default());
        cow.with(&*rows).get(Row::by_id(1)).await.unwrap();
        let auditor = || cow.auditor().context(Arc::clone(&rows)).one_in(1).grace(Duration::ZERO);
        let _run = tokio::spawn(auditor().run());
        cow.with(&*rows).get(Row::by_id(1)).await.unwrap();
        assert_eq!(verdicts(&audited_of(&cow, "Row", 1).await), [0, 0, 1, 0]);
        // Which hides nothing that does not change all the time.
        rows.changed.store(true, Ordering::SeqCst);
        cow.with(&*rows).get(Row::by_id(1)).await.unwrap();
        assert_eq!(verdicts(&audited_of(&cow, "Row", 2).await), [1, 0, 1, 0]);
    }

    async fn maps_and_sets_raise_no_false_alarm(cache) {
        let cow = cache.open_default();
        let _run = tokio::spawn(cow.auditor().one_in(1).grace(Duration::ZERO).run());
        for _ in 0..=10 {
            cow.get(Unordered::by_id(1)).await.unwrap();
        }
        let stats = audited_of(&cow, "Unordered", 10).await;
        assert_eq!((verdicts(&stats), stats.audited), ([0; 4], 10));
    }

    async fn a_service_that_invalidates_has_none(cache) {
        let (cow, store) = (cache.open_default(), items(5));
        assert_eq!(load(&cow, &store, true).await, 0);
    }

    async fn and_one_that_does_not_has_some(cache) {
        let (cow, store) = (cache.open_default(), items(5));
        assert!(load(&cow, &store, false).await > 0);
    }

    async fn a_fetch_that_fails_or_panics_harms_nobody(cache) {
        let (cow, store) = (cache.open_default(), items(1));
        cow.with(&*store).get(Item::by_id(1)).await.unwrap();
        let sour = Arc::new(AtomicBool::new(false));
        cow.with(&*sour).get(Sour::by_id(1)).await.unwrap();
        let _run = tokio::spawn(every_read(&cow, &store).context(Arc::clone(&sour)).run());
        store.set_down(true);
        assert_eq!(seen(&cow, &store, 1).await, (1, Source::Cache));
        assert_eq!(verdicts(&audited(&cow, 1).await), [0, 0, 0, 1]);
        sour.store(true, Ordering::SeqCst);
        cow.with(&*sour).get(Sour::by_id(1)).await.unwrap();
        assert_eq!(verdicts(&audited_of(&cow, "Sour", 1).await), [0, 0, 0, 1]);
        store.set_down(false);
        assert_eq!(seen(&cow, &store, 1).await, (1, Source::Cache));
        assert_eq!(verdicts(&audited(&cow, 2).await), [0, 0, 0, 1], "it goes on");
        assert_eq!(cow.stats().of("Item").fetch_errors, 0, "no read failed");
    }

    async fn a_cache_that_fails_is_no_verdict(cache) {
        let (cow, store) = (cache.open_default(), items(1));
        cow.with(&*store).get(Item::by_id(1)).await.unwrap();
        let run = every_read(&cow, &store).run();
        cow.with(&*store).get(Item::by_id(1)).await.unwrap();
        let lost = Fate::Fail(cachecow::BackendErrorKind::Disconnected);
        cache.script().next(|_| true, lost);
        let _run = tokio::spawn(run);
        assert_eq!(verdicts(&audited(&cow, 1).await), [0, 0, 0, 1]);
    }

    async fn what_is_repaired_is_fetched_again(cache) {
        let (cow, store) = (cache.open_default(), items(1));
        until(&cow, &store, 1, |source| source == Source::Cache).await;
        cow.with(&*store).get(Item::by_name("item 1")).await.unwrap();
        let _run = tokio::spawn(every_read(&cow, &store).repair().run());
        let version = store.bump(1).version;
        cow.with(&*store).get(Item::by_name("item 1")).await.unwrap();
        assert_eq!(verdicts(&audited(&cow, 1).await), [1, 0, 0, 0]);
        let repaired = |source| source != Source::Cache;
        assert_eq!(until(&cow, &store, 1, repaired).await, version);
    }

    async fn who_lacks_the_context_or_the_time_skips(cache) {
        let (cow, store) = (cache.open_default(), items(1));
        cow.with(&*store).get(Item::by_id(1)).await.unwrap();
        cow.get(Bare(1)).await.unwrap();
        let _run = tokio::spawn(cow.auditor().one_in(1).run());
        cow.with(&*store).get(Item::by_id(1)).await.unwrap();
        cow.get(Bare(1)).await.unwrap();
        while cow.stats().of("Item").audit_skipped == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(cow.stats().of("BareObject").audit_skipped, 1, "a lookup that is not to be audited");
        // Not driven, it is full at some time.
        let _run = every_read(&cow, &store).run();
        let before = cow.stats().of("Item");
        for _ in 0..1000 {
            cow.with(&*store).get(Item::by_id(1)).await.unwrap();
        }
        let stats = cow.stats().of("Item");
        assert!((1..1000).contains(&(stats.audit_skipped - before.audit_skipped)), "{stats:?}");
        assert_eq!(stats.audited, 0);
    }

    async fn one_read_in_so_many_is_picked(cache) {
        fastrand::seed(7);
        let (cow, store) = (cache.open_default(), items(1));
        cow.with(&*store).get(Item::by_id(1)).await.unwrap();
        // None that picks takes what was picked.
        let mut run = Box::pin(every_read(&cow, &store).one_in(100).run());
        let mut reads = 0;
        while reads < 3000 {
            assert!(run.as_mut().now_or_never().is_none());
            for _ in 0..10 {
                cow.with(&*store).get(Item::by_id(1)).await.unwrap();
            }
            reads += 10;
        }
        let _run = tokio::spawn(run);
        // Of 3000 times one in a hundred: 30, give or take three times the standard deviation.
        let stats = audited(&cow, 15).await;
        assert!(stats.audited <= 45, "{stats:?}");
    }

    async fn it_ends_with_the_cache_and_with_its_successor(cache) {
        let (cow, store) = (cache.open_default(), items(1));
        cow.with(&*store).get(Item::by_id(1)).await.unwrap();
        let first = tokio::spawn(every_read(&cow, &store).run());
        let second = tokio::spawn(every_read(&cow, &store).run());
        first.await.unwrap();
        seen(&cow, &store, 1).await;
        audited(&cow, 1).await;
        second.abort();
        assert!(second.await.unwrap_err().is_cancelled());
        for _ in 0..100 {
            assert_eq!(seen(&cow, &store, 1).await, (1, Source::Cache));
        }
        assert_eq!((cow.stats().of("Item").audited, store.fetches()), (1, 2), "nobody looks");
        let third = tokio::spawn(every_read(&cow, &store).run());
        seen(&cow, &store, 1).await;
        audited(&cow, 2).await;
        drop(cow);
        third.await.unwrap();
    }
}

/// Readers of all items while a writer is at work, who invalidates or forgets to; how many reads were
/// found stale.
async fn load(cow: &CacheCow, store: &Arc<Store>, invalidates: bool) -> u64 {
    let _run = tokio::spawn(every_read(cow, store).run());
    let picked = AtomicU64::new(0);
    let read = async |start: i64| {
        for step in start..start + 5 {
            let read = cow.with(&**store).read(Item::by_id(step % 5 + 1)).await.unwrap();
            picked.fetch_add(u64::from(read.source == Source::Cache), Ordering::SeqCst);
            tokio::task::yield_now().await;
        }
    };
    for step in 0..100 {
        let id = step % 5 + 1;
        let write = async {
            // Removed before the change and after it: at no time is what is served stale.
            let work = async {
                store.bump(id);
                Ok::<_, Error>(())
            };
            if invalidates { cow.write(Item::by_id(id), work).await } else { work.await }
        };
        let (.., written) = tokio::join!(read(0), read(2), read(3), write);
        written.unwrap();
        audited(cow, picked.load(Ordering::SeqCst)).await;
    }
    cow.stats().of("Item").confirmed_stale
}

/// A type without a context.
#[derive(Serialize, Deserialize, Cached)]
#[cache(key = "plain:{id}", fetch = Plain::find)]
struct Plain {
    id: u8,
}

impl Plain {
    async fn find(id: u8) -> Result<Self, Infallible> {
        Ok(Self { id })
    }
}

/// A type with tags.
#[derive(Serialize, Deserialize, Cached)]
#[cache(key = "tagged:{id}", fetch = Tagged::find)]
#[cache(tag = "group:{group}")]
struct Tagged {
    id: u8,
    group: u8,
    version: usize,
}

thread_local! {
    static VERSION: std::cell::Cell<usize> = const { std::cell::Cell::new(1) };
}

impl Tagged {
    async fn find(id: u8) -> Result<Self, Infallible> {
        Ok(Self { id, group: 1, version: VERSION.get() })
    }

    fn bump() {
        VERSION.set(VERSION.get() + 1);
    }
}

/// A type that says when it was fetched.
#[derive(Serialize, Deserialize, Cached)]
#[cache(context = Rows)]
#[cache(key = "row:{id}", fetch = Rows::find)]
struct Row {
    id: u8,
    secret: String,
    fetched: usize,
}

#[derive(Default)]
struct Rows {
    fetches: AtomicUsize,
    changed: AtomicBool,
}

impl Rows {
    async fn find(&self, id: u8) -> Result<Row, Infallible> {
        let fetched = self.fetches.fetch_add(1, Ordering::SeqCst);
        let secret = if self.changed.load(Ordering::SeqCst) { "sesame" } else { "swordfish" };
        Ok(Row { id, secret: secret.to_owned(), fetched })
    }
}

/// A type whose parts have no order.
#[derive(Serialize, Deserialize, Cached)]
#[cache(key = "unordered:{id}", fetch = Unordered::find)]
struct Unordered {
    id: u8,
    map: HashMap<String, HashSet<u8>>,
    set: HashSet<String>,
}

impl Unordered {
    async fn find(id: u8) -> Result<Self, Infallible> {
        let names = || (0..20).map(|number| format!("name {number}"));
        let map = names().map(|name| (name, (0..9).collect())).collect();
        Ok(Self { id, map, set: names().collect() })
    }
}

/// A type whose fetch panics if told to.
#[derive(Serialize, Deserialize, Cached)]
#[cache(context = AtomicBool)]
#[cache(key = "sour:{id}", fetch = Sour::find)]
struct Sour {
    id: u8,
}

impl Sour {
    async fn find(panics: &AtomicBool, id: u8) -> Result<Self, Infallible> {
        assert!(!panics.load(Ordering::SeqCst), "as told");
        Ok(Self { id })
    }
}

/// A lookup written by hand, that says nothing of auditing; and its object.
struct Bare(u8);

#[derive(CacheSchema)]
struct BareObject(u8);

impl Cached for BareObject {
    const POLICY: TypePolicy = TypePolicy::new();

    fn each_key(&self, visit: &mut dyn FnMut(Key)) {
        visit(Bare::key_of(self).key());
    }
}

impl Lookup for Bare {
    type Object = BareObject;
    type Context = ();
    const NAME: &'static str = "Bare::by";

    fn key(&self) -> KeyEncoder {
        let mut parts = KeyEncoder::new("bare:{}");
        self.0.encode(&mut parts);
        parts
    }

    fn key_of(object: &BareObject) -> KeyEncoder {
        Bare(object.0).key()
    }

    async fn fetch(&self, (): &()) -> Result<Option<BareObject>, Error> {
        Ok(Some(BareObject(self.0)))
    }
}

/// By default it waits for all that an invalidation may wait for.
#[tokio::test(start_paused = true)]
async fn by_default_the_grace_is_longer_than_an_invalidation_takes() {
    let store = items(1);
    let builder = CacheCow::builder().settle(Duration::from_secs(3));
    let cow = builder.memory().unwrap();
    for _ in 0..2 {
        cow.with(&*store).get(Item::by_id(1)).await.unwrap();
    }
    let _run = tokio::spawn(cow.auditor().context(Arc::clone(&store)).one_in(1).run());
    store.bump(1);
    let began = tokio::time::Instant::now();
    cow.with(&*store).get(Item::by_id(1)).await.unwrap();
    assert_eq!(audited(&cow, 1).await.confirmed_stale, 1);
    // 1 s, and the timeout of an operation, the near tier's lag and the time to settle.
    assert_eq!(began.elapsed().as_millis() / 10, 550);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_hangs_is_given_up() {
    let (cache, store) = (Cache::memory(), items(1));
    let cow = cache.open(CacheCow::builder().lease(Duration::from_secs(5)));
    cow.with(&*store).get(Item::by_id(1)).await.unwrap();
    let _run = tokio::spawn(every_read(&cow, &store).run());
    let _never_opened = store.gate();
    cow.with(&*store).get(Item::by_id(1)).await.unwrap();
    assert_eq!(verdicts(&audited(&cow, 1).await), [0, 0, 0, 1]);
    cow.with(&*store).get(Item::by_id(1)).await.unwrap();
    assert_eq!(verdicts(&audited(&cow, 2).await), [0, 0, 0, 1], "it goes on");
}
