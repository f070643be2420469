//! What a read can be asked for: to fetch anew, to store for another time or not at all, and to stay past the
//! cache.

use std::time::Duration;

use cachecow::protocol::Command;
use cachecow::{CacheCow, ErrorKind, Fill, Peek, ReadOptions, Source, View};
use cachecow_tests::backends::claims;
use cachecow_tests::caches::Cache;
use cachecow_tests::clock::Clock;
use cachecow_tests::members::{Member, Members};
use cachecow_tests::on_both_backends;
use cachecow_tests::seen::until_near;
use cachecow_tests::store::{Item, Store};

const MINUTE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

type Seen = (Option<u64>, Source, Fill);

async fn seen(view: View<'_, Store>) -> Seen {
    let read = view.read(Item::by_id(1)).await.unwrap();
    (read.value.map(|item| item.version), read.source, read.fill)
}

/// The version that readers are served.
async fn cached(cow: &CacheCow) -> Option<u64> {
    cow.peek(Item::by_id(1)).await.unwrap().object().map(|item| item.version)
}

fn is_lookup(command: &Command) -> bool {
    matches!(command, Command::Lookup)
}

on_both_backends! {
    async fn a_fresh_read_replaces_what_is_cached(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        let view = cow.with(&store);
        assert_eq!(seen(view).await, (Some(1), Source::Fetched, Fill::Stored));
        store.bump(1);
        assert_eq!(seen(view).await.0, Some(1), "the control: nobody invalidated it");
        assert_eq!(seen(view.fresh()).await, (Some(2), Source::Fetched, Fill::Stored));
        assert_eq!(seen(view).await, (Some(2), Source::Cache, Fill::Skipped));

        store.bump(1);
        let read = view.read_with(Item::by_id(1), ReadOptions::new().fresh()).await.unwrap();
        assert_eq!(read.value.unwrap().version, 3);
        store.bump(1);
        let items = view.fresh().get_many([1, 1].map(Item::by_id)).await.unwrap();
        assert_eq!(items[1].as_ref().unwrap().version, 4);
        assert_eq!(cached(&cow).await, Some(4));
        assert_eq!(cow.stats().of("Item").fills_stored, 4);
    }

    async fn a_fresh_read_stores_what_was_not_cached(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        assert_eq!(seen(cow.with(&store).fresh()).await.2, Fill::Stored);
        assert_eq!(cached(&cow).await, Some(1));
    }

    async fn a_fresh_read_by_an_alias_replaces_the_object(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        let view = cow.with(&store);
        for _ in 0..3 {
            view.get(Item::by_name("item 1")).await.unwrap();
        }
        store.bump(1);
        let (before, read) = (store.fetches(), view.fresh().read(Item::by_name("item 1")).await);
        let read = read.unwrap();
        assert_eq!((read.value.unwrap().version, read.fill), (2, Fill::Stored));
        assert_eq!(store.fetches() - before, 1, "both keys were claimed before");
        assert_eq!(cached(&cow).await, Some(2));
        let by_name = view.read(Item::by_name("item 1")).await.unwrap();
        assert_eq!((by_name.value.unwrap().version, by_name.source), (2, Source::Cache));
    }

    async fn a_fresh_read_of_an_object_with_tags_replaces_it(cache) {
        let (members, cow) = (Members::with(1), cache.open_default());
        let view = cow.with(&members);
        view.get(Member::by_id(1)).await.unwrap();
        members.bump();
        let read = view.fresh().read(Member::by_id(1)).await.unwrap();
        assert_eq!((read.value.unwrap().version, read.fill), (2, Fill::Stored));
        let read = view.read(Member::by_id(1)).await.unwrap();
        assert_eq!((read.value.unwrap().version, read.source), (2, Source::Cache));
    }

    async fn others_are_served_until_it_is_replaced(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        let view = cow.with(&store);
        seen(view).await;
        store.bump(1);
        let gate = store.gate();
        let (fresh, ()) = tokio::join!(seen(view.fresh()), async {
            gate.arrived().await;
            assert_eq!(cached(&cow).await, Some(1));
            gate.open();
        });
        assert_eq!(fresh, (Some(2), Source::Fetched, Fill::Stored));
    }

    async fn a_failed_fresh_read_is_an_error_and_leaves_the_object(cache) {
        let store = Store::with_items(1);
        let cow = cache.open(CacheCow::builder().stale_if_error(MINUTE));
        seen(cow.with(&store)).await;
        store.set_down(true);
        let read = cow.with(&store).fresh().get(Item::by_id(1)).await;
        assert_eq!(read.unwrap_err().kind(), ErrorKind::Fetch);
        assert_eq!(cached(&cow).await, Some(1));
        store.set_down(false);
        assert_eq!(seen(cow.with(&store).fresh()).await.2, Fill::Stored, "the claim was given back");
    }

    async fn a_fresh_read_removes_what_is_gone(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        seen(cow.with(&store)).await;
        store.remove(1);
        assert_eq!(seen(cow.with(&store).fresh()).await.0, None);
        assert_eq!(cow.peek(Item::by_id(1)).await.unwrap(), Peek::NotCached);
    }

    async fn a_fresh_read_waits_for_a_fetch_that_began_before_it_and_then_fetches(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        let (view, gate) = (cow.with(&store), store.gate());
        let (first, fresh, others, ()) = tokio::join!(
            seen(view),
            async {
                gate.arrived().await;
                store.bump(1);
                seen(view.fresh()).await
            },
            async {
                gate.arrived().await;
                tokio::join!(seen(view.fresh()), seen(view))
            },
            async {
                while cow.stats().of("Item").joins < 3 {
                    tokio::task::yield_now().await;
                }
                gate.open();
            },
        );
        assert_eq!(first.0, Some(1));
        assert_eq!((fresh.0, others.0.0), (Some(2), Some(2)));
        assert_eq!(others.1.0, Some(1), "the control: others share the fetch");
        assert_eq!(store.fetches(), 2, "fresh reads that wait share the next fetch");
        assert_eq!(cached(&cow).await, Some(2));
    }

    async fn an_invalidation_refuses_what_a_fresh_read_fetched(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        seen(cow.with(&store)).await;
        let gate = store.gate();
        let (fresh, ()) = tokio::join!(seen(cow.with(&store).fresh()), async {
            gate.arrived().await;
            store.bump(1);
            cow.invalidate(Item::by_id(1)).await.unwrap();
            gate.open();
        });
        assert_eq!(fresh, (Some(1), Source::Fetched, Fill::Refused), "it asked before");
        assert_eq!(seen(cow.with(&store)).await.0, Some(2));
    }

    async fn a_fresh_read_replaces_what_is_near(cache) {
        let store = Store::with_items(1);
        let cow = cache.open(CacheCow::builder().near(1 << 20));
        until_near(&cow, &store, [1]).await;
        store.bump(1);
        assert_eq!(seen(cow.with(&store)).await.1, Source::Near, "the control");
        assert_eq!(seen(cow.with(&store).fresh()).await.0, Some(2));
        assert_eq!(seen(cow.with(&store)).await.0, Some(2));
    }

    async fn a_read_stores_for_the_time_it_names(cache) {
        let (clock, store) = (Clock::new(), Store::with_items(1));
        let cow = cache.open(CacheCow::builder().clock(clock.reader()).ttl_jitter(0.0));
        let view = cow.with(&store);
        let expires_in = async || match cow.peek(Item::by_id(1)).await.unwrap() {
            Peek::Object { expires_in, .. } => expires_in,
            other => panic!("{other:?}"),
        };
        seen(view.ttl(MINUTE)).await;
        assert_eq!(expires_in().await, MINUTE);
        clock.advance(20 * SECOND);
        assert_eq!(expires_in().await, 40 * SECOND);
        assert_eq!(seen(view.ttl(5 * MINUTE)).await.1, Source::Cache);
        assert_eq!(expires_in().await, 40 * SECOND, "what is cached keeps its time");
        clock.advance(40 * SECOND);
        assert_eq!(seen(view).await.1, Source::Fetched);
        assert_eq!(expires_in().await, 10 * MINUTE, "the type's");
        seen(view.fresh().ttl(20 * MINUTE)).await;
        assert_eq!(expires_in().await, 20 * MINUTE);
    }

    async fn a_short_time_holds_in_the_near_tier_too(cache) {
        let (clock, store) = (Clock::new(), Store::with_items(1));
        let cow = cache.open(CacheCow::builder().clock(clock.reader()).near(1 << 20));
        until_near(&cow, &store, [1]).await;
        cow.with(&store).fresh().ttl(Duration::from_millis(1)).get(Item::by_id(1)).await.unwrap();
        clock.advance(SECOND);
        store.bump(1);
        assert_eq!(seen(cow.with(&store)).await.0, Some(2));
    }

    async fn no_time_is_no_store(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        let read = seen(cow.with(&store).ttl(Duration::from_micros(999))).await;
        assert_eq!(read, (Some(1), Source::Fetched, Fill::Skipped));
        assert!(!cache.script().log().iter().any(claims));
    }

    async fn an_absence_is_kept_no_longer_than_named_nor_than_its_own_time(cache) {
        let (clock, store) = (Clock::new(), Store::default());
        let builder = CacheCow::builder().clock(clock.reader()).ttl_jitter(0.0);
        let cow = cache.open(builder.negative_ttl(MINUTE));
        for (named, kept) in [(MINUTE / 2, MINUTE / 2), (5 * MINUTE, MINUTE)] {
            assert_eq!(seen(cow.with(&store).fresh().ttl(named)).await.0, None);
            let expected = Peek::Absent { expires_in: kept };
            assert_eq!(cow.peek(Item::by_id(1)).await.unwrap(), expected);
        }
    }

    async fn what_is_not_stored_claims_nothing_and_is_served_what_is_cached(cache) {
        let (store, cow) = (Store::with_items(2), cache.open_default());
        let view = cow.with(&store).no_store();
        assert_eq!(seen(view).await, (Some(1), Source::Fetched, Fill::Skipped));
        let items = view.get_many([1, 2].map(Item::by_id)).await.unwrap();
        assert!(items.iter().all(Option::is_some));
        view.get(Item::by_name("item 1")).await.unwrap();
        assert!(cache.script().log().iter().all(is_lookup), "nothing is claimed or stored");
        assert_eq!(cached(&cow).await, None);

        seen(cow.with(&store)).await;
        store.bump(1);
        assert_eq!(seen(view).await, (Some(1), Source::Cache, Fill::Skipped));
        let by_name = view.get(Item::by_name("item 1")).await.unwrap().unwrap();
        assert_eq!(by_name.version, 2, "where the alias leads is not cached");
        let items = view.get_many([1].map(Item::by_id)).await.unwrap();
        assert_eq!(items[0].as_ref().unwrap().version, 1);
    }

    async fn what_is_not_stored_joins_and_leads_no_load(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        let (view, gate) = (cow.with(&store), store.gate());
        let (unstored, stored) = tokio::join!(seen(view.no_store()), async {
            gate.arrived().await;
            let stored = seen(view).await;
            gate.open();
            stored
        });
        assert_eq!((unstored.2, stored.2), (Fill::Skipped, Fill::Stored));
        assert_eq!(cow.stats().of("Item").joins, 0);
    }

    async fn what_is_not_stored_is_served_stale_while_the_fetch_fails(cache) {
        let (clock, store) = (Clock::new(), Store::with_items(1));
        let cow = cache.open(CacheCow::builder().clock(clock.reader()).stale_if_error(MINUTE));
        seen(cow.with(&store)).await;
        clock.advance(10 * MINUTE);
        store.set_down(true);
        assert_eq!(seen(cow.with(&store).no_store()).await.1, Source::Stale);
    }

    async fn an_uncached_read_asks_the_cache_nothing(cache) {
        let (store, members) = (Store::with_items(2), Members::with(1));
        let cow = cache.open(CacheCow::builder().near(1 << 20));
        until_near(&cow, &store, [1]).await;
        cow.with(&store).get(Item::by_name("item 1")).await.unwrap();
        let before = (cache.script().log().len(), store.batches().len());
        store.bump(1);
        let view = cow.with(&store).uncached();
        assert_eq!(seen(view).await, (Some(2), Source::Fetched, Fill::Skipped));
        let by_name = view.get(Item::by_name("item 1")).await.unwrap().unwrap();
        assert_eq!(by_name.version, 2);
        let items = view.get_many([2, 1, 2].map(Item::by_id)).await.unwrap();
        assert_eq!(items[1].as_ref().unwrap().version, 2);
        let member = cow.with(&members).uncached().get(Member::by_id(1)).await.unwrap();
        assert!(member.is_some());
        assert_eq!(cache.script().log().len(), before.0);
        assert_eq!(store.batches()[before.1..], [vec![2, 1]], "one call of `fetch_many`");
        assert_eq!(seen(cow.with(&store)).await.1, Source::Near, "and changes nothing there");
    }
}

/// As inside of a write, whose hold keeps every reader from filling.
#[tokio::test]
async fn an_uncached_read_neither_waits_for_a_load_nor_for_a_writer() {
    let (cache, store) = (Cache::memory(), Store::with_items(1));
    let (cow, gate) = (cache.open_default(), store.gate());
    let (held_up, ()) = tokio::join!(seen(cow.with(&store)), async {
        gate.arrived().await;
        assert_eq!(seen(cow.with(&store).uncached()).await.0, Some(1));
        gate.open();
    });
    assert_eq!(held_up.2, Fill::Stored);
}
