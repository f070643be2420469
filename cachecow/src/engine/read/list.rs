//! Reads of lists. What is stored under a list's key is an object of its own, [`Members`], read like any other.
//!
//! The objects of a list are always read under their own keys. A load that other callers have joined hands on the
//! members alone: an object may be invalidated by its own key, which does not fence the load of the list.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::error::Error;
use crate::key::KeyEncoder;
use crate::model::list::{ListLookup, Listed, Members};
use crate::model::lookup::Lookup;
use crate::stats::TypeState;

/// One caller's read of a list.
pub(crate) struct ListRead<L: ListLookup> {
    pub(crate) list: L,
    /// Whether what is fetched is stored.
    fills: bool,
    /// What this read's own fetch brought, if it is not stored; for this caller alone.
    unstored: Mutex<Option<Vec<Arc<L::Object>>>>,
}

impl<L: ListLookup> ListRead<L> {
    pub(crate) fn new(list: L, fills: bool) -> Self {
        Self { list, fills, unstored: Mutex::new(None) }
    }

    /// Takes what this read's own fetch brought, if it is not stored.
    pub(crate) fn take_unstored(&self) -> Option<Vec<Arc<L::Object>>> {
        self.unstored.lock().take()
    }

    /// Whether the members are of the list that is asked for.
    pub(crate) fn is_of(&self, members: &Members<L>) -> bool {
        self.list.key().as_bytes() == members.list.key().as_bytes()
    }

    /// Leaves out the objects that are gone, and those that are in another list by now.
    pub(crate) fn held(
        &self,
        objects: impl IntoIterator<Item = Option<Arc<L::Object>>>,
    ) -> Vec<Arc<L::Object>> {
        objects.into_iter().flatten().filter(|object| self.list.holds(object)).collect()
    }

    /// The members of fetched objects.
    fn members_of(&self, objects: Vec<L::Object>) -> Members<L> {
        let another = objects.iter().find(|object| !self.list.holds(object));
        let members = Members {
            // Of another list than the asked one it is not stored.
            list: another.map_or_else(|| self.list.clone(), L::of),
            members: objects.iter().map(L::member_of).collect(),
        };
        if !self.fills || another.is_some() || members.is_too_long() {
            *self.unstored.lock() = Some(objects.into_iter().map(Arc::new).collect());
        }
        members
    }
}

impl<L: ListLookup> Lookup for ListRead<L> {
    type Object = Members<L>;
    type Context = L::Context;
    const NAME: &'static str = <L as ListLookup>::NAME;

    fn key(&self) -> KeyEncoder {
        self.list.key()
    }

    fn key_of(members: &Members<L>) -> KeyEncoder {
        members.list.key()
    }

    async fn fetch(&self, context: &L::Context) -> Result<Option<Members<L>>, Error> {
        Ok(Some(match self.list.fetch(context).await? {
            Listed::Objects(objects) => self.members_of(objects),
            Listed::Members(members) => Members { list: self.list.clone(), members },
        }))
    }
}

/// A list was fetched that is too long to be stored: counted, and logged once for each kind of list.
#[cold]
pub(crate) fn too_long<L: ListLookup>(state: &TypeState, len: usize) {
    if state.too_long() {
        tracing::warn!(
            target: "cachecow", list = <L as ListLookup>::NAME, len, max_len = L::MAX_LEN,
            "a list is longer than any that is cached, and every read of it fetches: fetch a page of it, as by a \
             list of more fields, or write a larger `max_len` beside `list = …`; further ones are counted as \
             `oversized`"
        );
    }
}
