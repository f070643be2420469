//! A real server for a test.

use std::time::Duration;

use cachecow::testing::{RedisServer, TestCache};
use cachecow::{CacheCow, Error, ErrorKind, Fill, RedisBackend, Source};
use cachecow_tests::patient::patient;
use cachecow_tests::servers::install;

use crate::members::{Db, Member, Note};

/// The tests' own program, which is installed if need be.
fn server() -> RedisServer {
    RedisServer::start(install::redis_server()).expect("it starts")
}

#[tokio::test]
async fn it_serves_until_it_is_dropped() {
    let server = server();
    let (folder, url) = (server.socket().parent().unwrap().to_owned(), server.url());
    let (cow, db) = (patient().open(&url).await.unwrap(), Db::new());
    cow.ping().await.unwrap();
    assert_eq!(cow.with(&db).read(Note::by_id(1)).await.unwrap().fill, Fill::Stored);
    drop(server);
    assert!(!folder.exists());
    CacheCow::open(&url).await.unwrap().ping().await.unwrap_err();
}

#[tokio::test]
async fn it_can_be_killed_and_started_again() {
    let mut server = server();
    let (cow, db) = (patient().open(&server.url()).await.unwrap(), Db::new());
    let source = async || cow.with(&db).read(Note::by_id(1)).await.unwrap().source;
    source().await;
    assert_eq!(source().await, Source::Cache);
    server.kill();
    assert_eq!(source().await, Source::Fetched);
    server.restart().unwrap();
    cow.ping().await.unwrap();
    assert_eq!(source().await, Source::Fetched, "it is empty");
    assert_eq!(source().await, Source::Cache);
}

#[tokio::test]
async fn two_servers_are_apart() {
    let servers = [server(), server()];
    assert_ne!(servers[0].url(), servers[1].url());
    for server in &servers {
        let (cow, db) = (patient().open(&server.url()).await.unwrap(), Db::new());
        assert_eq!(cow.with(&db).read(Note::by_id(1)).await.unwrap().source, Source::Fetched);
    }
}

/// Found in the `PATH`, or an error that says how to get one.
#[tokio::test]
async fn it_is_found_or_the_error_says_how_to_get_it() {
    let found: Result<RedisServer, Error> = cachecow::testing::redis();
    match found {
        Ok(server) => patient().open(&server.url()).await.unwrap().ping().await.unwrap(),
        Err(error) => assert!(error.to_string().contains("apt install redis-server"), "{error}"),
    }
}

/// A test's cache on it, with everything that it notes and every fault.
#[tokio::test]
async fn a_tests_cache_may_be_over_it() {
    let server = server();
    let backend = RedisBackend::from_url(&server.url(), Duration::from_secs(20)).unwrap();
    let cache = TestCache::over(patient().near(1 << 20), backend).unwrap();
    let db = Db::new();
    let read = async |id| cache.with(&db).read(Member::by_id(id)).await.unwrap();
    cache.lose_next_race();
    assert_eq!(read(1).await.fill, Fill::Refused);
    assert_eq!(read(1).await.fill, Fill::Stored);
    cache.assert_stored((Member::by_id(1), Member::tag_org(7)));
    cache.go_down();
    assert_eq!(read(1).await.source, Source::Fetched);
    cache.recover();
    assert!(matches!(read(1).await.source, Source::Cache | Source::Near));
    cache.fill_up();
    assert_ne!(read(2).await.fill, Fill::Stored);
    assert!(matches!(read(1).await.source, Source::Cache | Source::Near));
    cache.recover();
    cache.invalidate(Member::by_id(1)).await.unwrap();
    cache.assert_invalidated(Member::by_id(1));
    assert_eq!(read(1).await.source, Source::Fetched);
}

/// One more process of the service; the writer overtakes its fetch, as in the guide.
#[tokio::test]
async fn a_tests_cache_is_opened_by_its_address() {
    let (server, db) = (server(), Db::new());
    let (writer, reader) =
        (patient().open(&server.url()).await.unwrap(), TestCache::open(&server.url()).unwrap());
    let read = async || reader.with(&db).read(Member::by_id(1)).await.unwrap();
    let overtaking = writer.clone();
    reader.before_next_fill(async move { overtaking.invalidate(Member::by_id(1)).await.unwrap() });
    assert_eq!(read().await.fill, Fill::Refused);
    assert_eq!(read().await.fill, Fill::Stored);
    assert_eq!(writer.with(&db).read(Member::by_id(1)).await.unwrap().source, Source::Cache);
    reader.assert_not_invalidated(Member::by_id(1));
    assert_eq!(TestCache::open("rediss//x").unwrap_err().kind(), ErrorKind::InvalidUrl);
}

/// What is run before a fill has more time than an operation of a service has: a database may be slow. The control has
/// a service's settings.
#[tokio::test]
async fn what_overtakes_a_fetch_has_time() {
    let (server, db) = (server(), Db::new());
    let of_a_service = || {
        let backend = RedisBackend::from_url(&server.url(), Duration::from_secs(1));
        TestCache::over(CacheCow::builder(), backend.unwrap()).unwrap()
    };
    for (cache, fill) in [
        (of_a_service(), Fill::Unreachable),
        (TestCache::open(&server.url()).unwrap(), Fill::Stored),
    ] {
        cache.before_next_fill(async {
            tokio::time::pause();
            tokio::time::advance(Duration::from_secs(30)).await;
            tokio::time::resume();
        });
        let read = cache.with(&db).read(Member::by_id(1)).await.unwrap();
        assert_eq!(read.fill, fill);
    }
}
