//! The runtime of a cache whose callers have none.

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use tokio::runtime::{Builder, Handle};

use crate::error::{Error, ErrorKind};
use crate::model::blocking::is_in_a_fetch;

/// A runtime of one thread, which also runs the background work. All clones of a cache share it.
#[derive(Clone)]
pub(super) struct Runtime(Arc<Owned>);

/// Always there until it is dropped.
struct Owned {
    runtime: Option<tokio::runtime::Runtime>,
    handle: Handle,
}

impl Runtime {
    pub(super) fn start() -> Result<Self, Error> {
        // One worker: with none, nothing would happen in the background between two calls.
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(1).thread_name("cachecow").enable_all();
        let runtime = builder
            .build()
            .map_err(|error| Error::unavailable("the thread that the cache runs on", error))?;
        let handle = runtime.handle().clone();
        Ok(Self(Arc::new(Owned { runtime: Some(runtime), handle })))
    }

    /// Waits for an operation of the cache, which does not run a write's work.
    ///
    /// # Errors
    ///
    /// If the caller is in an async runtime, whose thread this would block.
    pub(super) fn wait<T>(
        &self,
        operation: &str,
        future: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        // On the blocking pool of our own runtime it may: a fetch function may read other objects.
        if Handle::try_current().is_ok() && !is_in_a_fetch() {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "{operation}: the blocking cache was called inside of an async runtime, whose thread it would \
                     block; use `cachecow::CacheCow` there"
                ),
            ));
        }
        self.block_on(future)
    }

    /// Waits, wherever the caller is. (`Runtime::block_on` panics inside of an async runtime, but a write is
    /// carried out in any case. Our own worker drives timers and connections, so that this always ends.)
    pub(super) fn block_on<F: Future>(&self, future: F) -> F::Output {
        let _entered = self.0.handle.enter();
        let signal = Arc::new(Signal { thread: thread::current(), is_set: AtomicBool::new(false) });
        let waker = Waker::from(Arc::clone(&signal));
        // The budget of a task around us would never be renewed.
        let mut future = pin!(tokio::task::unconstrained(future));
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return output;
            }
            while !signal.is_set.swap(false, Ordering::Acquire) {
                thread::park();
            }
        }
    }

    /// Runs it on our worker, until it is over or the runtime ends.
    pub(super) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.0.handle.spawn(future);
    }

    pub(super) fn enter<T>(&self, run: impl FnOnce() -> T) -> T {
        let _entered = self.0.handle.enter();
        run()
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // A runtime that is dropped waits for its threads, and panics inside of another.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

struct Signal {
    thread: Thread,
    is_set: AtomicBool,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.is_set.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Runtime")
    }
}
