//! A way to look up an object.

use std::future::{Future, Ready};

use crate::error::Error;
use crate::key::{Key, KeyEncoder};
use crate::model::audited::Audited;
use crate::model::cached::Cached;
use crate::model::tag;

/// A way to look up an object: a key, and the fetch function behind it.
///
/// `#[derive(Cached)]` implements it for `UserById`, `UserByEmail`, …; [`View::get`] and the other
/// reading methods take it.
///
/// [`View::get`]: crate::View::get
///
/// ```
/// # #[cfg(feature = "derive")]
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/users.rs"));
/// # #[cfg(feature = "derive")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (cow, db) = (CacheCow::memory(), Db);
/// use cachecow::Lookup;
///
/// /// Works with any lookup of users.
/// async fn name_of(
///     cow: &CacheCow,
///     db: &Db,
///     lookup: impl Lookup<Object = User, Context = Db>,
/// ) -> Result<Option<String>, cachecow::Error> {
///     Ok(cow.with(db).get(lookup).await?.map(|user| user.name.clone()))
/// }
///
/// assert_eq!(name_of(&cow, &db, User::by_id(1)).await?.as_deref(), Some("Ann"));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a lookup",
    label = "expected a lookup",
    note = "write `User::by_id(42)`; for several, `[1, 2, 3].map(User::by_id)`",
    note = "a list is read by `list`: `cow.with(&context).list(User::list_by_org_id(7))`"
)]
pub trait Lookup: Send + Sync {
    /// The type of the object.
    type Object: Cached;
    /// What the fetch function needs: a connection pool, a client, or `()`.
    type Context: ?Sized + Sync;
    /// How errors and events name this lookup: `User::by_id`.
    const NAME: &'static str;

    /// Whether this lookup is an alias: the object is stored under the key of another lookup, the primary one, and
    /// this lookup's key only points there. If so, [`primary_of`](Self::primary_of) returns the primary key.
    const ALIAS: bool = false;

    /// Returns the key that this lookup asks for.
    fn key(&self) -> KeyEncoder;

    /// Returns the key by which this kind of lookup finds `object`.
    fn key_of(object: &Self::Object) -> KeyEncoder;

    /// Returns the key under which `object` is stored: the [`key_of`](Self::key_of) of the primary
    /// lookup. That is this lookup, unless it is an [`ALIAS`](Self::ALIAS).
    fn primary_of(object: &Self::Object) -> KeyEncoder {
        Self::key_of(object)
    }

    /// Returns whether this lookup asks for `object`: whether its [`key_of`](Self::key_of) equals
    /// [`key`](Self::key). An object read from a cache is returned only if this holds.
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

    /// Whether the cached values carry epochs, which each hit compares.
    #[doc(hidden)]
    const TAGGED: bool = <Self::Object as Cached>::TAGGED || <Self::Object as Cached>::CLEARABLE;

    /// Visits the epochs that the object carries, or its absence.
    #[doc(hidden)]
    #[inline]
    fn each_epoch(&self, object: Option<&Self::Object>, visit: &mut dyn FnMut(Key)) {
        tag::each_epoch(object, visit);
    }

    /// Visits the epochs that are captured before the fetch, and must be the same after it.
    #[doc(hidden)]
    fn each_guard(&self, visit: &mut dyn FnMut(Key)) {
        tag::each_guard::<Self::Object>(visit);
    }

    /// Under which number and name reads by this lookup are counted, if not with its type. The number is like that
    /// of a type. The name is a template, which no other lookup uses then.
    #[doc(hidden)]
    #[inline]
    fn series(&self) -> Option<(usize, &'static str)> {
        None
    }

    /// Returns this lookup for an [`Auditor`](crate::Auditor), which uses it after the read. It is called only for
    /// the few reads that the auditor picks. If the lookup owns its parts, return
    /// `Some(Audited::of(self.clone()))`. With `None`, the default, the auditor does not check reads by this
    /// lookup, and counts them as `audit_skipped`.
    fn audited(&self) -> Option<Audited> {
        None
    }

    /// Reads several objects from the backing store at once, in any order, without those that do
    /// not exist. If it returns `None`, [`fetch`](Self::fetch) is called for each object.
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

/// Says that a lookup's [context](Lookup::Context) has the same type as that of a view.
///
/// ```
/// # #[cfg(feature = "derive")]
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/users.rs"));
/// # #[cfg(feature = "derive")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (cow, db) = (CacheCow::memory(), Db);
/// use cachecow::{Lookup, SameContext};
///
/// /// Works with all lookups of a context, whichever type that is; those of `View` are declared like this.
/// async fn count<C, L>(cow: &CacheCow, context: &C, lookups: Vec<L>) -> Result<usize, cachecow::Error>
/// where
///     C: Sync,
///     L: Lookup<Context: SameContext<C>>,
/// {
///     let found = cow.with(context).get_many(lookups).await?;
///     Ok(found.iter().flatten().count())
/// }
///
/// assert_eq!(count(&cow, &db, [-1, 1, 2].map(User::by_id).into()).await?, 2);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
#[diagnostic::on_unimplemented(
    message = "this lookup's fetch function needs a `{Self}` as its context, but the context is a `{Given}`",
    label = "needs a `{Self}`",
    note = "the context is given by `with`: write `cow.with(&context).get(…)`, `.ask(…)` or `.list(…)`, where \
        `context` is a `{Self}`; without `with` it is `()`"
)]
pub trait SameContext<Given: ?Sized> {
    /// The context, by its other name.
    #[doc(hidden)]
    fn of(given: &Given) -> &Self;
}

#[diagnostic::do_not_recommend]
impl<C: ?Sized> SameContext<C> for C {
    fn of(given: &C) -> &C {
        given
    }
}
