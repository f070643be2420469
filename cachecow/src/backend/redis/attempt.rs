//! An attempt that one task makes, while many callers wait for it.

use std::future::Future;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::oneshot;

use super::super::{BackendError, BackendErrorKind};

/// A future of the result of the attempt under way.
pub(super) type Attempt<T> = Shared<BoxFuture<'static, Result<T, BackendError>>>;

/// Attempts in a separate task, one at a time.
pub(super) struct Attempts<T>(Arc<Mutex<Option<Attempt<T>>>>);

impl<T: Clone + Send + Sync + 'static> Attempts<T> {
    /// Joins the attempt under way, or begins this one. It goes on even if no caller waits for it, and fails if its
    /// runtime ends.
    pub(super) fn join_or_begin(
        &self,
        attempt: impl Future<Output = Result<T, BackendError>> + Send + 'static,
    ) -> Attempt<T> {
        let (sender, receiver) = oneshot::channel();
        let gone = |_| Err(BackendErrorKind::Disconnected.with("the runtime is shutting down"));
        let outcome = receiver.map(move |outcome| outcome.unwrap_or_else(gone)).boxed().shared();
        {
            let mut current = lock(&self.0);
            if let Some(current) = &*current {
                return current.clone();
            }
            *current = Some(outcome.clone());
        }
        // Outside the lock, which `UnderWay` takes: a runtime that has ended drops the task at once.
        let under_way = UnderWay(Arc::clone(&self.0));
        tokio::spawn(async move {
            let outcome = attempt.await;
            // Before returning, so that a caller that is not content with the result can begin another attempt.
            drop(under_way);
            let _nobody_waits = sender.send(outcome);
        });
        outcome
    }

    #[cfg(feature = "cluster")]
    pub(super) fn is_under_way(&self) -> bool {
        lock(&self.0).is_some()
    }
}

impl<T> Default for Attempts<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// Dropped with the task, also if its runtime ends.
struct UnderWay<T>(Arc<Mutex<Option<Attempt<T>>>>);

impl<T> Drop for UnderWay<T> {
    fn drop(&mut self) {
        *lock(&self.0) = None;
    }
}

fn lock<T>(attempt: &Mutex<Option<Attempt<T>>>) -> MutexGuard<'_, Option<Attempt<T>>> {
    attempt.lock()
}
