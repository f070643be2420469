//! Writes that store what they have written: the next read is a hit, if nobody else was there.

use std::time::Duration;

use cachecow::protocol::Command;
use cachecow::{BackendErrorKind, CacheCow, Fill, Source};
use cachecow_tests::backends::Fate;
use cachecow_tests::members::{Member, Members};
use cachecow_tests::on_both_backends;
use cachecow_tests::store::{Item, Store, StoreDown};

/// `UPDATE … RETURNING *`.
async fn update(store: &Store) -> Result<Item, StoreDown> {
    Ok(store.bump(1))
}

fn releases(command: &Command) -> bool {
    matches!(command, Command::ReleaseAndStore { .. } | Command::Release { .. })
}

/// The version that is read, and where it came from.
async fn seen(cow: &CacheCow, store: &Store) -> (u64, Source) {
    let read = cow.with(store).read(Item::by_id(1)).await.unwrap();
    (read.value.unwrap().version, read.source)
}

on_both_backends! {
    async fn the_next_read_of_what_was_written_is_a_hit(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        cow.with(&store).get(Item::by_name("item 1")).await.unwrap();
        let written = cow.write(Item::by_id(1), update(&store)).storing(|item| Some(item)).outcome().await;
        written.invalidated.unwrap();
        assert_eq!((written.result.unwrap().version, written.stored), (2, Fill::Stored));
        let fetches = store.fetches();
        for cow in [&cow, &cache.open_default()] {
            assert_eq!(seen(cow, &store).await, (2, Source::Cache));
        }
        assert_eq!(store.fetches(), fetches);
        // The alias leads there, once a read has looked it up anew.
        let read = cow.with(&store).get(Item::by_name("item 1")).await.unwrap();
        assert_eq!(read.unwrap().version, 2);
        assert_eq!(cow.stats().of("Item").fills_stored, 3, "two by the first read, the object by the write");
    }

    async fn what_another_write_overlapped_is_not_stored(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        let other = cache.open_default();
        let work = async {
            let item = update(&store).await;
            // It changes the object after this write has read it, and ends before.
            other.write(Item::by_id(1), update(&store)).await.unwrap();
            item
        };
        let written = cow.write(Item::by_id(1), work).storing(|item| Some(item)).outcome().await;
        assert_eq!((written.result.unwrap().version, written.stored), (2, Fill::Refused));
        assert_eq!(seen(&cow, &store).await, (3, Source::Fetched));
        assert_eq!(cow.stats().of("Item").fills_refused, 1);
    }

    async fn what_somebody_invalidated_meanwhile_is_not_stored(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        let other = cache.open_default();
        let work = async {
            let item = update(&store).await;
            store.bump(1);
            other.invalidate(Item::by_id(1)).await.unwrap();
            item
        };
        let written = cow.write(Item::by_id(1), work).storing(|item| Some(item)).outcome().await;
        assert_eq!(written.stored, Fill::Refused);
        assert_eq!(seen(&cow, &store).await, (3, Source::Fetched));
    }

    async fn a_reader_under_way_does_not_fill_over_it(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        let (reader, gate) = (cache.open_default(), store.gate());
        let (old, ()) = tokio::join!(reader.with(&store).get(Item::by_id(1)), async {
            gate.arrived().await;
            cow.write(Item::by_id(1), update(&store)).storing(|item| Some(item)).await.unwrap();
            gate.open();
        });
        assert_eq!(old.unwrap().unwrap().version, 1, "it began before the write");
        assert_eq!(seen(&reader, &store).await, (2, Source::Cache));
    }

    async fn an_object_whose_key_was_not_held_is_only_invalidated(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        seen(&cow, &store).await;
        for hold_fails in [false, true] {
            if hold_fails {
                let holds: fn(&Command) -> bool = |command| matches!(command, Command::Hold { .. });
                cache.script().next(holds, Fate::Fail(BackendErrorKind::Rejected));
            }
            let keys = hold_fails.then(|| Item::by_id(1));
            let written = cow.write(keys, update(&store)).storing(|item| Some(item)).outcome().await;
            written.invalidated.unwrap();
            assert_eq!(written.stored, Fill::Skipped);
            let version = written.result.unwrap().version;
            assert_eq!(seen(&cow, &store).await, (version, Source::Fetched));
        }
        let written = cow.write(Item::by_id(1), async { Err::<Item, _>(StoreDown) });
        assert_eq!(written.storing(|item| Some(item)).outcome().await.stored, Fill::Skipped);
        let written = cow.write(Item::by_id(1), update(&store)).storing(|_| None::<&Item>);
        assert_eq!(written.outcome().await.stored, Fill::Skipped);
    }

    async fn with_a_time_to_settle_nothing_is_stored(cache) {
        let store = Store::with_items(1);
        let cow = cache.open(CacheCow::builder().settle(Duration::from_secs(60)));
        let written = cow.write(Item::by_id(1), update(&store)).storing(|item| Some(item)).outcome().await;
        assert_eq!(written.stored, Fill::Skipped);
        assert_eq!(seen(&cow, &store).await, (2, Source::Fetched));
    }

    async fn a_release_that_is_lost_is_repeated_without_storing(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        for fate in [Fate::Fail(BackendErrorKind::Rejected), Fate::LoseAnswer] {
            cache.script().next(releases, fate);
            // All of its keys, so that the hold covers each whose release is lost.
            let write = cow.write(Item::new(1), update(&store)).storing(|item| Some(item));
            let written = write.outcome().await;
            written.invalidated.unwrap();
            assert_eq!(written.stored, Fill::Refused);
            let version = written.result.unwrap().version;
            assert_eq!(seen(&cow, &store).await, (version, Source::Fetched), "past the cache");
            cache.until_nothing_is_pending(&cow).await;
            assert_eq!(seen(&cow, &store).await.0, version);
        }
    }

    async fn an_object_with_tags_is_stored_unless_one_was_invalidated(cache) {
        let (members, cow) = (Members::with(20), cache.open_default());
        let other = cache.open_default();
        let update = async || {
            members.bump();
            members.find(7).await
        };
        let seen = async || {
            let read = other.with(&members).read(Member::by_id(7)).await.unwrap();
            (read.value.unwrap().version, read.source)
        };
        let written = cow.write(Member::by_id(7), update()).storing(Option::as_ref).outcome().await;
        assert_eq!(written.stored, Fill::Stored);
        assert_eq!(seen().await, (2, Source::Cache));
        other.invalidate_tag(Member::tag_org(7)).await.unwrap();
        assert_eq!(seen().await.1, Source::Fetched, "it has its tags");
        let work = async {
            let member = update().await;
            members.bump();
            other.invalidate_tag(Member::tag_org(7)).await.unwrap();
            member
        };
        let written = cow.write(Member::by_id(7), work).storing(Option::as_ref).outcome().await;
        assert_eq!(written.stored, Fill::Skipped);
        assert_eq!(seen().await, (4, Source::Fetched));
        // Whoever holds a tag of the type keeps it from being stored.
        let keys = (Member::by_id(7), Member::tag_org(3));
        let written = cow.write(keys, update()).storing(Option::as_ref).outcome().await;
        assert_eq!(written.stored, Fill::Skipped);
        assert_eq!(seen().await, (5, Source::Fetched));
    }
}
