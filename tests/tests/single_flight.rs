//! One load a key and process, that nobody can leave hanging.

use std::sync::Arc;
use std::time::Duration;

use cachecow::protocol::Command;
use cachecow::{CacheCow, ErrorKind, Fill, Source};
use cachecow_tests::backends::{Fate, Which};
use cachecow_tests::caches::Cache;
use cachecow_tests::gate::Gate;
use cachecow_tests::on_both_backends;
use cachecow_tests::store::{Item, Store, StoreDown};
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use tokio::time::Instant;

fn joins(cow: &CacheCow) -> u64 {
    cow.stats().of("Item").joins
}

/// The read's end, which must come without any time passing.
async fn at_once(
    read: impl Future<Output = Result<cachecow::Read<Item>, cachecow::Error>>,
) -> Source {
    let began = Instant::now();
    let read = read.await.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO, "it has waited");
    read.source
}

async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::task::yield_now().await;
    }
}

on_both_backends! {
    async fn a_cancelled_leader_hands_over(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        let gate = store.gate();
        let mut leader = Box::pin(cow.with(&store).read(Item::by_id(1)));
        let follower = async {
            gate.arrived().await;
            cow.with(&store).read(Item::by_id(1)).await.unwrap()
        };
        tokio::pin!(follower);
        tokio::select! {
            _ = &mut leader => panic!("the leader is held up"),
            _ = &mut follower => panic!("the follower has nothing to get"),
            () = until(|| joins(&cow) == 1) => {}
        }
        drop(leader);
        let read = follower.await;
        assert_eq!((read.source, read.fill), (Source::Fetched, Fill::Stored));
        assert_eq!(store.fetches(), 2);
    }

    /// Whoever is still there leads, however many that came before are gone.
    async fn a_cancelled_leader_hands_over_past_all_who_are_gone(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        let gate = store.gate();
        let mut leader = Box::pin(cow.with(&store).read(Item::by_id(1)));
        let mut gone: Vec<_> = (0..20_000).map(|_| Box::pin(cow.with(&store).read(Item::by_id(1)))).collect();
        let last = cow.with(&store).read(Item::by_id(1));
        tokio::pin!(last);
        tokio::select! {
            biased;
            _ = &mut leader => panic!("the leader is held up"),
            () = gate.arrived() => {}
        }
        for read in &mut gone {
            assert!(read.now_or_never().is_none());
        }
        assert!(last.as_mut().now_or_never().is_none());
        drop(gone);
        drop(leader);
        let read = last.await.unwrap();
        assert_eq!((read.source, read.fill), (Source::Fetched, Fill::Stored));
        assert_eq!((store.fetches(), joins(&cow)), (2, 20_001));
    }

    async fn a_cancelled_read_frees_the_flag_at_every_step(cache) {
        let store = Store::with_items(1);
        let steps: [(&str, Which); 3] = [
            ("claim", |command| matches!(command, Command::Claim { .. })),
            ("fill", |command| matches!(command, Command::Fill { .. })),
            ("abandon", |command| matches!(command, Command::Abandon { .. })),
        ];
        for (step, which) in steps {
            let cow = cache.open_default();
            let answer = Gate::new();
            cache.script().next(which, Fate::AnswerLate(Arc::clone(&answer)));
            // An item that does not exist is abandoned.
            let id = if step == "abandon" { 99 } else { 1 };
            tokio::select! {
                _ = cow.with(&store).get(Item::by_id(id)) => panic!("{step} is not answered"),
                () = answer.arrived() => {}
            }
            cow.invalidate(Item::by_id(id)).await.unwrap();
            let other = cache.open(CacheCow::builder().fill_wait(Duration::ZERO));
            let freed = async {
                while !cache.flag_is_free(&Item::by_id(id)).await {
                    tokio::task::yield_now().await;
                }
            };
            freed.await;
            assert!(other.with(&store).get(Item::by_id(id)).await.is_ok());
            cow.invalidate(Item::by_id(id)).await.unwrap();
        }
    }

    async fn a_cancelled_fetch_frees_the_flag(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        let gate = store.gate();
        tokio::select! {
            _ = cow.with(&store).get(Item::by_id(1)) => panic!("the fetch is held up"),
            () = gate.arrived() => {}
        }
        while !cache.flag_is_free(&Item::by_id(1)).await {
            tokio::task::yield_now().await;
        }
    }

    async fn a_panicking_fetch_hands_over_and_frees_the_flag(cache) {
        use std::sync::atomic::{AtomicBool, Ordering};
        #[derive(serde::Serialize, serde::Deserialize, cachecow::Cached)]
        #[cache(context = Source)]
        #[cache(key = "fragile:{id}", fetch = Source::find)]
        struct Fragile { id: u32 }
        struct Source { panics: AtomicBool, arrived: tokio::sync::Semaphore, go: tokio::sync::Semaphore }
        impl Source {
            async fn find(&self, id: u32) -> Result<Fragile, StoreDown> {
                if self.panics.swap(false, Ordering::SeqCst) {
                    self.arrived.add_permits(1);
                    self.go.acquire().await.unwrap().forget();
                    panic!("a fetch function with a fault");
                }
                Ok(Fragile { id })
            }
        }
        let source = Source {
            panics: AtomicBool::new(true),
            arrived: tokio::sync::Semaphore::new(0),
            go: tokio::sync::Semaphore::new(0),
        };
        let cow = cache.open_default();
        let leader = std::panic::AssertUnwindSafe(cow.with(&source).get(Fragile::by_id(1))).catch_unwind();
        let (led, followed, ()) = tokio::join!(
            leader,
            async {
                source.arrived.acquire().await.unwrap().forget();
                cow.with(&source).read(Fragile::by_id(1)).await
            },
            async {
                until(|| cow.stats().of("Fragile").joins == 1).await;
                source.go.add_permits(1);
            },
        );
        assert!(led.is_err(), "the panic reaches its own caller");
        assert_eq!(followed.unwrap().fill, Fill::Stored);
    }

    async fn cancelled_followers_leave_the_others_alone(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        let gate = store.gate();
        let leader = cow.with(&store).read(Item::by_id(1));
        let doomed: Vec<_> = (0..10).map(|_| Box::pin(cow.with(&store).read(Item::by_id(1)))).collect();
        let kept = join_all((0..10).map(|_| cow.with(&store).read(Item::by_id(1))));
        let (led, kept, ()) = tokio::join!(leader, kept, async {
            gate.arrived().await;
            {
                let doomed = join_all(doomed);
                tokio::select! {
                    _ = doomed => panic!("the load is held up"),
                    () = until(|| joins(&cow) == 20) => {}
                }
            }
            gate.open();
        });
        assert_eq!(led.unwrap().fill, Fill::Stored);
        assert!(kept.iter().all(|read| read.as_ref().unwrap().fill == Fill::Stored));
        assert_eq!(store.fetches(), 1);
    }

    async fn leader_after_leader_may_be_cancelled(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        let gates: Vec<_> = (0..5).map(|_| store.gate()).collect();
        let mut reads: Vec<_> = (0..6).map(|_| Box::pin(cow.with(&store).read(Item::by_id(1)))).collect();
        for gate in &gates {
            {
                let mut all = join_all(reads.iter_mut().map(|read| read.as_mut()));
                tokio::select! {
                    _ = &mut all => panic!("every fetch is held up"),
                    () = gate.arrived() => {}
                }
            }
            // The first of those that are left leads.
            drop(reads.remove(0));
        }
        let last = reads.pop().expect("one is left").await.unwrap();
        assert_eq!(last.fill, Fill::Stored);
    }

    async fn an_error_is_shared_and_not_fetched_again_by_each(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        store.set_down(true);
        let gate = store.gate();
        let (reads, ()) = tokio::join!(join_all((0..20).map(|_| cow.with(&store).get(Item::by_id(1)))), async {
            gate.arrived().await;
            gate.open();
        });
        for read in reads {
            let error = read.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Fetch);
            assert_eq!(error.fetch_error::<StoreDown>(), Some(&StoreDown));
        }
        assert_eq!(store.fetches(), 1);
    }

    async fn two_batches_that_overlap_do_not_block_each_other(cache) {
        let (store, cow) = (Store::with_items(20), cache.open_default());
        let forward = cow.with(&store).get_many((1..=20).map(Item::by_id));
        let backward = cow.with(&store).get_many((1..=20).rev().map(Item::by_id));
        let (forward, backward) = tokio::join!(forward, backward);
        let mut backward = backward.unwrap();
        backward.reverse();
        assert_eq!(forward.unwrap(), backward);
    }

    async fn two_batches_whose_loads_are_refused_do_not_block_each_other(cache) {
        let (store, cow) = (Store::with_items(2), cache.open_default());
        let (gate_a, gate_b) = (store.gate(), store.gate());
        let (a, b, ()) = tokio::join!(
            cow.with(&store).get_many([1].map(Item::by_id)),
            cow.with(&store).get_many([2].map(Item::by_id)),
            async {
                gate_a.arrived().await;
                gate_b.arrived().await;
                cow.invalidate_many([1, 2].map(Item::by_id)).await.unwrap();
                let crossed = join_all([[1, 2], [2, 1]].map(|ids| cow.with(&store).get_many(ids.map(Item::by_id))));
                let opened = async {
                    until(|| joins(&cow) == 4).await;
                    gate_a.open();
                    gate_b.open();
                };
                let (crossed, ()) = tokio::join!(crossed, opened);
                assert!(crossed.iter().all(|batch| batch.as_ref().unwrap().len() == 2));
            },
        );
        assert!(a.is_ok() && b.is_ok());
    }

    async fn a_fetch_that_reads_its_own_key_does_not_wait_for_ever(cache) {
        #[derive(serde::Serialize, serde::Deserialize, cachecow::Cached)]
        #[cache(context = CacheCow)]
        #[cache(key = "loop:{id}", fetch = Loop::find)]
        struct Loop { id: u32 }
        impl Loop {
            async fn find(cow: &CacheCow, id: u32) -> Result<Loop, cachecow::Error> {
                #[derive(serde::Serialize, serde::Deserialize, cachecow::Cached)]
                #[cache(key = "loop:{id}", fetch = Inner::find)]
                struct Inner { id: u32 }
                impl Inner {
                    async fn find(id: u32) -> Result<Inner, StoreDown> { Ok(Inner { id }) }
                }
                // Of another type: its load has the same key, and no part in this one.
                cow.get(Inner::by_id(id)).await?;
                Ok(Loop { id })
            }
        }
        let cow = cache.open(CacheCow::builder().fill_wait(Duration::ZERO));
        assert_eq!(cow.with(&cow).get(Loop::by_id(1)).await.unwrap().unwrap().id, 1);
    }
}

