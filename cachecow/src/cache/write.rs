//! Writing to the backing store.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::engine::write::{Ended, HeldWrite};
use crate::engine::write_through::{AfterWork, guards};
use crate::engine::{Engine, Target};
use crate::error::Error;
use crate::key::{Key, Scope};
use crate::model::cached::Cached;
use crate::model::keys::CacheKeys;
use crate::protocol::{Fill, HoldPolicy};

/// A write that has not begun, or is under way; what [`CacheCow::write`](crate::CacheCow::write) returns.
///
/// It is a future of the work's own result. Set its options before you await it:
///
/// ```
/// # #[cfg(feature = "derive")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), std::io::Error> {
/// # use cachecow::{CacheCow, Cached};
/// # #[derive(Clone, Cached)]
/// # #[cache(negative_ttl = "1m")]
/// # #[cache(key = "user:{id}", fetch = User::find)]
/// # struct User { id: i64, name: String }
/// # impl User {
/// #     async fn find(_id: i64) -> Result<Option<User>, std::io::Error> { Ok(None) }
/// # }
/// # let cow = CacheCow::memory();
/// # async fn insert() -> Result<i64, std::io::Error> { Ok(42) }
/// // The database chooses the id: the write names the key once it is known.
/// let id = cow.write((), insert()).invalidating(|id| User::by_id(*id)).await?;
///
/// // What the cache missed, beside the work's own result.
/// let written = cow.write(User::by_id(id), insert()).outcome().await;
/// assert!(written.result.is_ok() && written.invalidated.is_ok());
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
///
/// # Errors
///
/// The work's own, whatever its type, and no other.
///
/// # Cancellation
///
/// If a write is dropped before the work has begun, nothing remains of it. If it is dropped later, it is treated as
/// if the process had died: the backing store may still commit, so the holds stay until they expire
/// ([`Builder::hold`](crate::Builder::hold)), and until then reads of its keys fetch. This happens inside
/// `tokio::time::timeout`, for example, and in a handler whose client disconnects. To let a write finish in any
/// case, spawn it:
///
/// ```
/// # #[cfg(feature = "derive")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use cachecow::{CacheCow, Key};
/// # async fn update() -> Result<u64, std::io::Error> { Ok(1) }
/// # let cow = CacheCow::memory();
/// # let key = Key::from_hash(1);
/// let rows = tokio::spawn(cow.write(key, update())).await??;
/// # assert_eq!(rows, 1);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
#[must_use = "a write does nothing, its work included, until it is awaited"]
pub struct Write<'a, F: Future> {
    engine: Arc<Engine>,
    scope: Scope,
    policy: HoldPolicy,
    work: Pin<Box<F>>,
    after: Vec<After<'a, F::Output>>,
    /// Guards of the types with tags whose objects may be stored.
    guards: Vec<Key>,
    state: State<F::Output>,
}

/// What to do with the work's result.
type After<'a, R> = Box<dyn FnOnce(&R, &mut AfterWork<'_>) + Send + 'a>;

enum State<R> {
    Unbegun(Vec<Target>),
    Holding(BoxFuture<'static, Result<HeldWrite, Error>>),
    Working(HeldWrite),
    Ending(R, BoxFuture<'static, Ended>),
    Over,
}

/// How a write ended, for its work and for the cache; what [`Write::outcome`] returns.
///
/// ```
/// # #[cfg(feature = "derive")]
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/users.rs"));
/// # #[cfg(feature = "derive")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (cow, db) = (CacheCow::memory(), Db);
/// let written = cow.write(User::by_id(1), async { Ok::<_, io::Error>("renamed") }).outcome().await;
/// assert_eq!(written.result?, "renamed");                     // what the work returned
/// if let Err(error) = written.invalidated {                   // it is being retried; others may read the old name
///     eprintln!("{error}");
/// }
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Written<R, E> {
    /// The work's own result.
    pub result: Result<R, E>,
    /// Whether the cache confirmed the invalidation. If not
    /// ([`ErrorKind::NotInvalidated`](crate::ErrorKind::NotInvalidated)), it is retried in the background. Until it
    /// succeeds, reads of the keys in this process bypass the cache; other processes may be served values older
    /// than the write, for at most their time to live.
    pub invalidated: Result<(), Error>,
    /// Whether the object of [`Write::storing`] was stored. `Refused`: another write or an invalidation overlapped
    /// this one, or the cache did not answer. `Skipped`: there was no object, or its key was not held.
    pub stored: Fill,
}

/// Why a write that [requires its hold](Write::require_hold) did not succeed.
///
/// ```
/// # #[cfg(feature = "derive")]
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/users.rs"));
/// # #[cfg(feature = "derive")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (cow, db) = (CacheCow::memory(), Db);
/// use cachecow::WriteError;
///
/// let write = cow.write(User::by_id(1), async { Err::<(), _>(io::Error::other("deadlock")) });
/// match write.require_hold().await {
///     Ok(()) => unreachable!("the work failed"),
///     Err(WriteError::HoldRefused(error)) => eprintln!("nothing was changed: {error}"),
///     Err(WriteError::Work(error)) => assert_eq!(error.to_string(), "deadlock"),
///     Err(error) => eprintln!("{error}"),
/// }
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum WriteError<E> {
    /// The cache did not grant the hold, and the work was not begun
    /// ([`ErrorKind::HoldRefused`](crate::ErrorKind::HoldRefused)).
    HoldRefused(Error),
    /// The work failed.
    Work(E),
}

impl<E> fmt::Display for WriteError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HoldRefused(error) => error.fmt(f),
            Self::Work(_) => f.write_str("write: the work failed"),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for WriteError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::HoldRefused(error) => error.source(),
            Self::Work(error) => Some(error),
        }
    }
}

