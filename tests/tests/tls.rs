//! `rediss://`, with a certificate authority of the test's own.

use std::process::Command;

use cachecow_tests::peer::Peer;
use cachecow_tests::servers::TlsServer;

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_server_is_used() {
    let server = TlsServer::start().await;
    // The authority is named in the environment, which only a process of its own can be given.
    let mut command = Command::new(env!("CARGO_BIN_EXE_cachecow-peer"));
    command.args([&server.url("rediss"), "token"]).env("SSL_CERT_FILE", server.authority());
    let talk = tokio::task::spawn_blocking(move || {
        let mut peer = Peer::start_with(&mut command);
        peer.say("read");
        assert_eq!(peer.hear(), "fetch");
        peer.say("1");
        assert_eq!(peer.hear(), "read 1 Fetched Stored");
        peer.say("read");
        assert_eq!(peer.hear(), "read 1 Cache Skipped");
    });
    talk.await.unwrap();
}
