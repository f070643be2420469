//! Amazon S3, as SeaweedFS has it.

use std::time::Duration;

use cachecow::store::object_store::ObjectStoreExt as _;
use cachecow::store::object_store::aws::AmazonS3;
use cachecow::store::object_store::path::Path;
use cachecow::store::object_store::signer::{Method, SignedUrlOptions, Signer as _};
use cachecow::store::{KeySpace, conformance};
use cachecow::{CloudStore, ErrorKind, KeyValueStore as _, KeyValueStoreExt as _};
use cachecow_tests::cloud::{self, Pattern};
use cachecow_tests::servers::S3Server;

/// Keys with what means something in addresses.
const ODD_KEYS: [&str; 5] =
    ["plain", "folder/sub/file", "a+b=c,(d)@[e]!~$&'", "a b?c#d%2F+e.", "\"<{^`}>/.."];

#[tokio::test]
async fn it_conforms_with_both_key_spaces() {
    let server = S3Server::start();
    conformance::all(&server.store("standard")).await;
    conformance::all(&server.store("").with_key_space(KeySpace::Extended)).await;
}

#[tokio::test]
async fn it_does_what_clouds_do() {
    let server = S3Server::start();
    cloud::addresses_can_be_fetched(&server.store("addresses"), &ODD_KEYS).await;
    cloud::prefixes_keep_stores_apart(&server.store("")).await;
    cloud::large_values_go_in_and_out(&server.store("large")).await;
    cloud::a_failed_upload_leaves_nothing(&server.store("failed")).await;
}

/// A plain list of the uploads in parts that were neither finished nor aborted.
async fn uploads(client: &AmazonS3) -> String {
    let options = SignedUrlOptions::new().with_query([("uploads", "")]);
    let minute = Duration::from_secs(60);
    let address = client.signed_url_opts(Method::GET, &Path::ROOT, minute, &options).await;
    let answer = reqwest::get(address.unwrap()).await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());
    answer.text().await.unwrap()
}

#[tokio::test]
async fn what_is_given_up_leaves_no_parts() {
    let server = S3Server::start();
    let (client, store) = (server.client(), server.store("parts"));
    cloud::a_failed_upload_leaves_nothing(&store).await;
    assert!(!uploads(&client).await.contains("<UploadId>"), "a failed upload is aborted");
    // Two parts, and then the reader has nothing more to give, and does not end.
    let (mut writer, reader) = tokio::io::duplex(1024 * 1024);
    let put = tokio::spawn({
        let store = store.clone();
        async move { store.put_from("dropped", reader).await }
    });
    tokio::io::copy(&mut Pattern::of(17 * 1024 * 1024), &mut writer).await.unwrap();
    cloud::eventually("the upload is under way", async || {
        uploads(&client).await.contains("<UploadId>")
    })
    .await;
    put.abort();
    assert!(put.await.unwrap_err().is_cancelled());
    cloud::eventually("a dropped upload is aborted", async || {
        !uploads(&client).await.contains("<UploadId>")
    })
    .await;
    assert!(!store.contains("dropped").await.unwrap());
}

#[tokio::test]
async fn what_object_store_built_is_a_store() {
    let server = S3Server::start();
    let store = CloudStore::new(server.client()).with_prefix("built").unwrap();
    assert_eq!(store.to_string(), "cloud(AmazonS3(bucket)/built)");
    conformance::values_come_back(&store).await;
    conformance::copies_and_moves_work_or_are_refused(&store).await;
    // Other programs find the values under their keys.
    store.put("a{b}~[c]\"d\".txt", "value").await.unwrap();
    let path = Path::parse("built/a{b}~[c]\"d\".txt").unwrap();
    let found = server.client().get(&path).await.unwrap().bytes().await.unwrap();
    assert_eq!(found, "value");
}

#[tokio::test]
async fn addresses_are_valid_for_as_long_as_was_asked() {
    let server = S3Server::start();
    let store = server.store("");
    let address = store.url_for("k").await.unwrap();
    assert!(address.contains("X-Amz-Expires=3600"), "{address}");
    let store = store.with_url_validity(Duration::from_secs(90));
    assert!(store.url_for("k").await.unwrap().contains("X-Amz-Expires=90"));
    let store = store.with_url_validity(Duration::MAX);
    assert!(store.url_for("k").await.unwrap().contains("X-Amz-Expires=604800"));
}

#[tokio::test]
async fn errors_are_of_their_kind_and_show_no_secret() {
    let server = S3Server::start();
    let own = || server.builder().with_access_key_id("key").with_bucket_name("bucket");
    let wrong = "Wrong/Secret+Key=2";
    let store = CloudStore::s3(own().with_secret_access_key(wrong)).unwrap();
    cloud::refusals_show_no_secret(&store, "refused the credentials", wrong).await;
    let store = CloudStore::s3(own().with_access_key_id("nobody").with_secret_access_key(wrong));
    cloud::refusals_show_no_secret(&store.unwrap(), "refused the credentials", wrong).await;
    let builder = own().with_secret_access_key(server.secret()).with_bucket_name("nowhere");
    let store = CloudStore::s3(builder).unwrap();
    cloud::an_absent_bucket_is_no_absent_key(&store).await;
    assert_eq!(store.delete("k").await.unwrap_err().kind(), ErrorKind::Store);
}
