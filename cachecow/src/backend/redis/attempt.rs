//! An attempt that one task makes, while many callers wait for it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::super::{BackendError, BackendErrorKind};

/// A future of the result of the attempt under way.
pub(super) type Attempt<T> = Shared<BoxFuture<'static, Result<T, BackendError>>>;

/// Attempts in a separate task, one at a time.
pub(super) struct Attempts<T>(Arc<Mutex<State<T>>>);

struct State<T> {
    /// The number of attempts so far, which is the number of the last one.
    begun: u64,
    current: Option<Current<T>>,
}

/// The attempt under way.
struct Current<T> {
    number: u64,
    began: Instant,
    outcome: Attempt<T>,
}

impl<T: Clone + Send + Sync + 'static> Attempts<T> {
    /// Joins the attempt under way, or begins this one. It goes on even if no caller waits for it, and fails if its
    /// runtime ends.
    ///
    /// Nobody joins an attempt that has taken longer than `patience`: its runtime may be one that nobody drives any
    /// more. It then goes on beside this one.
    pub(super) fn join_or_begin(
        &self,
        patience: Duration,
        attempt: impl Future<Output = Result<T, BackendError>> + Send + 'static,
    ) -> Attempt<T> {
        let (sender, receiver) = oneshot::channel();
        let gone = |_| Err(BackendErrorKind::Disconnected.with("the runtime is shutting down"));
        let outcome = receiver.map(move |outcome| outcome.unwrap_or_else(gone)).boxed().shared();
        let number = {
            let mut state = self.0.lock();
            let current = state.current.as_ref();
            if let Some(current) = current.filter(|current| current.began.elapsed() < patience) {
                return current.outcome.clone();
            }
            state.begun += 1;
            let (number, outcome) = (state.begun, outcome.clone());
            state.current = Some(Current { number, began: Instant::now(), outcome });
            number
        };
        // Outside the lock, which `UnderWay` takes: a runtime that has ended drops the task at once.
        let under_way = UnderWay { state: Arc::clone(&self.0), number };
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
        self.0.lock().current.is_some()
    }
}

impl<T> Default for Attempts<T> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State { begun: 0, current: None })))
    }
}

/// Dropped with the task, also if its runtime ends.
struct UnderWay<T> {
    state: Arc<Mutex<State<T>>>,
    number: u64,
}

impl<T> Drop for UnderWay<T> {
    fn drop(&mut self) {
        let mut state = self.state.lock();
        // Not a later attempt, which was begun since this one took too long.
        state.current.take_if(|current| current.number == self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    const FOR_EVER: Duration = Duration::MAX;

    #[tokio::test]
    async fn an_attempt_is_joined() {
        let attempts = Attempts::default();
        let first = attempts.join_or_begin(FOR_EVER, ready(Ok(1)));
        let second = attempts.join_or_begin(FOR_EVER, ready(Ok(2)));
        assert_eq!((first.await, second.await), (Ok(1), Ok(1)));
        assert_eq!(attempts.join_or_begin(FOR_EVER, ready(Ok(3))).await, Ok(3), "it has ended");
    }

    #[tokio::test]
    async fn an_attempt_that_takes_too_long_is_not_joined() {
        let attempts = Attempts::default();
        let (end, ended) = oneshot::channel();
        let first = attempts.join_or_begin(FOR_EVER, async { ended.await.map_err(|_| gone()) });
        let second = attempts.join_or_begin(Duration::ZERO, pending());
        end.send(1).unwrap();
        assert_eq!(first.await, Ok(1));
        // The end of the first one is not that of the second.
        let third = attempts.join_or_begin(FOR_EVER, ready(Ok(3)));
        assert!(third.ptr_eq(&second));
        assert_eq!(attempts.join_or_begin(Duration::ZERO, ready(Ok(4))).await, Ok(4));
    }

    fn gone() -> BackendError {
        BackendErrorKind::Disconnected.with("it is gone")
    }
}
