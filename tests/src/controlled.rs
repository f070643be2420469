//! A change log with one rule broken, as a control.

use std::fmt;
use std::sync::Arc;

use cachecow::Error;
use cachecow::log::{Batch, ChangeLog, Heartbeat, LogPosition, Opening, PostgresLog, Setting};
use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;

/// What is different.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Nothing.
    Kept,
    /// Changes are not waited for until they are visible.
    NoGate,
    /// What was read is acknowledged before it is invalidated.
    AcknowledgesFirst,
}

/// Makes a log forget everything before a position.
pub type Forget = Box<dyn Fn(LogPosition) -> BoxFuture<'static, ()> + Send + Sync>;

/// A change log, PostgreSQL's for one, with that difference.
pub struct Controlled<L = PostgresLog> {
    log: L,
    rule: Rule,
    /// After how many batches reading breaks off, before the batch is invalidated.
    breaks_every: Option<usize>,
    forget: Option<Forget>,
    batches: usize,
    read: LogPosition,
    /// Has a permit for every batch with changes that is about to be invalidated.
    pub settling: Arc<Semaphore>,
}

impl<L> Controlled<L> {
    /// This log, with this difference.
    pub fn new(log: L, rule: Rule) -> Self {
        Self {
            log,
            rule,
            breaks_every: None,
            forget: None,
            batches: 0,
            read: LogPosition::default(),
            settling: Arc::new(Semaphore::new(0)),
        }
    }

    /// One batch of so many is read, and then the log fails before the batch is invalidated.
    #[must_use]
    pub fn breaking_off(mut self, every: usize) -> Self {
        self.breaks_every = Some(every);
        self
    }

    /// What acknowledges a batch at which the log fails, and nobody notices: neither the log when it is opened again, nor
    /// the mark in the cache.
    #[must_use]
    pub fn forgetting(mut self, forget: Forget) -> Self {
        self.forget = Some(forget);
        self
    }

    fn breaks_off(&mut self) -> bool {
        self.batches += 1;
        // At the second in any case: on a busy machine batches are few and large.
        self.breaks_every
            .is_some_and(|every| self.batches == 2 || self.batches.is_multiple_of(every))
    }
}

impl<L: ChangeLog> ChangeLog for Controlled<L> {
    async fn check(&mut self, setting: &Setting<'_>) -> Result<Vec<String>, Error> {
        self.log.check(setting).await
    }

    fn needs_types(&self) -> bool {
        self.log.needs_types()
    }

    fn reads_alone(&self) -> bool {
        self.log.reads_alone()
    }

    fn resume(&mut self, bookmark: Option<String>) {
        self.log.resume(bookmark);
    }

    fn bookmark(&self) -> Option<String> {
        self.log.bookmark()
    }

    async fn open(&mut self) -> Result<Opening, Error> {
        let mut opening = self.log.open().await?;
        if self.forget.is_some()
            && let Opening::Open(opened) = &mut opening
        {
            opened.position = LogPosition::default();
        }
        Ok(opening)
    }

    async fn next(&mut self, batch: &mut Batch) -> Result<(), Error> {
        self.log.next(batch).await?;
        while self.rule == Rule::AcknowledgesFirst && batch.position().is_none() {
            // A row may arrive before its commit, which is what can be acknowledged.
            self.log.next(batch).await?;
        }
        if let Some(position) = batch.position() {
            self.read = position;
            if self.rule == Rule::AcknowledgesFirst {
                self.log.acknowledge(position).await?;
            }
        }
        Ok(())
    }

    async fn settle(&mut self) -> Result<(), Error> {
        self.settling.add_permits(1);
        if self.breaks_off() {
            let forgetting = self.forget.as_ref().map(|forget| forget(self.read));
            if let Some(forgetting) = forgetting {
                forgetting.await;
            }
            let broken = std::io::Error::other("the connection was cut");
            return Err(Error::unavailable("settle", broken));
        }
        match self.rule {
            Rule::NoGate => Ok(()),
            Rule::Kept | Rule::AcknowledgesFirst => self.log.settle().await,
        }
    }

    async fn acknowledge(&mut self, position: LogPosition) -> Result<(), Error> {
        self.log.acknowledge(position).await
    }

    async fn end(&mut self) -> Result<LogPosition, Error> {
        self.log.end().await
    }

    async fn heartbeat(&mut self, batch: &mut Batch) -> Result<Heartbeat, Error> {
        self.log.heartbeat(batch).await
    }
}

impl<L: fmt::Debug> fmt::Debug for Controlled<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Controlled")
            .field("log", &self.log)
            .field("rule", &self.rule)
            .field("breaks_every", &self.breaks_every)
            .finish_non_exhaustive()
    }
}
