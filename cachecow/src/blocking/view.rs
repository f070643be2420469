//! Reading through the cache.

use std::sync::Arc;
use std::time::Duration;

use super::runtime::Runtime;
use crate::cache::peek::Peek;
use crate::cache::read::{Read, ReadOptions};
use crate::cache::{shared, view};
use crate::error::Error;
use crate::model::list::ListLookup;
use crate::model::lookup::{Lookup, SameContext};

/// A [`CacheCow`](super::CacheCow) together with what the fetch functions need.
#[derive(Debug)]
pub struct View<'a, C: ?Sized> {
    pub(super) runtime: &'a Runtime,
    pub(super) view: view::View<'a, C>,
}

/// A [`View`] whose loads may outlive the call, as those of [`SharedView`](crate::SharedView).
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
            pub fn peek<L: Lookup<Context = C>>(self, lookup: L) -> Result<Peek<L::Object>, Error> {
                self.runtime.wait("peek", self.view.peek(lookup))
            }
        }
    };
}

reads!(View "View", Sync; Lookup<Context: SameContext<C>>, ListLookup<Context: SameContext<C>>);
reads!(SharedView "SharedView", Send, Sync; Lookup<Context = C>, ListLookup<Context = C>, 'static);
