//! A change log that does as it is told.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cachecow::log::{
    self, Batch, ChangeLog, Heartbeat, LogPosition, Opened, Opening, Setting, Value,
};
use cachecow::{Cached, Error};
use tokio::sync::mpsc;

/// A row of the table that the log tells of.
#[derive(Debug, Cached)]
#[cache(ttl = "1h", table = "rows")]
#[cache(key = "row:{id}", fetch = Row::find)]
pub struct Row {
    /// The primary key.
    pub id: i64,
}

impl Row {
    async fn find(id: i64) -> Result<Self, Infallible> {
        Ok(Self { id })
    }
}

/// What the log does next.
#[derive(Debug)]
pub enum Tell {
    /// It tells of a change of the row with this `id`, in the table `rows`.
    Change(i64),
    /// It tells of a change of that table whose key cannot be told.
    Obscure,
    /// It comes to its end, and what was there is of no followed table.
    CatchUp,
    /// It fails, with these words.
    Fail(&'static str),
}

/// The log.
#[derive(Debug)]
pub struct ToldLog {
    told: mpsc::UnboundedReceiver<Tell>,
    read: u64,
    end: Arc<AtomicU64>,
    warning: Option<String>,
}

/// Whoever tells it.
#[derive(Debug)]
pub struct Teller {
    tell: mpsc::UnboundedSender<Tell>,
    end: Arc<AtomicU64>,
}

/// A log and its teller.
pub fn told_log() -> (ToldLog, Teller) {
    let (tell, told) = mpsc::unbounded_channel();
    let end = Arc::new(AtomicU64::new(0));
    (ToldLog { told, read: 0, end: Arc::clone(&end), warning: None }, Teller { tell, end })
}

impl ToldLog {
    /// A log whose check warns of this.
    #[must_use]
    pub fn warning(self, warning: impl Into<String>) -> Self {
        Self { warning: Some(warning.into()), ..self }
    }
}

impl Teller {
    /// Has the log do this.
    pub fn tell(&self, what: Tell) {
        self.end.fetch_add(1, Ordering::SeqCst);
        self.tell.send(what).expect("the follower is at work");
    }

    /// Lets the log grow by so much that it does not tell.
    pub fn grow(&self, by: u64) {
        self.end.fetch_add(by, Ordering::SeqCst);
    }
}

impl ChangeLog for ToldLog {
    async fn check(&mut self, _: &Setting<'_>) -> Result<Vec<String>, Error> {
        Ok(self.warning.take().into_iter().collect())
    }

    async fn open(&mut self) -> Result<Opening, Error> {
        Ok(Opening::Open(Opened::at("told", LogPosition::new(self.read))))
    }

    async fn next(&mut self, batch: &mut Batch) -> Result<(), Error> {
        let Some(told) = self.told.recv().await else { return std::future::pending().await };
        self.read += 1;
        let row = match told {
            Tell::Change(id) => log::Row::new().with("id", Value::text(id.to_string())),
            Tell::Obscure => log::Row::new(),
            Tell::CatchUp => {
                self.read = self.end.load(Ordering::SeqCst);
                batch.set_position(LogPosition::new(self.read));
                return Ok(());
            }
            Tell::Fail(why) => {
                return Err(Error::unavailable("the log", std::io::Error::other(why)));
            }
        };
        assert!(batch.change("public", "rows", None, Some(&row)), "the table is followed");
        batch.set_position(LogPosition::new(self.read));
        Ok(())
    }

    async fn acknowledge(&mut self, _: LogPosition) -> Result<(), Error> {
        Ok(())
    }

    async fn end(&mut self) -> Result<LogPosition, Error> {
        Ok(LogPosition::new(self.end.load(Ordering::SeqCst)))
    }

    async fn heartbeat(&mut self, _: &mut Batch) -> Result<Heartbeat, Error> {
        Ok(Heartbeat::default().with_end(self.end().await?))
    }
}
