//! What a follower does with a change log, whichever it is: this one does as it is told.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use cachecow::log::{
    Batch, ChangeLog, Follower, FollowerState, Heartbeat, LogPosition, OnLag, Opened, Opening, Row,
    Value,
};
use cachecow::{CacheCow, Cached, Error, ErrorKind, Source};
use tokio::sync::mpsc;

#[derive(Clone, Debug, PartialEq, Eq, Cached)]
#[cache(context = Rows, ttl = "1h", table = "rows")]
#[cache(key = "row:{id}", fetch = Rows::find)]
struct Item {
    id: i64,
    version: u64,
}

/// Followed besides.
#[derive(Clone, Debug, PartialEq, Eq, Cached)]
#[cache(ttl = "1h", table = "others")]
#[cache(key = "other:{id}", fetch = Other::find)]
struct Other {
    id: i64,
}

impl Other {
    async fn find(id: i64) -> Result<Self, std::convert::Infallible> {
        Ok(Self { id })
    }
}

/// With an alias by a function that does not take every name.
#[derive(Clone, Debug, PartialEq, Eq, Cached)]
#[cache(ttl = "1h", table = "named")]
#[cache(key = "named:{id}", fetch = Named::find)]
#[cache(key = "named:name:{name}", fetch = Named::find_by_name)]
struct Named {
    id: i64,
    #[cache(normalize = unpoisoned)]
    name: String,
}

fn unpoisoned(name: &str) -> String {
    assert_ne!(name, "poison", "on purpose");
    name.to_owned()
}

impl Named {
    async fn find(id: i64) -> Result<Self, std::convert::Infallible> {
        Ok(Self { id, name: "a".to_owned() })
    }

    async fn find_by_name(name: &str) -> Result<Self, std::convert::Infallible> {
        Ok(Self { id: 1, name: name.to_owned() })
    }
}

/// Every row has the version that is the number of changes so far.
#[derive(Debug, Default)]
struct Rows(AtomicU64);

impl Rows {
    async fn find(&self, id: i64) -> Result<Item, std::convert::Infallible> {
        Ok(Item { id, version: self.0.load(Ordering::SeqCst) })
    }
}

/// What the log does next.
enum Step {
    /// It tells of a change of this row.
    Change(i64),
    /// It tells of a change whose key cannot be told.
    Obscure,
    /// It tells of a change of a row on which the program's function panics.
    Poison,
    /// It fails.
    Fail,
    /// It fails, and goes on where it was.
    Break,
    /// It panics, as a function of a key's may.
    Panic,
}

/// What was done, in order.
type Journal = Arc<Mutex<Vec<String>>>;

struct Scripted {
    steps: mpsc::UnboundedReceiver<Step>,
    journal: Journal,
    read: u64,
    end: Arc<AtomicU64>,
    /// Whether changes were missed, and whether older ones are not visible yet.
    missed: bool,
    unsettled: Arc<AtomicU64>,
    in_use: Arc<AtomicU64>,
    /// What the instance that has the log acknowledged, if it is not zero.
    acknowledged: Arc<AtomicU64>,
}

struct Controls {
    steps: mpsc::UnboundedSender<Step>,
    journal: Journal,
    end: Arc<AtomicU64>,
    unsettled: Arc<AtomicU64>,
    in_use: Arc<AtomicU64>,
    acknowledged: Arc<AtomicU64>,
}

fn scripted() -> (Scripted, Controls) {
    let (sender, steps) = mpsc::unbounded_channel();
    let (journal, end) = (Journal::default(), Arc::new(AtomicU64::new(0)));
    let (unsettled, in_use) = (Arc::default(), Arc::default());
    let acknowledged: Arc<AtomicU64> = Arc::default();
    let controls = Controls {
        steps: sender,
        journal: Arc::clone(&journal),
        end: Arc::clone(&end),
        unsettled: Arc::clone(&unsettled),
        in_use: Arc::clone(&in_use),
        acknowledged: Arc::clone(&acknowledged),
    };
    let (read, missed) = (0, false);
    (Scripted { steps, journal, read, end, missed, unsettled, in_use, acknowledged }, controls)
}

