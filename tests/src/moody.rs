//! A cache that fails as it is told.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cachecow::protocol::{Command, Reply};
use cachecow::{
    BackendError, BackendErrorKind, CacheBackend, CacheCow, MemoryBackend, Request, Watch,
};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, pending};

use crate::store::Store;

/// How long it may take to answer.
pub const TIMEOUT: Duration = Duration::from_millis(100);

/// How a backend answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mood {
    /// As it should.
    Sound,
    /// With this error, after it has done what it was asked.
    Fails(BackendErrorKind),
    /// Never, after it has done what it was asked.
    Hangs,
    /// One answer too few.
    Short,
    /// Answers to the first half, of an odd number of requests the smaller.
    Half,
    /// One answer too many.
    Long,
}

/// A cache in memory that answers as it is told.
#[derive(Debug)]
pub struct Moody {
    /// What it is when it answers.
    pub inner: MemoryBackend,
    mood: Mutex<Mood>,
    asked: AtomicUsize,
    watched: AtomicUsize,
    reset: AtomicUsize,
}

impl Moody {
    /// One of its own, the cache on it, and a store with a hundred items.
    pub fn open() -> (Arc<Self>, CacheCow, Store) {
        let this = Arc::new(Self {
            inner: MemoryBackend::default(),
            mood: Mutex::new(Mood::Sound),
            asked: AtomicUsize::new(0),
            watched: AtomicUsize::new(0),
            reset: AtomicUsize::new(0),
        });
        let builder = CacheCow::builder().operation_timeout(TIMEOUT);
        let cow = builder.backend(Arc::clone(&this)).unwrap();
        (this, cow, Store::with_items(100))
    }

    /// From now on it answers so.
    pub fn is_now(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn mood(&self) -> Mood {
        *self.mood.lock().unwrap()
    }

    /// How often it was asked since the last call, but for claims given back.
    pub fn asked(&self) -> usize {
        self.asked.swap(0, Ordering::SeqCst)
    }

    /// How often a key was watched.
    pub fn watches(&self) -> usize {
        self.watched.load(Ordering::SeqCst)
    }

    /// How often its connections were left since the last call.
    pub fn resets(&self) -> usize {
        self.reset.swap(0, Ordering::SeqCst)
    }
}

impl CacheBackend for Moody {
    fn execute(&self, requests: Vec<Request>) -> BoxFuture<'_, Vec<Result<Reply, BackendError>>> {
        // A claim whose answer was lost is given back, whatever the circuit; see `Command::Abandon`.
        if !matches!(requests[0].command, Command::Abandon { .. }) {
            self.asked.fetch_add(1, Ordering::SeqCst);
        }
        let (mood, count) = (self.mood(), requests.len());
        async move {
            let mut replies = self.inner.execute(requests).await;
            match mood {
                Mood::Sound => {}
                Mood::Fails(kind) => replies = vec![Err(BackendError::new(kind, "")); count],
                Mood::Hangs => pending().await,
                Mood::Short => replies.truncate(count - 1),
                Mood::Half => replies.truncate(count / 2),
                Mood::Long => replies.push(Ok(Reply::Absent)),
            }
            replies
        }
        .boxed()
    }

    fn watch(&self, key: cachecow::Key) -> BoxFuture<'_, Result<Watch, BackendError>> {
        self.watched.fetch_add(1, Ordering::SeqCst);
        match self.mood() {
            Mood::Hangs => pending().boxed(),
            _ => self.inner.watch(key),
        }
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        let mood = self.mood();
        async move {
            match mood {
                Mood::Fails(kind) => Err(BackendError::new(kind, "")),
                Mood::Hangs => pending().await,
                _ => Ok(()),
            }
        }
        .boxed()
    }

    fn reset(&self) {
        self.reset.fetch_add(1, Ordering::SeqCst);
    }
}
