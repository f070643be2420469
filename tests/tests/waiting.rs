//! Who waits for another process's fill is woken by the cache, and polls only where it cannot be.

use std::time::Duration;

use bytes::Bytes;
use cachecow::protocol::{Command, Reply, Token};
use cachecow::{
    BackendError, BackendErrorKind, Builder, CacheBackend as _, CacheCow, Fill, Lookup as _,
    RedisBackend, Source, Watch,
};
use cachecow_tests::backends::{Blind, Watches};
use cachecow_tests::caches::Cache;
use cachecow_tests::on_every_cache;
use cachecow_tests::servers::RedisServer;
use cachecow_tests::store::{Item, Store};
use futures_util::future::BoxFuture;
use redis::aio::MultiplexedConnection;

/// Longer than any test.
const LONG: Duration = Duration::from_secs(600);
/// Shorter than a watch is relied on.
const SHORT: Duration = Duration::from_millis(700);

fn patient() -> Builder {
    cachecow_tests::patient::patient().fill_wait(LONG)
}

fn claims(cache: &Cache) -> usize {
    let is_claim = |command: &&Command| matches!(command, Command::Claim { .. });
    cache.script().log().iter().filter(is_claim).count()
}

async fn until(condition: impl Fn() -> bool) {
    let polled = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), polled).await.expect("within a minute");
}

async fn watched(cache: &Cache, times: usize) {
    until(|| cache.script().watches().stood == times).await;
}

/// What a process stores that has fetched item 1.
async fn document(cache: &Cache) -> Bytes {
    let (store, cow) = (Store::with_items(1), cache.open_default());
    cow.with(&store).get(Item::by_id(1)).await.unwrap();
    let document = cache.value(&Item::by_id(1)).await.unwrap();
    cow.invalidate(Item::by_id(1)).await.unwrap();
    document
}

async fn fill(cache: &Cache, token: Token, value: Bytes) {
    let fill = Command::Fill { token, value, ttl: LONG };
    assert_eq!(cache.ask(&Item::by_id(1), fill).await, Reply::Settled);
}

/// What a read came to that waited under a foreign lease, once the watch stood and `change` was made:
/// where its value came from, and what became of it.
async fn woken_by(cache: &Cache, change: impl AsyncFnOnce(&Cache, Token)) -> (Source, Fill) {
    let (store, cow) = (Store::with_items(1), cache.open(patient()));
    let token = cache.take_flag(&Item::by_id(1)).await;
    let (read, ()) = tokio::join!(cow.with(&store).read(Item::by_id(1)), async {
        watched(cache, 1).await;
        change(cache, token).await;
    });
    // It was woken, and did not ask by itself in time.
    assert_eq!(cache.script().watches(), Watches { stood: 1, told: 1, failed: 0 });
    let read = read.unwrap();
    (read.source, read.fill)
}

