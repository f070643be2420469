//! Reads, invalidates and writes under a fault.

use std::error::Error as _;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cachecow::{Builder, CacheCow, Error, ErrorKind, Fill, Source, WriteError};
use cachecow_tests::events::Events;
use cachecow_tests::patient::patient;
use cachecow_tests::store::{Item, Store};
use redis::aio::MultiplexedConnection;

use crate::groups::Group;
use crate::row::{Circuit, OR, Row, Seen, Told};
use crate::servers::say;

/// What must never be shown; every password in these tests is this one.
pub(crate) const SECRET: &str = "s3cret";

/// A row under test: a program that uses the cache, and another that insists on its holds.
pub(crate) struct Trial {
    row: &'static Row,
    store: Store,
    cow: CacheCow,
    strict: CacheCow,
    warnings: Events,
    /// An item for each use, first that which is in the cache.
    items: [i64; 5],
    /// A list and an answer beside the items; none where the fault is of some keys alone.
    group: Option<Group>,
    took: Vec<String>,
}

/// Of an item that has no other use.
const GROUP: Group = Group(6);

/// How many times there are in a line.
const TIMES: usize = 6;

impl Trial {
    /// Opens the cache at `url`, which is under the fault already.
    pub(crate) async fn cold(row: &'static Row, url: &str) -> Self {
        let mut trial = Self::with_items(row, url, [1, 2, 3, 4, 5]).await;
        trial.group = Some(GROUP);
        trial
    }

    async fn with_items(row: &'static Row, url: &str, items: [i64; 5]) -> Self {
        let builder = || match row.circuit {
            Circuit::Opens => CacheCow::builder(),
            // A busy machine must not pass for an outage.
            Circuit::StaysClosed => patient(),
        };
        let open = async |builder: Builder| builder.open(url).await.expect("a valid address");
        Self {
            row,
            store: Store::with_items(1000),
            cow: open(builder()).await,
            strict: open(builder()).await,
            warnings: Events::warnings(),
            items,
            group: None,
            took: Vec::new(),
        }
    }

    /// Opens the cache at `url`, and sees to it that it works.
    pub(crate) async fn warm(row: &'static Row, url: &str) -> Self {
        let mut trial = Self::warm_with(row, url, [1, 2, 3, 4, 5]).await;
        within(GROUP.until_cached(&trial.cow, &trial.store)).await;
        trial.group = Some(GROUP);
        trial
    }

    /// The whole of a trial whose fault one command begins and another ends.
    pub(crate) async fn between(
        row: &'static Row,
        url: &str,
        control: &mut MultiplexedConnection,
        [begin, end]: [&[&str]; 2],
    ) {
        let trial = Self::warm(row, url).await;
        say(control, begin).await;
        let trial = trial.suffer().await;
        say(control, end).await;
        trial.recover(url).await;
    }

    /// [`warm`](Self::warm), with other items than the first.
    pub(crate) async fn warm_with(row: &'static Row, url: &str, items: [i64; 5]) -> Self {
        let trial = Self::with_items(row, url, items).await;
        within(async { while trial.strict.ping().await.is_err() {} }).await;
        for id in [items[0], items[1]] {
            within(trial.until_cached(id)).await;
        }
        trial
    }

    /// What the program reads with.
    pub(crate) fn cow(&self) -> &CacheCow {
        &self.cow
    }

    /// Uses the cache until this has happened.
    pub(crate) async fn pings_until(&self, mut happened: impl AsyncFnMut() -> bool) {
        let pinging = async {
            while !happened().await {
                let _ = tokio::join!(self.cow.ping(), self.strict.ping());
            }
        };
        within(pinging).await;
    }

