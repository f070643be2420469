//! The task that follows a log.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
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

/// Between heartbeats, which also acknowledge.
const HEARTBEAT: Duration = Duration::from_secs(1);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How long the last acknowledgement may take when the follower stops.
const LAST_WORD: Duration = Duration::from_secs(1);

/// The task's own.
pub(super) struct Run<L> {
    pub(super) engine: Arc<Engine>,
    pub(super) scope: Scope,
    pub(super) log: L,
    pub(super) tables: Arc<[FollowedTable]>,
    pub(super) contexts: Contexts,
    pub(super) shared: Arc<Shared>,
    pub(super) asked: mpsc::Receiver<Ask>,
    pub(super) mark: Mark,
    /// What the log was told last.
    pub(super) acknowledged: Option<LogPosition>,
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
            // A panic, as of a function of a key's, must not end the following unseen.
            let read = AssertUnwindSafe(self.open_and_read()).catch_unwind().await;
            // Without an error another instance has the log.
            let Err(error) = read.unwrap_or_else(|_| Err(panicked())) else { continue };
            if self.failed(&error) > opened {
                pause = FIRST_PAUSE;
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Tells it, once; how often the log was opened.
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

    /// Reads the log until it fails, or waits for a while, since another instance does.
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

    /// Sees to it that the cache has nothing from before the log's beginning that it was not told of.
    async fn begin(&mut self, opened: Opened) -> Result<(), Error> {
        let missed = self.mark.missed(&self.engine, &opened).await;
        let missed = missed.map_err(unreachable)?;
        if self.identity != opened.identity {
            self.shared.forget_positions();
            self.acknowledged = None;
        }
        self.identity = opened.identity;
        if let Some(reason) = missed {
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
        loop {
            tokio::select! {
                biased;
                Some(ask) = self.asked.recv() => {
                    let asked_at = Instant::now();
                    let end = self.log.end().await?;
                    self.shared.ended_at(end, asked_at);
                    let _ = ask.send(end);
                }
                _ = heartbeats.tick() => {
                    self.acknowledge().await?;
                    self.heartbeat(&mut batch).await?;
                }
                result = self.log.next(&mut batch) => result?,
            }
            if !batch.is_empty() || batch.position().is_some() {
                let full = std::mem::replace(&mut batch, Batch::new(Arc::clone(&self.tables)));
                self.process(full).await?;
            }
        }
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
        // Not before: what the functions read has the changes now.
        batch.ask(&self.contexts).await;
        self.invalidate(batch).await;
        Ok(())
    }

    /// Invalidates what the batch names, and does not return before the cache confirmed it.
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
                // Nothing is acknowledged meanwhile, and nothing more is read: the log waits.
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

    /// Tells the log what is settled. The cache is told before, so that its mark is never behind. Nothing is told before
    /// all that was missed is visible and dropped: a follower that dies until then must miss it again.
    async fn acknowledge(&mut self) -> Result<(), Error> {
        let settled = self.shared.progress.borrow().settled;
        let Some(position) = settled else { return Ok(()) };
        if self.acknowledged == Some(position) || self.identity.is_empty() || self.missed {
            return Ok(());
        }
        let bookmark = self.log.bookmark();
        let mark = self.mark.write(&self.engine, &self.identity, position, bookmark.as_deref());
        match mark.await {
            Ok(true) => {}
            // Later. The log keeps for as long what it was not told of.
            Ok(false) | Err(_) => return Ok(()),
        }
        self.log.acknowledge(position).await?;
        self.acknowledged = Some(position);
        Ok(())
    }

    async fn heartbeat(&mut self, batch: &mut Batch) -> Result<(), Error> {
        let asked_at = Instant::now();
        let heartbeat = self.log.heartbeat(batch).await?;
        if let Some(end) = heartbeat.end {
            self.shared.ended_at(end, asked_at);
        }
        if self.missed && !heartbeat.unsettled {
            // What was invisible when everything was dropped may have been read around and stored since.
            self.missed = false;
            batch.everything_of_all("the last of the missed changes became visible");
        }
        Ok(())
    }

    /// Waits a while, telling how far the other instance is.
    async fn stand_by(&mut self) -> Result<(), Error> {
        self.shared.stand_by();
        let asked_at = Instant::now();
        let mut batch = Batch::new(Arc::clone(&self.tables));
        let heartbeat = self.log.heartbeat(&mut batch).await?;
        if let Some(end) = heartbeat.end {
            self.shared.ended_at(end, asked_at);
        }
        if let Some(acknowledged) = heartbeat.acknowledged {
            match self.mark.covers(&self.engine, acknowledged).await {
                Ok(true) => self.shared.settle(acknowledged),
                Ok(false) => self.shared.not_covered(),
                Err(_) => {}
            }
        }
        // The mark is the other instance's from here on.
        self.acknowledged = self.shared.progress.borrow().settled;
        let ask = timeout(HEARTBEAT, self.asked.recv()).await;
        if let Ok(Some(ask)) = ask {
            let end = self.log.end().await?;
            let _ = ask.send(end);
        }
        Ok(())
    }
}

/// Tells when the follower falls behind, and sees to what reads do then.
async fn watch_lag(shared: &Shared) {
    loop {
        let left = shared.judge();
        sleep(left.clamp(HEARTBEAT / 10, HEARTBEAT)).await;
    }
}

/// The task's end, however it comes about.
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