const LOAD_WAIT: Duration = Duration::from_secs(10);

/// A cache whose loads are given up after [`LOAD_WAIT`], and a read that leads a load and is not polled any
/// more; time stands still unless everyone waits.
macro_rules! unpolled_leader {
    ($store:ident, $cow:ident, $gate:ident, $leader:ident) => {
        unpolled_leader!($store, $cow, $gate, $leader, CacheCow::builder());
    };
    ($store:ident, $cow:ident, $gate:ident, $leader:ident, $builder:expr) => {
        let (cache, $store) = (Cache::memory(), Store::with_items(1));
        let $cow = cache.open($builder.load_wait(LOAD_WAIT));
        let $gate = $store.gate();
        let mut $leader = Box::pin($cow.with(&$store).read(Item::by_id(1)));
        tokio::select! {
            _ = &mut $leader => panic!("the fetch is held up"),
            () = $gate.arrived() => {}
        }
    };
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_forgotten_costs_the_next_reader_a_wait_and_no_other() {
    unpolled_leader!(store, cow, gate, leader);
    std::mem::forget(leader);
    let began = Instant::now();
    let read = cow.with(&store).read(Item::by_id(1)).await.unwrap();
    assert_eq!((read.source, read.fill), (Source::Fetched, Fill::Skipped), "its claim stands");
    assert!(began.elapsed() >= LOAD_WAIT);
    for fetches in 3..6 {
        let source = at_once(cow.with(&store).read(Item::by_id(1))).await;
        assert_eq!((source, store.fetches()), (Source::Fetched, fetches));
    }
    drop(gate);
}

/// It is the age of the load that counts: callers that give up before, on their own, must not keep the
/// key from being loaded.
#[tokio::test(start_paused = true)]
async fn a_caller_that_comes_after_the_wait_does_not_wait() {
    unpolled_leader!(store, cow, gate, leader);
    for _ in 0..9 {
        let impatient = cow.with(&store).read(Item::by_id(1));
        assert!(tokio::time::timeout(LOAD_WAIT / 10, impatient).await.is_err());
    }
    tokio::time::advance(LOAD_WAIT / 5).await;
    let source = at_once(cow.with(&store).read(Item::by_id(1))).await;
    assert_eq!((source, store.fetches()), (Source::Fetched, 2));
    drop((leader, gate));
}

#[tokio::test(start_paused = true)]
async fn after_the_wait_one_follower_loads_and_the_others_share() {
    unpolled_leader!(store, cow, gate, leader);
    let reads = (0..1_000).map(|_| cow.with(&store).read(Item::by_id(1)));
    let reads = join_all(reads).await;
    assert!(reads.iter().all(|read| read.as_ref().unwrap().source == Source::Fetched));
    assert_eq!(store.fetches(), 2);
    drop((leader, gate));
}

/// A backing store that has become slow is not asked for the same more and more often.
#[tokio::test(start_paused = true)]
async fn the_loads_of_a_key_under_way_grow_with_the_logarithm_of_the_time() {
    let builder = CacheCow::builder().fill_wait(Duration::ZERO);
    unpolled_leader!(store, cow, gate, leader, builder);
    let gates: Vec<_> = (0..20).map(|_| store.gate()).collect();
    let arrivals = async {
        let mut reads = futures_util::stream::FuturesUnordered::new();
        for tenth in 0..160_u32 {
            reads.push(cow.with(&store).read(Item::by_id(1)));
            let next = tokio::time::sleep(LOAD_WAIT / 10);
            tokio::select! {
                Some(_) = futures_util::StreamExt::next(&mut reads) => panic!("every fetch is held up"),
                () = next => {}
            }
            let loads = [10, 30, 70, 150].iter().filter(|&&given_up| given_up <= tenth).count();
            assert!(store.fetches() <= loads + 2, "{} after {tenth} tenths", store.fetches());
        }
        reads.len()
    };
    assert_eq!(arrivals.await, 160);
    assert_eq!(store.fetches(), 5, "begun after 0, 1, 3, 7 and 15 times the wait");
    drop((leader, gate, gates));
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_was_given_up_stores_if_its_claim_stands() {
    unpolled_leader!(store, cow, gate, leader);
    cow.with(&store).get(Item::by_id(1)).await.unwrap();
    gate.open();
    assert_eq!(leader.await.unwrap().fill, Fill::Stored);
    let read = cow.with(&store).read(Item::by_id(1)).await.unwrap();
    assert_eq!(read.source, Source::Cache);
    // Nothing is left of it: the next load is waited for as the first was.
    cow.invalidate(Item::by_id(1)).await.unwrap();
    let (one, gate) = (store.gate(), store.gate());
    let mut leader = Box::pin(cow.with(&store).read(Item::by_id(1)));
    tokio::select! {
        _ = &mut leader => panic!("the fetch is held up"),
        () = one.arrived() => {}
    }
    gate.open();
    let began = Instant::now();
    cow.with(&store).get(Item::by_id(1)).await.unwrap();
    assert_eq!(began.elapsed().as_secs(), LOAD_WAIT.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_was_given_up_and_overtaken_by_an_invalidation_leaves_nothing_stale() {
    unpolled_leader!(store, cow, gate, leader);
    // Given up, and its successor is held up too.
    let successor = store.gate();
    let mut follower = Box::pin(cow.with(&store).read(Item::by_id(1)));
    tokio::select! {
        _ = &mut follower => panic!("the fetch is held up"),
        () = successor.arrived() => {}
    }
    store.bump(1);
    cow.invalidate(Item::by_id(1)).await.unwrap();
    let late = cow.with(&store).read(Item::by_id(1));
    tokio::pin!(late);
    assert!(late.as_mut().now_or_never().is_none());
    until(|| joins(&cow) == 2)
        .now_or_never()
        .expect("the late read has joined the successor's load");
    gate.open();
    assert_eq!(leader.await.unwrap().fill, Fill::Refused);
    successor.open();
    let (follower, late) = tokio::join!(follower, late);
    assert_eq!(follower.unwrap().value.unwrap().version, 1, "its read began before");
    assert_eq!(late.unwrap().value.unwrap().version, 2);
}

/// The leader is not polled any more when its fill is under way: whoever waits for it finds the value.
#[tokio::test(start_paused = true)]
async fn a_leader_that_stops_at_its_last_step_is_given_up_too() {
    let cache = Cache::memory();
    let (store, cow) = (Store::with_items(1), cache.open(CacheCow::builder().load_wait(LOAD_WAIT)));
    let (fetch, fill) = (store.gate(), Gate::new());
    let fills: Which = |command| matches!(command, Command::Fill { .. });
    cache.script().next(fills, Fate::AnswerLate(Arc::clone(&fill)));
    let mut leader = Box::pin(cow.with(&store).read(Item::by_id(1)));
    let follower = cow.with(&store).read(Item::by_id(1));
    tokio::pin!(follower);
    tokio::select! {
        biased;
        _ = &mut leader => panic!("the leader is held up"),
        _ = &mut follower => panic!("the follower has nothing to get"),
        () = async {
            until(|| joins(&cow) == 1).await;
            fetch.open();
            fill.arrived().await;
        } => {}
    }
    let read = follower.await.unwrap();
    assert_eq!((read.source, store.fetches()), (Source::Cache, 1));
    drop(leader);
}

/// A fetch that reads its own key waits for itself; its own wait ends that.
#[tokio::test(start_paused = true)]
async fn a_fetch_that_waits_for_its_own_caller_ends() {
    use std::sync::atomic::{AtomicBool, Ordering};
    #[derive(serde::Serialize, serde::Deserialize, cachecow::Cached)]
    #[cache(context = Source)]
    #[cache(key = "knot:{id}", fetch = Source::find)]
    struct Knot {
        id: u32,
    }
    struct Source {
        cow: CacheCow,
        knotted: AtomicBool,
    }
    impl Source {
        fn find(
            &self,
            id: u32,
        ) -> futures_util::future::BoxFuture<'_, Result<Knot, cachecow::Error>> {
            async move {
                if self.knotted.swap(false, Ordering::SeqCst) {
                    self.cow.with(self).get(Knot::by_id(id)).await?;
                }
                Ok(Knot { id })
            }
            .boxed()
        }
    }
    let cow = Cache::memory().open(CacheCow::builder().load_wait(LOAD_WAIT));
    let source = Source { cow: cow.clone(), knotted: AtomicBool::new(true) };
    assert_eq!(cow.with(&source).get(Knot::by_id(1)).await.unwrap().unwrap().id, 1);
}

/// What followers leave behind that are cancelled while a fetch hangs is bounded.
#[test]
fn followers_that_are_cancelled_leave_no_memory_behind() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let (store, cow) = (Store::with_items(1), CacheCow::memory());
        let gate = store.gate();
        let mut leader = Box::pin(cow.with(&store).read(Item::by_id(1)));
        tokio::select! {
            _ = &mut leader => panic!("the fetch is held up"),
            () = gate.arrived() => {}
        }
        let cancel = || {
            let follower = Box::pin(cow.with(&store).read(Item::by_id(1)));
            assert!(follower.now_or_never().is_none());
        };
        cancel();
        let kept = allocation_counter::measure(|| (0..20_000).for_each(|_| cancel()));
        assert!(kept.bytes_current < 100_000, "{} bytes are kept", kept.bytes_current);
        assert_eq!(joins(&cow), 20_001);
        gate.open();
        assert_eq!(leader.await.unwrap().fill, Fill::Stored);
    });
}
