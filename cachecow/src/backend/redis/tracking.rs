//! Watches keys with the server's support for client-side caching: if a client reads a key on a
//! tracking connection, the server reports the next change of the key, once.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use ::redis::{Pipeline, PushInfo, Value};
use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;

use super::super::{BackendError, BackendErrorKind, Waiters, Watch};
use super::push::{self, Notice};
use super::server::Server;
use super::{Shared, malformed, reply};
use crate::clock::LONGEST;
use crate::events::say;
use crate::key::{Key, NoKey};

/// How long a server that refused tracking is not asked again.
const REFUSAL: Duration = Duration::from_secs(60);
/// After this number of unanswered questions in a row, the connection is treated as half-open.
const MAX_UNANSWERED: u32 = 3;

/// The tracking connections, one for each server with watched keys.
#[derive(Default)]
pub(super) struct Watches(Mutex<Vec<(Weak<Server>, Arc<Tracking>)>>);

impl Watches {
    /// The tracking connection for this server.
    pub(super) fn beside(&self, server: &Arc<Server>, prefix: &str) -> Arc<Tracking> {
        let mut all = self.lock();
        // A cluster's nodes come and go.
        all.retain(|(server, _)| server.strong_count() > 0);
        let known = all.iter().find(|(known, _)| known.as_ptr() == Arc::as_ptr(server));
        if let Some((_, tracking)) = known {
            return Arc::clone(tracking);
        }
        let tracking = Arc::new(Tracking::beside(server, prefix));
        all.push((Arc::downgrade(server), Arc::clone(&tracking)));
        tracking
    }

    /// The number of watched keys.
    pub(super) fn keys(&self) -> usize {
        self.lock().iter().map(|(_, tracking)| tracking.waiters.keys()).sum()
    }

    /// Opens the connections again.
    pub(super) fn reset(&self) {
        self.lock().iter().for_each(|(_, tracking)| tracking.reset());
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Weak<Server>, Arc<Tracking>)>> {
        self.0.lock()
    }
}

/// A second connection to a server, opened when a key is first watched.
pub(super) struct Tracking {
    server: Arc<Server>,
    waiters: Arc<Waiters>,
    unanswered: AtomicU32,
    /// When a server that refused may be asked again.
    refused_until: Mutex<Option<Instant>>,
}

impl Tracking {
    fn beside(server: &Server, prefix: &str) -> Self {
        let waiters = Arc::new(Waiters::default());
        let (pushed, prefix) = (Arc::clone(&waiters), prefix.to_owned());
        let track = ::redis::cmd("CLIENT").arg("TRACKING").arg("ON").take();
        let server =
            server.listening(track, move |push| on_push(&pushed, prefix.as_bytes(), &push));
        Self { server, waiters, unanswered: AtomicU32::new(0), refused_until: Mutex::new(None) }
    }

    pub(super) async fn watch(&self, shared: &Shared, key: Key) -> Result<Watch, BackendError> {
        match self.attempt(shared, key).await {
            // The connection is idle between two waits, so it may have broken long ago.
            Err(error) if error.kind() == BackendErrorKind::Disconnected => {
                self.attempt(shared, key).await
            }
            outcome => outcome,
        }
    }

    async fn attempt(&self, shared: &Shared, key: Key) -> Result<Watch, BackendError> {
        if self.is_refused() {
            return Err(BackendErrorKind::Unsupported.with("the server does not track keys"));
        }
        // Before the command is sent: the push message may arrive before the answer.
        let waiter = self.waiters.wait(key);
        let mut read = ::redis::cmd("MGET");
        shared.add_value_name(&mut read, key);
        shared.add_flag_name(&mut read, key);
        let mut remaining = ::redis::cmd("PTTL");
        shared.add_flag_name(&mut remaining, key);
        let mut question = Pipeline::with_capacity(2);
        question.add_command(read).add_command(remaining).ignore_errors();
        let asker = Asker { tracking: self, answered: false };
        let answer = match self.server.connection().await {
            Ok(connection) => self.server.send_all(connection, &question).await,
            Err(error) => {
                self.refused(&error);
                Err(error)
            }
        };
        asker.answered();
        match answer.and_then(lease_end) {
            Ok(lease_end) => Ok(waiter.until(lease_end)),
            Err(error) => {
                // If the connection broke, the other waiters on it will not hear of changes either.
                self.waiters.give_up();
                Err(error)
            }
        }
    }

