//! Fetch functions that block, and the cache for programs without a runtime.

#![allow(clippy::unnecessary_wraps, reason = "a fetch function returns a `Result`")]

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

use cachecow::blocking::CacheCow;
use cachecow::{Builder, Cached, ErrorKind, Fill, Key, Peek, Source, WriteError};
use cachecow_tests::patient::patient;
use cachecow_tests::servers::RedisServer;

/// A synchronous store of rows, by id.
#[derive(Clone, Default)]
struct Db(Arc<Shelf>);

#[derive(Default)]
struct Shelf {
    names: Mutex<Vec<String>>,
    fetches: AtomicUsize,
    threads: Mutex<Vec<thread::ThreadId>>,
    /// A fetch says that it has begun, and waits to be let go.
    gate: Mutex<Option<(SyncSender<()>, Receiver<()>)>>,
    /// What a fetch reads other rows through.
    cow: Mutex<Option<CacheCow>>,
}

#[derive(Clone, Debug, PartialEq, Cached)]
#[cache(context = Db, ttl = "10m", negative_ttl = "1m")]
#[cache(key = "row:{id}", fetch = blocking(Row::find), fetch_many = blocking(Row::find_many))]
#[cache(key = "row:name:{name}", fetch = blocking(Row::find_by_name))]
#[cache(clearable = true)]
#[cache(list = "rows:all", name = "list_all", fetch = blocking(Row::all))]
#[cache(tag = "rows", name = "tag_all")]
struct Row {
    id: usize,
    name: String,
}

/// A row, and the one before it, which its fetch function reads through the cache.
#[derive(Clone, Debug, PartialEq, Cached)]
#[cache(context = Db)]
#[cache(key = "pair:{id}", fetch = blocking(Pair::find))]
struct Pair {
    id: usize,
    before: String,
}

impl Db {
    fn of(names: &[&str]) -> Self {
        let db = Self::default();
        *db.0.names.lock().unwrap() = names.iter().map(|&name| name.to_owned()).collect();
        db
    }

    fn rename(&self, id: usize, name: &str) -> Result<Row, io::Error> {
        let mut names = self.0.names.lock().unwrap();
        let row = names.get_mut(id).ok_or(io::ErrorKind::NotFound)?;
        name.clone_into(row);
        Ok(Row { id, name: name.to_owned() })
    }

    fn fetches(&self) -> usize {
        self.0.fetches.load(Ordering::SeqCst)
    }

    /// Holds the next fetch up: the receiver hears that it has begun, the sender lets it go.
    fn gate(&self) -> (Receiver<()>, SyncSender<()>) {
        let (arrived, arrives) = sync_channel(1);
        let (open, opened) = sync_channel(1);
        *self.0.gate.lock().unwrap() = Some((arrived, opened));
        (arrives, open)
    }

    fn fetch(&self) {
        self.0.fetches.fetch_add(1, Ordering::SeqCst);
        self.0.threads.lock().unwrap().push(thread::current().id());
    }

    fn wait(&self) {
        let gate = self.0.gate.lock().unwrap().take();
        if let Some((arrived, opened)) = gate {
            arrived.send(()).unwrap();
            opened.recv().unwrap();
        }
    }
}

impl Row {
    fn find(db: &Db, id: usize) -> Result<Option<Self>, io::Error> {
        db.fetch();
        let name = db.0.names.lock().unwrap().get(id).cloned();
        db.wait();
        match name.as_deref() {
            Some("broken") => Err(io::Error::other("a broken row")),
            Some("panic") => panic!("a row that panics"),
            _ => Ok(name.map(|name| Self { id, name })),
        }
    }

    fn find_many(db: &Db, ids: &[usize]) -> Result<Vec<Self>, io::Error> {
        db.fetch();
        let names = db.0.names.lock().unwrap();
        Ok(ids.iter().filter_map(|&id| Some(Self { id, name: names.get(id)?.clone() })).collect())
    }

    fn all(db: &Db) -> Result<Vec<Self>, io::Error> {
        db.fetch();
        let names = db.0.names.lock().unwrap();
        Ok(names.iter().cloned().enumerate().map(|(id, name)| Self { id, name }).collect())
    }

