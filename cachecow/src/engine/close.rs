//! Closing the cache.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::Engine;
use crate::error::{Error, ErrorKind};

const PAUSE: Duration = Duration::from_millis(100);

/// The writes under way.
#[derive(Debug, Default)]
pub(crate) struct Writes {
    count: AtomicUsize,
    ended: Notify,
}

/// One of them.
pub(super) struct UnderWay(Arc<Engine>);

impl UnderWay {
    pub(super) fn of(engine: &Arc<Engine>) -> Self {
        engine.writes.count.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(engine))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.writes.count.fetch_sub(1, Ordering::AcqRel);
        self.0.writes.ended.notify_waiters();
    }
}

impl Writes {
    fn under_way(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    async fn all_end(&self) {
        loop {
            let ended = self.ended.notified();
            if self.under_way() == 0 {
                return;
            }
            ended.await;
        }
    }
}

impl Engine {
    /// Waits for the writes under way, and sends outstanding invalidations, for at most the time of the setting.
    ///
    /// # Errors
    ///
    /// Says how many writes and invalidations are left.
    pub(crate) async fn close(&self) -> Result<(), Error> {
        self.pending.close();
        #[cfg(feature = "log")]
        self.followers.end();
        let deadline = Instant::now() + self.settings.close_timeout;
        let _ = timeout_at(deadline, self.writes.all_end()).await;
        while self.pending.len() > 0 && Instant::now() < deadline {
            let attempt = timeout_at(deadline, self.pending.attempt_all(self)).await;
            if self.pending.len() > 0 && attempt.is_ok() {
                sleep_until((Instant::now() + PAUSE).min(deadline)).await;
            }
        }
        let (writes, invalidations) = (self.writes.under_way(), self.pending.named());
        if writes + invalidations == 0 {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::NotInvalidated,
            format!(
                "close: {writes} writes were still under way, and {invalidations} invalidations were \
                 not confirmed by the cache; other processes may serve the old values, for their time \
                 to live at most"
            ),
        ))
    }
}
