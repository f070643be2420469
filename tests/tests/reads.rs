//! What a read does, case by case, on both backends.

use std::time::Duration;

use cachecow::protocol::{Command, Reply};
use cachecow::{CacheCow, ErrorKind, Fill, Lookup as _, Source};
use cachecow_tests::on_both_backends;
use cachecow_tests::store::{Item, Store, StoreDown};

fn version(item: Option<std::sync::Arc<Item>>) -> u64 {
    item.expect("the item exists").version
}

on_both_backends! {
    async fn the_store_is_read_once(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        let first = cow.with(&store).read(Item::by_id(1)).await.unwrap();
        assert_eq!((first.source, first.fill), (Source::Fetched, Fill::Stored));
        assert_eq!(first.value.as_deref(), Some(&Item::new(1)));
        let second = cow.with(&store).read(Item::by_id(1)).await.unwrap();
        assert_eq!((second.source, second.fill), (Source::Cache, Fill::Skipped));
        assert_eq!(second.value, first.value);
        assert_eq!(store.fetches(), 1);
    }

    async fn the_flag_is_gone_after_a_fill(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        cow.with(&store).get(Item::by_id(1)).await.unwrap();
        assert!(cache.has(&Item::by_id(1)).await);
        let log = cache.script().log();
        let token = log.iter().find_map(|command| match command {
            Command::Claim { token, .. } => Some(*token),
            _ => None,
        });
        let abandon = Command::Abandon { token: token.expect("the read claimed") };
        assert_eq!(cache.ask(&Item::by_id(1), abandon).await, Reply::Refused);
    }

    async fn each_invalidation_costs_one_fetch(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        for fetches in 1..=3 {
            cow.with(&store).get(Item::by_id(1)).await.unwrap();
            cow.invalidate(Item::by_id(1)).await.unwrap();
            assert_eq!(store.fetches(), fetches);
        }
        assert!(!cache.has(&Item::by_id(1)).await);
    }

    async fn an_invalidation_during_the_fetch_stores_nothing(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        let gate = store.gate();
        let (read, ()) = tokio::join!(cow.with(&store).read(Item::by_id(1)), async {
            gate.arrived().await;
            cow.invalidate(Item::by_id(1)).await.unwrap();
            gate.open();
        });
        let read = read.unwrap();
        assert_eq!((version(read.value), read.fill), (1, Fill::Refused));
        assert!(!cache.has(&Item::by_id(1)).await);
        assert!(cache.flag_is_free(&Item::by_id(1)).await);
    }

    async fn under_a_foreign_flag_nothing_is_stored(cache) {
        let store = Store::with_items(1);
        let token = cache.take_flag(&Item::by_id(1)).await;
        for wait in [Duration::ZERO, Duration::from_millis(5)] {
            let cow = cache.open(CacheCow::builder().fill_wait(wait));
            let read = cow.with(&store).read(Item::by_id(1)).await.unwrap();
            assert_eq!((read.source, read.fill), (Source::Fetched, Fill::Skipped));
            assert!(!cache.has(&Item::by_id(1)).await);
        }
        let abandon = Command::Abandon { token };
        assert_eq!(cache.ask(&Item::by_id(1), abandon).await, Reply::Settled, "it still stood");
    }

    async fn a_value_is_returned_whatever_the_flag(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        cow.with(&store).get(Item::by_id(1)).await.unwrap();
        // No claim is granted beside a value, so the flag is a writer's.
        let document = cache.value(&Item::by_id(1)).await.unwrap();
        cache.forge(&Item::by_id(2), document).await;
        assert_eq!(version(cow.with(&store).get(Item::by_id(1)).await.unwrap()), 1);
        assert_eq!(store.fetches(), 1);
    }

    async fn of_many_processes_one_fills(cache) {
        let store = Store::with_items(1);
        let gate = store.gate();
        let cows: Vec<CacheCow> = (0..8)
            .map(|_| cache.open(CacheCow::builder().fill_wait(Duration::ZERO)))
            .collect();
        let reads = cows.iter().map(|cow| async {
            cow.with(&store).read(Item::by_id(1)).await.unwrap().fill
        });
        let (fills, ()) = tokio::join!(futures_util::future::join_all(reads), async {
            gate.arrived().await;
            gate.open();
        });
        let stored = fills.iter().filter(|fill| **fill == Fill::Stored).count();
        assert_eq!(stored, 1, "{fills:?}");
    }

    async fn who_waits_gets_the_other_process_s_value(cache) {
        let store = Store::with_items(1);
        let (winner, waiter) = (cache.open_default(), cache.open(CacheCow::builder().fill_wait(Duration::from_secs(60))));
        let gate = store.gate();
        let (_, waited, ()) = tokio::join!(
            winner.with(&store).get(Item::by_id(1)),
            async {
                gate.arrived().await;
                waiter.with(&store).read(Item::by_id(1)).await.unwrap()
            },
            async {
                gate.arrived().await;
                // Only when the waiter has met the flag.
                while waiter.stats().of("Item").contended == 0 {
                    tokio::task::yield_now().await;
                }
                gate.open();
            },
        );
        assert_eq!(waited.source, Source::Cache);
        assert_eq!(store.fetches(), 1);
    }

    async fn another_object_s_value_is_not_returned_and_is_replaced(cache) {
        let (store, cow) = (Store::with_items(2), cache.open_default());
        cow.with(&store).get(Item::by_id(2)).await.unwrap();
        let of_2 = cache.value(&Item::by_id(2)).await.unwrap();
        cache.forge(&Item::by_id(1), of_2).await;

        let read = cow.with(&store).read(Item::by_id(1)).await.unwrap();
        assert_eq!((read.value.unwrap().id, read.source, read.fill), (1, Source::Fetched, Fill::Stored));
        let again = cow.with(&store).read(Item::by_id(1)).await.unwrap();
        assert_eq!((again.value.unwrap().id, again.source), (1, Source::Cache));
        assert_eq!(cow.stats().of("Item").decode_failures, 1);
    }

    async fn who_rejected_a_value_owns_no_flag(cache) {
        // The predecessor stored in this case as if it did.
        let (store, cow) = (Store::with_items(1), cache.open(CacheCow::builder().fill_wait(Duration::ZERO)));
        let key = Item::by_id(1).key().key();
        let token = cache.take_flag(&Item::by_id(1)).await;
        let fill = Command::Fill { token, value: "rubbish".into(), ttl: Duration::from_secs(60) };
        assert_eq!(cache.ask_key(key, fill).await, Reply::Settled);
        cache.ask_key(key, Command::Hold { token, ttl: Duration::from_secs(60) }).await;
        let read = cow.with(&store).read(Item::by_id(1)).await.unwrap();
        assert_eq!(read.fill, Fill::Skipped);
        assert!(!cache.has(&Item::by_id(1)).await);
    }

    async fn undecodable_bytes_are_a_miss_and_are_repaired(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        let mut good = None;
        let mut expected = 0;
        for rubbish in [&b""[..], b"\xc1", b"rubbish", &[0x91; 10_000], b"\x95\x01"] {
            if let Some(document) = &good {
                // Also the right header with half an object.
                let document: &bytes::Bytes = document;
                assert!(document.len() > 30);
            }
            cache.forge(&Item::by_id(1), rubbish).await;

            let read = cow.with(&store).read(Item::by_id(1)).await.unwrap();
            assert_eq!((version(read.value), read.fill), (1, Fill::Stored), "{rubbish:?}");
            expected += 1;
            assert_eq!(cow.stats().of("Item").decode_failures, expected);
            good = cache.value(&Item::by_id(1)).await;
            assert_eq!(cow.with(&store).read(Item::by_id(1)).await.unwrap().source, Source::Cache);
        }
    }

    async fn a_truncated_document_is_a_miss(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        cow.with(&store).get(Item::by_id(1)).await.unwrap();
        let whole = cache.value(&Item::by_id(1)).await.unwrap();
        for len in 0..whole.len() {
            cache.forge(&Item::by_id(1), whole.slice(..len)).await;
            let read = cow.with(&store).read(Item::by_id(1)).await.unwrap();
            assert_eq!((version(read.value), read.source), (1, Source::Fetched), "of {len} bytes");
        }
    }

    async fn the_store_s_error_reaches_the_caller_and_frees_the_flag(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        store.set_down(true);
        let error = cow.with(&store).get(Item::by_id(1)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Fetch);
        assert_eq!(error.fetch_error::<StoreDown>(), Some(&StoreDown));
        assert_eq!(error.to_string(), "the fetch function of Item::by_id failed");
        assert!(cache.flag_is_free(&Item::by_id(1)).await);
        store.set_down(false);
        let read = cow.with(&store).read(Item::by_id(1)).await.unwrap();
        assert_eq!(read.fill, Fill::Stored);
        assert_eq!(cow.stats().of("Item").fetch_errors, 1);
    }

    async fn what_does_not_exist_is_asked_for_every_time(cache) {
        let (store, cow) = (Store::with_items(0), cache.open_default());
        for fetches in 1..=2 {
            let read = cow.with(&store).read(Item::by_id(7)).await.unwrap();
            assert_eq!((read.value, read.fill), (None, Fill::Skipped));
            assert_eq!(store.fetches(), fetches);
            assert!(cache.flag_is_free(&Item::by_id(7)).await);
        }
    }

    async fn absence_is_remembered_if_asked_to(cache) {
        let builder = CacheCow::builder().negative_ttl(Duration::from_secs(60));
        let (store, cow) = (Store::with_items(0), cache.open(builder));
        let first = cow.with(&store).read(Item::by_id(7)).await.unwrap();
        assert_eq!((first.value, first.fill), (None, Fill::Stored));
        let second = cow.with(&store).read(Item::by_id(7)).await.unwrap();
        assert_eq!((second.value, second.source), (None, Source::Cache));
        store.put(Item::new(7));
        cow.invalidate(Item::by_id(7)).await.unwrap();
        assert_eq!(version(cow.with(&store).get(Item::by_id(7)).await.unwrap()), 1);
    }

    async fn another_key_s_absence_is_not_believed(cache) {
        let builder = CacheCow::builder().negative_ttl(Duration::from_secs(60));
        let (store, cow) = (Store::with_items(1), cache.open(builder));
        cow.with(&store).get(Item::by_id(7)).await.unwrap();
        let absence = cache.value(&Item::by_id(7)).await.unwrap();
        cache.forge(&Item::by_id(1), absence).await;
        assert_eq!(version(cow.with(&store).get(Item::by_id(1)).await.unwrap()), 1);
    }

    async fn an_oversized_value_is_returned_and_not_stored(cache) {
        let (store, cow) = (Store::with_items(1), cache.open(CacheCow::builder().max_value_size(200)));
        store.put(Item { name: "x".repeat(1000), ..Item::new(2) });
        let read = cow.with(&store).read(Item::by_id(2)).await.unwrap();
        assert_eq!((read.value.unwrap().name.len(), read.fill), (1000, Fill::Skipped));
        assert!(cache.flag_is_free(&Item::by_id(2)).await);
        assert_eq!(cow.with(&store).read(Item::by_id(1)).await.unwrap().fill, Fill::Stored);
        assert_eq!(cow.stats().of("Item").oversized, 1);
    }

    async fn an_oversized_stored_value_is_not_decoded(cache) {
        let (store, large) = (Store::with_items(1), cache.open_default());
        store.put(Item { name: "x".repeat(1000), ..Item::new(2) });
        large.with(&store).get(Item::by_id(2)).await.unwrap();
        let small = cache.open(CacheCow::builder().max_value_size(200));
        let read = small.with(&store).read(Item::by_id(2)).await.unwrap();
        assert_eq!(read.source, Source::Fetched);
    }

    async fn a_value_may_be_as_long_as_it_says_and_no_longer(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        cow.with(&store).get(Item::by_id(1)).await.unwrap();
        let document = cache.value(&Item::by_id(1)).await.unwrap();
        let open = |size| cache.open(CacheCow::builder().max_value_size(size));
        let (fits, does_not) = (open(document.len()), open(document.len() - 1));
        let read = async |cow: &CacheCow| cow.with(&store).read(Item::by_id(1)).await.unwrap();
        assert_eq!(read(&fits).await.source, Source::Cache);
        assert_eq!(read(&does_not).await.source, Source::Fetched);
        cow.invalidate(Item::by_id(1)).await.unwrap();
        assert_eq!(read(&does_not).await.fill, Fill::Skipped);
        assert_eq!(read(&fits).await.fill, Fill::Stored);
    }

    async fn an_object_found_by_other_parts_than_it_carries_is_not_stored(cache) {
        struct Lenient;
        #[derive(serde::Serialize, serde::Deserialize, cachecow::Cached)]
        #[cache(context = Lenient)]
        #[cache(key = "mail:{mail}", fetch = Lenient::find)]
        struct Mail { mail: String }
        impl Lenient {
            // As a case-insensitive column compares.
            async fn find(&self, mail: &str) -> Result<Mail, StoreDown> {
                Ok(Mail { mail: mail.to_lowercase() })
            }
        }
        let cow = cache.open_default();
        let read = cow.with(&Lenient).read(Mail::by_mail("Bob@x")).await.unwrap();
        assert_eq!((read.value.unwrap().mail.as_str(), read.fill), ("bob@x", Fill::Skipped));
        assert!(cache.flag_is_free(&Mail::by_mail("Bob@x")).await);
    }

    async fn an_alias_finds_the_object_and_is_invalidated_with_it(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        let view = cow.with(&store);
        let by_id = view.get(Item::by_id(1)).await.unwrap().unwrap();
        let by_name = view.get(Item::by_name("item 1")).await.unwrap().unwrap();
        assert_eq!(by_id, by_name);
        store.bump(1);
        cow.invalidate_object(&*by_id).await.unwrap();
        assert_eq!(version(view.get(Item::by_id(1)).await.unwrap()), 2);
        assert_eq!(version(view.get(Item::by_name("item 1")).await.unwrap()), 2);
    }
}
