//! What a follower does when its log, its cache, or what it keeps there is not as it should be.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use cachecow::log::{
    Batch, ChangeLog, Follower, FollowerState, Heartbeat, LogPosition, Opened, Opening, Value,
};
use cachecow::{CacheCow, Error, Source};
use cachecow_tests::patient::patient;
use cachecow_tests::servers::RedisServer;
use cachecow_tests::told_log::Row;
use redis::aio::MultiplexedConnection;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// A log that tells of each change that it is told.
struct Steady {
    told: mpsc::UnboundedReceiver<i64>,
    read: u64,
    teller: Arc<Teller>,
}

#[derive(Default)]
struct Teller {
    end: AtomicU64,
    acknowledged: AtomicU64,
    /// Whether the log says when it is opened next that changes were missed.
    missed: AtomicBool,
    /// Whether older changes are not visible yet.
    unsettled: AtomicBool,
    /// Whether it fails the next time that it should wait until changes are visible.
    fails: AtomicBool,
}

impl Teller {
    fn has_acknowledged(&self, position: u64) -> bool {
        self.acknowledged.load(Ordering::SeqCst) >= position
    }
}

fn steady(read: u64) -> (Steady, Arc<Teller>, impl Fn(i64)) {
    let (tell, told) = mpsc::unbounded_channel();
    let teller = Arc::new(Teller::default());
    teller.end.store(read, Ordering::SeqCst);
    let log = Steady { told, read, teller: Arc::clone(&teller) };
    let told = Arc::clone(&teller);
    let change = move |id| {
        told.end.fetch_add(1, Ordering::SeqCst);
        tell.send(id).expect("the follower is at work");
    };
    (log, teller, change)
}

impl ChangeLog for Steady {
    fn reads_alone(&self) -> bool {
        true
    }

    async fn open(&mut self) -> Result<Opening, Error> {
        let mut opened = Opened::at("steady", LogPosition::new(self.read));
        let missed = self.teller.missed.swap(false, Ordering::SeqCst);
        opened.missed = missed.then(|| "it says so".to_owned());
        opened.unsettled = self.teller.unsettled.load(Ordering::SeqCst);
        Ok(Opening::Open(opened))
    }

    async fn next(&mut self, batch: &mut Batch) -> Result<(), Error> {
        let Some(id) = self.told.recv().await else { return std::future::pending().await };
        self.read += 1;
        let row = cachecow::log::Row::new().with("id", Value::text(id.to_string()));
        assert!(batch.change("public", "rows", None, Some(&row)));
        batch.set_position(LogPosition::new(self.read));
        Ok(())
    }

    async fn settle(&mut self) -> Result<(), Error> {
        if self.teller.fails.swap(false, Ordering::SeqCst) {
            return Err(Error::unavailable("the log", std::io::Error::other("as told")));
        }
        Ok(())
    }

    async fn acknowledge(&mut self, position: LogPosition) -> Result<(), Error> {
        self.teller.acknowledged.store(position.number(), Ordering::SeqCst);
        Ok(())
    }

    async fn end(&mut self) -> Result<LogPosition, Error> {
        Ok(LogPosition::new(self.teller.end.load(Ordering::SeqCst)))
    }

    async fn heartbeat(&mut self, _: &mut Batch) -> Result<Heartbeat, Error> {
        let unsettled = self.teller.unsettled.load(Ordering::SeqCst);
        Ok(Heartbeat::default().with_end(self.end().await?).with_unsettled(unsettled))
    }
}

async fn follow(cow: &CacheCow, log: Steady) -> Follower {
    let follower = cow.follow(log).types::<Row>().start().await.unwrap();
    follower.caught_up().await.unwrap();
    follower
}

async fn source(cow: &CacheCow, id: i64) -> Source {
    cow.read(Row::by_id(id)).await.unwrap().source
}

/// Lets the follower go on until this holds.
async fn until(what: &str, holds: impl Fn() -> bool) {
    let held = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    assert!(timeout(Duration::from_secs(60), held).await.is_ok(), "never: {what}");
}

/// The place and the bytes of the follower's mark.
async fn mark(redis: &mut MultiplexedConnection) -> (Vec<u8>, Vec<u8>) {
    let keys: Vec<Vec<u8>> = redis::cmd("KEYS").arg("*").query_async(redis).await.unwrap();
    for key in keys {
        let value: redis::RedisResult<Vec<u8>> =
            redis::cmd("GET").arg(&key).query_async(redis).await;
        if let Ok(value) = value
            && value.windows(6).any(|part| part == b"steady")
        {
            return (key, value);
        }
    }
    panic!("there is no mark");
}

