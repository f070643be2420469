//! Reads and fills under a key that the program chooses at run time.

use std::fmt::{self, Debug, Display};
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;

use crate::cache::cow::CacheCow;
use crate::cache::read::{ReadOptions, Source};
use crate::cache::view::View;
use crate::error::Error;
use crate::key::{EncodedKey, Key, KeyEncoder};
use crate::model::cached::TypePolicy;
use crate::model::lookup::Lookup;
use crate::model::query::{Answer, Query, QueryTags};
use crate::model::schema::CacheSchema;
use crate::stats;

impl<'a, C: ?Sized> View<'a, C> {
    /// Returns the value cached under `key`; on a miss, calls `fetch` and stores the result for `ttl`. It is for
    /// keys, types and functions that the program chooses at run time. If they are known at compile time, use
    /// [`#[cachecow::query]`](macro@crate::query): it checks more at compile time, and has all settings.
    ///
    /// The future is a builder: [`tag`](GetOrFetch::tag) adds tags that invalidate the value.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), cachecow::Error> {
    /// use std::sync::Arc;
    /// use std::time::Duration;
    /// use cachecow::{CacheCow, Key};
    ///
    /// # struct Db;
    /// # impl Db {
    /// #     async fn count(&self, table: &str) -> Result<u64, std::io::Error> { Ok(table.len() as u64) }
    /// # }
    /// # let (cow, db) = (CacheCow::memory(), Db);
    /// let (table, minute) = ("posts", Duration::from_secs(60));
    /// let key = Key::of("rows:{}", (table,));
    /// let rows: Arc<u64> = cow.with(&db).get_or_fetch(key, minute, || async { db.count(table).await }).await?;
    /// assert_eq!(*rows, 5);
    ///
    /// cow.invalidate(Key::of("rows:{}", (table,))).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// All settings except the time to live are those of the [`Builder`](crate::Builder). `stats()` counts these
    /// reads under the key's template. After a thousand pairs of template and type, it counts further pairs
    /// together under `get_or_fetch`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Fetch`](crate::ErrorKind::Fetch), with the function's own error, which [`Error::fetch_error`]
    /// returns. Nothing is cached then. The cache itself is never the reason for an error.
    ///
    /// # Consistency
    ///
    /// As with [`get`](Self::get): once an invalidation of the key has returned, later reads never return a value
    /// that was fetched before it. Callers in one process that ask for one key at the same time share a single call
    /// of one caller's function. So all functions that are passed with one key must return the same value.
    ///
    /// A value is read back only as the type that was stored, and only with exactly the key parts it was stored
    /// with. If a program uses one template for two types, the second type is not cached, and an event at the level
    /// `error` names both. If another process stored a value of another type, the read is a miss.
    ///
    /// # Round trips
    ///
    /// As [`get`](Self::get). Cancellation works the same way, too.
    pub fn get_or_fetch<F>(self, key: EncodedKey, ttl: Duration, fetch: F) -> GetOrFetch<'a, F> {
        let options = self.options.or(ReadOptions::new().ttl(ttl));
        let view = View { engine: self.engine, scope: self.scope, context: &(), options };
        GetOrFetch { view, key, tags: Vec::new(), fetch }
    }
}

impl CacheCow {
    /// [`View::get_or_fetch`].
    pub fn get_or_fetch<F>(&self, key: EncodedKey, ttl: Duration, fetch: F) -> GetOrFetch<'_, F> {
        self.with(&()).get_or_fetch(key, ttl, fetch)
    }
}

/// A read that has not begun yet; what [`View::get_or_fetch`] returns. Await it to get the value.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cachecow::Error> {
/// use std::time::Duration;
/// use cachecow::{CacheCow, Key};
///
/// let cow = CacheCow::memory();
/// let minute = Duration::from_secs(60);
/// let rows = cow.get_or_fetch(Key::of("rows:{}", ("posts",)), minute, async || Ok::<_, std::io::Error>(3_u64)).await?;
/// assert_eq!(*rows, 3);
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is read before it is awaited"]
pub struct GetOrFetch<'a, F> {
    view: View<'a, ()>,
    key: EncodedKey,
    tags: Vec<Key>,
    fetch: F,
}

impl<F> GetOrFetch<'_, F> {
    /// Stores the value with a tag of any type, or with an `Option`, an array or a `Vec` of tags. The value is
    /// invalidated with the tag, and with each object that carries the tag: see [`queries`](crate::guide::queries).
    /// Pass the same tags with the key each time: a value that was stored with other tags is a miss.
    ///
    /// ```
    /// # #[cfg(feature = "derive")]
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/users.rs"));
    /// # #[cfg(feature = "derive")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (cow, db) = (CacheCow::memory(), Db);
    /// use std::time::Duration;
    /// use cachecow::Key;
    ///
    /// # let counted = std::sync::atomic::AtomicU64::new(0);
    /// # let count_users = async || Ok::<_, io::Error>(counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1);
    /// let count = async || {
    ///     let key = Key::of("user-count:{}", (7,));
    ///     cow.get_or_fetch(key, Duration::from_secs(60), &count_users).tag(User::tag_org_id(7)).await
    /// };
    /// assert_eq!((*count().await?, *count().await?), (1, 1));
    ///
    /// // Ann joins organisation 7: whatever carries its tag is counted anew.
    /// cow.invalidate_object(&User { id: 1, org_id: 7, name: "Ann".into() }).await?;
    /// assert_eq!(*count().await?, 2);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "derive"))] fn main() {}
    /// ```
    ///
    /// # Round trips
    ///
    /// A hit takes none more, if this process has read the value before. A miss takes one more.
    #[expect(clippy::needless_pass_by_value, reason = "a tag is written where it is passed")]
    pub fn tag(mut self, tags: impl QueryTags) -> Self {
        tags.each_epoch(&mut |epoch| self.tags.push(epoch));
        self
    }
}

