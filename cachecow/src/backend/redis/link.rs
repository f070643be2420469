//! The connection: made on first use, replaced when it broke.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use ::redis::aio::{ConnectionLike, MultiplexedConnection};
use ::redis::{
    AsyncConnectionConfig, Client, Cmd, Pipeline, ProtocolVersion, PushInfo, RedisError,
    RedisResult, Value,
};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};

use super::super::{BackendError, BackendErrorKind};
use super::reply;

/// How many requests may wait for the connection's writer before callers wait for a place.
const WRITE_BUFFER: usize = 1024;

pub(crate) enum Link {
    Server(Arc<Server>),
    Given(Box<dyn Fn() -> Box<dyn ConnectionLike + Send> + Send + Sync>),
}

pub(crate) struct Server {
    client: Client,
    config: AsyncConnectionConfig,
    connect_timeout: Duration,
    /// What is sent on a new connection before anything else.
    greeting: Option<Cmd>,
    current: RwLock<Option<Connection>>,
    /// The attempt to connect that is under way, if any: many callers wait for one.
    attempt: Mutex<Option<Attempt>>,
    generation: AtomicU64,
}

#[derive(Clone)]
struct Connection {
    generation: u64,
    connection: MultiplexedConnection,
}

type Attempt = Shared<BoxFuture<'static, Result<Connection, BackendError>>>;

impl Link {
    pub(crate) fn to_server(client: Client, connect_timeout: Duration) -> Self {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(connect_timeout))
            // The caller bounds each operation.
            .set_response_timeout(None)
            .set_pipeline_buffer_size(WRITE_BUFFER);
        Self::Server(Arc::new(Server::new(client, config, connect_timeout)))
    }

    /// A link of its own to the same server, which tells of changes to the keys that were read over it.
    /// `None` where there can be none, as beside a connection that was given. A link to several
    /// servers finds the one of a key here as well.
    pub(super) fn tracking(
        &self,
        on_push: impl Fn(PushInfo) + Send + Sync + 'static,
    ) -> Option<Self> {
        let Self::Server(server) = self else { return None };
        let client = listening(&server.client);
        let config = server.config.clone().set_push_sender(move |push| {
            on_push(push);
            Ok::<_, std::convert::Infallible>(())
        });
        let mut tracking = Server::new(client, config, server.connect_timeout);
        tracking.greeting = Some(::redis::cmd("CLIENT").arg("TRACKING").arg("ON").take());
        Some(Self::Server(Arc::new(tracking)))
    }

    pub(crate) fn given<C>(connection: C) -> Self
    where
        C: ConnectionLike + Clone + Send + Sync + 'static,
    {
        Self::Given(Box::new(move || Box::new(connection.clone())))
    }

    pub(crate) async fn send(&self, command: &Cmd) -> Result<Value, BackendError> {
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

    /// One answer for each command; for a transaction one, which holds them all.
    pub(crate) async fn send_all(&self, pipeline: &Pipeline) -> Result<Vec<Value>, BackendError> {
        let len = pipeline.len();
        let (skipped, count) = if pipeline.is_transaction() { (len + 1, 1) } else { (0, len) };
        match self {
            Self::Server(server) => {
                let Connection { generation, mut connection } = server.connection().await?;
                let result = connection.send_packed_commands(pipeline, skipped, count).await;
                server.checked(result, generation)
            }
            Self::Given(connection) => {
                let mut connection = connection();
                unless_broken(connection.req_packed_commands(pipeline, skipped, count).await)
            }
        }
    }

    /// A client for the same server that is told of changes; none if the connection was given.
    pub(super) fn listening_client(&self) -> Option<Client> {
        match self {
            Self::Server(server) => Some(listening(&server.client)),
            Self::Given(_) => None,
        }
    }

    pub(crate) fn reset(&self) {
        if let Self::Server(server) = self {
            *server.current.write().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }
}

impl Server {
    fn new(client: Client, config: AsyncConnectionConfig, connect_timeout: Duration) -> Self {
        Self {
            client,
            config,
            connect_timeout,
            greeting: None,
            current: RwLock::new(None),
            attempt: Mutex::new(None),
            generation: AtomicU64::new(0),
        }
    }

    async fn connection(self: &Arc<Self>) -> Result<Connection, BackendError> {
        if let Some(connection) = self.current() {
            return Ok(connection);
        }
        let attempt = self.attempt();
        attempt.await
    }

    fn current(&self) -> Option<Connection> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The attempt to connect that is under way, or a new one. It goes on in a task of its own, so
    /// that it may take longer than any operation that waits for it.
    fn attempt(self: &Arc<Self>) -> Attempt {
        let mut attempt = self.attempt.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(attempt) = &*attempt {
            return attempt.clone();
        }
        let attempting = Attempting(Arc::clone(self));
        let task = tokio::spawn(async move { attempting.0.connect().await });
        let outcome = async {
            let gone = |_| Err(BackendErrorKind::Disconnected.with("the runtime is shutting down"));
            task.await.unwrap_or_else(gone)
        };
        attempt.insert(outcome.boxed().shared()).clone()
    }

    async fn connect(&self) -> Result<Connection, BackendError> {
        let connecting = self.client.get_multiplexed_async_connection_with_config(&self.config);
        let mut connection = connecting.await.map_err(|error| reply::failed(&error))?;
        if let Some(greeting) = &self.greeting {
            let greeting = connection.send_packed_command(greeting);
            let greeted = tokio::time::timeout(self.connect_timeout, greeting).await;
            let late = |_| Err(BackendErrorKind::TimedOut.with("to connect"));
            let answer = greeted.map_or_else(late, |result| unless_broken(as_answer(result)))?;
            if let Value::ServerError(error) = answer {
                return Err(reply::rejected(&error));
            }
        }
        let generation = self.generation.fetch_add(1, Ordering::Relaxed);
        let connection = Connection { generation, connection };
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(connection.clone());
        tracing::debug!(target: "cachecow", "connected to the cache");
        Ok(connection)
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

/// The client for the same server, by the protocol's third version: only there are pushes.
pub(super) fn listening(client: &Client) -> Client {
    let info = client.get_connection_info().clone();
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    // Fails for what cannot be an address, and this is one.
    Client::open(info.set_redis_settings(settings)).unwrap_or_else(|_| client.clone())
}

/// An attempt under way; it ends with its task, also where a runtime ends.
struct Attempting(Arc<Server>);

impl Drop for Attempting {
    fn drop(&mut self) {
        *self.0.attempt.lock().unwrap_or_else(PoisonError::into_inner) = None;
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
