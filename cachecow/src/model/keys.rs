//! What an invalidation or a write names.

use crate::key::Key;
use crate::model::cached::TypePolicy;

/// What an invalidation or a write is about: a lookup (one key), an object (all of its keys), or
/// several of these in an array, a slice, a `Vec` or a tuple.
///
/// `#[derive(Cached)]` implements it for the struct and for its lookups.
#[diagnostic::on_unimplemented(
    message = "`{Self}` names no cache keys",
    label = "expected a lookup, a cached object, or several of them",
    note = "write `User::by_id(42)`, `&user`, `[User::by_id(1), User::by_id(2)]` or a tuple"
)]
pub trait CacheKeys {
    /// Visits every key, with the settings of its type; the same key may be visited more than once.
    fn each_key(&self, visit: &mut dyn FnMut(Key, TypePolicy));
}

impl<K: CacheKeys + ?Sized> CacheKeys for &K {
    fn each_key(&self, visit: &mut dyn FnMut(Key, TypePolicy)) {
        (**self).each_key(visit);
    }
}

impl<K: CacheKeys> CacheKeys for [K] {
    fn each_key(&self, visit: &mut dyn FnMut(Key, TypePolicy)) {
        for keys in self {
            keys.each_key(visit);
        }
    }
}

impl<K: CacheKeys, const N: usize> CacheKeys for [K; N] {
    fn each_key(&self, visit: &mut dyn FnMut(Key, TypePolicy)) {
        self.as_slice().each_key(visit);
    }
}

impl<K: CacheKeys> CacheKeys for Vec<K> {
    fn each_key(&self, visit: &mut dyn FnMut(Key, TypePolicy)) {
        self.as_slice().each_key(visit);
    }
}

impl<K: CacheKeys> CacheKeys for Option<K> {
    fn each_key(&self, visit: &mut dyn FnMut(Key, TypePolicy)) {
        if let Some(keys) = self {
            keys.each_key(visit);
        }
    }
}

impl<K: CacheKeys + ?Sized> CacheKeys for std::sync::Arc<K> {
    fn each_key(&self, visit: &mut dyn FnMut(Key, TypePolicy)) {
        (**self).each_key(visit);
    }
}

impl CacheKeys for Key {
    fn each_key(&self, visit: &mut dyn FnMut(Key, TypePolicy)) {
        visit(*self, TypePolicy::new());
    }
}

macro_rules! tuples {
    ($($($member:ident)*;)*) => {$(
        impl<$($member: CacheKeys),*> CacheKeys for ($($member,)*) {
            fn each_key(&self, visit: &mut dyn FnMut(Key, TypePolicy)) {
                #[allow(non_snake_case, reason = "the macro names each binding after its type")]
                let ($($member,)*) = self;
                $($member.each_key(visit);)*
            }
        }
    )*};
}

tuples! {
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E F;
}
