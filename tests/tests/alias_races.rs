//! Aliases with forced interleavings: a load of an alias is held up after each of its steps, while
//! the object changes and the cache is told in every way; with controls that find what is stale.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cachecow::protocol::{Command, Replacing, Reply, SeenValue, Token};
use cachecow::{BackendErrorKind, CacheCow, Fill, Lookup as _};
use cachecow_tests::backends::{Fate, Which, is_pointer};
use cachecow_tests::caches::Cache;
use cachecow_tests::gate::Gate;
use cachecow_tests::on_both_backends;
use cachecow_tests::store::{Item, Store};

const ANY: Which = |_| true;
const MINUTE: Duration = Duration::from_secs(60);
/// More than any load has.
const BATCHES: usize = 8;
const FETCHES: usize = 2;

/// What is in the cache when the load begins.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Before {
    Nothing,
    /// The object under its primary key.
    Object,
    /// The pointer, whose object is gone.
    Pointer,
    /// A pointer to an object that has another name by now.
    WrongPointer,
}

const BEFORE: [Before; 4] =
    [Before::Nothing, Before::Object, Before::Pointer, Before::WrongPointer];

/// After which step the load is held up.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Point {
    Batch(usize),
    Fetch(usize),
}

fn points() -> impl Iterator<Item = Point> {
    (1..=BATCHES).map(Point::Batch).chain((1..=FETCHES).map(Point::Fetch))
}

/// How the cache is told of a change.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Telling {
    Alias,
    Primary,
    Object,
    Write,
}

const TELLINGS: [Telling; 4] = [Telling::Alias, Telling::Primary, Telling::Object, Telling::Write];

/// What changes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Change {
    /// The object, not its name.
    Version,
    /// The name is another object's.
    Owner,
}

impl Change {
    fn make(self, store: &Store) {
        match self {
            Self::Version => drop(store.bump(1)),
            Self::Owner => {
                store.put(Item { name: "other".into(), version: 2, ..Item::new(1) });
                store.put(Item { name: "item 1".into(), version: 2, ..Item::new(2) });
            }
        }
    }
}

/// Without waiting for each other: who finds a lease fetches.
fn impatient(cache: &Cache) -> CacheCow {
    cache.open(CacheCow::builder().fill_wait(Duration::ZERO))
}

async fn by_name(cow: &CacheCow, store: &Store) -> Option<Item> {
    let item = cow.with(store).get(Item::by_name("item 1")).await.unwrap();
    item.map(|item| (*item).clone())
}

async fn by_id(cow: &CacheCow, store: &Store, id: i64) -> Option<Item> {
    let item = cow.with(store).get(Item::by_id(id)).await.unwrap();
    item.map(|item| (*item).clone())
}

async fn prepare(cache: &Cache, store: &Store, before: Before) {
    let cow = impatient(cache);
    cow.invalidate_many([1, 2].map(Item::new)).await.unwrap();
    match before {
        Before::Nothing => {}
        Before::Object => drop(by_id(&cow, store, 1).await),
        Before::Pointer => {
            by_name(&cow, store).await;
            cow.invalidate(Item::by_id(1)).await.unwrap();
        }
        Before::WrongPointer => {
            store.put(Item { name: "item 1".into(), ..Item::new(2) });
            store.put(Item { name: "other".into(), ..Item::new(1) });
            by_name(&cow, store).await;
            store.put(Item::new(1));
            store.put(Item::new(2));
            cow.invalidate(Item::by_id(2)).await.unwrap();
            by_id(&cow, store, 2).await;
        }
    }
}

/// Holds the next load up.
fn hold(cache: &Cache, store: &Store, point: Point) -> Arc<Gate> {
    match point {
        Point::Batch(n) => {
            for _ in 1..n {
                let passed = Gate::new();
                passed.open();
                cache.script().next(ANY, Fate::AnswerLate(passed));
            }
            let gate = Gate::new();
            cache.script().next(ANY, Fate::AnswerLate(Arc::clone(&gate)));
            gate
        }
        Point::Fetch(n) => {
            for _ in 1..n {
                store.gate().open();
            }
            store.gate()
        }
    }
}

