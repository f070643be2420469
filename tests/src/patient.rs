//! Caches and connections of tests on a busy machine.

use std::time::Duration;

use cachecow::{Builder, CacheCow};
use redis::RedisResult;
use redis::aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection};

/// A builder for a cache to which a busy machine does not pass for an outage.
pub fn patient() -> Builder {
    let longest = Duration::from_secs(20);
    CacheCow::builder().operation_timeout(longest).connect_timeout(longest)
}

/// A connection on which a server may take its time, also to accept it: the driver's own patience is a second for that, and
/// half of one for an answer.
///
/// # Errors
///
/// If the server does not run.
pub async fn connect(url: &str) -> RedisResult<MultiplexedConnection> {
    let config =
        redis::AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
    redis::Client::open(url)?.get_multiplexed_async_connection_with_config(&config).await
}

/// The same, of the kind that connects again.
///
/// # Errors
///
/// If the server does not run.
pub async fn connect_managed(url: &str) -> RedisResult<ConnectionManager> {
    let config =
        ConnectionManagerConfig::new().set_connection_timeout(None).set_response_timeout(None);
    redis::Client::open(url)?.get_connection_manager_with_config(config).await
}
