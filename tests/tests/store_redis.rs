//! The store in Redis.

use std::collections::BTreeSet;
use std::error::Error as _;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use cachecow::store::{KeySpace, Reader, Ttl, conformance};
use cachecow::{Error, ErrorKind, KeyValueStore as _, KeyValueStoreExt as _, RedisStore};
use cachecow_tests::patient::connect_managed;
use cachecow_tests::servers::RedisServer;
use futures_util::future::join_all;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use redis::aio::ConnectionLike;
use redis::{AsyncCommands as _, Cmd, Pipeline, RedisFuture, Value};

/// A busy machine must not pass for an outage.
fn open(server: &RedisServer) -> RedisStore {
    RedisStore::open(&server.url()).unwrap().with_timeout(Duration::from_secs(60))
}

#[track_caller]
fn assert_kind<T: fmt::Debug>(result: Result<T, Error>, kind: ErrorKind) -> Error {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), kind, "{error:?}");
    error
}

#[tokio::test]
async fn it_conforms_with_every_key_space() {
    let server = RedisServer::start();
    for key_space in [KeySpace::Standard, KeySpace::Extended, KeySpace::Text] {
        conformance::all(&open(&server).with_key_space(key_space)).await;
    }
    conformance::all(&open(&server).with_prefix("")).await;
}

#[tokio::test]
async fn it_conforms_on_a_connection_made_elsewhere() {
    let server = RedisServer::start();
    conformance::all(&RedisStore::from_connection(server.connection().await)).await;
    let managed = connect_managed(&server.url()).await.unwrap();
    conformance::all(&RedisStore::from_connection(managed)).await;
}

#[tokio::test]
async fn two_prefixes_see_only_their_own_keys() {
    let server = RedisServer::start();
    let mut look = server.connection().await;
    // Each would match another as a pattern, and none begins with another.
    let prefixes = ["a*", "a?", "[x]", "x", "\\", "\\\\*", "^", "aa", "ab", "a[b-c]", "ü*"];
    let own = ["k", "a*", "a?", "*", "[x]", "x]", "?"];
    let text = |prefix| open(&server).with_prefix(prefix).with_key_space(KeySpace::Text);
    let stores: Vec<_> = prefixes.into_iter().filter(|prefix| *prefix != "\\").map(text).collect();
    for (number, store) in stores.iter().enumerate() {
        for key in own {
            store.put(key, format!("{number} {key}")).await.unwrap();
        }
    }
    for (number, store) in stores.iter().enumerate() {
        let all = BTreeSet::from(own);
        assert_eq!(Vec::from_iter(store.keys("").await.unwrap()), Vec::from_iter(all));
        assert_eq!(store.keys("a").await.unwrap(), ["a*", "a?"]);
        assert_eq!(store.keys("a?").await.unwrap(), ["a?"]);
        assert_eq!(store.keys("[").await.unwrap(), ["[x]"]);
        for key in own {
            assert_eq!(store.get(key).await.unwrap(), format!("{number} {key}"));
        }
    }
    // A lone backslash begins other prefixes of the list.
    let names: Vec<String> = look.keys("*").await.unwrap();
    let backslashed = names.iter().filter(|name| name.starts_with('\\')).count();
    assert_eq!(text("\\").keys("").await.unwrap().len(), backslashed);
    stores[0].rename("k", "moved").await.unwrap();
    stores[0].copy("moved", "copied").await.unwrap();
    assert_eq!(stores[1].keys("").await.unwrap().len(), own.len());
    assert_eq!(look.get::<_, String>("a*copied").await.unwrap(), "0 k");
}

