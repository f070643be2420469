//! A server that does not let the program in, or not everywhere.

use cachecow_tests::patient::connect;
use cachecow_tests::servers::RedisServer;

use crate::row::Circuit::{Opens, StaysClosed};
use crate::row::Seen::{Fetched, Never};
use crate::row::Told::{HoldRefused, NotInvalidated};
use crate::row::faults;
use crate::servers::say;
use crate::trial::{SECRET, Trial};

faults! {
    /// The address has no password, and the server wants one.
    async fn no_password(row) {
        kept: Never, other: Fetched, circuit: StaysClosed,
        invalidate: NotInvalidated, write: NotInvalidated, strict: HoldRefused,
        ping: "NOAUTH",
        remedy: "a URL with user and password",
    }
    {
        let server = RedisServer::start_with(&["--requirepass", SECRET]);
        let trial = Trial::cold(row, &server.url()).await.suffer().await;
        let mut control = connection(&with_password(&server)).await;
        say(&mut control, &["CONFIG", "SET", "requirepass", ""]).await;
        trial.recover(&server.url()).await;
    }

    /// The address has a wrong password.
    async fn wrong_password(row) {
        kept: Never, other: Fetched, circuit: Opens,
        invalidate: NotInvalidated, write: NotInvalidated, strict: HoldRefused,
        ping: "no connection: authentication failed; see the cache's URL",
        remedy: "a URL with the right one",
    }
    {
        let server = RedisServer::start_with(&["--requirepass", "another"]);
        let url = with_password(&server);
        let trial = Trial::cold(row, &url).await.suffer().await;
        let mut control = connection(&format!("{}?pass=another", server.url())).await;
        say(&mut control, &["CONFIG", "SET", "requirepass", SECRET]).await;
        trial.recover(&url).await;
    }

    /// The password is changed while the program runs, and its connections are closed.
    async fn password_changed(row) {
        kept: Fetched, other: Fetched, circuit: Opens,
        invalidate: NotInvalidated, write: NotInvalidated, strict: HoldRefused,
        ping: "no connection: authentication failed; see the cache's URL",
        remedy: "Redis takes two passwords of one user for the time of a change: `ACL SETUSER … >new`, \
                 then `<old`",
    }
    {
        let server = RedisServer::start_with(&["--requirepass", SECRET]);
        let url = with_password(&server);
        let trial = Trial::warm(row, &url).await;
        let mut control = connection(&url).await;
        say(&mut control, &["CONFIG", "SET", "requirepass", "another"]).await;
        say(&mut control, &["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).await;
        let trial = trial.suffer().await;
        say(&mut control, &["CONFIG", "SET", "requirepass", SECRET]).await;
        trial.recover(&url).await;
    }

    /// The user is deleted while the program runs.
    async fn user_deleted(row) {
        kept: Fetched, other: Fetched, circuit: Opens,
        invalidate: NotInvalidated, write: NotInvalidated, strict: HoldRefused,
        ping: "no connection: authentication failed; see the cache's URL",
        remedy: "create the user again, or open the cache with another",
    }
    {
        let server = RedisServer::start();
        let (url, mut control) = (with_user(&server), server.connection().await);
        let create = ["ACL", "SETUSER", "shop", "on", &format!(">{SECRET}"), "~*", "&*", "+@all"];
        say(&mut control, &create).await;
        let commands: [&[&str]; 2] = [&["ACL", "DELUSER", "shop"], &create];
        Trial::between(row, &url, &mut control, commands).await;
    }

    /// The user may not touch keys with these names.
    async fn keys_denied(row) {
        kept: Fetched, other: Fetched, circuit: StaysClosed,
        invalidate: NotInvalidated, write: NotInvalidated, strict: HoldRefused,
        ping: "",
        remedy: "`~<namespace>:cache:* ~<namespace>:flag:* ~<namespace>:tag:*`, without the namespace if \
                 there is none",
    }
    {
        let server = RedisServer::start();
        let (url, mut control) = (with_user(&server), server.connection().await);
        let create = ["ACL", "SETUSER", "shop", "on", &format!(">{SECRET}"), "+@all"];
        let allow = ["ACL", "SETUSER", "shop", "resetkeys", "~cache:*", "~flag:*", "~tag:*"];
        say(&mut control, &create).await;
        say(&mut control, &allow).await;
        let deny = ["ACL", "SETUSER", "shop", "resetkeys", "~other:*"];
        Trial::between(row, &url, &mut control, [&deny, &allow]).await;
    }

    /// The address names a database that the server does not have.
    async fn no_such_database(row) {
        kept: Never, other: Fetched, circuit: Opens,
        invalidate: NotInvalidated, write: NotInvalidated, strict: HoldRefused,
        ping: "no connection: there is no such database; see the cache's URL",
        remedy: "a database below the server's `databases`, or a `namespace`",
    }
    {
        let server = RedisServer::start_with(&["--databases", "1"]);
        Trial::cold(row, &format!("{}?db=1", server.url())).await.suffer().await;
    }
}

fn with_password(server: &RedisServer) -> String {
    format!("{}?pass={SECRET}", server.url())
}

/// The address for the user `shop`.
pub(crate) fn with_user(server: &RedisServer) -> String {
    format!("{}?user=shop&pass={SECRET}", server.url())
}

async fn connection(url: &str) -> redis::aio::MultiplexedConnection {
    connect(url).await.unwrap()
}
