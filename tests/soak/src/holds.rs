//! Whether a writer's hold stands, as the server itself tells.

use std::path::Path;
use std::time::Duration;

use cachecow::Lookup;
use redis::aio::MultiplexedConnection;
use tokio::sync::Mutex;

/// A connection past cachecow and past the proxy.
pub(crate) struct Holds {
    client: redis::Client,
    connection: Mutex<Option<MultiplexedConnection>>,
}

impl Holds {
    pub(crate) fn on(socket: &Path) -> redis::RedisResult<Self> {
        let client = redis::Client::open(format!("redis+unix://{}", socket.display()))?;
        Ok(Self { client, connection: Mutex::new(None) })
    }

    /// Whether a hold of the key stands after which nothing old is stored: any, if the only writer asks;
    /// else one whose writer may not store. None if the server does not answer.
    pub(crate) async fn stands(&self, lookup: &impl Lookup, is_only_writer: bool) -> bool {
        let Some(mut connection) = self.connection().await else { return false };
        let flag = format!("flag:{{{}}}", lookup.key().key());
        // In this order: a hold that is placed between the two is of a later commit.
        let alone: Result<Option<f64>, _> =
            redis::cmd("ZSCORE").arg(&flag).arg("alone").query_async(&mut connection).await;
        let kind: Result<String, _> =
            redis::cmd("TYPE").arg(flag).query_async(&mut connection).await;
        if kind.is_err() {
            *self.connection.lock().await = None;
        }
        let may_store = matches!(alone, Ok(Some(_)));
        kind.is_ok_and(|kind| kind == "zset") && (is_only_writer || !may_store)
    }

    async fn connection(&self) -> Option<MultiplexedConnection> {
        let mut connection = self.connection.lock().await;
        if connection.is_none() {
            let patience = Duration::from_millis(200);
            let config = redis::AsyncConnectionConfig::new()
                .set_connection_timeout(Some(patience))
                .set_response_timeout(Some(patience));
            let connecting = self.client.get_multiplexed_async_connection_with_config(&config);
            *connection = connecting.await.ok();
        }
        connection.clone()
    }
}
