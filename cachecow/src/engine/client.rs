//! The backend behind a timeout and a circuit breaker.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt as _};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::breaker::{Admission, Breaker};
use super::lookups::{Lookups, Turn};
use crate::backend::{BackendError, BackendErrorKind, CacheBackend, Place, Request, Watch};
use crate::events::{Rate, say};
use crate::key::Key;
use crate::near::Near;
use crate::protocol::{Command, Reply};

/// The largest number of keys in one operation, and of bytes that it stores. The timeout applies to
/// each operation, and a server needs a hundredth of a second for this size.
const MOST: usize = 4096;
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// How many parts of a larger operation are under way at a time.
const PARTS_UNDER_WAY: usize = 4;

pub(super) type Answer = Result<Reply, BackendError>;

/// The answer for a key, and those for other places in the same request.
pub(super) type Answers = (Answer, Vec<(Place, Answer)>);

/// Whether an operation is attempted while the circuit is open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Urgency {
    /// No: the fetch function serves the read.
    Read,
    /// Yes: the caller must know whether the cache carried it out.
    Invalidation,
}

pub(crate) struct Client {
    backend: Arc<dyn CacheBackend>,
    timeout: Duration,
    breaker: Breaker,
    refusals: Refusals,
    /// The lookups that are sent together, if the backend supports that.
    pub(super) lookups: Lookups,
    combines_lookups: bool,
}

/// Refused commands. The cache answers, so the circuit stays closed, and nobody would notice the refusals.
#[derive(Default)]
struct Refusals {
    rate: Rate,
    /// The first and the last refusal of a series with gaps of less than a minute.
    run: Mutex<Option<(Instant, Instant)>>,
}

impl Refusals {
    const INTERVAL: Duration = Duration::from_secs(60);

    #[cold]
    fn report(&self, error: &BackendError) {
        let now = Instant::now();
        let mut run = self.run.lock();
        let before = run.filter(|(_, last)| now - *last < Self::INTERVAL);
        *run = Some((before.map_or(now, |(first, _)| first), now));
        drop(run);
        if let Some(left_out) = self.rate.admits() {
            say!(CACHE_REFUSES, %error, left_out, "the cache refuses commands; reads and writes go on \
                without it");
        }
    }

    /// How long the cache has been refusing commands; `None` if it refused none for a minute.
    fn lasting(&self) -> Option<Duration> {
        let (first, last) = (*self.run.lock())?;
        (last.elapsed() < Self::INTERVAL).then(|| first.elapsed())
    }
}

impl Client {
    pub(crate) fn new(backend: Arc<dyn CacheBackend>, timeout: Duration) -> Self {
        Self {
            combines_lookups: backend.combines_lookups(),
            backend,
            timeout,
            breaker: Breaker::new(),
            refusals: Refusals::default(),
            lookups: Lookups::default(),
        }
    }

    /// How long an operation may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Looks up one key and these other places in one round trip, possibly together with requests of other callers.
    /// Some of the other places may be missing in the answer.
    pub(crate) async fn lookup(self: &Arc<Self>, key: Key, mut others: Vec<Place>) -> Answers {
        let _alone = match self.combines_lookups.then(|| self.lookups.enter(key, &mut others)) {
            None => None,
            Some(Turn::Alone(alone)) => Some(alone),
            Some(Turn::Together(together)) => match together.answers(self).await {
                Some(answers) => return answers,
                None => None,
            },
        };
        if !others.is_empty() {
            others.push(Place::Value(key));
            let mut answers = self.lookup_part(others.clone()).await;
            let answer = answers.pop().unwrap_or_else(|| Err(no_answer()));
            return (answer, others.into_iter().zip(answers).collect());
        }
        let admission = self.breaker.admit();
        if admission == Admission::Refused {
            return (Err(circuit_open()), Vec::new());
        }
        let outcome = tokio::time::timeout(self.timeout, self.backend.lookup(key)).await;
        let reply = outcome.unwrap_or_else(|_| Err(timed_out(self.timeout)));
        self.report(admission, reply.as_ref().err());
        (reply, Vec::new())
    }

    /// Looks up several places; each has an answer or an error.
    pub(crate) async fn lookup_many(&self, places: Vec<Place>) -> Vec<Answer> {
        let count = places.len();
        if count <= MOST {
            return self.lookup_part(places).await;
        }
        let part = |places: &[Place]| self.lookup_part(places.to_vec());
        let parts: Vec<_> = places.chunks(MOST).map(part).collect();
        in_order(count, parts).await
    }

    /// Looks up at most [`MOST`] places.
    pub(super) async fn lookup_part(&self, places: Vec<Place>) -> Vec<Answer> {
        let count = places.len();
        match self.breaker.admit() {
            Admission::Refused => vec![Err(circuit_open()); count],
            admission => self.bound(admission, count, self.backend.lookup_many(places)).await,
        }
    }

    /// Executes the requests; each has an answer or an error.
    pub(crate) async fn execute(&self, requests: Vec<Request>, urgency: Urgency) -> Vec<Answer> {
        let count = requests.len();
        if count == 0 {
            return Vec::new();
        }
        if count <= MOST && requests.iter().map(stored).sum::<usize>() <= MOST_BYTES {
            return self.execute_part(requests, urgency).await;
        }
        let part = |part| self.execute_part(part, urgency);
        let parts: Vec<_> = parts(requests).into_iter().map(part).collect();
        in_order(count, parts).await
    }

