//! Reading the answers of cached functions.

use crate::cache::cow::CacheCow;
use crate::cache::view::View;
use crate::error::Error;
use crate::model::lookup::SameContext;
use crate::model::query::QueryLookup;

impl<C: ?Sized + Sync> View<'_, C> {
    /// Returns the result of a [cached function](macro@crate::query), from the cache or by calling it. For a
    /// function that returns `Result<T, E>` this is an `Arc<T>`. For `Result<Option<T>, E>` it is an
    /// `Option<Arc<T>>`.
    ///
    /// ```
    /// # #[cfg(feature = "derive")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), cachecow::Error> {
    /// use cachecow::CacheCow;
    ///
    /// # struct Db;
    /// #[cachecow::query(key = "primes:{below}", ttl = "5m")]
    /// async fn primes(db: &Db, below: u32) -> Result<Vec<u32>, std::io::Error> {
    /// #     let _ = db;
    /// #     Ok((2..below).filter(|n| (2..*n).all(|divisor| n % divisor != 0)).collect())
    ///     // …
    /// }
    ///
    /// let (cow, db) = (CacheCow::memory(), Db);
    /// let below_ten = cow.with(&db).ask(primes::of(10)).await?;
    /// assert_eq!(*below_ten, [2, 3, 5, 7]);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "derive"))] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Fetch`](crate::ErrorKind::Fetch), with the function's own error. Nothing is cached then. The cache
    /// itself is never the reason for an error.
    ///
    /// # Consistency
    ///
    /// Once an invalidation of the query, of one of its tags, or of an object that carries such a tag has returned, later
    /// reads never return a result from before it. A lookup is not an object: `invalidate(Post::by_id(1))` does not reach the
    /// queries. A query without tags is served until its time to live ends, or until the query itself is invalidated.
    /// [The page about queries](crate::guide::queries) has a table.
    ///
    /// # Cancellation
    ///
    /// As [`get`](Self::get).
    ///
    /// # Round trips
    ///
    /// As [`get`](Self::get) of an object without tags. A hit of a query with tags takes one as well, if this process has
    /// read the result before; otherwise it takes two. A miss of a query with tags takes one more.
    #[expect(
        clippy::missing_panics_doc,
        reason = "an uncached read of such a function always has a value"
    )]
    pub async fn ask<Q>(self, query: Q) -> Result<Q::Output, Error>
    where
        Q: QueryLookup<Needs: SameContext<C>>,
    {
        let read = self.read_unaudited(&query).await?;
        self.sample(&query, &read);
        if let Some(output) = Q::output(read.value) {
            return Ok(output);
        }
        // The cache holds an absence, but this function always returns a value: someone else wrote that entry.
        let read = Box::pin(self.uncached().read_unaudited(&query)).await?;
        Ok(Q::output(read.value).expect("the function itself returned a value"))
    }
}

impl CacheCow {
    /// [`View::ask`], for a cached function that needs no context.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Fetch`](crate::ErrorKind::Fetch).
    pub async fn ask<Q>(&self, query: Q) -> Result<Q::Output, Error>
    where
        Q: QueryLookup<Needs: SameContext<()>>,
    {
        self.with(&()).ask(query).await
    }
}
