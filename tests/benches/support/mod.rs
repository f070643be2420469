//! What the benchmarks share: the objects, their source, the bare way to cache them, and medians.

#![allow(dead_code, reason = "each benchmark uses a part")]

pub(crate) mod compare;
pub(crate) mod far;
pub(crate) mod readers;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cachecow::{CacheCow, Cached};
use cachecow_tests::servers::RedisServer;
use redis::aio::MultiplexedConnection;
use serde::{Deserialize, Serialize};

/// As many as most benchmarks read.
pub(crate) const USERS: i64 = 1_000;

/// Encodes to about 138 bytes as a map, with its field names, and to 92 as an array.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Cached)]
#[cache(context = Source, ttl = "1h")]
#[cache(key = "user:{id}", fetch = Source::user, fetch_many = Source::users)]
#[cache(key = "user:email:{email}", fetch = Source::user_by_email)]
pub(crate) struct User {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) company: String,
    pub(crate) active: bool,
    pub(crate) created_at: i64,
    pub(crate) logins: u32,
}

impl User {
    pub(crate) fn new(id: i64) -> Self {
        Self {
            id,
            name: "Augusta Ada King".to_owned(),
            email: email(id),
            company: "Analytical Engines of Lovelace".to_owned(),
            active: true,
            created_at: 1_700_000_000_000,
            logins: 70_000,
        }
    }
}

pub(crate) fn email(id: i64) -> String {
    format!("user{id:08}@example.com")
}

/// As a [`User`], and with a tag that ten of them share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Cached)]
#[cache(ttl = "1h")]
#[cache(tag = "company:{company}")]
#[cache(key = "one_tag:{id}", fetch = OneTag::find, fetch_many = OneTag::find_many)]
pub(crate) struct OneTag {
    pub(crate) id: i64,
    name: String,
    email: String,
    company: String,
    active: bool,
    created_at: i64,
    logins: u32,
}

impl OneTag {
    fn new(id: i64) -> Self {
        let User { id, name, email, active, created_at, logins, .. } = User::new(id);
        // As long as the user's.
        let company = format!("Analytical Engines of {:08}", id / 10);
        Self { id, name, email, company, active, created_at, logins }
    }

    async fn find(id: i64) -> Result<Self, Infallible> {
        Ok(Self::new(id))
    }

    async fn find_many(ids: &[i64]) -> Result<Vec<Self>, Infallible> {
        Ok(ids.iter().copied().map(Self::new).collect())
    }
}

/// A backing store that answers at once, so that what is measured is the cache.
#[derive(Debug)]
pub(crate) struct Source;

impl Source {
    async fn user(&self, id: i64) -> Result<User, Infallible> {
        Ok(User::new(id))
    }

    async fn users(&self, ids: &[i64]) -> Result<Vec<User>, Infallible> {
        Ok(ids.iter().copied().map(User::new).collect())
    }

    async fn user_by_email(&self, email: &str) -> Result<Option<User>, Infallible> {
        Ok(email.get(4..12).and_then(|id| id.parse().ok()).map(User::new))
    }
}

/// How the bare cache encodes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Encoding {
    /// With the fields' names, as cachecow does.
    Map,
    /// Without.
    Array,
}

impl Encoding {
    pub(crate) fn encode(self, user: &User) -> Vec<u8> {
        let encoded = match self {
            Self::Map => rmp_serde::to_vec_named(user),
            Self::Array => rmp_serde::to_vec(user),
        };
        encoded.expect("a user can be serialized")
    }

    pub(crate) fn key(self, id: i64) -> String {
        match self {
            Self::Map => format!("map:user:{id}"),
            Self::Array => format!("array:user:{id}"),
        }
    }
}

/// A server, a cache and a bare connection to it, with users `0..count` stored for each.
pub(crate) struct Setup {
    pub(crate) server: RedisServer,
    pub(crate) cow: CacheCow,
    pub(crate) bare: MultiplexedConnection,
}

impl Setup {
    pub(crate) async fn with_users(count: i64) -> Self {
        let server = RedisServer::start();
        let cow = CacheCow::open(&server.url()).await.expect("a valid address");
        let mut bare = server.connection().await;
        for id in 0..count {
            // Twice: the second read is the first hit, and hits decide what later reads ask first.
            for _ in 0..2 {
                cow.with(&Source).get(User::by_id(id)).await.expect("the source does not fail");
            }
            for encoding in [Encoding::Map, Encoding::Array] {
                let value = encoding.encode(&User::new(id));
                let mut set = redis::cmd("SET");
                set.arg(encoding.key(id)).arg(value).arg("PX").arg(3_600_000);
                set.exec_async(&mut bare).await.expect("the server runs");
            }
        }
        Self { server, cow, bare }
    }
}

/// A connection to this address as [`RedisServer::connection`] makes it, which waits without a timeout.
pub(crate) async fn connect(url: &str) -> MultiplexedConnection {
    let client = redis::Client::open(url).expect("a valid address");
    let config = redis::AsyncConnectionConfig::new().set_response_timeout(None);
    let connecting = client.get_multiplexed_async_connection_with_config(&config);
    connecting.await.expect("the server runs")
}

/// Whether short rounds will do: `cargo bench … -- --quick`.
pub(crate) fn quick() -> bool {
    std::env::args().any(|argument| argument == "--quick")
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The median over the rounds of each round's ratio, so that a slow spell of the machine, which
/// meets both of a round, does not count.
pub(crate) fn median_ratio(ours: &[f64], theirs: &[f64]) -> f64 {
    median(ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect())
}

/// How often a second.
pub(crate) fn rate(count: u32, began: Instant) -> f64 {
    f64::from(count) / began.elapsed().as_secs_f64()
}

/// How often a second `tasks` tasks do it together, for the time of a window. Each is told when to
/// stop and with which user to begin, and says how often it did it.
pub(crate) async fn throughput<F>(
    tasks: u32,
    window: Duration,
    users: i64,
    one: impl Fn(Arc<AtomicBool>, i64) -> F,
) -> f64
where
    F: Future<Output = u32> + Send + 'static,
{
    let stop = Arc::new(AtomicBool::new(false));
    let began = Instant::now();
    let running: Vec<_> = (0..tasks)
        .map(|task| tokio::spawn(one(Arc::clone(&stop), i64::from(task) * 13 % users)))
        .collect();
    tokio::time::sleep(window).await;
    stop.store(true, Ordering::Relaxed);
    let mut count = 0;
    for task in running {
        count += task.await.expect("no task fails");
    }
    rate(count, began)
}

pub(crate) fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// Runs a benchmark on a runtime of two worker threads, on one of them.
pub(crate) fn run(bench: impl Future<Output = ()> + Send + 'static) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("threads");
    runtime.block_on(runtime.spawn(bench)).expect("the benchmark does not fail");
}
