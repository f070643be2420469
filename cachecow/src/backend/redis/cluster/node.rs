//! One node of a cluster, with its health.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use ::redis::{Pipeline, Value};
use tokio::time::Instant;

use super::super::super::{BackendError, BackendErrorKind};
use super::super::acks::{AckLines, Acks};
use super::super::routed::Answers;
use super::super::server::Server;

/// How long a node that did not answer in time gets no commands; then one batch tests it.
const PAUSE: Duration = Duration::from_millis(500);
/// After this number of timeouts in a row, the connection may be half-open and is replaced.
const TIMEOUTS: u32 = 2;

#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
}

impl Address {
    /// An address that the node at this address reported; without a host, it is on the same host.
    pub(super) fn beside(&self, host: &str, port: u16) -> Self {
        let host = if matches!(host, "" | "?") { &self.host } else { host };
        Self { host: host.to_owned(), port }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

pub(super) struct Node {
    pub(super) address: Address,
    server: Arc<Server>,
    lines: AckLines,
    /// Whether its last result was a failure.
    failing: AtomicBool,
    /// Timeouts in a row.
    timeouts: AtomicU32,
    epoch: Instant,
    /// Until when the node gets no commands, in milliseconds after `epoch`.
    paused_until: AtomicU64,
}

/// Why nothing was sent to a node.
pub(super) enum Unsent {
    /// It did not answer a moment ago, and is left alone.
    Paused,
    /// It cannot be connected to.
    Unreachable(BackendError),
}

impl Unsent {
    pub(super) fn is_paused(&self) -> bool {
        matches!(self, Self::Paused)
    }

    pub(super) fn into_error(self) -> BackendError {
        match self {
            Self::Paused => BackendErrorKind::TimedOut.with("it did not answer a moment ago"),
            Self::Unreachable(error) => error,
        }
    }
}

/// How commands are sent to a node.
#[derive(Clone, Copy)]
pub(super) struct Manner {
    /// The deadline.
    pub(super) deadline: Instant,
    /// Whether to try although the node did not answer a moment ago.
    pub(super) urgent: bool,
    pub(super) acks: Option<Acks>,
}

impl Node {
    pub(super) fn new(address: Address, server: Arc<Server>) -> Arc<Self> {
        Arc::new(Self {
            address,
            server,
            lines: AckLines::default(),
            failing: AtomicBool::new(false),
            timeouts: AtomicU32::new(0),
            epoch: Instant::now(),
            paused_until: AtomicU64::new(0),
        })
    }

    /// Sends a pipeline. The outer error means that nothing was sent.
    pub(super) async fn send(
        &self,
        pipeline: &Pipeline,
        manner: Manner,
    ) -> Result<Answers, Unsent> {
        if !self.admits() && !manner.urgent {
            return Err(Unsent::Paused);
        }
        let count = pipeline.len();
        if manner.deadline <= Instant::now() {
            // The time went elsewhere: this node has done nothing wrong.
            return Ok(vec![Err(BackendErrorKind::TimedOut.with("")); count]);
        }
        let sent = tokio::time::timeout_at(manner.deadline, self.send_now(pipeline, manner.acks));
        let Ok(outcome) = sent.await else {
            self.timed_out();
            return Ok(vec![Err(BackendErrorKind::TimedOut.with("")); count]);
        };
        let failing = match &outcome {
            Ok(answers) => matches!(answers.first(), Some(Err(error)) if error.is_outage()),
            Err(_) => true,
        };
        self.failing.store(failing, Ordering::Relaxed);
        if !failing {
            self.timeouts.store(0, Ordering::Relaxed);
            self.paused_until.store(0, Ordering::Relaxed);
        }
        outcome.map_err(Unsent::Unreachable)
    }

    async fn send_now(
        &self,
        pipeline: &Pipeline,
        acks: Option<Acks>,
    ) -> Result<Answers, BackendError> {
        if let Some(acks) = acks {
            return self.lines.send(&self.server, pipeline, acks).await;
        }
        let connection = self.server.connection().await?;
        Ok(match self.server.send_all(connection, pipeline).await {
            Ok(answers) => answers.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error); pipeline.len()],
        })
    }

    /// Sends one command separately.
    pub(super) async fn ask(
        &self,
        command: ::redis::Cmd,
        deadline: Instant,
    ) -> Result<Value, BackendError> {
        let mut pipeline = Pipeline::with_capacity(1);
        pipeline.add_command(command).ignore_errors();
        let manner = Manner { deadline, urgent: true, acks: None };
        let sent = self.send(&pipeline, manner).await;
        super::super::only(sent.map_err(Unsent::into_error)?)
    }

    pub(super) fn server(&self) -> &Arc<Server> {
        &self.server
    }

    pub(super) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    pub(super) fn reset(&self) {
        self.server.reset();
        self.lines.reset();
    }

    /// Whether commands may be sent to it now. After a pause one caller may; the others wait for
    /// its result, or for another pause.
    fn admits(&self) -> bool {
        let until = self.paused_until.load(Ordering::Relaxed);
        if until == 0 {
            return true;
        }
        let now = self.now();
        let next = now + u64::try_from(PAUSE.as_millis()).unwrap_or(u64::MAX);
        now >= until
            && self
                .paused_until
                .compare_exchange(until, next, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    fn timed_out(&self) {
        self.failing.store(true, Ordering::Relaxed);
        if self.timeouts.fetch_add(1, Ordering::Relaxed) + 1 >= TIMEOUTS {
            self.timeouts.store(0, Ordering::Relaxed);
            self.reset();
            let until = self.now() + u64::try_from(PAUSE.as_millis()).unwrap_or(u64::MAX);
            self.paused_until.store(until, Ordering::Relaxed);
        }
    }

    fn now(&self) -> u64 {
        // Plus one, since 0 means no pause.
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX) + 1
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("address", &self.address)
            .field("failing", &self.is_failing())
            .finish_non_exhaustive()
    }
}
