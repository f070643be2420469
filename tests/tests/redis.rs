//! What is seen on the server: round trips, lifetimes, names, and what it may do to us.

use std::time::Duration;

use cachecow::protocol::Reply;
use cachecow::{CacheBackend as _, CacheCow, Cached, Fill, Key, Lookup as _, RedisBackend, Source};
use cachecow_tests::members::{Member, Members};
use cachecow_tests::patient::{connect_managed, patient};
use cachecow_tests::servers::RedisServer;
use cachecow_tests::store::{Item, Store, StoreDown};
use futures_util::FutureExt as _;
use redis::AsyncCommands as _;
use redis::aio::MultiplexedConnection;
use serde::{Deserialize, Serialize};

async fn open(server: &RedisServer) -> CacheCow {
    let cow = patient().open(&server.url()).await.unwrap();
    // The connection is made on first use; that is no part of what is counted.
    cow.ping().await.unwrap();
    cow
}

fn names(id: i64) -> [String; 2] {
    let hash = Item::by_id(id).key().key();
    [format!("cache:{{{hash}}}"), format!("flag:{{{hash}}}")]
}

/// How many hits a type needs before its reads begin with a lookup.
async fn warm_up(cow: &CacheCow, store: &Store) {
    for _ in 0..32 {
        cow.with(store).get(Item::by_id(1)).await.unwrap();
    }
}

async fn round_trips(
    server: &RedisServer,
    look: &mut MultiplexedConnection,
    action: impl Future<Output = ()>,
) -> u64 {
    let before = server.reads(look).await;
    action.await;
    // The second question is itself a read, and was not there before.
    server.reads(look).await - before - 1
}

#[tokio::test]
async fn every_operation_costs_the_round_trips_it_says() {
    let server = RedisServer::start();
    let mut look = server.connection().await;
    let (store, cow) = (Store::with_items(400), open(&server).await);
    let view = cow.with(&store);
    let get = |id| async move { assert!(view.get(Item::by_id(id)).await.unwrap().is_some()) };
    let get_many = |from: i64, to: i64| async move {
        let items = view.get_many((from..=to).map(Item::by_id)).await.unwrap();
        assert!(items.iter().all(Option::is_some));
    };
    let write = || async {
        let work = async { Ok::<_, cachecow::Error>(()) };
        cow.write([1, 2].map(Item::by_id), work).await.unwrap();
    };

    // The scripts get to know the server.
    get(400).await;
    cow.invalidate(Item::by_id(400)).await.unwrap();
    write().await;

    assert_eq!(round_trips(&server, &mut look, get(1)).await, 2, "a cold read");
    assert_eq!(round_trips(&server, &mut look, get(1)).await, 1, "a hit while cold");
    // Few enough that the server takes the fills in with one read.
    assert_eq!(round_trips(&server, &mut look, get_many(101, 140)).await, 2, "a cold batch");
    get_many(101, 200).await;
    warm_up(&cow, &store).await;
    assert_eq!(round_trips(&server, &mut look, get(1)).await, 1, "a hit");
    assert_eq!(round_trips(&server, &mut look, get_many(101, 200)).await, 1, "a batch of hits");
    assert_eq!(round_trips(&server, &mut look, get(2)).await, 3, "a miss among hits");
    let invalidate = async { cow.invalidate(Item::by_id(1)).await.unwrap() };
    assert_eq!(round_trips(&server, &mut look, invalidate).await, 1, "an invalidation");
    let many = async { cow.invalidate_many((101..=200).map(Item::by_id)).await.unwrap() };
    assert_eq!(round_trips(&server, &mut look, many).await, 1, "a hundred invalidations");
    assert_eq!(round_trips(&server, &mut look, write()).await, 2, "a write");

    let loser = patient().fill_wait(Duration::ZERO).open(&server.url()).await.unwrap();
    loser.ping().await.unwrap();
    let gate = store.gate();
    let (_, ()) = tokio::join!(view.get(Item::by_id(300)), async {
        gate.arrived().await;
        let lost = async { drop(loser.with(&store).get(Item::by_id(300)).await.unwrap()) };
        assert_eq!(round_trips(&server, &mut look, lost).await, 1, "the loser of a claim");
        gate.open();
    });
}

