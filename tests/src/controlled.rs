//! A change log with one rule broken, as a control.

use std::sync::Arc;

use cachecow::Error;
use cachecow::log::{Batch, ChangeLog, Heartbeat, LogPosition, Opening, PostgresLog, Setting};
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

/// PostgreSQL's log, with that difference.
#[derive(Debug)]
pub struct Controlled {
    log: PostgresLog,
    rule: Rule,
    /// Has a permit for every batch with changes that is about to be invalidated.
    pub settling: Arc<Semaphore>,
}

impl Controlled {
    /// This log, with this difference.
    pub fn new(log: PostgresLog, rule: Rule) -> Self {
        Self { log, rule, settling: Arc::new(Semaphore::new(0)) }
    }
}

impl ChangeLog for Controlled {
    async fn check(&mut self, setting: &Setting<'_>) -> Result<Vec<String>, Error> {
        self.log.check(setting).await
    }

    async fn open(&mut self) -> Result<Opening, Error> {
        self.log.open().await
    }

    async fn next(&mut self, batch: &mut Batch) -> Result<(), Error> {
        self.log.next(batch).await?;
        if self.rule == Rule::AcknowledgesFirst
            && let Some(position) = batch.position()
        {
            self.log.acknowledge(position).await?;
        }
        Ok(())
    }

    async fn settle(&mut self) -> Result<(), Error> {
        self.settling.add_permits(1);
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
