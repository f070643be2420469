//! Invalidations that replicas must acknowledge. Each batch is sent together with a `WAIT`, on a
//! connection that nobody else uses meanwhile, since `WAIT` blocks it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::redis::{Cmd, Pipeline, Value};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Semaphore;

use super::super::{BackendError, BackendErrorKind};
use super::reply;
use super::routed::Answers;
use super::server::Server;

/// How many batches may wait for one server's replicas at a time; each has a connection.
const MAX_CONNECTIONS: usize = 16;

/// How many replicas must acknowledge, and within what time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Acks {
    pub(super) replicas: usize,
    pub(super) timeout: Duration,
}

/// The connections to one server that wait for its replicas.
pub(super) struct AckLines {
    idle: Mutex<Vec<Arc<Server>>>,
    places: Semaphore,
}

impl Default for AckLines {
    fn default() -> Self {
        Self { idle: Mutex::default(), places: Semaphore::new(MAX_CONNECTIONS) }
    }
}

impl Acks {
    fn wait(self) -> Cmd {
        let mut command = ::redis::cmd("WAIT");
        // Zero would mean for ever.
        command.arg(self.replicas).arg(self.timeout.as_millis().max(1));
        command
    }

    /// Returns the error in the answer to `WAIT`, if there is one.
    fn fault(self, answer: Option<Value>) -> Option<BackendError> {
        match answer {
            Some(Value::Int(count)) => {
                let count = usize::try_from(count).unwrap_or(0);
                let all = self.replicas;
                (count < all).then(|| {
                    BackendErrorKind::Rejected
                        .with(format!("acknowledged by {count} of {all} replicas"))
                })
            }
            Some(Value::ServerError(error)) => Some(reply::rejected(&error)),
            _ => Some(super::malformed("to WAIT")),
        }
    }
}

impl AckLines {
    /// Sends the commands and a `WAIT`. If too few replicas acknowledge, all commands count as failed.
    pub(super) async fn send(
        &self,
        server: &Server,
        pipeline: &Pipeline,
        acks: Acks,
    ) -> Result<Answers, BackendError> {
        let gone = |_| BackendErrorKind::Disconnected.with("shutting down");
        let _place = self.places.acquire().await.map_err(gone)?;
        // A dropped batch does not return its connection, which may be blocked, for the next batch.
        let idle = self.lock().pop();
        let line = idle.unwrap_or_else(|| server.apart());
        let connection = line.connection().await?;
        let count = pipeline.len();
        let mut waiting = pipeline.clone();
        waiting.add_command(acks.wait()).ignore_errors();
        let mut answers = match line.send_all(connection, &waiting).await {
            Ok(answers) => answers,
            Err(error) => {
                // The other connections are probably broken too.
                self.reset();
                return Ok(vec![Err(error); count]);
            }
        };
        self.lock().push(line);
        let fault = acks.fault(answers.pop());
        let judge = |answer| match (answer, &fault) {
            (Value::ServerError(error), _) => Ok(Value::ServerError(error)),
            (_, Some(fault)) => Err(fault.clone()),
            (answer, None) => Ok(answer),
        };
        Ok(answers.into_iter().map(judge).collect())
    }

    pub(super) fn reset(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Server>>> {
        self.idle.lock()
    }
}

impl fmt::Debug for AckLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AckLines").field("idle", &self.lock().len()).finish()
    }
}
