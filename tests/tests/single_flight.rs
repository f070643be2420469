//! One load a key and process, that nobody can leave hanging.

use std::sync::Arc;
use std::time::Duration;

use cachecow::protocol::Command;
use cachecow::{CacheCow, ErrorKind, Fill, Source};
use cachecow_tests::backends::{Fate, Which};
use cachecow_tests::gate::Gate;
use cachecow_tests::on_both_backends;
use cachecow_tests::store::{Item, Store, StoreDown};
use futures_util::FutureExt as _;
use futures_util::future::join_all;

fn joins(cow: &CacheCow) -> u64 {
    cow.stats().of("Item").joins
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

/// A leader whose task is never polled again cannot hold its followers up beyond the lease.
#[tokio::test(start_paused = true)]
async fn a_forgotten_leader_holds_nobody_up_for_ever() {
    let cache = cachecow_tests::caches::Cache::memory();
    let (store, cow) = (Store::with_items(1), cache.open_default());
    let gate = store.gate();
    let mut leader = Box::pin(cow.with(&store).read(Item::by_id(1)));
    tokio::select! {
        _ = &mut leader => panic!("the fetch is held up"),
        () = gate.arrived() => {}
    }
    // Time moves on by itself as soon as everyone waits.
    let read = cow.with(&store).read(Item::by_id(1)).await.unwrap();
    assert_eq!((read.source, read.fill), (Source::Fetched, Fill::Skipped));
    drop(leader);
}
