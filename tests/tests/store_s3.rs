//! Amazon S3, as SeaweedFS has it.

use cachecow::store::{KeySpace, conformance};
use cachecow_tests::servers::S3Server;

#[tokio::test]
async fn it_conforms_with_standard_keys() {
    let server = S3Server::start();
    conformance::all(&server.store("standard")).await;
    conformance::all(&server.store("").with_key_space(KeySpace::Extended)).await;
}