async fn tell(cow: &CacheCow, store: &Store, change: Change, telling: Telling) {
    let both = || {
        let after =
            |id| Item { name: if id == 1 { "other" } else { "item 1" }.into(), ..Item::new(id) };
        [Item::new(1), Item::new(2), after(1), after(2)]
    };
    if telling == Telling::Write {
        let work = async {
            change.make(store);
            Ok::<_, cachecow::Error>(())
        };
        return cow.write(both().as_slice(), work).await.unwrap();
    }
    change.make(store);
    match telling {
        Telling::Alias => cow.invalidate(Item::by_name("item 1")).await.unwrap(),
        Telling::Primary => cow.invalidate_many([1, 2].map(Item::by_id)).await.unwrap(),
        Telling::Object | Telling::Write => cow.invalidate_many(both()).await.unwrap(),
    }
}

/// What was read that should not have been.
async fn held_up(
    cache: &Cache,
    before: Before,
    point: Point,
    change: Change,
    telling: Telling,
) -> usize {
    let store = Store::with_items(2);
    prepare(cache, &store, before).await;
    let (cow, other) = (impatient(cache), impatient(cache));
    let gate = hold(cache, &store, point);
    let mut first = Box::pin(by_name(&cow, &store));
    let done = tokio::select! {
        biased;
        _ = &mut first => true,
        () = gate.arrived() => false,
    };
    if done {
        // The load has no such step.
        cache.script().forget();
        store.forget_gates();
    }
    tell(&other, &store, change, telling).await;
    let expected = store.find_by_name("item 1").await.unwrap();
    let mut wrong = 0;
    let check = |found: Option<Item>| usize::from(found != expected);
    if done {
        wrong += check(by_name(&cow, &store).await);
    } else {
        // Of the same process, which may follow the load, and of another.
        let (_, late, foreign, ()) = tokio::join!(
            biased;
            first,
            by_name(&cow, &store),
            by_name(&other, &store),
            async {
                for _ in 0..50 {
                    tokio::task::yield_now().await;
                }
                gate.open();
            },
        );
        wrong += check(late) + check(foreign);
    }
    for cow in [&cow, &other, &impatient(cache)] {
        wrong += check(by_name(cow, &store).await);
        if telling != Telling::Alias {
            for id in [1, 2] {
                let stored = store.find(id).await.unwrap();
                wrong += usize::from(by_id(cow, &store, id).await != stored);
            }
        }
    }
    wrong
}

async fn everywhere(cache: &Cache) -> Vec<String> {
    let mut found = Vec::new();
    for before in BEFORE {
        for point in points() {
            for telling in TELLINGS {
                for change in [Change::Version, Change::Owner] {
                    if held_up(cache, before, point, change, telling).await > 0 {
                        found.push(format!("{before:?} {point:?} {telling:?} {change:?}"));
                    }
                }
            }
        }
    }
    found
}

#[tokio::test(start_paused = true)]
async fn without_the_guard_of_the_alias_something_is_stale() {
    let found = everywhere(&Cache::unguarded(is_pointer)).await;
    assert!(!found.is_empty(), "the control must find it");
}

#[tokio::test(start_paused = true)]
async fn without_the_guard_of_the_primary_key_something_is_stale() {
    let found = everywhere(&Cache::unguarded(|document| !is_pointer(document))).await;
    assert!(!found.is_empty(), "the control must find it");
}

/// A reader by the primary key began before the object changed and the alias was invalidated, and
/// fills after the alias was loaded again. Returns what is read by the alias at last.
async fn a_slow_fill_of_the_primary_key(cache: &Cache, naively: bool) -> u64 {
    let store = Store::with_items(1);
    let (slow, cow) = (impatient(cache), impatient(cache));
    by_name(&cow, &store).await;
    let pointer = cache.value(&Item::by_name("item 1")).await.unwrap();
    cow.invalidate_object(&Item::new(1)).await.unwrap();
    let gate = store.gate();
    let (read, ()) = tokio::join!(slow.with(&store).read(Item::by_id(1)), async {
        gate.arrived().await;
        store.bump(1);
        cow.invalidate(Item::by_name("item 1")).await.unwrap();
        if naively {
            // As a load does that sees to the alias alone.
            fill(cache, "item 1", pointer).await;
        } else {
            assert_eq!(by_name(&cow, &store).await.unwrap().version, 2);
        }
        gate.open();
    });
    assert_eq!(read.unwrap().fill, Fill::Stored, "of that key there was no invalidation");
    by_name(&cow, &store).await.unwrap().version
}

async fn fill(cache: &Cache, name: &str, value: Bytes) {
    let token = cache.take_flag(&Item::by_name(name)).await;
    let fill = Command::Fill { token, value, ttl: MINUTE };
    assert_eq!(cache.ask(&Item::by_name(name), fill).await, Reply::Settled);
}