#[cfg(feature = "blocking")]
impl<'a, F> GetOrFetch<'a, F> {
    /// The same by another function, which is made of this one.
    pub(crate) fn by<G>(self, function: impl FnOnce(F) -> G) -> GetOrFetch<'a, G> {
        let Self { view, key, tags, fetch } = self;
        GetOrFetch { view, key, tags, fetch: function(fetch) }
    }
}

impl<F> Debug for GetOrFetch<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GetOrFetch").field("key", &self.key).finish_non_exhaustive()
    }
}

impl<'a, F, Fut, T, E> IntoFuture for GetOrFetch<'a, F>
where
    F: FnOnce() -> Fut + Send + 'a,
    Fut: Future<Output = Result<T, E>> + Send + 'a,
    T: CacheSchema + Send + Sync + 'static,
    E: Debug + Display + Send + Sync + 'static,
{
    type Output = Result<Arc<T>, Error>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { view, key, tags, fetch } = self;
        let series = stats::template_slot::<T>(key.template()).map(|slot| (slot, key.template()));
        let fetch = Mutex::new(Some(fetch));
        let lookup = AtRunTime { key, series, tags, fetch, value: PhantomData };
        async move {
            let read = view.read_unaudited(&lookup).await?;
            if let Some(answer) = read.value {
                return Ok(answer.shared());
            }
            debug_assert!(matches!(read.source, Source::Cache | Source::Near));
            // The cache holds an absence, but this function always returns a value: someone else wrote that entry.
            let read = view.uncached().read_unaudited(&lookup).await?;
            Ok(read.value.expect("the function itself returned a value").shared())
        }
        .boxed()
    }
}

/// A lookup whose function is called once.
struct AtRunTime<T, F> {
    key: EncodedKey,
    series: Option<(usize, &'static str)>,
    tags: Vec<Key>,
    fetch: Mutex<Option<F>>,
    value: PhantomData<fn() -> T>,
}

/// The query type of all functions that return a `T`.
pub(crate) struct Returning<T>(PhantomData<fn() -> T>);

impl<T: CacheSchema + Send + Sync + 'static> Query for Returning<T> {
    type Value = T;
    type Output = Arc<T>;
    const NAME: &'static str = "get_or_fetch";
    const POLICY: TypePolicy = TypePolicy::new();
    /// Empty: each call has its own template; see [`Lookup::series`].
    const TEMPLATES: &'static [&'static str] = &[];
    const SHAPE: u64 = 0;

    fn output(found: Option<Arc<Answer<Self>>>) -> Option<Arc<T>> {
        found.map(|answer| answer.shared())
    }
}

#[diagnostic::do_not_recommend]
impl<T, F, Fut, E> Lookup for AtRunTime<T, F>
where
    F: FnOnce() -> Fut + Send,
    Fut: Future<Output = Result<T, E>> + Send,
    T: CacheSchema + Send + Sync + 'static,
    E: Debug + Display + Send + Sync + 'static,
{
    type Object = Answer<Returning<T>>;
    type Context = ();
    const NAME: &'static str = "get_or_fetch";
    const TAGGED: bool = true;

    fn key(&self) -> KeyEncoder {
        self.key.encoder().clone()
    }

    fn key_of(object: &Self::Object) -> KeyEncoder {
        object.encoded_key().clone()
    }

    fn finds(&self, object: &Self::Object) -> bool {
        object.encoded_key().as_bytes() == self.key.encoder().as_bytes()
    }

    fn each_epoch(&self, _: Option<&Self::Object>, visit: &mut dyn FnMut(Key)) {
        self.tags.iter().for_each(|tag| visit(*tag));
    }

    fn each_guard(&self, visit: &mut dyn FnMut(Key)) {
        self.each_epoch(None, visit);
    }

    fn series(&self) -> Option<(usize, &'static str)> {
        self.series
    }

    async fn fetch(&self, (): &()) -> Result<Option<Self::Object>, Error> {
        let name = self.key.template();
        let fetch = self.fetch.lock().take();
        let Some(fetch) = fetch else {
            return Err(Error::fetch_opaque(name, "it was called before"));
        };
        match fetch().await {
            Ok(value) => Ok(Some(Answer::new(self.key(), value))),
            Err(error) => Err(Error::fetch_opaque(name, error)),
        }
    }
}