on_every_cache! {
    async fn a_fill_wakes(cache) {
        let document = document(&cache).await;
        let woken = woken_by(&cache, async |cache, token| fill(cache, token, document).await).await;
        assert_eq!(woken, (Source::Cache, Fill::Skipped));
    }

    async fn an_abandoned_lease_wakes_and_who_waited_fills(cache) {
        let woken = woken_by(&cache, async |cache, token| {
            cache.ask(&Item::by_id(1), Command::Abandon { token }).await;
        });
        assert_eq!(woken.await, (Source::Fetched, Fill::Stored));
    }

    async fn an_invalidation_wakes_and_who_waited_fills(cache) {
        let woken = woken_by(&cache, async |cache, _| {
            cache.ask(&Item::by_id(1), Command::Invalidate).await;
        });
        assert_eq!(woken.await, (Source::Fetched, Fill::Stored));
    }

    async fn a_writer_wakes_and_who_waited_fetches_without_storing(cache) {
        let woken = woken_by(&cache, async |cache, _| {
            let token = Token::from_bytes(*b"a writer's token");
            cache.ask(&Item::by_id(1), Command::Hold { token, ttl: LONG }).await;
        });
        assert_eq!(woken.await, (Source::Fetched, Fill::Skipped));
    }

    async fn the_end_of_a_lease_wakes_and_who_waited_fills(cache) {
        let (store, cow) = (Store::with_items(1), cache.open(patient()));
        let token = Token::from_bytes(*b"a dead process's");
        // Between two times at which the watch is asked for again, a second each.
        let lease = Duration::from_millis(2500);
        cache.ask(&Item::by_id(1), Command::Claim { token, lease, replacing: None }).await;
        let read = cow.with(&store).read(Item::by_id(1)).await.unwrap();
        assert_eq!(read.fill, Fill::Stored);
        assert_eq!(cache.script().watches(), Watches { stood: 1, told: 1, failed: 0 });
    }

    async fn a_wait_that_is_watched_asks_nothing(cache) {
        let (store, cow) = (Store::with_items(1), cache.open(CacheCow::builder().fill_wait(SHORT)));
        cache.take_flag(&Item::by_id(1)).await;
        let (read, asked) = tokio::join!(cow.with(&store).read(Item::by_id(1)), async {
            watched(&cache, 1).await;
            claims(&cache)
        });
        assert_eq!(read.unwrap().fill, Fill::Skipped);
        assert_eq!(claims(&cache), asked);
    }

    async fn a_wait_that_cannot_be_watched_asks_again_and_again(cache) {
        let blind = Blind(cache.script().clone());
        let (store, cow) = (Store::with_items(1), CacheCow::builder().fill_wait(SHORT).backend(blind).unwrap());
        cache.take_flag(&Item::by_id(1)).await;
        assert_eq!(cow.with(&store).read(Item::by_id(1)).await.unwrap().fill, Fill::Skipped);
        assert!(claims(&cache) > 3, "{} claims", claims(&cache));
        assert_eq!(cache.script().watches(), Watches::default());
    }

    async fn each_of_a_batch_is_woken_by_its_own_key(cache) {
        let document = document(&cache).await;
        let (store, cow) = (Store::with_items(3), cache.open(patient()));
        let mut tokens = Vec::new();
        for id in 1..=3 {
            tokens.push(cache.take_flag(&Item::by_id(id)).await);
        }
        let (batch, ()) = tokio::join!(cow.with(&store).get_many([1, 2, 3].map(Item::by_id)), async {
            watched(&cache, 3).await;
            cache.ask(&Item::by_id(2), Command::Abandon { token: tokens[1] }).await;
            until(|| store.batches() == [[2]]).await;
            cache.ask(&Item::by_id(3), Command::Invalidate).await;
            until(|| store.batches() == [[2], [3]]).await;
            fill(&cache, tokens[0], document).await;
        });
        assert!(batch.unwrap().iter().all(Option::is_some));
        assert_eq!(cache.script().watches().told, 3);
    }

    async fn waits_that_are_given_up_leave_nothing_behind(cache) {
        let store = Store::with_items(1);
        let cows = [cache.open(patient()), cache.open(patient())];
        cache.take_flag(&Item::by_id(1)).await;
        let shown = || format!("{:?}", cache.script());
        let is_idle = || shown().contains("watched: 0") || shown().contains("watched: Some(0)");
        let reads = cows.iter().map(|cow| cow.with(&store).get(Item::by_id(1)));
        let mut reads = Box::pin(futures_util::future::join_all(reads));
        tokio::select! {
            biased;
            _ = &mut reads => panic!("the lease stands"),
            () = watched(&cache, 2) => {}
        }
        assert!(!is_idle(), "{}", shown());
        drop(reads);
        assert!(is_idle(), "{}", shown());
    }

    async fn a_watch_that_is_lost_is_not_relied_on_for_ever(cache) {
        // The lease vanishes without a word, as at a failover.
        let (store, cow) = (Store::with_items(1), cache.open(patient()));
        let deaf = Deaf(cache.script().clone());
        let waiter = patient().backend(deaf).unwrap();
        let gate = store.gate();
        let (led, waited, ()) = tokio::join!(
            cow.with(&store).read(Item::by_id(1)),
            async {
                gate.arrived().await;
                waiter.with(&store).read(Item::by_id(1)).await.unwrap()
            },
            async {
                until(|| waiter.stats().of("Item").contended == 1).await;
                gate.open();
            },
        );
        assert_eq!(led.unwrap().fill, Fill::Stored);
        assert_eq!(waited.source, Source::Cache);
    }

    async fn a_watch_that_always_tells_of_a_change_makes_no_busy_loop(cache) {
        let hasty = CacheCow::builder().fill_wait(SHORT).backend(Nervous(cache.script().clone())).unwrap();
        let store = Store::with_items(1);
        cache.take_flag(&Item::by_id(1)).await;
        assert_eq!(hasty.with(&store).read(Item::by_id(1)).await.unwrap().fill, Fill::Skipped);
        // About as many as without a watch: it begins with 2 ms and doubles to 40 ms.
        assert!(claims(&cache) < 60, "{} claims", claims(&cache));
    }
}

