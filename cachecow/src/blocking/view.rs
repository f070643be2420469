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

/// A [`CacheCow`](super::CacheCow) together with what the fetch functions need; what
/// [`CacheCow::with`](super::CacheCow::with) returns.
///
/// Each method calls the method of the same name of the async [`View`](crate::View), and blocks until it is done. Inside an
/// async runtime, the reads return [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported).
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

/// A [`View`] whose loads may outlive the call; what [`CacheCow::with_shared`](super::CacheCow::with_shared) returns.
///
/// Each method calls the method of the same name of the async [`SharedView`](crate::SharedView), and blocks until it is done.
/// Inside an async runtime, the reads return [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported).
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
    /// Returns the same view without the cache: every read calls the fetch function, and nothing is looked up, claimed or
    /// stored. Use it in an open transaction. See the async [`uncached`](crate::View::uncached).
    #[must_use]
    pub fn uncached(self) -> Self {
        Self { view: self.view.uncached(), ..self }
    }
}

impl<'a, C: ?Sized> View<'a, C> {
    /// Prepares a read of the value under `key`; on a miss, `fetch` is called, and its result is stored for `ttl`. The
    /// function is synchronous. Call [`run`](GetOrFetch::run) to read.
    pub fn get_or_fetch<F>(self, key: EncodedKey, ttl: Duration, fetch: F) -> GetOrFetch<'a, F> {
        GetOrFetch { runtime: self.runtime, asynchronous: self.view.get_or_fetch(key, ttl, fetch) }
    }
}

impl<C: ?Sized + Sync> View<'_, C> {
    /// Returns the result of a [cached function](macro@crate::query), from the cache or by calling the function. The function
    /// is async, and is polled on the caller's thread.
    ///
    /// # Errors
    ///
    /// The same as the async [`ask`](crate::View::ask)'s.
    pub fn ask<Q>(self, query: Q) -> Result<Q::Output, Error>
    where
        Q: QueryLookup<Needs: SameContext<C>>,
    {
        self.runtime.wait("ask", self.view.ask(query))
    }
}

/// The methods that both views have. `$asynchronous` names the async view that they call.
macro_rules! reads {
    ($view:ident $asynchronous:literal, $($bound:path),*; $lookup:path, $list:path $(, $static:lifetime)?) => {
        impl<C: ?Sized> Clone for $view<'_, C> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<C: ?Sized> Copy for $view<'_, C> {}

        impl<C: ?Sized> $view<'_, C> {
            /// Returns the same view, with reads that bypass this process's memory (the near tier).
            #[doc = concat!("See the async [`past_near`](crate::", $asynchronous, "::past_near).")]
            #[must_use]
            pub fn past_near(self) -> Self {
                Self { view: self.view.past_near(), ..self }
            }

            /// Returns the same view, with reads that always fetch and replace the cached object.
            #[doc = concat!("See the async [`fresh`](crate::", $asynchronous, "::fresh).")]
            #[must_use]
            pub fn fresh(self) -> Self {
                Self { view: self.view.fresh(), ..self }
            }

            /// Returns the same view, with reads that store with this time to live.
            #[doc = concat!("See the async [`ttl`](crate::", $asynchronous, "::ttl).")]
            #[must_use]
            pub fn ttl(self, ttl: Duration) -> Self {
                Self { view: self.view.ttl(ttl), ..self }
            }

            /// Returns the same view, with reads that store nothing.
            #[doc = concat!("See the async [`no_store`](crate::", $asynchronous, "::no_store).")]
            #[must_use]
            pub fn no_store(self) -> Self {
                Self { view: self.view.no_store(), ..self }
            }
        }

        impl<C: ?Sized $(+ $bound)* $(+ $static)?> $view<'_, C> {
            /// Returns the object, from the cache or from its fetch function; `None` if it does not exist.
            ///
            /// # Errors
            ///
            #[doc = concat!("The same as the async [`get`](crate::", $asynchronous, "::get)'s.")]
            pub fn get<L: $lookup $(+ $static)?>(self, lookup: L) -> Result<Option<Arc<L::Object>>, Error> {
                self.runtime.wait("get", self.view.get(lookup))
            }

            /// Returns one entry for each lookup, in the same order, duplicates included; `None` for objects that do
            /// not exist.
            ///
            /// # Errors
            ///
            #[doc = concat!("The same as the async [`get_many`](crate::", $asynchronous, "::get_many)'s.")]
            pub fn get_many<L: $lookup $(+ $static)?>(
                self,
                lookups: impl IntoIterator<Item = L>,
            ) -> Result<Vec<Option<Arc<L::Object>>>, Error> {
                self.runtime.wait("get_many", self.view.get_many(lookups))
            }

            /// Returns the objects of a list, in the order in which its fetch function returned them.
            ///
            /// # Errors
            ///
            #[doc = concat!("The same as the async [`list`](crate::", $asynchronous, "::list)'s.")]
            pub fn list<L: $list>(self, list: L) -> Result<Vec<Arc<L::Object>>, Error> {
                self.runtime.wait("list", self.view.list(list))
            }

            /// Reads like [`get`](Self::get), and also says where the object came from.
            ///
            /// # Errors
            ///
            #[doc = concat!("The same as the async [`read`](crate::", $asynchronous, "::read)'s.")]
            pub fn read<L: $lookup $(+ $static)?>(self, lookup: L) -> Result<Read<L::Object>, Error> {
                self.runtime.wait("read", self.view.read(lookup))
            }

            /// Reads like [`read`](Self::read), with options for this read alone.
            ///
            /// # Errors
            ///
            #[doc = concat!("The same as the async [`read_with`](crate::", $asynchronous, "::read_with)'s.")]
            pub fn read_with<L: $lookup $(+ $static)?>(
                self,
                lookup: L,
                options: ReadOptions,
            ) -> Result<Read<L::Object>, Error> {
                self.runtime.wait("read_with", self.view.read_with(lookup, options))
            }

            /// Returns what is cached for the lookup, and for how long. It never fetches. The options of the view have no
            /// effect.
            ///
            /// # Errors
            ///
            #[doc = concat!("The same as the async [`peek`](crate::", $asynchronous, "::peek)'s.")]
            pub fn peek<L: Lookup>(self, lookup: L) -> Result<Peek<L::Object>, Error> {
                self.runtime.wait("peek", self.view.peek(lookup))
            }
        }
    };
}

reads!(View "View", Sync; Lookup<Context: SameContext<C>>, ListLookup<Context: SameContext<C>>);
reads!(SharedView "SharedView", Send, Sync; Lookup<Context = C>, ListLookup<Context = C>, 'static);
