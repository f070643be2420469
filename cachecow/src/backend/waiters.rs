//! Callers that wait for a key to change.

use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt as _;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::watch;
use tokio::time::Instant;

use super::{BackendError, BackendErrorKind, Watch};
use crate::key::Key;
use crate::key::KeyMap;

/// The waiters of some keys. A key without waiters takes no memory.
#[derive(Default)]
pub(crate) struct Waiters {
    by_key: Mutex<KeyMap<watch::Sender<()>>>,
    /// The number of keys, readable without the lock.
    count: AtomicUsize,
}

impl Waiters {
    /// Starts to wait for `key`. A caller that changes a key and then calls [`wake`](Self::wake)
    /// wakes every waiter that did not see the change itself.
    pub(crate) fn wait(self: &Arc<Self>, key: Key) -> Waiter {
        let mut by_key = self.lock();
        let place = by_key.entry(key).or_insert_with(|| watch::Sender::new(()));
        let woken = Some(place.subscribe());
        self.count.store(by_key.len(), Ordering::SeqCst);
        Waiter { waiters: Arc::clone(self), key, woken }
    }

    /// The number of keys with waiters.
    pub(crate) fn keys(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// Wakes the waiters of a key that has changed.
    pub(crate) fn wake(&self, key: Key) {
        if self.keys() == 0 {
            return;
        }
        let mut by_key = self.lock();
        if let Some(waiters) = by_key.remove(&key) {
            waiters.send_replace(());
        }
        self.count.store(by_key.len(), Ordering::SeqCst);
    }

    /// Wakes all waiters, because every key may have changed.
    #[cfg(feature = "redis")]
    pub(crate) fn wake_all(&self) {
        for (_, waiters) in self.take_all() {
            waiters.send_replace(());
        }
    }

    /// Fails all waiters, because changes can no longer be noticed.
    #[cfg(feature = "redis")]
    pub(crate) fn give_up(&self) {
        // Dropping their senders notifies them.
        drop(self.take_all());
    }

    #[cfg(feature = "redis")]
    fn take_all(&self) -> KeyMap<watch::Sender<()>> {
        let mut by_key = self.lock();
        self.count.store(0, Ordering::SeqCst);
        std::mem::take(&mut *by_key)
    }

    fn lock(&self) -> MutexGuard<'_, KeyMap<watch::Sender<()>>> {
        self.by_key.lock()
    }
}

/// A waiter. If it is dropped, nothing remains of it.
pub(crate) struct Waiter {
    waiters: Arc<Waiters>,
    key: Key,
    /// Taken by the destructor only.
    woken: Option<watch::Receiver<()>>,
}

impl Waiter {
    /// Waits for a change, or for the end of the current lease. Without a lease, it completes at once.
    pub(crate) fn until(mut self, lease_end: Option<Instant>) -> Watch {
        async move {
            match lease_end {
                Some(end) => tokio::time::timeout_at(end, self.woken()).await.unwrap_or(Ok(())),
                None => Ok(()),
            }
        }
        .boxed()
    }

    async fn woken(&mut self) -> Result<(), BackendError> {
        let gone = || BackendError::new(BackendErrorKind::Disconnected, "the key is not watched");
        let woken = self.woken.as_mut().ok_or_else(gone)?;
        woken.changed().await.map_err(|_| gone())
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut by_key = self.waiters.lock();
        self.woken = None;
        if let Entry::Occupied(place) = by_key.entry(self.key)
            && place.get().receiver_count() == 0
        {
            place.remove();
        }
        self.waiters.count.store(by_key.len(), Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const K: Key = Key::from_hash(1);
    const L: Key = Key::from_hash(2);

    #[test]
    fn all_waiters_of_a_key_are_woken_and_no_others() {
        let waiters = Arc::new(Waiters::default());
        let (mut a, mut b, mut other) = (waiters.wait(K), waiters.wait(K), waiters.wait(L));
        waiters.wake(K);
        assert_eq!(a.woken().now_or_never(), Some(Ok(())));
        assert_eq!(b.woken().now_or_never(), Some(Ok(())));
        assert_eq!(other.woken().now_or_never(), None);
    }

    #[test]
    fn who_comes_after_a_change_waits_for_the_next() {
        let waiters = Arc::new(Waiters::default());
        let early = waiters.wait(K);
        waiters.wake(K);
        let mut late = waiters.wait(K);
        // It was woken, so it must not affect the entry of the later waiter.
        drop(early);
        assert_eq!(late.woken().now_or_never(), None);
        waiters.wake(K);
        assert_eq!(late.woken().now_or_never(), Some(Ok(())));
    }

    #[test]
    fn nothing_is_left_of_dropped_waiters() {
        let waiters = Arc::new(Waiters::default());
        let (a, b) = (waiters.wait(K), waiters.wait(K));
        drop(a);
        assert_eq!(waiters.lock().len(), 1);
        drop(b);
        assert!(waiters.lock().is_empty());
        assert_eq!(waiters.keys(), 0);
    }

    #[cfg(feature = "redis")]
    #[test]
    fn all_may_be_woken_and_all_given_up() {
        let waiters = Arc::new(Waiters::default());
        let (mut a, mut b) = (waiters.wait(K), waiters.wait(L));
        waiters.wake_all();
        assert!(matches!(a.woken().now_or_never(), Some(Ok(()))));
        assert!(matches!(b.woken().now_or_never(), Some(Ok(()))));
        let mut c = waiters.wait(K);
        waiters.give_up();
        assert!(matches!(c.woken().now_or_never(), Some(Err(_))));
        drop((a, b, c));
        assert!(waiters.lock().is_empty());
    }
}
