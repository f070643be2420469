//! The auditor: compares what is served from the cache with the backing store.

mod content;
mod look;
mod subject;

use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::num::NonZeroU32;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use parking_lot::Mutex;

use self::look::{Failure, Finding, Look, within};
use self::subject::{Contexts, Lacking, Subject};
use crate::engine::Engine;
use crate::engine::sample::Sample;
use crate::events::say;
use crate::key::{Key, Scope};
use crate::model::keys::KeySet;
use crate::model::object::Loaded;
use crate::stats::Counter;

/// How many objects may wait for their second check.
const SUSPECTS: usize = 32;
/// How much longer the grace is than the longest wait of an invalidation.
const MARGIN: Duration = Duration::from_secs(1);

/// Checks whether stale objects are served: because a write forgot its invalidation, someone changed a row by hand,
/// or a replica lags. [`CacheCow::auditor`](crate::CacheCow::auditor) makes one.
///
/// It picks some hits of this process at random (objects that a read was served from the cache or from this process's
/// memory), and compares them with the result of the fetch function. If the two differ, a change may just be under
/// way. So it checks the object again after a [`grace`](Self::grace) period, and counts it as stale only if
///
/// - a reader is still served the same object, from the same stored value: it was not invalidated; and
/// - the backing store returns a different value of a field, for the second time.
///
/// Everything else is a race, and is not counted. So if a service invalidates after every write within the grace
/// period, it has no stale objects in this count.
///
/// ```
/// # #[cfg(feature = "derive")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cachecow::Error> {
/// # use cachecow::{CacheCow, Cached};
/// # struct Db;
/// # #[derive(Cached)]
/// # #[cache(context = Db)]
/// # #[cache(key = "user:{id}", fetch = User::find)]
/// # struct User { id: u32 }
/// # impl User {
/// #     async fn find(_: &Db, id: u32) -> Result<User, std::io::Error> { Ok(User { id }) }
/// # }
/// use std::sync::Arc;
///
/// let (cow, db) = (CacheCow::memory(), Arc::new(Db));
/// tokio::spawn(cow.auditor().context(Arc::clone(&db)).one_in(1_000).run());
///
/// cow.with(&*db).get(User::by_id(42)).await?;
/// println!("{}", cow.stats().of("User").confirmed_stale);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
///
/// # Reports
///
/// [`TypeStats`](crate::TypeStats) counts by type: the `audited` reads, and among them `confirmed_stale`,
/// `audit_races`, `audit_undecided` and `audit_errors`; the others were equal to the backing store. Events go to
/// `tracing` with the target `cachecow::audit`. Each stale object is an event at the level `warn`, with its type,
/// its lookup, the hash in the name of its Redis key, the names of the fields that differ, and the age of the
/// stored value. Undecided audits are at `info`, the others at `debug`. No event contains a key part or a field's
/// value.
///
/// # Costs
///
/// A read that is not picked costs a random number, which is too little to measure beside the 80 ns of a read from
/// this process's memory. A picked read costs a clone of the lookup and a place in a queue, and in the background
/// one lookup in the cache and one fetch (`fetch`, never `fetch_many`). If the two differ, the second check after
/// the grace period costs an ordinary read of the object (which counts as a hit or a miss), one more lookup and one
/// more fetch. Only one check is under way at a time, so the backing store has at most one more fetch at a time. At
/// most 64 picked reads wait; further ones are skipped and counted as `audit_skipped`. The reads themselves never
/// wait. An error or a panic of the auditor's own fetch ends only that check.
///
/// # Consistency
///
/// The auditor does not see: objects that nobody reads; reads of processes without an auditor; changes that a
/// lagging replica does not show to the fetch either (if it lags longer than the grace period, the replica may be
/// the stale one); a change that is undone before the second check; a change of only the order in a list, since a
/// list looks like a set; and values of a [`KeyValueStore`](crate::guide::stores). An object that is served past
/// its time to live because its fetch fails is counted as `stale`, and is not audited.
///
/// A field that differs at each fetch, such as the time of the fetch, is ignored when an object is judged. A type
/// with such a field needs two checks each time, and its audits end as `audit_undecided`.
///
/// If a type is served stale on purpose (its writes are not followed by invalidations, and only its time to live
/// limits its age), its objects are counted as stale too.
///
/// The audit does not depend on the clocks of several machines.
#[must_use = "an auditor does nothing until it is run"]
pub struct Auditor {
    engine: Weak<Engine>,
    scope: Scope,
    one_in: NonZeroU32,
    grace: Option<Duration>,
    repairs: bool,
    contexts: Contexts,
    /// The lookups whose context it lacks; each is reported once.
    lacking: Mutex<BTreeSet<&'static str>>,
    turn: tokio::sync::Mutex<()>,
}

impl Auditor {
    pub(crate) fn new(engine: &Arc<Engine>, scope: Scope) -> Self {
        Self {
            engine: Arc::downgrade(engine),
            scope,
            one_in: NonZeroU32::MIN.saturating_add(999),
            grace: None,
            repairs: false,
            contexts: vec![Box::new(Arc::new(()))],
            lacking: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// Adds a context for the fetch functions that need one of this type; one for each type. Reads whose context is
    /// missing are not audited; an event reports this once, and they are counted as `audit_skipped`.
    pub fn context<C: ?Sized + Send + Sync + 'static>(mut self, context: Arc<C>) -> Self {
        self.contexts.push(Box::new(context));
        self
    }

    /// Picks one in this number of hits, at random; zero counts as one. Default: 1000. Reads that were fetched are not
    /// picked: there is nothing to compare.
    pub fn one_in(mut self, hits: u32) -> Self {
        self.one_in = NonZeroU32::new(hits).unwrap_or(NonZeroU32::MIN);
        self
    }

    /// Sets the time from the first check to the second. It must be longer than your writes take from the commit to
    /// the end of the invalidation. Default: 1 s more than `operation_timeout`, `near_lag` and the type's `settle`
    /// together, which is 2.5 s with the default settings.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = Some(grace.min(crate::clock::LONGEST));
        self
    }