    fn find_by_name(db: &Db, wanted: &str) -> Result<Option<Self>, io::Error> {
        db.fetch();
        let names = db.0.names.lock().unwrap();
        let id = names.iter().position(|name| name == wanted);
        Ok(id.map(|id| Self { id, name: wanted.to_owned() }))
    }
}

impl Pair {
    fn find(db: &Db, id: usize) -> Result<Self, cachecow::Error> {
        let cow = db.0.cow.lock().unwrap().clone().expect("a cache to read through");
        let before = cow.with(db).get(Row::by_id(id - 1))?.expect("a row before it");
        Ok(Self { id, before: before.name.clone() })
    }
}

/// A cached function, which is async: it awaits nothing that needs a runtime.
#[cachecow::query(key = "rows:longest:{least}", negative_ttl = "1m", tag = Row::tag_all())]
async fn longest(db: &Db, least: usize) -> Result<Option<String>, io::Error> {
    db.fetch();
    let names = db.0.names.lock().unwrap();
    Ok(names.iter().filter(|name| name.len() >= least).max_by_key(|name| name.len()).cloned())
}

#[cachecow::query(key = "answer")]
async fn answer() -> Result<u64, io::Error> {
    Ok(42)
}

fn name(row: Option<Arc<Row>>) -> String {
    row.expect("the row exists").name.clone()
}

