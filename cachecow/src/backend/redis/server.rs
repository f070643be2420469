//! One server, or the master that sentinels name. It is connected on first use, and again after the
//! connection broke.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{Cmd, ConnectionInfo, Pipeline, PushInfo, RedisResult, Value};
use parking_lot::RwLock;

use super::super::{BackendError, BackendErrorKind};
use super::attempt::Attempts;
use super::connector::Connector;
use super::reply;
use super::sentinel::Sentinels;
use crate::events::say;

/// The endpoint of the connection.
#[derive(Clone)]
pub(crate) enum Endpoint {
    At(Box<ConnectionInfo>),
    Sentinels(Arc<Sentinels>),
}

pub(crate) struct Server {
    endpoint: Endpoint,
    connector: Connector,
    /// The first command on a new connection.
    greeting: Option<Cmd>,
    current: RwLock<Option<Connection>>,
    /// The attempt to connect, which many callers may wait for.
    attempts: Attempts<Connection>,
    generation: AtomicU64,
}

#[derive(Clone)]
pub(super) struct Connection {
    generation: u64,
    /// How often the master had been switched when this connection was opened.
    switches: u64,
    inner: MultiplexedConnection,
}

impl Server {
    pub(super) fn new(endpoint: Endpoint, connect_timeout: Duration) -> Arc<Self> {
        Self::by(endpoint, Connector::new(connect_timeout), None)
    }

    fn by(endpoint: Endpoint, connector: Connector, greeting: Option<Cmd>) -> Arc<Self> {
        Arc::new(Self {
            endpoint,
            connector,
            greeting,
            current: RwLock::new(None),
            attempts: Attempts::default(),
            generation: AtomicU64::new(0),
        })
    }

    /// The same server, on a separate connection.
    pub(super) fn apart(&self) -> Arc<Self> {
        Self::by(self.endpoint.clone(), self.connector.clone(), None)
    }

    /// The same server, on a separate connection, which begins with this command and receives push messages.
    pub(super) fn listening(
        &self,
        greeting: Cmd,
        on_push: impl Fn(PushInfo) + Send + Sync + 'static,
    ) -> Arc<Self> {
        Self::by(self.endpoint.clone(), self.connector.listening(on_push), Some(greeting))
    }

    /// Its address, without user and password.
    #[cfg(feature = "cli")]
    pub(super) fn address(&self) -> String {
        match &self.endpoint {
            Endpoint::At(info) => info.addr().to_string(),
            Endpoint::Sentinels(sentinels) => format!("the master {}", sentinels.name()),
        }
    }

    #[cfg(feature = "cli")]
    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Whether this connection is still the one in use.
    pub(super) fn uses(&self, connection: &Connection) -> bool {
        self.current().is_some_and(|current| current.generation == connection.generation)
    }

    pub(super) async fn send(
        &self,
        connection: Connection,
        command: &Cmd,
    ) -> Result<Value, BackendError> {
        let Connection { generation, switches, mut inner } = connection;
        let result = reply::as_answer(inner.send_packed_command(command).await);
        self.check_master(switches)?;
        self.checked(result, generation)
    }

    /// Returns one answer for each command; for a transaction, one answer that contains all.
    pub(super) async fn send_all(
        &self,
        connection: Connection,
        pipeline: &Pipeline,
    ) -> Result<Vec<Value>, BackendError> {
        let Connection { generation, switches, mut inner } = connection;
        let (skipped, count) = reply::extent(pipeline);
        let result = inner.send_packed_commands(pipeline, skipped, count).await;
        self.check_master(switches)?;
        self.checked(result, generation)
    }

    pub(super) async fn connection(self: &Arc<Self>) -> Result<Connection, BackendError> {
        if let Some(connection) = self.current() {
            if let Endpoint::Sentinels(sentinels) = &self.endpoint {
                // The task that listens to the sentinels may have ended with its runtime.
                sentinels.go_on_listening(&self.connector);
            }
            return Ok(connection);
        }
        // Connecting may take longer than any operation that waits for it.
        let server = Arc::clone(self);
        let patience = self.connector.timeout().saturating_mul(2);
        self.attempts.join_or_begin(patience, async move { server.connect().await }).await
    }

    /// Gives the connection up; operations under way may still use it, and the next operation opens another.
    pub(super) fn reset(&self) {
        *self.current.write() = None;
    }

    fn current(&self) -> Option<Connection> {
        let current = self.current.read().clone();
        current.filter(|connection| connection.switches == self.endpoint.switches())
    }

    async fn connect(&self) -> Result<Connection, BackendError> {
        let generation = self.generation.fetch_add(1, Ordering::Relaxed);
        let connected = match &self.endpoint {
            Endpoint::At(info) => {
                self.connector.connect((**info).clone()).await.map(|connection| (0, connection))
            }
            Endpoint::Sentinels(sentinels) => sentinels.connect_to_master(&self.connector).await,
        };
        let (switches, mut inner) = connected.map_err(|error| self.no_connection(error))?;
        if let Some(greeting) = &self.greeting
            && let Value::ServerError(error) = self.connector.ask(&mut inner, greeting).await?
        {
            return Err(reply::rejected(&error));
        }
        let connection = Connection { generation, switches, inner };
        {
            let mut current = self.current.write();
            // An attempt that took too long must not replace the connection of a later one.
            if current.as_ref().is_none_or(|current| current.generation < generation) {
                *current = Some(connection.clone());
            }
        }
        say!(CONNECTED, "connected to the cache");
        Ok(connection)
    }

    /// A missing connection is an outage, whatever the reason: each operation would try to connect again. With a
    /// greeting, the caller must judge the reason, since the server may refuse the greeting.
    fn no_connection(&self, error: BackendError) -> BackendError {
        match error.kind() {
            BackendErrorKind::Rejected | BackendErrorKind::Malformed if self.greeting.is_none() => {
                BackendErrorKind::Disconnected.with(format!("no connection: {}", error.detail()))
            }
            _ => error,
        }
    }

    /// Fails if the master was switched while it had a command. What a former master confirms when its successor is
    /// known already, the successor may never have heard.
    fn check_master(&self, switches: u64) -> Result<(), BackendError> {
        if switches == self.endpoint.switches() {
            return Ok(());
        }
        Err(BackendErrorKind::Disconnected.with("the master was switched"))
    }

    fn checked<T>(&self, result: RedisResult<T>, generation: u64) -> Result<T, BackendError> {
        result.map_err(|error| {
            if reply::is_broken(&error) {
                self.discard(generation);
            }
            reply::failed(&error)
        })
    }

    fn discard(&self, generation: u64) {
        let mut current = self.current.write();
        if current.as_ref().is_some_and(|current| current.generation == generation) {
            *current = None;
        }
    }
}

impl Endpoint {
    fn switches(&self) -> u64 {
        match self {
            Self::At(_) => 0,
            Self::Sentinels(sentinels) => sentinels.switches(),
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Its `Debug` form would show the password.
            Self::At(info) => fmt::Debug::fmt(&info.addr().to_string(), f),
            Self::Sentinels(sentinels) => fmt::Debug::fmt(sentinels, f),
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("address", &self.endpoint)
            .field("connected", &self.current().is_some())
            .finish_non_exhaustive()
    }
}
