//! The call of a fetch function, in steps, so that a compiler error names what does not fit: the number of
//! arguments, the type of one argument, or a function that is not async.

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

/// A function, its arguments as a tuple, and its return type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be called as a fetch function",
    label = "expected a function with up to 8 arguments"
)]
pub trait Function<Arguments, Output> {
    /// Calls it.
    #[doc(hidden)]
    fn call(self, arguments: Arguments) -> Output;
}

/// Says that `Arguments` can be made from `Given`: the same number, each by [`GivenAs`]. All functions implement
/// this trait, because compiler errors do not list the implementations of a trait that all types implement.
#[diagnostic::on_unimplemented(
    message = "the fetch function is passed `{Given}`, but it takes `{Arguments}`",
    label = "this function is passed `{Given}`",
    note = "if the struct has `context = Type`, a fetch function takes `&Type` first; then each field \
        of the key, or in `fetch_many` a slice of them; it has no `self`"
)]
pub trait Takes<Given, Arguments> {
    /// The arguments.
    #[doc(hidden)]
    fn take(given: Given) -> Arguments;
}

/// Says that a function's first argument, before the given ones, is a reference to this type. No type implements it.
#[diagnostic::on_unimplemented(
    message = "the fetch function takes a `&{Self}` first, which it is not passed",
    label = "takes a `&{Self}` more than it is passed",
    note = "a fetch function has no `self`, because it is called before there is an object: if it is a method, \
        remove `self`",
    note = "if the `&{Self}` is the context, add `#[cache(context = {Self})]` to the struct"
)]
pub trait NotPassed {
    /// The argument.
    #[doc(hidden)]
    fn first<'a>() -> &'a Self;
}

/// Says that argument `N`, counted from one, can be made from this type: it is the same type, or a common reference
/// to it.
#[diagnostic::on_unimplemented(
    message = "argument {N} of the fetch function is passed as `{Self}`, but the function takes `{Argument}`",
    label = "write `{Self}` for argument {N} of this function"
)]
pub trait GivenAs<Argument, const N: usize> {
    /// The argument.
    #[doc(hidden)]
    fn take(self) -> Argument;
}

impl<T, const N: usize> GivenAs<T, N> for T {
    #[inline]
    fn take(self) -> T {
        self
    }
}

/// The compiler's own coercions of a reference.
macro_rules! coercions {
    ($([$($parameters:tt)*] $given:ty => $taken:ty;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<'a, $($parameters)* const N: usize> GivenAs<&'a $taken, N> for &'a $given {
            #[inline]
            fn take(self) -> &'a $taken {
                self
            }
        }
    )*};
}

coercions! {
    [] String => str;
    [T,] Vec<T> => [T];
    [T, const LEN: usize,] [T; LEN] => [T];
    [T: ?Sized,] Box<T> => T;
    [T: ?Sized,] Rc<T> => T;
    [T: ?Sized,] Arc<T> => T;
    [T: ToOwned + ?Sized,] Cow<'_, T> => T;
}

macro_rules! arities {
    ($($($taken:ident $given:ident $position:literal)*;)*) => {$(
        impl<F, $($taken,)* $($given,)*> Takes<($($given,)*), ($($taken,)*)> for F
        where
            $($given: GivenAs<$taken, $position>,)*
        {
            #[inline]
            #[allow(non_snake_case, clippy::unused_unit, reason = "the macro names each argument after its type")]
            fn take(($($given,)*): ($($given,)*)) -> ($($taken,)*) {
                ($($given.take(),)*)
            }
        }

        impl<'a, F, C: NotPassed + ?Sized, $($taken,)* $($given,)*>
            Takes<($($given,)*), (&'a C, $($taken,)*)> for F
        where
            $($given: GivenAs<$taken, $position>,)*
        {
            #[allow(non_snake_case, reason = "the macro names each argument after its type")]
            fn take(($($given,)*): ($($given,)*)) -> (&'a C, $($taken,)*) {
                (C::first(), $($given.take(),)*)
            }
        }

        /// No function takes this. Because of it, the compiler does not conclude that a function whose first argument
        /// it does not know yet takes a reference.
        impl<F, $($taken,)* $($given,)*> Takes<($($given,)*), (NoWay, $($taken,)*)> for F
        where
            $($given: GivenAs<$taken, $position>,)*
        {
            #[allow(non_snake_case, reason = "the macro names each argument after its type")]
            fn take(($($given,)*): ($($given,)*)) -> (NoWay, $($taken,)*) {
                (NoWay, $($given.take(),)*)
            }
        }

        impl<F, $($taken,)* Output> Function<($($taken,)*), Output> for F
        where
            F: FnOnce($($taken),*) -> Output,
        {
            #[inline]
            #[allow(non_snake_case, reason = "the macro names each argument after its type")]
            fn call(self, ($($taken,)*): ($($taken,)*)) -> Output {
                self($($taken),*)
            }
        }
    )*};
}

arities! {
    ;
    A0 B0 1;
    A0 B0 1 A1 B1 2;
    A0 B0 1 A1 B1 2 A2 B2 3;
    A0 B0 1 A1 B1 2 A2 B2 3 A3 B3 4;
    A0 B0 1 A1 B1 2 A2 B2 3 A3 B3 4 A4 B4 5;
    A0 B0 1 A1 B1 2 A2 B2 3 A3 B3 4 A4 B4 5 A5 B5 6;
    A0 B0 1 A1 B1 2 A2 B2 3 A3 B3 4 A4 B4 5 A5 B5 6 A6 B6 7;
    A0 B0 1 A1 B1 2 A2 B2 3 A3 B3 4 A4 B4 5 A5 B5 6 A6 B6 7 A7 B7 8;
}

/// The return type of a fetch function: a future. `Way` is inferred. It has two possible types, so that the
/// compiler reports this trait, and not the condition of the only implementation.
#[diagnostic::on_unimplemented(
    message = "the fetch function is not async: it returns `{Self}`",
    label = "not an `async fn`",
    note = "write `async fn`; or, for a function that blocks, `fetch = blocking(path)` or `fetch_many = blocking(path)`"
)]
pub trait Fetching<Way> {
    /// The future.
    type Future;

    /// The future.
    #[doc(hidden)]
    fn future(self) -> Self::Future;
}

/// The `Way` of a future.
#[derive(Debug)]
pub struct Async;

/// A second `Way`, which no type uses.
#[derive(Debug)]
pub struct NoWay;

/// A trait that no type implements.
pub trait Nothing {}

impl<F: IntoFuture> Fetching<Async> for F {
    type Future = F::IntoFuture;

    #[inline]
    fn future(self) -> F::IntoFuture {
        self.into_future()
    }
}

impl<F: Nothing> Fetching<NoWay> for F {
    type Future = F;

    fn future(self) -> F {
        self
    }
}

/// Calls a fetch function.
#[inline]
pub fn call<Given, F, Arguments, Output, Way>(given: Given, function: F) -> Output::Future
where
    F: Function<Arguments, Output> + Takes<Given, Arguments>,
    Output: Fetching<Way>,
{
    function.call(F::take(given)).future()
}

/// Calls a synchronous fetch function.
#[inline]
pub fn call_blocking<Given, F, Arguments, Output>(given: Given, function: F) -> Output
where
    F: Function<Arguments, Output> + Takes<Given, Arguments>,
{
    function.call(F::take(given))
}
