//! Closing the cache.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout, timeout_at};

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
        let _ = timeout_at(deadline, self.all_told()).await;
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

    /// Waits for the writes under way, and meanwhile sends outstanding invalidations: a write that hangs must not keep
    /// them from being sent.
    async fn all_told(&self) {
        loop {
            if self.pending.len() > 0 {
                self.pending.attempt_all(self).await;
            }
            // In this order: a write that ends leaves its failed invalidation first.
            let writes = self.writes.under_way();
            if self.pending.len() > 0 {
                sleep(PAUSE).await;
            } else if writes > 0 {
                let _ = timeout(PAUSE, self.writes.all_end()).await;
            } else {
                return;
            }
        }
    }
}
