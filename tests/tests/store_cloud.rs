//! The cloud's stores where no service answers, or none is asked.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use cachecow::store::conformance;
use cachecow::{CloudStore, ErrorKind, KeyValueStore as _, KeyValueStoreExt as _};
use cachecow_tests::servers::free_port;
use futures_util::future::join_all;

const SECRET: &str = "c2VjcmV0IGtleQ==";

/// A store of each service at this port.
fn stores(port: u16) -> Vec<CloudStore> {
    [
        format!("s3://key:{SECRET}@bucket?endpoint=http://127.0.0.1:{port}"),
        format!("gs://bucket?base_url=http://127.0.0.1:{port}&bearer_token={SECRET}"),
        format!("az://account:{SECRET}@container?endpoint=http://127.0.0.1:{port}/account"),
    ]
    .iter()
    .map(|url| CloudStore::open(url).unwrap())
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_down_is_an_error_in_some_seconds() {
    // Takes connections and says nothing.
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let stores = [stores(free_port()), stores(silent.local_addr().unwrap().port())].concat();
    let checks = stores.iter().map(async |store| {
        let started = Instant::now();
        let (get, put, keys, delete, contains) = tokio::join!(
            store.get("k"),
            store.put("k", "v"),
            store.keys(""),
            store.delete("k"),
            store.contains("k"),
        );
        for error in [
            get.unwrap_err(),
            put.unwrap_err(),
            keys.unwrap_err(),
            delete.unwrap_err(),
            contains.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Store, "{store}: {error:?}");
            assert!(!format!("{error:?}").contains(SECRET), "{store}: {error:?}");
        }
        assert!(started.elapsed() < Duration::from_secs(25), "{store}: {:?}", started.elapsed());
    });
    join_all(checks).await;
}

#[tokio::test]
async fn who_cannot_sign_says_so() {
    for url in [
        "s3://bucket?skip_signature=true",
        "gs://bucket?skip_signature=true",
        "az://account@container?skip_signature=true",
        "az://account@container?sas_token=sv%3D2021-08-06%26sig%3Dc2VjcmV0",
    ] {
        let store = CloudStore::open(url).unwrap();
        assert!(!store.capabilities().urls, "{url}");
        conformance::addresses_are_given_or_refused(&store).await;
        let error = store.url_for("k").await.unwrap_err();
        assert!(error.to_string().contains("cannot sign"), "{error}");
        assert_eq!(store.url_for("").await.unwrap_err().kind(), ErrorKind::InvalidKey);
    }
    let builder = cachecow::store::object_store::azure::MicrosoftAzureBuilder::new()
        .with_account("account")
        .with_container_name("container")
        .with_sas_authorization(vec![("sig".to_owned(), "c2VjcmV0".to_owned())]);
    let error = CloudStore::azure(builder).unwrap().url_for("k").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
}

#[test]
fn settings_that_make_no_store_are_refused() {
    use cachecow::store::object_store::aws::AmazonS3Builder;
    let error = CloudStore::s3(AmazonS3Builder::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    let error = CloudStore::open("gs://bucket").unwrap().with_prefix("a//b").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
}
