//! The connection: made on first use, replaced when it broke.

use std::fmt;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use ::redis::aio::{ConnectionLike, MultiplexedConnection};
use ::redis::{AsyncConnectionConfig, Client, Cmd, Pipeline, RedisError, RedisResult, Value};
use tokio::sync::Mutex;

use super::super::{BackendError, BackendErrorKind};
use super::reply;

/// How many requests may wait for the connection's writer before callers wait for a place.
const WRITE_BUFFER: usize = 1024;

pub(super) enum Link {
    Server(Box<Server>),
    Given(Box<dyn Fn() -> Box<dyn ConnectionLike + Send> + Send + Sync>),
}

pub(super) struct Server {
    client: Client,
    config: AsyncConnectionConfig,
    current: RwLock<Option<Connection>>,
    /// Held while connecting, so that many callers make one connection.
    connecting: Mutex<Attempts>,
}

#[derive(Clone)]
struct Connection {
    generation: u64,
    connection: MultiplexedConnection,
}

#[derive(Default)]
struct Attempts {
    generation: u64,
    /// The outcome of the last attempt, for those that waited while it was made.
    last_error: Option<BackendError>,
}

impl Link {
    pub(super) fn to_server(client: Client, connect_timeout: Duration) -> Self {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(connect_timeout))
            // The caller bounds each operation.
            .set_response_timeout(None)
            .set_pipeline_buffer_size(WRITE_BUFFER);
        Self::Server(Box::new(Server {
            client,
            config,
            current: RwLock::new(None),
            connecting: Mutex::default(),
        }))
    }

    pub(super) fn given<C>(connection: C) -> Self
    where
        C: ConnectionLike + Clone + Send + Sync + 'static,
    {
        Self::Given(Box::new(move || Box::new(connection.clone())))
    }

    pub(super) async fn send(&self, command: &Cmd) -> Result<Value, BackendError> {
        match self {
            Self::Server(server) => {
                let Connection { generation, mut connection } = server.connection().await?;
                let result = as_answer(connection.send_packed_command(command).await);
                server.checked(result, generation)
            }
            Self::Given(connection) => {
                let mut connection = connection();
                unless_broken(as_answer(connection.req_packed_command(command).await))
            }
        }
    }

    pub(super) async fn send_all(&self, pipeline: &Pipeline) -> Result<Vec<Value>, BackendError> {
        let count = pipeline.len();
        match self {
            Self::Server(server) => {
                let Connection { generation, mut connection } = server.connection().await?;
                let result = connection.send_packed_commands(pipeline, 0, count).await;
                server.checked(result, generation)
            }
            Self::Given(connection) => {
                let mut connection = connection();
                unless_broken(connection.req_packed_commands(pipeline, 0, count).await)
            }
        }
    }

    pub(super) fn reset(&self) {
        if let Self::Server(server) = self {
            *server.current.write().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }
}

impl Server {
    async fn connection(&self) -> Result<Connection, BackendError> {
        if let Some(connection) = self.current() {
            return Ok(connection);
        }
        // Boxed: every operation's future would carry it, and it is large.
        Box::pin(self.connect()).await
    }

    fn current(&self) -> Option<Connection> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn connect(&self) -> Result<Connection, BackendError> {
        let (mut attempts, waited) = match self.connecting.try_lock() {
            Ok(attempts) => (attempts, false),
            Err(_) => (self.connecting.lock().await, true),
        };
        if let Some(connection) = self.current() {
            return Ok(connection);
        }
        if let (true, Some(error)) = (waited, &attempts.last_error) {
            return Err(error.clone());
        }
        // If this attempt is cancelled, those that wait for it make their own.
        attempts.last_error = None;
        match self.client.get_multiplexed_async_connection_with_config(&self.config).await {
            Ok(connection) => {
                attempts.generation += 1;
                let connection = Connection { generation: attempts.generation, connection };
                *self.current.write().unwrap_or_else(PoisonError::into_inner) =
                    Some(connection.clone());
                tracing::debug!(target: "cachecow", "connected to the cache");
                Ok(connection)
            }
            Err(error) => {
                let error = reply::failed(&error);
                attempts.last_error = Some(error.clone());
                Err(error)
            }
        }
    }

    fn checked<T>(&self, result: RedisResult<T>, generation: u64) -> Result<T, BackendError> {
        let broken = match &result {
            Ok(_) => false,
            Err(error) => reply::is_broken(error),
        };
        if broken {
            self.discard(generation);
        }
        unless_broken(result)
    }

    fn discard(&self, generation: u64) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref().is_some_and(|current| current.generation == generation) {
            *current = None;
        }
    }
}

fn unless_broken<T>(result: Result<T, RedisError>) -> Result<T, BackendError> {
    result.map_err(|error| reply::failed(&error))
}

/// Some connections hand a server's error out as their own; to us it is an answer.
fn as_answer(result: RedisResult<Value>) -> RedisResult<Value> {
    result.or_else(|error| {
        let server_error = error.clone().into_server_errors();
        match server_error.as_deref() {
            Some([(_, answer)]) => Ok(Value::ServerError(answer.clone())),
            _ => Err(error),
        }
    })
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The client's own form would show the password.
            Self::Server(server) => f
                .debug_struct("Server")
                .field("address", &server.client.get_connection_info().addr().to_string())
                .field("connected", &server.current().is_some())
                .finish(),
            Self::Given(_) => f.write_str("Given"),
        }
    }
}

impl BackendErrorKind {
    pub(super) fn with(self, detail: impl Into<String>) -> BackendError {
        BackendError::new(self, detail)
    }
}
