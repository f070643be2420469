//! Loads that outlive their callers: refreshes in the background, and stale objects while a fetch is slow.

use std::sync::Arc;
use std::time::Duration;

use cachecow::protocol::{Command, Reply};
use cachecow::{
    BackendError, BackendErrorKind, Builder, CacheBackend, CacheCow, Cached, ErrorKind, Fill,
    Lookup, Peek, Request, SharedView, Source,
};
use cachecow_tests::caches::Cache;
use cachecow_tests::clock::Clock;
use cachecow_tests::gate::Gate;
use cachecow_tests::members::{Member, Members};
use cachecow_tests::on_both_backends;
use cachecow_tests::store::{Item, Store, StoreDown};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

const MINUTE: Duration = Duration::from_secs(60);
const TTL: Duration = Duration::from_secs(600);

type Seen = (Option<u64>, Source, Fill);

fn builder(clock: &Clock) -> Builder {
    CacheCow::builder().clock(clock.reader()).ttl_jitter(0.0)
}

fn items(count: i64) -> Arc<Store> {
    Arc::new(Store::with_items(count))
}

async fn seen(view: SharedView<'_, Store>) -> Seen {
    let read = view.read(Item::by_id(1)).await.unwrap();
    (read.value.map(|item| item.version), read.source, read.fill)
}

async fn cached(cow: &CacheCow) -> Option<u64> {
    cow.peek(Item::by_id(1)).await.unwrap().object().map(|item| item.version)
}

async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::task::yield_now().await;
    }
}

/// Waits until so many loads of items ended that nobody waited for.
async fn loaded(cow: &CacheCow, loads: u64) {
    until(|| cow.stats().of("Item").background_loads == loads).await;
}

/// Drops the read once its fetch is held up.
async fn cancel<T>(read: impl Future<Output = T>, gate: &Gate) {
    tokio::select! {
        biased;
        _ = read => panic!("it is held up"),
        () = gate.arrived() => {}
    }
}

/// Stores the object, and makes it one that is sure to be refreshed in its last millisecond.
async fn age(cache: &Cache, cow: &CacheCow, clock: &Clock, store: &Arc<Store>) {
    for _ in 0..20 {
        seen(cow.with_shared(store)).await;
    }
    make_fetch_take_an_hour(cache, &Item::by_id(1)).await;
    clock.advance(TTL.saturating_sub(Duration::from_millis(1)));
}

async fn make_fetch_take_an_hour(cache: &Cache, lookup: &impl Lookup) {
    let mut aged = cache.value(lookup).await.expect("there is a value").to_vec();
    aged[21..25].copy_from_slice(&u32::MAX.to_be_bytes());
    cache.forge(lookup, aged).await;
}

