//! P1 and P2 with forced interleavings, each with a negative control that must find the stale read.

use std::sync::Arc;
use std::time::Duration;

use cachecow::protocol::Command;
use cachecow::{BackendErrorKind, CacheCow, ErrorKind, Fill, Source};
use cachecow_tests::backends::{Fate, claims};
use cachecow_tests::caches::Cache;
use cachecow_tests::gate::Gate;
use cachecow_tests::on_both_backends;
use cachecow_tests::store::{Item, Store, StoreDown};

/// The work's error where the test does not care.
#[derive(Debug)]
enum WorkError {
    Store(StoreDown),
    Cache(
        #[expect(dead_code, reason = "shown by `unwrap` where it comes unexpected")]
        cachecow::Error,
    ),
}

impl From<cachecow::Error> for WorkError {
    fn from(error: cachecow::Error) -> Self {
        Self::Cache(error)
    }
}

async fn version(cow: &CacheCow, store: &Store) -> u64 {
    cow.with(store).get(Item::by_id(1)).await.unwrap().expect("the item exists").version
}

/// The predecessor's race: A claims and reads the old version; the new one is written and
/// invalidated; B claims; A finds *a* flag and stores the old version. Returns what is read last.
async fn a_slow_reader_overtaken_by_a_write_and_another_reader(cache: &Cache) -> u64 {
    let store = Store::with_items(1);
    let (a, b) = (cache.open_default(), cache.open_default());
    let (of_a, of_b) = (store.gate(), store.gate());
    let (_, _, ()) = tokio::join!(
        a.with(&store).get(Item::by_id(1)),
        async {
            of_a.arrived().await;
            store.bump(1);
            b.invalidate(Item::by_id(1)).await.unwrap();
            b.with(&store).get(Item::by_id(1)).await
        },
        async {
            of_b.arrived().await;
            of_a.open();
            // B's fetch goes on for as long as A needs to finish.
            while a.stats().of("Item").misses == 0 {
                tokio::task::yield_now().await;
            }
            of_b.open();
        },
    );
    version(&b, &store).await
}

#[tokio::test]
async fn without_the_token_the_overtaken_reader_leaves_stale_data() {
    let last = a_slow_reader_overtaken_by_a_write_and_another_reader(&Cache::tokenless()).await;
    assert_eq!(last, 1, "the control must find the stale read");
}

/// A caller arrives after an invalidation while a load is under way that began before it.
/// `rule` is how the caller joins. Returns what the caller gets.
async fn a_caller_after_an_invalidation_during_a_load(cow: &CacheCow, store: &Store) -> u64 {
    let gate = store.gate();
    let (_, late, ()) = tokio::join!(
        cow.with(store).get(Item::by_id(1)),
        async {
            gate.arrived().await;
            store.bump(1);
            cow.invalidate(Item::by_id(1)).await.unwrap();
            version(cow, store).await
        },
        async {
            while cow.stats().of("Item").joins == 0 {
                tokio::task::yield_now().await;
            }
            gate.open();
        },
    );
    late
}

/// An invalidation fails while a load is under way that began before it; a caller of the same process comes
/// after it. What it gets must not rest on the cache, which was not told.
#[tokio::test]
async fn a_caller_after_a_failed_invalidation_shares_no_load_from_before() {
    for cache in [Cache::memory(), Cache::redis()] {
        let (cow, store) = (cache.open_default(), Store::with_items(1));
        let gate = store.gate();
        let (before, late, ()) = tokio::join!(
            version(&cow, &store),
            async {
                gate.arrived().await;
                store.bump(1);
                let lost = Fate::Fail(BackendErrorKind::Disconnected);
                cache.script().next(|command| *command == Command::Invalidate, lost);
                cow.invalidate(Item::by_id(1)).await.unwrap_err();
                version(&cow, &store).await
            },
            async {
                while cow.stats().of("Item").joins == 0 {
                    tokio::task::yield_now().await;
                }
                gate.open();
            },
        );
        assert_eq!((before, late), (1, 2));
    }
}

