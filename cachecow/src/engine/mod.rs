//! The engine: drives the protocol's state machines against a backend, for one key and for many.

pub(crate) mod background;
mod breaker;
mod client;
mod close;
mod fetch_limit;
mod flights;
#[cfg(feature = "log")]
mod followers;
mod give_back;
mod invalidation;
mod lookups;
mod pending;
pub(crate) mod read;
mod read_back;
#[cfg(feature = "testing")]
pub(crate) mod recorder;
mod recording;
pub(crate) mod sample;
pub(crate) mod settings;
mod tags;
pub(crate) mod timings;
mod tokens;
mod waiting;
pub(crate) mod write;
pub(crate) mod write_through;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::runtime::Handle;

use self::background::BackgroundLoads;
pub(crate) use self::client::{Client, Urgency};
use self::close::Writes;
use self::fetch_limit::FetchLimit;
use self::flights::Flights;
use self::give_back::LastResort;
pub(crate) use self::invalidation::Target;
use self::pending::PendingInvalidations;
use self::read::Hints;
use self::sample::{Sample, Sampling};
use self::settings::Settings;
use self::timings::Timings;
use self::tokens::Tokens;
use crate::backend::{BackendError, BackendErrorKind, ChangeListener as _, Request};
use crate::error::Error;
use crate::events::Rates;
use crate::key::{Key, Scope};
use crate::model::cached::Cached;
use crate::model::lookup::Lookup;
use crate::model::object::Object;
use crate::near::Near;
use crate::protocol::{First, OnLease, ReadMachine, ReadPolicy, Reply};
use crate::stats::{Counter, InvalidationStats, Stats, TypeState, TypeStats, TypeTable};

/// Everything that the clones of one `CacheCow` share.
pub(crate) struct Engine {
    pub(crate) client: Arc<Client>,
    pub(crate) settings: Settings,
    pub(crate) types: TypeTable,
    pub(crate) pending: PendingInvalidations,
    writes: Writes,
    #[cfg(feature = "log")]
    pub(crate) followers: followers::Followers,
    pub(crate) sampling: Sampling,
    pub(crate) timings: Timings,
    pub(crate) rates: Rates,
    confirmed: AtomicU64,
    pub(crate) hints: Hints,
    near: Option<Arc<Near>>,
    flights: Flights,
    pub(crate) tokens: Tokens,
    runtime: Option<Handle>,
    last_resort: LastResort,
    fetch_limit: FetchLimit,
    background: BackgroundLoads,
}

impl Engine {
    pub(crate) fn new(client: Client, settings: Settings) -> Result<Self, Error> {
        Ok(Self {
            client: Arc::new(client),
            hints: Hints::with_capacity(settings.hints),
            near: Near::with(settings.near, settings.clock.clone()).map(Arc::new),
            fetch_limit: FetchLimit::new(settings.outage_fetch_concurrency),
            background: BackgroundLoads::new(settings.background_loads),
            settings,
            types: TypeTable::default(),
            pending: PendingInvalidations::default(),
            writes: Writes::default(),
            #[cfg(feature = "log")]
            followers: followers::Followers::default(),
            sampling: Sampling::default(),
            timings: Timings::default(),
            rates: Rates::default(),
            confirmed: AtomicU64::new(0),
            flights: Flights::default(),
            tokens: Tokens::new()?,
            runtime: Handle::try_current().ok(),
            last_resort: LastResort::default(),
        })
    }

    /// The near tier, if objects of this type may be in it, and it currently hears of changes.
    #[inline]
    pub(crate) fn near<T: Cached>(&self) -> Option<&Near> {
        let may_be_near = T::POLICY.near != Some(false);
        let near = self.near.as_ref().filter(|_| may_be_near)?;
        self.client.followed_by(near);
        Some(near)
    }

    /// Picks some hits for the auditor, if there is one.
    #[inline]
    pub(crate) fn sample<L: Lookup>(
        &self,
        scope: Scope,
        lookup: &L,
        served: Option<&Arc<L::Object>>,
    ) {
        if self.sampling.picks() {
            self.hand_over(scope, lookup, served);
        }
    }

    #[cold]
    fn hand_over<L: Lookup>(&self, scope: Scope, lookup: &L, served: Option<&Arc<L::Object>>) {
        let served = served.map(|object| Arc::clone(object) as Object);
        let sample = lookup.audited().map(|lookup| Sample { scope, lookup, served });
        if !sample.is_some_and(|sample| self.sampling.offer(sample)) {
            self.types.of::<L::Object>().count(Counter::AuditSkipped);
        }
    }

    /// Drops everything in the near tier of this process.
    #[cfg(feature = "log")]
    pub(crate) fn forget_all_near(&self) {
        if let Some(near) = &self.near {
            near.all_changed();
        }
    }