impl Controls {
    fn step(&self, step: Step) {
        self.end.fetch_add(1, Ordering::SeqCst);
        assert!(self.steps.send(step).is_ok(), "the follower is at work");
    }

    fn journal(&self) -> Vec<String> {
        self.journal.lock().unwrap().clone()
    }

    fn has(&self, what: &str) -> bool {
        self.journal.lock().unwrap().iter().any(|done| done == what)
    }
}

impl Scripted {
    fn note(&self, what: impl Into<String>) {
        self.journal.lock().unwrap().push(what.into());
    }
}

impl ChangeLog for Scripted {
    fn resume(&mut self, bookmark: Option<String>) {
        self.note(format!("resume {}", bookmark.unwrap_or_else(|| "nothing".to_owned())));
    }

    fn bookmark(&self) -> Option<String> {
        Some(format!("after {}", self.read))
    }

    async fn open(&mut self) -> Result<Opening, Error> {
        if self.in_use.load(Ordering::SeqCst) > 0 {
            return Ok(Opening::InUse);
        }
        self.note("open");
        let mut opened = Opened::at("scripted", LogPosition::new(self.read));
        opened.missed = std::mem::take(&mut self.missed).then(|| "it says so".to_owned());
        opened.unsettled = self.unsettled.load(Ordering::SeqCst) > 0;
        Ok(Opening::Open(opened))
    }

    async fn next(&mut self, batch: &mut Batch) -> Result<(), Error> {
        let Some(step) = self.steps.recv().await else { return std::future::pending().await };
        self.read += 1;
        match step {
            Step::Change(id) => {
                let id = id.to_string();
                let row = Row::new().with("id", Value::text(id));
                assert!(batch.change("public", "rows", None, Some(&row)));
            }
            Step::Obscure => {
                assert!(batch.change("public", "rows", None, Some(&Row::new())));
            }
            Step::Poison => {
                let row =
                    Row::new().with("id", Value::text("7")).with("name", Value::text("poison"));
                assert!(batch.change("public", "named", None, Some(&row)));
            }
            Step::Panic => panic!("told"),
            Step::Break => {
                self.read -= 1;
                return Err(Error::unavailable("the log", std::io::Error::other("told")));
            }
            Step::Fail => return Err(Error::unavailable("the log", std::io::Error::other("told"))),
        }
        batch.set_position(LogPosition::new(self.read));
        Ok(())
    }