/// The field's usual single-flight, whose callers share any load that is under way.
#[tokio::test]
async fn a_plain_single_flight_hands_out_the_old_value() {
    let store = Store::with_items(1);
    let shared = tokio::sync::OnceCell::new();
    let load = || shared.get_or_init(|| async { store.find(1).await.unwrap().unwrap().version });
    let gate = store.gate();
    let (_, late, ()) = tokio::join!(
        load(),
        async {
            gate.arrived().await;
            store.bump(1);
            *load().await
        },
        async {
            gate.arrived().await;
            gate.open();
        },
    );
    assert_eq!(late, 1, "the control must find the stale read");
}

/// The writer dies between its commit and its invalidation.
async fn a_writer_that_dies(cow: &CacheCow, store: &Store, with_hold: bool) {
    let (begun, go_on) = (tokio::sync::Notify::new(), tokio::sync::Notify::new());
    let work = async {
        begun.notify_one();
        go_on.notified().await;
        store.bump(1);
        // Here the process dies: nothing of the write runs any more.
        std::future::pending::<()>().await;
        Ok::<(), WorkError>(())
    };
    let writing = async {
        if with_hold {
            let _ = cow.write(Item::by_id(1), work).await;
        } else {
            let _ = work.await;
            let _ = cow.invalidate(Item::by_id(1)).await;
        }
    };
    let reading = async {
        begun.notified().await;
        // A reader fills, or tries to, before the commit.
        assert_eq!(version(cow, store).await, 1);
        go_on.notify_one();
        tokio::task::yield_now().await;
    };
    tokio::select! {
        () = writing => unreachable!("the work never ends"),
        () = async { reading.await; tokio::task::yield_now().await } => {}
    }
}