#[tokio::test]
async fn what_others_keep_in_the_database_is_not_ours() {
    let server = RedisServer::start();
    let (mut look, store) = (server.connection().await, open(&server));
    store.put("k", "v").await.unwrap();
    let () = look.set("other", "v").await.unwrap();
    let () = look.set("kv", "v").await.unwrap();
    let () = look.set("kv:", "no key").await.unwrap();
    let () = look.set("kv:a/b", "not of the key space").await.unwrap();
    let () = look.set("kv:ключ", "not of the key space").await.unwrap();
    let () = look.set(b"kv:\xff\xfe", "no text").await.unwrap();
    assert_eq!(store.keys("").await.unwrap(), ["k"]);
    assert_eq!(look.get::<_, String>("kv:k").await.unwrap(), "v");

    let () = look.rpush("kv:list", "element").await.unwrap();
    assert_eq!(store.keys("").await.unwrap(), ["k", "list"]);
    assert!(store.contains("list").await.unwrap());
    for error in [
        assert_kind(store.get("list").await, ErrorKind::Store),
        assert_kind(store.open("list").await, ErrorKind::Store),
    ] {
        let source = error.source().unwrap().to_string();
        assert!(source.contains("WRONGTYPE"), "{source}");
        assert!(!error.to_string().contains("list"), "{error}");
    }
    store.put("list", "a value now").await.unwrap();
    assert_eq!(store.get("list").await.unwrap(), "a value now");
}

#[tokio::test]
async fn times_to_live_are_redis_own() {
    let server = RedisServer::start();
    let mut look = server.connection().await;
    let store = open(&server).with_default_ttl(Duration::from_secs(600));
    store.put_with_ttl("k", "v", Duration::from_secs(90)).await.unwrap();
    let left: i64 = look.pttl("kv:k").await.unwrap();
    assert!((1..=90_000).contains(&left), "{left}");
    store.copy("k", "copy").await.unwrap();
    store.rename("k", "moved").await.unwrap();
    for key in ["copy", "moved"] {
        let left = store.open(key).await.unwrap().expires_in().unwrap();
        assert!(left <= Duration::from_secs(90) && left > Duration::from_secs(30), "{left:?}");
    }
    store.put_with_ttl("moved", "v", Ttl::Forever).await.unwrap();
    assert_eq!(look.pttl::<_, i64>("kv:moved").await.unwrap(), -1);
    let reader = || Reader::from_bytes(Bytes::from_static(b"v"));
    store.put_reader("moved", reader(), Ttl::StoreDefault).await.unwrap();
    assert!(look.pttl::<_, i64>("kv:moved").await.unwrap() > 500_000);
    let eternity = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    store.put_with_ttl("k", "v", eternity).await.unwrap();
    assert!(store.open("k").await.unwrap().expires_in().unwrap() > eternity / 2);
    // A default that no put may ask for is refused as a put that asks for it.
    for ttl in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
        let put = open(&server).with_default_ttl(ttl).put("odd", "v").await;
        assert_kind(put, ErrorKind::InvalidTtl);
    }
}

#[tokio::test]
async fn what_is_too_large_is_not_sent() {
    let server = RedisServer::start();
    let store = open(&server).with_max_value_len(100_000);
    store.put("k", vec![7; 100_000]).await.unwrap();
    store.put_from("k", io::Cursor::new(vec![8; 100_000])).await.unwrap();
    assert_kind(store.put("k", vec![9; 100_001]).await, ErrorKind::TooLarge);
    assert_kind(store.put_from("k", io::Cursor::new(vec![9; 100_001])).await, ErrorKind::TooLarge);
    // One without an end, and one whose length is known beforehand and never read.
    assert_kind(store.put_from("k", tokio::io::repeat(9)).await, ErrorKind::TooLarge);
    let untouched = Reader::new(tokio::io::duplex(1).0).with_len(100_001);
    assert_kind(store.put_reader("k", untouched, Ttl::StoreDefault).await, ErrorKind::TooLarge);
    assert_eq!(store.get("k").await.unwrap(), vec![8; 100_000]);
}

