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

/// How many objects wait for their second look at the most.
const SUSPECTS: usize = 32;
/// How much longer the grace is than all that an invalidation may wait for.
const MARGIN: Duration = Duration::from_secs(1);

/// Finds out whether stale objects are served: because a write forgot its invalidation, someone changed
/// a row by hand, or a replica lags. Made by [`CacheCow::auditor`](crate::CacheCow::auditor).
///
/// Of the reads of this process it picks some at random, and compares what they were served from the
/// cache, or from this process's memory, with what the fetch function returns. Where the two differ, a
/// change may just be under way: after a [`grace`](Self::grace) it takes a second look, and counts the
/// object as stale only if
///
/// - a reader is still served the same, from the same stored value: no invalidation has come, and
/// - the backing store says for the second time that a field is another.
///
/// Everything else is a race, and is discarded. So in a service whose every write is followed by its
/// invalidation within the grace, none is counted.
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
/// [`TypeStats`](crate::TypeStats) counts by type: what was `audited`, and of these `confirmed_stale`,
/// `audit_races`, `audit_undecided` and `audit_errors`; the rest was as the backing store has it. Events
/// go to `tracing` under the target `cachecow::audit`: at the level `warn` each stale object, with its
/// type, lookup, the key's hash as it stands in the name of the Redis key, the names of the fields that
/// differ and the stored value's age; what was undecided at `info`, the rest at `debug`. No event has a
/// key part, nor a field's value.
///
/// # Costs
///
/// A read that is not picked: a random number, which is less than can be measured beside the 80 ns of a
/// read from this process's memory. One that is picked: a clone of the lookup and a place in a queue, and
/// in the background one lookup in the cache and one fetch (`fetch`, never `fetch_many`); where the two
/// differ also, after the grace, an ordinary read of the object (which is counted among the hits, or the
/// misses), one more lookup and one more fetch. One look is under way at a time, so that the backing store
/// has one fetch more to answer at the most; 64 picked reads wait, and what is picked beyond is left out
/// and counted as `audit_skipped`. The reads themselves never wait, and an error or panic of a fetch that
/// the auditor makes ends that look alone.
///
/// # Consistency
///
/// What is not seen: objects that nobody reads, and reads of processes without an auditor; what a fetch
/// from a lagging replica does not show either (and where one lags for longer than the grace, it may be
/// the replica that is stale); a change that is taken back before the second look; a mere change of the
/// order within a list, which is not told from a set; values of a
/// [`KeyValueStore`](crate::guide::stores). An object that is served past its time to live because its
/// fetch fails is counted as `stale`, and not audited.
///
/// A field that the fetch function makes anew each time, such as the time of the fetch, is left out of
/// account when an object is judged; a type that has one takes two looks a time, and its audits end
/// `audit_undecided`.
///
/// A type that is served stale on purpose, since its writes are not followed by invalidations and its
/// time to live is all that bounds it, is counted as stale as well.
///
/// Nothing depends on the clocks of several machines.
#[must_use = "an auditor does nothing until it is run"]
pub struct Auditor {
    engine: Weak<Engine>,
    scope: Scope,
    one_in: NonZeroU32,
    grace: Option<Duration>,
    repairs: bool,
    contexts: Contexts,
    /// The lookups whose context it lacks, each told once.
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

    /// A context for the fetch functions that need one of this type; one for each type. Reads whose
    /// context it lacks are not audited, which is told once in an event and counted as `audit_skipped`.
    pub fn context<C: ?Sized + Send + Sync + 'static>(mut self, context: Arc<C>) -> Self {
        self.contexts.push(Box::new(context));
        self
    }

    /// One in how many reads is picked, at random; zero counts as one. Default: 1000.
    pub fn one_in(mut self, reads: u32) -> Self {
        self.one_in = NonZeroU32::new(reads).unwrap_or(NonZeroU32::MIN);
        self
    }

    /// How long after the first look the second one is taken: longer than your writes take from their
    /// commit until their invalidation is done. Default: 1 s more than `operation_timeout`, `near_lag`
    /// and the type's `settle` together, 2.5 s with the default settings.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = Some(grace.min(crate::engine::settings::LONGEST));
        self
    }

    /// Invalidates what it finds stale, which bounds the damage and is no remedy: what nobody picks stays
    /// stale. Default: it does not.
    pub fn repair(mut self) -> Self {
        self.repairs = true;
        self
    }

    /// Picks reads from now on, and audits them until the last clone of the
    /// [`CacheCow`](crate::CacheCow) is gone, or another auditor of the same cache takes over.
    ///
    /// # Cancellation
    ///
    /// Dropped, it picks no more reads, and the looks under way are not finished.
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
                "reads are not audited, since the auditor lacks the context of their fetch \
                 function: give it one by `Auditor::context`"
            );
        }
    }
}

fn default_grace(engine: &Engine, subject: &dyn Subject) -> Duration {
    let waits =
        [engine.client.timeout(), engine.settings.near.lag, engine.settle(subject.policy())];
    waits.into_iter().fold(MARGIN, Duration::saturating_add).min(crate::engine::settings::LONGEST)
}

/// Invalidates the key that was asked for and the one under which the object is stored.
async fn repair(engine: &Arc<Engine>, subject: &dyn Subject, served: &Loaded) {
    let keys = [subject.key(), subject.stored_under(served)];
    let mut set = KeySet::default();
    keys.into_iter().for_each(|key| set.add(key, subject.policy()));
    // If it fails, that is told, and it is retried.
    // The keys are in their scope already.
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
                    "it cannot be told whether an object is stale: these fields are fetched differently \
                     each time"
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
                    "a stale object is served: the backing store has another, and no invalidation came"
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
