//! A backend that fails when it is told to.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::backend::{
    BackendError, BackendErrorKind, CacheBackend, ChangeListener, Place, Request, Watch,
};
use crate::clock::Clock;
use crate::key::Key;
use crate::protocol::{Command, Reply};

/// How a cache is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Condition {
    Well,
    Down,
    Slow(Duration),
    Full,
}

/// What happens before the next fill.
enum Interruption {
    /// Its key is invalidated.
    Invalidate,
    Run(Pin<Box<dyn Future<Output = ()> + Send>>),
}

/// A backend with these faults.
pub(super) struct Faults {
    backend: Arc<dyn CacheBackend>,
    condition: Mutex<Condition>,
    interruption: Mutex<Option<Interruption>>,
    listeners: Mutex<Vec<Arc<Listener>>>,
}

impl Faults {
    pub(super) fn of(backend: impl CacheBackend) -> Self {
        Self {
            backend: Arc::new(backend),
            condition: Mutex::new(Condition::Well),
            interruption: Mutex::default(),
            listeners: Mutex::default(),
        }
    }

    pub(super) fn set(&self, condition: Condition) {
        let before = std::mem::replace(&mut *self.condition.lock(), condition);
        let (was_down, is_down) = (before == Condition::Down, condition == Condition::Down);
        if was_down != is_down {
            self.listeners.lock().iter().for_each(|listener| listener.set_deaf(is_down));
        }
    }

    /// `None`: what is filled is invalidated.
    pub(super) fn before_next_fill(&self, work: Option<Pin<Box<dyn Future<Output = ()> + Send>>>) {
        let interruption = work.map_or(Interruption::Invalidate, Interruption::Run);
        *self.interruption.lock() = Some(interruption);
    }

    /// Waits as long as a round trip takes.
    async fn answers(&self) -> Result<Condition, BackendError> {
        let condition = *self.condition.lock();
        match condition {
            Condition::Well | Condition::Full => {}
            Condition::Down => {
                let why = "the test's cache is down";
                return Err(BackendError::new(BackendErrorKind::Disconnected, why));
            }
            Condition::Slow(round_trip) => tokio::time::sleep(round_trip).await,
        }
        Ok(condition)
    }

    async fn interrupt(&self, requests: &[Request]) {
        let is_fill = |request: &&Request| matches!(request.command, Command::Fill { .. });
        if !requests.iter().any(|request| is_fill(&request)) {
            return;
        }
        let interruption = self.interruption.lock().take();
        match interruption {
            None => {}
            Some(Interruption::Invalidate) => {
                let fills = requests.iter().filter(is_fill);
                let invalidate = fills
                    .map(|Request { key, .. }| Request { key: *key, command: Command::Invalidate });
                self.backend.execute(invalidate.collect()).await;
            }
            Some(Interruption::Run(work)) => {
                // In a task, so that it goes on if the reader does not wait for it any longer.
                if let Err(error) = tokio::spawn(work).await
                    && let Ok(panic) = error.try_into_panic()
                {
                    std::panic::resume_unwind(panic);
                }
            }
        }
    }

    /// As a Redis does that is full and evicts nothing.
    async fn carry_out_without_storing(&self, request: Request) -> Result<Reply, BackendError> {
        let Request { key, command } = request;
        let full = || BackendError::new(BackendErrorKind::Rejected, "the test's cache is full");
        let (command, refuses) = match command {
            // A value that is there is served; else the right to fill takes room.
            Command::Claim { replacing: None, .. } => (Command::Lookup, true),
            Command::Claim { .. } | Command::Fill { .. } => return Err(full()),
            Command::TakeEpoch { .. } => (Command::ReadEpoch, true),
            Command::ReleaseAndStore { token, .. } => (Command::Release { token }, false),
            command => (command, false),
        };
        let mut replies = self.backend.execute(vec![Request { key, command }]).await;
        match replies.pop().unwrap_or_else(|| Err(full()))? {
            Reply::Absent if refuses => Err(full()),
            reply => Ok(reply),
        }
    }
}

