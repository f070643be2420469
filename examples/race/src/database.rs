//! A stand-in for the database.

use std::convert::Infallible;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cachecow::Cached;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

/// The ids go from 0 to below this number.
pub const ROWS: u64 = 1 << 20;

/// A typical user record: about 140 bytes when it is encoded with its field names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Cached)]
#[cache(context = Database, ttl = "10m")]
#[cache(key = "row:{id}", fetch = Database::row, fetch_many = Database::rows)]
pub struct Row {
    /// The primary key.
    pub id: u64,
    /// How often the row was written, and 1 before its first write.
    pub version: u64,
    name: String,
    email: String,
    company: String,
    active: bool,
    logins: u32,
}

impl Row {
    fn new(id: u64, version: u64) -> Self {
        Self {
            id,
            version,
            name: "Augusta Ada King".to_owned(),
            email: format!("user{id:08}@example.com"),
            company: "Analytical Engines of Lovelace".to_owned(),
            active: true,
            logins: 70_000,
        }
    }
}

/// How long a fetch takes after the row was read: during this time a write makes the answer old.
#[derive(Clone, Copy, Debug)]
pub enum Latency {
    /// At most this number of turns of other tasks, at random. It does not depend on the machine's speed.
    Turns(u32),
    /// This time.
    Time(Duration),
}

impl Default for Latency {
    fn default() -> Self {
        Self::Turns(16)
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Turns(most) => write!(f, "0 to {most} turns of other tasks"),
            Self::Time(time) => write!(f, "{time:?}"),
        }
    }
}

/// A table of [`Row`]s, with a version each.
#[derive(Debug)]
pub struct Database {
    versions: Vec<AtomicU64>,
    fetches: AtomicU64,
    latency: Mutex<Latency>,
    held: Mutex<Option<Gate>>,
}

/// The database's end of a [`HeldFetch`].
#[derive(Debug)]
struct Gate {
    arrived: oneshot::Sender<()>,
    opened: oneshot::Receiver<()>,
}

/// A fetch that has read its row, and is held until it is released.
#[derive(Debug)]
pub struct HeldFetch {
    arrived: oneshot::Receiver<()>,
    open: oneshot::Sender<()>,
}

impl HeldFetch {
    /// Waits until the fetch has read its row.
    ///
    /// # Panics
    ///
    /// If the database is dropped before.
    pub async fn arrived(&mut self) {
        (&mut self.arrived).await.expect("the database is there");
    }

    /// Lets the answer arrive.
    pub fn release(self) {
        // The caller of the fetch may have given up.
        let _ = self.open.send(());
    }
}

impl Default for Database {
    fn default() -> Self {
        Self::new()
    }
}

impl Database {
    /// All rows in version 1. A fetch takes up to 16 turns of other tasks.
    pub fn new() -> Self {
        Self {
            versions: (0..ROWS).map(|_| AtomicU64::new(1)).collect(),
            fetches: AtomicU64::new(0),
            latency: Mutex::default(),
            held: Mutex::new(None),
        }
    }

    /// How long fetches take from now on.
    pub fn set_latency(&self, latency: Latency) {
        *self.latency.lock().unwrap_or_else(PoisonError::into_inner) = latency;
    }

    /// Holds up the next fetch after it has read its row.
    pub fn hold_next_fetch(&self) -> HeldFetch {
        let ((arrived, was_read), (open, opened)) = (oneshot::channel(), oneshot::channel());
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(Gate { arrived, opened });
        HeldFetch { arrived: was_read, open }
    }

    /// How many fetches there were.
    pub fn fetches(&self) -> u64 {
        self.fetches.load(Ordering::SeqCst)
    }

    /// The version that is committed now.
    pub fn version(&self, id: u64) -> u64 {
        self.at(id).load(Ordering::SeqCst)
    }

    /// Commits a write, and returns its version.
    pub fn commit(&self, id: u64) -> u64 {
        self.at(id).fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Fetches a row.
    pub async fn fetch(&self, id: u64) -> Row {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        let row = Row::new(id, self.version(id));
        self.answer().await;
        row
    }

    /// [`fetch`](Self::fetch), as cachecow calls it.
    pub(crate) async fn row(&self, id: u64) -> Result<Row, Infallible> {
        Ok(self.fetch(id).await)
    }

    /// Fetches several rows at once.
    pub(crate) async fn rows(&self, ids: &[u64]) -> Result<Vec<Row>, Infallible> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        let rows = ids.iter().map(|&id| Row::new(id, self.version(id))).collect();
        self.answer().await;
        Ok(rows)
    }

    /// Delays the answer.
    async fn answer(&self) {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Gate { arrived, opened }) = held {
            // Either end is gone if nobody waits for this fetch.
            let _ = arrived.send(());
            let _ = opened.await;
            return;
        }
        let latency = *self.latency.lock().unwrap_or_else(PoisonError::into_inner);
        match latency {
            Latency::Turns(most) => {
                for _ in 0..fastrand::u32(0..=most) {
                    tokio::task::yield_now().await;
                }
            }
            Latency::Time(time) => tokio::time::sleep(time).await,
        }
    }

    fn at(&self, id: u64) -> &AtomicU64 {
        &self.versions[usize::try_from(id).expect("an index")]
    }
}
