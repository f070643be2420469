//! The store in PostgreSQL, MariaDB and SQLite.

use std::error::Error as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use cachecow::store::{KeySpace, conformance};
use cachecow::{Error, ErrorKind, KeyValueStore, KeyValueStoreExt as _, SqlStore};
use cachecow_tests::servers::{MariaDbServer, PostgresServer};
use futures_util::TryStreamExt as _;
use futures_util::future::{join_all, try_join_all};

/// A store in a new table of the database.
async fn create(url: &str) -> SqlStore {
    let store = SqlStore::open(url).await.unwrap();
    store.create_table().await.unwrap();
    store
}

/// SQLite's address of a file that is to be created.
fn file(folder: &tempfile::TempDir) -> String {
    format!("sqlite://{}?mode=rwc", folder.path().join("store.db").display())
}

/// All that the error shows, its causes as well.
fn everything(error: &Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    let causes: Vec<String> = causes.map(ToString::to_string).collect();
    format!("{error} {error:?} {causes:?}")
}

#[tokio::test]
async fn postgres_does_what_every_store_does() {
    let server = PostgresServer::start();
    let store = SqlStore::open(&server.url()).await.unwrap();
    on_any_database(store.clone()).await;
    the_largest_value_fits(&store, 64 << 20).await;
    wrong_passwords_are_not_shown(&server.url_with_password("oats-and-hay")).await;
}

#[tokio::test]
async fn mariadb_does_what_every_store_does() {
    let server = MariaDbServer::start();
    let store = SqlStore::open(&server.url()).await.unwrap();
    on_any_database(store.clone()).await;
    the_largest_value_fits(&store, (16 << 20) - (4 << 10)).await;
    wrong_passwords_are_not_shown(&server.url_with_password("oats-and-hay")).await;
}

#[tokio::test]
async fn sqlite_in_a_file_does_what_every_store_does() {
    let folder = tempfile::tempdir().unwrap();
    keys_that_meet_lose_nothing(&create(&file(&folder)).await).await;
    swaps_go_on(&create(&file(&folder)).await).await;
}

/// With several connections, and without waiting for the disk.
#[tokio::test]
async fn sqlite_in_a_given_pool_does_what_every_store_does() {
    let folder = tempfile::tempdir().unwrap();
    let options: sqlx::sqlite::SqliteConnectOptions = file(&folder).parse().unwrap();
    let options = options.synchronous(sqlx::sqlite::SqliteSynchronous::Off);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    on_any_database(SqlStore::from_pool(pool)).await;
}

#[tokio::test]
async fn sqlite_in_memory_does_what_every_store_does() {
    for url in ["sqlite::memory:", "sqlite://:memory:", "sqlite://db?mode=memory"] {
        conformance::all(&create(url).await).await;
    }
    keys_compare_by_their_bytes(&create("sqlite::memory:").await).await;
    keys_that_meet_lose_nothing(&create("sqlite::memory:").await).await;
    the_largest_value_fits(&create("sqlite::memory:").await, 64 << 20).await;
}

async fn on_any_database(store: SqlStore) {
    missing_tables_are_named_with_the_remedy(&store).await;
    tables_may_be_created_at_once(&store).await;
    store.create_table().await.unwrap();
    conformance::all(&store).await;
    let store = store.with_key_space(KeySpace::Extended);
    conformance::all(&store).await;
    keys_compare_by_their_bytes(&store).await;
    keys_that_meet_lose_nothing(&store).await;
    swaps_go_on(&store).await;
    moves_to_new_keys_go_on(&store).await;
    large_values_are_refused_unread(&store).await;
    keys_of_others_are_not_listed(&store).await;
    tables_are_apart(&store).await;
}

async fn missing_tables_are_named_with_the_remedy(store: &SqlStore) {
    let store = store.clone().with_table("Absent").unwrap();
    for result in [
        store.get("k").await.map(drop),
        store.put("k", "v").await,
        store.delete("k").await,
        store.copy("k", "l").await,
        store.rename("k", "l").await,
        store.keys("").await.map(drop),
        store.contains("k").await.map(drop),
    ] {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Store);
        assert!(error.to_string().contains("`Absent`"), "{error}");
        assert!(error.to_string().contains("create_table"), "{error}");
    }
}

async fn tables_may_be_created_at_once(store: &SqlStore) {
    let store = &store.clone().with_table("at_once").unwrap();
    try_join_all((0..8).map(|_| store.create_table())).await.unwrap();
    store.put("k", "v").await.unwrap();
    store.create_table().await.unwrap();
    assert_eq!(store.get("k").await.unwrap(), "v", "an existing table is kept");
}

