//! Aliases: an object is stored once, under its primary key, and an alias leads there.

use std::time::Duration;

use cachecow::protocol::{Command, Reply, Token};
use cachecow::{BackendErrorKind, CacheCow, Cached, ErrorKind, Fill, Lookup, Source};
use cachecow_tests::backends::{Fate, Which};
use cachecow_tests::caches::Cache;
use cachecow_tests::clock::Clock;
use cachecow_tests::on_both_backends;
use cachecow_tests::seen::{by_id, by_name};
use cachecow_tests::store::{Item, Store, StoreDown};
use serde::{Deserialize, Serialize};

/// How long the header of a document is; what follows it tells a pointer.
const HEADER: usize = 30;
const MINUTE: Duration = Duration::from_secs(60);

fn named(id: i64, name: &str, version: u64) -> Item {
    Item { id, name: name.to_owned(), version }
}

async fn both_flags_are_free(cache: &Cache, id: i64, name: &str) {
    // What a cancelled load gives back is on its way.
    while !(cache.flag_is_free(&Item::by_id(id)).await
        && cache.flag_is_free(&Item::by_name(name)).await)
    {
        tokio::task::yield_now().await;
    }
}

on_both_backends! {
    async fn an_object_is_stored_once(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        let read = cow.with(&store).read(Item::by_name("item 1")).await.unwrap();
        assert_eq!((read.source, read.fill), (Source::Fetched, Fill::Stored));
        let object = cache.value(&Item::by_id(1)).await.unwrap();
        let pointer = cache.value(&Item::by_name("item 1")).await.unwrap();
        assert_eq!((object[0], pointer[0], pointer[HEADER]), (0x96, 0x97, 0xc3));
        assert!(pointer.ends_with(Item::by_id(1).key().as_bytes()));
        assert!(!pointer.windows(7).any(|bytes| bytes == b"version"), "no object");
        if let Some(server) = &cache.server {
            let mut look = server.connection().await;
            let keys: Vec<String> =
                redis::cmd("KEYS").arg("*").query_async(&mut look).await.unwrap();
            assert_eq!(keys.len(), 2, "{keys:?}");
        }
    }

    async fn once_loaded_by_an_alias_it_is_found_by_every_key(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        assert_eq!(by_name(&cow, &store, "item 1").await, Some(Item::new(1)));
        assert_eq!(store.fetches(), 2, "the first came before the claim of the primary key");
        for _ in 0..40 {
            let read = cow.with(&store).read(Item::by_name("item 1")).await.unwrap();
            assert_eq!((read.value.as_deref(), read.source), (Some(&Item::new(1)), Source::Cache));
            let read = cow.with(&store).read(Item::by_id(1)).await.unwrap();
            assert_eq!((read.value.as_deref(), read.source), (Some(&Item::new(1)), Source::Cache));
        }
        assert_eq!(store.fetches(), 2);
        let stats = cow.stats().of("Item");
        assert_eq!((stats.hits, stats.misses, stats.fills_stored), (80, 1, 1));
    }

    async fn what_is_cached_by_its_primary_key_is_linked_by_one_fetch(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        by_id(&cow, &store, 1).await;
        let before = cache.value(&Item::by_id(1)).await;
        let read = cow.with(&store).read(Item::by_name("item 1")).await.unwrap();
        assert_eq!((read.source, read.fill, store.fetches()), (Source::Fetched, Fill::Stored, 2));
        assert_eq!(cache.value(&Item::by_id(1)).await, before, "it is left as it is");
        let read = cow.with(&store).read(Item::by_name("item 1")).await.unwrap();
        assert_eq!((read.source, store.fetches()), (Source::Cache, 2));
        cow.invalidate_object(&Item::new(1)).await.unwrap();
        both_flags_are_free(&cache, 1, "item 1").await;
    }

    async fn where_only_the_object_is_gone_it_is_fetched_once(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        by_name(&cow, &store, "item 1").await;
        cow.invalidate(Item::by_id(1)).await.unwrap();
        assert!(cache.has(&Item::by_name("item 1")).await, "the pointer is of another key");
        store.bump(1);
        let before = store.fetches();
        let read = cow.with(&store).read(Item::by_name("item 1")).await.unwrap();
        assert_eq!((read.value.unwrap().version, read.fill), (2, Fill::Stored));
        assert_eq!(store.fetches(), before + 1);
        assert_eq!(by_id(&cow, &store, 1).await.unwrap().version, 2);
        assert_eq!(store.fetches(), before + 1);
    }

    async fn batches_of_aliases(cache) {
        let (store, cow) = (Store::with_items(6), cache.open_default());
        by_id(&cow, &store, 1).await;
        by_name(&cow, &store, "item 2").await;
        by_name(&cow, &store, "item 3").await;
        cow.invalidate(Item::by_id(3)).await.unwrap();
        let names = ["item 4", "item 1", "nobody", "item 2", "item 4", "item 3", "nobody", "item 5"];
        let ids = [Some(4), Some(1), None, Some(2), Some(4), Some(3), None, Some(5)];
        for round in 0..40 {
            let found = cow.with(&store).get_many(names.map(Item::by_name)).await.unwrap();
            let found: Vec<_> = found.iter().map(|item| item.as_ref().map(|item| item.id)).collect();
            assert_eq!(found, ids, "round {round}");
        }
        let before = store.fetches();
        cow.with(&store).get_many((1..=5).map(Item::by_id)).await.unwrap();
        assert_eq!(store.fetches(), before, "each is cached under its primary key");
        let none: [&str; 0] = [];
        assert!(cow.with(&store).get_many(none.map(Item::by_name)).await.unwrap().is_empty());
    }

    async fn a_long_batch_of_aliases(cache) {
        let (store, cow) = (Store::with_items(1500), cache.open_default());
        let names: Vec<String> = (1..=1500).map(|id| format!("item {id}")).collect();
        for _ in 0..2 {
            let items = cow.with(&store).get_many(names.iter().map(Item::by_name)).await.unwrap();
            assert!((1..).zip(&items).all(|(id, item)| item.as_ref().unwrap().id == id));
        }
        assert_eq!(store.fetches(), 3000);
    }

    async fn a_batch_by_alias_calls_fetch_many(cache) {
        let cow = cache.open_default();
        for _ in 0..2 {
            let found = cow.get_many([3, 4, 3, 0].map(Pair::by_b)).await.unwrap();
            let found: Vec<_> = found.iter().map(|pair| pair.as_ref().map(|pair| pair.a)).collect();
            assert_eq!(found, [Some(6), Some(8), Some(6), None]);
        }
        assert!(cache.has(&Pair::by_a(6)).await && cache.has(&Pair::by_b(4)).await);
    }

    async fn many_callers_make_one_load(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        let gate = store.gate();
        let reads = (0..100).map(|_| cow.with(&store).read(Item::by_name("item 1")));
        let (reads, ()) = tokio::join!(futures_util::future::join_all(reads), async {
            gate.arrived().await;
            gate.open();
        });
        assert!(reads.iter().all(|read| read.as_ref().unwrap().value.is_some()));
        assert_eq!((store.fetches(), cow.stats().of("Item").joins), (2, 99));
    }

    async fn readers_by_both_keys_agree(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        let view = cow.with(&store);
        let by_name = (0..20).map(|_| view.get(Item::by_name("item 1")));
        let by_id = (0..20).map(|_| view.get(Item::by_id(1)));
        let (by_name, by_id) = tokio::join!(
            futures_util::future::join_all(by_name),
            futures_util::future::join_all(by_id),
        );
        assert!(by_name.into_iter().all(|item| *item.unwrap().unwrap() == Item::new(1)));
        assert!(by_id.into_iter().all(|item| *item.unwrap().unwrap() == Item::new(1)));
        both_keys_lead_to(&cow, &store, 1).await;
    }

    async fn a_changed_alias_is_never_served_to_the_wrong_key(cache) {
        for telling in [Telling::Write, Telling::Object, Telling::Id, Telling::OldName] {
            let store = Store::default();
            let cow = cache.open_default();
            let (old, new) = (named(42, "a", 1), named(42, "b", 2));
            store.put(old.clone());
            let other = cache.open_default();
            for cow in [&cow, &other] {
                assert_eq!(by_name(cow, &store, "a").await, Some(old.clone()));
                assert_eq!(by_id(cow, &store, 42).await, Some(old.clone()));
            }
            telling.tell(&cow, &old, &new, || store.put(new.clone())).await;
            for cow in [&other, &cow] {
                assert_eq!(by_name(cow, &store, "a").await, None, "{telling:?}");
                assert_eq!(by_name(cow, &store, "b").await, Some(new.clone()), "{telling:?}");
                if telling != Telling::OldName {
                    assert_eq!(by_id(cow, &store, 42).await, Some(new.clone()), "{telling:?}");
                }
            }
            // Somebody else takes the name.
            let owner = named(43, "a", 1);
            store.put(owner.clone());
            for cow in [&cow, &other] {
                assert_eq!(by_name(cow, &store, "a").await, Some(owner.clone()), "{telling:?}");
                assert_eq!(by_name(cow, &store, "b").await, Some(new.clone()), "{telling:?}");
                assert_eq!(by_id(cow, &store, 43).await, Some(owner.clone()), "{telling:?}");
            }
            cow.invalidate_many([&old, &new, &owner]).await.unwrap();
        }
    }

    async fn names_that_are_swapped(cache) {
        for telling in [Telling::Write, Telling::Object, Telling::Id, Telling::OldName] {
            let (store, cow) = (Store::default(), cache.open_default());
            let before = [named(42, "a", 1), named(43, "b", 1)];
            let after = [named(42, "b", 2), named(43, "a", 2)];
            before.iter().for_each(|item| store.put(item.clone()));
            for name in ["a", "b"] {
                by_name(&cow, &store, name).await;
            }
            let all = (before.clone(), after.clone());
            match telling {
                Telling::Write => {
                    let work = async {
                        after.iter().for_each(|item| store.put(item.clone()));
                        Ok::<_, cachecow::Error>(())
                    };
                    cow.write(&all, work).await.unwrap();
                }
                _ => for (old, new) in before.iter().zip(&after) {
                    after.iter().for_each(|item| store.put(item.clone()));
                    telling.tell(&cow, old, new, || ()).await;
                }
            }
            let found = cow.with(&store).get_many(["a", "b"].map(Item::by_name)).await.unwrap();
            let found: Vec<_> = found.into_iter().map(|item| (*item.unwrap()).clone()).collect();
            assert_eq!(found, [after[1].clone(), after[0].clone()], "{telling:?}");
            assert_eq!(by_id(&cow, &store, 42).await, Some(after[0].clone()), "{telling:?}");
            assert_eq!(by_id(&cow, &store, 43).await, Some(after[1].clone()), "{telling:?}");
            cow.invalidate_many([all]).await.unwrap();
        }
    }

    async fn without_any_invalidation_the_wrong_object_is_still_not_served(cache) {
        // What is old may be served; what is of another name may not.
        let (store, cow) = (Store::default(), cache.open_default());
        store.put(named(42, "a", 1));
        store.put(named(43, "b", 1));
        by_name(&cow, &store, "a").await;
        store.put(named(42, "b", 2));
        store.put(named(43, "a", 2));
        // The old 42, under its old name.
        assert_eq!(by_name(&cow, &store, "a").await, Some(named(42, "a", 1)));
        // Its new name leads to it anew.
        assert_eq!(by_name(&cow, &store, "b").await, Some(named(42, "b", 2)));
        assert_eq!(by_name(&cow, &store, "a").await, Some(named(43, "a", 2)));
        assert_eq!(by_id(&cow, &store, 42).await, Some(named(42, "b", 2)));
    }

    async fn an_invalidation_of_the_alias_alone_holds_for_the_alias(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        by_name(&cow, &store, "item 1").await;
        store.bump(1);
        cow.invalidate(Item::by_name("item 1")).await.unwrap();
        assert_eq!(by_name(&cow, &store, "item 1").await.unwrap().version, 2);
        assert_eq!(by_id(&cow, &store, 1).await.unwrap().version, 2, "it took the old one's place");
    }

    async fn absence_is_remembered_under_the_alias(cache) {
        let builder = || CacheCow::builder().negative_ttl(MINUTE);
        let (store, cow) = (Store::default(), cache.open(builder()));
        let read = cow.with(&store).read(Item::by_name("a")).await.unwrap();
        assert_eq!((read.value, read.fill), (None, Fill::Stored));
        let read = cow.with(&store).read(Item::by_name("a")).await.unwrap();
        assert_eq!((read.value, read.source, store.fetches()), (None, Source::Cache, 1));
        let item = named(42, "a", 1);
        store.put(item.clone());
        cow.invalidate_object(&item).await.unwrap();
        assert_eq!(by_name(&cow, &store, "a").await, Some(item.clone()));
        // Deleted, and only its id is told.
        store.remove(42);
        cow.invalidate(Item::by_id(42)).await.unwrap();
        assert_eq!(by_id(&cow, &store, 42).await, None);
        assert_eq!(by_name(&cow, &store, "a").await, None);
        let fetches = store.fetches();
        assert_eq!(by_name(&cow, &store, "a").await, None);
        assert_eq!(store.fetches(), fetches, "its absence took the pointer's place");
        assert_eq!(cow.stats().of("Item").decode_failures, 0, "that it is gone is no damage");
    }

    async fn an_absent_object_without_negative_caching_stores_nothing(cache) {
        let (store, cow) = (Store::default(), cache.open_default());
        for fetches in 1..=2 {
            let read = cow.with(&store).read(Item::by_name("a")).await.unwrap();
            assert_eq!((read.value, read.fill, store.fetches()), (None, Fill::Skipped, fetches));
            assert!(cache.flag_is_free(&Item::by_name("a")).await);
        }
    }

    async fn a_failed_fetch_frees_both_flags(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        store.set_down(true);
        let error = cow.with(&store).get(Item::by_name("item 1")).await.unwrap_err();
        assert_eq!(error.fetch_error::<StoreDown>(), Some(&StoreDown));
        both_flags_are_free(&cache, 1, "item 1").await;
        // The second fetch of a load.
        store.set_down(false);
        let (of_first, of_second) = (store.gate(), store.gate());
        let (read, ()) = tokio::join!(cow.with(&store).get(Item::by_name("item 1")), async {
            of_first.arrived().await;
            store.set_down(true);
            of_first.open();
            of_second.arrived().await;
            of_second.open();
        });
        assert_eq!(read.unwrap_err().kind(), ErrorKind::Fetch);
        both_flags_are_free(&cache, 1, "item 1").await;
        // And the one under a pointer that leads to nothing.
        store.set_down(false);
        by_name(&cow, &store, "item 1").await;
        cow.invalidate(Item::by_id(1)).await.unwrap();
        store.set_down(true);
        cow.with(&store).get(Item::by_name("item 1")).await.unwrap_err();
        both_flags_are_free(&cache, 1, "item 1").await;
    }

    async fn during_a_write_an_alias_is_fetched_and_not_stored(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        by_name(&cow, &store, "item 1").await;
        for keys in [0, 1, 2] {
            let work = async {
                let before = store.fetches();
                let read = cow.with(&store).read(Item::by_name("item 1")).await.unwrap();
                assert_eq!((read.source, read.fill), (Source::Fetched, Fill::Skipped), "{keys}");
                assert_eq!(store.fetches(), before + 1);
                store.bump(1);
                Ok::<_, cachecow::Error>(())
            };
            match keys {
                0 => cow.write(Item::new(1), work).await.unwrap(),
                1 => cow.write(Item::by_id(1), work).await.unwrap(),
                _ => cow.write(Item::by_name("item 1"), work).await.unwrap(),
            }
            let stored = store.find(1).await.unwrap();
            assert_eq!(by_name(&cow, &store, "item 1").await, stored, "{keys}");
        }
    }

    async fn a_lease_of_the_primary_key_is_respected(cache) {
        let (store, cow) = (Store::with_items(1), cache.open(CacheCow::builder().fill_wait(Duration::ZERO)));
        let token = cache.take_flag(&Item::by_id(1)).await;
        let read = cow.with(&store).read(Item::by_name("item 1")).await.unwrap();
        assert_eq!((read.value.unwrap().version, read.fill), (1, Fill::Skipped));
        assert_eq!(store.fetches(), 1, "a second would be of no use");
        while !cache.flag_is_free(&Item::by_name("item 1")).await {
            tokio::task::yield_now().await;
        }
        assert_eq!(cache.ask(&Item::by_id(1), Command::Abandon { token }).await, Reply::Settled);
        assert_eq!(cow.with(&store).read(Item::by_name("item 1")).await.unwrap().fill, Fill::Stored);
    }

    async fn beside_a_value_a_lease_of_the_primary_key_is_respected(cache) {
        // As one has it that renews the value; what it will store may be older than the alias.
        let (store, cow) = (Store::with_items(1), cache.open(CacheCow::builder().fill_wait(Duration::ZERO)));
        let seen = {
            by_id(&cow, &store, 1).await;
            cachecow::protocol::SeenValue::of(&cache.value(&Item::by_id(1)).await.unwrap())
        };
        let token = Token::from_bytes(*b"who renews it...");
        let replacing = Some(cachecow::protocol::Replacing { seen, keep: true });
        let claim = Command::Claim { token, lease: MINUTE, replacing };
        assert!(matches!(cache.ask(&Item::by_id(1), claim).await, Reply::Claimed(_)));
        let read = cow.with(&store).read(Item::by_name("item 1")).await.unwrap();
        assert_eq!((read.value.unwrap().version, read.fill), (1, Fill::Skipped));
        assert!(!cache.has(&Item::by_name("item 1")).await);
    }

    async fn an_expired_object_serves_by_its_alias_while_the_fetch_fails(cache) {
        let (clock, store) = (Clock::new(), Store::with_items(1));
        let builder = CacheCow::builder().clock(clock.reader()).ttl_jitter(0.0);
        let cow = cache.open(builder.stale_if_error(6 * MINUTE));
        for _ in 0..20 {
            by_name(&cow, &store, "item 1").await;
        }
        clock.advance(10 * MINUTE);
        store.bump(1);
        store.set_down(true);
        for _ in 0..2 {
            let read = cow.with(&store).read(Item::by_name("item 1")).await.unwrap();
            assert_eq!((read.value.unwrap().version, read.source), (1, Source::Stale));
        }
        let both = cow.with(&store).get_many(["item 1", "item 1"].map(Item::by_name)).await.unwrap();
        assert_eq!(both[1].as_ref().unwrap().version, 1);
        // Not once it was invalidated, by whichever key.
        cow.invalidate(Item::by_id(1)).await.unwrap();
        assert!(cow.with(&store).get(Item::by_name("item 1")).await.is_err());
        store.set_down(false);
        let read = cow.with(&store).read(Item::by_name("item 1")).await.unwrap();
        assert_eq!((read.value.unwrap().version, read.fill), (2, Fill::Stored));
        assert_eq!(by_id(&cow, &store, 1).await.unwrap().version, 2);
    }

    async fn an_ageing_object_is_renewed_by_its_alias(cache) {
        let (clock, store) = (Clock::new(), Store::with_items(1));
        let builder = CacheCow::builder().clock(clock.reader()).ttl_jitter(0.0);
        let cow = cache.open(builder.refresh_ahead(true));
        for _ in 0..20 {
            by_name(&cow, &store, "item 1").await;
        }
        // As if its fetch had taken more than an hour: it is sure to be renewed at its end.
        let mut aged = cache.value(&Item::by_id(1)).await.unwrap().to_vec();
        aged[21..25].copy_from_slice(&u32::MAX.to_be_bytes());
        cache.forge(&Item::by_id(1), aged).await;
        clock.advance((10 * MINUTE).saturating_sub(Duration::from_millis(1)));
        store.bump(1);
        let before = store.fetches();
        let read = cow.with(&store).read(Item::by_name("item 1")).await.unwrap();
        assert_eq!((read.value.unwrap().version, read.fill), (2, Fill::Stored));
        assert_eq!(store.fetches(), before + 1);
        assert_eq!(by_id(&cow, &store, 1).await.unwrap().version, 2);
    }

    async fn while_an_invalidation_is_outstanding_the_alias_goes_past_the_cache(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        for _ in 0..20 {
            by_name(&cow, &store, "item 1").await;
        }
        let invalidates: Which = |command| matches!(command, Command::Invalidate);
        for _ in 0..2 {
            cache.script().next(invalidates, Fate::Fail(BackendErrorKind::Rejected));
        }
        store.bump(1);
        // Of the primary key alone: the pointer still leads to the old object.
        cow.invalidate(Item::by_id(1)).await.unwrap_err();
        let read = cow.with(&store).read(Item::by_name("item 1")).await.unwrap();
        assert_eq!((read.value.unwrap().version, read.fill), (2, Fill::Unreachable));
        let both = cow.with(&store).get_many([Item::by_name("item 1")]).await.unwrap();
        assert_eq!(both[0].as_ref().unwrap().version, 2);
    }
}

