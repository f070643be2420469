//! Gives back the claims of readers that are gone, even if their runtime is gone too.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{sleep, timeout};

use super::Engine;
use super::client::{Client, Urgency};
use crate::backend::Request;
use crate::key::Key;
use crate::protocol::{Command, Token};

/// How long the thread waits for more claims of a runtime that is ending.
const LINGER: Duration = Duration::from_millis(100);

impl Engine {
    /// Gives claims back in the background; the caller may be a destructor.
    ///
    /// The command is sent even while the circuit is open: a server that hangs may still grant the claim. If the
    /// command fails again, the claim ends with its lease.
    pub(super) fn abandon(self: &Arc<Self>, claims: impl IntoIterator<Item = (Key, Token)>) {
        let abandon = |(key, token)| Request { key, command: Command::Abandon { token } };
        let requests = claims.into_iter().map(abandon).collect();
        self.detach(GiveBack { engine: Arc::clone(self), requests }.run());
    }
}

/// Claims that are being given back.
struct GiveBack {
    engine: Arc<Engine>,
    /// Empty once the cache confirmed them, or could not be reached.
    requests: Vec<Request>,
}

impl GiveBack {
    async fn run(mut self) {
        let told = send(&self.engine.client, self.requests.clone()).await;
        // In a runtime that is ending, every connection fails, as if the server were down. Such a runtime accepts
        // no new task.
        if told || tokio::spawn(async {}).await.is_ok() {
            self.requests.clear();
        }
    }
}

/// Sends the commands, if needed twice; returns whether the cache confirmed them.
async fn send(guard: &Client, requests: Vec<Request>) -> bool {
    let replies = guard.execute(requests.clone(), Urgency::Invalidation).await;
    // A connection whose runtime has ended fails once.
    replies.iter().all(Result::is_ok) || guard.try_once_more(requests).await
}

impl Drop for GiveBack {
    fn drop(&mut self) {
        if !self.requests.is_empty() {
            // The runtime has ended, and with it the connection for the command.
            let requests = std::mem::take(&mut self.requests);
            self.engine.last_resort.send(&self.engine.client, requests);
        }
    }
}

/// A thread with its own runtime, for requests that an ended runtime could not send. It starts with the first such
/// request, and ends when there are no more.
#[derive(Default)]
pub(super) struct LastResort(Mutex<Option<Sending>>);

struct Sending {
    requests: UnboundedSender<Vec<Request>>,
    thread: JoinHandle<()>,
}

impl LastResort {
    fn send(&self, guard: &Arc<Client>, requests: Vec<Request>) {
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
    /// Waits for the thread, because the end of the process would stop it: a fifth of a second, or as long as two
    /// operations may take if the cache does not answer.
    fn drop(&mut self) {
        let sending = self.lock().take();
        if let Some(Sending { requests, thread }) = sending {
            drop(requests);
            // A panic in the thread was already reported.
            let _panicked = thread.join();
        }
    }
}

impl Sending {
    /// `None` if no thread can be started: then the claims end with their leases.
    fn begin(guard: &Arc<Client>, first: Vec<Request>) -> Option<Self> {
        let (sender, receiver) = unbounded_channel();
        let guard = Arc::clone(guard);
        let name = "cachecow-give-back".to_owned();
        let send = move || send_all(&guard, first, receiver);
        let thread = thread::Builder::new().name(name).spawn(send).ok()?;
        Some(Self { requests: sender, thread })
    }
}

fn send_all(guard: &Client, first: Vec<Request>, mut more: UnboundedReceiver<Vec<Request>>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else { return };
    runtime.block_on(async {
        // The connections may have gone with the runtime that ended.
        guard.reset();
        let mut next = Some(first);
        while let Some(mut requests) = next {
            while let Ok(more) = more.try_recv() {
                requests.extend(more);
            }
            send(guard, requests).await;
            next = timeout(LINGER, more.recv()).await.ok().flatten();
            if next.is_none() {
                // Later requests go to another thread; requests sent before are not lost.
                more.close();
                next = more.recv().await;
            }
        }
        // Other runtimes may use a connection that was opened here. From now on they open new ones; operations
        // under way are completed.
        guard.reset();
        sleep(LINGER).await;
    });
    // Without waiting for a pending name resolution.
    runtime.shutdown_background();
}