/// Makes a backend of another one, with this as its watch.
macro_rules! watches_by {
    ($name:ident, $watch:expr) => {
        #[derive(Debug)]
        struct $name<B>(B);

        impl<B: cachecow::CacheBackend> cachecow::CacheBackend for $name<B> {
            fn execute(
                &self,
                requests: Vec<cachecow::Request>,
            ) -> BoxFuture<'_, Vec<Result<Reply, BackendError>>> {
                self.0.execute(requests)
            }

            fn watch(&self, _: cachecow::Key) -> BoxFuture<'_, Result<Watch, BackendError>> {
                let watch: Watch = Box::pin($watch);
                Box::pin(std::future::ready(Ok(watch)))
            }

            fn ping(&self) -> BoxFuture<'_, Result<(), BackendError>> {
                self.0.ping()
            }

            fn reset(&self) {
                self.0.reset();
            }
        }
    };
}

watches_by!(Deaf, std::future::pending());
watches_by!(Nervous, std::future::ready(Ok(())));

/// The ids of the connections that track.
async fn trackers(look: &mut MultiplexedConnection) -> Vec<String> {
    let clients: String = redis::cmd("CLIENT").arg("LIST").query_async(look).await.unwrap();
    let field = |client: &str, name: &str| {
        let found = client.split(' ').find_map(|field| field.strip_prefix(name));
        found.unwrap_or_else(|| panic!("no {name} in {client}")).to_owned()
    };
    let tracks = |client: &&str| field(client, "flags=").contains('t');
    clients.lines().filter(tracks).map(|client| field(client, "id=")).collect()
}

/// Every 40 ms in the end, or up to half as soon, so that waiters do not move in step: every 30 on
/// the average.
#[tokio::test(start_paused = true)]
async fn who_cannot_watch_asks_after_pauses_of_a_random_length() {
    let cache = Cache::memory();
    let builder = CacheCow::builder().fill_wait(Duration::from_secs(10));
    let cow = builder.backend(Blind(cache.script().clone())).unwrap();
    cache.take_flag(&Item::by_id(1)).await;
    cow.with(&Store::with_items(1)).get(Item::by_id(1)).await.unwrap();
    assert!((280..=400).contains(&claims(&cache)), "{} questions", claims(&cache));
}

#[tokio::test]
async fn a_flush_wakes() {
    let cache = Cache::redis();
    let woken = woken_by(&cache, async |cache, _| {
        let mut look = cache.server.as_ref().unwrap().connection().await;
        let _: () = redis::cmd("FLUSHALL").query_async(&mut look).await.unwrap();
    });
    assert_eq!(woken.await, (Source::Fetched, Fill::Stored));
}

#[tokio::test]
async fn the_second_connection_is_made_when_it_is_needed_and_once() {
    let cache = Cache::redis();
    let mut look = cache.server.as_ref().unwrap().connection().await;
    let (store, cow) = (Store::with_items(30), cache.open(patient()));
    cow.with(&store).get(Item::by_id(30)).await.unwrap();
    assert!(trackers(&mut look).await.is_empty());
    for id in 1..=20 {
        cache.take_flag(&Item::by_id(id)).await;
    }
    let reads = (1..=20).map(|id| cow.with(&store).get(Item::by_id(id)));
    tokio::select! {
        biased;
        _ = futures_util::future::join_all(reads) => panic!("the leases stand"),
        () = watched(&cache, 20) => {}
    }
    assert_eq!(trackers(&mut look).await.len(), 1);
}

