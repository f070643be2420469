//! Reads and fills under a key that the program chooses at run time.

use std::fmt::{self, Debug, Display};
use std::future::ready;
use std::sync::Arc;

use super::runtime::Runtime;
use crate::cache::get_or_fetch;
use crate::error::Error;
use crate::model::blocking::as_a_fetch;
use crate::model::query::QueryTags;
use crate::model::schema::CacheSchema;

/// A read that has not begun yet; what [`CacheCow::get_or_fetch`](super::CacheCow::get_or_fetch) and
/// [`View::get_or_fetch`](super::View::get_or_fetch) return. Call [`run`](Self::run) to get the value.
///
/// ```
/// # fn main() -> Result<(), cachecow::Error> {
/// use std::time::Duration;
/// use cachecow::Key;
/// use cachecow::blocking::CacheCow;
///
/// let cow = CacheCow::memory()?;
/// let minute = Duration::from_secs(60);
/// let rows = |counted: u64| {
///     let key = Key::of("rows:{}", ("posts",));
///     cow.get_or_fetch(key, minute, || Ok::<_, std::io::Error>(counted)).run()
/// };
/// assert_eq!(*rows(3)?, 3);
/// assert_eq!(*rows(4)?, 3, "cached");
///
/// cow.invalidate(Key::of("rows:{}", ("posts",)))?;
/// assert_eq!(*rows(4)?, 4);
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is read until it is run"]
pub struct GetOrFetch<'a, F> {
    pub(super) runtime: &'a Runtime,
    pub(super) asynchronous: get_or_fetch::GetOrFetch<'a, F>,
}

impl<F> GetOrFetch<'_, F> {
    /// Stores the value with a tag, or with several. The value is invalidated with the tag, and with each object that carries
    /// the tag. See the async [`tag`](crate::GetOrFetch::tag).
    pub fn tag(self, tags: impl QueryTags) -> Self {
        Self { asynchronous: self.asynchronous.tag(tags), ..self }
    }

    /// Returns the cached value; on a miss, calls the function and stores its result. The function runs on the caller's
    /// thread, and may use the cache.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Fetch`](crate::ErrorKind::Fetch), with the function's own error. Nothing is cached then.
    /// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) inside an async runtime.
    ///
    /// # Consistency
    ///
    /// The same as the async [`get_or_fetch`](crate::View::get_or_fetch)'s, and so are the round trips.
    pub fn run<T, E>(self) -> Result<Arc<T>, Error>
    where
        F: FnOnce() -> Result<T, E> + Send,
        T: CacheSchema + Send + Sync + 'static,
        E: Debug + Display + Send + Sync + 'static,
    {
        let fetch = |fetch| move || ready(as_a_fetch(fetch));
        self.runtime.wait("get_or_fetch", self.asynchronous.by(fetch).into_future())
    }
}

impl<F> Debug for GetOrFetch<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.asynchronous.fmt(f)
    }
}