    /// Invalidates the stale objects that it finds. This limits the damage, but does not solve the problem: stale
    /// objects that are not picked stay stale. Default: off.
    pub fn repair(mut self) -> Self {
        self.repairs = true;
        self
    }

    /// Starts to pick reads, and audits them until the last clone of the
    /// [`CacheCow`](crate::CacheCow) is dropped, or another auditor of the same cache takes over.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, no more reads are picked, and the check under way is not finished.
    pub fn run(self) -> impl Future<Output = ()> + Send + 'static {
        let samples =
            self.engine.upgrade().map(|engine| engine.sampling.begin(self.scope, self.one_in));
        async move {
            let Some(mut samples) = samples else { return };
            stream::poll_fn(|context| samples.poll_recv(context))
                .for_each_concurrent(SUSPECTS, |sample| self.audit(sample))
                .await;
        }
    }

    async fn audit(&self, Sample { scope, lookup, served }: Sample) {
        let Some(engine) = self.engine.upgrade() else { return };
        match lookup.bind(scope, &self.contexts) {
            Ok(subject) => {
                let verdict = self.judge(&engine, &*subject, &served).await;
                let verdict = verdict.unwrap_or_else(Finding::Failed);
                report(&engine, &*subject, &served, &verdict);
                if self.repairs && matches!(verdict, Finding::Stale { .. }) {
                    repair(&engine, &*subject, &served).await;
                }
            }
            Err(lacking) => self.skip(&engine, &lacking),
        }
    }

    async fn judge(
        &self,
        engine: &Arc<Engine>,
        subject: &dyn Subject,
        served: &Loaded,
    ) -> Result<Finding, Failure> {
        let look = Look { engine, subject, served };
        let longest = engine.settings.lease;
        let turn = self.turn.lock().await;
        let Some(suspicion) = within(longest, look.first()).await? else {
            return Ok(Finding::Fresh);
        };
        drop(turn);
        tokio::time::sleep(self.grace.unwrap_or_else(|| default_grace(engine, subject))).await;
        let _turn = self.turn.lock().await;
        within(longest, look.second(suspicion)).await
    }

    fn skip(&self, engine: &Engine, lacking: &Lacking) {
        (lacking.state)(engine).count(Counter::AuditSkipped);
        let mut told = self.lacking.lock();
        if told.insert(lacking.lookup) {
            say!(
                AUDITOR_LACKS_CONTEXT,
                lookup = lacking.lookup,
                context = lacking.context,
                "reads are not audited, because the auditor lacks the context of their fetch function; \
                 add it with `Auditor::context`"
            );
        }
    }
}

fn default_grace(engine: &Engine, subject: &dyn Subject) -> Duration {
    let waits =
        [engine.client.timeout(), engine.settings.near.lag, engine.settle(subject.policy())];
    waits.into_iter().fold(MARGIN, Duration::saturating_add).min(crate::clock::LONGEST)
}

/// Invalidates the requested key, and the key under which the object is stored.
async fn repair(engine: &Arc<Engine>, subject: &dyn Subject, served: &Loaded) {
    let keys = [subject.key(), subject.stored_under(served)];
    let mut set = KeySet::default();
    keys.into_iter().for_each(|key| set.add(key, subject.policy()));
    // If it fails, it is logged and retried. The keys already include their scope.
    let _ = engine.invalidate(engine.targets_of(Scope::default(), set)).await;
}

fn report(engine: &Engine, subject: &dyn Subject, served: &Loaded, verdict: &Finding) {
    let state = subject.state(engine);
    state.count(Counter::Audited);
    let (r#type, lookup) = (state.name(), subject.name());
    match verdict {
        Finding::Fresh => {}
        Finding::Race(why) => {
            state.count(Counter::AuditRaces);
            say!(AUDIT_RACED, r#type, lookup, why, "a read raced with a change");
        }
        Finding::Undecided { fields } => {
            state.count(Counter::AuditUndecided);
            if let Some(left_out) = state.rates.audit_undecided.admits() {
                say!(
                    AUDIT_UNDECIDED,
                    r#type,
                    lookup,
                    ?fields,
                    left_out,
                    "cannot decide whether an object is stale: these fields differ at each fetch"
                );
            }
        }
        Finding::Failed(failure) => {
            state.count(Counter::AuditErrors);
            say!(AUDIT_FAILED, r#type, lookup, %failure, "a read could not be audited");
        }
        Finding::Stale { fields, source, age } => {
            state.count(Counter::ConfirmedStale);
            let key: Key = subject.stored_under(served);
            if let Some(left_out) = state.rates.stale_object.admits() {
                say!(
                    STALE_OBJECT, r#type, lookup, %key, ?fields, ?source, ?age, left_out,
                    "a stale object is served: the backing store has another value, and the object was \
                     not invalidated"
                );
            }
        }
    }
}

impl fmt::Debug for Auditor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auditor")
            .field("one_in", &self.one_in)
            .field("grace", &self.grace)
            .field("repairs", &self.repairs)
            .finish_non_exhaustive()
    }
}