async fn keys_compare_by_their_bytes(store: &SqlStore) {
    let store = store.clone().with_key_space(KeySpace::Extended);
    // `e` and `E` are one to some collations, `a` and `a ` to others, and `_` comes before letters.
    let keys = ["A", "B", "Z", "_", "a", "a ", "a  ", "a!", "a0", "aA", "a_", "aa", "b", "e", "E"];
    for key in keys {
        store.put(key, key).await.unwrap();
    }
    for key in keys {
        assert_eq!(store.get(key).await.unwrap(), key, "{key:?} has its own value");
    }
    let listed: Vec<String> = store.iter_keys("").try_collect().await.unwrap();
    let mut sorted = keys;
    sorted.sort_unstable();
    assert_eq!(listed, sorted, "keys are listed in the order of their bytes");
    assert_eq!(store.keys("a ").await.unwrap(), ["a ", "a  "]);
    store.delete("a ").await.unwrap();
    store.delete("E").await.unwrap();
    assert!(store.contains("a").await.unwrap() && store.contains("a  ").await.unwrap());
    assert!(store.contains("e").await.unwrap());
    for key in keys {
        store.delete(key).await.unwrap();
    }
}

/// Every value that is put in turn at `hot`, while others move it away, is moved once.
async fn keys_that_meet_lose_nothing(store: &SqlStore) {
    const VALUES: usize = 100;
    let done = &AtomicBool::new(false);
    // Each goes on only when its value was moved, so that none is replaced.
    let put = async {
        for i in 0..VALUES {
            store.put("hot", i.to_string()).await.unwrap();
            while store.contains("hot").await.unwrap() {
                tokio::task::yield_now().await;
            }
        }
        done.store(true, Ordering::Relaxed);
    };
    let take = |mover: usize| async move {
        let mut moved = 0;
        while !done.load(Ordering::Relaxed) {
            match store.rename("hot", &format!("moved-{mover}-{moved}")).await {
                Ok(()) => moved += 1,
                Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}"),
            }
        }
    };
    tokio::join!(put, join_all((0..4).map(take)));
    let keys = store.keys("moved-").await.unwrap();
    let mut values: Vec<usize> = Vec::new();
    for key in &keys {
        values.push(std::str::from_utf8(&store.get(key).await.unwrap()).unwrap().parse().unwrap());
    }
    values.sort_unstable();
    assert!(values.into_iter().eq(0..VALUES), "each value was moved once");

    // Puts that meet renames without waiting for them: the last of them is never lost.
    for i in 0..50 {
        store.put("hot", "old").await.unwrap();
        let (put, renamed) =
            tokio::join!(store.put("hot", "new"), store.rename("hot", &keys[i % keys.len()]));
        put.unwrap();
        renamed.unwrap();
        let moved = store.get(&keys[i % keys.len()]).await.unwrap();
        match store.get("hot").await {
            Ok(value) => assert_eq!((value, moved), ("new".into(), "old".into())),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
                assert_eq!(moved, "new", "what was put was moved, or stays");
            }
        }
    }

    // Everyone at one key.
    let keys = &keys;
    let all = (0..40).map(|i| async move {
        match i % 4 {
            0 | 1 => store.put("hot", "v").await,
            2 => store.copy(&keys[0], "hot").await,
            _ => match store.rename("hot", "cold").await {
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                result => result,
            },
        }
    });
    try_join_all(all).await.unwrap();
    for key in store.keys("").await.unwrap() {
        store.delete(&key).await.unwrap();
    }
}