/// What all of the methods do, over the cache at `url`.
fn every_method(url: &str) {
    let db = Db::of(&["ann", "bob", "cid"]);
    let cow = CacheCow::open_with(patient(), url).unwrap();
    cow.ping().unwrap();
    let view = cow.with(&db);

    let read = view.read(Row::by_id(0)).unwrap();
    assert_eq!((read.source, read.fill), (Source::Fetched, Fill::Stored));
    assert_eq!(view.read(Row::by_id(0)).unwrap().source, Source::Cache);
    assert_eq!(name(view.get(Row::by_name("ann")).unwrap()), "ann");
    assert_eq!(view.get(Row::by_id(7)).unwrap(), None);
    let before = db.fetches();
    let rows = view.get_many([0, 1, 2, 9].map(Row::by_id)).unwrap();
    let names: Vec<_> = rows.iter().map(|row| row.as_ref().map(|row| row.name.as_str())).collect();
    assert_eq!(names, [Some("ann"), Some("bob"), Some("cid"), None]);
    assert_eq!(db.fetches(), before + 1, "one call of fetch_many for all that was not cached");
    let before = db.fetches();
    for shared in [false, true, false] {
        let all = if shared {
            cow.with_shared(&Arc::new(db.clone())).list(Row::list_all())
        } else {
            view.list(Row::list_all())
        };
        assert_eq!(all.unwrap().iter().map(|row| row.id).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(db.fetches(), before + 1, "the objects were cached, and then the list was");
    }
    assert!(matches!(view.peek(Row::by_id(1)).unwrap(), Peek::Object { .. }));
    assert_eq!(view.uncached().read(Row::by_id(1)).unwrap().source, Source::Fetched);

    let invalidations: [&dyn Fn() -> Result<(), cachecow::Error>; 6] = [
        &|| cow.invalidate(Row::by_id(0)),
        &|| cow.invalidate_many([0, 1].map(Row::by_id)),
        &|| cow.invalidate_object(&Row { id: 0, name: "ann".to_owned() }),
        &|| cow.invalidate_tag(Row::tag_all()),
        &|| cow.invalidate_tags([Row::tag_all()]),
        &|| cow.invalidate_type::<Row>(),
    ];
    for (index, invalidate) in invalidations.into_iter().enumerate() {
        view.get(Row::by_id(0)).unwrap();
        invalidate().unwrap();
        let read = view.read(Row::by_id(0)).unwrap();
        assert_eq!(read.source, Source::Fetched, "after invalidation {index}");
    }

    assert_eq!(cow.write(Row::by_id(0), || db.rename(0, "abe")).unwrap().name, "abe");
    assert_eq!(name(view.get(Row::by_id(0)).unwrap()), "abe");
    let failed = cow.write(Row::by_id(0), || db.rename(17, "none")).unwrap_err();
    assert_eq!(failed.kind(), io::ErrorKind::NotFound, "the work's own error");
    let written = cow.writing(Row::by_id(1), || db.rename(1, "ben")).storing(|row| Some(row));
    assert_eq!(written.outcome().stored, Fill::Stored);
    assert_eq!(view.read(Row::by_id(1)).unwrap().source, Source::Cache);
    cow.writing((), || db.rename(2, "cat")).invalidating(|row| Row::by_id(row.id)).run().unwrap();
    assert_eq!(name(view.get(Row::by_id(2)).unwrap()), "cat");

    asked(&cow, &db);
    counted(&cow);
    assert!(cow.block_on(cow.as_async().get(Plain::by_id(1))).unwrap().is_some());
    assert_eq!(cow.scope(), cow.as_async().scope());

    let shared = Arc::new(db.clone());
    assert_eq!(name(cow.with_shared(&shared).get(Row::by_id(2)).unwrap()), "cat");
    assert!(cow.stats().to_string().contains("Row"));
    cow.close().unwrap();
}

/// An auditor runs on the cache's own thread, between the calls.
#[test]
fn an_auditor_runs_in_the_background() {
    let (cow, db) = (CacheCow::memory().unwrap(), Db::of(&["ann"]));
    let auditor = cow.as_async().auditor().one_in(1).context(Arc::new(db.clone()));
    cow.spawn(auditor.run());
    while cow.stats().of("Row").audited == 0 {
        cow.with(&db).get(Row::by_id(0)).unwrap();
        thread::yield_now();
    }
    assert_eq!(cow.stats().of("Row").audit_errors, 0);
}

/// The answers of cached functions, which go with a tag.
fn asked(cow: &CacheCow, db: &Db) {
    let view = cow.with(db);
    let before = db.fetches();
    for _ in 0..2 {
        assert_eq!(view.ask(longest::of(3)).unwrap().as_deref(), Some(&"cat".to_owned()));
        assert_eq!(view.ask(longest::of(9)).unwrap(), None);
    }
    assert_eq!(db.fetches(), before + 2);
    cow.write(Row::tag_all(), || db.rename(2, "catherine")).unwrap();
    assert_eq!(*view.ask(longest::of(9)).unwrap().unwrap(), "catherine");
    cow.write(Row::tag_all(), || db.rename(2, "cat")).unwrap();
    assert_eq!(*cow.ask(answer::of()).unwrap(), 42);
}

/// What is cached under a key that is decided at run time, by a function on this thread that uses the cache.
fn counted(cow: &CacheCow) {
    let calls = AtomicUsize::new(0);
    let read = || {
        let count = || {
            let plain = cow.get(Plain::by_id(1))?.expect("a plain row");
            assert_eq!(plain.id, 1);
            Ok::<_, cachecow::Error>(calls.fetch_add(1, Ordering::SeqCst) + 1)
        };
        let read = cow.get_or_fetch(Key::of("count:{}", (7,)), Duration::from_secs(60), count);
        *read.tag(Row::tag_all()).run().unwrap()
    };
    assert_eq!((read(), read()), (1, 1));
    cow.invalidate(Key::of("count:{}", (7,))).unwrap();
    assert_eq!(read(), 2);
    cow.invalidate_tag(Row::tag_all()).unwrap();
    assert_eq!(read(), 3);
    let failed = || Err::<u8, _>(io::Error::other("no such table"));
    let read = cow.get_or_fetch(Key::of("broken", ()), Duration::from_secs(60), failed).run();
    assert!(read.unwrap_err().fetch_error::<io::Error>().is_some());
}

#[test]
fn every_method_over_memory() {
    every_method("memory://");
}

#[test]
fn every_method_over_redis() {
    every_method(&RedisServer::start().url());
}

/// Eight threads ask for one row while its fetch is held up: one fetch for all of them.
#[test]
fn threads_share_a_load() {
    let (server, db) = (RedisServer::start(), Db::of(&["ann"]));
    let cow = CacheCow::open_with(patient(), &server.url()).unwrap();
    let (arrives, open) = db.gate();
    let begun = Barrier::new(8);
    thread::scope(|scope| {
        let first = scope.spawn(|| cow.with(&db).get(Row::by_id(0)));
        arrives.recv().unwrap();
        let others: Vec<_> = (0..7)
            .map(|_| {
                scope.spawn(|| {
                    begun.wait();
                    cow.with(&db).get(Row::by_id(0))
                })
            })
            .collect();
        begun.wait();
        open.send(()).unwrap();
        for reader in others.into_iter().chain([first]) {
            assert_eq!(name(reader.join().unwrap().unwrap()), "ann");
        }
    });
    assert_eq!(db.fetches(), 1);
    let fetched_on = db.0.threads.lock().unwrap()[0];
    assert_ne!(fetched_on, thread::current().id(), "on the pool");
}

/// P1, for a fetch on the pool: what was read before an invalidation is not stored after it.
#[test]
fn an_invalidation_during_the_fetch_stores_nothing() {
    let (server, db) = (RedisServer::start(), Db::of(&["ann"]));
    let cow = CacheCow::open_with(patient(), &server.url()).unwrap();
    let (arrives, open) = db.gate();
    thread::scope(|scope| {
        let read = scope.spawn(|| cow.with(&db).read(Row::by_id(0)).unwrap());
        arrives.recv().unwrap();
        cow.write(Row::by_id(0), || db.rename(0, "abe")).unwrap();
        open.send(()).unwrap();
        let read = read.join().unwrap();
        assert_eq!((name(read.value).as_str(), read.fill), ("ann", Fill::Refused));
    });
    assert_eq!(name(cow.with(&db).get(Row::by_id(0)).unwrap()), "abe");
}

/// A read that is dropped gives its claim back; the function goes on, and what it brings is stored nowhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dropped_read_brings_is_not_stored() {
    let (server, db) = (RedisServer::start(), Db::of(&["ann"]));
    let cow = patient().open(&server.url()).await.unwrap();
    let (arrives, open) = db.gate();
    let read = tokio::spawn({
        let (cow, db) = (cow.clone(), db.clone());
        async move { cow.with(&db).get(Row::by_id(0)).await }
    });
    let arrives = tokio::task::spawn_blocking(move || arrives.recv().map(|()| arrives)).await;
    let _arrives = arrives.unwrap().unwrap();
    read.abort();
    assert!(read.await.unwrap_err().is_cancelled());
    db.rename(0, "abe").unwrap();
    cow.invalidate(Row::by_id(0)).await.unwrap();
    open.send(()).unwrap();
    // Held by the first fetch alone: once it is over, the shelf's only owners are the two here.
    while Arc::strong_count(&db.0) > 1 {
        tokio::task::yield_now().await;
    }
    assert!(matches!(cow.peek(Row::by_id(0)).await.unwrap(), Peek::NotCached));
    let read = cow.with(&db).read(Row::by_id(0)).await.unwrap();
    assert_eq!((name(read.value).as_str(), read.fill), ("abe", Fill::Stored));
}