#[tokio::test]
async fn a_read_by_an_alias_costs_the_round_trips_it_says() {
    let server = RedisServer::start();
    let mut look = server.connection().await;
    let (store, cow) = (Store::with_items(400), open(&server).await);
    let view = cow.with(&store);
    let name = |id: i64| Item::by_name(format!("item {id}"));
    let get = |id| async move { assert!(view.get(name(id)).await.unwrap().is_some()) };
    let get_many = |from: i64, to: i64| async move {
        let items = view.get_many((from..=to).map(name)).await.unwrap();
        assert!(items.iter().all(Option::is_some));
    };

    // The scripts get to know the server.
    get(400).await;
    cow.invalidate(Item::by_id(400)).await.unwrap();
    get(400).await;

    assert_eq!(round_trips(&server, &mut look, get(1)).await, 4, "a cold read");
    assert_eq!(round_trips(&server, &mut look, get(1)).await, 2, "a hit while cold");
    assert_eq!(round_trips(&server, &mut look, get_many(101, 120)).await, 4, "a cold batch");
    warm_up(&cow, &store).await;
    assert_eq!(round_trips(&server, &mut look, get(1)).await, 1, "a hit");
    assert_eq!(round_trips(&server, &mut look, get_many(101, 120)).await, 1, "a batch of hits");
    let stranger = open(&server).await;
    warm_up(&stranger, &store).await;
    for (trips, what) in [(2, "where it leads is not known yet"), (1, "and now it is")] {
        let get = async { drop(stranger.with(&store).get(name(1)).await.unwrap()) };
        assert_eq!(round_trips(&server, &mut look, get).await, trips, "{what}");
    }
    assert_eq!(round_trips(&server, &mut look, get(2)).await, 5, "a miss among hits");
    view.get(Item::by_id(3)).await.unwrap();
    let fetches = store.fetches();
    // Its claim of the primary key is given back beside the others.
    let linked = round_trips(&server, &mut look, get(3)).await;
    assert!((5..=6).contains(&linked), "{linked} where the object is cached already");
    cow.invalidate(Item::by_id(3)).await.unwrap();
    assert_eq!(round_trips(&server, &mut look, get(3)).await, 5, "the pointer leads to nothing");
    assert_eq!(store.fetches(), fetches + 2, "one fetch each");
    let invalidate = async { cow.invalidate(name(1)).await.unwrap() };
    assert_eq!(round_trips(&server, &mut look, invalidate).await, 1, "an invalidation");
    let object = async { cow.invalidate_object(&Item::new(2)).await.unwrap() };
    assert_eq!(round_trips(&server, &mut look, object).await, 1, "of every key");

    // More than are fetched at a time.
    get_many(101, 250).await;
    let newcomer = open(&server).await;
    warm_up(&newcomer, &store).await;
    for (trips, what) in [(2, "where they lead is not known yet"), (1, "and now it is")] {
        let get_many = async {
            let names = (101..=250).map(name);
            assert_eq!(newcomer.with(&store).get_many(names).await.unwrap().len(), 150);
        };
        assert_eq!(round_trips(&server, &mut look, get_many).await, trips, "a large batch: {what}");
    }
}