/// Moves in opposite directions wait for each other, which a database ends by refusing one.
async fn swaps_go_on(store: &SqlStore) {
    store.put("a", "1").await.unwrap();
    store.put("b", "2").await.unwrap();
    let moves = (0..20).map(|i| async move {
        let (from, to) = if i % 2 == 0 { ("a", "b") } else { ("b", "a") };
        match store.rename(from, to).await {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    });
    try_join_all(moves).await.unwrap();
    assert_eq!(store.keys("").await.unwrap().len(), 1, "moves onto a value replace it");
    store.delete("a").await.unwrap();
    store.delete("b").await.unwrap();
}

/// MariaDB's locks of keys that are not there yet make such moves wait for each other: it lets some fail.
async fn moves_to_new_keys_go_on(store: &SqlStore) {
    let pairs: Vec<_> = (0..16).map(|i| (format!("from-{i:02}"), format!("to-{i:02}"))).collect();
    for (from, _) in &pairs {
        store.put(from, from.as_str()).await.unwrap();
    }
    try_join_all(pairs.iter().map(|(from, to)| store.rename(from, to))).await.unwrap();
    assert_eq!(store.keys("").await.unwrap().len(), pairs.len());
    for (from, to) in &pairs {
        assert_eq!(store.get(to).await.unwrap(), from.as_str());
        store.delete(to).await.unwrap();
    }
}

async fn large_values_are_refused_unread(store: &SqlStore) {
    let store = store.clone().with_max_value_len(1_000);
    store.put("k", vec![1; 1_000]).await.unwrap();
    let too_large = store.put("k", vec![2; 1_001]).await.unwrap_err();
    assert_eq!(too_large.kind(), ErrorKind::TooLarge);
    let endless = store.put_from("k", tokio::io::repeat(7)).await.unwrap_err();
    assert_eq!(endless.kind(), ErrorKind::TooLarge);
    assert_eq!(store.get("k").await.unwrap(), vec![1; 1_000], "the old value is kept");
    // What is larger and there all the same is read.
    assert_eq!(store.clone().with_max_value_len(10).get("k").await.unwrap().len(), 1_000);
    store.delete("k").await.unwrap();
}

/// By default, what the database takes by default.
async fn the_largest_value_fits(store: &SqlStore, limit: usize) {
    let value = Bytes::from(vec![3; limit]);
    store.put("k", value.clone()).await.unwrap();
    assert_eq!(store.get("k").await.unwrap(), value);
    let error = store.put("k", vec![4; limit + 1]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    store.delete("k").await.unwrap();
}

async fn keys_of_others_are_not_listed(store: &SqlStore) {
    store.put("a/b", "v").await.unwrap();
    store.put("a", "v").await.unwrap();
    let narrow = store.clone().with_key_space(KeySpace::Standard);
    assert_eq!(narrow.keys("").await.unwrap(), ["a"]);
    assert_eq!(narrow.keys("a/").await.unwrap(), Vec::<String>::new());
    assert_eq!(store.keys("").await.unwrap(), ["a", "a/b"]);
    store.delete("a/b").await.unwrap();
    store.delete("a").await.unwrap();
}

async fn tables_are_apart(store: &SqlStore) {
    let other = store.clone().with_table("other").unwrap();
    other.create_table().await.unwrap();
    other.put("k", "other").await.unwrap();
    assert!(!store.contains("k").await.unwrap());
    other.delete("k").await.unwrap();
    for name in ["key_value; DROP TABLE other", "a\"", "a`b", "", "1a", "a.b"] {
        let error = store.clone().with_table(name).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{name:?}");
    }
    assert!(format!("{other} {other:?}").contains("other"));
}

async fn wrong_passwords_are_not_shown(url: &str) {
    let error = SqlStore::open(url).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    let shown = everything(&error);
    assert!(!shown.contains("oats-and-hay"), "{shown}");
}

#[tokio::test]
async fn stores_show_no_credentials() {
    let server = PostgresServer::start();
    let store = create(&server.url()).await;
    assert_eq!(store.to_string(), "postgres:key_value");
    assert!(!format!("{store:?}").contains("cud"), "{store:?}");
}

#[tokio::test]
async fn serialization_failures_are_tried_again() {
    let server = PostgresServer::start();
    let strict = "&options[default_transaction_isolation]=serializable";
    let store = &create(&format!("{}{strict}", server.url())).await;
    try_join_all((0..8).map(|i| store.put("k", i.to_string()))).await.unwrap();
    keys_that_meet_lose_nothing(store).await;
}

#[tokio::test]
async fn postgres_may_stop_and_come_back() {
    let mut server = PostgresServer::start();
    let store = create(&server.url()).await;
    store.put("k", "v").await.unwrap();
    server.stop();
    a_stopped_server_is_an_error_soon(&store, &server.url()).await;
    server.restart();
    assert_eq!(store.get("k").await.unwrap(), "v", "lost connections are replaced");
}

#[tokio::test]
async fn mariadb_may_stop_and_come_back() {
    let mut server = MariaDbServer::start();
    let store = create(&server.url()).await;
    store.put("k", "v").await.unwrap();
    server.stop();
    a_stopped_server_is_an_error_soon(&store, &server.url()).await;
    server.restart();
    assert_eq!(store.get("k").await.unwrap(), "v", "lost connections are replaced");
}

async fn a_stopped_server_is_an_error_soon(store: &SqlStore, url: &str) {
    let start = Instant::now();
    for result in [
        store.get("k").await.map(drop),
        store.put("k", "w").await,
        store.keys("").await.map(drop),
        SqlStore::open(url).await.map(drop),
    ] {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Store);
    }
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_error_in_bounded_time() {
    // Refused at the port, where sqlx tries again until its time is over, and never answered.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = silent.local_addr().unwrap().port();
    let refused = cachecow_tests::servers::free_port();
    for scheme in ["postgres", "mysql"] {
        for port in [silent, refused] {
            let start = Instant::now();
            let url = format!("{scheme}://cow:oats-and-hay@127.0.0.1:{port}/cow");
            let error = SqlStore::open(&url).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Store);
            assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
            assert!(!everything(&error).contains("oats-and-hay"), "{error:?}");
        }
    }
}

#[tokio::test]
async fn bad_addresses_are_refused() {
    for url in [
        "",
        "key_value",
        "redis://localhost",
        "postgres",
        "postgres://user:oats/and-hay@host/db",
        "mysql://user:oats/and-hay@host/db",
        "postgres://host:notaport/db",
        "sqlite::memory:?mode=odd",
        "sqlite::memory:?odd=1",
    ] {
        let error = SqlStore::open(url).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidUrl, "{url}: {error:?}");
        let shown = everything(&error);
        assert!(!shown.contains("oats") && !shown.contains("and-hay"), "{shown}");
    }
}

#[tokio::test]
async fn a_file_is_created_only_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let error = SqlStore::open(&format!("sqlite://{}", path.display())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    assert!(error.to_string().contains("mode=rwc"), "{error}");
    assert!(!path.exists());
    create(&file(&folder)).await.put("k", "v").await.unwrap();
    let again = SqlStore::open(&format!("sqlite://{}", path.display())).await.unwrap();
    assert_eq!(again.get("k").await.unwrap(), "v");
}
