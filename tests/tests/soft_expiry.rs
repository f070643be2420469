//! What is served past its time to live, or fetched anew before its end; and that an invalidation is
//! never softened.

use std::time::Duration;

use cachecow::protocol::Command;
use cachecow::{Builder, CacheCow, ErrorKind, Fill, Source};
use cachecow_tests::caches::Cache;
use cachecow_tests::clock::Clock;
use cachecow_tests::on_both_backends;
use cachecow_tests::store::{Item, Store};

const MINUTE: Duration = Duration::from_secs(60);
const TTL: Duration = Duration::from_secs(600);

fn builder(clock: &Clock) -> Builder {
    CacheCow::builder().clock(clock.reader()).ttl_jitter(0.0)
}

fn lenient(clock: &Clock) -> Builder {
    builder(clock).stale_if_error(6 * MINUTE)
}

async fn seen(cow: &CacheCow, store: &Store) -> (Option<u64>, Source, Fill) {
    let read = cow.with(store).read(Item::by_id(1)).await.unwrap();
    (read.value.map(|item| item.version), read.source, read.fill)
}

/// Makes the stored value one whose fetch took more than an hour, so that it is sure to be renewed
/// in its last millisecond, and moves the clock there.
async fn age(cache: &Cache, clock: &Clock) {
    make_fetch_take(cache, u32::MAX).await;
    clock.advance(TTL.saturating_sub(Duration::from_millis(1)));
}

/// Makes the stored value one whose fetch took so many microseconds.
async fn make_fetch_take(cache: &Cache, micros: u32) {
    let lookup = Item::by_id(1);
    let mut aged = cache.value(&lookup).await.expect("there is a value").to_vec();
    aged[21..25].copy_from_slice(&micros.to_be_bytes());
    cache.forge(&lookup, aged).await;
}

/// Reads until lookups come first: who asks for the claim at once renews nothing.
async fn warm_up(cow: &CacheCow, store: &Store) {
    for _ in 0..20 {
        cow.with(store).get(Item::by_id(1)).await.unwrap();
    }
}

