//! The functions of `key_with`, `normalize` and `ttl_with`, each of which takes one value by reference.
//!
//! Generated code calls them directly, so that the compiler coerces the reference (`&String` to `&str`). What they
//! take is checked before, because the compiler's own advice would be to change the attribute.

/// A function, and its arguments as a tuple.
#[diagnostic::on_unimplemented(
    message = "expected a function that takes a reference, found `{Self}`",
    label = "not such a function"
)]
pub trait Taking<Arguments, K> {}

/// The second parameter of [`Taking`], once the compiler knows the function's arguments. Without it, the compiler
/// would first conclude from [`OneReference`] what the function takes, and then report that the function does not.
#[derive(Debug)]
pub struct KnownArguments;

/// Makes the compiler conclude that `K` is [`KnownArguments`].
pub trait Learns<K> {}

impl Learns<KnownArguments> for () {}

macro_rules! arities {
    ($($($argument:ident)*;)*) => {$(
        impl<F, K, Output, $($argument,)*> Taking<($($argument,)*), K> for F
        where
            F: FnOnce($($argument),*) -> Output,
            (): Learns<K>,
        {
        }
    )*};
}

arities! {
    ;
    A;
    A B;
    A B C;
    A B C D;
}

/// Says that a function's arguments, as a tuple, are one reference.
#[diagnostic::on_unimplemented(
    message = "this function must take one argument, a `&{Value}`, but it takes `{Self}`",
    label = "write `fn …(value: &{Value}) -> …` for this function",
    note = "`key_with` and `normalize` pass the field by reference (text may be taken as `&str`), `ttl_with` \
        passes the object by reference"
)]
pub trait OneReference<Value: ?Sized> {
    /// The function's type. If the arguments are wrong, the compiler does not know it, and so reports no further
    /// error in the call.
    type Function<F>;

    /// The function.
    #[doc(hidden)]
    fn checked<F>(function: F) -> Self::Function<F>;
}

#[diagnostic::do_not_recommend]
impl<A: ?Sized, Value: ?Sized> OneReference<Value> for (&A,) {
    type Function<F> = F;

    #[inline]
    fn checked<F>(function: F) -> F {
        function
    }
}

/// The same of a function whose arguments are [`KnownArguments`].
pub trait Checked<Arguments, Value: ?Sized> {
    /// The function's type.
    type Function<F>;

    /// The function.
    #[doc(hidden)]
    fn checked<F>(function: F) -> Self::Function<F>;
}

impl<Arguments: OneReference<Value>, Value: ?Sized> Checked<Arguments, Value> for KnownArguments {
    type Function<F> = Arguments::Function<F>;

    #[inline]
    fn checked<F>(function: F) -> Self::Function<F> {
        Arguments::checked(function)
    }
}

/// Returns the function, if it takes one reference.
#[inline]
pub fn by_reference<Value, F, Arguments, K>(function: F) -> K::Function<F>
where
    Value: ?Sized,
    F: Taking<Arguments, K>,
    K: Checked<Arguments, Value>,
{
    K::checked(function)
}
