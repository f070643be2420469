//! News of changes from the server: client tracking on a connection of its own.
//!
//! In broadcast mode the server tells of every change to a key with our prefix, whoever made it and by
//! whatever command: also of expiry, eviction and a flush. It keeps no record of who read what, and
//! the connections that read need not be the one that listens.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Client, PushInfo, PushKind, Value};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::super::{BackendError, BackendErrorKind, ChangeListener};
use super::reply;
use crate::Key;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Tells `listener` of changes to the values of keys with this prefix, in a task that ends with the
/// listener.
pub(super) fn follow(
    client: Client,
    prefix: &str,
    listener: Weak<dyn ChangeListener>,
    lag: Duration,
) {
    let ending = Ending(listener);
    let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
    let follower = Follower { client, names: format!("{prefix}cache:{{"), lag };
    runtime.spawn(async move { follower.run(&ending.0).await });
}

/// Tells the listener when the task is gone, also where its runtime ends.
struct Ending(Weak<dyn ChangeListener>);

impl Drop for Ending {
    fn drop(&mut self) {
        if let Some(listener) = self.0.upgrade() {
            listener.ended();
        }
    }
}

struct Follower {
    client: Client,
    /// What the names of values begin with.
    names: String,
    lag: Duration,
}

impl Follower {
    async fn run(&self, listener: &Weak<dyn ChangeListener>) {
        let mut pause = FIRST_PAUSE;
        loop {
            let began = Instant::now();
            let Err(error) = self.listen(listener).await else { return };
            let Some(listener) = listener.upgrade() else { return };
            listener.lost();
            tracing::debug!(target: "cachecow", %error, "nothing is kept near: the cache's changes cannot be heard");
            // A connection that held is made anew at once.
            if began.elapsed() > LONGEST_PAUSE {
                pause = FIRST_PAUSE;
            }
            drop(listener);
            tokio::time::sleep(pause.mul_f64(0.5 + 0.5 * fastrand::f64())).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// One connection, for as long as it is alive; `Ok` when the listener is gone.
    async fn listen(&self, listener: &Weak<dyn ChangeListener>) -> Result<(), BackendError> {
        let broken = Arc::new(Broken::default());
        let mut connection = self.connect(listener, &broken).await?;
        // What was told before counts for nothing: it began with holes.
        let Some(strong) = listener.upgrade() else { return Ok(()) };
        strong.all_changed();
        drop(strong);
        let mut confirmed = Instant::now();
        loop {
            let asked = Instant::now();
            self.ask(&mut connection, ::redis::cmd("PING")).await?;
            let Some(listener) = listener.upgrade() else { return Ok(()) };
            // News of what happened in the same moment may follow the answer; not of what happened
            // before the question that was answered last.
            if !broken.is_set() {
                listener
                    .current_for((confirmed + self.lag).saturating_duration_since(Instant::now()));
            }
            drop(listener);
            confirmed = asked;
            if tokio::time::timeout(self.lag / 4, broken.wait()).await.is_ok() {
                return Err(BackendError::new(
                    BackendErrorKind::Disconnected,
                    "the connection broke",
                ));
            }
        }
    }

    async fn connect(
        &self,
        listener: &Weak<dyn ChangeListener>,
        broken: &Arc<Broken>,
    ) -> Result<MultiplexedConnection, BackendError> {
        let news = News {
            names: self.names.clone(),
            listener: Weak::clone(listener),
            broken: Arc::clone(broken),
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(LONGEST_PAUSE))
            .set_response_timeout(None)
            .set_push_sender(move |push| {
                news.take(&push);
                Ok::<(), ()>(())
            });
        let connecting = self.client.get_multiplexed_async_connection_with_config(&config);
        let mut connection = connecting.await.map_err(|error| reply::failed(&error))?;
        let mut tracking = ::redis::cmd("CLIENT");
        tracking.arg("TRACKING").arg("ON").arg("BCAST").arg("PREFIX").arg(&self.names);
        self.ask(&mut connection, tracking).await?;
        Ok(connection)
    }

    async fn ask(
        &self,
        connection: &mut MultiplexedConnection,
        command: ::redis::Cmd,
    ) -> Result<(), BackendError> {
        let asking = connection.send_packed_command(&command);
        match tokio::time::timeout(self.lag, asking).await {
            Err(_) => Err(BackendError::new(BackendErrorKind::TimedOut, "")),
            Ok(Err(error)) => Err(reply::failed(&error)),
            Ok(Ok(Value::ServerError(error))) => Err(reply::rejected(&error)),
            Ok(Ok(_)) => Ok(()),
        }
    }
}

/// Whether a connection has ended.
#[derive(Default)]
struct Broken {
    set: AtomicBool,
    notify: Notify,
}

impl Broken {
    fn set(&self) {
        self.set.store(true, Ordering::Release);
        self.notify.notify_one();
    }

    fn is_set(&self) -> bool {
        self.set.load(Ordering::Acquire)
    }

    async fn wait(&self) {
        self.notify.notified().await;
    }
}

/// What a connection hears.
struct News {
    names: String,
    listener: Weak<dyn ChangeListener>,
    broken: Arc<Broken>,
}

impl News {
    fn take(&self, push: &PushInfo) {
        let Some(listener) = self.listener.upgrade() else { return };
        match push.kind {
            PushKind::Disconnection => {
                self.broken.set();
                listener.lost();
            }
            PushKind::Invalidate => match push.data.as_slice() {
                [Value::Array(names)] => {
                    names.iter().for_each(|name| self.changed(name, &*listener));
                }
                // A flush, or something that is not understood.
                _ => listener.all_changed(),
            },
            _ => {}
        }
    }

    fn changed(&self, name: &Value, listener: &dyn ChangeListener) {
        let Value::BulkString(name) = name else { return listener.all_changed() };
        let text =
            name.strip_prefix(self.names.as_bytes()).and_then(|name| name.strip_suffix(b"}"));
        // Others may have names like ours.
        if let Some(key) = text.and_then(Key::from_text) {
            listener.changed(key);
        }
    }
}
