//! The store in MongoDB.

use std::time::{Duration, Instant};

use cachecow::store::{KeySpace, conformance};
use cachecow::{ErrorKind, KeyValueStore, KeyValueStoreExt as _, MongoStore};
use cachecow_tests::servers::MongoServer;
use futures_util::future::try_join_all;

/// An empty store in a collection of the test's own.
async fn store(server: &MongoServer, test: &str) -> MongoStore {
    let collection = format!("cachecow_tests_{}_{test}", std::process::id());
    MongoStore::open(server.url(), &collection).await.unwrap()
}

#[tokio::test]
async fn it_does_what_every_store_does() {
    let server = MongoServer::start();
    let store = store(&server, "conformance").await;
    conformance::all(&store).await;
    conformance::all(&store.with_key_space(KeySpace::Extended)).await;
}

#[tokio::test]
async fn keys_compare_by_their_bytes() {
    let server = MongoServer::start();
    let store = store(&server, "bytes").await.with_key_space(KeySpace::Extended);
    let keys = ["A", "E", "_", "a", "a ", "a  ", "a!", "e"];
    for key in keys {
        store.put(key, key).await.unwrap();
    }
    for key in keys {
        assert_eq!(store.get(key).await.unwrap(), key, "{key:?} has its own value");
    }
    assert_eq!(store.keys("").await.unwrap(), keys);
    assert_eq!(store.keys("a ").await.unwrap(), ["a ", "a  "]);
    let narrow = store.clone().with_key_space(KeySpace::Standard);
    assert_eq!(narrow.keys("").await.unwrap(), ["A", "E", "_", "a", "a!", "e"]);
    for key in keys {
        store.delete(key).await.unwrap();
    }
}

#[tokio::test]
async fn a_document_has_the_key_and_the_value() {
    let server = MongoServer::start();
    let name = format!("cachecow_tests_{}_document", std::process::id());
    let client = mongodb::Client::with_uri_str(server.url()).await.unwrap();
    let documents: mongodb::Collection<bson::Document> =
        client.default_database().unwrap().collection(&name);
    let store = MongoStore::new(&documents);
    store.put("k", b"\x00\xff").await.unwrap();
    let document = documents.find_one(bson::doc! {}).await.unwrap().unwrap();
    let value = bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: vec![0, 255] };
    assert_eq!(document, bson::doc! { "_id": "k", "v": value });
    documents
        .replace_one(bson::doc! { "_id": "k" }, bson::doc! { "v": "no binary" })
        .await
        .unwrap();
    assert_eq!(store.get("k").await.unwrap_err().kind(), ErrorKind::Store);
    store.delete("k").await.unwrap();
}

#[tokio::test]
async fn keys_that_meet_lose_nothing() {
    let server = MongoServer::start();
    let store = &store(&server, "meet").await;
    for _ in 0..50 {
        store.put("hot", "old").await.unwrap();
        let (put, renamed) = tokio::join!(store.put("hot", "new"), store.rename("hot", "cold"));
        put.unwrap();
        renamed.unwrap();
        let moved = store.get("cold").await.unwrap();
        match store.get("hot").await {
            Ok(value) => assert_eq!((value, moved), ("new".into(), "old".into())),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
                assert_eq!(moved, "new", "what was put was moved, or stays");
            }
        }
        store.delete("hot").await.unwrap();
        store.delete("cold").await.unwrap();
    }
    let all = (0..40).map(|i| async move {
        match i % 3 {
            0 | 1 => store.put("hot", i.to_string()).await,
            _ => match store.rename("hot", "cold").await {
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                result => result,
            },
        }
    });
    try_join_all(all).await.unwrap();
    store.delete("hot").await.unwrap();
    store.delete("cold").await.unwrap();
}

#[tokio::test]
async fn the_largest_value_fits_and_a_larger_one_is_refused() {
    let server = MongoServer::start();
    let store = store(&server, "large").await;
    let longest = "k".repeat(KeySpace::MAX_LEN);
    let limit = usize::try_from(MongoStore::MAX_VALUE_LEN).unwrap();
    store.put(&longest, vec![1; limit]).await.unwrap();
    assert_eq!(store.get(&longest).await.unwrap().len(), limit);
    let error = store.put(&longest, vec![2; limit + 1]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    let error = store.put_from(&longest, tokio::io::repeat(7)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    // The move compares the whole value, and so sends it twice.
    store.rename(&longest, "k").await.unwrap();
    assert_eq!(store.get("k").await.unwrap()[..10], [1; 10], "the old value was kept");
    store.delete("k").await.unwrap();
}

#[tokio::test]
async fn a_stopped_server_is_an_error_in_bounded_time() {
    let mut server = MongoServer::stand_in();
    let store = store(&server, "stopped").await;
    store.put("k", "v").await.unwrap();
    server.stop();
    let start = Instant::now();
    assert_eq!(store.get("k").await.unwrap_err().kind(), ErrorKind::Store);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[tokio::test]
async fn bad_addresses_are_refused_and_not_shown() {
    for url in [
        "",
        "localhost",
        "redis://localhost/db",
        "mongodb://localhost",
        "mongodb://user:oats/hay@host/db",
        "mongodb://user:oats@hay@host/db",
        "mongodb://user:oats%hay@host/db",
        "mongodb://host:oats/db",
    ] {
        let error = MongoStore::open(url, "c").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidUrl, "{url}: {error:?}");
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("oats") && !shown.contains("hay"), "{shown}");
    }
    let store = MongoStore::open("mongodb://user:oats@localhost/db", "c").await.unwrap();
    assert_eq!(store.to_string(), "mongodb:db.c");
    assert!(!format!("{store:?}").contains("oats"), "{store:?}");
}
