//! Work that blocks its thread.

use tokio::task::spawn_blocking;

use crate::error::Error;

/// Runs the work on a thread that may block. If the future is dropped, the work goes on to its end.
pub(super) async fn blocking<T: Send + 'static>(
    operation: &'static str,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    // This fails only if the work panicked, or the runtime was shut down.
    spawn_blocking(work).await.map_err(|error| Error::store(operation, error))?
}