on_both_backends! {
    async fn a_cancelled_caller_leaves_its_load_to_the_cache(cache) {
        let (store, cow) = (items(1), cache.open_default());
        let gate = store.gate();
        cancel(seen(cow.with_shared(&store)), &gate).await;
        gate.open();
        loaded(&cow, 1).await;
        assert_eq!(seen(cow.with_shared(&store)).await, (Some(1), Source::Cache, Fill::Skipped));
        let stats = cow.stats().of("Item");
        assert_eq!((stats.hits, stats.misses, stats.fills_stored), (1, 0, 1));
    }

    async fn others_share_the_load_of_a_cancelled_caller(cache) {
        let (store, cow) = (items(1), cache.open_default());
        let gate = store.gate();
        cancel(seen(cow.with_shared(&store)), &gate).await;
        let (read, ()) = tokio::join!(cow.with(&*store).read(Item::by_id(1)), async {
            until(|| cow.stats().of("Item").joins == 1).await;
            gate.open();
        });
        assert_eq!((read.unwrap().fill, store.fetches()), (Fill::Stored, 1));
    }

    async fn a_caller_that_waits_gets_what_is_fetched_or_its_error(cache) {
        let (store, cow) = (items(1), cache.open_default());
        let view = cow.with_shared(&store);
        store.set_down(true);
        let error = view.get(Item::by_id(1)).await.unwrap_err();
        assert_eq!(error.fetch_error::<StoreDown>(), Some(&StoreDown));
        assert_eq!(view.get_many([1].map(Item::by_id)).await.unwrap_err().kind(), ErrorKind::Fetch);
        store.set_down(false);
        assert_eq!(seen(view).await, (Some(1), Source::Fetched, Fill::Stored));
        assert_eq!(view.get(Item::by_name("item 1")).await.unwrap().unwrap().version, 1);
        let stats = cow.stats().of("Item");
        assert_eq!((stats.misses, stats.fetch_errors, stats.background_loads), (2, 2, 0));
    }

    async fn an_object_is_refreshed_ahead_and_nobody_waits(cache) {
        let (clock, store) = (Clock::new(), items(1));
        let cow = cache.open(builder(&clock).refresh_ahead(true));
        age(&cache, &cow, &clock, &store).await;
        store.bump(1);
        let (gate, before) = (store.gate(), store.fetches());
        let misses = cow.stats().of("Item").misses;
        let view = cow.with_shared(&store);
        assert_eq!(seen(view).await, (Some(1), Source::Cache, Fill::Skipped));
        gate.arrived().await;
        assert_eq!(seen(view).await, (Some(1), Source::Cache, Fill::Skipped), "one refreshes it");
        let many = view.get_many([1].map(Item::by_id)).await.unwrap();
        assert_eq!(many[0].as_ref().unwrap().version, 1);
        gate.open();
        loaded(&cow, 1).await;
        assert_eq!(seen(view).await, (Some(2), Source::Cache, Fill::Skipped));
        assert_eq!(store.fetches() - before, 1);
        assert_eq!(cow.stats().of("Item").misses, misses);
    }

    async fn a_batch_is_refreshed_ahead_and_does_not_wait(cache) {
        let (clock, store) = (Clock::new(), items(2));
        let cow = cache.open(builder(&clock).refresh_ahead(true));
        age(&cache, &cow, &clock, &store).await;
        store.bump(1);
        let view = cow.with_shared(&store);
        let gate = store.gate();
        let many = view.get_many([1, 1].map(Item::by_id)).await.unwrap();
        assert_eq!(many[1].as_ref().unwrap().version, 1);
        gate.open();
        loaded(&cow, 1).await;
        let many = view.get_many([2, 1, 2].map(Item::by_id)).await.unwrap();
        let many: Vec<_> = many.iter().flatten().map(|item| (item.id, item.version)).collect();
        assert_eq!(many, [(2, 1), (1, 2), (2, 1)]);
    }

    async fn a_cancelled_batch_leaves_its_loads_to_the_cache(cache) {
        let (store, cow) = (items(3), cache.open_default());
        cow.with(&*store).get(Item::by_id(2)).await.unwrap();
        let gate = store.gate();
        cancel(cow.with_shared(&store).get_many([3, 2, 1, 3].map(Item::by_id)), &gate).await;
        gate.open();
        loaded(&cow, 2).await;
        for id in 1..=3 {
            let peeked = cow.peek(Item::by_id(id)).await.unwrap();
            assert_eq!(peeked.object().map(|item| item.id), Some(id));
        }
    }

    /// This process does not know the tags of the object: they are read after it.
    async fn an_object_with_tags_is_refreshed_ahead_too(cache) {
        let (clock, members) = (Clock::new(), Arc::new(Members::with(1)));
        let cow = cache.open(builder(&clock).refresh_ahead(true).hints(0));
        let view = cow.with_shared(&members);
        for _ in 0..20 {
            view.get(Member::by_id(1)).await.unwrap();
        }
        make_fetch_take_an_hour(&cache, &Member::by_id(1)).await;
        clock.advance(TTL.saturating_sub(Duration::from_millis(1)));
        members.bump();
        let gate = members.gate();
        let read = view.read(Member::by_id(1)).await.unwrap();
        assert_eq!((read.value.unwrap().version, read.source), (1, Source::Cache));
        gate.open();
        until(|| cow.stats().of("Member").background_loads == 1).await;
        assert_eq!(view.get(Member::by_id(1)).await.unwrap().unwrap().version, 2);
    }

    async fn an_invalidation_refuses_what_a_refresh_fetched(cache) {
        let (clock, store) = (Clock::new(), items(1));
        let cow = cache.open(builder(&clock).refresh_ahead(true));
        age(&cache, &cow, &clock, &store).await;
        let gate = store.gate();
        assert_eq!(seen(cow.with_shared(&store)).await.1, Source::Cache);
        gate.arrived().await;
        store.bump(1);
        cow.invalidate(Item::by_id(1)).await.unwrap();
        gate.open();
        loaded(&cow, 1).await;
        assert_eq!(cow.stats().of("Item").fills_refused, 1);
        assert_eq!(cow.peek(Item::by_id(1)).await.unwrap(), Peek::NotCached);
        assert_eq!(seen(cow.with_shared(&store)).await.0, Some(2));
    }

    async fn a_failed_refresh_costs_nobody_the_object(cache) {
        let (clock, store) = (Clock::new(), items(1));
        let cow = cache.open(builder(&clock).refresh_ahead(true));
        age(&cache, &cow, &clock, &store).await;
        store.set_down(true);
        assert_eq!(seen(cow.with_shared(&store)).await, (Some(1), Source::Cache, Fill::Skipped));
        loaded(&cow, 1).await;
        assert_eq!(cow.stats().of("Item").fetch_errors, 1);
        assert_eq!(cached(&cow).await, Some(1));
    }

    async fn a_stale_object_is_served_while_a_slow_fetch_goes_on(cache) {
        let (clock, store) = (Clock::new(), items(1));
        let soft = builder(&clock).stale_if_error(MINUTE).soft_timeout(Duration::from_millis(1));
        let cow = cache.open(soft);
        let view = cow.with_shared(&store);
        seen(view).await;
        clock.advance(TTL);
        store.bump(1);
        let gate = store.gate();
        assert_eq!(seen(view).await, (Some(1), Source::Stale, Fill::Skipped));
        let many = tokio::join!(seen(view), seen(view));
        assert_eq!([many.0.1, many.1.1], [Source::Stale; 2], "who joins the load does not wait longer");
        gate.open();
        loaded(&cow, 1).await;
        assert_eq!(seen(view).await, (Some(2), Source::Cache, Fill::Skipped));
        assert_eq!((store.fetches(), cow.stats().of("Item").stale), (2, 3));
    }

    async fn an_invalidation_refuses_what_a_slow_fetch_brings(cache) {
        let (clock, store) = (Clock::new(), items(1));
        let soft = builder(&clock).stale_if_error(MINUTE).soft_timeout(Duration::from_millis(1));
        let cow = cache.open(soft);
        let view = cow.with_shared(&store);
        seen(view).await;
        clock.advance(TTL);
        let gate = store.gate();
        assert_eq!(seen(view).await.1, Source::Stale);
        store.bump(1);
        cow.invalidate(Item::by_id(1)).await.unwrap();
        let (read, ()) = tokio::join!(seen(view), async {
            until(|| cow.stats().of("Item").joins == 1).await;
            gate.open();
        });
        assert_eq!(read.0, Some(2), "it shares nothing that was fetched before");
        assert_eq!(cow.stats().of("Item").stale, 1);
        assert_eq!(cached(&cow).await, Some(2));
    }

    async fn a_miss_waits_for_its_fetch_however_slow(cache) {
        let (clock, store) = (Clock::new(), items(1));
        let soft = builder(&clock).stale_if_error(MINUTE).soft_timeout(Duration::from_millis(1));
        let (cow, gate) = (cache.open(soft), store.gate());
        let (read, ()) = tokio::join!(seen(cow.with_shared(&store)), async {
            gate.arrived().await;
            // The read began with a claim: a lookup is that for something stale.
            while !cache.script().log().iter().any(|command| matches!(command, Command::Lookup)) {
                if cache.server.is_none() {
                    tokio::time::advance(Duration::from_millis(1)).await;
                }
                tokio::task::yield_now().await;
            }
            gate.open();
        });
        assert_eq!(read, (Some(1), Source::Fetched, Fill::Stored));
    }

    async fn no_more_loads_than_allowed_outlive_their_callers(cache) {
        let store = items(2);
        let cow = cache.open(CacheCow::builder().background_loads(1));
        let (first, second) = (store.gate(), store.gate());
        let view = cow.with_shared(&store);
        cancel(view.get(Item::by_id(1)), &first).await;
        cancel(view.get(Item::by_id(2)), &second).await;
        while !cache.flag_is_free(&Item::by_id(2)).await {
            tokio::task::yield_now().await;
        }
        first.open();
        loaded(&cow, 1).await;
        assert_eq!(cached(&cow).await, Some(1));
    }

    async fn what_is_not_stored_ends_with_its_caller(cache) {
        let (store, cow) = (items(1), cache.open_default());
        let gate = store.gate();
        cancel(seen(cow.with_shared(&store).no_store()), &gate).await;
        gate.open();
        assert_eq!(seen(cow.with_shared(&store).fresh()).await.2, Fill::Stored);
        assert_eq!(cow.stats().of("Item").background_loads, 0);
    }
}

