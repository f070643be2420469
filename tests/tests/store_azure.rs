//! Azure Blob Storage, as Azurite has it.

use cachecow::store::{KeySpace, conformance};
use cachecow::{CloudStore, ErrorKind, KeyValueStore as _};
use cachecow_tests::cloud;
use cachecow_tests::servers::AzureServer;

#[tokio::test]
async fn it_conforms_with_both_key_spaces() {
    let server = AzureServer::start().await;
    conformance::all(&server.store("standard")).await;
    conformance::all(&server.store("").with_key_space(KeySpace::Extended)).await;
}

#[tokio::test]
async fn it_does_what_clouds_do() {
    let server = AzureServer::start().await;
    let store = server.store("addresses").with_key_space(KeySpace::Extended);
    cloud::addresses_can_be_fetched(&store, &["plain", "folder/sub/file", "a+b=c,(d)@!~$&'"]).await;
    for key in ["a b", "100%", "a?b", "a#b", "trailing."] {
        let refused = store.url_for(key).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unsupported, "rather than a wrong address");
    }
    cloud::prefixes_keep_stores_apart(&server.store("")).await;
    cloud::large_values_go_in_and_out(&server.store("large")).await;
    cloud::a_failed_upload_leaves_nothing(&server.store("failed")).await;
}

#[tokio::test]
async fn errors_are_of_their_kind_and_show_no_secret() {
    let server = AzureServer::start().await;
    let wrong = "d3Jvbmcga2V5";
    let store = CloudStore::open(&server.url().replace(server.secret(), wrong)).unwrap();
    cloud::refusals_show_no_secret(&store, "refused the credentials", wrong).await;
    let url = server.url().replace("@container", "@nowhere");
    cloud::an_absent_bucket_is_no_absent_key(&CloudStore::open(&url).unwrap()).await;
}