impl<F: Future> Write<'_, F> {
    pub(crate) fn new(engine: &Arc<Engine>, scope: Scope, keys: &impl CacheKeys, work: F) -> Self {
        Self {
            engine: Arc::clone(engine),
            scope,
            policy: HoldPolicy::Proceed,
            work: Box::pin(work),
            after: Vec::new(),
            guards: Vec::new(),
            state: State::Unbegun(engine.targets(scope, keys)),
        }
    }

    /// Polls the write to its end.
    ///
    /// # Errors
    ///
    /// If the work was not begun, because a required hold was refused.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Result<(F::Output, Ended), Error>> {
        loop {
            self.state = match &mut self.state {
                State::Unbegun(targets) => {
                    let engine = Arc::clone(&self.engine);
                    let (targets, guards) =
                        (std::mem::take(targets), std::mem::take(&mut self.guards));
                    let policy = self.policy;
                    let begins =
                        async move { HeldWrite::begin(engine, targets, policy, &guards).await };
                    State::Holding(begins.boxed())
                }
                State::Holding(begins) => match ready!(begins.poll_unpin(cx)) {
                    Ok(write) => State::Working(write),
                    Err(refused) => {
                        self.state = State::Over;
                        return Poll::Ready(Err(refused));
                    }
                },
                // If the work panics, this state is only dropped.
                State::Working(_) => {
                    let result = ready!(self.work.as_mut().poll(cx));
                    self.end(result)
                }
                State::Ending(_, ends) => {
                    let ended = ready!(ends.poll_unpin(cx));
                    match std::mem::replace(&mut self.state, State::Over) {
                        State::Ending(result, _) => return Poll::Ready(Ok((result, ended))),
                        _ => unreachable!("it was matched above"),
                    }
                }
                State::Over => panic!("a write was polled after it had ended"),
            };
        }
    }

    /// Begins what follows the work: the release, and the invalidation.
    fn end(&mut self, result: F::Output) -> State<F::Output> {
        let State::Working(write) = std::mem::replace(&mut self.state, State::Over) else {
            unreachable!("the work has just ended")
        };
        let mut after_work = AfterWork::new(&self.engine, self.scope, write.took());
        self.after.drain(..).for_each(|after| after(&result, &mut after_work));
        let (named, objects) = after_work.into_parts();
        State::Ending(result, write.end(false, named, objects).boxed())
    }
}