#[tokio::test]
async fn a_hit_of_an_object_with_tags_costs_the_round_trips_it_says() {
    let server = RedisServer::start();
    let mut look = server.connection().await;
    let (members, cow, stranger) = (Members::with(40), open(&server).await, open(&server).await);
    let without = patient().hints(0).open(&server.url()).await.unwrap();
    let get = async |cow: &CacheCow| drop(cow.with(&members).get(Member::by_id(1)).await.unwrap());
    let by_number =
        async |cow: &CacheCow| drop(cow.with(&members).get(Member::by_number(1)).await.unwrap());
    let get_many = async |cow: &CacheCow| {
        let members = cow.with(&members).get_many((1..=40).map(Member::by_id)).await.unwrap();
        assert!(members.iter().all(Option::is_some));
    };
    let last = || Member::by_id(40);
    for cow in [&cow, &stranger, &without] {
        get_many(cow).await;
        for _ in 0..32 {
            // Known to nobody from here on but to who reads it again.
            cow.with(&members).get(last()).await.unwrap();
        }
    }
    by_number(&cow).await;
    for (who, trips) in [(&cow, 1), (&without, 2)] {
        get_many(who).await;
        assert_eq!(round_trips(&server, &mut look, get(who)).await, trips, "a hit");
        assert_eq!(round_trips(&server, &mut look, get_many(who)).await, trips, "a batch of hits");
    }
    assert_eq!(round_trips(&server, &mut look, by_number(&cow)).await, 1, "by an alias");
    assert_eq!(round_trips(&server, &mut look, by_number(&stranger)).await, 2, "by a new alias");
    assert_eq!(round_trips(&server, &mut look, by_number(&stranger)).await, 1, "which is known");
    assert_eq!(round_trips(&server, &mut look, by_number(&without)).await, 3, "without hints");
    // Other tags than it had.
    members.change(|member| member.org = 8);
    cow.invalidate(Member::by_id(1)).await.unwrap();
    get(&cow).await;
    for (trips, what) in [(2, "its tags have changed"), (1, "and now they are known")] {
        assert_eq!(round_trips(&server, &mut look, get(&stranger)).await, trips, "{what}");
    }
}

#[tokio::test]
async fn a_hit_is_one_native_read_and_no_script() {
    let server = RedisServer::start();
    let mut look = server.connection().await;
    let (store, cow) = (Store::with_items(1), open(&server).await);
    warm_up(&cow, &store).await;
    let _: () = redis::cmd("CONFIG").arg("RESETSTAT").query_async(&mut look).await.unwrap();
    for _ in 0..10 {
        assert_eq!(cow.with(&store).read(Item::by_id(1)).await.unwrap().source, Source::Cache);
    }
    let stats: String =
        redis::cmd("INFO").arg("commandstats").query_async(&mut look).await.unwrap();
    assert!(stats.contains("cmdstat_get:calls=10,"), "{stats}");
    assert!(!stats.contains("cmdstat_eval"), "{stats}");
}

#[tokio::test]
async fn flags_and_values_last_as_configured() {
    let server = RedisServer::start();
    let mut look = server.connection().await;
    let store = Store::with_items(1);
    let cow = patient()
        .lease(Duration::from_secs(60))
        .hold(Duration::from_secs(90))
        .open(&server.url())
        .await
        .unwrap();
    let [value, flag] = names(1);
    let gate = store.gate();
    let (_, ()) = tokio::join!(cow.with(&store).get(Item::by_id(1)), async {
        gate.arrived().await;
        let lease: i64 = look.pttl(&flag).await.unwrap();
        assert!((55_000..=60_000).contains(&lease), "the lease has {lease} ms left");
        gate.open();
    });
    // `ttl = "10m"`, shortened by at most a tenth.
    let ttl: i64 = look.pttl(&value).await.unwrap();
    assert!((535_000..=600_000).contains(&ttl), "the value has {ttl} ms left");
    assert!(!look.exists::<_, bool>(&flag).await.unwrap());

    let work = async {
        let hold: i64 = look.pttl(&flag).await.unwrap();
        assert!((85_000..=90_000).contains(&hold), "the hold has {hold} ms left");
        Ok::<_, cachecow::Error>(())
    };
    cow.write(Item::by_id(1), work).await.unwrap();
    let keys: Vec<String> = look.keys("*").await.unwrap();
    assert!(keys.is_empty(), "a write leaves nothing behind: {keys:?}");
}