    fn reset(&self) {
        self.server.reset();
        self.waiters.give_up();
    }

    /// Remembers a refusal of tracking. Other refusals (the slot moved, the server is loading, …) say nothing about
    /// the next question.
    fn refused(&self, error: &BackendError) {
        if matches!(error.kind(), BackendErrorKind::Rejected | BackendErrorKind::Malformed) {
            say!(
                TRACKING_REFUSED, %error, again_after = ?REFUSAL,
                "the server does not track keys; reads that wait for another process poll"
            );
            *self.refused_until.lock() = Some(Instant::now() + REFUSAL);
        }
    }

    fn is_refused(&self) -> bool {
        let refused_until = *self.refused_until.lock();
        refused_until.is_some_and(|until| Instant::now() < until)
    }
}

/// A caller that asks, and may be gone before the answer arrives.
struct Asker<'a> {
    tracking: &'a Tracking,
    answered: bool,
}

impl Asker<'_> {
    fn answered(mut self) {
        self.answered = true;
        self.tracking.unanswered.store(0, Ordering::Relaxed);
    }
}

impl Drop for Asker<'_> {
    fn drop(&mut self) {
        let unanswered = &self.tracking.unanswered;
        if !self.answered && unanswered.fetch_add(1, Ordering::Relaxed) + 1 >= MAX_UNANSWERED {
            unanswered.store(0, Ordering::Relaxed);
            self.tracking.reset();
        }
    }
}

/// When the current lease ends, if there is one.
fn lease_end(answer: Vec<Value>) -> Result<Option<Instant>, BackendError> {
    let mut answers = answer.into_iter();
    let stands = match answers.next() {
        Some(Value::Array(values)) => match &values[..] {
            // There may be a lease beside a value that is being refreshed. A writer's hold is not a
            // string, and during a hold there is no fill to wait for.
            [_, flag] => *flag != Value::Nil,
            _ => return Err(malformed("to a watch")),
        },
        Some(Value::ServerError(error)) => return Err(reply::rejected(&error)),
        _ => return Err(malformed("to a watch")),
    };
    let left = match answers.next() {
        Some(Value::Int(ms)) if ms >= 0 => Duration::from_millis(ms.unsigned_abs() + 1),
        // The key is gone since the first answer.
        Some(Value::Int(-2)) => return Ok(None),
        _ => LONGEST,
    };
    Ok(stands.then(|| Instant::now() + left.min(LONGEST)))
}

fn on_push(waiters: &Waiters, prefix: &[u8], push: &PushInfo) {
    push::tell(push, |told| match told {
        Notice::Changed(name) => match key_of(prefix, name) {
            Ok(key) => waiters.wake(key),
            Err(NoKey::TooManyWords) => waiters.wake_all(),
            Err(NoKey::Malformed) => {}
        },
        Notice::AnyChanged => waiters.wake_all(),
        Notice::Ended => waiters.give_up(),
    });
}

/// The key whose value or flag has this name.
fn key_of(prefix: &[u8], name: &[u8]) -> Result<Key, NoKey> {
    let text = name.strip_prefix(prefix).and_then(|name| {
        let rest = name.strip_prefix(b"cache:{").or_else(|| name.strip_prefix(b"flag:{"))?;
        rest.strip_suffix(b"}")
    });
    Key::from_text(text.ok_or(NoKey::Malformed)?)
}
