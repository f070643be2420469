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

    /// The templates of the type's keys, each with its placeholders emptied. Of two types with one template
    /// the second to be used in a [`CacheCow`](crate::CacheCow) is not cached there, and reported.
    const TEMPLATES: &'static [&'static str] = &[];

    /// Visits every key the object is reachable by, the primary one first: its lookups' and those of the lists that
    /// it is in.
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

    /// Whether everything of the type can be invalidated at once; see [`Clearable`], which is implemented beside it.
    const CLEARABLE: bool = false;

    /// The key of the epoch that everything of the type carries, if the type is clearable. It ends with
    /// [`CacheCow::invalidate_type`](crate::CacheCow::invalidate_type).
    #[doc(hidden)]
    fn whole() -> Key
    where
        Self: Sized,
    {
        whole::<Self>()
    }

    /// This object's own time to live (`ttl_with`), or `None` for the type's. Zero keeps the object
    /// out of the cache.
    fn ttl(&self) -> Option<Duration> {
        None
    }

    /// How keys, lists and tags are put together and what the fields are called, for a
    /// [manifest](crate::manifest): members of a JSON object.
    #[doc(hidden)]
    const DESCRIPTION: &'static str = "";

    /// The fingerprints of the lists, in the description's order.
    #[doc(hidden)]
    const LIST_FINGERPRINTS: &'static [u64] = &[];

    /// A number for this type, dense and constant within the process.
    #[doc(hidden)]
    fn type_slot() -> usize {
        crate::stats::generic_slot::<Self>()
    }
}

fn whole<T: Cached>() -> Key {
    let mut parts = T::tag_scope();
    // No template is empty, so that no tag has this key.
    parts.str("");
    parts.key()
}

/// What [`Cached::whole`] returns, computed once; every hit asks for it.
#[derive(Debug, Default)]
pub struct WholeKey(OnceLock<Key>);

impl WholeKey {
    /// Not computed yet.
    pub const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// That of this type.
    #[inline]
    pub fn get<T: Cached>(&self) -> Key {
        *self.0.get_or_init(whole::<T>)
    }
}

/// A type of which everything can be invalidated at once, by
/// [`CacheCow::invalidate_type`](crate::CacheCow::invalidate_type) or as [`AllOf`](crate::AllOf).
///
/// `#[derive(Cached)]` implements it for a struct with `#[cache(clearable = true)]` or with a `table`. By hand,
/// [`Cached::CLEARABLE`] has to be `true`, too.
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
    note = "add `#[cache(clearable = true)]` to the struct; each hit then compares one epoch more, in its one round trip"
)]
pub trait Clearable: Cached {}

/// The settings of one cached type; what is `None` is taken from the builder.
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
    /// How long a read that shares its context waits for a fetch before it is served an object past its time to
    /// live.
    pub soft_timeout: Option<Duration>,
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
