//! Scopes: tenants share a cache, and nothing in it.

use std::sync::Arc;
use std::time::Duration;

use cachecow::protocol::Command;
use cachecow::{BackendErrorKind, Builder, CacheCow, ErrorKind, Fill, Lookup as _, Peek, Source};
use cachecow_tests::backends::Fate;
use cachecow_tests::caches::Cache;
use cachecow_tests::members::{Member, Members};
use cachecow_tests::on_both_backends;
use cachecow_tests::patient::patient;
use cachecow_tests::seen::until_near;
use cachecow_tests::store::{Item, Store, StoreDown};

/// Two tenants' databases, with other versions of the same items.
fn stores() -> (Store, Store) {
    let (one, other) = (Store::with_items(3), Store::with_items(3));
    (1..=3).for_each(|id| drop((0..9).map(|_| other.bump(id)).collect::<Vec<_>>()));
    (one, other)
}

/// The same of members.
fn members() -> (Members, Members) {
    let (one, other) = (Members::with(3), Members::with(3));
    other.change(|member| member.version = 10);
    (one, other)
}

async fn version(cow: &CacheCow, store: &Store, id: i64) -> u64 {
    cow.with(store).get(Item::by_id(id)).await.unwrap().unwrap().version
}

async fn source(cow: &CacheCow, store: &Store, id: i64) -> Source {
    cow.with(store).read(Item::by_id(id)).await.unwrap().source
}

/// A read that joins another tenant's load, if it can: what each gets.
async fn joined(
    one: &CacheCow,
    other: &CacheCow,
) -> (Result<u64, ErrorKind>, Result<u64, ErrorKind>) {
    let (store, its_store) = stores();
    let gate = store.gate();
    store.set_down(true);
    let read = async |cow: &CacheCow, store: &Store| {
        let read = cow.with(store).get(Item::by_id(1)).await;
        read.map(|item| item.unwrap().version).map_err(|error| error.kind())
    };
    let open = async {
        gate.arrived().await;
        // The other one waits for this load, or has ended.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        gate.open();
    };
    let second = async {
        gate.arrived().await;
        read(other, &its_store).await
    };
    let (first, second, ()) = tokio::join!(read(one, &store), second, open);
    (first, second)
}

