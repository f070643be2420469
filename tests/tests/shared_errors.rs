//! A fetch's error is as old as the fetch: a read that begins after an invalidation never gets the error of a
//! fetch from before it. Forced interleavings, with controls that must find the old error.

use std::time::Duration;

use cachecow::protocol::Command;
use cachecow::{CacheCow, Error, ErrorKind};
use cachecow_tests::backends::Fate;
use cachecow_tests::caches::Cache;
use cachecow_tests::clock::Clock;
use cachecow_tests::gate::Gate;
use cachecow_tests::members::{Member, Members};
use cachecow_tests::on_both_backends;
use cachecow_tests::store::{Item, Store, StoreDown};
use futures_util::future::join_all;

const TTL: Duration = Duration::from_secs(600);

/// Lets the others run until so many reads of this type have joined a load.
async fn joined(cow: &CacheCow, r#type: &str, joins: u64) {
    while cow.stats().of(r#type).joins < joins {
        tokio::task::yield_now().await;
    }
}

/// A read that will fail is held up in its fetch; meanwhile the backing store recovers, and the
/// cache is told. Returns what a read gets that begins after that and joins the load.
async fn a_read_after_the_cache_was_told<T>(
    (cow, store): (&CacheCow, &Store),
    first: impl Future<Output = Result<T, Error>>,
    tell: impl Future<Output = ()>,
    late: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let joins = cow.stats().of("Item").joins;
    store.set_down(true);
    let gate = store.gate();
    let (first, late, ()) = tokio::join!(
        first,
        async {
            gate.arrived().await;
            store.set_down(false);
            tell.await;
            late.await
        },
        async {
            joined(cow, "Item", joins + 1).await;
            gate.open();
        },
    );
    assert_eq!(first.err().map(|error| error.kind()), Some(ErrorKind::Fetch));
    late
}

async fn invalidate(cow: &CacheCow) {
    cow.invalidate(Item::by_id(1)).await.unwrap();
}

/// As [`a_read_after_the_cache_was_told`]; and another process has claimed the key by the time that the
/// failed read gives its claim back.
async fn a_read_after_another_process_claimed(cache: &Cache) -> Result<(), Error> {
    let store = Store::with_items(1);
    let (cow, other) = (cache.open_default(), cache.open_default());
    let (of_cow, of_other) = (store.gate(), store.gate());
    let over = tokio::sync::Notify::new();
    store.set_down(true);
    let ((), _, late, ()) = tokio::join!(
        async {
            cow.with(&store).get(Item::by_id(1)).await.unwrap_err();
            over.notify_one();
        },
        async {
            of_cow.arrived().await;
            store.set_down(false);
            other.invalidate(Item::by_id(1)).await.unwrap();
            other.with(&store).get(Item::by_id(1)).await.unwrap()
        },
        async {
            of_other.arrived().await;
            cow.with(&store).get(Item::by_id(1)).await
        },
        async {
            joined(&cow, "Item", 1).await;
            of_cow.open();
            over.notified().await;
            of_other.open();
        },
    );
    late.map(drop)
}

#[tokio::test(start_paused = true)]
async fn without_the_token_another_s_claim_confirms_the_old_error() {
    let late = a_read_after_another_process_claimed(&Cache::tokenless()).await;
    let error = late.expect_err("the control must find the old error");
    assert_eq!(error.fetch_error::<StoreDown>(), Some(&StoreDown));
}

/// The field's usual single-flight, whose callers share any error of the load that is under way.
#[tokio::test]
async fn a_plain_single_flight_hands_out_the_old_error() {
    use futures_util::FutureExt as _;
    let store = Store::with_items(1);
    store.set_down(true);
    let gate = store.gate();
    let load = async { store.find(1).await.map_err(|_| ()) }.boxed().shared();
    let (_, late, ()) = tokio::join!(
        load.clone(),
        async {
            gate.arrived().await;
            store.set_down(false);
            load.clone().await
        },
        async {
            gate.arrived().await;
            gate.open();
        },
    );
    assert_eq!(late, Err(()), "the control must find the old error");
}

/// Makes the stored item one that is renewed by the next read that looks it up.
async fn make_renewable(cache: &Cache, clock: &Clock, cow: &CacheCow, store: &Store, early: bool) {
    // Until lookups come first: a read that claims at once renews nothing.
    for _ in 0..20 {
        cow.with(store).get(Item::by_id(1)).await.unwrap();
    }
    if early {
        // A fetch that took more than an hour is sure to be renewed in the last millisecond.
        let mut aged = cache.value(&Item::by_id(1)).await.expect("there is a value").to_vec();
        aged[21..25].copy_from_slice(&u32::MAX.to_be_bytes());
        cache.forge(&Item::by_id(1), aged).await;
        clock.advance(TTL.saturating_sub(Duration::from_millis(1)));
    } else {
        clock.advance(TTL);
    }
}

