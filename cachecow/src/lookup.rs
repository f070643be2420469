//! What the derive implements: the cached object, and one lookup for each way to find it.

use std::future::{Future, Ready};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::sample::Audited;
use crate::schema::CacheSchema;
use crate::{Error, Key, KeyEncoder, Tag};

/// A type whose objects are cached; implemented by `#[derive(Cached)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not cached",
    label = "no `Cached`",
    note = "add `#[derive(Cached)]` and at least one `#[cache(key = \"…{{field}}…\", fetch = …)]`"
)]
pub trait Cached: CacheSchema + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The settings from the struct's `#[cache(…)]` attribute.
    const POLICY: TypePolicy;

    /// Visits every key the object is reachable by, the primary one first.
    fn each_key(&self, visit: &mut dyn FnMut(Key));

    /// Whether objects of this type carry tags, by which many are invalidated at once: each read of
    /// one then also asks for the epochs of its tags.
    const TAGGED: bool = false;

    /// Visits every [tag](crate::Tag) that the object carries.
    fn each_tag(&self, visit: &mut dyn FnMut(Tag<Self>))
    where
        Self: Sized,
    {
        let _ = visit;
    }

    /// What the keys of the type's tags begin with. It differs from that of every other type in the
    /// same cache, and is the same in all versions of the program.
    fn tag_scope() -> KeyEncoder
    where
        Self: Sized,
    {
        let mut scope = KeyEncoder::new("");
        Self::write_name(&mut scope);
        scope
    }

    /// This object's own time to live (`ttl_with`), or `None` for the type's. Zero keeps the object
    /// out of the cache.
    fn ttl(&self) -> Option<Duration> {
        None
    }

    /// A number for this type, dense and constant within the process.
    #[doc(hidden)]
    fn type_slot() -> usize {
        crate::stats::generic_slot::<Self>()
    }
}

/// The settings of one cached type; what is `None` is taken from the builder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TypePolicy {
    /// How long a stored object may be served.
    pub ttl: Option<Duration>,
    /// How long the absence of an object may be served; `None` here and in the builder caches no
    /// absence.
    pub negative_ttl: Option<Duration>,
    /// How long beyond its time to live an object may be served while its fetch fails.
    pub stale_if_error: Option<Duration>,
    /// Whether an object is fetched anew shortly before its time to live is over.
    pub refresh_ahead: Option<bool>,
    /// For how long after an invalidation nothing is stored.
    pub settle: Option<Duration>,
    /// Whether objects are kept in this process's memory, where the builder turned that on.
    pub near: Option<bool>,
    /// How long an object is kept there at the most.
    pub near_ttl: Option<Duration>,
}

impl TypePolicy {
    /// Everything as the builder has it.
    pub const fn new() -> Self {
        Self {
            ttl: None,
            negative_ttl: None,
            stale_if_error: None,
            refresh_ahead: None,
            settle: None,
            near: None,
            near_ttl: None,
        }
    }

    /// Sets [`ttl`](Self::ttl).
    #[must_use]
    pub const fn with_ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Sets [`negative_ttl`](Self::negative_ttl).
    #[must_use]
    pub const fn with_negative_ttl(mut self, ttl: Duration) -> Self {
        self.negative_ttl = Some(ttl);
        self
    }

    /// Sets [`stale_if_error`](Self::stale_if_error).
    #[must_use]
    pub const fn with_stale_if_error(mut self, window: Duration) -> Self {
        self.stale_if_error = Some(window);
        self
    }

    /// Sets [`refresh_ahead`](Self::refresh_ahead).
    #[must_use]
    pub const fn with_refresh_ahead(mut self, on: bool) -> Self {
        self.refresh_ahead = Some(on);
        self
    }

    /// Sets [`settle`](Self::settle).
    #[must_use]
    pub const fn with_settle(mut self, time: Duration) -> Self {
        self.settle = Some(time);
        self
    }

    /// Sets [`near`](Self::near).
    #[must_use]
    pub const fn with_near(mut self, on: bool) -> Self {
        self.near = Some(on);
        self
    }

    /// Sets [`near_ttl`](Self::near_ttl).
    #[must_use]
    pub const fn with_near_ttl(mut self, ttl: Duration) -> Self {
        self.near_ttl = Some(ttl);
        self
    }
}

/// One way to look an object up: a key, and the fetch function behind it.
///
/// `#[derive(Cached)]` implements it for `UserById`, `UserByEmail`, …; [`View::get`] and the other
/// reading methods take it.
///
/// [`View::get`]: crate::View::get
pub trait Lookup: Send + Sync {
    /// What is found.
    type Object: Cached;
    /// What the fetch function needs: a connection pool, a client, or `()`.
    type Context: ?Sized + Sync;
    /// How errors and events name this lookup: `User::by_id`.
    const NAME: &'static str;

    /// Whether the object is stored under another lookup's key, the primary one, and this one's only
    /// leads there. If so, [`primary_of`](Self::primary_of) says where.
    const ALIAS: bool = false;

    /// The key that is asked for.
    fn key(&self) -> KeyEncoder;

    /// The key under which `object` would be found by this kind of lookup.
    fn key_of(object: &Self::Object) -> KeyEncoder;

    /// The key under which `object` is stored: [`key_of`](Self::key_of) it by the primary lookup,
    /// which is this one unless it is an [`ALIAS`](Self::ALIAS).
    fn primary_of(object: &Self::Object) -> KeyEncoder {
        Self::key_of(object)
    }

    /// Whether `object` is the one asked for: [`key_of`](Self::key_of) it is [`key`](Self::key). An
    /// object read from a cache is returned only if so.
    fn finds(&self, object: &Self::Object) -> bool {
        self.key().as_bytes() == Self::key_of(object).as_bytes()
    }

    /// Reads the object from the backing store.
    ///
    /// # Errors
    ///
    /// [`Error::fetch`] around the backing store's error.
    fn fetch(
        &self,
        context: &Self::Context,
    ) -> impl Future<Output = Result<Option<Self::Object>, Error>> + Send;

    /// This lookup, for an [`Auditor`](crate::Auditor) to go on with after the read; called in the few
    /// reads that it picks. Where a lookup owns its parts, `Some(Audited::of(self.clone()))`; `None`, the
    /// default, leaves reads by this lookup out, which then count as `audit_skipped`.
    fn audited(&self) -> Option<Audited> {
        None
    }

    /// Reads several objects from the backing store at once, in any order, missing ones left out;
    /// `None` if there is no such way, and then [`fetch`](Self::fetch) is called for each.
    ///
    /// # Errors
    ///
    /// [`Error::fetch`] around the backing store's error.
    fn fetch_many<'a>(
        _lookups: &'a [&'a Self],
        _context: &'a Self::Context,
    ) -> Option<impl Future<Output = Result<Vec<Self::Object>, Error>> + Send + 'a>
    where
        Self: Sized,
    {
        None::<Ready<Result<Vec<Self::Object>, Error>>>
    }
}

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