impl CacheBackend for Faults {
    fn execute(&self, requests: Vec<Request>) -> BoxFuture<'_, Vec<Result<Reply, BackendError>>> {
        async move {
            let condition = match self.answers().await {
                Ok(condition) => condition,
                Err(error) => return vec![Err(error); requests.len()],
            };
            self.interrupt(&requests).await;
            if condition != Condition::Full {
                return self.backend.execute(requests).await;
            }
            let mut replies = Vec::with_capacity(requests.len());
            for request in requests {
                replies.push(self.carry_out_without_storing(request).await);
            }
            replies
        }
        .boxed()
    }

    fn lookup(&self, key: Key) -> BoxFuture<'_, Result<Reply, BackendError>> {
        async move {
            self.answers().await?;
            self.backend.lookup(key).await
        }
        .boxed()
    }

    fn lookup_many(&self, places: Vec<Place>) -> BoxFuture<'_, Vec<Result<Reply, BackendError>>> {
        async move {
            match self.answers().await {
                Ok(_) => self.backend.lookup_many(places).await,
                Err(error) => vec![Err(error); places.len()],
            }
        }
        .boxed()
    }

    fn combines_lookups(&self) -> bool {
        self.backend.combines_lookups()
    }

    fn watch(&self, key: Key) -> BoxFuture<'_, Result<Watch, BackendError>> {
        async move {
            self.answers().await?;
            self.backend.watch(key).await
        }
        .boxed()
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        async move {
            self.answers().await?;
            self.backend.ping().await
        }
        .boxed()
    }

    fn follow(&self, listener: Weak<dyn ChangeListener>, lag: Duration) {
        let is_down = *self.condition.lock() == Condition::Down;
        let state = Mutex::new(Hearing { is_deaf: is_down, good_until: None });
        let listener = Arc::new(Listener { listener, state });
        let weak = Arc::downgrade(&listener);
        self.listeners.lock().push(listener);
        self.backend.follow(weak, lag);
    }

    fn use_clock(&self, clock: &Clock) {
        self.backend.use_clock(clock);
    }

    fn is_of_this_process(&self) -> bool {
        self.backend.is_of_this_process()
    }

    fn reset(&self) {
        self.backend.reset();
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faults")
            .field("backend", &self.backend)
            .field("condition", &*self.condition.lock())
            .finish_non_exhaustive()
    }
}

/// A near tier, which hears nothing while the cache is down.
struct Listener {
    listener: Weak<dyn ChangeListener>,
    state: Mutex<Hearing>,
}

struct Hearing {
    is_deaf: bool,
    /// Until when it would be current, if it were not deaf.
    good_until: Option<Instant>,
}

impl Listener {
    fn set_deaf(&self, is_deaf: bool) {
        let mut state = self.state.lock();
        state.is_deaf = is_deaf;
        let Some(listener) = self.listener.upgrade() else { return };
        if is_deaf {
            listener.lost();
        } else if let Some(good_until) = state.good_until {
            listener.current_for(good_until.saturating_duration_since(Instant::now()));
        }
    }

    fn tell(&self, tell: impl FnOnce(&dyn ChangeListener)) {
        if let Some(listener) = self.listener.upgrade() {
            tell(&*listener);
        }
    }
}

impl ChangeListener for Listener {
    fn changed(&self, key: Key) {
        self.tell(|listener| listener.changed(key));
    }

    fn all_changed(&self) {
        self.tell(ChangeListener::all_changed);
    }

    fn current_for(&self, time: Duration) {
        let mut state = self.state.lock();
        state.good_until = Instant::now().checked_add(time);
        if !state.is_deaf {
            self.tell(|listener| listener.current_for(time));
        }
    }

    fn lost(&self) {
        self.state.lock().good_until = None;
        self.tell(ChangeListener::lost);
    }

    fn ended(&self) {
        self.state.lock().good_until = None;
        self.tell(ChangeListener::ended);
    }
}

#[cfg(all(test, feature = "conformance"))]
mod tests {
    use super::*;
    use crate::backend::{MemoryBackend, conformance};

    /// As long as it is told nothing, it is the backend within.
    #[tokio::test(start_paused = true)]
    async fn without_a_fault_it_does_what_the_protocol_asks() {
        let faults = Faults::of(MemoryBackend::default());
        conformance::all(&faults).await;
        conformance::changes_are_told(&faults).await;
    }
}
