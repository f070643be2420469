//! The return types of a list's fetch function.

use crate::error::Error;

/// What a list's fetch function returned.
///
/// ```
/// # #[cfg(feature = "derive")]
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/users.rs"));
/// # #[cfg(feature = "derive")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (cow, db) = (CacheCow::memory(), Db);
/// use cachecow::{Error, ListLookup, Listed};
///
/// /// How many objects a list's fetch function brings, as objects or as lookups alone.
/// async fn fetched<L: ListLookup>(list: &L, context: &L::Context) -> Result<usize, Error> {
///     Ok(match list.fetch(context).await? {
///         Listed::Objects(objects) => objects.len(),
///         Listed::Members(lookups) => lookups.len(),
///     })
/// }
///
/// assert_eq!(fetched(&User::list_by_org_id(7), &db).await?, 1);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
#[derive(Clone, Debug)]
pub enum Listed<T, M> {
    /// The objects. They are not stored: each is read under its own key.
    Objects(Vec<T>),
    /// The primary lookups of the objects.
    Members(Vec<M>),
}

/// What the fetch function of a list may return, for objects of type `T` with the primary lookup `M`. `Way` is
/// inferred.
#[diagnostic::on_unimplemented(
    message = "the fetch function of a list cannot return `{Self}`",
    label = "wrong return type",
    note = "the fetch function of a list returns `Result<Vec<{T}>, E>`, or the primary lookups alone, `Result<Vec<{M}>, \
            E>`, where `E` is any error"
)]
pub trait ListOutput<T, M, Way> {
    /// The fetch function's error.
    type Error;

    /// What was found, in order.
    #[doc(hidden)]
    fn into_listed(self) -> Result<Listed<T, M>, Self::Error>;
}

/// The `Way` of a function that returns objects.
#[derive(Debug)]
pub struct OfObjects;

/// The `Way` of a function that returns lookups.
#[derive(Debug)]
pub struct OfMembers;

#[diagnostic::do_not_recommend]
impl<T, M, E> ListOutput<T, M, OfObjects> for Result<Vec<T>, E> {
    type Error = E;

    fn into_listed(self) -> Result<Listed<T, M>, E> {
        self.map(Listed::Objects)
    }
}

#[diagnostic::do_not_recommend]
impl<T, M, E> ListOutput<T, M, OfMembers> for Result<Vec<M>, E> {
    type Error = E;

    fn into_listed(self) -> Result<Listed<T, M>, E> {
        self.map(Listed::Members)
    }
}

/// The result of a list's fetch function.
#[inline]
pub fn listed<T, M, Way, O: ListOutput<T, M, Way>>(
    output: O,
    into_error: fn(O::Error) -> Error,
) -> Result<Listed<T, M>, Error> {
    output.into_listed().map_err(into_error)
}

/// What a synchronous fetch function of a list may return, for objects of type `T` with the primary lookup `M`.
#[diagnostic::on_unimplemented(
    message = "the fetch function of a list in `blocking(…)` cannot return `{Self}`",
    label = "wrong return type",
    note = "in `blocking(…)`, write a function that is not `async`, and that returns `Result<Vec<{T}>, \
        E>`, or the primary lookups alone, `Result<Vec<{M}>, E>`, where `E` is any error; for an `async \
        fn`, write `fetch = path` without `blocking`"
)]
pub trait BlockingListOutput<T, M, Way> {
    /// The same type, as the result of an async fetch function.
    type Output: ListOutput<T, M, Way>;

    /// Converts it.
    #[doc(hidden)]
    fn output(self) -> Self::Output;
}

#[diagnostic::do_not_recommend]
impl<T, M, Way, O: ListOutput<T, M, Way>> BlockingListOutput<T, M, Way> for O {
    type Output = O;

    fn output(self) -> O {
        self
    }
}

/// The result of a list's synchronous fetch function.
#[inline]
pub fn listed_blocking<T, M, Way, O: BlockingListOutput<T, M, Way>>(
    output: O,
    into_error: fn(<O::Output as ListOutput<T, M, Way>>::Error) -> Error,
) -> Result<Listed<T, M>, Error> {
    listed(output.output(), into_error)
}