#[test]
fn errors_and_panics_are_the_readers() {
    let (server, db) = (RedisServer::start(), Db::of(&["broken", "panic"]));
    let cow = CacheCow::open_with(patient(), &server.url()).unwrap();
    let error = cow.with(&db).get(Row::by_id(0)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Fetch);
    assert_eq!(error.fetch_error::<io::Error>().unwrap().to_string(), "a broken row");

    let panics = thread::scope(|scope| {
        scope.spawn(|| cow.with(&db).get(Row::by_id(1))).join().expect_err("it panics")
    });
    assert_eq!(panics.downcast_ref::<&str>(), Some(&"a row that panics"));
    db.rename(1, "bob").unwrap();
    let read = cow.with(&db).read(Row::by_id(1)).unwrap();
    assert_eq!((name(read.value).as_str(), read.fill), ("bob", Fill::Stored), "the claim is back");
}

/// What a fetch function in `blocking(…)`, and the work of a write, may do.
#[test]
fn the_cache_is_used_inside_of_a_fetch_and_of_a_work() {
    let (server, db) = (RedisServer::start(), Db::of(&["ann", "bob"]));
    let cow = CacheCow::open_with(patient(), &server.url()).unwrap();
    *db.0.cow.lock().unwrap() = Some(cow.clone());
    assert_eq!(cow.with(&db).get(Pair::by_id(1)).unwrap().unwrap().before, "ann");

    let renamed = cow.write(Row::by_id(0), || {
        let old = cow.with(&db).uncached().get(Row::by_id(0))?.expect("a row");
        db.rename(0, &format!("{}e", old.name))?;
        Ok::<_, Box<dyn std::error::Error>>(old)
    });
    assert_eq!(renamed.unwrap().name, "ann");
    assert_eq!(name(cow.with(&db).get(Row::by_id(0)).unwrap()), "anne");
    db.0.cow.lock().unwrap().take();
}

