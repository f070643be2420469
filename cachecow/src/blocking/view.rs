//! Reading through the cache.

use std::sync::Arc;
use std::time::Duration;

use super::get_or_fetch::GetOrFetch;
use super::runtime::Runtime;
use crate::cache::peek::Peek;
use crate::cache::read::{Read, ReadOptions};
use crate::cache::{shared, view};
use crate::error::Error;
use crate::key::EncodedKey;
use crate::model::list::ListLookup;
use crate::model::lookup::{Lookup, SameContext};
use crate::model::query::QueryLookup;

/// A [`CacheCow`](super::CacheCow) together with what the fetch functions need.
///
/// ```
/// # #[cfg(feature = "derive")]
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/users.rs"));
/// # #[cfg(feature = "derive")]
/// # fn main() -> Result<(), cachecow::Error> {
/// # let (cow, db) = (cachecow::blocking::CacheCow::memory()?, Db);
/// use cachecow::{ReadOptions, Source};
///
/// let users = cow.with(&db);                                  // a view: two references, and `Copy`
/// let ann = users.get(User::by_id(1))?;
/// let team = users.get_many([1, 2].map(User::by_id))?;
/// assert_eq!((ann.as_ref(), team.len()), (team[0].as_ref(), 2));
///
/// let read = users.read_with(User::by_id(1), ReadOptions::new().fresh())?;
/// assert_eq!((read.value, read.source), (ann, Source::Fetched));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
#[derive(Debug)]
pub struct View<'a, C: ?Sized> {
    pub(super) runtime: &'a Runtime,
    pub(super) view: view::View<'a, C>,
}

/// A [`View`] whose loads may outlive the call, as those of [`SharedView`](crate::SharedView).
///
/// ```
/// # #[cfg(feature = "derive")]
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/users.rs"));
/// # #[cfg(feature = "derive")]
/// # fn main() -> Result<(), cachecow::Error> {
/// # let (cow, db) = (cachecow::blocking::CacheCow::memory()?, Db);
/// use std::sync::Arc;
///
/// # let db = Arc::new(db);
/// let users = cow.with_shared(&db);                           // `db` is an `Arc`: a load may outlive the call
/// assert_eq!(users.get(User::by_id(1))?.unwrap().name, "Ann");
/// assert_eq!(users.list(User::list_by_org_id(7))?.len(), 1);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
#[derive(Debug)]
pub struct SharedView<'a, C: ?Sized> {
    pub(super) runtime: &'a Runtime,
    pub(super) view: shared::SharedView<'a, C>,
}

impl<C: ?Sized> View<'_, C> {
    /// [`View::uncached`](crate::View::uncached).
    #[must_use]
    pub fn uncached(self) -> Self {
        Self { view: self.view.uncached(), ..self }
    }
}

impl<'a, C: ?Sized> View<'a, C> {
    /// [`View::get_or_fetch`](crate::View::get_or_fetch), by a function that blocks. It begins with
    /// [`run`](GetOrFetch::run).
    pub fn get_or_fetch<F>(self, key: EncodedKey, ttl: Duration, fetch: F) -> GetOrFetch<'a, F> {
        GetOrFetch { runtime: self.runtime, asynchronous: self.view.get_or_fetch(key, ttl, fetch) }
    }
}

impl<C: ?Sized + Sync> View<'_, C> {
    /// [`View::ask`](crate::View::ask).
    ///
    /// # Errors
    ///
    /// As those of it.
    pub fn ask<Q>(self, query: Q) -> Result<Q::Output, Error>
    where
        Q: QueryLookup<Needs: SameContext<C>>,
    {
        self.runtime.wait("ask", self.view.ask(query))
    }
}

