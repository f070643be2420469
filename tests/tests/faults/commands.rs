//! A user who may do everything but one command, for each command that cachecow uses.

use std::collections::HashMap;
use std::convert::Infallible;
use std::time::Duration;

use cachecow::{CacheCow, Cached, Fill, Source};
use cachecow_tests::events::Events;
use cachecow_tests::patient::patient;
use cachecow_tests::seen::until_near;
use cachecow_tests::servers::RedisServer;
use cachecow_tests::store::{Item, Store};
use redis::aio::MultiplexedConnection;
use serde::{Deserialize, Serialize};

use crate::access::with_user;
use crate::row::Circuit::StaysClosed;
use crate::row::Row;
use crate::row::Seen::{Cached as Kept, Fetched, Stored};
use crate::row::Told::{Done, HoldRefused, NotInvalidated};
use crate::servers::say;
use crate::trial::{SECRET, Trial, within};

/// All is as ever.
const UNHARMED: Row = Row {
    name: "",
    what: "",
    kept: Kept,
    other: Stored,
    invalidate: Done,
    write: Done,
    strict: Done,
    ping: "",
    circuit: StaysClosed,
    remedy: "",
};

/// Nothing works.
const USELESS: Row = Row {
    kept: Fetched,
    other: Fetched,
    invalidate: NotInvalidated,
    write: NotInvalidated,
    strict: HoldRefused,
    ..UNHARMED
};

/// A row for each command that may be denied, and what it is used for.
pub(crate) const ROWS: &[Row] = &[
    Row { name: "GET", what: "lookups, claims, fills", kept: Fetched, other: Fetched, ..UNHARMED },
    Row { name: "MGET", what: "batches, waking of who waits, tags", ..UNHARMED },
    Row { name: "EVALSHA", what: "all else", ..USELESS },
    Row { name: "EVAL", what: "all else, where the server does not know the script", ..USELESS },
    Row { name: "SET", what: "claims, fills, tags", other: Fetched, ..UNHARMED },
    Row { name: "DEL", what: "fills, invalidations, holds", kept: Kept, ..USELESS },
    Row {
        name: "TYPE",
        what: "invalidations, holds, claims that are refused",
        other: Stored,
        kept: Kept,
        ..USELESS
    },
    Row {
        name: "TIME",
        what: "claims, holds, releases, tags",
        other: Fetched,
        write: NotInvalidated,
        strict: HoldRefused,
        ..UNHARMED
    },
    Row { name: "ZADD", what: "holds", strict: HoldRefused, ..UNHARMED },
    Row { name: "ZREM", what: "holds, releases", strict: HoldRefused, ..UNHARMED },
    Row { name: "ZCARD", what: "holds", strict: HoldRefused, ..UNHARMED },
    Row { name: "ZSCORE", what: "writes that store", ..UNHARMED },
    Row { name: "ZREMRANGEBYSCORE", what: "holds, releases", strict: HoldRefused, ..UNHARMED },
    Row {
        name: "ZRANGE",
        what: "holds, releases",
        write: NotInvalidated,
        strict: HoldRefused,
        ..UNHARMED
    },
    Row { name: "PEXPIREAT", what: "holds, releases", strict: HoldRefused, ..UNHARMED },
    Row { name: "PEXPIRE", what: "tags", ..UNHARMED },
    Row { name: "PTTL", what: "waking of who waits, tags", ..UNHARMED },
    Row { name: "PING", what: "`ping`, the near tier", ping: "NOPERM", ..UNHARMED },
    Row { name: "HELLO", what: "waking of who waits, the near tier", ..UNHARMED },
    Row { name: "CLIENT", what: "waking of who waits, the near tier", ..UNHARMED },
    Row { name: "WAIT", what: "`replica_acks`", ..UNHARMED },
];

#[tokio::test]
async fn each_command_denied() {
    let server = RedisServer::start();
    let (url, mut control) = (with_user(&server), server.connection().await);
    for row in ROWS {
        println!("{}", row.name);
        say(&mut control, &["FLUSHALL"]).await;
        allow(&mut control, &["~*", "+@all"]).await;
        let trial = Trial::warm(row, &url).await;
        allow(&mut control, &[&format!("-{}", row.name.to_lowercase())]).await;
        // So that the full scripts are sent as well.
        say(&mut control, &["SCRIPT", "FLUSH"]).await;
        let trial = trial.suffer().await;
        allow(&mut control, &["+@all"]).await;
        trial.recover(&url).await;
    }
}