/// An error, where a method would block an async runtime's thread; a write is carried out, with its hold.
fn inside_of_a_runtime(cow: &CacheCow, db: &Db) {
    let errors = [
        cow.with(db).get(Row::by_id(0)).unwrap_err(),
        cow.get_many([Plain::by_id(1)]).unwrap_err(),
        cow.invalidate(Row::by_id(0)).unwrap_err(),
        cow.with(db).ask(longest::of(1)).unwrap_err(),
        cow.get_or_fetch(Key::of("inside", ()), Duration::ZERO, || Ok::<_, io::Error>(1))
            .run()
            .unwrap_err(),
        cow.invalidate_type::<Row>().unwrap_err(),
        cow.block_on(async { Ok(()) }).unwrap_err(),
        cow.ping().unwrap_err(),
        cow.close().unwrap_err(),
        CacheCow::open("memory://").unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("use `cachecow::CacheCow` there"), "{error}");
    }
    assert_eq!(db.fetches(), 1, "nothing is fetched");
    let written = cow.writing(Row::by_id(0), || db.rename(0, "abe")).require_hold();
    assert_eq!(written.unwrap().name, "abe");
}

#[derive(Debug, Cached)]
#[cache(key = "plain:{id}", fetch = blocking(Plain::find))]
struct Plain {
    id: u32,
}

impl Plain {
    fn find(id: u32) -> Result<Self, io::Error> {
        Ok(Self { id })
    }
}

#[test]
fn inside_of_a_runtime_it_is_an_error() {
    let (server, db) = (RedisServer::start(), Db::of(&["ann"]));
    let cow = CacheCow::open_with(patient(), &server.url()).unwrap();
    cow.with(&db).get(Row::by_id(0)).unwrap();
    let current = tokio::runtime::Builder::new_current_thread().build().unwrap();
    current.block_on(async { inside_of_a_runtime(&cow, &db) });
    let many = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let inside = {
        let (cow, db) = (cow.clone(), db.clone());
        many.spawn(async move {
            assert_eq!(name(Row::find(&db, 0).unwrap().map(Arc::new)), "abe");
            db.0.fetches.store(1, Ordering::SeqCst);
            inside_of_a_runtime(&cow, &db);
            // The last clone may be dropped there, too.
            drop(cow);
        })
    };
    let read = thread::scope(|scope| {
        // Not refused: this thread is in no runtime.
        scope.spawn(|| cow.with(&db).peek(Row::by_id(0)).is_ok()).join().unwrap()
    });
    assert!(read);
    drop(cow);
    many.block_on(inside).unwrap();
}

/// What failed is retried between the calls: on the cache's own thread, while the program does something else.
#[test]
fn what_is_outstanding_is_retried_between_calls() {
    let (mut server, db) = (RedisServer::start(), Db::of(&["ann"]));
    let builder = Builder::default().operation_timeout(Duration::from_millis(200));
    let cow = CacheCow::open_with(builder, &server.url()).unwrap();
    cow.with(&db).get(Row::by_id(0)).unwrap();
    server.kill();
    assert_eq!(cow.write(Row::by_id(0), || db.rename(0, "abe")).unwrap().name, "abe");
    let refused = cow.writing(Row::by_id(0), || db.rename(0, "never")).require_hold();
    assert!(matches!(refused, Err(WriteError::HoldRefused(_))));
    assert_eq!(cow.invalidate(Row::by_id(0)).unwrap_err().kind(), ErrorKind::NotInvalidated);
    assert!(cow.stats().pending_invalidations > 0);
    assert_eq!(name(cow.with(&db).get(Row::by_id(0)).unwrap()), "abe", "past the cache");
    server.restart();
    while cow.stats().pending_invalidations > 0 {
        thread::yield_now();
    }
    assert_eq!(name(cow.with(&db).get(Row::by_id(0)).unwrap()), "abe");
}
