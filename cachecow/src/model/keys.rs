//! The keys that an invalidation or a write names.

use crate::key::Key;
use crate::model::cached::{Cached, Clearable, TypePolicy};
#[cfg(feature = "log")]
use crate::model::query::{Answer, Query};
use crate::model::tag::{AllOf, Tag};

/// The keys that an invalidation or a write names: a lookup or a list (one key), an object (all of its keys, and
/// its lists), a tag (all objects that carry it), or several of these in an array, a slice, a `Vec` or a tuple.
///
/// `#[derive(Cached)]` implements it for the struct and for its lookups.
///
/// ```
/// # #[cfg(feature = "derive")]
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/users.rs"));
/// # #[cfg(feature = "derive")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (cow, db) = (CacheCow::memory(), Db);
/// let ann = User { id: 1, org_id: 7, name: "Ann".into() };
/// let moved = User { org_id: 8, ..ann.clone() };
/// cow.invalidate(User::by_id(1)).await?;                              // a lookup
/// cow.invalidate([1, 2].map(User::by_id)).await?;                     // several
/// cow.invalidate((&ann, &moved)).await?;                              // all keys and lists of two objects
/// cow.invalidate((User::by_id(1), User::list_by_org_id(9))).await?;   // of different kinds
/// cow.invalidate(User::tag_org_id(7)).await?;                         // all objects with a tag
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name cache keys",
    label = "expected a lookup, a tag, a cached object, or several of them",
    note = "write `User::by_id(42)`, `&user`, `[User::by_id(1), User::by_id(2)]` or a tuple"
)]
pub trait CacheKeys {
    /// Adds all keys and tags; duplicates are allowed.
    fn add_to(&self, set: &mut KeySet);
}

/// The keys, tags and tags of queries that an invalidation or a write names, before a scope is applied.
/// [`CacheKeys`] adds to it.
///
/// ```
/// # #[cfg(feature = "derive")]
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/users.rs"));
/// # #[cfg(feature = "derive")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (cow, db) = (CacheCow::memory(), Db);
/// use cachecow::{CacheKeys, KeySet};
///
/// /// What a transfer from one organisation to another changes.
/// struct Transfer { user: User, from: i64, to: i64 }
///
/// impl CacheKeys for Transfer {
///     fn add_to(&self, set: &mut KeySet) {
///         set.add_object(&self.user);
///         User::list_by_org_id(self.from).add_to(set);
///         User::list_by_org_id(self.to).add_to(set);
///     }
/// }
///
/// let user = User { id: 1, org_id: 7, name: "Ann".into() };
/// cow.invalidate(Transfer { user, from: 7, to: 8 }).await?;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
#[derive(Debug, Default)]
pub struct KeySet {
    pub(crate) keys: Vec<(Key, TypePolicy)>,
    pub(crate) tags: Vec<TagInSet>,
    /// The epochs of query results, and those of whole types.
    pub(crate) answers: Vec<(Key, TypePolicy)>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct TagInSet {
    pub(crate) guard: Key,
    pub(crate) tag: Key,
    pub(crate) policy: TypePolicy,
}

impl KeySet {
    /// Adds a key of a type with these settings.
    pub fn add(&mut self, key: Key, policy: TypePolicy) {
        self.keys.push((key, policy));
    }

    /// Adds a tag: all objects and all query results that carry it.
    pub fn add_tag<T: Cached>(&mut self, tag: Tag<T>) {
        self.add_tag_by_keys(Tag::<T>::guard(), tag.key(), T::POLICY);
    }

    /// Adds all query results that carry the tag, but no objects.
    pub fn add_queries<T: Cached>(&mut self, tag: Tag<T>) {
        self.answers.push((tag.of_answers(), T::POLICY));
    }

    /// Adds everything of the type.
    pub fn add_all<T: Clearable>(&mut self) {
        #[cfg(feature = "testing")]
        crate::key::named::note_whole(T::whole(), T::NAME);
        self.add_all_by_key(T::whole(), T::POLICY);
    }

