//! A cached type, and its settings.

use std::sync::OnceLock;
use std::time::Duration;

use crate::key::{Key, KeyEncoder};
use crate::model::schema::CacheSchema;
use crate::model::tag::Tag;

/// A type whose objects are cached; implemented by `#[derive(Cached)]`.
///
/// ```
/// # #[cfg(feature = "derive")]
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/users.rs"));
/// # #[cfg(feature = "derive")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (cow, db) = (CacheCow::memory(), Db);
/// /// Works with any cached type.
/// async fn forget<T: Cached>(cow: &CacheCow, objects: &[T]) -> Result<(), cachecow::Error> {
///     for object in objects {
///         cow.invalidate_object(object).await?;
///     }
///     Ok(())
/// }
///
/// let ann = User { id: 1, org_id: 7, name: "Ann".into() };
/// forget(&cow, &[ann]).await?;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not cached",
    label = "no `Cached`",
    note = "add `#[derive(Cached)]` and at least one `#[cache(key = \"…{{field}}…\", fetch = …)]`"
)]
pub trait Cached: CacheSchema + Send + Sync + 'static {
    /// The settings from the struct's `#[cache(…)]` attribute.
    const POLICY: TypePolicy;

    /// The templates of the type's keys, each with its placeholders emptied. If two types have the same template,
    /// the second one that a [`CacheCow`](crate::CacheCow) uses is not cached, and the clash is reported.
    const TEMPLATES: &'static [&'static str] = &[];

    /// Visits every key of the object, the primary key first: those of its lookups, and those of the lists it
    /// belongs to.
    fn each_key(&self, visit: &mut dyn FnMut(Key));

    /// Whether objects of this type carry tags, which invalidate many objects at once. Each read of
    /// such an object also asks for the epochs of its tags.
    const TAGGED: bool = false;

    /// Visits every [tag](crate::Tag) that the object carries.
    fn each_tag(&self, visit: &mut dyn FnMut(Tag<Self>))
    where
        Self: Sized,
    {
        let _ = visit;
    }

    /// Returns the first parts of the keys of the type's tags. They must differ from those of every
    /// other type in the same cache, and stay the same in all versions of the program.
    fn tag_scope() -> KeyEncoder
    where
        Self: Sized,
    {
        let mut scope = KeyEncoder::new("");
        Self::write_name(&mut scope);
        scope
    }

    /// Whether everything of the type can be invalidated at once. If `true`, implement [`Clearable`] too.
    const CLEARABLE: bool = false;

    /// The key of the epoch that everything of the type carries, if the type is clearable.
    /// [`CacheCow::invalidate_type`](crate::CacheCow::invalidate_type) changes this epoch.
    #[doc(hidden)]
    fn whole() -> Key
    where
        Self: Sized,
    {
        whole::<Self>()
    }

    /// Returns this object's own time to live (`ttl_with`), or `None` for the type's. An object
    /// with zero is not stored.
    fn ttl(&self) -> Option<Duration> {
        None
    }

    /// A description of the keys, lists, tags and fields for a [manifest](crate::manifest), as
    /// members of a JSON object.
    #[doc(hidden)]
    const DESCRIPTION: &'static str = "";

    /// The fingerprints of the lists, in the description's order.
    #[doc(hidden)]
    const LIST_FINGERPRINTS: &'static [u64] = &[];

    /// A number for this type: numbers are consecutive, and constant within the process.
    #[doc(hidden)]
    fn type_slot() -> usize {
        crate::stats::generic_slot::<Self>()
    }
}

fn whole<T: Cached>() -> Key {
    let mut parts = T::tag_scope();
    // No template is empty, so no tag has this key.
    parts.str("");
    parts.key()
}

/// What [`Cached::whole`] returns, computed once; every hit asks for it.
#[derive(Debug, Default)]
pub struct WholeKey(OnceLock<Key>);

impl WholeKey {
    /// Makes an empty slot; the key is computed on first use.
    pub const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// Returns the key for this type.
    #[inline]
    pub fn get<T: Cached>(&self) -> Key {
        *self.0.get_or_init(whole::<T>)
    }
}

/// A type whose objects can all be invalidated at once, with
/// [`CacheCow::invalidate_type`](crate::CacheCow::invalidate_type) or [`AllOf`](crate::AllOf).
///
/// `#[derive(Cached)]` implements it for a struct with `#[cache(clearable = true)]` or with a `table`. If you
/// implement it by hand, [`Cached::CLEARABLE`] must be `true`, too.
///
/// ```
/// # #[cfg(feature = "derive")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use cachecow::{CacheCow, Cached, Clearable, Source};
///
/// #[derive(Cached)]
/// #[cache(clearable = true)]
/// #[cache(key = "rate:{currency}", fetch = Rate::find)]
/// struct Rate { currency: String, rate: f64 }
/// # impl Rate {
/// #     async fn find(currency: &str) -> Result<Rate, std::io::Error> {
/// #         Ok(Rate { currency: currency.to_owned(), rate: 0.95 })
/// #     }
/// # }
///
/// /// After the nightly import of a table, of any type of which everything can be invalidated.
/// async fn imported<T: Clearable>(cow: &CacheCow) -> Result<(), cachecow::Error> {
///     println!("{} is read anew", T::NAME);
///     cow.invalidate_type::<T>().await
/// }
///
/// let cow = CacheCow::memory();
/// cow.get(Rate::by_currency("CHF")).await?;
/// imported::<Rate>(&cow).await?;
/// assert_eq!(cow.read(Rate::by_currency("CHF")).await?.source, Source::Fetched);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be invalidated as a whole",
    label = "not clearable",
    note = "add `#[cache(clearable = true)]` to the struct; each hit then compares one more epoch, in \
        the same round trip"
)]
pub trait Clearable: Cached {}

/// The settings of one cached type. A setting that is `None` is taken from the builder.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use cachecow::{CacheCow, CacheKeys, Key, KeySet, TypePolicy};
///
/// /// A report that fetch functions read from a replica, which is up to two seconds late.
/// struct Report(u32);
///
/// impl CacheKeys for Report {
///     fn add_to(&self, set: &mut KeySet) {
///         let policy = TypePolicy::new().with_settle(Duration::from_secs(2));
///         set.add(Key::of("report:{}", (self.0,)).key(), policy);
///     }
/// }
///
/// // For two seconds from now, nothing that is read is stored.
/// CacheCow::memory().invalidate(Report(7)).await?;
/// # Ok(())
/// # }
/// ```
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
    /// How long a read of [`CacheCow::with_shared`](crate::CacheCow::with_shared) waits for a fetch before it is
    /// served an object past its time to live.
    pub soft_timeout: Option<Duration>,
    /// Whether an object is refreshed shortly before its time to live ends.
    pub refresh_ahead: Option<bool>,
    /// How long after an invalidation nothing is stored.
    pub settle: Option<Duration>,
    /// Whether objects are kept in this process's memory, if the builder enables the near tier.
    pub near: Option<bool>,
    /// How long an object is kept there at most.
    pub near_ttl: Option<Duration>,
}

impl TypePolicy {
    /// Returns settings that are all taken from the builder.
    pub const fn new() -> Self {
        Self {
            ttl: None,
            negative_ttl: None,
            stale_if_error: None,
            soft_timeout: None,
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

    /// Sets [`soft_timeout`](Self::soft_timeout).
    #[must_use]
    pub const fn with_soft_timeout(mut self, time: Duration) -> Self {
        self.soft_timeout = Some(time);
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