#[tokio::test]
async fn times_to_live_are_spread() {
    let server = RedisServer::start();
    let mut look = server.connection().await;
    let (store, cow) = (Store::with_items(50), open(&server).await);
    cow.with(&store).get_many((1..=50).map(Item::by_id)).await.unwrap();
    let mut ttls = Vec::new();
    for id in 1..=50 {
        ttls.push(look.pttl::<_, i64>(&names(id)[0]).await.unwrap() / 1000);
    }
    ttls.sort_unstable();
    ttls.dedup();
    assert!(ttls.len() > 10, "50 values expire in {} different seconds", ttls.len());
}

#[tokio::test]
async fn an_object_may_have_its_own_time_to_live() {
    #[derive(Serialize, Deserialize, Cached)]
    #[cache(ttl_with = Session::remaining)]
    #[cache(key = "session:{id}", fetch = Session::find)]
    struct Session {
        id: u32,
    }
    impl Session {
        async fn find(id: u32) -> Result<Session, StoreDown> {
            Ok(Session { id })
        }
        fn remaining(&self) -> Duration {
            Duration::from_secs(u64::from(self.id))
        }
    }
    let server = RedisServer::start();
    let mut look = server.connection().await;
    let cow = patient().ttl_jitter(0.0).open(&server.url()).await.unwrap();
    assert_eq!(cow.read(Session::by_id(500)).await.unwrap().fill, Fill::Stored);
    let name = format!("cache:{{{}}}", Session::by_id(500).key().key());
    let ttl: i64 = look.pttl(name).await.unwrap();
    assert!((495_000..=500_000).contains(&ttl), "{ttl}");
    assert_eq!(cow.read(Session::by_id(0)).await.unwrap().fill, Fill::Skipped, "zero: not cached");
}

#[tokio::test]
async fn both_keys_of_an_object_have_one_hash_tag_and_the_namespace() {
    let server = RedisServer::start();
    let mut look = server.connection().await;
    let store = Store::with_items(1);
    let cow = patient().namespace("shop").open(&server.url()).await.unwrap();
    let gate = store.gate();
    let (_, ()) = tokio::join!(cow.with(&store).get(Item::by_id(1)), async {
        gate.arrived().await;
        let keys: Vec<String> = look.keys("*").await.unwrap();
        assert_eq!(keys, [format!("shop:{}", names(1)[1])]);
        gate.open();
    });
    let keys: Vec<String> = look.keys("*").await.unwrap();
    assert_eq!(keys, [format!("shop:{}", names(1)[0])]);

    let other = patient().namespace("blog").open(&server.url()).await.unwrap();
    other.invalidate(Item::by_id(1)).await.unwrap();
    assert_eq!(other.with(&store).read(Item::by_id(1)).await.unwrap().source, Source::Fetched);
    assert_eq!(cow.with(&store).read(Item::by_id(1)).await.unwrap().source, Source::Cache);
}

#[tokio::test]
async fn a_stored_value_is_one_messagepack_document() {
    let server = RedisServer::start();
    let mut look = server.connection().await;
    let (store, cow) = (Store::with_items(1), open(&server).await);
    cow.with(&store).get(Item::by_id(1)).await.unwrap();
    let document: Vec<u8> = look.get(&names(1)[0]).await.unwrap();
    let (version, fingerprint, stored_at, _took, ttl, item): (u8, u64, u64, u32, u32, Item) =
        rmp_serde::from_slice(&document).unwrap();
    assert_eq!((version, item), (1, Item::new(1)));
    assert_eq!(ttl, u32::MAX, "the cache itself ends it");
    assert_eq!(fingerprint, <Item as cachecow::CacheSchema>::FINGERPRINT);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    assert!(now.as_millis() - u128::from(stored_at) < 60_000);
}

