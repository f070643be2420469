//! The connection is cut between any two steps of an operation.
//!
//! Each operation is repeated, and cut one command later each time, until it is not cut any more: so
//! every step is covered, whatever the steps are.

use std::time::Duration;

use cachecow::protocol::{Command, Reply};
use cachecow::{
    BackendError, Builder, CacheBackend, CacheCow, Error, ErrorKind, RedisBackend, Request,
};
use cachecow_tests::backends::Tokenless;
use cachecow_tests::patient::patient;
use cachecow_tests::proxy::{At, Cut, Proxy};
use cachecow_tests::servers::RedisServer;
use cachecow_tests::store::{Item, Store};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::row::Told;
use crate::servers::say;
use crate::trial::{told, within};

/// The items that every operation is about.
const ITEMS: [i64; 2] = [1, 2];

/// What is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Miss,
    Hit,
    FailedFetch,
    Alias,
    Batch,
    Wait,
    Invalidate,
    Write,
}

/// A row of the document.
pub(crate) struct Row {
    pub(crate) operation: Operation,
    pub(crate) what: &'static str,
    pub(crate) steps: &'static str,
    /// What is sent, beside what depends on the moment.
    pub(crate) commands: &'static [&'static str],
    pub(crate) gives: Told,
}

pub(crate) const ROWS: &[Row] = &[
    Row {
        operation: Operation::Miss,
        what: "a read of what is not cached",
        steps: "connect, claim, fetch, fill",
        commands: &["CLIENT", "EVALSHA", "EVAL"],
        gives: Told::Done,
    },
    Row {
        operation: Operation::Hit,
        what: "a read of what is cached, on a connection that stands",
        steps: "lookup",
        commands: &["GET"],
        gives: Told::Done,
    },
    Row {
        operation: Operation::FailedFetch,
        what: "a read whose fetch fails",
        steps: "connect, claim, fetch, abandon",
        commands: &["CLIENT", "EVALSHA", "EVAL"],
        gives: Told::Done,
    },
    Row {
        operation: Operation::Alias,
        what: "a read by an alias",
        steps: "connect, claim, fetch, claim of the primary key, fill of both",
        commands: &["CLIENT", "EVALSHA", "EVAL"],
        gives: Told::Done,
    },
    Row {
        operation: Operation::Batch,
        what: "a batch",
        steps: "connect, claims, fetches, fills",
        commands: &["CLIENT", "EVALSHA", "EVAL"],
        gives: Told::Done,
    },
    Row {
        operation: Operation::Wait,
        what: "a read that waits for another process",
        steps: "connect, claim, connect to listen, watch, claim, fetch",
        commands: &["CLIENT", "EVALSHA", "HELLO", "MGET", "PTTL"],
        gives: Told::Done,
    },
    Row {
        operation: Operation::Invalidate,
        what: "`invalidate`",
        steps: "connect, invalidate",
        commands: &["CLIENT", "EVALSHA", "EVAL"],
        gives: Told::NotInvalidated,
    },
    Row {
        operation: Operation::Write,
        what: "`write`",
        steps: "connect, hold, work, release",
        commands: &["CLIENT", "EVALSHA", "EVAL"],
        gives: Told::Done,
    },
];

impl Operation {
    fn row(self) -> &'static Row {
        ROWS.iter().find(|row| row.operation == self).unwrap()
    }
}

/// An operation under way, beside another process.
struct Scene<'a> {
    server: &'a RedisServer,
    operation: Operation,
    store: Store,
    proxy: Proxy,
    cow: CacheCow,
    other: CacheCow,
    /// What was read and should not have been.
    stale: Vec<String>,
}

impl<'a> Scene<'a> {
    async fn new(
        server: &'a RedisServer,
        operation: Operation,
        open: fn(Builder, &str) -> CacheCow,
    ) -> Self {
        let mut control = server.connection().await;
        say(&mut control, &["FLUSHALL"]).await;
        // So that sending them is among the steps.
        say(&mut control, &["SCRIPT", "FLUSH"]).await;
        let proxy = Proxy::before(server);
        // Nobody waits for long where nobody fills.
        let millis = if operation == Operation::Wait { 20_000 } else { 20 };
        let builder = || patient().fill_wait(Duration::from_millis(millis));
        let (cow, other) = (open(builder(), &proxy.url()), open(builder(), &server.url()));
        let store = Store::with_items(2);
        Self { server, operation, store, proxy, cow, other, stale: Vec::new() }
    }

    /// What the operation needs to be there.
    async fn prepare(&self) {
        let cached = match self.operation {
            Operation::Hit | Operation::Invalidate | Operation::Write => 20,
            _ => 0,
        };
        for _ in 0..cached {
            // Until a lookup is what a read begins with.
            self.other.with(&self.store).get_many(ITEMS.map(Item::by_id)).await.unwrap();
            if self.operation == Operation::Hit {
                self.cow.with(&self.store).get(Item::by_id(1)).await.unwrap();
            }
        }
    }

