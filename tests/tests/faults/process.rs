//! What goes wrong within the process that uses the cache: the cache itself is well.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use cachecow::{CacheCow, Fill};
use cachecow_tests::proxy::Proxy;
use cachecow_tests::servers::RedisServer;
use cachecow_tests::store::{Item, Store};
use futures_util::future::join_all;
use tokio::sync::oneshot;

use crate::row::Circuit::StaysClosed;
use crate::row::Seen::{Cached, Fetched, Stored};
use crate::row::Told::Done;
use crate::row::faults;
use crate::servers::say;
use crate::trial::{Trial, within};

/// More hits than can be under way at a time.
const HITS: usize = 64;
/// So many that a client that sent a command for each would not be answered in time.
const READERS: usize = 8000;
/// How long each command takes on its way, and how long the readers are patient.
const DELAY: Duration = Duration::from_millis(60);
const PATIENCE: Duration = Duration::from_secs(20);

faults! {
    /// The runtime that has the connection is shut down in the middle of reads; the program goes on
    /// with another.
    async fn runtime_ended_in_mid_read(row) {
        kept: Cached, other: Stored, circuit: StaysClosed,
        invalidate: Done, write: Done, strict: Done,
        ping: "",
        remedy: "nothing: only the first command on the broken connection fails",
    }
    {
        let server = RedisServer::start();
        let trial = Trial::warm(row, &server.url()).await;
        // Once in a while one ends well by chance, whatever becomes of its reads.
        for _ in 0..8 {
            say(&mut server.connection().await, &["CLIENT", "KILL", "TYPE", "normal"]).await;
            within(end_in_mid_read(trial.cow().clone())).await;
        }
        trial.reconnect().await;
        trial.suffer().await.recover(&server.url()).await;
    }

    /// A read that has begun to fetch is not polled any more; the other object is what it fetches.
    async fn leader_not_polled(row) {
        kept: Cached, other: Fetched, circuit: StaysClosed,
        invalidate: Done, write: Done, strict: Done,
        ping: "",
        remedy: "poll a read to its end, or drop it",
    }
    {
        let server = RedisServer::start();
        let trial = Trial::warm(row, &server.url()).await;
        let (store, cow) = (Store::with_items(1000), trial.cow().clone());
        let gate = store.gate();
        let mut leader = Box::pin(cow.with(&store).get(Item::by_id(3)));
        tokio::select! {
            biased;
            _ = &mut leader => unreachable!("the gate is closed"),
            () = gate.arrived() => {}
        }
        let trial = trial.suffer().await;
        drop(leader);
        trial.recover(&server.url()).await;
    }

    /// Reads of a cached object were sent, and are not polled any more.
    async fn hits_not_polled(row) {
        kept: Cached, other: Stored, circuit: StaysClosed,
        invalidate: Done, write: Done, strict: Done,
        ping: "",
        remedy: "poll a read to its end, or drop it",
    }
    {
        let server = RedisServer::start();
        let trial = Trial::warm(row, &server.url()).await;
        let (store, cow) = (Store::with_items(1000), trial.cow().clone());
        trial.until_lookups().await;
        let mut hits: Vec<_> =
            (0..HITS).map(|_| Box::pin(cow.with(&store).get(Item::by_id(1)))).collect();
        for hit in &mut hits {
            assert!(poll_once(hit.as_mut()), "nothing is answered within a poll");
        }
        let trial = trial.suffer().await;
        drop(hits);
        trial.recover(&server.url()).await;
    }

    /// Thousands of tasks read one object at a time, over a link on which each command takes 60 ms.
    async fn burst(row) {
        kept: Cached, other: Stored, circuit: StaysClosed,
        invalidate: Done, write: Done, strict: Done,
        ping: "",
        remedy: "nothing: equal keys that wait are asked for once",
    }
    {
        let server = RedisServer::start();
        let proxy = Proxy::before(&server);
        let trial = Trial::warm(row, &proxy.url()).await;
        let patient = CacheCow::builder().operation_timeout(PATIENCE).connect_timeout(PATIENCE);
        let store = Arc::new(Store::with_items(1000));
        let cow = patient.open(&proxy.url()).await.unwrap();
        until_lookups(&cow, &store).await;
        proxy.set_delay(DELAY);
        let fetches = store.fetches();
        let reads = (0..READERS).map(|_| {
            let (cow, store) = (cow.clone(), Arc::clone(&store));
            tokio::spawn(async move { cow.with(&*store).read(Item::by_id(1)).await.unwrap().fill })
        });
        for fill in join_all(reads).await {
            assert_ne!(fill.unwrap(), Fill::Unreachable, "the cache is well");
        }
        assert_eq!(store.fetches(), fetches, "the object is cached");
        assert!(!cow.stats().circuit_open);
        let trial = trial.suffer().await;
        proxy.set_delay(Duration::ZERO);
        trial.recover(&proxy.url()).await;
    }
}

/// Uses the cache on a runtime that is shut down while reads fetch.
async fn end_in_mid_read(cow: CacheCow) {
    let (sender, ended) = oneshot::channel();
    // A runtime may not be dropped within another's task, and must not hang that if it hangs.
    std::thread::spawn(move || {
        let store = Arc::new(Store::with_items(1000));
        let gates: Vec<_> = (0..20).map(|_| store.gate()).collect();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async { while cow.ping().await.is_err() {} });
        for id in 101..=120 {
            let (cow, store) = (cow.clone(), Arc::clone(&store));
            runtime.spawn(async move { cow.with(&*store).get(Item::by_id(id)).await });
        }
        runtime.block_on(async {
            for gate in &gates {
                gate.arrived().await;
            }
        });
        drop(runtime);
        let _ = sender.send(());
    });
    ended.await.expect("the runtime ends");
}

/// Reads a cached object until that is what a read begins with.
async fn until_lookups(cow: &CacheCow, store: &Store) {
    for _ in 0..20 {
        cow.with(store).get(Item::by_id(1)).await.unwrap();
    }
}

/// Whether the future is still not done.
fn poll_once(future: impl Future) -> bool {
    pin!(future).poll(&mut Context::from_waker(Waker::noop())).is_pending()
}
