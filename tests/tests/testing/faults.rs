//! A cache that is down, slow or full.

use std::time::Duration;

use cachecow::testing::TestCache;
use cachecow::{CacheCow, ErrorKind, Fill, Read, Source};
use tokio::time::{Instant, sleep};

use crate::members::{Db, Member, Note};

const SECOND: Duration = Duration::from_secs(1);

async fn read(cache: &CacheCow, db: &Db, id: i64) -> Read<Note> {
    cache.with(db).read(Note::by_id(id)).await.unwrap()
}

async fn nothing() -> Result<(), std::io::Error> {
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn down_it_serves_by_fetching() {
    let (cache, db) = (TestCache::new(), Db::new());
    read(&cache, &db, 1).await;
    cache.go_down();
    let Read { source, fill, .. } = read(&cache, &db, 1).await;
    assert_eq!((source, fill), (Source::Fetched, Fill::Unreachable));
    let error = cache.invalidate(Note::by_id(1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotInvalidated);
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("the test's cache is down"), "{source}");
    assert!(cache.ping().await.is_err());
    let written = cache.write(Note::by_id(2), nothing()).outcome().await;
    assert!(written.result.is_ok() && written.invalidated.is_err());
    cache.recover();
    cache.ping().await.unwrap();
    sleep(10 * SECOND).await;
    assert_eq!(cache.stats().pending_invalidations, 0);
    assert_eq!(read(&cache, &db, 1).await.source, Source::Fetched);
    assert_eq!(read(&cache, &db, 1).await.source, Source::Cache);
}

/// What is near is served by news of its changes, which do not come while the cache is down.
#[tokio::test(start_paused = true)]
async fn down_it_serves_nothing_near() {
    let builder = CacheCow::builder().near(1 << 20);
    let (cache, db) = (TestCache::with(builder).unwrap(), Db::new());
    for expected in [Source::Fetched, Source::Cache, Source::Near] {
        assert_eq!(read(&cache, &db, 1).await.source, expected);
    }
    cache.go_down();
    assert_eq!(read(&cache, &db, 1).await.source, Source::Fetched);
    cache.recover();
    for expected in [Source::Cache, Source::Near] {
        assert_eq!(read(&cache, &db, 1).await.source, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn slow_it_is_waited_for_by_the_paused_clock() {
    let (cache, db) = (TestCache::new(), Db::new());
    read(&cache, &db, 1).await;
    cache.slow_down(Duration::from_millis(300));
    let began = Instant::now();
    assert_eq!(read(&cache, &db, 1).await.source, Source::Cache);
    assert_eq!(began.elapsed(), Duration::from_millis(300));
    // Longer than the operation timeout: without an effect.
    cache.slow_down(Duration::from_millis(501));
    let began = Instant::now();
    assert_eq!(read(&cache, &db, 1).await.source, Source::Fetched);
    assert!(began.elapsed() >= Duration::from_millis(500), "{:?}", began.elapsed());
    let error = cache.invalidate(Note::by_id(1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotInvalidated);
    cache.recover();
    cache.ping().await.unwrap();
    sleep(10 * SECOND).await;
    assert_eq!(read(&cache, &db, 1).await.source, Source::Fetched);
    assert_eq!(read(&cache, &db, 1).await.source, Source::Cache);
}

/// As the row "full" of the faults by name says of a real server.
#[tokio::test(start_paused = true)]
async fn full_it_serves_what_it_has_and_stores_nothing() {
    let (cache, db) = (TestCache::new(), Db::new());
    read(&cache, &db, 1).await;
    cache.with(&db).get(Member::by_id(1)).await.unwrap();
    cache.fill_up();
    assert_eq!(read(&cache, &db, 1).await.source, Source::Cache);
    let tagged = async || cache.with(&db).read(Member::by_id(1)).await.unwrap();
    assert_eq!(tagged().await.source, Source::Cache);
    for _ in 0..5 {
        let Read { source, fill, .. } = read(&cache, &db, 2).await;
        assert_eq!(source, Source::Fetched);
        assert_ne!(fill, Fill::Stored);
    }
    cache.assert_not_stored(Note::by_id(2));
    assert!(!cache.stats().circuit_open);
    cache.invalidate((Note::by_id(1), Member::by_id(1))).await.unwrap();
    assert_eq!(read(&cache, &db, 1).await.source, Source::Fetched);
    assert_eq!(tagged().await.source, Source::Fetched);
    let written = cache.write(Member::by_id(1), db.move_to(1, 8));
    let written = written.storing(Option::as_ref).outcome().await;
    assert!(written.invalidated.is_ok());
    assert_ne!(written.stored, Fill::Stored);
    cache.write(Note::by_id(1), nothing()).require_hold().await.unwrap();
    cache.recover();
    assert_eq!(read(&cache, &db, 2).await.fill, Fill::Stored);
    assert_eq!(read(&cache, &db, 1).await.fill, Fill::Stored);
    assert_eq!(tagged().await.fill, Fill::Stored);
}