#[tokio::test]
async fn a_server_that_dies_is_an_error_and_is_used_again_once_it_is_back() {
    let mut server = RedisServer::stopped(&[]);
    let store = RedisStore::open(&server.url()).unwrap();
    let error = assert_kind(store.get("k").await, ErrorKind::Store);
    assert!(error.to_string().contains("cannot be reached"), "{error}");
    server.restart();
    store.put("k", "v").await.unwrap();
    assert_eq!(store.get("k").await.unwrap(), "v");
    server.kill();
    let start = Instant::now();
    assert_kind(store.get("k").await, ErrorKind::Store);
    assert_kind(store.open("k").await, ErrorKind::Store);
    assert_kind(store.put("k", "v").await, ErrorKind::Store);
    assert_kind(store.delete("k").await, ErrorKind::Store);
    assert_kind(store.contains("k").await, ErrorKind::Store);
    assert_kind(store.copy("k", "l").await, ErrorKind::Store);
    assert_kind(store.rename("k", "l").await, ErrorKind::Store);
    assert_kind(store.keys("").await, ErrorKind::Store);
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    server.restart();
    assert_kind(store.get("k").await, ErrorKind::NotFound);
    store.put("k", "v").await.unwrap();
    // A read is asked again where the connection broke unnoticed.
    server.restart();
    assert_kind(store.get("k").await, ErrorKind::NotFound);
    server.restart();
    assert_kind(store.open("k").await, ErrorKind::NotFound);
    server.restart();
    assert_eq!(store.keys("").await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_hung_server_is_a_timeout() {
    let server = RedisServer::start();
    let store = open(&server);
    store.put("k", "v").await.unwrap();
    let hasty = store.clone().with_timeout(Duration::from_millis(50));
    server.pause();
    // Often enough that the connection is replaced meanwhile.
    for _ in 0..2 {
        for error in [
            assert_kind(hasty.get("k").await, ErrorKind::Store),
            assert_kind(hasty.open("k").await, ErrorKind::Store),
            assert_kind(hasty.put("k", "late").await, ErrorKind::Store),
            assert_kind(hasty.keys("").await, ErrorKind::Store),
        ] {
            assert!(error.to_string().contains("did not answer within 50ms"), "{error}");
        }
    }
    server.resume();
    assert!(store.contains("k").await.unwrap());
    store.put("k", "v2").await.unwrap();
}

#[tokio::test]
async fn a_full_server_keeps_the_old_value() {
    let server =
        RedisServer::start_with(&["--maxmemory", "4mb", "--maxmemory-policy", "noeviction"]);
    let store = open(&server);
    store.put("k", "old").await.unwrap();
    // More than what is left, whatever the server counts.
    let new = || vec![7; 4_000_000];
    let reader = Reader::from_bytes(new().into());
    for refused in [
        store.put("k", new()).await,
        store.put_with_ttl("k", new(), Duration::from_secs(60)).await,
        store.put_reader("k", reader, Ttl::StoreDefault).await,
        store.put("other", new()).await,
    ] {
        let source = assert_kind(refused, ErrorKind::Store).source().unwrap().to_string();
        assert!(source.contains("OOM"), "{source}");
    }
    assert_eq!(store.get("k").await.unwrap(), "old");
    assert!(!store.contains("other").await.unwrap());
    store.delete("k").await.unwrap();
    assert!(!store.contains("k").await.unwrap());
}

#[tokio::test]
async fn others_are_served_while_many_keys_are_listed() {
    let server = RedisServer::start();
    let (mut look, store) = (server.connection().await, open(&server));
    let keys: BTreeSet<String> = (0..10_000).map(|number| format!("k{number}")).collect();
    let keys_vec = Vec::from_iter(&keys);
    for some in keys_vec.chunks(500) {
        for put in join_all(some.iter().map(|key| store.put(key, "v"))).await {
            put.unwrap();
        }
    }
    let (done, served) = (AtomicBool::new(false), AtomicU64::new(0));
    let list = async {
        let listed: Vec<String> = store.iter_keys("").try_collect().await.unwrap();
        done.store(true, Ordering::Relaxed);
        listed
    };
    let others = async {
        while !done.load(Ordering::Relaxed) {
            let () = look.set("other", "v").await.unwrap();
            served.fetch_add(1, Ordering::Relaxed);
        }
    };
    let (listed, ()) = tokio::join!(list, others);
    assert_eq!(listed.len(), 10_000, "each once");
    assert_eq!(BTreeSet::from_iter(listed), keys);
    let served = served.into_inner();
    assert!(served >= 5, "others were served {served} times");
    let info: String = redis::cmd("INFO").arg("commandstats").query_async(&mut look).await.unwrap();
    assert!(!info.contains("cmdstat_keys:"), "{info}");
    let scans = info.lines().find_map(|line| line.strip_prefix("cmdstat_scan:calls=")).unwrap();
    let scans: u32 = scans.split(',').next().unwrap().parse().unwrap();
    assert!(scans >= 10, "{scans} pages");
}

#[tokio::test]
async fn a_key_that_the_server_names_again_is_listed_once() {
    let page = |cursor: &str, names: &[&str]| {
        let bulk = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        Value::Array(vec![
            bulk(cursor),
            Value::Array(names.iter().map(|name| bulk(name)).collect()),
        ])
    };
    let pages = vec![
        page("7", &["kv:a", "kv:b", "kv:a"]),
        // A page may be empty before the end, and a server may take a pattern too widely.
        page("9", &[]),
        page("5", &["kv:b", "kv:c", "kx:d", "kv:", "a"]),
        page("0", &["kv:a", "kv:e"]),
    ];
    let store = RedisStore::from_connection(Answers::new(pages.clone()));
    let listed: Vec<String> = store.iter_keys("").try_collect().await.unwrap();
    assert_eq!(listed, ["a", "b", "c", "e"]);
    for rubbish in [Value::Okay, Value::Int(3), Value::Array(vec![]), page("x", &[])] {
        let store = RedisStore::from_connection(Answers::new(vec![pages[0].clone(), rubbish]));
        let mut keys = store.iter_keys("");
        assert_eq!(keys.next().await.unwrap().unwrap(), "a");
        assert_eq!(keys.next().await.unwrap().unwrap(), "b");
        assert_kind(keys.next().await.unwrap(), ErrorKind::Store);
        assert!(keys.next().await.is_none(), "nothing comes after an error");
    }
}

#[tokio::test]
async fn an_answer_that_is_none_of_redis_is_an_error() {
    for rubbish in [Value::Double(1.5), Value::Array(vec![Value::Nil]), Value::Boolean(true)] {
        let store = || RedisStore::from_connection(Answers::new(vec![rubbish.clone()]));
        assert_kind(store().get("k").await, ErrorKind::Store);
        assert_kind(store().open("k").await, ErrorKind::Store);
        assert_kind(store().put("k", "v").await, ErrorKind::Store);
        assert_kind(store().delete("k").await, ErrorKind::Store);
        assert_kind(store().contains("k").await, ErrorKind::Store);
        assert_kind(store().copy("k", "l").await, ErrorKind::Store);
        assert_kind(store().rename("k", "l").await, ErrorKind::Store);
    }
}

#[tokio::test]
async fn no_password_is_shown() {
    let url = "redis://someone:hunter2@localhost:1/3";
    let store = RedisStore::open(url).unwrap();
    assert_eq!(store.to_string(), "redis");
    let error = assert_kind(store.get("k").await, ErrorKind::Store);
    for shown in [format!("{store:?}"), format!("{error:?}"), error.to_string()] {
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    for url in [
        "redis://:hunter2@",
        "redis://:hunter2@host/x",
        "redis://:hunter2@host:x",
        "http://:hunter2@host",
        "hunter2",
    ] {
        let error = assert_kind(RedisStore::open(url), ErrorKind::InvalidUrl);
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        assert!(error.to_string().starts_with("the store's URL is not valid"), "{error}");
    }
    // The server's own words about a wrong password.
    let server = RedisServer::start_with(&["--requirepass", "swordfish"]);
    let store = RedisStore::open(&format!("{}?pass=hunter2", server.url())).unwrap();
    let error = assert_kind(store.get("k").await, ErrorKind::Store);
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    let store = RedisStore::open(&format!("{}?pass=swordfish", server.url())).unwrap();
    store.put("k", "v").await.unwrap();
}

/// A connection that gives these answers, one after another.
#[derive(Clone)]
struct Answers(std::sync::Arc<std::sync::Mutex<std::vec::IntoIter<Value>>>);

impl Answers {
    fn new(answers: Vec<Value>) -> Self {
        Self(std::sync::Arc::new(std::sync::Mutex::new(answers.into_iter())))
    }

    fn next(&self) -> Value {
        self.0.lock().unwrap().next().expect("no more questions than answers")
    }
}

impl ConnectionLike for Answers {
    fn req_packed_command<'a>(&'a mut self, _command: &'a Cmd) -> RedisFuture<'a, Value> {
        async { Ok(self.next()) }.boxed()
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        _pipeline: &'a Pipeline,
        _offset: usize,
        _count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        async { Ok(vec![self.next()]) }.boxed()
    }

    fn get_db(&self) -> i64 {
        0
    }
}
