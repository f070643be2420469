//! How connections are made.

use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionInfo, Pipeline, ProtocolVersion, PushInfo, Value,
};

use super::super::{BackendError, BackendErrorKind};
use super::reply;

/// How many requests may wait for the connection's writer before callers wait for a place.
const WRITE_BUFFER: usize = 1024;

/// Makes connections, all in the same way.
#[derive(Clone)]
pub(super) struct Connector {
    config: AsyncConnectionConfig,
    timeout: Duration,
    /// Whether servers may push messages, which needs RESP3.
    hears: bool,
}

impl Connector {
    pub(super) fn new(timeout: Duration) -> Self {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(timeout))
            // The caller sets a timeout for each operation.
            .set_response_timeout(None)
            .set_pipeline_buffer_size(WRITE_BUFFER);
        Self { config, timeout, hears: false }
    }

    pub(super) fn listening(&self, on_push: impl Fn(PushInfo) + Send + Sync + 'static) -> Self {
        let config = self.config.clone().set_push_sender(move |push| {
            on_push(push);
            Ok::<_, std::convert::Infallible>(())
        });
        Self { config, timeout: self.timeout, hears: true }
    }

    /// How long a step of an attempt to connect may take.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    pub(super) async fn connect(
        &self,
        info: ConnectionInfo,
    ) -> Result<MultiplexedConnection, BackendError> {
        let info = if self.hears {
            let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
            info.set_redis_settings(settings)
        } else {
            info
        };
        let client = Client::open(info).map_err(|error| reply::failed(&error))?;
        let connecting = client.get_multiplexed_async_connection_with_config(&self.config);
        connecting.await.map_err(|error| reply::failed(&error))
    }

    /// Sends a command that must be answered before the connection can be used.
    pub(super) async fn ask(
        &self,
        connection: &mut MultiplexedConnection,
        question: &Cmd,
    ) -> Result<Value, BackendError> {
        let asking = connection.send_packed_command(question);
        let answer = tokio::time::timeout(self.timeout, asking).await;
        reply::as_answer(answer.map_err(|_| late())?).map_err(|error| reply::failed(&error))
    }

    /// [`ask`](Self::ask) for several commands at once.
    pub(super) async fn ask_all(
        &self,
        connection: &mut MultiplexedConnection,
        questions: &Pipeline,
    ) -> Result<Vec<Value>, BackendError> {
        let (skipped, count) = reply::extent(questions);
        let asking = connection.send_packed_commands(questions, skipped, count);
        let answers = tokio::time::timeout(self.timeout, asking).await;
        answers.map_err(|_| late())?.map_err(|error| reply::failed(&error))
    }
}

fn late() -> BackendError {
    BackendErrorKind::Disconnected.with("connecting takes too long")
}