    /// Drops these keys from the near tier of this process.
    pub(crate) fn forget_near(&self, keys: impl IntoIterator<Item = Key>) {
        if let Some(near) = &self.near {
            keys.into_iter().for_each(|key| near.changed(key));
        }
    }

    /// Executes requests that change the cache. Whatever the result, the keys are dropped from the
    /// near tier of this process.
    pub(crate) async fn change(
        &self,
        requests: Vec<Request>,
        urgency: Urgency,
    ) -> Vec<Result<Reply, BackendError>> {
        self.pending.resume();
        let Some(near) = &self.near else { return self.client.execute(requests, urgency).await };
        let keys: Vec<Key> = requests.iter().map(|request| request.key).collect();
        let replies = self.client.execute(requests, urgency).await;
        keys.into_iter().for_each(|key| near.changed(key));
        replies
    }

    /// A read of `key`, not begun.
    #[inline]
    pub(crate) fn read(&self, key: Key, state: &TypeState) -> ReadMachine {
        let policy = self.policy(state.first_command());
        if self.pending.contains(key) {
            ReadMachine::past_the_cache(policy)
        } else if state.is_left_alone(|| self.wall_clock()) {
            ReadMachine::of_the_unstorable(policy)
        } else {
            ReadMachine::new(policy)
        }
    }

    /// A read that begins with a lookup.
    pub(crate) fn read_that_looks_up(&self) -> ReadMachine {
        ReadMachine::new(self.policy(First::Lookup))
    }

    fn policy(&self, first: First) -> ReadPolicy {
        ReadPolicy {
            first,
            on_lease: if self.settings.fill_wait.is_zero() {
                OnLease::Fetch
            } else {
                OnLease::Wait
            },
            lease: self.settings.lease,
        }
    }

    /// Whether every read of this type begins with a lookup at the moment.
    pub(crate) fn looks_up_first(&self, state: &TypeState) -> bool {
        state.first_command() == First::Lookup && self.may_look_up(state)
    }

    /// Whether every read of this type may begin with a lookup at the moment.
    pub(crate) fn may_look_up(&self, state: &TypeState) -> bool {
        self.pending.is_clear() && !state.is_left_alone(|| self.wall_clock())
    }

    /// How long the near tier has not been able to hear of changes.
    pub(crate) fn near_deaf_for(&self) -> Option<Duration> {
        self.near.as_ref()?.deaf_for()
    }

    /// The statistics since the cache was opened.
    pub(crate) fn stats(&self) -> Stats {
        let mut types: BTreeMap<_, TypeStats> = BTreeMap::new();
        for state in self.types.iter() {
            types.entry(state.name()).or_default().add(&state.stats());
        }
        Stats {
            types,
            invalidations: InvalidationStats {
                confirmed: self.confirmed.load(Ordering::Relaxed),
                failed: self.pending.failed(),
                retried: self.pending.retried(),
            },
            pending_invalidations: self.pending.named(),
            oldest_pending: self.pending.oldest().unwrap_or_default(),
            circuit_open: self.client.circuit_is_open(),
            circuit_openings: self.client.circuit_openings(),
            near: self.near.as_deref().map(Near::stats),
            #[cfg(feature = "log")]
            followers: self.followers.statuses(),
        }
    }

    /// Runs a future in the background. The caller may be a destructor, and outside the runtime.
    /// Without a runtime the future is dropped.
    fn detach(&self, future: impl Future<Output = ()> + Send + 'static) {
        // Not polled here: in a runtime that is ending, a timer would panic.
        if let Some(runtime) = self.runtime() {
            runtime.spawn(future);
        }
    }

    /// The caller's runtime, or otherwise the one in which the cache was opened, which may have ended.
    fn runtime(&self) -> Option<Handle> {
        Handle::try_current().ok().or_else(|| self.runtime.clone())
    }

    /// The time of day.
    pub(crate) fn now(&self) -> SystemTime {
        self.settings.clock.as_ref().map_or_else(SystemTime::now, |clock| clock())
    }

    /// Milliseconds since 1970.
    pub(crate) fn wall_clock(&self) -> u64 {
        let since = self.now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

/// Whether a command leaves no claim to give back. A granted claim lasts until it is settled. If the answer is
/// lost, the claim may still be granted. A command that was never sent leaves none.
fn leaves_no_claim(reply: &Result<Reply, BackendError>) -> bool {
    match reply {
        Ok(reply) => !matches!(reply, Reply::Claimed(_)),
        Err(error) => error.kind() == BackendErrorKind::CircuitOpen,
    }
}

/// Whether an invalidation, a hold or a release was confirmed.
fn carried_out(reply: Result<Reply, BackendError>) -> Result<(), BackendError> {
    match reply? {
        Reply::Done => Ok(()),
        _ => {
            Err(BackendError::new(BackendErrorKind::Malformed, "the answer is of another command"))
        }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("client", &self.client).finish_non_exhaustive()
    }
}