    async fn settle(&mut self) -> Result<(), Error> {
        self.note("settle");
        while self.unsettled.load(Ordering::SeqCst) > 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    async fn acknowledge(&mut self, position: LogPosition) -> Result<(), Error> {
        self.note(format!("acknowledge {position}"));
        Ok(())
    }

    async fn end(&mut self) -> Result<LogPosition, Error> {
        Ok(LogPosition::new(self.end.load(Ordering::SeqCst)))
    }

    async fn heartbeat(&mut self, _: &mut Batch) -> Result<Heartbeat, Error> {
        let unsettled = self.unsettled.load(Ordering::SeqCst) > 0;
        let end = LogPosition::new(self.end.load(Ordering::SeqCst));
        let heartbeat = Heartbeat::default().with_end(end).with_unsettled(unsettled);
        Ok(match self.acknowledged.load(Ordering::SeqCst) {
            0 => heartbeat,
            acknowledged => heartbeat.with_acknowledged(LogPosition::new(acknowledged)),
        })
    }
}

async fn follow(cow: &CacheCow, log: Scripted) -> Follower {
    let limit = Duration::from_secs(5);
    let follow = cow.follow(log).types::<Item>().on_lag(limit, OnLag::ReadPast);
    follow.start().await.unwrap()
}

async fn source(cow: &CacheCow, rows: &Rows, id: i64) -> Source {
    cow.with(rows).read(Item::by_id(id)).await.unwrap().source
}

/// Lets the follower go on until this holds. Time passes only when nobody has anything to do.
async fn until(holds: impl Fn() -> bool) {
    while !holds() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_is_settled_then_invalidated_then_acknowledged() {
    let (cow, rows) = (CacheCow::memory(), Rows::default());
    let (log, controls) = scripted();
    let follower = follow(&cow, log).await;
    follower.caught_up().await.unwrap();
    assert_eq!(source(&cow, &rows, 1).await, Source::Fetched);
    assert_eq!(source(&cow, &rows, 2).await, Source::Fetched);
    controls.unsettled.store(2, Ordering::SeqCst);
    controls.step(Step::Change(1));
    until(|| controls.has("settle")).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(!controls.has("acknowledge 1"), "{:?}", controls.journal());
    controls.unsettled.store(0, Ordering::SeqCst);
    follower.caught_up().await.unwrap();
    until(|| !follower.status().behind).await;
    assert_eq!(source(&cow, &rows, 1).await, Source::Fetched, "it was invalidated");
    assert_eq!(source(&cow, &rows, 2).await, Source::Cache, "the other was not");
    until(|| controls.has("acknowledge 1")).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_invalidated_before_it_is_settled() {
    let (cow, rows) = (CacheCow::memory(), Rows::default());
    let (log, controls) = scripted();
    // The cache goes on being used, however long it takes.
    let follow = cow.follow(log).types::<Item>().on_lag(Duration::MAX, OnLag::Serve);
    let follower = follow.start().await.unwrap();
    follower.caught_up().await.unwrap();
    source(&cow, &rows, 1).await;
    controls.unsettled.store(2, Ordering::SeqCst);
    controls.step(Step::Change(1));
    until(|| controls.has("settle")).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(source(&cow, &rows, 1).await, Source::Cache);
    controls.unsettled.store(0, Ordering::SeqCst);
    follower.caught_up().await.unwrap();
    assert_eq!(source(&cow, &rows, 1).await, Source::Fetched);
}

#[tokio::test(start_paused = true)]
async fn a_log_that_fails_is_opened_again() {
    let (cow, rows) = (CacheCow::memory(), Rows::default());
    let (log, controls) = scripted();
    let follower = follow(&cow, log).await;
    follower.caught_up().await.unwrap();
    source(&cow, &rows, 1).await;
    controls.step(Step::Fail);
    controls.step(Step::Change(1));
    follower.caught_up().await.unwrap();
    assert_eq!(source(&cow, &rows, 1).await, Source::Fetched);
    assert_eq!(follower.status().opened, 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_missed_drops_everything_and_once_more_when_all_is_visible() {
    let (cow, rows) = (CacheCow::memory(), Rows::default());
    let (mut log, controls) = scripted();
    log.missed = true;
    controls.unsettled.store(1, Ordering::SeqCst);
    source(&cow, &rows, 1).await;
    let follower = follow(&cow, log).await;
    follower.caught_up().await.unwrap();
    assert_eq!(follower.status().drops, 1);
    assert_eq!(source(&cow, &rows, 1).await, Source::Fetched);
    assert_eq!(source(&cow, &rows, 1).await, Source::Cache, "what may be old");
    controls.step(Step::Change(2));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(!controls.has("acknowledge 1"), "who follows next must miss it as well");
    controls.unsettled.store(0, Ordering::SeqCst);
    until(|| follower.status().drops == 2).await;
    until(|| !follower.status().behind).await;
    assert_eq!(source(&cow, &rows, 1).await, Source::Fetched);
    until(|| controls.has("acknowledge 1")).await;
}

#[tokio::test(start_paused = true)]
async fn a_row_whose_keys_are_not_known_drops_everything() {
    let (cow, rows) = (CacheCow::memory(), Rows::default());
    let (log, controls) = scripted();
    let follower = follow(&cow, log).await;
    follower.caught_up().await.unwrap();
    source(&cow, &rows, 1).await;
    let drops = follower.status().drops;
    controls.step(Step::Obscure);
    follower.caught_up().await.unwrap();
    assert_eq!(follower.status().drops, drops + 1);
    assert_eq!(source(&cow, &rows, 1).await, Source::Fetched);
}

#[tokio::test(start_paused = true)]
async fn reads_go_past_a_cache_that_is_behind_and_come_back() {
    let (cow, rows) = (CacheCow::memory(), Rows::default());
    let (log, controls) = scripted();
    let follower = follow(&cow, log).await;
    follower.caught_up().await.unwrap();
    source(&cow, &rows, 1).await;
    assert_eq!(source(&cow, &rows, 1).await, Source::Cache);
    controls.unsettled.store(2, Ordering::SeqCst);
    controls.step(Step::Change(2));
    until(|| follower.status().behind).await;
    assert!(follower.lag().time > Duration::from_secs(5));
    assert!(cow.stats().followers["log"].behind);
    assert_eq!(cow.stats().pending_invalidations, 0, "nothing is outstanding");
    assert_eq!(source(&cow, &rows, 1).await, Source::Fetched);
    assert_eq!(source(&cow, &rows, 1).await, Source::Fetched);
    controls.unsettled.store(0, Ordering::SeqCst);
    until(|| !follower.status().behind).await;
    source(&cow, &rows, 1).await;
    assert_eq!(source(&cow, &rows, 1).await, Source::Cache);
}

#[tokio::test(start_paused = true)]
async fn a_log_that_is_in_use_is_waited_for() {
    let cow = CacheCow::memory();
    let (log, controls) = scripted();
    controls.in_use.store(1, Ordering::SeqCst);
    let follower = follow(&cow, log).await;
    until(|| follower.status().state == FollowerState::Standby).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(!controls.has("open"));
    controls.in_use.store(0, Ordering::SeqCst);
    until(|| follower.status().state == FollowerState::Following).await;
}

#[tokio::test(start_paused = true)]
async fn a_view_waits_for_a_position_and_the_cache_ends_its_followers() {
    let (cow, rows) = (CacheCow::memory(), Rows::default());
    assert!(cow.with(&rows).after(LogPosition::new(0)).await.is_err(), "it follows nothing");
    let (log, controls) = scripted();
    let follower = follow(&cow, log).await;
    source(&cow, &rows, 1).await;
    controls.step(Step::Change(1));
    let view = cow.with(&rows).after(LogPosition::new(1)).await.unwrap();
    assert_eq!(view.read(Item::by_id(1)).await.unwrap().source, Source::Fetched);
    cow.close().await.unwrap();
    until(|| follower.status().state == FollowerState::Stopped).await;
    assert!(follower.reached(LogPosition::new(99)).await.is_err());
    assert!(controls.has("acknowledge 1"), "the last word");
}

#[tokio::test(start_paused = true)]
async fn a_panic_does_not_end_the_following() {
    let (cow, rows) = (CacheCow::memory(), Rows::default());
    let (log, controls) = scripted();
    let follower = follow(&cow, log).await;
    follower.caught_up().await.unwrap();
    source(&cow, &rows, 1).await;
    controls.step(Step::Panic);
    controls.step(Step::Change(1));
    follower.caught_up().await.unwrap();
    assert_eq!(source(&cow, &rows, 1).await, Source::Fetched);
    assert_eq!((follower.status().state, follower.status().opened), (FollowerState::Following, 2));
}

/// A follower of one scope says nothing of what another has.
#[tokio::test(start_paused = true)]
async fn a_view_waits_for_no_follower_of_another_scope() {
    let (cow, rows) = (CacheCow::memory(), Rows::default());
    let (acme, initech) = (cow.scoped("acme"), cow.scoped("initech"));
    let (log, controls) = scripted();
    let _follower = follow(&acme, log).await;
    for cow in [&cow, &acme, &initech] {
        source(cow, &rows, 1).await;
    }
    controls.step(Step::Change(1));
    let position = LogPosition::new(1);
    for cow in [&cow, &initech] {
        let refused = cow.with(&rows).after(position).await.map(drop);
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidConfig);
        assert_eq!(source(cow, &rows, 1).await, Source::Cache, "what may be old");
    }
    let view = acme.with(&rows).after(position).await.unwrap();
    assert_eq!(view.read(Item::by_id(1)).await.unwrap().source, Source::Fetched);
}

/// Whenever it is asked for its end, the next one asks already, as the handlers of a busy service do.
struct Besieged {
    follower: Arc<OnceLock<Follower>>,
    end: u64,
}

impl ChangeLog for Besieged {
    async fn open(&mut self) -> Result<Opening, Error> {
        Ok(Opening::Open(Opened::at("besieged", LogPosition::new(0))))
    }

    async fn next(&mut self, batch: &mut Batch) -> Result<(), Error> {
        // It begins anew whenever it is interrupted, as a query does.
        tokio::time::sleep(Duration::from_millis(3)).await;
        batch.set_position(LogPosition::new(self.end));
        Ok(())
    }

    async fn acknowledge(&mut self, _: LogPosition) -> Result<(), Error> {
        Ok(())
    }

    async fn end(&mut self) -> Result<LogPosition, Error> {
        self.end += 1;
        if let Some(follower) = self.follower.get().cloned() {
            tokio::spawn(async move { follower.caught_up().await });
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        Ok(LogPosition::new(self.end))
    }
}

#[tokio::test(start_paused = true)]
async fn many_who_wait_do_not_keep_the_log_from_being_read() {
    let (cow, besieger) = (CacheCow::memory(), Arc::<OnceLock<Follower>>::default());
    let log = Besieged { follower: Arc::clone(&besieger), end: 0 };
    let follower = cow.follow(log).types::<Item>().start().await.unwrap();
    assert!(besieger.set(follower.clone()).is_ok());
    for _ in 0..10 {
        let caught_up = tokio::time::timeout(Duration::from_secs(60), follower.caught_up()).await;
        caught_up.expect("the log is read").unwrap();
    }
}

/// What another instance acknowledges is settled here only if it invalidates here.
#[tokio::test(start_paused = true)]
async fn a_follower_that_waits_believes_only_one_that_serves_its_cache() {
    let cow = CacheCow::memory();
    let (log, controls) = scripted();
    let reading = follow(&cow, log).await;
    controls.step(Step::Change(1));
    until(|| controls.has("acknowledge 1")).await;
    let waits = async |cow: &CacheCow, types_besides: bool| {
        let (log, controls) = scripted();
        controls.in_use.store(1, Ordering::SeqCst);
        controls.end.store(1, Ordering::SeqCst);
        controls.acknowledged.store(1, Ordering::SeqCst);
        let follow = cow.follow(log).types::<Item>();
        let follow = if types_besides { follow.types::<Other>() } else { follow };
        let follower = follow.start().await.unwrap();
        tokio::time::sleep(Duration::from_secs(60)).await;
        (follower.status(), controls)
    };
    let (status, _its) = waits(&cow, false).await;
    assert_eq!((status.settled, status.behind), (Some(LogPosition::new(1)), false));
    for (cow, types_besides) in [(&cow.scoped("acme"), false), (&cow, true)] {
        let (status, _its) = waits(cow, types_besides).await;
        assert_eq!((status.state, status.settled), (FollowerState::Standby, None));
        assert!(status.behind, "it tells that it cannot tell");
        assert!(status.error.is_some_and(|error| error.contains("not for this one")));
    }
    reading.stop().await;
}

/// The mark is of the instance that has the log: a follower that waits leaves it alone, and at its end as well.
#[tokio::test(start_paused = true)]
async fn a_follower_that_waits_leaves_the_mark_alone() {
    let cow = CacheCow::memory();
    let (log, first) = scripted();
    let once = follow(&cow, log).await;
    first.step(Step::Change(1));
    until(|| first.has("acknowledge 1")).await;
    // It loses the log before it has acknowledged all.
    first.in_use.store(1, Ordering::SeqCst);
    first.step(Step::Change(2));
    first.step(Step::Fail);
    until(|| once.status().state == FollowerState::Standby).await;
    let (mut log, second) = scripted();
    (log.read, log.missed) = (1, false);
    second.end.store(1, Ordering::SeqCst);
    let next = follow(&cow, log).await;
    (0..5).for_each(|id| second.step(Step::Change(id)));
    until(|| second.has("acknowledge 6")).await;
    once.stop().await;
    let drops = next.status().drops;
    assert!(second.steps.send(Step::Break).is_ok());
    until(|| next.status().opened == 2).await;
    assert_eq!(next.status().drops, drops, "nothing was missed");
}

/// What a log keeps in the cache comes back to the next one, unless that one follows other types.
#[tokio::test(start_paused = true)]
async fn a_bookmark_is_kept_where_the_cache_is() {
    let cow = CacheCow::memory();
    let (log, controls) = scripted();
    let first = follow(&cow, log).await;
    controls.step(Step::Change(1));
    until(|| controls.has("acknowledge 1")).await;
    first.stop().await;
    assert_eq!(controls.journal()[..2], ["resume nothing", "open"]);
    let (log, controls) = scripted();
    let second = follow(&cow, log).await;
    second.caught_up().await.unwrap();
    second.stop().await;
    assert_eq!(controls.journal()[..2], ["resume after 1", "open"]);
    let (log, controls) = scripted();
    let third = cow.follow(log).types::<(Item, Other)>().start().await.unwrap();
    third.caught_up().await.unwrap();
    assert_eq!(controls.journal()[..2], ["resume nothing", "open"], "of other types");
}

/// It would panic again whenever it is read.
#[tokio::test(start_paused = true)]
async fn a_row_on_which_a_function_panics_ends_everything_of_its_type_and_is_passed() {
    let (cow, rows) = (CacheCow::memory(), Rows::default());
    let (log, controls) = scripted();
    let follower = cow.follow(log).types::<(Item, Named)>().start().await.unwrap();
    follower.caught_up().await.unwrap();
    source(&cow, &rows, 1).await;
    cow.get(Named::by_id(1)).await.unwrap();
    let (opened, drops) = (follower.status().opened, follower.status().drops);
    controls.step(Step::Poison);
    follower.caught_up().await.unwrap();
    let status = follower.status();
    assert_eq!((status.opened, status.drops), (opened, drops + 1), "{status}");
    assert!(
        status.last_drop.unwrap().contains("Named: a function panicked on a new row of `named`")
    );
    assert_eq!(cow.read(Named::by_id(1)).await.unwrap().source, Source::Fetched);
    assert_eq!(source(&cow, &rows, 1).await, Source::Cache, "the other type's stay");
    controls.step(Step::Change(1));
    follower.caught_up().await.unwrap();
    assert_eq!(source(&cow, &rows, 1).await, Source::Fetched, "it goes on");
}

#[tokio::test(start_paused = true)]
async fn the_followers_of_several_scopes_are_all_told_of() {
    let cow = CacheCow::memory();
    let (first, _first) = scripted();
    let (second, controls) = scripted();
    let _of_all = follow(&cow, first).await;
    let of_acme = follow(&cow.scoped("acme"), second).await;
    controls.step(Step::Change(1));
    of_acme.caught_up().await.unwrap();
    let followers = cow.stats().followers;
    let rows: Vec<_> = followers.iter().map(|(name, status)| (&**name, status.rows)).collect();
    assert_eq!(rows, [("log", 0), ("log (2)", 1)]);
}

/// Whether a follower is behind is not known before it has seen an end of the log.
#[tokio::test(start_paused = true)]
async fn reads_go_past_the_cache_until_a_follower_has_caught_up() {
    let (cow, rows) = (CacheCow::memory(), Rows::default());
    source(&cow, &rows, 1).await;
    assert_eq!(source(&cow, &rows, 1).await, Source::Cache);
    let (log, controls) = scripted();
    controls.unsettled.store(2, Ordering::SeqCst);
    controls.step(Step::Change(2));
    let follower = follow(&cow, log).await;
    assert_eq!(source(&cow, &rows, 1).await, Source::Fetched);
    until(|| controls.has("settle")).await;
    assert_eq!(source(&cow, &rows, 1).await, Source::Fetched);
    controls.unsettled.store(0, Ordering::SeqCst);
    follower.caught_up().await.unwrap();
    source(&cow, &rows, 1).await;
    assert_eq!(source(&cow, &rows, 1).await, Source::Cache);
}

#[tokio::test(start_paused = true)]
async fn reads_stay_past_the_cache_after_a_follower_that_ended_behind() {
    let (cow, rows) = (CacheCow::memory(), Rows::default());
    let (log, controls) = scripted();
    let first = follow(&cow, log).await;
    first.caught_up().await.unwrap();
    source(&cow, &rows, 1).await;
    controls.unsettled.store(2, Ordering::SeqCst);
    controls.step(Step::Change(2));
    until(|| first.status().behind).await;
    first.stop().await;
    assert_eq!(source(&cow, &rows, 1).await, Source::Fetched);
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(source(&cow, &rows, 1).await, Source::Fetched, "nobody has caught up");

    let (log, _other) = scripted();
    let other = cow.follow(log).types::<Item>().name("other").start().await.unwrap();
    other.caught_up().await.unwrap();
    assert_eq!(source(&cow, &rows, 1).await, Source::Fetched, "it follows something else");
    let (log, _scoped) = scripted();
    let scoped = follow(&cow.scoped("acme"), log).await;
    scoped.caught_up().await.unwrap();
    assert_eq!(source(&cow, &rows, 1).await, Source::Fetched, "of another scope");

    let (log, _controls) = scripted();
    let next = cow.follow(log).types::<(Item, Other)>().start().await.unwrap();
    next.caught_up().await.unwrap();
    source(&cow, &rows, 1).await;
    assert_eq!(source(&cow, &rows, 1).await, Source::Cache, "it has seen what the first had not");
}

#[tokio::test(start_paused = true)]
async fn a_follower_that_is_stopped_in_time_leaves_the_reads_alone() {
    let (cow, rows) = (CacheCow::memory(), Rows::default());
    let (log, _controls) = scripted();
    let follower = follow(&cow, log).await;
    follower.caught_up().await.unwrap();
    follower.stop().await;
    source(&cow, &rows, 1).await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(source(&cow, &rows, 1).await, Source::Cache);
}

/// With its runtime, say. Nobody would tell that the cache falls behind.
#[test]
fn reads_go_past_the_cache_after_a_follower_that_nobody_asked_to_end() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap()
    };
    let (cow, rows) = (CacheCow::memory(), Rows::default());
    let (log, _controls) = scripted();
    let first = runtime();
    let follower = first.block_on(async {
        let follower = follow(&cow, log).await;
        follower.caught_up().await.unwrap();
        source(&cow, &rows, 1).await;
        assert_eq!(source(&cow, &rows, 1).await, Source::Cache);
        follower
    });
    drop(first);
    assert_eq!(follower.status().state, FollowerState::Stopped);
    runtime().block_on(async {
        assert_eq!(source(&cow, &rows, 1).await, Source::Fetched);
        assert_eq!(source(&cow, &rows, 1).await, Source::Fetched);
    });
}
