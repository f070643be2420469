//! The time of day, by tokio's clock.

use std::time::SystemTime;

use tokio::time::Instant;

/// A clock that begins now and moves as tokio's does: it stands still while that is paused.
pub(super) fn by_tokio() -> impl Fn() -> SystemTime + Send + Sync + 'static {
    let (began, time) = (Instant::now(), SystemTime::now());
    move || time + began.elapsed()
}