/// The methods that both views have. `$asynchronous` names the view that they wait for.
macro_rules! reads {
    ($view:ident $asynchronous:literal, $($bound:path),*; $lookup:path, $list:path $(, $static:lifetime)?) => {
        impl<C: ?Sized> Clone for $view<'_, C> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<C: ?Sized> Copy for $view<'_, C> {}

        impl<C: ?Sized> $view<'_, C> {
            #[doc = concat!("[`", $asynchronous, "::past_near`](crate::", $asynchronous, "::past_near).")]
            #[must_use]
            pub fn past_near(self) -> Self {
                Self { view: self.view.past_near(), ..self }
            }

            #[doc = concat!("[`", $asynchronous, "::fresh`](crate::", $asynchronous, "::fresh).")]
            #[must_use]
            pub fn fresh(self) -> Self {
                Self { view: self.view.fresh(), ..self }
            }

            #[doc = concat!("[`", $asynchronous, "::ttl`](crate::", $asynchronous, "::ttl).")]
            #[must_use]
            pub fn ttl(self, ttl: Duration) -> Self {
                Self { view: self.view.ttl(ttl), ..self }
            }

            #[doc = concat!("[`", $asynchronous, "::no_store`](crate::", $asynchronous, "::no_store).")]
            #[must_use]
            pub fn no_store(self) -> Self {
                Self { view: self.view.no_store(), ..self }
            }
        }

        impl<C: ?Sized $(+ $bound)* $(+ $static)?> $view<'_, C> {
            #[doc = concat!("[`", $asynchronous, "::get`](crate::", $asynchronous, "::get).")]
            ///
            /// # Errors
            ///
            /// As those of it.
            pub fn get<L: $lookup $(+ $static)?>(self, lookup: L) -> Result<Option<Arc<L::Object>>, Error> {
                self.runtime.wait("get", self.view.get(lookup))
            }

            #[doc = concat!("[`", $asynchronous, "::get_many`](crate::", $asynchronous, "::get_many).")]
            ///
            /// # Errors
            ///
            /// As those of it.
            pub fn get_many<L: $lookup $(+ $static)?>(
                self,
                lookups: impl IntoIterator<Item = L>,
            ) -> Result<Vec<Option<Arc<L::Object>>>, Error> {
                self.runtime.wait("get_many", self.view.get_many(lookups))
            }

            #[doc = concat!("[`", $asynchronous, "::list`](crate::", $asynchronous, "::list).")]
            ///
            /// # Errors
            ///
            /// As those of it.
            pub fn list<L: $list>(self, list: L) -> Result<Vec<Arc<L::Object>>, Error> {
                self.runtime.wait("list", self.view.list(list))
            }

            #[doc = concat!("[`", $asynchronous, "::read`](crate::", $asynchronous, "::read).")]
            ///
            /// # Errors
            ///
            /// As those of it.
            pub fn read<L: $lookup $(+ $static)?>(self, lookup: L) -> Result<Read<L::Object>, Error> {
                self.runtime.wait("read", self.view.read(lookup))
            }

            #[doc = concat!("[`", $asynchronous, "::read_with`](crate::", $asynchronous, "::read_with).")]
            ///
            /// # Errors
            ///
            /// As those of it.
            pub fn read_with<L: $lookup $(+ $static)?>(
                self,
                lookup: L,
                options: ReadOptions,
            ) -> Result<Read<L::Object>, Error> {
                self.runtime.wait("read_with", self.view.read_with(lookup, options))
            }

            #[doc = concat!("[`", $asynchronous, "::peek`](crate::", $asynchronous, "::peek).")]
            ///
            /// # Errors
            ///
            /// As those of it.
            pub fn peek<L: Lookup>(self, lookup: L) -> Result<Peek<L::Object>, Error> {
                self.runtime.wait("peek", self.view.peek(lookup))
            }
        }
    };
}

reads!(View "View", Sync; Lookup<Context: SameContext<C>>, ListLookup<Context: SameContext<C>>);
reads!(SharedView "SharedView", Send, Sync; Lookup<Context = C>, ListLookup<Context = C>, 'static);
