//! The individual servers behind a URL, for tools that inspect a cache.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::redis::{Cmd, Pipeline, PushInfo, Value};

use super::server::{Endpoint, Server};
use super::{RedisBackend, Shared};
use crate::backend::{BackendError, BackendErrorKind};
use crate::error::Error;
use crate::key::Key;

/// The servers that a cache's values are on: one, or the masters of a cluster.
pub struct RedisServers {
    shared: Arc<Shared>,
    timeout: Duration,
}

impl RedisServers {
    /// Opens the servers behind this URL; they are connected on first use. `timeout` applies to each attempt to
    /// connect and to each answer.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidUrl`](crate::ErrorKind::InvalidUrl) and
    /// [`ErrorKind::InvalidConfig`](crate::ErrorKind::InvalidConfig).
    pub fn open(url: &str, namespace: &str, timeout: Duration) -> Result<Self, Error> {
        let mut backend = RedisBackend::from_url(url, timeout)?.with_namespace(namespace)?;
        backend.limit_nodes(timeout);
        Ok(Self { shared: backend.shared, timeout })
    }

    /// Returns all servers.
    ///
    /// # Errors
    ///
    /// [`BackendError`], if a cluster does not report its nodes.
    pub async fn all(&self) -> Result<Vec<OneServer>, BackendError> {
        let servers = self.shared.route.servers().await?;
        Ok(servers.into_iter().map(|server| self.one(server)).collect())
    }

    /// Returns the server that holds this key.
    ///
    /// # Errors
    ///
    /// [`BackendError`], if a cluster does not report its nodes.
    pub async fn with(&self, key: Key) -> Result<OneServer, BackendError> {
        let slot = self.shared.slot(key);
        if let Some(server) = self.shared.route.server(slot) {
            return Ok(self.one(server));
        }
        self.shared.route.servers().await?;
        let none = || BackendErrorKind::Rejected.with("no node serves this slot");
        self.shared.route.server(slot).map(|server| self.one(server)).ok_or_else(none)
    }

    /// The prefix of every name: the namespace and a colon, if there is one.
    pub fn prefix(&self) -> &str {
        &self.shared.prefix
    }

    /// Whether they are a cluster.
    pub fn is_cluster(&self) -> bool {
        self.shared.has_slots()
    }

    fn one(&self, server: Arc<Server>) -> OneServer {
        OneServer { server, timeout: self.timeout }
    }
}

impl fmt::Debug for RedisServers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisServers").field("route", &self.shared.route).finish_non_exhaustive()
    }
}

/// One server.
#[derive(Clone, Debug)]
pub struct OneServer {
    server: Arc<Server>,
    timeout: Duration,
}

impl OneServer {
    /// Its address, without user and password; for a master behind sentinels, its name.
    pub fn address(&self) -> String {
        self.server.address()
    }

    /// Whether sentinels name it.
    pub fn has_sentinels(&self) -> bool {
        matches!(self.server.endpoint(), Endpoint::Sentinels(_))
    }

    /// Returns the answer to one command; a server's error is an answer.
    ///
    /// # Errors
    ///
    /// [`BackendError`], if there is no answer.
    pub async fn ask(&self, command: &Cmd) -> Result<Value, BackendError> {
        self.in_time(async { self.server.send(self.server.connection().await?, command).await })
            .await
    }

    /// Returns one answer for each command; a server's errors are answers.
    ///
    /// # Errors
    ///
    /// [`BackendError`], if there are no answers.
    pub async fn ask_all(&self, commands: &Pipeline) -> Result<Vec<Value>, BackendError> {
        let mut commands = commands.clone();
        commands.ignore_errors();
        self.in_time(async {
            self.server.send_all(self.server.connection().await?, &commands).await
        })
        .await
    }

    /// Opens a separate connection to the same server, which begins with `greeting` and receives push messages.
    /// They end when it is dropped.
    ///
    /// # Errors
    ///
    /// [`BackendError`], if the greeting is not answered.
    pub async fn listen(
        &self,
        greeting: Cmd,
        on_push: impl Fn(PushInfo) + Send + Sync + 'static,
    ) -> Result<Self, BackendError> {
        let server = self.server.listening(greeting, on_push);
        self.in_time(server.connection()).await?;
        Ok(Self { server, timeout: self.timeout })
    }

    async fn in_time<T>(
        &self,
        asking: impl Future<Output = Result<T, BackendError>>,
    ) -> Result<T, BackendError> {
        let late = |_| Err(BackendErrorKind::TimedOut.with(""));
        tokio::time::timeout(self.timeout, asking).await.unwrap_or_else(late)
    }
}

/// The meaning of a server's error, with the remedy; the server's own text is not shown, since it may quote the
/// command.
pub fn refusal(error: &::redis::ServerError) -> BackendError {
    super::reply::rejected(error)
}
