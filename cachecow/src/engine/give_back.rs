//! Gives claims back whose reader is gone, also when its runtime is gone with it.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};

use super::Engine;
use super::guard::{Guard, Urgency};
use crate::Key;
use crate::backend::Request;
use crate::protocol::{Command, Token};

/// How long the thread waits for more claims of a runtime that is ending.
const LINGER: Duration = Duration::from_millis(100);

impl Engine {
    /// Gives claims back without the caller, which may be a destructor.
    ///
    /// The command is sent even while the circuit is open: a server that hangs may yet grant the claim.
    /// If it fails again, the lease runs out.
    pub(super) fn abandon(self: &Arc<Self>, claims: impl IntoIterator<Item = (Key, Token)>) {
        let abandon = |(key, token)| Request { key, command: Command::Abandon { token } };
        let requests = claims.into_iter().map(abandon).collect();
        self.detach(GiveBack { engine: Arc::clone(self), requests }.run());
    }
}

/// Claims that are being given back.
struct GiveBack {
    engine: Arc<Engine>,
    /// None once the cache was told, or could not be.
    requests: Vec<Request>,
}

impl GiveBack {
    async fn run(mut self) {
        let guard = &self.engine.guard;
        let replies = guard.execute(self.requests.clone(), Urgency::Invalidation).await;
        if replies.iter().any(Result::is_err) {
            // A connection whose runtime has ended fails once.
            guard.try_once_more(self.requests.clone()).await;
        }
        self.requests.clear();
    }
}

impl Drop for GiveBack {
    fn drop(&mut self) {
        if !self.requests.is_empty() {
            // The runtime has ended, and with it the connection that the command was to be sent by.
            let requests = std::mem::take(&mut self.requests);
            self.engine.last_resort.send(&self.engine.guard, requests);
        }
    }
}

/// A thread with a runtime of its own, for what a runtime that has ended could not send. It begins with
/// the first such request, and ends when there are no more.
#[derive(Default)]
pub(super) struct LastResort(Mutex<Option<Sending>>);

struct Sending {
    requests: mpsc::Sender<Vec<Request>>,
    thread: JoinHandle<()>,
}

impl LastResort {
    fn send(&self, guard: &Arc<Guard>, requests: Vec<Request>) {
        let mut sending = self.lock();
        let unsent = match &*sending {
            Some(Sending { requests: to, .. }) => to.send(requests).err().map(|error| error.0),
            None => Some(requests),
        };
        if let Some(requests) = unsent {
            *sending = Sending::begin(guard, requests);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Sending>> {
        self.0.lock()
    }
}

impl Drop for LastResort {
    /// Waits for the thread, or the end of the process would stop it. It takes no longer than an
    /// operation may take.
    fn drop(&mut self) {
        let sending = self.lock().take();
        if let Some(Sending { requests, thread }) = sending {
            drop(requests);
            // A panic there has been reported.
            let _panicked = thread.join();
        }
    }
}

impl Sending {
    /// None if there is no thread to be had: the leases run out.
    fn begin(guard: &Arc<Guard>, first: Vec<Request>) -> Option<Self> {
        let (sender, receiver) = mpsc::channel();
        let guard = Arc::clone(guard);
        let name = "cachecow-give-back".to_owned();
        let send = move || send_all(&guard, first, &receiver);
        let thread = thread::Builder::new().name(name).spawn(send).ok()?;
        Some(Self { requests: sender, thread })
    }
}

fn send_all(guard: &Guard, first: Vec<Request>, more: &mpsc::Receiver<Vec<Request>>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else { return };
    runtime.block_on(async {
        // The connections went with the runtime that ended, and these go with this one.
        guard.reset();
        let mut requests = first;
        loop {
            requests.extend(more.try_iter().flatten());
            let replies = guard.execute(std::mem::take(&mut requests), Urgency::Invalidation).await;
            if replies.iter().any(Result::is_err) {
                // An outage: the others would fare no better.
                break;
            }
            match more.recv_timeout(LINGER) {
                Ok(next) => requests = next,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        guard.reset();
    });
}
