//! Writes: what comes back from them, and what they cover besides single keys.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cachecow::protocol::Command;
use cachecow::{BackendErrorKind, CacheCow, Cached, ErrorKind, Fill, Source, WriteError};
use cachecow_tests::backends::Fate;
use cachecow_tests::caches::Cache;
use cachecow_tests::gate::Gate;
use cachecow_tests::members::{Member, Members, version};
use cachecow_tests::on_both_backends;
use cachecow_tests::store::{Item, Store};

/// A work's error that knows nothing of the cache.
#[derive(Debug, PartialEq)]
struct Own(&'static str);

#[derive(Clone, Debug, PartialEq, Cached)]
#[cache(context = Rows, negative_ttl = "10m")]
#[cache(key = "row:{id}", fetch = Rows::find)]
#[cache(key = "row:name:{name}", fetch = Rows::find_by_name)]
struct Row {
    id: u32,
    name: String,
}

#[derive(Default)]
struct Rows(Mutex<HashMap<u32, Row>>);

impl Rows {
    async fn find(&self, id: u32) -> Result<Option<Row>, std::io::Error> {
        Ok(self.0.lock().unwrap().get(&id).cloned())
    }

    async fn find_by_name(&self, name: &str) -> Result<Option<Row>, std::io::Error> {
        Ok(self.0.lock().unwrap().values().find(|row| row.name == name).cloned())
    }

    /// `INSERT … RETURNING`.
    async fn insert(&self, name: &str) -> Result<Row, Own> {
        let mut rows = self.0.lock().unwrap();
        let id = u32::try_from(rows.len()).unwrap() + 1;
        rows.insert(id, Row { id, name: name.to_owned() });
        Ok(rows[&id].clone())
    }
}

fn releases(command: &Command) -> bool {
    matches!(command, Command::Release { .. } | Command::ReleaseEpoch { .. })
}

fn holds(command: &Command) -> bool {
    matches!(command, Command::Hold { .. } | Command::HoldEpoch { .. })
}

on_both_backends! {
    async fn what_the_work_gives_comes_back_whatever_becomes_of_the_cache(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        for what in [holds as fn(&Command) -> bool, releases] {
            cow.with(&store).get(Item::by_id(1)).await.unwrap();
            cache.script().next(what, Fate::Fail(BackendErrorKind::Rejected));
            cache.script().next(releases, Fate::Fail(BackendErrorKind::Rejected));
            let version = store.find(1).await.unwrap().unwrap().version + 1;
            let work = async { Ok::<_, Own>(store.bump(1).version) };
            assert_eq!(cow.write(Item::by_id(1), work).await, Ok(version));
            // Past the cache, until the background has told it.
            let read = cow.with(&store).read(Item::by_id(1)).await.unwrap();
            assert_eq!((read.value.unwrap().version, read.source), (version, Source::Fetched));
            cache.script().forget();
            cache.until_nothing_is_pending(&cow).await;
        }
        let failed = cow.write(Item::by_id(1), async { Err::<(), _>(Own("constraint")) });
        assert_eq!(failed.await, Err(Own("constraint")));
    }

    async fn the_outcome_tells_both(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        let write = || cow.write(Item::by_id(1), async { Ok::<_, Own>(store.bump(1).version) });
        let written = write().outcome().await;
        assert!(matches!((written.result, written.invalidated), (Ok(2), Ok(()))));
        cache.script().next(holds, Fate::Fail(BackendErrorKind::Rejected));
        cache.script().next(releases, Fate::Fail(BackendErrorKind::Rejected));
        let written = write().outcome().await;
        assert_eq!(written.result, Ok(3));
        let error = written.invalidated.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotInvalidated);
        assert!(error.to_string().starts_with("write: the cache did not confirm the invalidation of 1 key;"), "{error}");
    }

    async fn a_hold_that_is_required_and_not_granted_keeps_the_work_from_beginning(cache) {
        let cow = cache.open_default();
        cache.script().next(holds, Fate::Fail(BackendErrorKind::Rejected));
        let work = async { unreachable!("it must not begin") };
        let write = cow.write::<_, (), Own>(Item::by_id(1), work).require_hold();
        let Err(WriteError::HoldRefused(error)) = write.await else { panic!("it is refused") };
        assert_eq!(error.kind(), ErrorKind::HoldRefused);
        let write = cow.write(Item::by_id(1), async { Err::<(), _>(Own("constraint")) });
        assert!(matches!(write.require_hold().await, Err(WriteError::Work(Own("constraint")))));
        assert_eq!(cow.write(Item::by_id(1), async { Ok::<_, Own>(7) }).require_hold().await.ok(), Some(7));
    }

    async fn a_row_that_is_inserted_is_found_although_its_absence_was_cached(cache) {
        let (rows, cow) = (Rows::default(), cache.open_default());
        let absent = async |id: u32| cow.with(&rows).get(Row::by_id(id)).await.unwrap().is_none();
        assert!(absent(1).await && absent(2).await);
        assert!(cow.with(&rows).get(Row::by_name("two")).await.unwrap().is_none());
        // Without the key, others go on being told that there is no such row.
        cow.write((), rows.insert("one")).await.unwrap();
        assert!(absent(1).await, "nobody has said so");
        let insert = cow.write((), rows.insert("two")).invalidating_object(|row| Some(row));
        assert_eq!(insert.await.unwrap().id, 2);
        assert!(!absent(2).await);
        assert!(cow.with(&rows).get(Row::by_name("two")).await.unwrap().is_some(), "its aliases too");
        let insert = cow.write((), rows.insert("three")).invalidating(|row| Row::by_id(row.id));
        let written = insert.invalidating(|row| Row::by_name(&row.name)).outcome().await;
        written.invalidated.unwrap();
    }

    async fn what_is_named_afterwards_is_retried_if_the_cache_missed_it(cache) {
        let (rows, cow) = (Rows::default(), cache.open_default());
        assert!(cow.with(&rows).get(Row::by_id(1)).await.unwrap().is_none());
        cache.script().next(|command| *command == Command::Invalidate, Fate::Fail(BackendErrorKind::Rejected));
        let insert = cow.write((), rows.insert("one")).invalidating(|row| Row::by_id(row.id));
        let written = insert.outcome().await;
        written.result.unwrap();
        assert_eq!(written.invalidated.unwrap_err().kind(), ErrorKind::NotInvalidated);
        assert!(cow.with(&rows).get(Row::by_id(1)).await.unwrap().is_some(), "it is read past the cache");
    }

    async fn a_write_of_a_tag_covers_all_that_carry_it(cache) {
        let (members, cow) = (Members::with(20), cache.open_default());
        let all = || cow.with(&members).get_many((1..=20).map(Member::by_id));
        all().await.unwrap();
        let work = async {
            members.bump();
            Ok::<_, Own>(())
        };
        cow.write((Member::tag_org(7), Member::by_id(1)), work).await.unwrap();
        for id in [7, 17, 1] {
            assert_eq!(version(&cow, &members, id).await, 2, "member {id}");
        }
        assert_eq!(version(&cow, &members, 2).await, 1, "others are still cached");
        // A tag is named like a key, also to `invalidate`.
        members.bump();
        cow.invalidate((Member::tag_org(7), Member::by_id(2))).await.unwrap();
        assert_eq!(version(&cow, &members, 7).await, 3);
        assert_eq!(version(&cow, &members, 2).await, 3);
    }

    async fn while_a_tag_is_held_nothing_of_its_type_is_stored_and_hits_go_on(cache) {
        let (members, cow) = (Members::with(20), cache.open_default());
        let view = cow.with(&members);
        view.get(Member::by_id(2)).await.unwrap();
        let other = cache.open_default();
        let work = async {
            for id in [7, 3] {
                let read = other.with(&members).read(Member::by_id(id)).await.unwrap();
                assert_eq!((read.source, read.fill), (Source::Fetched, Fill::Refused), "member {id}");
            }
            let hit = other.with(&members).read(Member::by_id(2)).await.unwrap();
            assert_eq!(hit.source, Source::Cache);
            // Two at a time: the end of one lifts no other's hold.
            other.write(Member::tag_org(7), async { Ok::<_, Own>(()) }).await.unwrap();
            let read = other.with(&members).read(Member::by_id(3)).await.unwrap();
            assert_eq!(read.fill, Fill::Refused);
            Ok::<_, Own>(())
        };
        cow.write(Member::tag_org(7), work).await.unwrap();
        for id in [7, 3] {
            let read = view.read(Member::by_id(id)).await.unwrap();
            assert_eq!(read.fill, Fill::Stored, "member {id}");
        }
    }

    async fn a_tag_s_hold_outlives_the_writer_that_died(cache) {
        let (members, cow) = (Members::with(20), cache.open_default());
        version(&cow, &members, 7).await;
        let gate = Gate::new();
        let write = cow.write(Member::tag_org(7), async {
            members.bump();
            gate.pass().await;
            Ok::<_, Own>(())
        });
        tokio::select! {
            biased;
            _ = write => unreachable!("the work does not end"),
            () = gate.arrived() => {}
        }
        let other = cache.open_default();
        let read = other.with(&members).read(Member::by_id(7)).await.unwrap();
        assert_eq!((read.value.unwrap().version, read.fill), (2, Fill::Refused));
    }

    async fn a_tag_s_release_that_is_lost_is_retried(cache) {
        let (members, cow) = (Members::with(20), cache.open_default());
        version(&cow, &members, 7).await;
        for what in [holds as fn(&Command) -> bool, releases] {
            cache.script().next(what, Fate::Fail(BackendErrorKind::Rejected));
        }
        let work = async {
            members.bump();
            Ok::<_, Own>(())
        };
        let written = cow.write(Member::tag_org(7), work).outcome().await;
        let error = written.invalidated.unwrap_err();
        assert!(error.to_string().starts_with("write: the cache did not confirm the invalidation of 1 tag;"), "{error}");
        assert_eq!(version(&cow, &members, 7).await, 2, "past the cache");
        let other = cache.open_default();
        cache.until_nothing_is_pending(&cow).await;
        assert_eq!(version(&other, &members, 7).await, 2);
    }

    async fn what_a_cancelled_write_may_yet_change_is_held_although_its_hold_failed(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        cow.with(&store).get(Item::by_id(1)).await.unwrap();
        cache.script().next(holds, Fate::Fail(BackendErrorKind::Rejected));
        let gate = Gate::new();
        let write = cow.write(Item::by_id(1), async {
            gate.pass().await;
            Ok::<_, Own>(())
        });
        tokio::select! {
            biased;
            _ = write => unreachable!("the work does not end"),
            () = gate.arrived() => {}
        }
        cache.until_nothing_is_pending(&cow).await;
        let other = cache.open_default();
        let before = other.with(&store).read(Item::by_id(1)).await.unwrap();
        assert_ne!((before.source, before.fill), (Source::Fetched, Fill::Stored));
        // The backing store commits all the same.
        store.bump(1);
        let after = other.with(&store).get(Item::by_id(1)).await.unwrap();
        assert_eq!((before.value.unwrap().version, after.unwrap().version), (1, 2));
    }

    async fn a_write_that_is_spawned_ends_though_its_caller_has_gone(cache) {
        let (store, cow) = (Arc::new(Store::with_items(1)), cache.open_default());
        cow.with(&*store).get(Item::by_id(1)).await.unwrap();
        let gate = Gate::new();
        let (at, of_work) = (Arc::clone(&gate), Arc::clone(&store));
        let write = tokio::spawn(cow.write(Item::by_id(1), async move {
            at.pass().await;
            Ok::<_, Own>(of_work.bump(1).version)
        }));
        gate.arrived().await;
        gate.open();
        assert_eq!(write.await.unwrap(), Ok(2));
        let read = cow.with(&*store).read(Item::by_id(1)).await.unwrap();
        assert_eq!((read.value.unwrap().version, read.fill), (2, Fill::Stored));
    }
}

