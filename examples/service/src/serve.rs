//! From the first request to the last invalidation.

use std::future::{Future, IntoFuture as _};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::app::App;
use crate::routes::router;

/// How long requests may go on after the end was asked for.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves until `shutdown` completes. Then no connection is accepted any more, and requests and writes under way
/// end.
///
/// # Errors
///
/// The listener's; or [`NotInvalidated`](cachecow::ErrorKind::NotInvalidated), if other processes may be served
/// old values since Redis could not be told of everything. Nothing that was written is lost.
pub async fn serve(
    listener: TcpListener,
    app: App,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
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
    // After the last request, and before the runtime ends: writes whose clients are gone may be under way, and
    // Redis may have been away.
    app.cow.close().await?;
    // It waits for every connection, and a request that was given up may have one.
    let _ = tokio::time::timeout(Duration::from_secs(1), app.db.close()).await;
    Ok(())
}
