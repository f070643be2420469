//! Hold-off: after an invalidation nothing is stored for a while, for fetches that read lagging replicas.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cachecow::protocol::Command;
use cachecow::store::CacheDecorator;
use cachecow::{
    BackendErrorKind, CacheCow, Cached, Error, ErrorKind, Fill, KeyValueStore as _, Lookup,
    MemoryStore, Source,
};
use cachecow_tests::backends::{Fate, claims};
use cachecow_tests::caches::Cache;
use cachecow_tests::gate::Gate;
use cachecow_tests::on_both_backends;
use serde::{Deserialize, Serialize};

const SETTLE: Duration = Duration::from_secs(600);
const LONGER: Duration = Duration::from_secs(1200);

/// A database whose replica lags until it is told to catch up.
#[derive(Debug, Default)]
struct Database {
    primary: AtomicU64,
    replica: AtomicU64,
}

impl Database {
    fn write(&self) {
        self.primary.fetch_add(1, Ordering::SeqCst);
    }

    fn catch_up(&self) {
        self.replica.store(self.primary.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    fn version(&self) -> u64 {
        self.replica.load(Ordering::SeqCst)
    }
}

/// Fetched from the replica, which is given time to settle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Cached)]
#[cache(context = Database, settle = "10m")]
#[cache(key = "settling:{id}", fetch = Settling::find)]
struct Settling {
    id: u32,
    version: u64,
}

impl Settling {
    async fn find(database: &Database, id: u32) -> Result<Self, Infallible> {
        Ok(Self { id, version: database.version() })
    }
}

/// The same without, as a control.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Cached)]
#[cache(context = Database)]
#[cache(key = "hasty:{id}", fetch = Hasty::find)]
struct Hasty {
    id: u32,
    version: u64,
}

impl Hasty {
    async fn find(database: &Database, id: u32) -> Result<Self, Infallible> {
        Ok(Self { id, version: database.version() })
    }
}

/// Whether what is read now is stored.
async fn fills(cow: &CacheCow, id: u32) -> bool {
    let read = cow.with(&Database::default()).read(Settling::by_id(id)).await.unwrap();
    read.source == Source::Cache || read.fill == Fill::Stored
}

/// Lets the time pass: with the clock of the embedded cache, or by hand, after a look at the time
/// that Redis has noted down.
async fn pass(cache: &Cache, lookup: &impl Lookup, time: Duration) {
    let Some(server) = &cache.server else {
        return tokio::time::advance(time).await;
    };
    let mut look = server.connection().await;
    let flag = format!("flag:{{{}}}", lookup.key().key());
    let left: u64 = redis::cmd("PTTL").arg(&flag).query_async(&mut look).await.unwrap();
    let millis = u64::try_from(time.as_millis()).unwrap();
    assert!((millis - 60_000..=millis).contains(&left), "{left} ms of {millis} left");
    assert_eq!(holds(&mut look, &flag).await, 1, "one hold and no more");
    redis::cmd("DEL").arg(&flag).exec_async(&mut look).await.unwrap();
}

/// How many holds there are.
async fn holds(look: &mut redis::aio::MultiplexedConnection, flag: &str) -> usize {
    let mut range = redis::cmd("ZRANGE");
    let marks: Vec<Vec<u8>> = range.arg(flag).arg(0).arg(-1).query_async(look).await.unwrap();
    // A writer alone is marked as such.
    marks.iter().filter(|mark| *mark != b"alone").count()
}

/// A fetch from the replica between the invalidation and the replica's catching up. Returns what is
/// read when all is settled.
macro_rules! read_around_a_lag {
    ($cache:expr, $lookup:expr) => {{
        let (cow, database) = ($cache.open_default(), Database::default());
        let view = cow.with(&database);
        assert_eq!(view.get($lookup).await.unwrap().unwrap().version, 0);
        database.write();
        cow.invalidate($lookup).await.unwrap();
        assert_eq!(view.get($lookup).await.unwrap().unwrap().version, 0, "the replica lags");
        database.catch_up();
        view.get($lookup).await.unwrap().unwrap().version
    }};
}

fn is_hold(command: &Command) -> bool {
    matches!(command, Command::Hold { .. })
}

on_both_backends! {
    async fn a_lagging_replica_leaves_nothing_stale(cache) {
        assert_eq!(read_around_a_lag!(cache, Settling::by_id(1)), 1);
    }

    async fn without_the_hold_off_a_lagging_replica_leaves_stale_data(cache) {
        assert_eq!(read_around_a_lag!(cache, Hasty::by_id(1)), 0, "the control must go stale");
    }

    async fn nothing_is_stored_until_it_has_settled(cache) {
        let cow = cache.open_default();
        assert!(fills(&cow, 1).await);
        cow.invalidate(Settling::by_id(1)).await.unwrap();
        for _ in 0..3 {
            assert!(!fills(&cow, 1).await);
        }
        assert!(fills(&cow, 2).await, "of another key");
        pass(&cache, &Settling::by_id(1), SETTLE).await;
        assert!(fills(&cow, 1).await);
        assert!(cache.has(&Settling::by_id(1)).await);
    }

    async fn a_fetch_that_began_before_the_invalidation_is_not_stored_after_it(cache) {
        // An invalidation with a hold-off is no weaker than one without.
        let (cow, gate) = (cache.open_default(), Gate::new());
        cache.script().next(claims, Fate::AnswerLate(Arc::clone(&gate)));
        let database = Database::default();
        let (read, ()) = tokio::join!(cow.with(&database).read(Settling::by_id(1)), async {
            gate.arrived().await;
            cow.invalidate(Settling::by_id(1)).await.unwrap();
            pass(&cache, &Settling::by_id(1), SETTLE).await;
            gate.open();
        });
        assert_eq!(read.unwrap().fill, Fill::Refused);
    }

    async fn after_a_write_nothing_is_stored_until_it_has_settled(cache) {
        let cow = cache.open_default();
        let work = async {
            assert!(!fills(&cow, 1).await);
            Ok::<_, Error>(())
        };
        cow.write(Settling::by_id(1), work).await.unwrap();
        assert!(!fills(&cow, 1).await);
        // The write's own hold, a minute, is over by then and is no second mark.
        pass(&cache, &Settling::by_id(1), SETTLE).await;
        assert!(fills(&cow, 1).await);
    }

    async fn a_write_that_fails_settles_too(cache) {
        let cow = cache.open_default();
        let work = async { Err::<(), _>(Error::fetch("the work", std::io::Error::other("its own"))) };
        assert!(cow.write(Settling::by_id(1), work).await.is_err());
        pass(&cache, &Settling::by_id(1), SETTLE).await;
        assert!(fills(&cow, 1).await);
    }

    async fn overlapping_writes_settle_from_the_last_one_s_end(cache) {
        let (a, b, gate) = (cache.open_default(), cache.open_default(), Gate::new());
        let long = async {
            gate.pass().await;
            Ok::<_, Error>(())
        };
        let (long, ()) = tokio::join!(a.write(Settling::by_id(1), long), async {
            gate.arrived().await;
            b.write(Settling::by_id(1), async { Ok::<_, Error>(()) }).await.unwrap();
            b.invalidate(Settling::by_id(1)).await.unwrap();
            if cache.server.is_none() {
                tokio::time::advance(SETTLE / 2).await;
            }
            gate.open();
        });
        long.unwrap();
        assert!(!fills(&a, 1).await);
        if let Some(server) = &cache.server {
            let mut look = server.connection().await;
            let flag = format!("flag:{{{}}}", Settling::by_id(1).key().key());
            assert_eq!(holds(&mut look, &flag).await, 3, "two writers and an invalidation");
        } else {
            tokio::time::advance(SETTLE / 2).await;
            assert!(!fills(&a, 1).await, "the first has settled, the second has not");
            tokio::time::advance(SETTLE / 2).await;
            assert!(fills(&a, 1).await);
        }
    }

    async fn each_key_of_a_call_has_its_own_time(cache) {
        let (cow, database) = (cache.open_default(), Database::default());
        cow.write((Settling::by_id(1), Hasty::by_id(1)), async { Ok::<_, Error>(()) }).await.unwrap();
        let hasty = cow.with(&database).read(Hasty::by_id(1)).await.unwrap();
        assert_eq!(hasty.fill, Fill::Stored);
        assert!(!fills(&cow, 1).await);
        pass(&cache, &Settling::by_id(1), SETTLE).await;
        assert!(fills(&cow, 1).await);
    }

    async fn of_a_key_named_twice_the_longest_time_counts(cache) {
        let cow = cache.open(CacheCow::builder().settle(LONGER));
        let key = Settling::by_id(1).key().key();
        for keys in [(Some(key), Settling::by_id(1), None), (None, Settling::by_id(1), Some(key))] {
            cow.write(keys, async { Ok::<_, Error>(()) }).await.unwrap();
            pass(&cache, &Settling::by_id(1), LONGER).await;
            assert!(fills(&cow, 1).await);
        }
    }

    async fn the_builder_s_time_is_for_all_that_has_none_of_its_own(cache) {
        let cow = cache.open(CacheCow::builder().settle(LONGER));
        let database = Database::default();
        cow.invalidate_many([Hasty::by_id(1)]).await.unwrap();
        let hasty = cow.with(&database).read(Hasty::by_id(1)).await.unwrap();
        assert_eq!(hasty.fill, Fill::Skipped);
        pass(&cache, &Hasty::by_id(1), LONGER).await;
        cow.invalidate_object(&Settling { id: 1, version: 0 }).await.unwrap();
        pass(&cache, &Settling::by_id(1), SETTLE).await;
        // And for a store's values.
        let decorated = CacheDecorator::new(cow, MemoryStore::new());
        decorated.put_bytes("a", "1".into(), cachecow::store::Ttl::default()).await.unwrap();
        assert_eq!(decorated.read("a").await.unwrap().fill, Fill::Skipped);
        decorated.invalidate("b").await.unwrap();
    }

    async fn an_invalidation_that_is_retried_settles_too(cache) {
        let cow = cache.open_default();
        for of_a_write in [false, true] {
            assert!(fills(&cow, 1).await);
            cache.script().next(is_hold, Fate::Fail(BackendErrorKind::Disconnected));
            if of_a_write {
                cache.script().next(is_hold, Fate::LoseAnswer);
                let work = async { Ok::<_, Error>(()) };
                let written = cow.write(Settling::by_id(1), work).outcome().await;
                written.result.unwrap();
                let error = written.invalidated.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::NotInvalidated);
            } else {
                let error = cow.invalidate(Settling::by_id(1)).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::NotInvalidated);
            }
            cache.until_nothing_is_pending(&cow).await;
            pass(&cache, &Settling::by_id(1), SETTLE).await;
        }
    }

    async fn a_write_cancelled_without_its_hold_settles_too(cache) {
        let cow = cache.open_default();
        cache.script().next(is_hold, Fate::Fail(BackendErrorKind::Disconnected));
        let begun = Gate::new();
        let work = async {
            begun.pass().await;
            Ok::<_, Error>(())
        };
        tokio::select! {
            biased;
            _ = cow.write(Settling::by_id(1), work) => unreachable!("the work does not end"),
            () = begun.arrived() => {}
        }
        cache.until_nothing_is_pending(&cow).await;
        pass(&cache, &Settling::by_id(1), SETTLE).await;
    }

    async fn a_write_that_is_refused_leaves_nothing_to_settle(cache) {
        let cow = cache.open_default();
        cache.script().next(is_hold, Fate::LoseAnswer);
        let write = cow.write(Settling::by_id(1), async { Ok::<_, Error>(()) }).require_hold();
        assert!(matches!(write.await, Err(cachecow::WriteError::HoldRefused(_))));
        assert!(fills(&cow, 1).await);
    }
}
