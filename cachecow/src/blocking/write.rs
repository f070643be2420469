//! Writing to the backing store.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;

use super::runtime::Runtime;
use crate::cache::write::{self, WriteError, Written};
use crate::model::cached::Cached;
use crate::model::keys::CacheKeys;

/// A write that has not begun; what [`CacheCow::writing`](super::CacheCow::writing) returns. Set its options, then call
/// [`run`](Self::run), [`outcome`](Self::outcome) or [`require_hold`](Self::require_hold) to carry it out.
///
/// The promises are those of the async [`Write`](crate::Write). The work runs on the caller's thread. If it panics, the write
/// is treated as if the process had died. Inside an async runtime the write is carried out, too, and blocks the runtime's
/// thread.
///
/// ```
/// # #[cfg(feature = "derive")]
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/users.rs"));
/// # #[cfg(feature = "derive")]
/// # fn main() -> Result<(), cachecow::Error> {
/// # let cow = cachecow::blocking::CacheCow::memory()?;
/// # fn insert(name: &str) -> Result<User, io::Error> { Ok(User { id: 9, org_id: 7, name: name.into() }) }
/// // `INSERT … RETURNING *`: the new user's keys are known afterwards.
/// let write = cow.writing(User::list_by_org_id(7), || insert("Bea"));
/// let written = write.invalidating(|bea| User::by_id(bea.id)).outcome();
/// assert!(written.invalidated.is_ok());
/// assert_eq!(written.result.unwrap().name, "Bea");
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
#[must_use = "a write does nothing, its work included, until it is run"]
pub struct Write<'a, W, R, E> {
    runtime: &'a Runtime,
    asynchronous: write::Write<'a, Place<Result<R, E>>>,
    place: Place<Result<R, E>>,
    work: W,
}

impl<'a, W, R, E> Write<'a, W, R, E>
where
    W: FnOnce() -> Result<R, E>,
{
    pub(super) fn new(
        runtime: &'a Runtime,
        begin: impl FnOnce(Place<Result<R, E>>) -> write::Write<'a, Place<Result<R, E>>>,
        work: W,
    ) -> Self {
        let place = Place::default();
        Self { runtime, asynchronous: begin(place.clone()), place, work }
    }

    /// Also invalidates keys that are known only once the work has succeeded: those of an inserted row, for example. These
    /// keys are not held. See the async [`invalidating`](crate::Write::invalidating).
    pub fn invalidating<K: CacheKeys>(self, keys: impl FnOnce(&R) -> K + Send + 'a) -> Self {
        Self { asynchronous: self.asynchronous.invalidating(keys), ..self }
    }

    /// Also invalidates every key of an object that the work returned. See the async
    /// [`invalidating_object`](crate::Write::invalidating_object).
    pub fn invalidating_object<T: Cached>(
        self,
        object: impl FnOnce(&R) -> Option<&T> + Send + 'a,
    ) -> Self {
        Self { asynchronous: self.asynchronous.invalidating_object(object), ..self }
    }

    /// Stores the object that the work returned, so that the next read is a hit. It is stored only if nobody else wrote or
    /// invalidated it since the write began. See the async [`storing`](crate::Write::storing).
    pub fn storing<T: Cached>(self, object: impl FnOnce(&R) -> Option<&T> + Send + 'a) -> Self {
        Self { asynchronous: self.asynchronous.storing(object), ..self }
    }

    /// Carries the write out, and returns the work's result.
    ///
    /// # Errors
    ///
    /// Only the work's own.
    pub fn run(self) -> Result<R, E> {
        self.by(|write| write)
    }

    /// Carries the write out, and returns the work's result beside whether the cache confirmed the invalidation. See the
    /// async [`outcome`](crate::Write::outcome).
    pub fn outcome(self) -> Written<R, E> {
        self.by(write::Write::outcome)
    }

    /// Carries the write out only if the cache has confirmed the hold; otherwise the work does not run.
    ///
    /// # Errors
    ///
    /// The same as the async [`require_hold`](crate::Write::require_hold)'s.
    pub fn require_hold(self) -> Result<R, WriteError<E>> {
        self.by(write::Write::require_hold)
    }

    /// Waits until the hold is placed, runs the work outside of the runtime (so that it may use the cache), and waits for
    /// the end.
    fn by<F: Future>(
        self,
        finish: impl FnOnce(write::Write<'a, Place<Result<R, E>>>) -> F,
    ) -> F::Output {
        let Self { runtime, asynchronous, place, work } = self;
        let mut write = pin!(finish(asynchronous));
        let refused = runtime.block_on(poll_fn(|cx| match write.as_mut().poll(cx) {
            Poll::Ready(refused) => Poll::Ready(Some(refused)),
            Poll::Pending if place.is_awaited() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }));
        if let Some(refused) = refused {
            return refused;
        }
        place.put(work());
        runtime.block_on(write)
    }
}

/// Where the result of the work is put.
pub(super) struct Place<T>(Arc<Mutex<State<T>>>);

#[derive(Default)]
enum State<T> {
    #[default]
    Unasked,
    Awaited,
    There(T),
}

impl<T> Place<T> {
    fn is_awaited(&self) -> bool {
        matches!(*self.0.lock(), State::Awaited)
    }

    fn put(&self, result: T) {
        *self.0.lock() = State::There(result);
    }
}

impl<T> Future for Place<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<T> {
        // Whoever puts it there polls again.
        match std::mem::replace(&mut *self.0.lock(), State::Awaited) {
            State::There(result) => Poll::Ready(result),
            State::Unasked | State::Awaited => Poll::Pending,
        }
    }
}

impl<T> Default for Place<T> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State::Unasked)))
    }
}

impl<T> Clone for Place<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<W, R, E> fmt::Debug for Write<'_, W, R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Write").finish_non_exhaustive()
    }
}