on_both_backends! {
    /// The control: why there are scopes.
    async fn without_scopes_one_tenant_is_given_the_other_s_object(cache) {
        let (cow, (one, other)) = (cache.open_default(), stores());
        assert_eq!(version(&cow, &one, 1).await, 1);
        assert_eq!(version(&cow, &other, 1).await, 1, "and not 10");
        let cow = cache.open_default().scoped("same");
        assert_eq!((version(&cow, &one, 1).await, version(&cow, &other, 1).await), (1, 1));
    }

    async fn each_scope_has_its_own_objects(cache) {
        let (cow, (one, other)) = (cache.open_default(), stores());
        let (a, b) = (cow.scoped("a"), cow.scoped("b"));
        for _ in 0..3 {
            assert_eq!(version(&a, &one, 1).await, 1);
            assert_eq!(version(&b, &other, 1).await, 10);
        }
        assert_eq!((one.fetches(), other.fetches()), (1, 1), "each is cached");
        assert_eq!(source(&cow, &one, 1).await, Source::Fetched, "the unscoped one is another");
    }

    async fn processes_agree_and_names_are_typed(cache) {
        let (one, _) = stores();
        assert_eq!(version(&cache.open_default().scoped(7), &one, 1).await, 1);
        let again = cache.open_default();
        assert_eq!(source(&again.scoped(7_u8), &one, 1).await, Source::Cache);
        let others = [again.scoped("7"), again.scoped(8), again.scoped(7).scoped(7), again.clone()];
        for other in others {
            assert_eq!(source(&other, &one, 1).await, Source::Fetched);
        }
        let nested = again.scoped("eu").scoped(7);
        assert_eq!(source(&nested, &one, 1).await, Source::Fetched);
        assert_eq!(source(&cache.open_default().scoped("eu").scoped(7), &one, 1).await, Source::Cache);
    }

    async fn nobody_joins_another_scope_s_load(cache) {
        let cow = cache.open_default();
        let (first, second) = joined(&cow.scoped("a"), &cow.scoped("b")).await;
        assert_eq!((first, second), (Err(ErrorKind::Fetch), Ok(10)));
        // The control: without scopes, the other tenant's error is everybody's.
        let (first, second) = joined(&cow, &cow).await;
        assert_eq!((first, second), (Err(ErrorKind::Fetch), Err(ErrorKind::Fetch)));
    }

    async fn an_invalidation_is_of_its_scope(cache) {
        let (cow, (one, other)) = (cache.open_default(), stores());
        let (a, b) = (cow.scoped("a"), cow.scoped("b"));
        for way in 0..5 {
            for _ in 0..2 {
                version(&a, &one, 1).await;
                version(&b, &other, 1).await;
                version(&cow, &one, 1).await;
            }
            match way {
                0 => a.invalidate(Item::by_id(1)).await.unwrap(),
                1 => a.invalidate_many([Item::by_id(1)]).await.unwrap(),
                2 => a.invalidate_object(&Item::new(1)).await.unwrap(),
                3 => a.invalidate(Item::by_id(1).key().key()).await.unwrap(),
                _ => a.write(Item::by_id(1), async { Ok::<_, StoreDown>(()) }).await.unwrap(),
            }
            assert_eq!(source(&b, &other, 1).await, Source::Cache, "{way}");
            assert_eq!(source(&cow, &one, 1).await, Source::Cache, "{way}");
            assert_eq!(source(&a, &one, 1).await, Source::Fetched, "{way}");
        }
    }

    async fn aliases_lead_within_their_scope(cache) {
        let (cow, (one, other)) = (cache.open_default(), stores());
        let (a, b) = (cow.scoped("a"), cow.scoped("b"));
        // In three rounds: fetched, by the pointer, and by the hint.
        for round in 0..3 {
            for (cow, store, expected) in [(&a, &one, 1), (&b, &other, 10)] {
                let item = cow.with(store).get(Item::by_name("item 1")).await.unwrap().unwrap();
                assert_eq!(item.version, expected, "{round}");
            }
        }
        assert_eq!(source(&a, &one, 1).await, Source::Cache, "under its primary key");
        // Another process has no hint.
        let (a, b) = (cache.open_default().scoped("a"), cache.open_default().scoped("b"));
        for (cow, store, expected) in [(&a, &one, 1), (&b, &other, 10)] {
            let read = cow.with(store).read(Item::by_name("item 1")).await.unwrap();
            assert_eq!((read.source, read.value.unwrap().version), (Source::Cache, expected));
        }
        b.invalidate(Item::by_id(1)).await.unwrap();
        let view = a.with(&one);
        assert_eq!(view.read(Item::by_name("item 1")).await.unwrap().source, Source::Cache);
        let view = b.with(&other);
        assert_eq!(view.read(Item::by_name("item 1")).await.unwrap().source, Source::Fetched);
    }

    async fn absence_is_of_its_scope(cache) {
        let builder = || CacheCow::builder().negative_ttl(Duration::from_secs(60)).near(1 << 20);
        let cow = cache.open(builder());
        let (a, b, none, some) = (cow.scoped("a"), cow.scoped("b"), Store::with_items(0), Store::with_items(1));
        for _ in 0..3 {
            assert!(a.with(&none).get(Item::by_id(1)).await.unwrap().is_none());
            assert!(a.with(&none).get(Item::by_name("item 1")).await.unwrap().is_none());
            assert_eq!(version(&b, &some, 1).await, 1);
            assert!(b.with(&some).get(Item::by_name("item 1")).await.unwrap().is_some());
        }
        let fetches = (none.fetches(), some.fetches());
        assert!(a.with(&none).get(Item::by_id(1)).await.unwrap().is_none());
        assert!(a.with(&none).get(Item::by_name("item 1")).await.unwrap().is_none());
        assert_eq!(version(&b, &some, 1).await, 1);
        assert_eq!((none.fetches(), some.fetches()), fetches, "both are cached");
        assert!(matches!(a.peek(Item::by_id(1)).await.unwrap(), Peek::Absent { .. }));
        assert!(matches!(b.peek(Item::by_id(1)).await.unwrap(), Peek::Object { .. }));
        assert!(matches!(b.peek(Item::by_name("item 1")).await.unwrap(), Peek::Object { .. }));
        assert!(matches!(cow.peek(Item::by_id(1)).await.unwrap(), Peek::NotCached));
    }

    async fn tags_are_of_their_scope(cache) {
        let (cow, (one, other)) = (cache.open_default(), members());
        let (a, b) = (cow.scoped("a"), cow.scoped("b"));
        let read = async |cow: &CacheCow, members: &Members| {
            let read = cow.with(members).read(Member::by_id(1)).await.unwrap();
            (read.source, read.value.unwrap().version)
        };
        for source in [Source::Fetched, Source::Cache, Source::Cache] {
            assert_eq!(read(&a, &one).await, (source, 1));
            assert_eq!(read(&b, &other).await, (source, 10));
        }
        one.bump();
        other.bump();
        a.invalidate_tag(Member::tag_org(1)).await.unwrap();
        assert_eq!(read(&a, &one).await, (Source::Fetched, 2));
        assert_eq!(read(&b, &other).await, (Source::Cache, 10), "the other's group is not touched");
        // A write of the tag holds the type of its own scope alone.
        b.write(Member::tag_org(1), async {
            assert_eq!(read(&a, &one).await, (Source::Cache, 2));
            a.invalidate(Member::by_id(1)).await.unwrap();
            let read = a.with(&one).read(Member::by_id(1)).await.unwrap();
            assert_eq!(read.fill, Fill::Stored);
            Ok::<_, StoreDown>(())
        }).await.unwrap();
        assert_eq!(read(&b, &other).await, (Source::Fetched, 11));
    }

    async fn batches_are_of_their_scope(cache) {
        let (cow, (one, other)) = (cache.open_default(), stores());
        for _ in 0..2 {
            for (cow, store, expected) in [(cow.scoped("a"), &one, 1), (cow.scoped("b"), &other, 10)] {
                let items = cow.with(store).get_many([1, 2, 1].map(Item::by_id)).await.unwrap();
                let versions: Vec<_> = items.into_iter().map(|item| item.unwrap().version).collect();
                assert_eq!(versions, [expected; 3]);
                let names = ["item 1", "item 3"].map(Item::by_name);
                let items = cow.with(store).get_many(names).await.unwrap();
                assert!(items.into_iter().all(|item| item.unwrap().version == expected));
            }
        }
        assert_eq!(one.batches(), other.batches());
        assert_eq!(one.batches().len(), 1, "what fetch_many brought is stored where it is found");
    }

    async fn what_is_near_is_of_its_scope(cache) {
        let (cow, (one, other)) = (cache.open(patient().near(1 << 20).near_lag(Duration::from_secs(20))), stores());
        let (a, b) = (cow.scoped("a"), cow.scoped("b"));
        until_near(&a, &one, [1]).await;
        assert_eq!(source(&b, &other, 1).await, Source::Fetched);
        until_near(&b, &other, [1]).await;
        assert_eq!((version(&a, &one, 1).await, version(&b, &other, 1).await), (1, 10));
        b.invalidate(Item::by_id(1)).await.unwrap();
        assert_eq!(source(&a, &one, 1).await, Source::Near);
        assert_eq!(source(&b, &other, 1).await, Source::Fetched);
        // Another process's news reaches the scope that it is of.
        until_near(&b, &other, [1]).await;
        one.bump(1);
        cache.open_default().scoped("a").invalidate(Item::by_id(1)).await.unwrap();
        while version(&a, &one, 1).await == 1 {
            tokio::task::yield_now().await;
        }
        assert_eq!(source(&b, &other, 1).await, Source::Near);
    }

    async fn what_is_outstanding_is_of_its_scope(cache) {
        let (cow, (one, other)) = (cache.open_default(), stores());
        let (a, b) = (cow.scoped("a"), cow.scoped("b"));
        version(&a, &one, 1).await;
        version(&b, &other, 1).await;
        one.bump(1);
        let invalidates = |command: &Command| *command == Command::Invalidate;
        cache.script().next(invalidates, Fate::Fail(BackendErrorKind::Rejected));
        a.invalidate(Item::by_id(1)).await.unwrap_err();
        assert_eq!(source(&b, &other, 1).await, Source::Cache);
        assert_eq!(version(&a, &one, 1).await, 2, "past the cache, until it is told");
        cache.until_nothing_is_pending(&cow).await;
        assert_eq!(version(&cache.open_default().scoped("a"), &one, 1).await, 2);
    }

    async fn a_write_holds_and_stores_in_its_scope(cache) {
        let (cow, (one, other)) = (cache.open_default(), stores());
        let (a, b) = (cow.scoped("a"), cow.scoped("b"));
        version(&b, &other, 1).await;
        let written = a.write(Item::by_id(1), async {
            assert_eq!(source(&b, &other, 1).await, Source::Cache);
            assert_eq!(source(&a, &one, 1).await, Source::Fetched);
            b.invalidate(Item::by_id(1)).await.unwrap();
            assert_eq!(b.with(&other).read(Item::by_id(1)).await.unwrap().fill, Fill::Stored);
            Ok::<_, StoreDown>(one.bump(1))
        });
        let written = written.storing(|item| Some(item)).outcome().await;
        assert_eq!(written.stored, Fill::Stored, "nobody else was there");
        assert_eq!((source(&a, &one, 1).await, version(&a, &one, 1).await), (Source::Cache, 2));
        assert_eq!((source(&b, &other, 1).await, version(&b, &other, 1).await), (Source::Cache, 10));
        a.write((), async { Ok::<_, StoreDown>(1) }).invalidating(|id| Item::by_id(*id)).await.unwrap();
        assert_eq!(source(&a, &one, 1).await, Source::Fetched);
        assert_eq!(source(&b, &other, 1).await, Source::Cache);
    }

    async fn a_written_object_with_tags_is_stored_in_its_scope(cache) {
        let (cow, (one, other)) = (cache.open_default(), members());
        let (a, b) = (cow.scoped("a"), cow.scoped("b"));
        b.with(&other).get(Member::by_id(1)).await.unwrap();
        let member = Member { id: 1, org: 1, team: "b".into(), version: 5 };
        let written = a.write(Member::by_id(1), async { Ok::<_, StoreDown>(member) });
        assert_eq!(written.storing(|member| Some(member)).outcome().await.stored, Fill::Stored);
        let read = a.with(&one).read(Member::by_id(1)).await.unwrap();
        assert_eq!((read.source, read.value.unwrap().version), (Source::Cache, 5));
        let read = b.with(&other).read(Member::by_id(1)).await.unwrap();
        assert_eq!((read.source, read.value.unwrap().version), (Source::Cache, 10));
        a.invalidate_tag(Member::tag_org(1)).await.unwrap();
        assert_eq!(a.with(&one).read(Member::by_id(1)).await.unwrap().source, Source::Fetched);
        assert_eq!(b.with(&other).read(Member::by_id(1)).await.unwrap().source, Source::Cache);
    }

    async fn loads_that_outlive_their_callers_are_of_their_scope(cache) {
        let (cow, (one, other)) = (cache.open_default(), stores());
        let (one, other) = (Arc::new(one), Arc::new(other));
        for _ in 0..2 {
            for (cow, store, expected) in [(cow.scoped("a"), &one, 1), (cow.scoped("b"), &other, 10)] {
                let view = cow.with_shared(store);
                assert_eq!(view.get(Item::by_id(1)).await.unwrap().unwrap().version, expected);
                let item = view.get(Item::by_name("item 2")).await.unwrap().unwrap();
                assert_eq!(item.version, expected);
                let items = view.get_many([1, 2, 3].map(Item::by_id)).await.unwrap();
                assert!(items.into_iter().all(|item| item.unwrap().version == expected));
                assert!(matches!(view.peek(Item::by_id(3)).await.unwrap(), Peek::Object { .. }));
            }
        }
    }

    /// An auditor that has one tenant's database takes no other's objects for stale.
    async fn an_auditor_is_of_its_scope(cache) {
        let (cow, (one, other)) = (cache.open_default(), stores());
        let (a, b, one) = (cow.scoped("a"), cow.scoped("b"), Arc::new(one));
        version(&a, &one, 1).await;
        version(&b, &other, 1).await;
        let auditor = a.auditor().context(Arc::clone(&one)).one_in(1).grace(Duration::from_millis(1));
        let _run = tokio::spawn(auditor.repair().run());
        assert_eq!(source(&b, &other, 1).await, Source::Cache);
        one.bump(1);
        assert_eq!(source(&a, &one, 1).await, Source::Cache);
        let stats = cachecow_tests::seen::audited_of(&cow, "Item", 1).await;
        assert_eq!((stats.audited, stats.confirmed_stale), (1, 1));
        while version(&a, &one, 1).await == 1 {
            tokio::task::yield_now().await;
        }
        assert_eq!(version(&b, &other, 1).await, 10);
    }

    /// What tools see: the name of a scope's key, which `Scope` tells.
    async fn keys_have_their_words_and_another_hash(cache) {
        let (cow, (one, _)) = (cache.open_default(), stores());
        let a = cow.scoped("a");
        version(&a, &one, 1).await;
        let key = Item::by_id(1).key().key();
        let scoped = a.scope().key(key);
        assert_ne!(scoped, key);
        assert!(scoped.to_string().starts_with("item:"), "{scoped}");
        let there = |reply| matches!(reply, cachecow::protocol::Reply::Value(_));
        assert!(there(cache.ask_key(scoped, Command::Lookup).await));
        assert!(!there(cache.ask_key(key, Command::Lookup).await));
        assert_eq!(cow.scope(), cachecow::Scope::default());
    }
}

/// Ten thousand handles leave nothing behind, and ask the cache nothing.
#[tokio::test]
async fn a_handle_is_cheap() {
    let cache = Cache::memory();
    let cow = cache.open(Builder::default());
    for tenant in 0..10_000 {
        drop(cow.scoped(tenant));
    }
    assert_eq!(cache.script().log(), []);
}
