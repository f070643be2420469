//! One way to look an object up.

use std::future::{Future, Ready};

use crate::error::Error;
use crate::key::{Key, KeyEncoder};
use crate::model::audited::Audited;
use crate::model::cached::Cached;
use crate::model::tag;

/// One way to look an object up: a key, and the fetch function behind it.
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
    message = "`{Self}` is no lookup",
    label = "expected a lookup",
    note = "write `User::by_id(42)`; for several, `[1, 2, 3].map(User::by_id)`",
    note = "a list is read by `list`: `cow.with(&context).list(User::list_by_org_id(7))`"
)]
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

    /// Whether what is found carries epochs, which each hit compares.
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

    /// Where reads by this lookup are counted, if not with its type: a number like the type's, and a name. It is
    /// that of a template, which then is the lookup's alone.
    #[doc(hidden)]
    #[inline]
    fn series(&self) -> Option<(usize, &'static str)> {
        None
    }

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

/// That a lookup's [context](Lookup::Context) is the one that a view has: of the same type.
#[diagnostic::on_unimplemented(
    message = "this lookup's fetch function needs a `{Self}`, and is given a `{Given}`",
    label = "needs a `{Self}`",
    note = "a struct with `context = Type` is read with a `&Type`, by `cow.with(&context).get(…)`; one without, by \
            `cow.get(…)`"
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
