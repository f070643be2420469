//! The task that follows a log.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout};
use tracing::Instrument as _;

use super::batch::Batch;
use super::change_log::{ChangeLog, Opened, Opening};
use super::error::with_sources;
use super::follower::{Ask, Shared};
use super::mapping::FollowedTable;
use super::mark::Mark;
use super::position::LogPosition;
use super::status::FollowerState;
use super::trace;
use super::via::Contexts;
use crate::backend::BackendError;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind};
use crate::events::say;
use crate::key::Scope;

/// The time between heartbeats, which also acknowledge.
const HEARTBEAT: Duration = Duration::from_secs(1);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// For how long the log is read between two questions for its end, unless it has something before; and for how many times
/// as long as the answer took.
const BETWEEN_ENDS: Duration = Duration::from_millis(50);
const TIMES_THE_ANSWER: u32 = 4;
/// How long the last acknowledgement may take when the follower stops.
const LAST_WORD: Duration = Duration::from_secs(1);
/// After so many failures in a row to store the mark, the status tells of it.
const FAILURES: u32 = 5;

/// The state of the task.
pub(super) struct Run<L> {
    pub(super) engine: Arc<Engine>,
    pub(super) scope: Scope,
    pub(super) log: L,
    pub(super) tables: Arc<[FollowedTable]>,
    pub(super) contexts: Contexts,
    pub(super) shared: Arc<Shared>,
    pub(super) asked: mpsc::Receiver<Ask>,
    pub(super) mark: Mark,
    /// The last acknowledged position.
    pub(super) acknowledged: Option<LogPosition>,
    /// The log's bookmark that was stored with it.
    pub(super) bookmark: Option<String>,
    /// How often in a row the mark could not be stored.
    pub(super) failures: u32,
    /// What the positions belong to.
    pub(super) identity: String,
    /// Whether changes were missed, and older ones may still become visible.
    pub(super) missed: bool,
}

