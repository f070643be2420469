//! The log is followed over TLS, from a server that was found to be the right one.

use std::error::Error as _;

use cachecow::log::PostgresLog;
use cachecow::{CacheCow, ErrorKind};
use cachecow_tests::followed::{Database, Note, SETTINGS, User};
use cachecow_tests::servers::{Authority, PostgresServer};

use crate::faults::text;

/// A server on a loopback port, with a certificate for this host, or without TLS.
async fn listening(authority: &Authority, host: Option<&str>) -> (Database, u16) {
    let mut server = PostgresServer::start_with(SETTINGS);
    let certificate = host.map(|host| authority.certify(host));
    let port = server.listen(certificate.as_ref());
    let database = Database::of(server).await;
    database.run(&cachecow::log::setup_sql::<(User, Note)>()).await;
    database.run("insert into notes values (1, '')").await;
    (database, port)
}

fn url(host: &str, port: u16, mode: &str, authority: Option<&Authority>) -> String {
    let root = authority.map(|authority| format!("&sslrootcert={}", authority.file().display()));
    format!("postgres://cow:cud@{host}:{port}/postgres?sslmode={mode}{}", root.unwrap_or_default())
}

/// Follows a change by this URL; whether all connections for it were encrypted.
async fn is_followed_encrypted(database: &Database, url: &str) -> bool {
    let cow = CacheCow::memory();
    let follower = cow.follow(PostgresLog::connect(url)).types::<(User, Note)>().start().await;
    let follower = follower.unwrap_or_else(|error| panic!("{url}: {error:?}"));
    follower.caught_up().await.unwrap();
    text(&cow, database, 1).await;
    database.run(&format!("update notes set text = '{url}'")).await;
    follower.caught_up().await.unwrap();
    assert_eq!(text(&cow, database, 1).await, url);
    let sql = "select bool_and(ssl), count(*) from pg_stat_ssl join pg_stat_activity using (pid)
               where application_name like 'cachecow%'";
    let (encrypted, connections): (bool, i64) =
        sqlx::query_as(sql).fetch_one(&database.pool).await.unwrap();
    assert!(connections >= 2, "it takes two");
    follower.stop().await;
    encrypted
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_followed_over_tls() {
    let authority = Authority::new();
    let (database, port) = listening(&authority, Some("localhost")).await;
    let root = Some(&authority);
    for (mode, root) in
        [("require", None), ("require", root), ("verify-ca", root), ("verify-full", root)]
    {
        let url = url("localhost", port, mode, root);
        assert!(is_followed_encrypted(&database, &url).await, "{url}");
    }
    let url = url("localhost", port, "disable", None);
    assert!(!is_followed_encrypted(&database, &url).await, "{url}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_may_be_that_of_an_address() {
    let authority = Authority::new();
    let (database, port) = listening(&authority, Some("127.0.0.1")).await;
    let url = url("127.0.0.1", port, "verify-full", Some(&authority));
    assert!(is_followed_encrypted(&database, &url).await);
}

/// What `start` says, of which nothing may have the password.
async fn refusal(url: &str) -> String {
    let log = PostgresLog::connect(url);
    let error = CacheCow::memory().follow(log).types::<(User, Note)>().start().await;
    let error = error.err().unwrap_or_else(|| panic!("{url} is taken"));
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    let all = format!("{error} {error:?} {}", error.source().expect("a reason"));
    assert!(!all.contains("cud"), "{all}");
    error.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_the_right_one_is_refused_with_what_to_do() {
    let (authority, another) = (Authority::new(), Authority::new());
    let (_database, port) = listening(&authority, Some("localhost")).await;
    for (mode, root) in [
        ("require", Some(&another)),
        ("verify-ca", Some(&another)),
        ("verify-full", Some(&another)),
        ("verify-full", None),
    ] {
        let refused = refusal(&url("localhost", port, mode, root)).await;
        assert!(refused.contains("not trusted"), "{mode}: {refused}");
        assert!(refused.contains("`sslrootcert`"), "{mode}: {refused}");
    }
    for mode in ["verify-ca", "verify-full"] {
        let refused = refusal(&url("127.0.0.1", port, mode, Some(&authority))).await;
        assert!(refused.contains("another host's"), "{mode}: {refused}");
    }
    let missing = url("localhost", port, "verify-full", None) + "&sslrootcert=/nonexistent.pem";
    let refused = refusal(&missing).await;
    assert!(refused.contains("files in PEM"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_is_refused_where_it_is_asked_for() {
    let authority = Authority::new();
    let (database, port) = listening(&authority, None).await;
    for (mode, root) in [("require", None), ("verify-full", Some(&authority))] {
        let refused = refusal(&url("localhost", port, mode, root)).await;
        assert!(refused.contains("has no TLS"), "{mode}: {refused}");
    }
    let url = url("localhost", port, "prefer", None);
    assert!(!is_followed_encrypted(&database, &url).await);
}
