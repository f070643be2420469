//! Google Cloud Storage, as moto's S3 has it.

use cachecow::store::{KeySpace, conformance};
use cachecow_tests::servers::GcsServer;

#[tokio::test]
async fn it_conforms_with_standard_keys() {
    let server = GcsServer::start().await;
    conformance::all(&server.store("standard")).await;
    conformance::all(&server.store("").with_key_space(KeySpace::Extended)).await;
}