on_both_backends! {
    async fn after_an_invalidation(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        let view = cow.with(&store);
        let (first, late) = (view.get(Item::by_id(1)), view.get(Item::by_id(1)));
        let late = a_read_after_the_cache_was_told((&cow, &store), first, invalidate(&cow), late).await;
        assert!(late.unwrap().is_some());
    }

    async fn after_another_process_claimed(cache) {
        a_read_after_another_process_claimed(&cache).await.unwrap();
    }

    /// By another process: one of its own overtakes the load, and nobody joins that.
    async fn after_a_write(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        let other = cache.open_default();
        let view = cow.with(&store);
        let (first, late) = (view.get(Item::by_id(1)), view.get(Item::by_id(1)));
        let write = async {
            other.write(Item::by_id(1), async { Ok::<_, Error>(()) }).await.unwrap();
        };
        let late = a_read_after_the_cache_was_told((&cow, &store), first, write, late).await;
        assert!(late.unwrap().is_some());
    }

    /// The first read may not claim, because a write is under way, and fetches all the same.
    async fn after_a_write_within_which_the_fetch_began(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        let other = cache.open_default();
        let view = cow.with(&store);
        let (begun, end) = (Gate::new(), tokio::sync::Notify::new());
        let work = async {
            begun.pass().await;
            end.notified().await;
            Ok::<_, Error>(())
        };
        let written = tokio::sync::Notify::new();
        let write = async {
            other.write(Item::by_id(1), work).await.unwrap();
            written.notify_one();
        };
        let first = async {
            begun.arrived().await;
            begun.open();
            view.get(Item::by_id(1)).await
        };
        let tell = async {
            end.notify_one();
            written.notified().await;
        };
        let late = view.get(Item::by_id(1));
        let late = a_read_after_the_cache_was_told((&cow, &store), first, tell, late);
        let (late, ()) = tokio::join!(late, write);
        assert!(late.unwrap().is_some());
    }

    async fn during_a_renewal_early_or_late(cache) {
        for early in [true, false] {
            let (clock, store) = (Clock::new(), Store::with_items(1));
            let builder = CacheCow::builder().clock(clock.reader()).ttl_jitter(0.0);
            let cow = cache.open(builder.refresh_ahead(early).stale_if_error(TTL));
            make_renewable(&cache, &clock, &cow, &store, early).await;
            let view = cow.with(&store);
            let (first, late) = (view.get(Item::by_id(1)), view.get(Item::by_id(1)));
            let late = a_read_after_the_cache_was_told((&cow, &store), first, invalidate(&cow), late).await;
            assert!(late.unwrap().is_some(), "early: {early}");
            invalidate(&cow).await;
        }
    }

    async fn in_batches(cache) {
        let (store, cow) = (Store::with_items(3), cache.open_default());
        let view = cow.with(&store);
        let first = view.get_many([3, 1, 2].map(Item::by_id));
        let late = view.get_many([1].map(Item::by_id));
        let late = a_read_after_the_cache_was_told((&cow, &store), first, invalidate(&cow), late).await;
        assert_eq!(late.unwrap().len(), 1);
    }

    async fn by_an_alias_however_the_cache_is_told(cache) {
        for led_to in [false, true] {
            for by_primary in [false, true] {
                let (store, cow) = (Store::with_items(1), cache.open_default());
                let view = cow.with(&store);
                if led_to {
                    view.get(Item::by_name("item 1")).await.unwrap();
                    cow.invalidate(Item::by_id(1)).await.unwrap();
                }
                let (first, late) = (view.get(Item::by_name("item 1")), view.get(Item::by_name("item 1")));
                let tell = async {
                    if by_primary {
                        cow.invalidate(Item::by_id(1)).await.unwrap();
                    } else {
                        cow.invalidate(Item::by_name("item 1")).await.unwrap();
                    }
                };
                let late = a_read_after_the_cache_was_told((&cow, &store), first, tell, late).await;
                assert!(late.is_ok(), "pointer: {led_to}, told by the primary key: {by_primary}");
                cow.invalidate_object(&Item::new(1)).await.unwrap();
            }
        }
    }

    async fn after_a_tag_was_invalidated(cache) {
        for by_number in [false, true] {
            let (members, cow) = (Members::with(1), cache.open_default());
            let read = || async {
                let view = cow.with(&members);
                if by_number { view.get(Member::by_number(1)).await } else { view.get(Member::by_id(1)).await }
            };
            members.set_down(true);
            let gate = members.gate();
            let (first, late, ()) = tokio::join!(
                read(),
                async {
                    gate.arrived().await;
                    members.set_down(false);
                    cow.invalidate_tag(Member::tag_org(1)).await.unwrap();
                    read().await
                },
                async {
                    joined(&cow, "Member", 1).await;
                    gate.open();
                },
            );
            assert!(first.is_err());
            assert!(late.is_ok(), "by an alias: {by_number}");
            cow.invalidate(&Member { id: 1, org: 1, team: "b".into(), version: 1 }).await.unwrap();
        }
    }

    /// The claim was given back, and the answer is lost: nothing confirms the error.
    async fn with_the_answer_lost(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        let abandons = |command: &Command| matches!(command, Command::Abandon { .. });
        cache.script().next(abandons, Fate::LoseAnswer);
        let view = cow.with(&store);
        let (first, late) = (view.get(Item::by_id(1)), view.get(Item::by_id(1)));
        let late = a_read_after_the_cache_was_told((&cow, &store), first, async {}, late).await;
        assert!(late.unwrap().is_some());
    }

    async fn without_an_invalidation_an_error_is_shared(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        let view = cow.with(&store);
        let (first, late) = (view.get(Item::by_id(1)), view.get(Item::by_id(1)));
        let late = a_read_after_the_cache_was_told((&cow, &store), first, async {}, late).await;
        assert_eq!(late.unwrap_err().fetch_error::<StoreDown>(), Some(&StoreDown));
        assert_eq!(store.fetches(), 1);
    }

    /// The store stays down: reads that may not share the error share that of the next load.
    async fn many_that_may_not_share_make_one_load_more(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        store.set_down(true);
        let gate = store.gate();
        let (first, late, ()) = tokio::join!(
            cow.with(&store).get(Item::by_id(1)),
            async {
                gate.arrived().await;
                invalidate(&cow).await;
                join_all((0..50).map(|_| cow.with(&store).get(Item::by_id(1)))).await
            },
            async {
                joined(&cow, "Item", 50).await;
                gate.open();
            },
        );
        assert!(first.is_err() && late.iter().all(Result::is_err));
        assert_eq!(store.fetches(), 2, "one before the invalidation, one after it for all");
    }
}