#[tokio::test]
async fn flushed_scripts_are_loaded_again_at_every_step() {
    let server = RedisServer::start();
    let mut look = server.connection().await;
    let (store, cow) = (Store::with_items(3), open(&server).await);
    let mut flush = async || {
        let _: () =
            redis::cmd("SCRIPT").arg("FLUSH").arg("SYNC").query_async(&mut look).await.unwrap();
    };
    for _ in 0..2 {
        flush().await;
        let gate = store.gate();
        let (read, ()) = tokio::join!(cow.with(&store).read(Item::by_id(1)), async {
            gate.arrived().await;
            flush().await;
            gate.open();
        });
        assert_eq!(read.unwrap().fill, Fill::Stored);
        flush().await;
        cow.invalidate(Item::by_id(1)).await.unwrap();
        flush().await;
        let batch = cow.with(&store).get_many([1, 2, 3].map(Item::by_id)).await.unwrap();
        assert!(batch.iter().all(Option::is_some));
        flush().await;
        cow.write(Item::by_id(1), async {
            flush().await;
            Ok::<_, cachecow::Error>(())
        })
        .await
        .unwrap();
        cow.invalidate_many([1, 2, 3].map(Item::by_id)).await.unwrap();
    }
    assert_eq!(cow.stats().of("Item").backend_errors, 0);
}

#[tokio::test]
async fn a_restarted_server_is_used_again() {
    let mut server = RedisServer::start();
    let (store, cow) = (Store::with_items(1), open(&server).await);
    cow.with(&store).get(Item::by_id(1)).await.unwrap();
    server.restart();
    // One operation may meet the broken connection, and no more than one.
    let first = cow.with(&store).read(Item::by_id(1)).await.unwrap();
    assert_eq!(first.value.as_deref(), Some(&Item::new(1)));
    let second = cow.with(&store).read(Item::by_id(1)).await.unwrap();
    assert!(second.fill == Fill::Stored || second.source == Source::Cache, "{second:?}");
}

#[tokio::test]
async fn keys_of_another_type_are_repaired() {
    let server = RedisServer::start();
    let mut look = server.connection().await;
    let (store, cow) = (Store::with_items(1), open(&server).await);
    let [value, flag] = names(1);
    for warm in [false, true] {
        if warm {
            warm_up(&cow, &store).await;
        }
        let _: () = look.del(&[&value, &flag]).await.unwrap();
        let _: () = look.lpush(&value, "a list").await.unwrap();
        let read = cow.with(&store).read(Item::by_id(1)).await.unwrap();
        assert_eq!(read.fill, Fill::Stored, "warm: {warm}");
    }
    // A flag that is neither a lease nor holds is someone else's: no fill, until an invalidation.
    cow.invalidate(Item::by_id(1)).await.unwrap();
    let _: () = look.lpush(&flag, "a list").await.unwrap();
    let hasty = patient().fill_wait(Duration::ZERO).open(&server.url()).await.unwrap();
    assert_eq!(hasty.with(&store).read(Item::by_id(1)).await.unwrap().fill, Fill::Skipped);
    hasty.invalidate(Item::by_id(1)).await.unwrap();
    assert_eq!(hasty.with(&store).read(Item::by_id(1)).await.unwrap().fill, Fill::Stored);
}

#[tokio::test]
async fn an_existing_connection_serves() {
    let server = RedisServer::start();
    let manager = connect_managed(&server.url()).await.unwrap();
    let store = Store::with_items(3);
    let managed = patient().namespace("a").redis_connection(manager).unwrap();
    let multiplexed = server.connection().await;
    let multiplexed = patient().namespace("b").redis_connection(multiplexed).unwrap();
    for (id, cow) in [(1, managed), (2, multiplexed)] {
        assert_eq!(cow.with(&store).read(Item::by_id(id)).await.unwrap().fill, Fill::Stored);
        assert_eq!(cow.with(&store).read(Item::by_id(id)).await.unwrap().source, Source::Cache);
        cow.invalidate(Item::by_id(id)).await.unwrap();
        cow.ping().await.unwrap();
        let ids = [1, 2, 3].map(Item::by_id);
        assert!(cow.with(&store).get_many(ids).await.unwrap().iter().all(Option::is_some));
    }
}

