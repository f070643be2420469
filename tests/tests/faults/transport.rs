//! Another server than the address says.

use cachecow_tests::servers::{RedisServer, TlsServer, free_port};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::row::Circuit::Opens;
use crate::row::Seen::{Fetched, Never};
use crate::row::Told::{HoldRefused, NotInvalidated};
use crate::row::faults;
use crate::trial::Trial;

faults! {
    /// The address says `rediss://`, and the server speaks no TLS. It may never answer at all.
    async fn tls_to_a_plain_server(row) {
        kept: Never, other: Fetched, circuit: Opens,
        invalidate: NotInvalidated, write: NotInvalidated, strict: HoldRefused,
        ping: "the cache did not answer in time or the cache cannot be reached",
        remedy: "`redis://`, or the server's `tls-port`",
    }
    {
        let port = free_port().to_string();
        let _server = RedisServer::start_with(&["--port", &port]);
        Trial::cold(row, &format!("rediss://localhost:{port}")).await.suffer().await;
    }

    /// The address says `redis://`, and the server speaks TLS.
    async fn plain_to_a_tls_server(row) {
        kept: Never, other: Fetched, circuit: Opens,
        invalidate: NotInvalidated, write: NotInvalidated, strict: HoldRefused,
        ping: "the cache cannot be reached: ",
        remedy: "`rediss://`",
    }
    {
        let server = TlsServer::start().await;
        Trial::cold(row, &server.url("redis")).await.suffer().await;
    }

    /// The platform does not know the authority that vouches for the server's certificate.
    async fn untrusted_certificate(row) {
        kept: Never, other: Fetched, circuit: Opens,
        invalidate: NotInvalidated, write: NotInvalidated, strict: HoldRefused,
        ping: "invalid peer certificate: UnknownIssuer",
        remedy: "the authority in the platform's store, or in the file that `SSL_CERT_FILE` names",
    }
    {
        let server = TlsServer::start().await;
        Trial::cold(row, &server.url("rediss")).await.suffer().await;
    }

    /// What answers is no Redis server, but one for HTTP.
    async fn no_redis(row) {
        kept: Never, other: Fetched, circuit: Opens,
        invalidate: NotInvalidated, write: NotInvalidated, strict: HoldRefused,
        ping: "the cache cannot be reached: ",
        remedy: "the right port",
    }
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("redis://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let _ = client.read(&mut [0; 1024]).await;
                let _ = client.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            }
        });
        Trial::cold(row, &url).await.suffer().await;
    }
}
