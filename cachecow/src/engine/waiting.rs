//! Waits for the fill of another process.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::Engine;
use crate::backend::{BackendError, Watch};
use crate::key::Key;

/// The first pause between two polls when the key is not watched; each pause is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(40);

/// How long a watch is trusted without a poll: the cache may have lost the watch without a message.
const LONGEST_TRUST: Duration = Duration::from_secs(1);

/// A read's wait for another process, from the first lease it finds to the end of its patience.
///
/// The cache watches the key and wakes the wait. Until the watch is set up, or if it cannot be, the wait polls.
pub(super) struct Wait<'a> {
    engine: &'a Engine,
    key: Key,
    deadline: Instant,
    pause: Duration,
    watching: Watching<'a>,
    /// Whether a watch has already woken this wait, and there was a lease again.
    woken_before: bool,
}

enum Watching<'a> {
    Not,
    Beginning(BoxFuture<'a, Result<Watch, BackendError>>),
    Standing(Watch),
    Unable,
}

/// Why a wait ended, for now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Woken {
    /// It is time to ask again.
    AskAgain,
    /// The time allowed is over.
    OutOfPatience,
}

impl<'a> Wait<'a> {
    pub(super) fn new(engine: &'a Engine, key: Key) -> Self {
        Self {
            engine,
            key,
            deadline: Instant::now() + engine.settings.fill_wait,
            pause: FIRST_PAUSE,
            watching: Watching::Not,
            woken_before: false,
        }
    }

    /// Waits until the read should ask again. Call it again each time the answer is a lease.
    pub(super) async fn once(&mut self) -> Woken {
        let now = Instant::now();
        if now >= self.deadline {
            return Woken::OutOfPatience;
        }
        let next_question = (now + self.next_pause()).min(self.deadline);
        if matches!(self.watching, Watching::Not) {
            self.watching = Watching::Beginning(self.engine.client.watch(self.key).boxed());
        }
        if let Watching::Beginning(beginning) = &mut self.watching {
            self.watching = match timeout_at(next_question, beginning).await {
                Ok(Ok(watch)) => Watching::Standing(watch),
                Ok(Err(_)) => Watching::Unable,
                Err(_) => return self.asks_unless_over(),
            };
        }
        if let Watching::Standing(watch) = &mut self.watching {
            let end = (now + LONGEST_TRUST).min(self.deadline);
            match timeout_at(end, watch).await {
                Ok(Ok(())) => {
                    self.watching = Watching::Not;
                    if std::mem::replace(&mut self.woken_before, true) {
                        // A watch that wakes without reason must not cause a busy loop.
                        sleep_until(next_question).await;
                    }
                    return Woken::AskAgain;
                }
                Ok(Err(_)) => self.watching = Watching::Unable,
                Err(_) => return self.asks_unless_over(),
            }
        }
        sleep_until(next_question).await;
        self.asks_unless_over()
    }

    /// Between half the pause and all of it, so that waiters do not poll in step.
    fn next_pause(&mut self) -> Duration {
        let jittered = self.pause.mul_f64(0.5 + 0.5 * fastrand::f64());
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        jittered
    }

    fn asks_unless_over(&self) -> Woken {
        if Instant::now() < self.deadline { Woken::AskAgain } else { Woken::OutOfPatience }
    }
}