/// As after a failover to a replica that lacks the last writes, or a restart from an old snapshot: values are back whose
/// invalidation was acknowledged.
#[tokio::test(flavor = "multi_thread")]
async fn a_cache_that_came_back_older_is_emptied() {
    let redis = RedisServer::start();
    let mut connection = redis.connection().await;
    let cow = patient().open(&redis.url()).await.unwrap();
    let (log, teller, change) = steady(0);
    let follower = follow(&cow, log).await;
    change(1);
    until("acknowledged", || teller.has_acknowledged(1)).await;
    let (key, older) = mark(&mut connection).await;
    source(&cow, 7).await;
    change(2);
    until("acknowledged", || teller.has_acknowledged(2)).await;
    assert_eq!(source(&cow, 7).await, Source::Cache);
    let drops = follower.status().drops;
    let put_back = redis::cmd("SET").arg(&key).arg(&older).to_owned();
    put_back.exec_async(&mut connection).await.unwrap();
    // Nothing else happens in the database.
    until("everything is invalidated", || follower.status().drops == drops + 1).await;
    assert_eq!(source(&cow, 7).await, Source::Fetched);
    assert!(follower.status().last_drop.unwrap().contains("older"));
    while mark(&mut connection).await.1 == older {
        tokio::task::yield_now().await;
    }
    change(3);
    until("acknowledged", || teller.has_acknowledged(3)).await;
    assert_eq!(follower.status().drops, drops + 1, "once is enough");
}

/// A full Redis with the policy `noeviction` still deletes, so every change is invalidated.
#[tokio::test(flavor = "multi_thread")]
async fn a_mark_that_cannot_be_stored_is_told() {
    let redis = RedisServer::start();
    let mut connection = redis.connection().await;
    let mut bound = async |bytes: u64| {
        let set = redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg(bytes).to_owned();
        set.exec_async(&mut connection).await.unwrap();
    };
    let cow = patient().open(&redis.url()).await.unwrap();
    let (log, teller, change) = steady(0);
    let follower = follow(&cow, log).await;
    bound(1).await;
    change(1);
    let is_told = |error: Option<String>| error.is_some_and(|it| it.contains("cannot be stored"));
    until("told", || is_told(follower.status().error)).await;
    let status = follower.status();
    assert_eq!(
        (status.state, status.settled),
        (FollowerState::Following, Some(LogPosition::new(1)))
    );
    assert!(!teller.has_acknowledged(1));
    bound(0).await;
    until("acknowledged", || teller.has_acknowledged(1)).await;
    until("all is well", || follower.status().error.is_none()).await;
}

/// The log says but once that changes were missed. What becomes visible late must be invalidated nevertheless.
#[tokio::test(start_paused = true)]
async fn what_was_missed_is_invalidated_though_the_log_fails_meanwhile() {
    let cow = CacheCow::memory();
    let (log, teller, change) = steady(0);
    let first = follow(&cow, log).await;
    change(1);
    until("acknowledged", || teller.has_acknowledged(1)).await;
    first.stop().await;
    let (log, teller, _change) = steady(1);
    teller.missed.store(true, Ordering::SeqCst);
    teller.unsettled.store(true, Ordering::SeqCst);
    let follower = follow(&cow, log).await;
    assert_eq!(follower.status().drops, 1);
    source(&cow, 7).await;
    teller.fails.store(true, Ordering::SeqCst);
    teller.unsettled.store(false, Ordering::SeqCst);
    until("everything is invalidated", || follower.status().drops == 2).await;
    assert_eq!(follower.status().opened, 2);
    assert_eq!(source(&cow, 7).await, Source::Fetched);
    until("acknowledged", || teller.has_acknowledged(1)).await;
}

/// Its handle may be kept for as long as one likes.
#[tokio::test(start_paused = true)]
async fn a_view_waits_for_the_follower_that_is_not_stopped() {
    let cow = CacheCow::memory();
    let (log, _teller, _change) = steady(0);
    let first = follow(&cow, log).await;
    first.stop().await;
    let (log, _teller, change) = steady(0);
    let second = follow(&cow, log).await;
    change(1);
    let position = second.caught_up().await.unwrap();
    cow.with(&()).after(position).await.unwrap();
    assert_eq!(first.status().state, FollowerState::Stopped);
}
