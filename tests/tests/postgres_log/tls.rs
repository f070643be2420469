//! The log is followed over TLS, from a server that was found to be the right one.

use std::error::Error as _;

use cachecow::log::PostgresLog;
use cachecow::{CacheCow, ErrorKind};
use cachecow_tests::followed::{Database, Note, SETTINGS, User};
use cachecow_tests::servers::{Authority, PostgresServer};
use rcgen::{Certificate, KeyPair};

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

/// A server that demands certificates of users.
async fn demanding(authority: &Authority) -> (Database, u16) {
    let mut server = PostgresServer::start_with(SETTINGS);
    server.demand_certificates(authority.file());
    let port = server.listen(Some(&authority.certify("localhost")));
    let database = Database::of(server).await;
    database.run(&cachecow::log::setup_sql::<(User, Note)>()).await;
    database.run("insert into notes values (1, '')").await;
    (database, port)
}

/// A user's certificate and key, in files.
struct Pair {
    folder: tempfile::TempDir,
}

impl Pair {
    fn of((certificate, key): &(Certificate, KeyPair)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("crt.pem"), certificate.pem()).unwrap();
        std::fs::write(folder.path().join("key.pem"), key.serialize_pem()).unwrap();
        Self { folder }
    }

    fn certificate(&self) -> String {
        format!("&sslcert={}", self.folder.path().join("crt.pem").display())
    }

    fn key(&self) -> String {
        format!("&sslkey={}", self.folder.path().join("key.pem").display())
    }

    /// The same with this text as the key.
    fn with_key(self, text: &str) -> Self {
        std::fs::write(self.folder.path().join("key.pem"), text).unwrap();
        self
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_followed_with_a_certificate_of_the_user_s() {
    let authority = Authority::new();
    let (database, port) = demanding(&authority).await;
    let pair = Pair::of(&authority.certify_user("cow"));
    let url =
        |mode| url("localhost", port, mode, Some(&authority)) + &pair.certificate() + &pair.key();
    assert!(is_followed_encrypted(&database, &url("verify-full")).await);
    assert!(is_followed_encrypted(&database, &url("require")).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_not_accepted_or_not_readable_is_refused_with_what_to_do() {
    let (authority, another) = (Authority::new(), Authority::new());
    let (_database, port) = demanding(&authority).await;
    let cow = || authority.certify_user("cow");
    let (good, other) = (Pair::of(&cow()), Pair::of(&cow()));
    let strangers = Pair::of(&another.certify_user("cow"));
    let somebody = Pair::of(&authority.certify_user("somebody"));
    let secret = cow();
    let plain = secret.1.serialize_pem();
    let encrypted = plain.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let encrypted = Pair::of(&secret).with_key(&encrypted);
    let old = plain
        .replace("KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n");
    let old = Pair::of(&secret).with_key(&old);
    let rubbish = Pair::of(&secret).with_key("swordfish");
    for (what, given, word) in [
        ("none", String::new(), "demands a certificate"),
        ("another's", strangers.certificate() + &strangers.key(), "did not accept the certificate"),
        ("somebody's", somebody.certificate() + &somebody.key(), "issued for this user"),
        ("half", good.certificate(), "both `sslcert` and `sslkey`"),
        ("the other half", good.key(), "both `sslcert` and `sslkey`"),
        ("not its key", good.certificate() + &other.key(), "not the certificate's"),
        ("no such file", good.certificate() + "&sslkey=/nonexistent", "`sslkey`"),
        ("no such file", "&sslcert=/nonexistent".to_owned() + &good.key(), "`sslcert`"),
        ("a folder", good.certificate() + "&sslkey=/tmp", "`sslkey`"),
        (
            "a key as certificate",
            good.key().replace("sslkey", "sslcert") + &good.key(),
            "`sslcert`",
        ),
        ("a passphrase", encrypted.certificate() + &encrypted.key(), "passphrase"),
        ("an old passphrase", old.certificate() + &old.key(), "passphrase"),
        ("rubbish", rubbish.certificate() + &rubbish.key(), "`sslkey`"),
    ] {
        let url = url("localhost", port, "verify-full", Some(&authority)) + &given;
        let log = PostgresLog::connect(&url);
        let error = CacheCow::memory().follow(log).types::<(User, Note)>().start().await;
        let error = error.err().unwrap_or_else(|| panic!("{what} is taken"));
        let all = format!("{error} {error:?} {}", error.source().expect("a reason"));
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{what}: {all}");
        assert!(error.to_string().contains(word), "{what}: {all}");
        let hidden = plain.lines().nth(1).unwrap();
        assert!(![hidden, "swordfish", "cud"].iter().any(|it| all.contains(it)), "{what}: {all}");
    }
}
