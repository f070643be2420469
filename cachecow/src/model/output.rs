//! The return types of fetch functions, and their conversion.

use crate::error::Error;

/// What a fetch function may return for objects of type `T`.
#[diagnostic::on_unimplemented(
    message = "a fetch function cannot return `{Self}` here",
    label = "wrong return type",
    note = "a fetch function returns `Result<{T}, E>` or `Result<Option<{T}>, E>`, where `E` is \
            any error"
)]
pub trait FetchOutput<T> {
    /// The fetch function's error.
    type Error;

    /// Converts it to the object, or `None`.
    #[doc(hidden)]
    fn into_found(self) -> Result<Option<T>, Self::Error>;
}

#[diagnostic::do_not_recommend]
impl<T, E> FetchOutput<T> for Result<T, E> {
    type Error = E;

    fn into_found(self) -> Result<Option<T>, E> {
        self.map(Some)
    }
}

#[diagnostic::do_not_recommend]
impl<T, E> FetchOutput<T> for Result<Option<T>, E> {
    type Error = E;

    fn into_found(self) -> Self {
        self
    }
}

/// What a `fetch_many` function may return for objects of type `T`.
#[diagnostic::on_unimplemented(
    message = "a `fetch_many` function cannot return `{Self}` here",
    label = "wrong return type",
    note = "a `fetch_many` function returns `Result<Vec<{T}>, E>`, where `E` is any error"
)]
pub trait FetchManyOutput<T> {
    /// The fetch function's error.
    type Error;

    /// The objects that were found.
    #[doc(hidden)]
    fn into_found(self) -> Result<Vec<T>, Self::Error>;
}

#[diagnostic::do_not_recommend]
impl<T, E> FetchManyOutput<T> for Result<Vec<T>, E> {
    type Error = E;

    fn into_found(self) -> Self {
        self
    }
}

/// The result of a fetch function.
#[inline]
pub fn found<T, O: FetchOutput<T>>(
    output: O,
    into_error: fn(O::Error) -> Error,
) -> Result<Option<T>, Error> {
    output.into_found().map_err(into_error)
}

/// The result of a `fetch_many` function.
#[inline]
pub fn found_many<T, O: FetchManyOutput<T>>(
    output: O,
    into_error: fn(O::Error) -> Error,
) -> Result<Vec<T>, Error> {
    output.into_found().map_err(into_error)
}

/// What a synchronous fetch function may return for objects of type `T`.
#[diagnostic::on_unimplemented(
    message = "a fetch function in `blocking(…)` cannot return `{Self}` here",
    label = "wrong return type",
    note = "in `blocking(…)`, write a function that is not `async`, and that returns `Result<{T}, E>` \
        or `Result<Option<{T}>, E>`, where `E` is any error; for an `async fn`, write `fetch = path` \
        without `blocking`"
)]
pub trait BlockingOutput<T> {
    /// The same type, as the result of an async fetch function.
    type Output: FetchOutput<T>;

    /// Converts it.
    #[doc(hidden)]
    fn output(self) -> Self::Output;
}

#[diagnostic::do_not_recommend]
impl<T, O: FetchOutput<T>> BlockingOutput<T> for O {
    type Output = O;

    fn output(self) -> O {
        self
    }
}

/// What a synchronous `fetch_many` function may return for objects of type `T`.
#[diagnostic::on_unimplemented(
    message = "a `fetch_many` function in `blocking(…)` cannot return `{Self}` here",
    label = "wrong return type",
    note = "in `blocking(…)`, write a function that is not `async`, and that returns `Result<Vec<{T}>, \
        E>`, where `E` is any error; for an `async fn`, write `fetch_many = path` without `blocking`"
)]
pub trait BlockingManyOutput<T> {
    /// The same type, as the result of an async function.
    type Output: FetchManyOutput<T>;

    /// Converts it.
    #[doc(hidden)]
    fn output(self) -> Self::Output;
}

#[diagnostic::do_not_recommend]
impl<T, O: FetchManyOutput<T>> BlockingManyOutput<T> for O {
    type Output = O;

    fn output(self) -> O {
        self
    }
}

/// The result of a synchronous fetch function.
#[inline]
pub fn found_blocking<T, O: BlockingOutput<T>>(
    output: O,
    into_error: fn(<O::Output as FetchOutput<T>>::Error) -> Error,
) -> Result<Option<T>, Error> {
    found(output.output(), into_error)
}

/// The result of a synchronous `fetch_many` function.
#[inline]
pub fn found_many_blocking<T, O: BlockingManyOutput<T>>(
    output: O,
    into_error: fn(<O::Output as FetchManyOutput<T>>::Error) -> Error,
) -> Result<Vec<T>, Error> {
    found_many(output.output(), into_error)
}
