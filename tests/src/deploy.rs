//! What two versions of a program have in common that run during a rolling deploy: everything but
//! their structs.

use std::io::BufRead as _;
use std::time::Duration;

use cachecow::{CacheCow, CacheKeys, Error, Fill, Lookup};
use redis::AsyncCommands as _;
use redis::aio::MultiplexedConnection;

/// The rows that both versions read: each is a version number, in a Redis of its own names.
#[derive(Clone, Debug)]
pub struct Database(MultiplexedConnection);

/// An object that tells which version of its row it was made of.
pub trait Versioned {
    /// The row's version.
    fn version(&self) -> u64;
}

impl Database {
    /// The row's version, 0 at first.
    ///
    /// # Errors
    ///
    /// If the server does not answer.
    pub async fn version(&self, id: u64) -> Result<u64, redis::RedisError> {
        let version: Option<u64> = self.0.clone().get(format!("row:{id}")).await?;
        Ok(version.unwrap_or(0))
    }

    async fn bump(&self, id: u64) -> Result<u64, Error> {
        let bumped = self.0.clone().incr(format!("row:{id}"), 1).await;
        bumped.map_err(|error: redis::RedisError| Error::fetch("the row", error))
    }

    /// No read that begins from now on may show an older version.
    async fn announce(&self, id: u64, version: u64) {
        let mut raise = redis::cmd("ZADD");
        raise.arg("announced").arg("GT").arg(version).arg(id);
        raise.exec_async(&mut self.0.clone()).await.expect("the server runs");
    }

    async fn announced(&self, id: u64) -> u64 {
        let mut score = redis::cmd("ZSCORE");
        let score = score.arg("announced").arg(id).query_async(&mut self.0.clone()).await;
        score
            .map(|score: Option<String>| score.map_or(0, |score| score.parse().expect("a number")))
            .expect("the server runs")
    }
}

/// Does what the lines of standard input say, with the structs of one version of the program.
///
/// Arguments: the server's URL, the cache's namespace, and how old another version's value must be
/// to be replaced, in milliseconds. Orders:
///
/// - `account ID`, `badge ID` and `alias ID` read: `VERSION SOURCE FILL`.
/// - `invalidate ID` changes the row and then invalidates, `write ID` does it by `CacheCow::write`:
///   the new version.
/// - `run COUNT` reads and changes at random: how many of the reads were stale, how many values were
///   stored, and how many changes were made.
///
/// # Panics
///
/// If anything fails.
pub async fn serve<A, B, C, K>(
    account: impl Fn(u64) -> A,
    badge: impl Fn(u64) -> B,
    alias: impl Fn(u64) -> C,
    keys: impl Fn(u64) -> K,
) where
    A: Lookup<Context = Database, Object: Versioned>,
    B: Lookup<Context = Database, Object: Versioned>,
    C: Lookup<Context = Database, Object: Versioned>,
    K: CacheKeys,
{
    let arguments: Vec<String> = std::env::args().collect();
    let [_, url, namespace, replace_after] = &arguments[..] else {
        panic!("usage: URL NAMESPACE REPLACE_AFTER_MS");
    };
    let connection = crate::patient::connect(url).await.expect("the server runs");
    let database = Database(connection);
    let replace_after = Duration::from_millis(replace_after.parse().expect("a number"));
    let builder = crate::patient::patient().namespace(namespace).replace_after(replace_after);
    let program = Program { cow: builder.open(url).await.expect("a valid address"), database };
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("text");
        let (order, number) = line.split_once(' ').expect("an order and a number");
        let number: u64 = number.parse().expect("a number");
        match order {
            "account" => println!("{}", program.read(account(number)).await.shown()),
            "badge" => println!("{}", program.read(badge(number)).await.shown()),
            "alias" => println!("{}", program.read(alias(number)).await.shown()),
            "invalidate" => println!("{}", program.invalidate(number, keys(number)).await),
            "write" => println!("{}", program.write(number, keys(number)).await),
            "run" => println!("{}", program.run(number, &account, &badge, &keys).await),
            _ => panic!("no such order: {order}"),
        }
    }
}

struct Program {
    cow: CacheCow,
    database: Database,
}

struct Seen {
    version: u64,
    source: cachecow::Source,
    fill: Fill,
}

impl Seen {
    fn shown(&self) -> String {
        format!("{} {:?} {:?}", self.version, self.source, self.fill)
    }
}

impl Program {
    async fn read<L>(&self, lookup: L) -> Seen
    where
        L: Lookup<Context = Database, Object: Versioned>,
    {
        let read = self.cow.with(&self.database).read(lookup).await.expect("no read fails");
        let version = read.value.expect("every row exists").version();
        Seen { version, source: read.source, fill: read.fill }
    }

    async fn invalidate(&self, id: u64, keys: impl CacheKeys) -> u64 {
        let version = self.database.bump(id).await.expect("the server runs");
        self.cow.invalidate(keys).await.expect("no invalidation fails");
        self.database.announce(id, version).await;
        version
    }

    async fn write(&self, id: u64, keys: impl CacheKeys) -> u64 {
        let work = self.database.bump(id);
        let version = self.cow.write(keys, work).await.expect("no write fails");
        self.database.announce(id, version).await;
        version
    }

    async fn run<A, B, K>(
        &self,
        count: u64,
        account: impl Fn(u64) -> A,
        badge: impl Fn(u64) -> B,
        keys: impl Fn(u64) -> K,
    ) -> String
    where
        A: Lookup<Context = Database, Object: Versioned>,
        B: Lookup<Context = Database, Object: Versioned>,
        K: CacheKeys,
    {
        let (mut stale, mut stored, mut changes) = (0, 0, 0);
        for step in 0..count {
            let id = step % 3 + 1;
            // The processes do not move in step: each waits for the server's answers.
            match step % 11 {
                4 => _ = self.invalidate(id, keys(id)).await,
                8 => _ = self.write(id, keys(id)).await,
                _ => {
                    let announced = self.database.announced(id).await;
                    let seen = if step % 2 == 0 {
                        self.read(account(id)).await
                    } else {
                        self.read(badge(id)).await
                    };
                    stale += u64::from(seen.version < announced);
                    stored += u64::from(seen.fill == Fill::Stored);
                    continue;
                }
            }
            changes += 1;
        }
        let mut types = self.cow.stats().types.into_values();
        let failures =
            types.find(|of| of.decode_failures + of.backend_errors + of.fetch_errors > 0);
        assert!(failures.is_none(), "{failures:?}");
        format!("{stale} {stored} {changes}")
    }
}
