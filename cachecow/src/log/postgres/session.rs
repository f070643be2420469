//! A connection for SQL, besides the one that streams.

use std::time::Duration;

use pgwire_replication::{PgWireError, ReplicationClient};
use tokio::time::timeout;

use super::address::Address;
use crate::error::{Error, ErrorKind};

/// How long a query may take. The queries read only catalogs.
const PATIENCE: Duration = Duration::from_secs(10);

/// The rows of an answer; each value is a text.
pub(super) type Rows = Vec<Vec<Option<String>>>;

/// A session that accepts SQL, because replication is not started in it.
pub(super) struct Session {
    client: ReplicationClient,
}

impl Session {
    pub(super) async fn connect(address: &Address) -> Result<Self, Error> {
        let config = address
            .config("cachecow_sql", "", "")
            // The commit of a marker must not wait for a standby.
            .with_options(
                "-c synchronous_commit=local -c statement_timeout=9s -c idle_session_timeout=0",
            );
        let client = ReplicationClient::connect_gated(config).await.map_err(unavailable)?;
        let mut session = Self { client };
        session.query("select 1").await?;
        Ok(session)
    }

    pub(super) async fn query(&mut self, sql: &str) -> Result<Rows, Error> {
        query(&mut self.client, sql).await
    }

    /// Returns the only row of an answer.
    pub(super) async fn row(&mut self, sql: &str) -> Result<Vec<Option<String>>, Error> {
        self.query(sql).await?.pop().ok_or_else(no_row)
    }

    /// Returns the only value of an answer.
    pub(super) async fn value(&mut self, sql: &str) -> Result<String, Error> {
        self.row(sql).await?.into_iter().next().flatten().ok_or_else(no_row)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Otherwise a task that waits for a hung server would wait forever.
        self.client.abort();
    }
}

/// Runs SQL, or a command of the replication protocol, on a client that has not started to stream.
pub(super) async fn query(client: &mut ReplicationClient, sql: &str) -> Result<Rows, Error> {
    query_within(PATIENCE, client, sql).await
}

/// The same for a command that may take this long.
pub(super) async fn query_within(
    patience: Duration,
    client: &mut ReplicationClient,
    sql: &str,
) -> Result<Rows, Error> {
    let rows = timeout(patience, client.simple_query(sql)).await;
    let rows = rows.map_err(|_| {
        Error::new(ErrorKind::Unavailable, "follow: the database did not answer in time")
    })?;
    let rows = rows.map_err(unavailable)?;
    let text = |value: bytes::Bytes| String::from_utf8_lossy(&value).into_owned();
    let row = |row: Vec<Option<bytes::Bytes>>| row.into_iter().map(|value| value.map(text));
    Ok(rows.into_iter().map(|columns| row(columns).collect()).collect())
}

fn no_row() -> Error {
    Error::new(ErrorKind::Unavailable, "follow: the database's answer has no row")
}

pub(super) fn unavailable(error: PgWireError) -> Error {
    let message = match &error {
        PgWireError::Server(message) if has_code(message, "42501") => {
            "follow: the database refused; the role needs the attribute REPLICATION: `alter role … replication`"
        }
        PgWireError::Server(message) if has_code(message, "53300") => {
            "follow: the database has no connection left for replication; raise `max_wal_senders`, of which a \
             follower takes two"
        }
        PgWireError::Server(message) if has_code(message, "55P03") => {
            "follow: the database makes a slot only when each transaction that writes is over, and one takes long; end \
             it (`select * from pg_stat_activity order by xact_start`), or, with Redis, name a permanent slot by \
             `PostgresLog::slot`"
        }
        // It says no more to those whose certificate is another user's than to those whose password is wrong.
        PgWireError::Server(message)
            if ["28000", "28P01"].iter().any(|code| has_code(message, code)) =>
        {
            "follow: the database refused the login; see that the URL has the right user and password and, if the database \
             demands a certificate, the files of one that is issued for this user and of its key, as `sslcert` and `sslkey`"
        }
        PgWireError::Server(_) => "follow: the database refused",
        PgWireError::Auth(_) => "follow: the database refused the login",
        PgWireError::Tls(message) => tls_failed(message),
        // By TLS 1.3 it comes after the client's part of the handshake is over.
        PgWireError::Io(error) if is_of_certificate(&error.to_string()) => REFUSED_CERTIFICATE,
        _ => "follow: the database cannot be reached",
    };
    Error::caused_by(ErrorKind::Unavailable, message, error)
}

const REFUSED_CERTIFICATE: &str = "follow: the database did not accept the certificate in the file `sslcert` of the URL; name \
    one of an authority that it trusts (`ssl_ca_file` there), and that is valid now";

/// Whether the server ended TLS because of the client's certificate.
fn is_of_certificate(reason: &str) -> bool {
    let alert = reason.split_once("received fatal alert: ").map(|(_, alert)| alert);
    // The last is that of an authority of the same name with another key.
    let named =
        |alert: &str| ["UnknownCA", "DecryptError"].iter().any(|name| alert.starts_with(name));
    alert.is_some_and(|alert| alert.contains("Certificate") || named(alert))
}

/// Returns what to do about a TLS failure. The transport gives its reason as text.
fn tls_failed(reason: &str) -> &'static str {
    if reason.contains("does not support TLS") {
        "follow: the database has no TLS, which `sslmode` asks for; turn it on there (`ssl = on`), or name another `sslmode` \
         in the URL"
    } else if reason.contains("not valid for name") {
        "follow: the database's certificate is another host's; name the host in the URL as the certificate does"
    } else if reason.contains("invalid peer certificate") {
        "follow: the database's certificate is not trusted; name the file with its authority's certificate in the URL, as \
         `sslrootcert`"
    } else if reason.contains("requires both") {
        "follow: a certificate of the user's needs both `sslcert` and `sslkey` in the URL"
    } else if is_of_certificate(reason) {
        REFUSED_CERTIFICATE
    } else if reason.contains("KeyMismatch") {
        "follow: the key in the file `sslkey` is not the certificate's in the file `sslcert`; name a certificate and its own key \
         in the URL"
    } else if reason.contains("client certificate") || reason.contains("no certificates found") {
        "follow: there is no certificate to be read in the file `sslcert` of the URL; name one in PEM that this process may read"
    } else if reason.contains("private key") || reason.contains("invalid client cert/key") {
        "follow: there is no key to be read in the file `sslkey` of the URL; name one in PEM that this process may read, without a \
         passphrase: `openssl pkey -in key.pem -out plain.pem` removes it"
    } else {
        "follow: TLS with the database failed; see that `sslrootcert`, `sslcert` and `sslkey` in the URL are files in PEM"
    }
}

/// Whether a server's message has this SQLSTATE. The transport gives the message as text.
pub(super) fn has_code(message: &str, code: &str) -> bool {
    message.ends_with(&format!("(SQLSTATE {code})"))
}

/// Returns the text as an SQL literal.
pub(super) fn literal(text: &str) -> String {
    let escaped = text.replace('\'', "''");
    if escaped.contains('\\') {
        format!("E'{}'", escaped.replace('\\', "\\\\"))
    } else {
        format!("'{escaped}'")
    }
}