#[tokio::test]
async fn an_expired_hold_among_others_does_not_last_with_them() {
    // The flag lives as long as its last hold; a dead writer's hold must not be kept up by others'.
    let server = RedisServer::start();
    let mut look = server.connection().await;
    let cow = open(&server).await;
    let [_, flag] = names(1);
    let work = async {
        let far_past: i64 = look.zadd(&flag, "a dead writer", 1).await.unwrap();
        assert_eq!(far_past, 1);
        Ok::<_, cachecow::Error>(())
    };
    cow.write(Item::by_id(1), work).await.unwrap();
    assert!(!look.exists::<_, bool>(&flag).await.unwrap());
}

#[tokio::test]
async fn addresses_with_faults_are_refused_and_show_no_password() {
    use std::error::Error as _;
    for (url, hint) in [
        ("", "no scheme"),
        ("localhost:6379", "no scheme"),
        ("http://localhost", "unknown"),
        ("redis://", "host"),
        ("redis://:s3cret@host:port", "cannot be parsed"),
        ("redis://u:s3cret@localhost:99999", "cannot be parsed"),
        ("redis://u:s3cret@localhost/x", "database is not a number"),
        ("rediss://", "names no host"),
        ("redis+cluster://u:s3cret@a,b/x", "has only database 0"),
        ("redis+sentinel://u:s3cret@a,b/", "lacks the sentinels' name"),
        ("redis+unix://relative:s3cret", "cannot be parsed"),
        ("redis://localhost?password=s3cret", "redis:// takes protocol"),
        ("redis+unix:///r.sock?password=s3cret", "redis+unix:// takes db, user, pass, protocol"),
        ("redis+sentinel://a/m?s3cret", "takes sentinel_user, sentinel_password"),
        ("redis+cluster://a?password=s3cret", "takes no parameters"),
        ("memory://u:s3cret@x", "nothing after it"),
    ] {
        let error = CacheCow::open(url).await.expect_err(url);
        assert_eq!(error.kind(), cachecow::ErrorKind::InvalidUrl, "{url}");
        let shown = format!("{error} {error:?} {:?}", error.source());
        assert!(error.to_string().contains(hint), "{url}: {error}");
        assert!(!shown.contains("s3cret"), "{shown}");
    }
    let cow = CacheCow::open("redis://user:s3cret@127.0.0.1:1/").await.unwrap();
    let error = cow.ping().await.unwrap_err();
    assert!(!format!("{cow:?} {error} {error:?}").contains("s3cret"));
}

#[tokio::test]
async fn waiting_lookups_are_answered_in_the_order_they_came() {
    let server = RedisServer::start();
    let backend = RedisBackend::from_url(&server.url(), Duration::from_secs(5)).unwrap();
    backend.ping().await.unwrap();
    let order = std::sync::Mutex::new(Vec::new());
    let lookups = (0..400_u128).map(|number| {
        let (backend, order) = (&backend, &order);
        async move {
            backend.lookup(Key::from_hash(number)).await.unwrap();
            order.lock().unwrap().push(number);
        }
    });
    futures_util::future::join_all(lookups).await;
    let order = order.into_inner().unwrap();
    let place = |number| order.iter().position(|&other| other == number).unwrap();
    // More than one batch lies between them.
    assert!(place(20) < place(399), "the oldest waited longest: {order:?}");
}

#[test]
fn lookups_survive_the_runtimes_that_began_them() {
    let server = RedisServer::start();
    let backend = RedisBackend::from_url(&server.url(), Duration::from_secs(5)).unwrap();
    let runtime =
        || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    for _ in 0..40 {
        runtime().block_on(async {
            backend.reset();
            backend.ping().await.unwrap();
            let lookups = (0..100).map(|number| backend.lookup(Key::from_hash(number)));
            // Begun, and then dropped in the middle, first the callers and then the tasks.
            let begun = futures_util::future::join_all(lookups).now_or_never();
            assert!(begun.is_none());
        });
    }
    runtime().block_on(async {
        backend.reset();
        let late = tokio::time::timeout(Duration::from_secs(30), backend.lookup(Key::from_hash(1)));
        assert_eq!(late.await.expect("a turn is free").unwrap(), Reply::Absent);
    });
}