    /// Does under the fault what the row tells of.
    pub(crate) async fn suffer(mut self) -> Self {
        self.warnings.take();
        let [kept, changed, other, strict, _] = self.items;
        let mut found = *self.row;
        if found.kept == Seen::Never {
            self.took.push("–".to_owned());
        } else {
            found.kept = self.sees(kept).await;
        }
        found.other = self.sees(other).await;
        if let Some(group) = self.group {
            group.is_seen(&self.cow, &self.store, found.kept).await;
        }
        for _ in 0..5 {
            self.reads(kept, 1).await;
            self.reads(other, 1).await;
        }
        let began = Instant::now();
        self.reads(kept, 1).await;
        self.took.push(rounded(began.elapsed()));
        let ids = [kept, other, strict].map(Item::by_id);
        let batch = self.cow.with(&self.store).get_many(ids).await.unwrap();
        assert!(batch.iter().all(Option::is_some), "a batch");
        let opened = self.cow.stats().circuit_open;
        found.circuit = if opened { Circuit::Opens } else { Circuit::StaysClosed };
        self.pings().await;
        found.invalidate = self.invalidates(kept).await;
        found.write = self.writes(changed).await;
        if let Some(group) = self.group {
            let Row { invalidate, write, .. } = found;
            group.is_told(&self.cow, &self.store, [invalidate, write]).await;
        }
        found.strict = self.writes_strictly(strict).await;
        assert_eq!(found, *self.row);
        self.has_warned();
        self
    }

    async fn sees(&mut self, id: i64) -> Seen {
        let began = Instant::now();
        let read = self.cow.with(&self.store).read(Item::by_id(id)).await.unwrap();
        self.took.push(rounded(began.elapsed()));
        assert_eq!(read.value.unwrap().version, 1);
        match (read.source, read.fill) {
            (Source::Cache, _) => Seen::Cached,
            (_, Fill::Stored) => Seen::Stored,
            _ => Seen::Fetched,
        }
    }

    async fn reads(&self, id: i64, version: u64) {
        let read = self.cow.with(&self.store).get(Item::by_id(id)).await.unwrap();
        assert_eq!(read.unwrap().version, version, "item {id}");
    }