    async fn execute_part(&self, requests: Vec<Request>, urgency: Urgency) -> Vec<Answer> {
        let count = requests.len();
        match (self.breaker.admit(), urgency) {
            (Admission::Refused, Urgency::Read) => vec![Err(circuit_open()); count],
            (admission, _) => self.bound(admission, count, self.backend.execute(requests)).await,
        }
    }

    /// Tries requests again that just failed; returns whether they succeeded. The breaker does not count it, since
    /// it is the same outage.
    pub(super) async fn try_once_more(&self, requests: Vec<Request>) -> bool {
        let sent = tokio::time::timeout(self.timeout, self.backend.execute(requests)).await;
        sent.is_ok_and(|replies| replies.iter().all(Result::is_ok))
    }

    /// Watches a key. The timeout limits only how long it takes to set up the watch. A cache that cannot watch is
    /// not an outage.
    pub(crate) async fn watch(&self, key: Key) -> Result<Watch, BackendError> {
        if self.circuit_is_open() {
            return Err(circuit_open());
        }
        let outcome = tokio::time::timeout(self.timeout, self.backend.watch(key)).await;
        outcome.unwrap_or_else(|_| Err(timed_out(self.timeout)))
    }

    /// Runs an operation with the timeout, and reports the result to the breaker.
    async fn bound(
        &self,
        admission: Admission,
        count: usize,
        operation: BoxFuture<'_, Vec<Answer>>,
    ) -> Vec<Answer> {
        let outcome = tokio::time::timeout(self.timeout, operation).await;
        let mut replies = outcome.unwrap_or_else(|_| vec![Err(timed_out(self.timeout)); count]);
        // If the backend returned too few answers, the rest have failed.
        replies.resize_with(count, || Err(no_answer()));
        let errors = replies.iter().filter_map(|reply| reply.as_ref().err());
        self.report(admission, errors.max_by_key(|error| error.is_outage()));
        replies
    }

    /// Returns the changes for the near tier.
    #[inline]
    pub(crate) fn followed_by(&self, near: &Arc<Near>) {
        near.follow(&*self.backend);
    }

    /// Checks whether the cache can be reached now, even if the circuit is open.
    pub(crate) async fn ping(&self) -> Result<(), BackendError> {
        let outcome = tokio::time::timeout(self.timeout, self.backend.ping()).await;
        let result = outcome.unwrap_or_else(|_| Err(timed_out(self.timeout)));
        self.report(Admission::Probe, result.as_ref().err());
        result
    }

    /// Whether no other process sees what is invalidated.
    #[cfg(feature = "log")]
    pub(crate) fn is_of_this_process(&self) -> bool {
        self.backend.is_of_this_process()
    }

    /// Drops the connections; the next operation opens new ones.
    pub(super) fn reset(&self) {
        self.backend.reset();
    }

    pub(crate) fn circuit_is_open(&self) -> bool {
        self.breaker.is_open()
    }

    /// How long it has been open.
    pub(crate) fn circuit_open_for(&self) -> Option<Duration> {
        self.breaker.open_for()
    }

    /// How long it has refused commands, if the last refusal was less than a minute ago.
    pub(crate) fn refusing_for(&self) -> Option<Duration> {
        self.refusals.lasting()
    }

    /// How often it was opened.
    pub(crate) fn circuit_openings(&self) -> u64 {
        self.breaker.openings()
    }

    /// Reports the result of an operation to the breaker. A refusal is an answer, not an outage.
    #[inline]
    fn report(&self, admission: Admission, error: Option<&BackendError>) {
        match error {
            Some(error) if error.is_outage() => {
                let opened = self.breaker.failed();
                if opened {
                    self.breaker.say_opened(error);
                }
                // Reset once for each outage and each probe: late failures of an old connection
                // must not drop a new one.
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

/// How many bytes a request stores.
fn stored(request: &Request) -> usize {
    match &request.command {
        Command::Fill { value, .. } => value.len(),
        _ => 0,
    }
}

/// Splits requests that would take too long as one operation.
fn parts(requests: Vec<Request>) -> Vec<Vec<Request>> {
    let mut parts = Vec::new();
    let (mut part, mut bytes) = (Vec::new(), 0);
    for request in requests {
        let len = stored(&request);
        if part.len() == MOST || bytes + len > MOST_BYTES && !part.is_empty() {
            parts.push(std::mem::take(&mut part));
            bytes = 0;
        }
        part.push(request);
        bytes += len;
    }
    parts.push(part);
    parts
}

async fn in_order(count: usize, parts: Vec<impl Future<Output = Vec<Answer>>>) -> Vec<Answer> {
    let mut parts = stream::iter(parts).buffered(PARTS_UNDER_WAY);
    let mut replies = Vec::with_capacity(count);
    while let Some(part) = parts.next().await {
        replies.extend(part);
    }
    replies
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

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("backend", &self.backend)
            .field("timeout", &self.timeout)
            .field("circuit_open", &self.circuit_is_open())
            .finish_non_exhaustive()
    }
}