/// No more is needed than what the document names.
#[tokio::test]
async fn these_commands_suffice() {
    let server = RedisServer::start();
    let (url, mut control) = (with_user(&server), server.connection().await);
    let commands: Vec<String> = ROWS.iter().map(|row| format!("+{}", row.name)).collect();
    let mut rules = vec!["~cache:*", "~flag:*", "~tag:*"];
    rules.extend(commands.iter().map(|rule| &**rule));
    allow(&mut control, &rules).await;
    Trial::warm(&UNHARMED, &url).await.suffer().await.recover(&url).await;

    let builder = patient().near(1 << 20).fill_wait(Duration::from_secs(60));
    let (store, cow) = (Store::with_items(9), builder.open(&url).await.unwrap());
    within(until_near(&cow, &store, [9])).await;
    assert!(cow.with(&store).get(Item::by_name("item 9")).await.unwrap().is_some());
    within(is_woken(&cow, &url, &store)).await;
    let member = Member { id: 1, org: 7 };
    for _ in 0..2 {
        assert_eq!(cow.get(Member::by_id(1)).await.unwrap().as_deref(), Some(&member));
    }
    cow.write(Member::tag_org(7), async { Ok::<_, Infallible>(()) }).require_hold().await.unwrap();
    cow.invalidate(Member::tag_org(7)).await.unwrap();
    let again = cow.write(Item::by_id(8), store.find(8)).storing(Option::as_ref);
    assert_eq!(again.outcome().await.stored, Fill::Stored);
    // There are no replicas, which is what the server answers.
    let builder = patient().replica_acks(1, Duration::from_millis(10));
    let acked = builder.open(&url).await.unwrap();
    let error = acked.invalidate(Item::by_id(9)).await.unwrap_err();
    assert!(format!("{error:?}").contains("acknowledged by 0 of 1 replicas"), "{error:?}");

    let log: redis::Value = redis::cmd("ACL").arg("LOG").query_async(&mut control).await.unwrap();
    assert_eq!(log, redis::Value::Array(Vec::new()), "nothing was denied");
}

/// A read that waits for another process is woken.
async fn is_woken(cow: &CacheCow, url: &str, store: &Store) {
    let other = patient().open(url).await.unwrap();
    let gate = store.gate();
    let (read, waited) = tokio::join!(other.with(store).get(Item::by_id(8)), async {
        gate.arrived().await;
        let reading = cow.with(store).read(Item::by_id(8));
        let opening = async {
            while cow.stats().of("Item").contended == 0 {
                tokio::task::yield_now().await;
            }
            gate.open();
        };
        tokio::join!(reading, opening).0
    });
    assert!(read.unwrap().is_some());
    assert_eq!(waited.unwrap().source, Source::Cache);
}

/// Where the server may not be listened to, nothing is kept near, and that is said once.
#[tokio::test]
async fn the_near_tier_without_client_tracking() {
    let server = RedisServer::start();
    let (url, mut control) = (with_user(&server), server.connection().await);
    allow(&mut control, &["~*", "+@all", "-client"]).await;
    let warnings = Events::warnings();
    let cow = patient().near(1 << 20).open(&url).await.unwrap();
    let store = Store::with_items(1);
    let mut heard = Vec::new();
    within(async {
        // The second attempt to listen.
        while denials(&mut control).await < 2 {
            let source = cow.with(&store).read(Item::by_id(1)).await.unwrap().source;
            assert_ne!(source, Source::Near);
            heard.extend(warnings.take_lines());
        }
    })
    .await;
    assert_eq!(cow.with(&store).read(Item::by_id(1)).await.unwrap().source, Source::Cache);
    heard.extend(warnings.take_lines());
    let [warning] = &heard[..] else { panic!("one warning: {heard:?}") };
    assert!(
        warning.starts_with("the near tier keeps nothing") && warning.contains("NOPERM"),
        "{warning}"
    );
}

/// How often the user was denied to track keys.
async fn denials(control: &mut MultiplexedConnection) -> i64 {
    let entries: Vec<HashMap<String, redis::Value>> =
        redis::cmd("ACL").arg("LOG").query_async(control).await.unwrap();
    let tracking = entries.iter().filter(|entry| {
        let object = entry.get("object").cloned().map(redis::from_redis_value::<String>);
        object.is_some_and(|object| object.unwrap().contains("tracking"))
    });
    let count = |entry: &HashMap<String, redis::Value>| {
        redis::from_redis_value::<i64>(entry["count"].clone()).unwrap()
    };
    tracking.map(count).sum()
}

/// Gives the user `shop` these rules besides.
async fn allow(control: &mut MultiplexedConnection, rules: &[&str]) {
    let password = format!(">{SECRET}");
    let user = ["ACL", "SETUSER", "shop", "on", &password];
    say(control, &[&user[..], rules].concat()).await;
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Cached)]
#[cache(key = "member:{id}", fetch = Member::find)]
#[cache(tag = "org:{org}")]
struct Member {
    id: u32,
    org: u32,
}

impl Member {
    async fn find(id: u32) -> Result<Member, Infallible> {
        Ok(Member { id, org: 7 })
    }
}
