//! Fetch functions that block: `fetch = blocking(path)`.

use std::cell::Cell;
use std::future::Future;
use std::panic::resume_unwind;

use tokio::task::JoinHandle;
use tracing::Span;

use super::place;
use crate::error::{Error, ErrorKind};

thread_local! {
    static FETCHES: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is running a fetch function that may block.
#[cfg(feature = "blocking")]
pub(crate) fn is_in_a_fetch() -> bool {
    FETCHES.get()
}

/// The context of a fetch function that blocks.
#[diagnostic::on_unimplemented(
    message = "a context of type `{Self}` cannot be given to a fetch function in `blocking(…)`",
    label = "this function runs on another thread, with its own clone of the context",
    note = "the context must be `Clone + Send + 'static`, as a connection pool is; put any other type \
        into an `Arc`: `context = Arc<Type>`"
)]
pub trait BlockingContext: Clone + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<C: Clone + Send + 'static> BlockingContext for C {}

/// Runs a synchronous fetch function on the runtime's blocking pool.
///
/// If the future is dropped, a function that has begun runs to its end, and its result is lost; one that has not
/// begun does not begin. The caller's claim is given back as with any other fetch, so nothing is stored.
pub fn blocking<C, P, T, W>(
    lookup: &'static str,
    context: &C,
    parts: P,
    work: W,
) -> impl Future<Output = Result<T, Error>> + Send + use<C, P, T, W>
where
    C: BlockingContext,
    P: Send + 'static,
    T: Send + 'static,
    W: FnOnce(&C, &P) -> Result<T, Error> + Send + 'static,
{
    let context = context.clone();
    async move {
        let (span, has_place) = (Span::current(), place::has_place());
        let work = move || place::on_thread(has_place, || work(&context, &parts));
        let run = move || span.in_scope(|| as_a_fetch(work));
        let mut running = Running(tokio::task::spawn_blocking(run));
        (&mut running.0).await.unwrap_or_else(|lost| match lost.try_into_panic() {
            // A panic of the function reaches the caller, as if the function had been awaited.
            Ok(panic) => resume_unwind(panic),
            Err(_ended) => {
                let message = format!(
                    "{lookup}: the fetch function cannot run, because its runtime has ended"
                );
                Err(Error::new(ErrorKind::Unavailable, message))
            }
        })
    }
}

/// Marks the thread while the function runs.
pub(crate) fn as_a_fetch<T>(run: impl FnOnce() -> T) -> T {
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            FETCHES.set(self.0);
        }
    }
    let _before = Before(FETCHES.replace(true));
    run()
}

struct Running<T>(JoinHandle<T>);

impl<T> Drop for Running<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