async fn both_keys_lead_to(cow: &CacheCow, store: &Store, id: i64) {
    let stored = store.find(id).await.unwrap();
    let name = stored.as_ref().map(|item| item.name.clone()).unwrap_or_default();
    assert_eq!(by_id(cow, store, id).await, stored);
    assert_eq!(by_name(cow, store, &name).await, stored);
}

/// How a changed object is told to the cache.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Telling {
    Write,
    Object,
    Id,
    OldName,
}

impl Telling {
    async fn tell(self, cow: &CacheCow, old: &Item, new: &Item, change: impl FnOnce()) {
        if self == Self::Write {
            let work = async {
                change();
                Ok::<_, cachecow::Error>(())
            };
            return cow.write((old, new), work).await.unwrap();
        }
        change();
        match self {
            Self::Write | Self::Object => cow.invalidate_many([old, new]).await.unwrap(),
            Self::Id => cow.invalidate(Item::by_id(old.id)).await.unwrap(),
            Self::OldName => cow.invalidate(Item::by_name(old.name.clone())).await.unwrap(),
        }
    }
}

/// Found by its half as well.
#[derive(Debug, Serialize, Deserialize, Cached)]
#[cache(key = "pair:{a}", fetch = Pair::find)]
#[cache(key = "pair:half:{b}", fetch = Pair::find_half, fetch_many = Pair::find_halves)]
struct Pair {
    a: u32,
    b: u32,
}

impl Pair {
    async fn find(a: u32) -> Result<Pair, StoreDown> {
        Ok(Pair { a, b: a / 2 })
    }

    async fn find_half(_b: u32) -> Result<Option<Pair>, StoreDown> {
        unreachable!("by batches only")
    }

    async fn find_halves(halves: &[u32]) -> Result<Vec<Pair>, StoreDown> {
        let halves = halves.iter().rev().filter(|&&b| b > 0);
        Ok(halves.map(|&b| Pair { a: b * 2, b }).collect())
    }
}
