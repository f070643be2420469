//! Listens to PostgreSQL's `NOTIFY`, which announces new rows in the outbox.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::sleep;

/// The delay between attempts to listen again.
const PAUSE: Duration = Duration::from_secs(1);

/// A connection that listens, in its own task, because a read of the log may be cancelled at any point.
#[derive(Debug)]
pub(super) struct Listening {
    woken: Arc<Notify>,
    task: AbortHandle,
}

impl Listening {
    /// Listens on the channel with this name. Every commit after this function has returned wakes the listener.
    pub(super) async fn begin(pool: &PgPool, channel: &str) -> sqlx::Result<Self> {
        let listener = listen(pool, channel).await?;
        let woken = Arc::new(Notify::new());
        let task =
            tokio::spawn(go_on(pool.clone(), channel.to_owned(), listener, Arc::clone(&woken)));
        Ok(Self { woken, task: task.abort_handle() })
    }

    /// Waits until there has been a notification since the last call returned.
    pub(super) async fn woken(&self) {
        self.woken.notified().await;
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(pool: &PgPool, channel: &str) -> sqlx::Result<PgListener> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(channel).await?;
    Ok(listener)
}

async fn go_on(pool: PgPool, channel: String, mut listener: PgListener, woken: Arc<Notify>) {
    loop {
        loop {
            match listener.try_recv().await {
                // Without a notification here, the connection was lost, and a notification may be lost with it.
                Ok(_) => woken.notify_one(),
                Err(sqlx::Error::PoolClosed) => return,
                Err(_) => break,
            }
        }
        listener = loop {
            sleep(PAUSE).await;
            match listen(&pool, &channel).await {
                Ok(listener) => break listener,
                Err(sqlx::Error::PoolClosed) => return,
                Err(_) => {}
            }
        };
        woken.notify_one();
    }
}
