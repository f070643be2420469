//! Commands to the server, each with a timeout, and their errors.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ::redis::{Cmd, Pipeline, ServerError, Value};

use crate::backend::redis::Connection;
use crate::backend::{BackendError, BackendErrorKind};
use crate::error::{Error, ErrorKind};

/// How long an operation, and an attempt to connect, may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// After this number of timeouts in a row, the connection may be half-open and is replaced.
const TIMEOUTS: u32 = 3;

/// The connection, with a timeout for each operation.
#[derive(Clone)]
pub(super) struct Line {
    pub(super) link: Arc<Connection>,
    pub(super) timeout: Duration,
    /// Timeouts since the last answer.
    timeouts: Arc<AtomicU32>,
}

impl Line {
    pub(super) fn new(link: Connection) -> Self {
        Self { link: Arc::new(link), timeout: PATIENCE, timeouts: Arc::default() }
    }

    pub(super) fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Sends a command that must not be sent twice, since the first one may have taken effect.
    pub(super) async fn once(&self, operation: &str, command: &Cmd) -> Result<Value, Error> {
        self.bounded(operation, self.link.send(command)).await
    }

    /// Sends a command that changes nothing, and sends it again if the connection is broken:
    /// servers and proxies close idle connections.
    pub(super) async fn read(&self, operation: &str, command: &Cmd) -> Result<Value, Error> {
        let sent = async {
            match self.link.send(command).await {
                Err(error) if is_broken(&error) => self.link.send(command).await,
                answer => answer,
            }
        };
        self.bounded(operation, sent).await
    }

    /// The answers to `GET` and `PTTL`, from the same moment.
    pub(super) async fn read_value_and_ttl(
        &self,
        operation: &str,
        name: &str,
    ) -> Result<[Value; 2], Error> {
        let mut both = Pipeline::with_capacity(2);
        both.atomic().cmd("GET").arg(name).cmd("PTTL").arg(name).ignore_errors();
        let sent = async {
            match self.link.send_all(&both).await {
                Err(error) if is_broken(&error) => self.link.send_all(&both).await,
                answer => answer,
            }
        };
        match self.bounded(operation, sent).await?.pop() {
            Some(Value::Array(answers)) => answers.try_into().map_err(|_| malformed(operation)),
            Some(Value::ServerError(error)) => Err(refused(operation, error)),
            _ => Err(malformed(operation)),
        }
    }

    async fn bounded<T>(
        &self,
        operation: &str,
        sent: impl Future<Output = Result<T, BackendError>>,
    ) -> Result<T, Error> {
        let answer = tokio::time::timeout(self.timeout, sent).await;
        if answer.is_ok() {
            self.timeouts.store(0, Ordering::Relaxed);
        } else if self.timeouts.fetch_add(1, Ordering::Relaxed) + 1 >= TIMEOUTS {
            self.timeouts.store(0, Ordering::Relaxed);
            self.link.reset();
        }
        match answer {
            Ok(answer) => answer.map_err(|error| failed(operation, &error)),
            Err(elapsed) => {
                let message = format!(
                    "{operation}: Redis did not answer within {:?}; `with_timeout` allows more",
                    self.timeout
                );
                Err(Error::caused_by(ErrorKind::Store, message, elapsed))
            }
        }
    }
}

fn is_broken(error: &BackendError) -> bool {
    error.kind() == BackendErrorKind::Disconnected
}

fn failed(operation: &str, error: &BackendError) -> Error {
    let what = match error.kind() {
        BackendErrorKind::Disconnected => "the Redis server cannot be reached",
        BackendErrorKind::TimedOut => "the Redis server did not answer in time",
        BackendErrorKind::Malformed => return malformed(operation),
        _ => "the Redis server refused",
    };
    let source = io::Error::other(error.detail().to_owned());
    Error::caused_by(ErrorKind::Store, format!("{operation}: {what}"), source)
}

/// The server answered with an error.
pub(super) fn refused(operation: &str, error: ServerError) -> Error {
    let message = format!("{operation}: the Redis server refused");
    Error::caused_by(ErrorKind::Store, message, error)
}

/// The server's answer is invalid.
pub(super) fn malformed(operation: &str) -> Error {
    let message = format!("{operation}: the answer is not from Redis; is this a Redis server?");
    Error::new(ErrorKind::Store, message)
}