#[tokio::test]
async fn when_the_connection_that_watches_is_killed_the_wait_polls() {
    let cache = Cache::redis();
    let document = document(&cache).await;
    let mut look = cache.server.as_ref().unwrap().connection().await;
    let (store, cow) = (Store::with_items(1), cache.open(patient()));
    let token = cache.take_flag(&Item::by_id(1)).await;
    let (read, ()) = tokio::join!(cow.with(&store).read(Item::by_id(1)), async {
        watched(&cache, 1).await;
        let asked = claims(&cache);
        let [id] = &trackers(&mut look).await[..] else { panic!("one connection tracks") };
        let mut kill = redis::cmd("CLIENT");
        let _: u64 = kill.arg(&["KILL", "ID", id]).query_async(&mut look).await.unwrap();
        until(|| claims(&cache) > asked + 3).await;
        fill(&cache, token, document).await;
    });
    assert_eq!(read.unwrap().source, Source::Cache);
    assert_eq!(cache.script().watches(), Watches { stood: 1, told: 0, failed: 1 });

    // The next wait is watched again, on a new connection.
    let token = cache.take_flag(&Item::by_id(2)).await;
    let (read, ()) = tokio::join!(cow.with(&store).read(Item::by_id(2)), async {
        watched(&cache, 2).await;
        cache.ask(&Item::by_id(2), Command::Abandon { token }).await;
    });
    assert_eq!(read.unwrap().fill, Fill::Skipped, "there is no item 2");
    assert_eq!(cache.script().watches(), Watches { stood: 2, told: 1, failed: 1 });
}

/// A read that waits on this server gets the other's value by polling.
async fn polls(server: &RedisServer, waiter: CacheCow) {
    let (store, other) = (Store::with_items(1), patient().open(&server.url()).await.unwrap());
    let mut look = server.connection().await;
    let calls = async |look: &mut MultiplexedConnection| -> u64 {
        let mut info = redis::cmd("INFO");
        let stats: String = info.arg("commandstats").query_async(look).await.unwrap();
        let calls = stats.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:calls="));
        calls.and_then(|calls| calls.split(',').next()).map_or(0, |calls| calls.parse().unwrap())
    };
    let gate = store.gate();
    let (_, waited, ()) = tokio::join!(
        other.with(&store).get(Item::by_id(1)),
        async {
            gate.arrived().await;
            waiter.with(&store).read(Item::by_id(1)).await.unwrap()
        },
        async {
            until(|| waiter.stats().of("Item").contended == 1).await;
            let before = calls(&mut look).await;
            while calls(&mut look).await < before + 5 {}
            assert!(trackers(&mut look).await.is_empty());
            gate.open();
        },
    );
    assert_eq!(waited.source, Source::Cache);
    assert_eq!(waiter.stats().of("Item").backend_errors, 0, "nothing is amiss");
    assert!(!waiter.stats().circuit_open);
}

#[tokio::test]
async fn beside_a_connection_that_was_given_waits_poll() {
    let server = RedisServer::start();
    polls(&server, patient().redis_connection(server.connection().await).unwrap()).await;
}

#[tokio::test]
async fn where_tracking_is_forbidden_waits_poll() {
    let server = RedisServer::start();
    let mut look = server.connection().await;
    let mut user = redis::cmd("ACL");
    user.arg(&["SETUSER", "cow", "on", ">secret", "~*", "&*", "+@all", "-client"]);
    let _: () = user.query_async(&mut look).await.unwrap();
    let url = format!("{}?user=cow&pass=secret", server.url());
    polls(&server, patient().open(&url).await.unwrap()).await;
}

#[tokio::test]
async fn where_there_is_no_resp3_waits_poll() {
    let server = RedisServer::start_with(&["--rename-command", "HELLO", ""]);
    polls(&server, patient().open(&server.url()).await.unwrap()).await;
}

