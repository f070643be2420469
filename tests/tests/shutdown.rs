//! A runtime that ends takes nothing with it: not the thread that ends it, and no right to fill.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, channel, sync_channel};
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use cachecow::CacheCow;
use cachecow::protocol::{Command, Reply, Token};
use cachecow::{
    BackendError, BackendErrorKind, CacheBackend, Lookup as _, MemoryBackend, RedisBackend, Request,
};
use cachecow_tests::gate::Gate;
use cachecow_tests::patient::patient;
use cachecow_tests::servers::{RedisCluster, RedisServer};
use cachecow_tests::store::{Item, Store};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::runtime::{Builder, Runtime};

const READS: i64 = 20;

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Does it on a thread of its own; a hang is a failure.
fn in_time<R: Send + 'static>(what: &str, act: impl FnOnce() -> R + Send + 'static) -> R {
    let (sender, receiver) = channel();
    thread::spawn(move || sender.send(act()));
    receiver.recv_timeout(Duration::from_secs(30)).unwrap_or_else(|_| panic!("{what} hangs"))
}

/// Begins to read items 1 to [`READS`] in tasks, and returns once all are held up in their fetch.
async fn read_in_tasks(cow: &CacheCow) -> Vec<Arc<Gate>> {
    let store = Arc::new(Store::with_items(READS));
    let gates: Vec<_> = (0..READS).map(|_| store.gate()).collect();
    for id in 1..=READS {
        let (cow, store) = (cow.clone(), Arc::clone(&store));
        tokio::spawn(async move { cow.with(&*store).get(Item::by_id(id)).await });
    }
    for gate in &gates {
        gate.arrived().await;
    }
    gates
}

/// How many of the items somebody has the right to fill.
async fn claimed(url: &str) -> usize {
    let backend = RedisBackend::from_url(url, Duration::from_secs(5)).unwrap();
    let mut claimed = 0;
    for id in 1..=READS {
        let key = Item::by_id(id).key().key();
        let token = Token::from_bytes([7; 16]);
        let command = Command::Claim { token, lease: Duration::from_secs(60), replacing: None };
        match backend.execute(vec![Request { key, command }]).await.pop().unwrap().unwrap() {
            Reply::Claimed(_) => {
                let command = Command::Abandon { token };
                backend.execute(vec![Request { key, command }]).await;
            }
            Reply::Leased => claimed += 1,
            // It was filled.
            Reply::Value(_) => {}
            reply => panic!("{reply:?}"),
        }
    }
    claimed
}

fn ends_with_reads_in_mid_fetch(url: &str) {
    let (running, held) = (runtime(), url.to_owned());
    let gates = running.block_on(async move {
        let cow = patient().open(&held).await.unwrap();
        read_in_tasks(&cow).await
    });
    assert_eq!(runtime().block_on(claimed(url)), 20, "each read may fill");
    in_time("the end of a runtime", move || drop(running));
    drop(gates);
    assert_eq!(runtime().block_on(claimed(url)), 0, "each gave it back");
}

#[test]
fn a_runtime_ends_with_reads_in_mid_fetch() {
    let server = RedisServer::start();
    ends_with_reads_in_mid_fetch(&server.url());
}

#[test]
fn a_runtime_ends_with_reads_in_mid_fetch_on_a_cluster() {
    let cluster = runtime().block_on(RedisCluster::start_masters(&[]));
    ends_with_reads_in_mid_fetch(&cluster.url());
}

/// The cache works on, and so does its connection.
#[test]
fn what_ends_on_one_runtime_does_not_disturb_another() {
    let server = RedisServer::start();
    let (lasting, url) = (runtime(), server.url());
    let cow = lasting.block_on(patient().open(&url)).unwrap();
    let (ended, mut over) = tokio::sync::watch::channel(false);
    let working = cow.clone();
    let work = lasting.spawn(async move {
        let mut done = 0;
        // So that the connection is this runtime's.
        working.ping().await.unwrap();
        while !*over.borrow_and_update() {
            // If the runtime that ended had opened the connection anew, the first command on it fails, and no more.
            if working.invalidate(Item::by_id(1000 + done)).await.is_err() {
                working.invalidate(Item::by_id(1000 + done)).await.unwrap();
            }
            done += 1;
        }
        done
    });
    for _ in 0..5 {
        let running = runtime();
        let gates = running.block_on(read_in_tasks(&cow));
        in_time("the end of a runtime", move || drop(running));
        drop(gates);
        // Each time the reads claim, so what the last gave back has arrived.
        assert_eq!(lasting.block_on(claimed_after(&url)), 0);
    }
    ended.send_replace(true);
    assert!(lasting.block_on(work).unwrap() > 0);
}