/// The bound that is documented: the hold ends by itself.
#[tokio::test(start_paused = true)]
async fn a_dropped_write_keeps_its_keys_out_of_the_cache_until_its_hold_ends() {
    let (store, cow) = (Store::with_items(1), CacheCow::memory());
    let timed_out = tokio::time::timeout(
        Duration::from_secs(1),
        cow.write(Item::by_id(1), async {
            store.bump(1);
            std::future::pending::<Result<(), Own>>().await
        }),
    );
    assert!(timed_out.await.is_err());
    for (seconds, fill) in [(0, Fill::Skipped), (58, Fill::Skipped), (1, Fill::Stored)] {
        tokio::time::advance(Duration::from_secs(seconds)).await;
        let read = cow.with(&store).read(Item::by_id(1)).await.unwrap();
        assert_eq!((read.value.unwrap().version, read.fill), (2, fill), "after {seconds} s more");
    }
}

/// After the hold's end, a reader may have stored what was there before the commit.
#[tokio::test(start_paused = true)]
async fn a_write_that_is_dropped_after_its_hold_has_ended_is_made_up_for() {
    let (store, cache) = (Store::with_items(1), Cache::memory());
    let (cow, other) =
        (cache.open(CacheCow::builder().hold(Duration::from_secs(1))), cache.open_default());
    let gate = Gate::new();
    cache.script().next(releases, Fate::ArriveLate(Arc::clone(&gate)));
    let work = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        other.with(&store).get(Item::by_id(1)).await.unwrap();
        store.bump(1);
        Ok::<_, Own>(())
    };
    let write = Box::pin(cow.write(Item::by_id(1), work).outcome());
    tokio::select! {
        _ = write => unreachable!("its release does not arrive"),
        () = gate.arrived() => {}
    }
    assert_eq!(other.with(&store).get(Item::by_id(1)).await.unwrap().unwrap().version, 1);
    cache.until_nothing_is_pending(&cow).await;
    assert_eq!(other.with(&store).get(Item::by_id(1)).await.unwrap().unwrap().version, 2);
}
