//! The connection to one server: made here, or given by the program.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::redis::aio::ConnectionLike;
use ::redis::{Cmd, Pipeline, Value};

use super::super::BackendError;
use super::reply;
use super::server::{Endpoint, Server};

pub(crate) enum Connection {
    Server(Arc<Server>),
    #[cfg_attr(not(feature = "redis-1"), allow(dead_code, reason = "nobody gives one"))]
    Given(Box<dyn Fn() -> Box<dyn ConnectionLike + Send> + Send + Sync>),
}

impl Connection {
    pub(crate) fn to_server(endpoint: Endpoint, connect_timeout: Duration) -> Self {
        Self::Server(Server::new(endpoint, connect_timeout))
    }

    #[cfg(feature = "redis-1")]
    pub(crate) fn given<C>(connection: C) -> Self
    where
        C: ConnectionLike + Clone + Send + Sync + 'static,
    {
        Self::Given(Box::new(move || Box::new(connection.clone())))
    }

    pub(crate) async fn send(&self, command: &Cmd) -> Result<Value, BackendError> {
        match self {
            Self::Server(server) => server.send(server.connection().await?, command).await,
            Self::Given(connection) => {
                let mut connection = connection();
                let result = reply::as_answer(connection.req_packed_command(command).await);
                result.map_err(|error| reply::failed(&error))
            }
        }
    }

    /// Returns one answer for each command; for a transaction, one answer that contains all.
    pub(crate) async fn send_all(&self, pipeline: &Pipeline) -> Result<Vec<Value>, BackendError> {
        match self {
            Self::Server(server) => server.send_all(server.connection().await?, pipeline).await,
            Self::Given(connection) => {
                let mut connection = connection();
                let (skipped, count) = reply::extent(pipeline);
                let result = connection.req_packed_commands(pipeline, skipped, count).await;
                result.map_err(|error| reply::failed(&error))
            }
        }
    }

    /// `None` if the program gave the connection.
    pub(super) fn server(&self) -> Option<&Arc<Server>> {
        match self {
            Self::Server(server) => Some(server),
            Self::Given(_) => None,
        }
    }

    pub(crate) fn reset(&self) {
        if let Self::Server(server) = self {
            server.reset();
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(server) => fmt::Debug::fmt(server, f),
            Self::Given(_) => f.write_str("Given"),
        }
    }
}
