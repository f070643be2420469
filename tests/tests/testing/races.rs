//! A change that comes between a fetch and the storing of what it brought.

use std::sync::Arc;
use std::time::Duration;

use cachecow::testing::TestCache;
use cachecow::{CacheCow, Fill, Read, Source};

use crate::members::{Db, Member, Note};

#[tokio::test(start_paused = true)]
async fn the_next_fetch_loses_its_race() {
    let (cache, db) = (TestCache::new(), Db::new());
    let read = async || cache.with(&db).read(Note::by_id(1)).await.unwrap();
    cache.lose_next_race();
    let Read { source, fill, .. } = read().await;
    assert_eq!((source, fill), (Source::Fetched, Fill::Refused));
    cache.assert_not_stored(Note::by_id(1));
    cache.assert_not_invalidated(Note::by_id(1));
    // Once.
    assert_eq!(read().await.fill, Fill::Stored);
    // A hit fetches nothing, and loses nothing.
    cache.lose_next_race();
    assert_eq!(read().await.source, Source::Cache);
    assert_eq!(cache.with(&db).read(Note::by_id(2)).await.unwrap().fill, Fill::Refused);
}

#[tokio::test(start_paused = true)]
async fn batches_aliases_and_lists_lose_it() {
    let (cache, db) = (TestCache::new(), Db::new());
    let view = cache.with(&db);
    cache.lose_next_race();
    view.get_many([1, 2].map(Member::by_id)).await.unwrap();
    cache.assert_not_stored((Member::by_id(1), Member::by_id(2)));
    cache.lose_next_race();
    view.get(Member::by_mail("m1@example.org")).await.unwrap();
    cache.assert_not_stored(Member::by_mail("m1@example.org"));
    cache.lose_next_race();
    view.list(Member::list_by_org(8)).await.unwrap();
    cache.assert_not_stored(Member::list_by_org(8));
    view.list(Member::list_by_org(8)).await.unwrap();
    cache.assert_stored(Member::list_by_org(8));
}

/// A write that names what it changes is seen. The control: one that names something else is not.
#[tokio::test(start_paused = true)]
async fn a_tested_write_runs_in_between() {
    for names_the_member in [true, false] {
        let (cache, db) = (TestCache::new(), Arc::new(Db::new()));
        let (cow, of_writer) = (cache.cow(), Arc::clone(&db));
        let named = if names_the_member { 1 } else { 2 };
        cache.before_next_fill(async move {
            cow.write(Member::by_id(named), of_writer.move_to(1, 9)).await.unwrap();
        });
        let org = async || cache.with(&*db).get(Member::by_id(1)).await.unwrap().unwrap().org;
        assert_eq!(org().await, 7, "it was fetched before");
        assert_eq!(org().await, if names_the_member { 9 } else { 7 });
    }
}

/// The reader goes on after the operation timeout, and so does the work.
#[tokio::test(start_paused = true)]
async fn a_work_that_takes_too_long_is_not_waited_for() {
    let (cache, db) = (TestCache::new(), Db::new());
    let (send, done) = tokio::sync::oneshot::channel();
    cache.before_next_fill(async move {
        tokio::time::sleep(Duration::from_secs(5)).await;
        send.send(()).unwrap();
    });
    let read = cache.with(&db).read(Note::by_id(1)).await.unwrap();
    assert_ne!(read.fill, Fill::Stored);
    done.await.unwrap();
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "the work's own")]
async fn a_work_that_panics_fails_the_test() {
    let (cache, db) = (TestCache::new(), Db::new());
    cache.before_next_fill(async { panic!("the work's own") });
    let _ = cache.with(&db).read(Note::by_id(1)).await;
}

/// Two processes on one backend: what another does is neither noted nor interrupted.
#[tokio::test(start_paused = true)]
async fn caches_of_one_backend_are_told_apart() {
    let backend = Arc::new(cachecow::MemoryBackend::default());
    let open = || TestCache::over(CacheCow::builder(), Arc::clone(&backend)).unwrap();
    let (one, other, db) = (open(), open(), Db::new());
    one.lose_next_race();
    let read = async |cache: &TestCache| cache.with(&db).read(Note::by_id(1)).await.unwrap();
    assert_eq!(read(&other).await.fill, Fill::Stored);
    assert_eq!(read(&one).await.source, Source::Cache);
    one.assert_not_stored(Note::by_id(1));
    other.assert_stored(Note::by_id(1));
    one.go_down();
    assert_eq!(read(&other).await.source, Source::Cache);
}
