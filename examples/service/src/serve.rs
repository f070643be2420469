//! From the first request to the last invalidation.

use std::future::{Future, IntoFuture as _};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::app::App;
use crate::routes::router;

/// How long requests may go on after shutdown was requested.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves until `shutdown` completes. Then it accepts no more connections, and waits for requests and writes under
/// way. If Redis does not confirm the last invalidations, the service logs a warning, and ends as usual.
///
/// # Errors
///
/// The listener's.
pub async fn serve(
    listener: TcpListener,
    app: App,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let ending = Arc::new(Notify::new());
    let ends = Arc::clone(&ending);
    let served = axum::serve(listener, router(&app)).with_graceful_shutdown(async move {
        shutdown.await;
        ends.notify_one();
    });
    let too_long = async {
        ending.notified().await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        served = served.into_future() => served?,
        () = too_long => tracing::warn!("some requests take too long to end; they are given up"),
    }
    // After the last request, and before the runtime ends: writes whose clients are gone may still be under way,
    // and invalidations may be outstanding.
    if let Err(error) = app.cow.close().await {
        // No write is lost. Other processes may be served old values, until the holds or the values expire.
        tracing::warn!(%error, "the service ends, and Redis has not confirmed all invalidations");
    }
    // With a timeout: closing the pool waits for every connection, and an abandoned request may still have one.
    let _ = tokio::time::timeout(Duration::from_secs(1), app.db.close()).await;
    Ok(())
}