on_both_backends! {
    async fn an_overtaken_reader_stores_nothing(cache) {
        assert_eq!(a_slow_reader_overtaken_by_a_write_and_another_reader(&cache).await, 2);
    }

    async fn the_new_owner_keeps_its_flag(cache) {
        let store = Store::with_items(1);
        let (a, b) = (cache.open_default(), cache.open_default());
        let (of_a, of_b) = (store.gate(), store.gate());
        let (read_a, read_b, ()) = tokio::join!(
            a.with(&store).read(Item::by_id(1)),
            async {
                of_a.arrived().await;
                store.bump(1);
                b.invalidate(Item::by_id(1)).await.unwrap();
                b.with(&store).read(Item::by_id(1)).await
            },
            async {
                of_b.arrived().await;
                of_a.open();
                while a.stats().of("Item").misses == 0 {
                    tokio::task::yield_now().await;
                }
                of_b.open();
            },
        );
        assert_eq!(read_a.unwrap().fill, Fill::Refused);
        assert_eq!(read_b.unwrap().fill, Fill::Stored);
    }

    async fn a_caller_after_an_invalidation_does_not_share_the_load_before_it(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        assert_eq!(a_caller_after_an_invalidation_during_a_load(&cow, &store).await, 2);
    }

    async fn a_caller_after_the_fill_and_an_invalidation_does_not_share_the_fill(cache) {
        // The fill is stored, its answer on the way; then an invalidation; then the caller. That the
        // fill was stored does not make its value fit for this caller.
        let (store, cow) = (Store::with_items(1), cache.open_default());
        let answer = Gate::new();
        let fills: fn(&Command) -> bool = |command| matches!(command, Command::Fill { .. });
        cache.script().next(fills, Fate::AnswerLate(Arc::clone(&answer)));
        let (first, late) = tokio::join!(cow.with(&store).read(Item::by_id(1)), async {
            answer.arrived().await;
            store.bump(1);
            cow.invalidate(Item::by_id(1)).await.unwrap();
            let (late, ()) = tokio::join!(version(&cow, &store), async {
                tokio::task::yield_now().await;
                answer.open();
            });
            late
        });
        assert_eq!(first.unwrap().fill, Fill::Stored);
        assert_eq!(late, 2);
    }

    async fn callers_before_the_invalidation_may_share(cache) {
        // Not only safe, but still a single flight.
        let (store, cow) = (Store::with_items(1), cache.open_default());
        let gate = store.gate();
        let reads = (0..100).map(|_| cow.with(&store).read(Item::by_id(1)));
        let (reads, ()) = tokio::join!(futures_util::future::join_all(reads), async {
            gate.arrived().await;
            gate.open();
        });
        assert!(reads.iter().all(|read| read.as_ref().unwrap().value.is_some()));
        assert_eq!(store.fetches(), 1);
        assert_eq!(cow.stats().of("Item").joins, 99);
    }

    async fn callers_during_a_refused_load_share_the_next_one(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        let gate = store.gate();
        let (_, late, ()) = tokio::join!(
            cow.with(&store).get(Item::by_id(1)),
            async {
                gate.arrived().await;
                store.bump(1);
                cow.invalidate(Item::by_id(1)).await.unwrap();
                futures_util::future::join_all((0..50).map(|_| version(&cow, &store))).await
            },
            async {
                while cow.stats().of("Item").joins < 50 {
                    tokio::task::yield_now().await;
                }
                gate.open();
            },
        );
        assert_eq!(late, vec![2; 50]);
        assert_eq!(store.fetches(), 2, "one before the invalidation, one after it for all");
    }

    async fn under_a_writer_s_hold_one_process_makes_few_loads(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        let result: Result<(), WorkError> = cow.write(Item::by_id(1), async {
            let reads = (0..100).map(|_| cow.with(&store).read(Item::by_id(1)));
            for read in futures_util::future::join_all(reads).await {
                assert_eq!(read.unwrap().fill, Fill::Skipped);
            }
            Ok(())
        }).await;
        result.unwrap();
        assert!(store.fetches() <= 2, "{} fetches", store.fetches());
    }

    async fn a_batch_keeps_the_promise(cache) {
        let (store, cow) = (Store::with_items(3), cache.open_default());
        let gate = store.gate();
        let (batch, ()) = tokio::join!(cow.with(&store).get_many([1, 2, 3].map(Item::by_id)), async {
            gate.arrived().await;
            store.bump(2);
            cow.invalidate(Item::by_id(2)).await.unwrap();
            gate.open();
        });
        assert_eq!(batch.unwrap().len(), 3);
        for (id, version, source) in [(1, 1, Source::Cache), (2, 2, Source::Fetched), (3, 1, Source::Cache)] {
            let read = cow.with(&store).read(Item::by_id(id)).await.unwrap();
            assert_eq!((read.value.unwrap().version, read.source), (version, source), "item {id}");
        }
    }

    async fn a_write_gives_the_fresh_value_to_every_read_after_it(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        assert_eq!(version(&cow, &store).await, 1);
        let bumped = cow.write(Item::by_id(1), async { Ok::<_, WorkError>(store.bump(1).version) });
        assert_eq!(bumped.await.unwrap(), 2);
        assert_eq!(version(&cow, &store).await, 2);
        assert!(cache.has(&Item::by_id(1)).await, "and it is cached again");
    }

    async fn a_read_during_a_write_fetches_and_stores_nothing(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        assert_eq!(version(&cow, &store).await, 1);
        let result: Result<(), WorkError> = cow.write(Item::new(1), async {
            for before_commit in [true, false] {
                if !before_commit {
                    store.bump(1);
                }
                let read = cow.with(&store).read(Item::by_id(1)).await.unwrap();
                assert_eq!((read.source, read.fill), (Source::Fetched, Fill::Skipped));
            }
            Ok(())
        }).await;
        result.unwrap();
        assert_eq!(version(&cow, &store).await, 2);
    }

    async fn a_failed_work_returns_its_error_and_invalidates(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        assert_eq!(version(&cow, &store).await, 1);
        // Half of the work was done.
        store.bump(1);
        let failed = cow.write(Item::by_id(1), async { Err::<(), _>(WorkError::Store(StoreDown)) });
        assert!(matches!(failed.await, Err(WorkError::Store(StoreDown))));
        assert_eq!(version(&cow, &store).await, 2);
    }

    async fn a_write_of_several_keys_invalidates_them_all(cache) {
        let (store, cow) = (Store::with_items(3), cache.open_default());
        let view = cow.with(&store);
        view.get_many([1, 2, 3].map(Item::by_id)).await.unwrap();
        view.get(Item::by_name("item 2")).await.unwrap();
        let (old, new) = (Item::new(2), Item { name: "other".into(), version: 2, ..Item::new(2) });
        let result: Result<(), WorkError> = cow.write((Item::by_id(1), &old, &new), async {
            store.bump(1);
            store.put(new.clone());
            Ok(())
        }).await;
        result.unwrap();
        assert_eq!(view.get(Item::by_id(1)).await.unwrap().unwrap().version, 2);
        assert_eq!(view.get(Item::by_id(2)).await.unwrap().unwrap().version, 2);
        assert_eq!(view.get(Item::by_name("item 2")).await.unwrap(), None);
        assert_eq!(view.get(Item::by_name("other")).await.unwrap().unwrap().version, 2);
        assert!(cache.has(&Item::by_id(3)).await, "what was not written is still cached");
    }

    async fn overlapping_writers_protect_each_other(cache) {
        // The first to end must not expose the second, which has yet to commit.
        let store = Store::with_items(1);
        let (a, b) = (cache.open_default(), cache.open_default());
        let (a_ends, b_ends) = (tokio::sync::Notify::new(), tokio::sync::Notify::new());
        let (b_begun, a_over) = (tokio::sync::Notify::new(), tokio::sync::Notify::new());
        tokio::join!(
            async {
                let work = async { a_ends.notified().await; Ok::<_, WorkError>(()) };
                a.write(Item::by_id(1), work).await.unwrap();
                a_over.notify_one();
            },
            async {
                let work = async {
                    b_begun.notify_one();
                    b_ends.notified().await;
                    store.bump(1);
                    Ok::<_, WorkError>(())
                };
                b.write(Item::by_id(1), work).await.unwrap();
            },
            async {
                b_begun.notified().await;
                a_ends.notify_one();
                a_over.notified().await;
                let read = a.with(&store).read(Item::by_id(1)).await.unwrap();
                assert_eq!((read.value.unwrap().version, read.fill), (1, Fill::Skipped));
                b_ends.notify_one();
            },
        );
        assert_eq!(version(&a, &store).await, 2);
    }

    async fn a_writer_that_dies_leaves_nothing_stale(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        a_writer_that_dies(&cow, &store, true).await;
        assert_eq!(version(&cow, &store).await, 2);
        assert!(!cache.has(&Item::by_id(1)).await, "its hold keeps readers from filling");
    }

    async fn without_the_hold_a_writer_that_dies_leaves_stale_data(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        a_writer_that_dies(&cow, &store, false).await;
        assert_eq!(store.find(1).await.unwrap().unwrap().version, 2);
        assert_eq!(version(&cow, &store).await, 1, "the control must find the stale read");
    }

    async fn a_write_cancelled_before_its_work_leaves_no_hold(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        let answer = Gate::new();
        let holds: fn(&Command) -> bool = |command| matches!(command, Command::Hold { .. });
        cache.script().next(holds, Fate::AnswerLate(Arc::clone(&answer)));
        let write = cow.write(Item::by_id(1), async { Ok::<_, WorkError>(()) });
        tokio::select! {
            _ = write => panic!("the hold is not answered"),
            () = answer.arrived() => {}
        }
        while !cache.flag_is_free(&Item::by_id(1)).await {
            tokio::task::yield_now().await;
        }
        assert_eq!(cow.with(&store).read(Item::by_id(1)).await.unwrap().fill, Fill::Stored);
    }

    async fn a_claim_whose_answer_was_lost_is_not_used(cache) {
        // Its command may reach the cache after the invalidation that it should have preceded.
        let (store, cow) = (Store::with_items(1), cache.open_default());
        cache.script().next(claims, Fate::LoseAnswer);
        let read = cow.with(&store).read(Item::by_id(1)).await.unwrap();
        assert_eq!((read.value.unwrap().version, read.fill), (1, Fill::Unreachable));
        assert_eq!(cow.stats().of("Item").bypasses, 1);
        while !cache.flag_is_free(&Item::by_id(1)).await {
            tokio::task::yield_now().await;
        }
    }

    async fn a_fill_whose_answer_was_lost_does_not_hurt(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        let fills: fn(&Command) -> bool = |command| matches!(command, Command::Fill { .. });
        cache.script().next(fills, Fate::LoseAnswer);
        let read = cow.with(&store).read(Item::by_id(1)).await.unwrap();
        assert_eq!((read.value.unwrap().version, read.fill), (1, Fill::Unreachable));
        store.bump(1);
        cow.invalidate(Item::by_id(1)).await.unwrap();
        assert_eq!(version(&cow, &store).await, 2);
    }
}