fn lenient(clock: &Clock) -> Builder {
    builder(clock).stale_if_error(MINUTE)
}

/// Time stands still, and moves on when nothing else can happen.
#[tokio::test(start_paused = true)]
async fn a_fetch_that_hangs_counts_as_one_that_failed() {
    let (cache, clock, store) = (Cache::memory(), Clock::new(), items(1));
    let cow = cache.open(lenient(&clock));
    let view = cow.with_shared(&store);
    seen(view).await;
    clock.advance(TTL);
    let _never_opened = store.gate();
    assert_eq!(seen(view).await, (Some(1), Source::Stale, Fill::Skipped));
}

/// Whether an object that was invalidated during a slow fetch is served when the soft timeout is over.
async fn outlasts_an_invalidation(is_invalidated: bool) -> Seen {
    let (cache, clock, store) = (Cache::memory(), Clock::new(), items(1));
    let cow = cache.open(lenient(&clock).soft_timeout(Duration::from_secs(1)));
    let view = cow.with_shared(&store);
    seen(view).await;
    clock.advance(TTL);
    let gate = store.gate();
    let (read, ()) = tokio::join!(seen(view), async {
        gate.arrived().await;
        if is_invalidated {
            cow.invalidate(Item::by_id(1)).await.unwrap();
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        gate.open();
    });
    read
}

#[tokio::test(start_paused = true)]
async fn an_invalidated_object_is_not_served_although_the_fetch_is_slow() {
    assert_eq!(outlasts_an_invalidation(true).await, (Some(1), Source::Fetched, Fill::Refused));
    assert_eq!(outlasts_an_invalidation(false).await.1, Source::Stale, "the control");
}

#[tokio::test(start_paused = true)]
async fn a_load_that_hangs_is_dropped_when_its_lease_is_over() {
    let (cache, store) = (Cache::memory(), items(1));
    let cow = cache.open(CacheCow::builder().background_loads(1));
    let gate = store.gate();
    cancel(seen(cow.with_shared(&store)), &gate).await;
    tokio::time::sleep(Duration::from_secs(61)).await;
    // Its place is free again, and nobody follows it.
    let gate = store.gate();
    cancel(seen(cow.with_shared(&store)), &gate).await;
    gate.open();
    loaded(&cow, 1).await;
    assert_eq!((cached(&cow).await, cow.stats().of("Item").joins), (Some(1), 0));
}

/// What keeps a refresh safe is its token: without it, what it fetched before a change lands after it.
#[tokio::test]
async fn without_the_token_a_refresh_leaves_stale_data() {
    let (cache, clock, store) = (Cache::tokenless(), Clock::new(), items(1));
    let open = || cache.open(builder(&clock).refresh_ahead(true));
    let (cow, other) = (open(), open());
    age(&cache, &cow, &clock, &store).await;
    let (gate, of_other) = (store.gate(), store.gate());
    seen(cow.with_shared(&store)).await;
    gate.arrived().await;
    store.bump(1);
    other.invalidate(Item::by_id(1)).await.unwrap();
    tokio::join!(seen(other.with_shared(&store)), async {
        of_other.arrived().await;
        gate.open();
        loaded(&cow, 1).await;
        of_other.open();
    });
    assert_eq!(cached(&other).await, Some(1), "the control must find the stale read");
}

#[test]
fn a_load_ends_with_its_runtime_and_gives_its_claim_back() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (cache, store, first) = (Cache::memory(), items(1), runtime());
    let cow = cache.open_default();
    let gate = store.gate();
    first.block_on(cancel(seen(cow.with_shared(&store)), &gate));
    drop(first);
    runtime().block_on(async {
        while !cache.flag_is_free(&Item::by_id(1)).await {
            tokio::task::yield_now().await;
        }
        assert_eq!(seen(cow.with_shared(&store)).await.2, Fill::Stored);
    });
}

