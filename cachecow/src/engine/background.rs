//! Loads that may outlive their callers.

use std::future::Future;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{Either, select};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::sleep;
use tracing::Instrument as _;

use super::{Engine, fetch_limit};
use crate::error::{Error, ErrorKind};

/// Limits how many loads run at a time. A load that hangs keeps its place until its lease ends.
pub(super) struct BackgroundLoads(Arc<Semaphore>);

impl BackgroundLoads {
    pub(super) fn new(places: usize) -> Self {
        Self(Arc::new(Semaphore::new(places)))
    }
}

/// The right to run one.
pub(crate) struct Place {
    runtime: Handle,
    permit: OwnedSemaphorePermit,
    lease: Duration,
}

/// The caller's side. If it is dropped, the load goes on alone.
pub(crate) struct Waiting<T> {
    ended: oneshot::Receiver<thread::Result<T>>,
    _attends: Arc<()>,
}

/// The load's side: whether its caller still waits.
pub(crate) struct Attendance(Weak<()>);

impl Attendance {
    pub(crate) fn is_over(&self) -> bool {
        self.0.strong_count() == 0
    }
}

impl Engine {
    /// Returns a place for a load, if one is free and the caller is inside a runtime. The load ends with that
    /// runtime.
    pub(crate) fn background_place(&self) -> Option<Place> {
        let permit = Arc::clone(&self.background.0).try_acquire_owned().ok()?;
        Some(Place { runtime: Handle::try_current().ok()?, permit, lease: self.settings.lease })
    }
}

impl Place {
    /// Runs a load. It is dropped once its caller is gone and its lease has ended, because it could not store its
    /// result any more.
    pub(crate) fn run<T, F>(self, load: impl FnOnce(Attendance) -> F) -> Waiting<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let Self { runtime, permit, lease } = self;
        let (mut sender, ended) = oneshot::channel();
        let attends = Arc::new(());
        let load = load(Attendance(Arc::downgrade(&attends)));
        let load = AssertUnwindSafe(fetch_limit::as_its_caller(load)).catch_unwind();
        let run = async move {
            let _permit = permit;
            let ended = {
                let of_no_use = pin!(async {
                    sleep(lease).await;
                    sender.closed().await;
                });
                let load = pin!(load);
                match select(load, of_no_use).await {
                    Either::Left((ended, _)) => Some(ended),
                    Either::Right(_) => None,
                }
            };
            // Fails if the caller is gone.
            let _ = ended.map(|ended| sender.send(ended));
        };
        runtime.spawn(run.in_current_span());
        Waiting { ended, _attends: attends }
    }
}

impl<T> Waiting<T> {
    /// Waits for the load's result. A panic of the load becomes a panic of the caller.
    ///
    /// # Errors
    ///
    /// If the runtime ended before the load.
    pub(crate) async fn ended(&mut self) -> Result<T, Error> {
        match (&mut self.ended).await {
            Ok(Ok(ended)) => Ok(ended),
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => {
                let message = "read: the runtime that the fetch ran on has ended";
                Err(Error::new(ErrorKind::Unavailable, message))
            }
        }
    }
}