/// A flag that expired during the fetch, on time that the test moves.
#[tokio::test(start_paused = true)]
async fn a_fetch_that_outlasts_its_lease_is_not_stored() {
    let cache = Cache::memory();
    let store = Store::with_items(1);
    let cow = cache.open(CacheCow::builder().lease(Duration::from_secs(60)));
    for (elapsed, expected) in [(59, Fill::Stored), (60, Fill::Refused)] {
        cow.invalidate(Item::by_id(1)).await.unwrap();
        let gate = store.gate();
        let (read, ()) = tokio::join!(cow.with(&store).read(Item::by_id(1)), async {
            gate.arrived().await;
            tokio::time::advance(Duration::from_secs(elapsed)).await;
            gate.open();
        });
        assert_eq!(read.unwrap().fill, expected, "after {elapsed} s of 60");
    }
}

/// A hold ends by itself if its writer died.
#[tokio::test(start_paused = true)]
async fn a_dead_writer_s_hold_ends_with_its_time_to_live() {
    let cache = Cache::memory();
    let store = Store::with_items(1);
    let cow = cache.open(CacheCow::builder().hold(Duration::from_secs(60)));
    a_writer_that_dies(&cow, &store, true).await;
    for (elapsed, expected) in [(59, Fill::Skipped), (1, Fill::Stored)] {
        tokio::time::advance(Duration::from_secs(elapsed)).await;
        let read = cow.with(&store).read(Item::by_id(1)).await.unwrap();
        assert_eq!((read.value.unwrap().version, read.fill), (2, expected));
    }
}

/// A hold that ran out during the work protects nothing when the release fails as well.
#[tokio::test(start_paused = true)]
async fn a_write_that_outlasts_its_hold_and_cannot_be_released_is_reported() {
    let cache = Cache::memory();
    let cow = cache.open(CacheCow::builder().hold(Duration::from_secs(1)));
    let releases: fn(&Command) -> bool = |command| matches!(command, Command::Release { .. });
    for (works, reported) in [(Duration::from_millis(500), false), (Duration::from_secs(2), true)] {
        cache.script().next(releases, Fate::Fail(BackendErrorKind::Rejected));
        let work = async {
            tokio::time::sleep(works).await;
            Ok::<_, cachecow::Error>(())
        };
        let written = cow.write(Item::by_id(1), work).outcome().await;
        written.result.unwrap();
        let error = written.invalidated.err();
        let expected = reported.then_some(ErrorKind::NotInvalidated);
        assert_eq!(error.map(|error| error.kind()), expected, "{works:?}");
    }
}