#[derive(Serialize, Deserialize, Cached)]
#[cache(context = str)]
#[cache(key = "bad:{id}", fetch = Bad::find)]
struct Bad {
    id: u8,
}

impl Bad {
    async fn find(message: &str, id: u8) -> Result<Self, StoreDown> {
        panic!("{message} {id}");
    }
}

#[tokio::test]
async fn a_panic_of_the_fetch_is_the_caller_s() {
    let cow = Cache::memory().open_default();
    let caller = tokio::spawn(async move {
        let context: Arc<str> = Arc::from("as the test says:");
        cow.with_shared(&context).get(Bad::by_id(1)).await.map(drop)
    });
    let panic = caller.await.unwrap_err().into_panic();
    assert_eq!(panic.downcast_ref::<String>().unwrap(), "as the test says: 1");
}

/// A cache that is out of reach.
#[derive(Debug)]
struct Down;

impl CacheBackend for Down {
    fn execute(&self, requests: Vec<Request>) -> BoxFuture<'_, Vec<Result<Reply, BackendError>>> {
        let down = || BackendError::new(BackendErrorKind::Disconnected, "as the test says");
        let replies = requests.iter().map(|_| Err(down())).collect();
        async { replies }.boxed()
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        async { Err(BackendError::new(BackendErrorKind::Disconnected, "as the test says")) }.boxed()
    }

    fn reset(&self) {}
}