#[tokio::test(start_paused = true)]
async fn without_the_claim_of_the_primary_key_a_slow_fill_is_read_by_the_alias() {
    let last = a_slow_fill_of_the_primary_key(&Cache::memory(), true).await;
    assert_eq!(last, 1, "the control must find the stale read");
}

/// Beside a value, a flag stands in nobody's way but a claim's despite it.
async fn all_flags_are_free(cache: &Cache) {
    let keys = [Item::by_id(1).key(), Item::by_id(2).key(), Item::by_name("item 1").key()];
    for key in keys.map(|parts| parts.key()) {
        let replacing = match cache.ask_key(key, Command::Lookup).await {
            Reply::Value(value) => Some(Replacing { seen: SeenValue::of(&value), keep: true }),
            _ => None,
        };
        let token = Token::from_bytes(*b"to see if it can");
        let claim = Command::Claim { token, lease: MINUTE, replacing };
        while !matches!(cache.ask_key(key, claim.clone()).await, Reply::Claimed(_)) {
            tokio::task::yield_now().await;
        }
        assert_eq!(cache.ask_key(key, Command::Abandon { token }).await, Reply::Settled);
    }
}

on_both_backends! {
    async fn nothing_stale_and_nothing_wrong_whenever_the_object_changes(cache) {
        assert_eq!(everywhere(&cache).await, Vec::<String>::new());
    }

    async fn a_slow_fill_of_the_primary_key_is_not_read_by_the_alias(cache) {
        assert_eq!(a_slow_fill_of_the_primary_key(&cache, false).await, 2);
    }

    async fn a_cancelled_load_gives_both_claims_back_at_every_step(cache) {
        for before in BEFORE {
            for point in points() {
                let store = Store::with_items(2);
                prepare(&cache, &store, before).await;
                let cow = impatient(&cache);
                let gate = hold(&cache, &store, point);
                tokio::select! {
                    biased;
                    _ = by_name(&cow, &store) => {}
                    () = gate.arrived() => {}
                }
                cache.script().forget();
                store.forget_gates();
                all_flags_are_free(&cache).await;
            }
        }
    }

    async fn a_cancelled_leader_hands_over_to_a_follower(cache) {
        for point in [Point::Fetch(1), Point::Fetch(2)] {
            let store = Store::with_items(1);
            let cow = cache.open_default();
            let gate = hold(&cache, &store, point);
            let mut leader = Box::pin(cow.with(&store).read(Item::by_name("item 1")));
            let follower = async {
                gate.arrived().await;
                cow.with(&store).read(Item::by_name("item 1")).await.unwrap()
            };
            tokio::pin!(follower);
            tokio::select! {
                biased;
                _ = &mut leader => panic!("the leader is held up"),
                _ = &mut follower => panic!("the follower has nothing to get"),
                () = async {
                    while cow.stats().of("Item").joins == 0 {
                        tokio::task::yield_now().await;
                    }
                } => {}
            }
            drop(leader);
            let read = follower.await;
            assert_eq!((read.value.unwrap().version, read.fill), (1, Fill::Stored), "{point:?}");
            cow.invalidate_object(&Item::new(1)).await.unwrap();
        }
    }

    async fn a_failing_cache_costs_no_object_and_leaves_nothing_stale(cache) {
        for before in BEFORE {
            for n in 1..=BATCHES {
                for lost in [true, false] {
                    let store = Store::with_items(2);
                    prepare(&cache, &store, before).await;
                    let cow = impatient(&cache);
                    for _ in 1..n {
                        let passed = Gate::new();
                        passed.open();
                        cache.script().next(ANY, Fate::AnswerLate(passed));
                    }
                    let fate = if lost { Fate::LoseAnswer } else { Fate::Fail(BackendErrorKind::Disconnected) };
                    cache.script().next(ANY, fate);
                    let read = cow.with(&store).read(Item::by_name("item 1")).await.unwrap();
                    cache.script().forget();
                    assert_eq!(read.value.as_deref(), Some(&Item::new(1)), "{before:?} {n}");
                    store.bump(1);
                    cow.invalidate_object(&Item::new(1)).await.unwrap();
                    assert_eq!(by_name(&cow, &store).await.unwrap().version, 2, "{before:?} {n}");
                    assert_eq!(by_id(&cow, &store, 1).await.unwrap().version, 2, "{before:?} {n}");
                }
            }
        }
    }
}
