//! Messages from the servers about changes: client tracking, on a separate connection to each server.
//!
//! In broadcast mode, the server reports every change to a key with our prefix, by any client and any command, and
//! also expiry, eviction and a flush. It does not record which client read which key, and reads need not use the
//! connection that listens.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use ::redis::{PushInfo, Value};
use futures_util::future::try_join_all;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::super::{BackendError, BackendErrorKind, ChangeListener};
use super::push::{self, Notice};
use super::server::{Connection, Server};
use super::{Shared, reply};
use crate::events::say;
use crate::key::{Key, NoKey};

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Reports changes to values and epochs with this prefix to `listener`, in a task that ends with
/// the listener.
pub(super) fn follow(
    source: Arc<Shared>,
    prefix: &str,
    listener: Weak<dyn ChangeListener>,
    lag: Duration,
) {
    let ending = Ending(listener);
    let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
    let names = ["cache:{", "tag:{"].map(|kind| format!("{prefix}{kind}"));
    let follower = Follower { source, names, lag };
    runtime.spawn(async move { follower.run(&ending.0).await });
}

/// Informs the listener when the task is gone, also if its runtime ends.
struct Ending(Weak<dyn ChangeListener>);

impl Drop for Ending {
    fn drop(&mut self) {
        if let Some(listener) = self.0.upgrade() {
            listener.ended();
        }
    }
}

struct Follower {
    source: Arc<Shared>,
    /// The prefixes of the names of values and epochs.
    names: [String; 2],
    lag: Duration,
}

impl Follower {
    async fn run(&self, listener: &Weak<dyn ChangeListener>) {
        let (mut pause, mut said) = (FIRST_PAUSE, false);
        loop {
            let began = Instant::now();
            let Err(error) = self.listen(listener).await else { return };
            let Some(listener) = listener.upgrade() else { return };
            listener.lost();
            // Connections that lasted for a while are opened again at once.
            if began.elapsed() > LONGEST_PAUSE {
                (pause, said) = (FIRST_PAUSE, false);
            }
            if std::mem::replace(&mut said, true) {
                say!(NEAR_STILL_DEAF, %error, "changes in the cache still cannot be heard");
            } else {
                say!(NEAR_DEAF, %error, "the near tier keeps nothing: changes in the cache cannot be heard");
            }
            drop(listener);
            tokio::time::sleep(pause.mul_f64(0.5 + 0.5 * fastrand::f64())).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Listens to all servers, as long as all can be heard and the set of servers does not change;
    /// `Ok` when the listener is gone.
    async fn listen(&self, listener: &Weak<dyn ChangeListener>) -> Result<(), BackendError> {
        let servers = self.source.route.servers().await?;
        let broken = Arc::new(Broken::default());
        let connecting = servers.iter().map(|server| self.hear(server, listener, &broken));
        let heard = try_join_all(connecting).await?;
        // Earlier messages do not count: some may have been missed.
        let Some(strong) = listener.upgrade() else { return Ok(()) };
        strong.all_changed();
        drop(strong);
        let mut confirmed = Instant::now();
        loop {
            let asked = Instant::now();
            try_join_all(heard.iter().map(|heard| heard.probe(self.lag))).await?;
            let known = self.source.route.servers().await?;
            if !same(&servers, &known) {
                return Err(BackendErrorKind::Disconnected.with("the set of servers has changed"));
            }
            let Some(listener) = listener.upgrade() else { return Ok(()) };
            // Messages about changes at the same moment may follow the answer, but not messages
            // about changes before the last question was sent.
            if !broken.is_set() {
                let time = (confirmed + self.lag).saturating_duration_since(Instant::now());
                listener.current_for(time);
            }
            // The connection may have broken meanwhile.
            if broken.is_set() {
                listener.lost();
            }
            drop(listener);
            confirmed = asked;
            if tokio::time::timeout(self.lag / 4, broken.wait()).await.is_ok() {
                return Err(BackendErrorKind::Disconnected.with("a connection broke"));
            }
        }
    }

    async fn hear(
        &self,
        server: &Server,
        listener: &Weak<dyn ChangeListener>,
        broken: &Arc<Broken>,
    ) -> Result<Heard, BackendError> {
        let news = News {
            names: self.names.clone(),
            listener: Weak::clone(listener),
            broken: Arc::clone(broken),
        };
        let mut track = ::redis::cmd("CLIENT");
        track.arg("TRACKING").arg("ON").arg("BCAST");
        for names in &self.names {
            track.arg("PREFIX").arg(names);
        }
        let server = server.listening(track, move |push| news.take(&push));
        let connection = server.connection().await?;
        Ok(Heard { server, connection })
    }
}

fn same(some: &[Arc<Server>], others: &[Arc<Server>]) -> bool {
    some.len() == others.len()
        && some.iter().all(|server| others.iter().any(|other| Arc::ptr_eq(server, other)))
}

/// A server that is listened to.
struct Heard {
    server: Arc<Server>,
    connection: Connection,
}

impl Heard {
    /// Checks that the connection is alive.
    async fn probe(&self, lag: Duration) -> Result<(), BackendError> {
        // Sentinels may have named another master.
        if !self.server.uses(&self.connection) {
            return Err(BackendErrorKind::Disconnected.with("the connection was replaced"));
        }
        let ping = ::redis::cmd("PING");
        let asking = self.server.send(self.connection.clone(), &ping);
        match tokio::time::timeout(lag, asking).await {
            Err(_) => Err(BackendErrorKind::TimedOut.with("")),
            Ok(Err(error)) => Err(error),
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

/// The messages of a connection.
struct News {
    names: [String; 2],
    listener: Weak<dyn ChangeListener>,
    broken: Arc<Broken>,
}

impl News {
    fn take(&self, push: &PushInfo) {
        let Some(listener) = self.listener.upgrade() else { return };
        push::tell(push, |told| match told {
            // Other applications may use similar names.
            Notice::Changed(name) => match self.key_of(name) {
                Ok(key) => listener.changed(key),
                Err(NoKey::TooManyWords) => listener.all_changed(),
                Err(NoKey::Malformed) => {}
            },
            Notice::AnyChanged => listener.all_changed(),
            Notice::Ended => {
                self.broken.set();
                listener.lost();
            }
        });
    }

    fn key_of(&self, name: &[u8]) -> Result<Key, NoKey> {
        let text = self.names.iter().find_map(|names| name.strip_prefix(names.as_bytes()));
        let text = text.and_then(|text| text.strip_suffix(b"}"));
        Key::from_text(text.ok_or(NoKey::Malformed)?)
    }
}
