//! Azure Blob Storage, as Azurite has it.

use cachecow::store::{KeySpace, conformance};
use cachecow_tests::servers::AzureServer;

#[tokio::test]
async fn it_conforms_with_standard_keys() {
    let server = AzureServer::start().await;
    conformance::all(&server.store("standard")).await;
    conformance::all(&server.store("").with_key_space(KeySpace::Extended)).await;
}