#[tokio::test]
async fn a_push_that_overtakes_the_answer_is_not_lost() {
    let server = RedisServer::start();
    let proxy = overtaking::Proxy::before(&server, &Item::by_id(1).key().key().to_string());
    let backend = RedisBackend::from_url(&proxy.url(), Duration::from_secs(5)).unwrap();
    let script = cachecow_tests::backends::Scripted::new(backend);
    let cow = patient().backend(script.clone()).unwrap();
    let (store, other) = (Store::with_items(1), patient().open(&server.url()).await.unwrap());
    let gate = store.gate();
    let (_, waited, ()) = tokio::join!(
        other.with(&store).get(Item::by_id(1)),
        async {
            gate.arrived().await;
            cow.with(&store).read(Item::by_id(1)).await.unwrap()
        },
        async {
            until(|| script.watches().told >= 1).await;
            gate.open();
        },
    );
    assert_eq!(waited.source, Source::Cache);
}

#[tokio::test]
async fn a_question_that_was_refused_once_is_asked_again() {
    let server = RedisServer::start_with(&["--replica-serve-stale-data", "no"]);
    let backend = RedisBackend::from_url(&server.url(), Duration::from_secs(20)).unwrap();
    let key = Item::by_id(1).key().key();
    let mut control = server.connection().await;
    let mut follow = async |host: &str, port: &str| {
        let _: () =
            redis::cmd("REPLICAOF").arg(host).arg(port).query_async(&mut control).await.unwrap();
    };
    drop(backend.watch(key).await.unwrap());
    follow("127.0.0.1", "1").await;
    let error =
        backend.watch(key).await.err().expect("a replica without its master answers nothing");
    assert_eq!(error.kind(), BackendErrorKind::Rejected, "{error}");
    follow("NO", "ONE").await;
    drop(backend.watch(key).await.expect("it tracked keys all the time"));
}

/// A server that tells of a change before it answers the question that asked to be told.
mod overtaking {
    use cachecow_tests::servers::RedisServer;
    use tempfile::TempDir;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
    use tokio::net::{UnixListener, UnixStream};
    use tokio::task::JoinHandle;

    pub(super) struct Proxy {
        folder: TempDir,
        task: JoinHandle<()>,
    }

    impl Proxy {
        pub(super) fn before(server: &RedisServer, key: &str) -> Self {
            let folder = tempfile::Builder::new().prefix("cow").tempdir_in("/tmp").unwrap();
            let listener = UnixListener::bind(folder.path().join("p.sock")).unwrap();
            let name = format!("flag:{{{key}}}");
            let len = name.len();
            let push = format!(">2\r\n$10\r\ninvalidate\r\n*1\r\n${len}\r\n{name}\r\n");
            let socket = server.socket();
            let task = tokio::spawn(async move {
                loop {
                    let (client, _) = listener.accept().await.unwrap();
                    let server = UnixStream::connect(&socket).await.unwrap();
                    tokio::spawn(pass_on(client, server, push.clone()));
                }
            });
            Self { folder, task }
        }

        pub(super) fn url(&self) -> String {
            format!("redis+unix://{}", self.folder.path().join("p.sock").display())
        }
    }

    impl Drop for Proxy {
        fn drop(&mut self) {
            self.task.abort();
        }
    }

    async fn pass_on(client: UnixStream, server: UnixStream, push: String) {
        let (mut questions, mut to_client) = client.into_split();
        let (mut answers, mut to_server) = server.into_split();
        let mut question = vec![0; 64 * 1024];
        let mut answer = vec![0; 64 * 1024];
        // One question, one answer, until the one that watches; after that as they come.
        loop {
            let Ok(read @ 1..) = questions.read(&mut question).await else { return };
            let question = &question[..read];
            let watches = question.windows(4).any(|word| word == b"PTTL");
            if watches && to_client.write_all(push.as_bytes()).await.is_err() {
                return;
            }
            if to_server.write_all(question).await.is_err() {
                return;
            }
            if watches {
                break;
            }
            let Ok(read @ 1..) = answers.read(&mut answer).await else { return };
            if to_client.write_all(&answer[..read]).await.is_err() {
                return;
            }
        }
        let _ =
            tokio::join!(copy(&mut questions, &mut to_server), copy(&mut answers, &mut to_client));
    }
}