type Begun = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A read that is held up in its fetch, on a runtime that has ended since; and what it reads from and by.
fn left_by_its_runtime(url: &str) -> (Begun, &'static Store, &'static CacheCow) {
    let running = runtime();
    let store: &'static Store = Box::leak(Box::new(Store::with_items(READS)));
    let cow = running.block_on(patient().open(url)).unwrap();
    let cow: &'static CacheCow = Box::leak(Box::new(cow));
    let gate = store.gate();
    let mut read: Begun = Box::pin(async {
        cow.with(store).get(Item::by_id(1)).await.unwrap();
    });
    running.block_on(async {
        tokio::select! {
            () = &mut read => panic!("its fetch is held up"),
            () = gate.arrived() => {}
        }
    });
    (read, store, cow)
}

async fn claimed_after(url: &str) -> usize {
    // What is given back in the background is given back at some time.
    for _ in 0..1000 {
        if claimed(url).await == 0 {
            return 0;
        }
        tokio::task::yield_now().await;
    }
    claimed(url).await
}

#[test]
fn a_read_is_dropped_after_its_runtime() {
    let server = RedisServer::start();
    let (read, store, cow) = left_by_its_runtime(&server.url());
    in_time("a read that is dropped after its runtime", move || drop(read));
    let reading = async { cow.with(store).get(Item::by_id(1)).await.unwrap().unwrap().version };
    assert_eq!(runtime().block_on(reading), 1);
    assert_eq!(runtime().block_on(claimed_after(&server.url())), 0);
}

#[test]
fn a_read_is_begun_and_dropped_in_different_runtimes() {
    let server = RedisServer::start();
    let (mut read, ..) = left_by_its_runtime(&server.url());
    let second = runtime();
    let mut context = Context::from_waker(Waker::noop());
    {
        let _entered = second.enter();
        assert!(read.as_mut().poll(&mut context).is_pending());
    }
    in_time("a read that is dropped in another runtime", move || {
        {
            let _entered = second.enter();
            drop(read);
        }
        in_time("the end of the other runtime", move || drop(second));
    });
    assert_eq!(runtime().block_on(claimed_after(&server.url())), 0);
}

/// A cache whose connections fail once the runtime that they are of takes no task any more.
#[derive(Debug)]
struct OfItsRuntime {
    memory: MemoryBackend,
    giving_back: SyncSender<()>,
}

impl CacheBackend for OfItsRuntime {
    fn execute(&self, requests: Vec<Request>) -> BoxFuture<'_, Vec<Result<Reply, BackendError>>> {
        let gives_back =
            requests.iter().any(|request| matches!(request.command, Command::Abandon { .. }));
        if !gives_back || thread::current().name() == Some("cachecow-give-back") {
            return self.memory.execute(requests);
        }
        Box::pin(async move {
            let _ = self.giving_back.try_send(());
            // Without giving way: a task that waits is dropped with the runtime, which is another case.
            loop {
                let task = tokio::spawn(std::future::pending::<()>());
                if task.is_finished() {
                    break;
                }
                task.abort();
                thread::yield_now();
            }
            let cut = || BackendError::new(BackendErrorKind::Disconnected, "the runtime has ended");
            requests.iter().map(|_| Err(cut())).collect()
        })
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        self.memory.ping()
    }

    fn reset(&self) {}
}

#[test]
fn a_claim_that_a_runtime_gives_back_while_it_ends_is_given_back() {
    let (giving_back, is_giving_back) = sync_channel(1);
    let memory = MemoryBackend::with_capacity(1 << 20);
    let backend = Arc::new(OfItsRuntime { memory, giving_back });
    let store = Store::with_items(READS);
    let gate = store.gate();
    let running = runtime();
    let cow = CacheCow::builder().backend(Arc::clone(&backend)).unwrap();
    {
        let _entered = running.enter();
        let view = cow.with(&store);
        let mut read = Box::pin(view.get(Item::by_id(1)));
        running.block_on(async {
            tokio::select! {
                _ = &mut read => panic!("its fetch is held up"),
                () = gate.arrived() => {}
            }
        });
    }
    is_giving_back.recv().unwrap();
    in_time("the end of the runtime", move || drop(running));
    let key = Item::by_id(1).key().key();
    in_time("the giving back", move || {
        let claim = || Command::Claim {
            token: Token::from_bytes([7; 16]),
            lease: Duration::from_secs(60),
            replacing: None,
        };
        let asked = || backend.memory.execute(vec![Request { key, command: claim() }]);
        let reply = || asked().now_or_never().unwrap().remove(0).unwrap();
        while !matches!(reply(), Reply::Claimed(_)) {
            thread::yield_now();
        }
    });
}