    async fn operate(&self) -> Told {
        let (view, store) = (self.cow.with(&self.store), &self.store);
        match self.operation {
            Operation::Miss | Operation::Hit => {
                assert_eq!(view.get(Item::by_id(1)).await.unwrap().unwrap().version, 1);
            }
            Operation::FailedFetch => {
                store.set_down(true);
                let error = view.get(Item::by_id(1)).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Fetch);
                store.set_down(false);
            }
            Operation::Alias => {
                assert_eq!(view.get(Item::by_name("item 1")).await.unwrap().unwrap().version, 1);
            }
            Operation::Batch => {
                let batch = view.get_many(ITEMS.map(Item::by_id)).await.unwrap();
                assert!(batch.iter().all(|item| item.as_ref().unwrap().version == 1));
            }
            Operation::Wait => {
                let gate = store.gate();
                let other = self.other.with(store);
                let (filling, read, ()) = tokio::join!(
                    other.get(Item::by_id(1)),
                    async {
                        gate.arrived().await;
                        view.get(Item::by_id(1)).await
                    },
                    async {
                        // The last of what is sent before it waits.
                        self.proxy.passed("PTTL").await;
                        gate.open();
                    }
                );
                assert_eq!(filling.unwrap().unwrap().version, 1);
                assert_eq!(read.unwrap().unwrap().version, 1);
            }
            Operation::Invalidate => {
                ITEMS.iter().for_each(|&id| drop(store.bump(id)));
                return told("invalidate", self.cow.invalidate_many(ITEMS.map(Item::by_id)).await);
            }
            Operation::Write => {
                let work = async {
                    ITEMS.iter().for_each(|&id| drop(store.bump(id)));
                    Ok::<_, Error>(())
                };
                let write = self.cow.write(ITEMS.map(Item::by_id).to_vec(), work).outcome().await;
                write.result.expect("the cache fails no work");
                return told("write", write.invalidated);
            }
        }
        Told::Done
    }

    /// Reads everything, in every way.
    async fn look(&mut self, cow: &CacheCow, when: &str) {
        for id in ITEMS {
            let version = self.store.find(id).await.unwrap().unwrap().version;
            let name = format!("item {id}");
            let by_id = cow.with(&self.store).get(Item::by_id(id)).await.unwrap().unwrap();
            let by_name = cow.with(&self.store).get(Item::by_name(&name)).await.unwrap().unwrap();
            for (read, way) in [(by_id, "id"), (by_name, "name")] {
                if read.version != version {
                    let stale = format!("{when}: item {id} by {way}, version {}", read.version);
                    self.stale.push(stale);
                }
            }
        }
    }

    /// Another process changes everything, and begins to load it anew; what was cut late arrives
    /// meanwhile.
    async fn change_elsewhere(&self) {
        ITEMS.iter().for_each(|&id| drop(self.store.bump(id)));
        self.other.invalidate_many(ITEMS.map(Item::by_id)).await.unwrap();
        let gate = self.store.gate();
        let (read, ()) = tokio::join!(self.other.with(&self.store).get(Item::by_id(1)), async {
            gate.arrived().await;
            self.proxy.deliver().await;
            gate.open();
        });
        read.unwrap();
    }

    async fn settled(&self) {
        while self.cow.stats().pending_invalidations > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// No key stands for ever, and no flag when all is done, but such as end with their lease.
    async fn is_tidy(&self, flags: Flags) {
        let mut control = self.server.connection().await;
        within(async {
            loop {
                let keys: Vec<String> =
                    redis::cmd("KEYS").arg("*").query_async(&mut control).await.unwrap();
                for key in &keys {
                    let left: i64 =
                        redis::cmd("PTTL").arg(key).query_async(&mut control).await.unwrap();
                    assert_ne!(left, -1, "{key} never ends");
                }
                if flags == Flags::MayExpire || !keys.iter().any(|key| key.starts_with("flag:")) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
    }
}

/// Whether flags may be left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flags {
    None,
    MayExpire,
}

/// Whether the processes read between the cut and the change that follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meanwhile {
    Reads,
    Silence,
}

/// What came of an operation that was cut.
#[derive(Debug)]
struct Cutting {
    gave: Told,
    /// The command at which it was cut.
    step: String,
    /// What was read afterwards and should not have been.
    stale: Vec<String>,
}

/// Cuts an operation at this command; `None` if there was no such.
async fn cut(mut scene: Scene<'_>, at: At, cut: Cut, meanwhile: Meanwhile) -> Option<Cutting> {
    scene.prepare().await;
    scene.proxy.cut(at, cut);
    let gave = scene.operate().await;
    // Behind whatever the operation has left to be sent.
    let _ = scene.cow.ping().await;
    let step = scene.proxy.was_cut()?;
    let (cow, other) = (scene.cow.clone(), scene.other.clone());
    if meanwhile == Meanwhile::Reads {
        if gave == Told::Done {
            scene.look(&other, "after success, elsewhere").await;
        }
        scene.look(&cow, "afterwards").await;
    }
    scene.change_elsewhere().await;
    scene.look(&other, "after a change, there").await;
    scene.look(&cow, "after a change elsewhere").await;
    within(scene.settled()).await;
    scene.look(&other, "settled, elsewhere").await;
    // What gives the claim back may itself be what was cut.
    let flags = cut == Cut::Late || scene.operation == Operation::FailedFetch;
    scene.is_tidy(if flags { Flags::MayExpire } else { Flags::None }).await;
    ITEMS.iter().for_each(|&id| drop(scene.store.bump(id)));
    cow.invalidate_many(ITEMS.map(Item::by_id)).await.unwrap();
    scene.look(&other, "after an invalidation, elsewhere").await;
    scene.look(&cow, "after an invalidation").await;
    Some(Cutting { gave, step, stale: scene.stale })
}

/// Cuts an operation at each of its steps, in this way.
async fn cut_everywhere(
    operation: Operation,
    way: Cut,
    open: fn(Builder, &str) -> CacheCow,
) -> Vec<Cutting> {
    let server = RedisServer::start();
    let mut cuttings = Vec::new();
    for meanwhile in [Meanwhile::Reads, Meanwhile::Silence] {
        for after in 0.. {
            let scene = Scene::new(&server, operation, open).await;
            let Some(cutting) = cut(scene, At::After(after), way, meanwhile).await else { break };
            cuttings.push(cutting);
        }
        // Where two connections race, a number may be another command's each time.
        for command in operation.row().commands {
            let scene = Scene::new(&server, operation, open).await;
            let cutting = cut(scene, At::First(command), way, meanwhile).await;
            cuttings.push(cutting.unwrap_or_else(|| panic!("{operation:?} sends no {command}")));
        }
    }
    cuttings
}

fn by_url(builder: Builder, url: &str) -> CacheCow {
    builder.backend(backend(url)).unwrap()
}

fn backend(url: &str) -> RedisBackend {
    RedisBackend::from_url(url, Duration::from_secs(20)).unwrap()
}

/// In every way, at every step: the operation gives what the document says, and nothing stale is read
/// afterwards.
async fn is_cut(operation: Operation) {
    for way in [Cut::Before, Cut::After, Cut::Late] {
        for Cutting { gave, step, stale } in cut_everywhere(operation, way, by_url).await {
            assert_eq!(gave, operation.row().gives, "{way:?} at {step}");
            assert!(stale.is_empty(), "{way:?} at {step}: {stale:?}");
        }
    }
}

#[tokio::test]
async fn a_miss_is_cut() {
    is_cut(Operation::Miss).await;
}

#[tokio::test]
async fn a_hit_is_cut() {
    is_cut(Operation::Hit).await;
}

#[tokio::test]
async fn a_failed_fetch_is_cut() {
    is_cut(Operation::FailedFetch).await;
}

#[tokio::test]
async fn a_read_by_an_alias_is_cut() {
    is_cut(Operation::Alias).await;
}

#[tokio::test]
async fn a_batch_is_cut() {
    is_cut(Operation::Batch).await;
}

#[tokio::test]
async fn a_wait_is_cut() {
    is_cut(Operation::Wait).await;
}

#[tokio::test]
async fn an_invalidation_is_cut() {
    is_cut(Operation::Invalidate).await;
}

#[tokio::test]
async fn a_write_is_cut() {
    is_cut(Operation::Write).await;
}

/// The control: without tokens, a fill that arrives late is taken for that of who loads now.
#[tokio::test]
async fn without_tokens_a_late_fill_is_stale() {
    let open = |builder: Builder, url: &str| builder.backend(Tokenless(backend(url))).unwrap();
    let cuttings = cut_everywhere(Operation::Miss, Cut::Late, open).await;
    assert!(cuttings.iter().any(|cutting| !cutting.stale.is_empty()), "{cuttings:?}");
}

/// Takes an invalidation whose answer was lost for one that happened.
#[derive(Debug)]
struct Confident(RedisBackend);

impl CacheBackend for Confident {
    fn execute(&self, requests: Vec<Request>) -> BoxFuture<'_, Vec<Result<Reply, BackendError>>> {
        let invalidates = matches!(requests[0].command, Command::Invalidate);
        let replies = self.0.execute(requests);
        replies
            .map(move |replies| {
                let believe =
                    |reply: Result<Reply, _>| if invalidates { Ok(Reply::Done) } else { reply };
                replies.into_iter().map(believe).collect()
            })
            .boxed()
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        self.0.ping()
    }

    fn reset(&self) {
        self.0.reset();
    }
}

/// The control: were a lost answer good news, another process would read what is stale.
#[tokio::test]
async fn an_invalidation_that_only_seems_to_happen_is_found_out() {
    let open = |builder: Builder, url: &str| builder.backend(Confident(backend(url))).unwrap();
    let cuttings = cut_everywhere(Operation::Invalidate, Cut::Before, open).await;
    assert!(cuttings.iter().any(|cutting| !cutting.stale.is_empty()), "{cuttings:?}");
}
