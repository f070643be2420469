//! Tags: names of groups of objects that are invalidated at once.

use std::fmt;
use std::marker::PhantomData;

use crate::key::{Key, KeyEncoder};

use crate::model::cached::Cached;

/// A group of objects of type `T`: those that carry this tag.
///
/// `#[derive(Cached)]` gives a struct with `#[cache(tag = "org:{org_id}")]` a constructor for it,
/// `tag_org_id`; [`CacheCow::invalidate_tag`](crate::CacheCow::invalidate_tag) takes it.
pub struct Tag<T> {
    key: Key,
    group: PhantomData<fn() -> T>,
}

impl<T: Cached> Tag<T> {
    /// The tag with these parts, which begin with [`Cached::tag_scope`].
    pub fn new(parts: &KeyEncoder) -> Self {
        Self { key: parts.key(), group: PhantomData }
    }

    /// Its key, with the words of the template that the type's keys begin with; in Redis its epoch is
    /// named `tag:{<key>}`.
    pub fn key(&self) -> Key {
        self.key
    }

    /// The same group, of lists whose members are in it.
    pub(crate) fn of_members<M>(self) -> Tag<M> {
        Tag { key: self.key, group: PhantomData }
    }

    /// The key of the epoch that ends with every invalidation of any tag of the type.
    pub(crate) fn guard() -> Key {
        T::tag_scope().key()
    }
}

impl<T> Clone for Tag<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Tag<T> {}

impl<T> fmt::Debug for Tag<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tag").field("key", &self.key).finish()
    }
}