impl<'a, F, R, E> Write<'a, F>
where
    F: Future<Output = Result<R, E>>,
{
    /// Also invalidates keys that are known only once the work has succeeded: those of a row that an
    /// `INSERT … RETURNING` created, or of rows that an `UPDATE … RETURNING` changed. They are invalidated before
    /// the write returns its result.
    ///
    /// # Consistency
    ///
    /// These keys are not held. If the process dies between the commit and the invalidation, other processes may be
    /// served the old cached value (the absence of the new row, for example) for its time to live. If that matters,
    /// name a [tag](crate::CacheCow::invalidate_tag) before the work.
    pub fn invalidating<K: CacheKeys>(mut self, keys: impl FnOnce(&R) -> K + Send + 'a) -> Self {
        self.after.push(Box::new(|result, after| {
            if let Ok(result) = result {
                keys(result).add_to(&mut after.named);
            }
        }));
        self
    }

    /// Also invalidates every key of an object that the work returned, as
    /// [`invalidate_object`](crate::CacheCow::invalidate_object) does: of the row before the change, for example, whose
    /// aliases and lists are known only once the work has read it.
    ///
    /// ```
    /// # #[cfg(feature = "derive")]
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/users.rs"));
    /// # #[cfg(feature = "derive")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (cow, db) = (CacheCow::memory(), Db);
    /// # async fn delete() -> io::Result<Option<User>> { Ok(None) }
    /// // `DELETE … RETURNING *`: the list that the user belonged to is known afterwards.
    /// cow.write(User::by_id(1), delete()).invalidating_object(|old| old.as_ref()).await?;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "derive"))] fn main() {}
    /// ```
    ///
    /// # Consistency
    ///
    /// That of [`invalidating`](Self::invalidating).
    pub fn invalidating_object<T: Cached>(
        mut self,
        object: impl FnOnce(&R) -> Option<&T> + Send + 'a,
    ) -> Self {
        self.after.push(Box::new(|result, after| {
            if let Ok(result) = result
                && let Some(object) = object(result)
            {
                after.named.add_object(object);
            }
        }));
        self
    }

    /// Stores the object that the work returned (write-through), so that the next read is a hit. It is stored only
    /// if nobody else wrote or invalidated it since the write began. The object's keys are invalidated as well.
    ///
    /// The object is stored under its primary key. The write must have named that key before the work, since the
    /// hold on it shows whether anyone else wrote meanwhile. Aliases and lists are filled by the reads that use
    /// them. With a settle time (`settle`), nothing is stored.
    ///
    /// There is no other way to put an object into the cache. An object that was read before its key was held may
    /// be older than what others have written since, and the cache could not detect that. To fill the cache with
    /// objects you already have (after a bulk import, for example), read them again inside the work:
    ///
    /// ```
    /// # #[cfg(feature = "derive")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), std::io::Error> {
    /// # use cachecow::{CacheCow, Cached, Source};
    /// # #[derive(Clone, Cached)]
    /// # #[cache(key = "user:{id}", fetch = User::find)]
    /// # struct User { id: i64, name: String }
    /// # impl User {
    /// #     async fn find(id: i64) -> Result<Option<User>, std::io::Error> {
    /// #         Ok(Some(User { id, name: "Ann".to_owned() }))
    /// #     }
    /// #     async fn rename(id: i64) -> Result<User, std::io::Error> {
    /// #         Ok(User { id, name: "Bea".to_owned() })
    /// #     }
    /// # }
    /// # let cow = CacheCow::memory();
    /// // `UPDATE … RETURNING *`
    /// cow.write(User::by_id(1), User::rename(1)).storing(|user| Some(user)).await?;
    /// # assert_eq!(cow.read(User::by_id(1)).await.unwrap().source, Source::Cache);
    ///
    /// let read = async || User::find(2).await;
    /// cow.write(User::by_id(2), read()).storing(|user| user.as_ref()).await?;
    /// # assert_eq!(cow.read(User::by_id(2)).await.unwrap().source, Source::Cache);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "derive"))] fn main() {}
    /// ```
    ///
    /// # Round trips
    ///
    /// No additional ones; for a type with tags, two more after the work.
    pub fn storing<T: Cached>(mut self, object: impl FnOnce(&R) -> Option<&T> + Send + 'a) -> Self {
        self.guards.extend(guards::<T>(self.scope));
        self.after.push(Box::new(|result, after| {
            if let Ok(result) = result
                && let Some(object) = object(result)
            {
                after.store(object);
            }
        }));
        self
    }

    /// Carries the write out, and returns the work's result beside whether the cache confirmed the invalidation, and
    /// whether it stored the object of [`storing`](Self::storing).
    ///
    /// # Consistency
    ///
    /// The write is the same as without `outcome`: the work runs even if the cache granted no hold, and what the cache did
    /// not confirm is retried in the background. [`Written::invalidated`] is also `Ok` if the cache granted the holds, and
    /// only their release was not confirmed: they keep old values out until they expire, unless the cache
    /// [evicts them](crate::guide::promise#by-redis).
    ///
    /// # Cancellation
    ///
    /// As [`Write`]: if the future is dropped while the work is under way, the write is treated as if the process had died.
    ///
    /// # Round trips
    ///
    /// As [`CacheCow::write`](crate::CacheCow::write).
    pub async fn outcome(mut self) -> Written<R, E> {
        match std::future::poll_fn(|cx| self.poll_end(cx)).await {
            Ok((result, Ended { invalidated, stored })) => Written { result, invalidated, stored },
            Err(_) => unreachable!("a write that does not require its hold begins in any case"),
        }
    }

    /// Begins the work only if the cache has confirmed the hold. Then nothing stale is served as long as the hold lasts,
    /// even if this process dies. A cache that loses the hold (by an eviction, a flush or a failover) protects the write
    /// only as [`invalidate`](crate::CacheCow::invalidate) does, at its end.
    ///
    /// # Errors
    ///
    /// [`WriteError::HoldRefused`]: the cache is down, or refused the hold. [`WriteError::Work`]: the work's own
    /// error.
    pub async fn require_hold(mut self) -> Result<R, WriteError<E>> {
        self.policy = HoldPolicy::Require;
        match std::future::poll_fn(|cx| self.poll_end(cx)).await {
            Ok((result, _)) => result.map_err(WriteError::Work),
            Err(refused) => Err(WriteError::HoldRefused(refused)),
        }
    }
}

impl<F, R, E> Future for Write<'_, F>
where
    F: Future<Output = Result<R, E>>,
{
    type Output = Result<R, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match ready!(self.poll_end(cx)) {
            Ok((result, _)) => Poll::Ready(result),
            Err(_) => unreachable!("a write that does not require its hold begins in any case"),
        }
    }
}

// Only the work is pinned, in its own box.
impl<F: Future> Unpin for Write<'_, F> {}

impl<F: Future> fmt::Debug for Write<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Unbegun(_) => "not begun",
            State::Holding(_) => "placing its holds",
            State::Working(_) => "working",
            State::Ending(..) => "releasing its holds",
            State::Over => "over",
        };
        f.debug_struct("Write").field("state", &state).finish_non_exhaustive()
    }
}