on_both_backends! {
    async fn an_expired_object_serves_while_the_fetch_fails(cache) {
        let (clock, store) = (Clock::new(), Store::with_items(1));
        let cow = cache.open(lenient(&clock));
        warm_up(&cow, &store).await;
        clock.advance(TTL);
        store.bump(1);
        store.set_down(true);
        assert_eq!(seen(&cow, &store).await, (Some(1), Source::Stale, Fill::Skipped));
        assert!(cache.has(&Item::by_id(1)).await, "it is kept for the next");
        let all = cow.with(&store).get_many([1, 2, 1].map(Item::by_id)).await;
        assert_eq!(all.unwrap_err().kind(), ErrorKind::Fetch, "of an object that is not cached");
        let all = cow.with(&store).get_many([1, 1].map(Item::by_id)).await.unwrap();
        assert_eq!(all.len(), 2);
        let stats = cow.stats().of("Item");
        assert_eq!((stats.stale, stats.fetch_errors), (3, 4));

        store.set_down(false);
        assert_eq!(seen(&cow, &store).await, (Some(2), Source::Fetched, Fill::Stored));
        assert_eq!(seen(&cow, &store).await, (Some(2), Source::Cache, Fill::Skipped));
    }

    async fn not_beyond_its_window(cache) {
        let (clock, store) = (Clock::new(), Store::with_items(1));
        let (cow, strict) = (cache.open(lenient(&clock)), cache.open(builder(&clock)));
        warm_up(&cow, &store).await;
        store.set_down(true);
        clock.advance(TTL);
        let read = strict.with(&store).get(Item::by_id(1)).await;
        assert_eq!(read.unwrap_err().kind(), ErrorKind::Fetch, "the reader's setting counts");
        store.set_down(false);
        strict.with(&store).get(Item::by_id(1)).await.unwrap();
        cow.invalidate(Item::by_id(1)).await.unwrap();

        warm_up(&cow, &store).await;
        store.set_down(true);
        clock.advance(TTL + 6 * MINUTE);
        let read = cow.with(&store).get(Item::by_id(1)).await;
        assert_eq!(read.unwrap_err().kind(), ErrorKind::Fetch);
    }

    async fn an_absence_is_not_kept_beyond_its_time(cache) {
        let (clock, store) = (Clock::new(), Store::default());
        let cow = cache.open(lenient(&clock).negative_ttl(TTL));
        for _ in 0..20 {
            assert_eq!(seen(&cow, &store).await.0, None);
        }
        store.put(Item::new(1));
        clock.advance(TTL);
        assert_eq!(seen(&cow, &store).await.1, Source::Cache, "the cache itself ends it");
    }

    async fn an_invalidated_object_is_not_served_although_the_fetch_fails(cache) {
        let (clock, store) = (Clock::new(), Store::with_items(1));
        let cow = cache.open(lenient(&clock));
        warm_up(&cow, &store).await;
        clock.advance(TTL);
        store.set_down(true);
        // While the fetch that will fail is under way; with a caller that joins before, and one that
        // comes after.
        let gate = store.gate();
        let read = || async { cow.with(&store).read(Item::by_id(1)).await };
        let (first, joined, late) = tokio::join!(
            read(),
            async {
                gate.arrived().await;
                read().await
            },
            async {
                gate.arrived().await;
                while cow.stats().of("Item").joins == 0 {
                    tokio::task::yield_now().await;
                }
                cow.invalidate(Item::by_id(1)).await.unwrap();
                gate.open();
                read().await
            },
        );
        for read in [first, joined, late] {
            assert_eq!(read.unwrap_err().kind(), ErrorKind::Fetch);
        }
        assert_eq!(cow.stats().of("Item").stale, 0);
    }

    async fn those_who_wait_for_a_failing_fetch_share_what_is_left(cache) {
        let (clock, store) = (Clock::new(), Store::with_items(1));
        let cow = cache.open(lenient(&clock));
        warm_up(&cow, &store).await;
        clock.advance(TTL);
        store.set_down(true);
        let (gate, before) = (store.gate(), store.fetches());
        let (first, joined, ()) = tokio::join!(
            seen(&cow, &store),
            async {
                gate.arrived().await;
                seen(&cow, &store).await
            },
            async {
                while cow.stats().of("Item").joins == 0 {
                    tokio::task::yield_now().await;
                }
                gate.open();
            },
        );
        assert_eq!([first.1, joined.1], [Source::Stale; 2]);
        assert_eq!(store.fetches() - before, 1);
    }

    async fn an_expired_object_is_awaited_from_another_process(cache) {
        let (clock, store) = (Clock::new(), Store::with_items(1));
        let (one, other) = (
            cache.open(lenient(&clock)),
            cache.open(lenient(&clock).fill_wait(MINUTE)),
        );
        warm_up(&one, &store).await;
        warm_up(&other, &store).await;
        clock.advance(TTL);
        store.bump(1);
        let gate = store.gate();
        let (fetched, waited, ()) = tokio::join!(
            seen(&one, &store),
            async {
                gate.arrived().await;
                seen(&other, &store).await
            },
            async {
                while other.stats().of("Item").contended == 0 {
                    tokio::task::yield_now().await;
                }
                gate.open();
            },
        );
        assert_eq!(fetched, (Some(2), Source::Fetched, Fill::Stored));
        assert_eq!(waited, (Some(2), Source::Cache, Fill::Skipped));
    }

    async fn one_caller_renews_and_the_others_are_served(cache) {
        let (clock, store) = (Clock::new(), Store::with_items(1));
        let open = || cache.open(builder(&clock).refresh_ahead(true));
        let (cow, other) = (open(), open());
        warm_up(&cow, &store).await;
        warm_up(&other, &store).await;
        age(&cache, &clock).await;
        store.bump(1);
        let (gate, before) = (store.gate(), store.fetches());
        let (renewed, ()) = tokio::join!(seen(&cow, &store), async {
            gate.arrived().await;
            for another in [&cow, &other] {
                assert_eq!(seen(another, &store).await, (Some(1), Source::Cache, Fill::Skipped));
                let many = another.with(&store).get_many([Item::by_id(1)]).await.unwrap();
                assert_eq!(many[0].as_ref().unwrap().version, 1);
            }
            gate.open();
        });
        assert_eq!(renewed, (Some(2), Source::Fetched, Fill::Stored));
        assert_eq!(seen(&other, &store).await, (Some(2), Source::Cache, Fill::Skipped));
        assert_eq!(store.fetches() - before, 1);
    }

    async fn nothing_is_renewed_unless_asked_for(cache) {
        let (clock, store) = (Clock::new(), Store::with_items(1));
        let cow = cache.open(builder(&clock));
        let ahead = cache.open(builder(&clock).refresh_ahead(true));
        warm_up(&ahead, &store).await;
        warm_up(&cow, &store).await;
        age(&cache, &clock).await;
        store.bump(1);
        assert_eq!(seen(&cow, &store).await, (Some(1), Source::Cache, Fill::Skipped));
        assert_eq!(seen(&ahead, &store).await.1, Source::Fetched, "the control");
    }

    async fn an_invalidation_refuses_what_a_renewal_fetched(cache) {
        let (clock, store) = (Clock::new(), Store::with_items(1));
        let cow = cache.open(builder(&clock).refresh_ahead(true));
        warm_up(&cow, &store).await;
        age(&cache, &clock).await;
        let gate = store.gate();
        let (renewed, ()) = tokio::join!(seen(&cow, &store), async {
            gate.arrived().await;
            store.bump(1);
            cow.invalidate(Item::by_id(1)).await.unwrap();
            gate.open();
        });
        assert_eq!(renewed, (Some(1), Source::Fetched, Fill::Refused), "it asked before");
        assert_eq!(seen(&cow, &store).await, (Some(2), Source::Fetched, Fill::Stored));
    }

    async fn a_failed_renewal_costs_nobody_the_object(cache) {
        let (clock, store) = (Clock::new(), Store::with_items(1));
        let cow = cache.open(builder(&clock).refresh_ahead(true));
        warm_up(&cow, &store).await;
        age(&cache, &clock).await;
        store.set_down(true);
        assert_eq!(seen(&cow, &store).await, (Some(1), Source::Cache, Fill::Skipped));
        assert_eq!(cow.stats().of("Item").fetch_errors, 1);

        // Unless it was invalidated while the fetch was failing.
        let gate = store.gate();
        let (read, ()) = tokio::join!(cow.with(&store).read(Item::by_id(1)), async {
            gate.arrived().await;
            cow.invalidate(Item::by_id(1)).await.unwrap();
            gate.open();
        });
        assert_eq!(read.unwrap_err().kind(), ErrorKind::Fetch);
    }

    async fn an_object_that_is_gone_is_not_kept(cache) {
        let (clock, store) = (Clock::new(), Store::with_items(1));
        let cow = cache.open(lenient(&clock));
        warm_up(&cow, &store).await;
        clock.advance(TTL);
        store.remove(1);
        assert_eq!(seen(&cow, &store).await, (None, Source::Fetched, Fill::Skipped));
        assert!(!cache.has(&Item::by_id(1)).await);
        store.set_down(true);
        let read = cow.with(&store).get(Item::by_id(1)).await;
        assert_eq!(read.unwrap_err().kind(), ErrorKind::Fetch, "it does not come back");
    }

    async fn a_dropped_renewal_gives_its_right_back(cache) {
        let (clock, store) = (Clock::new(), Store::with_items(1));
        let cow = cache.open(builder(&clock).refresh_ahead(true));
        warm_up(&cow, &store).await;
        age(&cache, &clock).await;
        let gate = store.gate();
        tokio::select! {
            biased;
            _ = seen(&cow, &store) => panic!("it is held up"),
            () = gate.arrived() => {}
        }
        let lookup = Item::by_id(1);
        cache.ask(&lookup, Command::Invalidate).await;
        assert!(cache.flag_is_free(&lookup).await);
        assert_eq!(seen(&cow, &store).await, (Some(1), Source::Fetched, Fill::Stored));
    }

    async fn where_nothing_is_softened_clocks_do_not_matter(cache) {
        let (clock, ahead) = (Clock::new(), Clock::new());
        ahead.advance(1000 * TTL);
        let (cow, other) = (cache.open(builder(&clock)), cache.open(builder(&ahead)));
        let store = Store::with_items(1);
        warm_up(&cow, &store).await;
        assert_eq!(seen(&other, &store).await, (Some(1), Source::Cache, Fill::Skipped));
    }
}

