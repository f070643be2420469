//! Google Cloud Storage, as moto's S3 has it.

use cachecow::store::{KeySpace, conformance};
use cachecow::{CloudStore, ErrorKind, KeyValueStore as _, KeyValueStoreExt as _};
use cachecow_tests::cloud;
use cachecow_tests::servers::GcsServer;

/// Keys with what means something in addresses.
const ODD_KEYS: [&str; 5] =
    ["plain", "folder/sub/file", "a+b=c,(d)@[e]!~$&'", "a b?c#d%2F+e.", "\"<{^`}>/.."];

#[tokio::test]
async fn it_conforms_with_both_key_spaces() {
    let server = GcsServer::start().await;
    conformance::all(&server.store("standard")).await;
    conformance::all(&server.store("").with_key_space(KeySpace::Extended)).await;
}

#[tokio::test]
async fn it_does_what_clouds_do() {
    let server = GcsServer::start().await;
    cloud::addresses_can_be_fetched(&server.store("addresses"), &ODD_KEYS).await;
    cloud::prefixes_keep_stores_apart(&server.store("")).await;
    cloud::large_values_go_in_and_out(&server.store("large")).await;
    cloud::a_failed_upload_leaves_nothing(&server.store("failed")).await;
    let uploads = reqwest::get(format!("{}?uploads", server.bucket())).await.unwrap();
    let uploads = uploads.text().await.unwrap();
    assert!(uploads.contains("ListMultipartUploadsResult"), "{uploads}");
    assert!(!uploads.contains("<UploadId>"), "a failed upload is aborted: {uploads}");
}

#[tokio::test]
async fn a_url_opens_it() {
    let server = GcsServer::start().await;
    let store = CloudStore::open(&server.url()).unwrap().with_prefix("opened").unwrap();
    conformance::values_come_back(&store).await;
    conformance::prefixes_are_literal(&store).await;
    assert!(!format!("{store} {store:?}").contains(server.secret()));
    let url = server.url().replace("gs://bucket", "gs://nowhere");
    let store = CloudStore::open(&url).unwrap();
    assert_eq!(store.get("k").await.unwrap_err().kind(), ErrorKind::Store);
}

#[tokio::test]
async fn objects_of_others_are_no_keys() {
    let server = GcsServer::start().await;
    let store = server.store("p").with_key_space(KeySpace::Extended);
    let client = reqwest::Client::new();
    let put = async |name: &str, value: &'static str| {
        let address = format!("{}/{name}", server.bucket());
        let answer = client.put(address).header("content-length", value.len());
        assert!(answer.body(value).send().await.unwrap().status().is_success(), "{name}");
    };
    // Written as no key is, no key, not under the prefix.
    for name in ["p/a%252fb", "p/a%2Ab", "other"] {
        put(name, "value").await;
    }
    // The markers of folders, beside an empty value, beside a value, and alone.
    for name in ["p/", "p/empty/", "p/full/", "p/folder/"] {
        put(name, "").await;
    }
    store.put("empty", "").await.unwrap();
    store.put("full", "value").await.unwrap();
    store.put("folder/file", "").await.unwrap();
    assert_eq!(store.keys("").await.unwrap(), ["empty", "folder/file", "full"]);
    assert_eq!(store.keys("f").await.unwrap(), ["folder/file", "full"]);
    // What object_store refuses to list is an error and no silence.
    put("p/a//b", "value").await;
    let error = store.keys("").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    assert!(error.to_string().contains("empty part"), "{error}");
    assert_eq!(store.keys("f").await.unwrap(), ["folder/file", "full"]);
}