impl<L: ChangeLog> Run<L> {
    /// Follows until it is stopped.
    pub(super) async fn run(mut self, _ended: Ended) {
        let shared = Arc::clone(&self.shared);
        let mut stop = shared.stop.subscribe();
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => {}
            () = self.follow() => {}
            () = watch_lag(&shared) => {}
        }
        let _ = timeout(LAST_WORD, self.acknowledge()).await;
    }

    async fn follow(&mut self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let opened = self.shared.state.lock().opened;
            // A panic (of a function that makes a key, for example) must not end the follower unnoticed.
            let read = AssertUnwindSafe(self.open_and_read()).catch_unwind().await;
            // If there is no error, another instance has the log.
            let Err(error) = read.unwrap_or_else(|_| Err(panicked())) else { continue };
            if self.failed(&error) > opened {
                pause = FIRST_PAUSE;
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Logs the error, once; returns how often the log was opened.
    fn failed(&self, error: &Error) -> u64 {
        let message = with_sources(error);
        let mut state = self.shared.state.lock();
        state.now(FollowerState::Down);
        if state.error.as_ref() != Some(&message) {
            say!(
                CHANGE_LOG_DOWN,
                log = self.shared.name,
                error = message,
                "the change log cannot be read; trying again"
            );
        }
        state.error = Some(message);
        state.opened
    }

    /// Reads the log until it fails; or waits for a while, if another instance reads it.
    async fn open_and_read(&mut self) -> Result<(), Error> {
        let span = trace::open(&self.shared.name, self.log.database_system());
        let follows = self.open().instrument(span.clone()).await;
        trace::opened(&span, &follows);
        drop(span);
        if follows? { self.read().await } else { self.stand_by().await }
    }

    /// Opens the log; whether it is this instance that reads it.
    async fn open(&mut self) -> Result<bool, Error> {
        let bookmark = self.mark.bookmark(&self.engine).await.map_err(unreachable)?;
        self.log.resume(bookmark);
        match self.log.open().await? {
            Opening::InUse => Ok(false),
            Opening::Open(opened) => self.begin(opened).await.map(|()| true),
        }
    }

    /// Makes sure that no stale value stays in the cache whose change happened before the beginning of the log.
    async fn begin(&mut self, opened: Opened) -> Result<(), Error> {
        let missed = self.mark.missed(&self.engine, &opened).await;
        let missed = missed.map_err(unreachable)?;
        if self.identity != opened.identity {
            self.shared.forget_positions();
            self.acknowledged = None;
        }
        let is_older = opened.end.is_some_and(|end| self.shared.forget_beyond(end));
        let restored = || "the log ends before what was read of it; was the database restored?";
        let missed = missed.or_else(|| is_older.then(restored).map(str::to_owned));
        self.identity = opened.identity;
        self.mark.leave();
        if let Some(reason) = missed {
            self.acknowledged = None;
            self.missed = opened.unsettled;
            self.drop_all(&reason).await;
        }
        self.shared.settle(opened.position);
        self.shared.opened();
        say!(CHANGE_LOG_FOLLOWING, log = self.shared.name, position = %opened.position, "following the change log");
        Ok(())
    }

    async fn drop_all(&mut self, reason: &str) {
        let mut batch = Batch::new(Arc::clone(&self.tables));
        batch.everything_of_all(reason);
        self.invalidate(batch).await;
    }

    async fn read(&mut self) -> Result<(), Error> {
        let mut heartbeats = interval(HEARTBEAT);
        heartbeats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Batch::new(Arc::clone(&self.tables));
        // A question interrupts the reading: without a pause many callers would keep the log from being read.
        let mut asked_from = Instant::now();
        loop {
            let mut is_last = false;
            let asked = &mut self.asked;
            tokio::select! {
                biased;
                Some(ask) = async { sleep_until(asked_from).await; asked.recv().await } => {
                    let asked_at = Instant::now();
                    let end = self.tell_end(ask).await?;
                    self.shared.ended_at(end, asked_at);
                    let pause = BETWEEN_ENDS.max(asked_at.elapsed() * TIMES_THE_ANSWER);
                    asked_from = Instant::now() + pause;
                }
                _ = heartbeats.tick() => {
                    self.look_at_mark().await;
                    self.acknowledge().await?;
                    is_last = self.heartbeat(&mut batch).await?;
                }
                result = self.log.next(&mut batch) => {
                    result?;
                    asked_from = Instant::now();
                }
            }
            if !batch.is_empty() || batch.position().is_some() {
                let full = std::mem::replace(&mut batch, Batch::new(Arc::clone(&self.tables)));
                self.process(full).await?;
            }
            // Only now: if the log failed before, the missed changes are not invalidated yet.
            self.missed &= !is_last;
        }
    }

    /// Notices a cache that came back in an older state. While it cannot be reached, nothing is known.
    async fn look_at_mark(&mut self) {
        let lost = self.mark.is_lost(&self.engine, &self.identity);
        if self.log.reads_alone() && matches!(lost.await, Ok(true)) {
            self.drop_all("the cache came back in an older state").await;
            self.mark.leave();
            self.acknowledged = None;
        }
    }

    /// Tells everyone who asks by now where the log ends, which is after all that was committed before they asked.
    async fn tell_end(&mut self, first: Ask) -> Result<LogPosition, Error> {
        let mut asks = vec![first];
        while let Ok(ask) = self.asked.try_recv() {
            asks.push(ask);
        }
        let end = self.log.end().await?;
        for ask in asks {
            // Whoever does not wait any more does not hear it.
            let _ = ask.send(end);
        }
        Ok(end)
    }

    async fn process(&mut self, batch: Batch) -> Result<(), Error> {
        let position = batch.position();
        if !batch.is_empty() {
            let span = trace::apply(&self.shared.name, self.log.database_system(), batch.rows());
            self.apply(batch).instrument(span).await?;
        }
        if let Some(position) = position {
            self.shared.settle(position);
        }
        Ok(())
    }

    async fn apply(&mut self, mut batch: Batch) -> Result<(), Error> {
        self.log.settle().instrument(trace::settle()).await?;
        // Only now: the data that the functions read includes the changes.
        batch.ask(&self.contexts).await;
        self.invalidate(batch).await;
        Ok(())
    }

    /// Invalidates the keys of the batch, and returns only when the cache has confirmed it.
    async fn invalidate(&mut self, batch: Batch) {
        let rows = batch.rows();
        for reason in batch.reasons() {
            say!(
                TYPE_DROPPED,
                log = self.shared.name,
                reason,
                "everything of a followed type is invalidated"
            );
        }
        let drops = batch.reasons().len();
        let reason = batch.reasons().last().cloned();
        let targets = self.engine.targets_of(self.scope, batch.into_keys());
        let span = trace::invalidate(targets.len(), drops);
        let until_confirmed = async {
            let mut pause = FIRST_PAUSE;
            while let Err(error) = self.engine.invalidate(targets.clone()).await {
                // Meanwhile nothing is acknowledged, and nothing more is read: the log waits.
                self.shared.state.lock().error = Some(with_sources(&error));
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        };
        until_confirmed.instrument(span).await;
        let mut state = self.shared.state.lock();
        state.error = None;
        state.rows += rows;
        state.drops += drops as u64;
        if let Some(reason) = reason {
            state.last_drop = Some(reason);
        }
        state.batches += 1;
    }

    /// Acknowledges what is settled. The mark in the cache is written first, so that it is never behind. After
    /// missed changes, nothing is acknowledged until they are all visible and invalidated: if the follower dies
    /// before, the next one must see again that changes were missed.
    async fn acknowledge(&mut self) -> Result<(), Error> {
        let settled = self.shared.progress.borrow().settled;
        let Some(position) = settled else { return Ok(()) };
        let bookmark = self.log.bookmark();
        let is_stored = self.acknowledged == Some(position) && self.bookmark == bookmark;
        if is_stored || self.identity.is_empty() || self.missed {
            return Ok(());
        }
        let mark = self.mark.write(&self.engine, &self.identity, position, bookmark.as_deref());
        let stored = mark.await;
        if !matches!(stored, Ok(true)) {
            // Acknowledge later; until then the log keeps the changes.
            self.not_stored(stored.err());
            return Ok(());
        }
        self.stored();
        self.log.acknowledge(position).await?;
        (self.acknowledged, self.bookmark) = (Some(position), bookmark);
        Ok(())
    }

    fn stored(&mut self) {
        if std::mem::take(&mut self.failures) >= FAILURES {
            self.shared.state.lock().error = None;
        }
    }

    /// Notes that the mark could not be stored. Now and then that is normal.
    fn not_stored(&mut self, error: Option<BackendError>) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= FAILURES {
            let why = error.map(|error| format!(": {}", with_sources(&error))).unwrap_or_default();
            let message =
                "follow: the position cannot be stored in the cache, so the database keeps its log";
            self.shared.state.lock().error = Some(format!("{message}{why}"));
        }
    }

    /// Returns whether the last of the missed changes are in the batch.
    async fn heartbeat(&mut self, batch: &mut Batch) -> Result<bool, Error> {
        let asked_at = Instant::now();
        let heartbeat = self.log.heartbeat(batch).await?;
        if let Some(end) = heartbeat.end {
            self.shared.ended_at(end, asked_at);
        }
        let is_last = self.missed && !heartbeat.unsettled;
        if is_last {
            // When everything was invalidated, some changes were not visible yet, so reads may have stored older
            // values since.
            batch.everything_of_all("the last of the missed changes became visible");
        }
        Ok(is_last)
    }

    /// Waits for a while, and notes how far the other instance is.
    async fn stand_by(&mut self) -> Result<(), Error> {
        self.shared.stand_by();
        let asked_at = Instant::now();
        let mut batch = Batch::new(Arc::clone(&self.tables));
        let heartbeat = self.log.heartbeat(&mut batch).await?;
        if let Some(end) = heartbeat.end {
            self.shared.forget_beyond(end);
            self.shared.ended_at(end, asked_at);
        }
        if let Some(acknowledged) = heartbeat.acknowledged {
            match self.mark.covers(&self.engine, acknowledged).await {
                Ok(true) => self.shared.settle(acknowledged),
                Ok(false) => self.shared.not_covered(),
                Err(_) => {}
            }
        }
        // From now on the mark is written by the other instance.
        self.mark.leave();
        self.bookmark = self.log.bookmark();
        self.acknowledged = self.shared.progress.borrow().settled;
        let ask = timeout(HEARTBEAT, self.asked.recv()).await;
        if let Ok(Some(ask)) = ask {
            self.tell_end(ask).await?;
            // Many callers must not make it ask the database without a pause.
            sleep(BETWEEN_ENDS).await;
        }
        Ok(())
    }
}

/// Watches the lag: logs when the follower falls behind, and switches what reads do then.
async fn watch_lag(shared: &Shared) {
    loop {
        let left = shared.judge();
        sleep(left.clamp(HEARTBEAT / 10, HEARTBEAT)).await;
    }
}

/// Notes the task's end when it is dropped, in whatever way the task ends.
pub(super) struct Ended(pub(super) Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.ended();
        self.0.progress.send_modify(|progress| progress.stopped = true);
    }
}

fn unreachable(error: BackendError) -> Error {
    Error::caused_by(ErrorKind::Unavailable, "follow: the cache cannot be reached", error)
}

fn panicked() -> Error {
    let message = "follow: a panic ended the reading of the log; it is read again from what was acknowledged last";
    Error::new(ErrorKind::Unavailable, message)
}