    async fn pings(&self) {
        let expected = self.row.ping;
        match self.cow.ping().await {
            Ok(()) => assert_eq!(expected, "", "a ping succeeds"),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Unavailable);
                is_discreet("ping", &error);
                let why = error.source().expect("why").to_string();
                assert!(!expected.is_empty(), "a ping fails: {why}");
                assert!(expected.split(OR).any(|part| why.contains(part)), "{why}");
            }
        }
    }

    async fn invalidates(&mut self, id: i64) -> Told {
        self.store.bump(id);
        let began = Instant::now();
        let invalidated = self.cow.invalidate(Item::by_id(id)).await;
        self.took.push(rounded(began.elapsed()));
        // Confirmed, or past the cache.
        self.reads(id, 2).await;
        told("invalidate", invalidated)
    }

    async fn writes(&mut self, id: i64) -> Told {
        let work = async { Ok::<_, Error>(self.store.bump(id)) };
        let began = Instant::now();
        let written = self.cow.write(Item::by_id(id), work).outcome().await;
        self.took.push(rounded(began.elapsed()));
        written.result.expect("the cache fails no work");
        self.reads(id, 2).await;
        told("write", written.invalidated)
    }

    async fn writes_strictly(&self, id: i64) -> Told {
        let begun = AtomicBool::new(false);
        let work = async {
            begun.store(true, Ordering::SeqCst);
            Ok::<_, Error>(self.store.bump(id))
        };
        let written = match self.strict.write(Item::by_id(id), work).require_hold().await {
            Ok(_) => Ok(()),
            Err(WriteError::HoldRefused(error)) => Err(error),
            Err(error) => panic!("{error:?}"),
        };
        let written = told("write", written);
        assert_eq!(begun.into_inner(), written != Told::HoldRefused, "whether it was begun");
        written
    }

    /// A cache that is of no use is warned of, and so is what was not invalidated.
    fn has_warned(&self) {
        let Row { kept, other, invalidate, write, circuit, .. } = *self.row;
        let warnings = self.warnings.take_lines();
        let warned = |of: &str| warnings.iter().any(|warning| warning.starts_with(of));
        let opened = circuit == Circuit::Opens;
        assert_eq!(warned("the cache keeps failing"), opened, "{warnings:?}");
        let lost = [invalidate, write].contains(&Told::NotInvalidated);
        assert!(!lost || warned("invalidation failed"), "{warnings:?}");
        let refusals = warnings.iter().filter(|warning| warning.starts_with("the cache refuses"));
        let refusals = refusals.count();
        // By either program once, however often it was refused.
        assert!(refusals <= 2, "{warnings:?}");
        let useless = kept != Seen::Cached && other == Seen::Fetched;
        assert!(!useless || opened || refusals > 0, "it is said: {warnings:?}");
        assert!(warnings.iter().all(|warning| !shows_secrets(warning)), "{warnings:?}");
        assert!(!shows_secrets(&format!("{:?}", self.cow)), "{:?}", self.cow);
    }

    /// Sees the fault end at `url`: what was outstanding is made up for, and the cache is used again.
    pub(crate) async fn recover(mut self, url: &str) {
        let ended = Instant::now();
        within(self.settled()).await;
        within(self.until_cached(self.items[4])).await;
        self.took.push(rounded(ended.elapsed()));
        within(async { while self.cow.ping().await.is_err() {} }).await;
        assert!(!self.cow.stats().circuit_open);
        // As another process, which knows of nothing.
        let other = CacheCow::open(url).await.unwrap();
        for (id, version) in self.items.into_iter().zip(self.versions().await) {
            for cow in [&other, &self.cow, &self.strict] {
                let read = cow.with(&self.store).get(Item::by_id(id)).await.unwrap();
                assert_eq!(read.unwrap().version, version, "item {id}");
            }
        }
        if let Some(group) = self.group {
            for cow in [&other, &self.cow] {
                group.is_current(cow, &self.store).await;
            }
        }
    }

    async fn versions(&self) -> [u64; 5] {
        let mut versions = [0; 5];
        for (version, id) in versions.iter_mut().zip(self.items) {
            *version = self.store.find(id).await.unwrap().unwrap().version;
        }
        versions
    }

    async fn settled(&self) {
        for cow in [&self.cow, &self.strict] {
            while cow.stats().pending_invalidations > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }

    /// Sends what is lost with connections that have broken.
    pub(crate) async fn reconnect(&self) {
        for cow in [&self.cow, &self.strict] {
            within(async { while cow.ping().await.is_err() {} }).await;
        }
    }

    /// Reads what is cached until a lookup is what a read begins with, as where most reads are hits.
    pub(crate) async fn until_lookups(&self) {
        for _ in 0..20 {
            self.reads(self.items[0], 1).await;
        }
    }

    async fn until_cached(&self, id: i64) {
        loop {
            let read = self.cow.with(&self.store).read(Item::by_id(id)).await.unwrap();
            if read.source == Source::Cache {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Prints how long everything took.
impl Drop for Trial {
    fn drop(&mut self) {
        self.took.resize(TIMES, "–".to_owned());
        println!("| {} | {} |", self.row.title(), self.took.join(" | "));
    }
}

/// The order of magnitude is what counts.
fn rounded(time: Duration) -> String {
    match time.as_millis() {
        0 => "< 1 ms".to_owned(),
        1..100 => format!("{} ms", time.as_millis()),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}

/// What an operation returned.
pub(crate) fn told<T>(operation: &str, result: Result<T, Error>) -> Told {
    let Err(error) = result else { return Told::Done };
    is_discreet(operation, &error);
    match error.kind() {
        ErrorKind::NotInvalidated => Told::NotInvalidated,
        ErrorKind::HoldRefused => Told::HoldRefused,
        kind => panic!("{kind:?}: {error}"),
    }
}

/// An error names the operation and what follows, and shows neither credentials nor key values.
pub(crate) fn is_discreet(operation: &str, error: &Error) {
    let shown = format!("{error} {error:?}");
    assert!(error.to_string().starts_with(&format!("{operation}: the cache ")), "{error}");
    assert!(error.to_string().contains("; "), "what follows: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        assert!(!shows_secrets(&format!("{error} {error:?}")), "{error:?}");
        cause = error.source();
    }
    assert!(!shows_secrets(&shown), "{shown}");
}

fn shows_secrets(text: &str) -> bool {
    text.contains(SECRET) || text.contains("cache:{") || text.contains("flag:{")
}

/// A deadline far beyond what any machine needs, so that a test that waits in vain says so.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("within a minute")
}