struct Nested {
    cow: CacheCow,
    store: Arc<Store>,
}

#[derive(Serialize, Deserialize, Cached)]
#[cache(context = Nested)]
#[cache(key = "outer:{id}", fetch = Outer::find)]
struct Outer {
    id: i64,
    version: u64,
}

impl Outer {
    async fn find(nested: &Nested, id: i64) -> Result<Option<Self>, cachecow::Error> {
        let item = nested.cow.with_shared(&nested.store).get(Item::by_id(id)).await?;
        Ok(item.map(|item| Self { id, version: item.version }))
    }
}

/// While the cache is out of reach a fetch needs a place, and one that it makes itself needs no other.
#[tokio::test(start_paused = true)]
async fn a_fetch_within_a_fetch_waits_for_no_place() {
    let builder = CacheCow::builder().outage_fetch_concurrency(1);
    let (cow, store) = (builder.backend(Down).unwrap(), items(1));
    while !cow.stats().circuit_open {
        cow.with(&*store).get(Item::by_id(1)).await.unwrap();
    }
    let nested = Arc::new(Nested { cow: cow.clone(), store });
    let began = tokio::time::Instant::now();
    let outer = cow.with_shared(&nested).get(Outer::by_id(1)).await.unwrap().unwrap();
    assert_eq!((outer.id, outer.version), (1, 1));
    assert_eq!(began.elapsed(), Duration::ZERO, "time stands still unless it waits");
}
