//! `rediss://`, with a certificate authority of the test's own. TLS ends in the test, which passes the
//! bytes on to an ordinary server.

use std::process::Command;
use std::sync::Arc;

use cachecow::{CacheCow, ErrorKind, Fill, Source};
use cachecow_tests::peer::Peer;
use cachecow_tests::servers::RedisServer;
use cachecow_tests::store::{Item, Store};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::net::{TcpListener, UnixStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// A server that speaks TLS on a port of its own, and the authority that vouches for it.
struct TlsServer {
    _server: RedisServer,
    port: u16,
    authority: tempfile::NamedTempFile,
}

impl TlsServer {
    async fn start() -> Self {
        let server = RedisServer::start();
        let (config, authority) = certificates();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let socket = server.socket();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, socket) = (acceptor.clone(), socket.clone());
                tokio::spawn(async move {
                    // A client that does not trust us hangs up, or speaks no TLS at all.
                    let Ok(mut outside) = acceptor.accept(stream).await else { return };
                    let mut inside = UnixStream::connect(socket).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
                });
            }
        });
        Self { _server: server, port, authority }
    }

    fn url(&self, scheme: &str) -> String {
        format!("{scheme}://localhost:{}/", self.port)
    }
}

fn certificates() -> (ServerConfig, tempfile::NamedTempFile) {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let authority = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(authority.path(), issuer.pem()).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    (config, authority)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_server_is_used() {
    let server = TlsServer::start().await;
    // The authority is named in the environment, which only a process of its own can be given.
    let mut command = Command::new(env!("CARGO_BIN_EXE_cachecow-peer"));
    command.args([&server.url("rediss"), "token"]).env("SSL_CERT_FILE", server.authority.path());
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

#[tokio::test]
async fn an_untrusted_server_is_an_outage_that_says_so() {
    let server = TlsServer::start().await;
    let (store, cow) = (Store::with_items(1), CacheCow::open(&server.url("rediss")).await.unwrap());
    let error = cow.ping().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let why = std::error::Error::source(&error).unwrap().to_string();
    assert!(why.contains("certificate"), "{why}");
    let read = cow.with(&store).read(Item::by_id(1)).await.unwrap();
    assert_eq!((read.source, read.fill), (Source::Fetched, Fill::Unreachable));
}

#[tokio::test]
async fn plain_speech_to_a_tls_server_is_an_outage() {
    let server = TlsServer::start().await;
    let (store, cow) = (Store::with_items(1), CacheCow::open(&server.url("redis")).await.unwrap());
    assert_eq!(cow.ping().await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(cow.with(&store).get(Item::by_id(1)).await.unwrap().is_some());
}