/// So many of a number of reads fetched before they were over; the first that does renews the object.
async fn reads_until_renewed(cow: &CacheCow, store: &Store, most: usize) -> Option<usize> {
    for read in 1..=most {
        if seen(cow, store).await.1 == Source::Fetched {
            return Some(read);
        }
    }
    None
}

/// After a fetch of a second the chance is one in twenty at three seconds before the end, and none to
/// speak of at a minute.
#[tokio::test(start_paused = true)]
async fn the_longer_a_fetch_takes_the_earlier_it_begins() {
    let (cache, clock, store) = (Cache::memory(), Clock::new(), Store::with_items(1));
    let cow = cache.open(builder(&clock).refresh_ahead(true));
    warm_up(&cow, &store).await;
    make_fetch_take(&cache, 1_000_000).await;
    clock.advance(TTL.saturating_sub(MINUTE));
    assert_eq!(reads_until_renewed(&cow, &store, 1000).await, None);
    clock.advance(MINUTE.saturating_sub(Duration::from_secs(3)));
    assert!(reads_until_renewed(&cow, &store, 1000).await.is_some());

    make_fetch_take(&cache, 0).await;
    clock.advance(TTL.saturating_sub(Duration::from_millis(1)));
    assert_eq!(reads_until_renewed(&cow, &store, 1000).await, None, "it takes no time");
}

/// What keeps the renewal safe is its token: without it, what it fetched before a change lands after
/// it.
#[tokio::test]
async fn without_the_token_a_renewal_leaves_stale_data() {
    let (cache, clock, store) = (Cache::tokenless(), Clock::new(), Store::with_items(1));
    let open = || cache.open(builder(&clock).refresh_ahead(true));
    let (cow, other) = (open(), open());
    warm_up(&cow, &store).await;
    age(&cache, &clock).await;
    let (gate, of_other) = (store.gate(), store.gate());
    tokio::join!(
        seen(&cow, &store),
        async {
            gate.arrived().await;
            store.bump(1);
            other.invalidate(Item::by_id(1)).await.unwrap();
            seen(&other, &store).await
        },
        async {
            of_other.arrived().await;
            gate.open();
            while !cache.has(&Item::by_id(1)).await {
                tokio::task::yield_now().await;
            }
            of_other.open();
        },
    );
    let last = other.with(&store).get(Item::by_id(1)).await.unwrap().unwrap();
    assert_eq!(last.version, 1, "the control must find the stale read");
}
