//! The backend behind a timeout and a circuit breaker.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::breaker::{Admission, Breaker};
use crate::Key;
use crate::backend::{BackendError, BackendErrorKind, CacheBackend, Request, Watch};
use crate::near::Near;
use crate::protocol::Reply;

/// Whether an operation is attempted while the circuit is open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Urgency {
    /// No: the fetch path serves.
    Read,
    /// Yes: the caller must know whether it was carried out.
    Invalidation,
}

pub(crate) struct Guard {
    backend: Arc<dyn CacheBackend>,
    timeout: Duration,
    breaker: Breaker,
    refusals: Refusals,
}

/// A cache that answers, if only to refuse, opens no circuit: nobody would hear of it. So it is said,
/// now and then.
#[derive(Default)]
struct Refusals(Mutex<Option<Instant>>);

impl Refusals {
    const INTERVAL: Duration = Duration::from_secs(60);

    #[cold]
    fn report(&self, error: &BackendError) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|last| last.elapsed() >= Self::INTERVAL) {
            *last = Some(Instant::now());
            tracing::warn!(target: "cachecow", %error, "the cache refuses; what it refuses is done without it");
        }
    }
}

impl Guard {
    pub(crate) fn new(backend: Arc<dyn CacheBackend>, timeout: Duration) -> Self {
        Self { backend, timeout, breaker: Breaker::new(), refusals: Refusals::default() }
    }

    /// How long an operation may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The value of one key.
    pub(crate) async fn lookup(&self, key: Key) -> Result<Reply, BackendError> {
        let admission = self.breaker.admit();
        if admission == Admission::Refused {
            return Err(circuit_open());
        }
        let outcome = tokio::time::timeout(self.timeout, self.backend.lookup(key)).await;
        let reply = outcome.unwrap_or_else(|_| Err(timed_out(self.timeout)));
        self.judge(admission, reply.as_ref().err());
        reply
    }

    /// The values of several keys, each with an answer or an error.
    pub(crate) async fn lookup_many(&self, keys: Vec<Key>) -> Vec<Result<Reply, BackendError>> {
        let count = keys.len();
        match self.breaker.admit() {
            Admission::Refused => vec![Err(circuit_open()); count],
            admission => self.bound(admission, count, self.backend.lookup_many(keys)).await,
        }
    }

    /// Carries the requests out, each with an answer or an error.
    pub(crate) async fn execute(
        &self,
        requests: Vec<Request>,
        urgency: Urgency,
    ) -> Vec<Result<Reply, BackendError>> {
        let count = requests.len();
        if count == 0 {
            return Vec::new();
        }
        match (self.breaker.admit(), urgency) {
            (Admission::Refused, Urgency::Read) => vec![Err(circuit_open()); count],
            (admission, _) => self.bound(admission, count, self.backend.execute(requests)).await,
        }
    }

    /// Watches a key. What is bounded is how long it takes until the watch stands; that a cache cannot
    /// watch is no outage.
    pub(crate) async fn watch(&self, key: Key) -> Result<Watch, BackendError> {
        if self.circuit_is_open() {
            return Err(circuit_open());
        }
        let outcome = tokio::time::timeout(self.timeout, self.backend.watch(key)).await;
        outcome.unwrap_or_else(|_| Err(timed_out(self.timeout)))
    }

    /// Bounds an operation's time, and tells the breaker how it went.
    async fn bound(
        &self,
        admission: Admission,
        count: usize,
        operation: BoxFuture<'_, Vec<Result<Reply, BackendError>>>,
    ) -> Vec<Result<Reply, BackendError>> {
        let outcome = tokio::time::timeout(self.timeout, operation).await;
        let mut replies = outcome.unwrap_or_else(|_| vec![Err(timed_out(self.timeout)); count]);
        // A backend that answers too little has failed for the rest.
        replies.resize_with(count, || Err(no_answer()));
        let errors = replies.iter().filter_map(|reply| reply.as_ref().err());
        self.judge(admission, errors.max_by_key(|error| error.is_outage()));
        replies
    }

    /// Lets the near tier hear of changes.
    #[inline]
    pub(crate) fn followed_by(&self, near: &Arc<Near>) {
        near.follow(&*self.backend);
    }

    /// Whether the cache can be reached now, whatever the breaker thinks.
    pub(crate) async fn ping(&self) -> Result<(), BackendError> {
        let outcome = tokio::time::timeout(self.timeout, self.backend.ping()).await;
        let result = outcome.unwrap_or_else(|_| Err(timed_out(self.timeout)));
        self.judge(Admission::Probe, result.as_ref().err());
        result
    }

    pub(crate) fn circuit_is_open(&self) -> bool {
        self.breaker.is_open()
    }

    /// Tells the breaker how an operation went. A refusal is an answer, and no outage.
    #[inline]
    fn judge(&self, admission: Admission, error: Option<&BackendError>) {
        match error {
            Some(error) if error.is_outage() => {
                let opened = self.breaker.failed();
                if opened {
                    tracing::warn!(target: "cachecow", %error, "the cache keeps failing; reads go past it for now");
                }
                // Once an outage and once a probe: the stragglers of an old connection must not
                // cost the new one.
                let decisive = opened || admission == Admission::Probe;
                if decisive && error.kind() == BackendErrorKind::TimedOut {
                    self.backend.reset();
                }
            }
            refusal => {
                self.breaker.succeeded();
                if let Some(error) = refusal {
                    self.refusals.report(error);
                }
            }
        }
    }
}

fn circuit_open() -> BackendError {
    BackendError::new(BackendErrorKind::CircuitOpen, "")
}

fn timed_out(after: Duration) -> BackendError {
    BackendError::new(BackendErrorKind::TimedOut, format!("within {after:?}"))
}

fn no_answer() -> BackendError {
    BackendError::new(BackendErrorKind::Malformed, "fewer answers than requests")
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("backend", &self.backend)
            .field("timeout", &self.timeout)
            .field("circuit_open", &self.circuit_is_open())
            .finish_non_exhaustive()
    }
}