    /// Adds all results of a query that depends on the rows of a table.
    #[cfg(feature = "log")]
    pub(crate) fn add_answers<Q: Query>(&mut self) {
        self.answers.push((Answer::<Q>::whole(), Q::POLICY));
    }

    /// Adds a tag by the keys of its guard and of its epoch.
    pub(crate) fn add_tag_by_keys(&mut self, guard: Key, tag: Key, policy: TypePolicy) {
        self.tags.push(TagInSet { guard, tag, policy });
        self.answers.push((tag.of_answers(), policy));
    }

    /// Adds everything of a type by the key of its epoch.
    pub(crate) fn add_all_by_key(&mut self, whole: Key, policy: TypePolicy) {
        self.answers.push((whole, policy));
    }

    /// Returns the keys, duplicates included.
    pub fn keys(&self) -> impl Iterator<Item = Key> {
        self.keys.iter().map(|(key, _)| *key)
    }

    /// Returns the keys of the tags' epochs, duplicates included.
    pub fn tags(&self) -> impl Iterator<Item = Key> {
        self.tags.iter().map(|tag| tag.tag)
    }

    /// Returns the keys of the epochs of query results and of whole types, duplicates included.
    pub fn epochs(&self) -> impl Iterator<Item = Key> {
        self.answers.iter().map(|(key, _)| *key)
    }

    /// Adds all keys of the object's lookups, all lists it belongs to, and all query results that carry one of its
    /// tags.
    pub fn add_object<T: Cached>(&mut self, object: &T) {
        object.each_key(&mut |key| self.add(key, T::POLICY));
        object.each_tag(&mut |tag| self.add_queries(tag));
    }
}

impl<K: CacheKeys + ?Sized> CacheKeys for &K {
    fn add_to(&self, set: &mut KeySet) {
        (**self).add_to(set);
    }
}

impl<K: CacheKeys> CacheKeys for [K] {
    fn add_to(&self, set: &mut KeySet) {
        for keys in self {
            keys.add_to(set);
        }
    }
}

impl<K: CacheKeys, const N: usize> CacheKeys for [K; N] {
    fn add_to(&self, set: &mut KeySet) {
        self.as_slice().add_to(set);
    }
}

impl<K: CacheKeys> CacheKeys for Vec<K> {
    fn add_to(&self, set: &mut KeySet) {
        self.as_slice().add_to(set);
    }
}

impl<K: CacheKeys> CacheKeys for Option<K> {
    fn add_to(&self, set: &mut KeySet) {
        if let Some(keys) = self {
            keys.add_to(set);
        }
    }
}

impl<K: CacheKeys + ?Sized> CacheKeys for std::sync::Arc<K> {
    fn add_to(&self, set: &mut KeySet) {
        (**self).add_to(set);
    }
}

impl CacheKeys for Key {
    fn add_to(&self, set: &mut KeySet) {
        set.add(*self, TypePolicy::new());
    }
}

/// Keys that were collected before, by a follower of a change log for example.
impl CacheKeys for KeySet {
    fn add_to(&self, set: &mut KeySet) {
        set.keys.extend_from_slice(&self.keys);
        set.tags.extend_from_slice(&self.tags);
        set.answers.extend_from_slice(&self.answers);
    }
}

impl<T: Cached> CacheKeys for Tag<T> {
    fn add_to(&self, set: &mut KeySet) {
        set.add_tag(*self);
    }
}

impl<T: Clearable> CacheKeys for AllOf<T> {
    fn add_to(&self, set: &mut KeySet) {
        set.add_all::<T>();
    }
}

/// No keys: for a write whose keys are known only after the work; see
/// [`Write::invalidating`](crate::Write::invalidating).
impl CacheKeys for () {
    fn add_to(&self, _set: &mut KeySet) {}
}

macro_rules! of_tuples {
    ($($($member:ident)*;)*) => {$(
        impl<$($member: CacheKeys),*> CacheKeys for ($($member,)*) {
            fn add_to(&self, set: &mut KeySet) {
                #[allow(non_snake_case, reason = "the macro names each binding after its type")]
                let ($($member,)*) = self;
                $($member.add_to(set);)*
            }
        }
    )*};
}

crate::model::for_each_tuple!(of_tuples);
