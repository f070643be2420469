//! A Redis server behind TLS, with a certificate authority of its own. TLS ends in the test, which
//! passes the bytes on to an ordinary server.

use std::path::Path;
use std::sync::Arc;

use tokio::net::{TcpListener, UnixStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::{Authority, RedisServer};

/// A server that speaks TLS on a port of its own, and the authority that vouches for it.
#[derive(Debug)]
pub struct TlsServer {
    _server: RedisServer,
    port: u16,
    authority: Authority,
}

impl TlsServer {
    /// Starts both, for as long as this runtime.
    ///
    /// # Panics
    ///
    /// If there is no server to be had.
    pub async fn start() -> Self {
        let server = RedisServer::start();
        let authority = Authority::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = TlsAcceptor::from(Arc::new(config(&authority)));
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

    /// The address, for `CacheCow::open`.
    pub fn url(&self, scheme: &str) -> String {
        format!("{scheme}://localhost:{}/", self.port)
    }

    /// The certificate of the authority.
    pub fn authority(&self) -> &Path {
        self.authority.file()
    }
}

fn config(authority: &Authority) -> ServerConfig {
    let (certificate, key) = authority.certify("localhost");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap()
}
