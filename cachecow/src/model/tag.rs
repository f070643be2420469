//! Tags: names of groups of objects that are invalidated at once.

use std::fmt;
use std::marker::PhantomData;

use crate::key::{Key, KeyEncoder};
use crate::model::cached::{Cached, Clearable};
use crate::model::keys::{CacheKeys, KeySet};

/// A group of objects of type `T`: those that carry this tag.
///
/// `#[derive(Cached)]` gives a struct with `#[cache(tag = "org:{org_id}")]` a constructor for it,
/// `tag_org_id`; [`CacheCow::invalidate_tag`](crate::CacheCow::invalidate_tag) takes it.
///
/// ```
/// # #[cfg(feature = "derive")]
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/users.rs"));
/// # #[cfg(feature = "derive")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (cow, db) = (CacheCow::memory(), Db);
/// cow.invalidate_tag(User::tag_org_id(7)).await?;             // all users of organisation 7
/// cow.write(User::tag_org_id(7), async {
///     // UPDATE users SET … WHERE org_id = 7
///     Ok::<_, io::Error>(())
/// })
/// .await?;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
pub struct Tag<T> {
    key: Key,
    group: PhantomData<fn() -> T>,
}

impl<T: Cached> Tag<T> {
    /// Makes the tag with these parts, which must begin with [`Cached::tag_scope`].
    pub fn new(parts: &KeyEncoder) -> Self {
        Self { key: parts.key(), group: PhantomData }
    }

    /// Returns its key, with the words of the template that the type's keys begin with. In Redis its epoch is named
    /// `tag:{<key>}`.
    pub fn key(&self) -> Key {
        self.key
    }

    /// Returns the query results that carry this tag, without the objects that carry it. Use it for a change of an
    /// object if you know only its key.
    ///
    /// ```
    /// # #[cfg(feature = "derive")]
    /// # async fn example(cow: cachecow::CacheCow) -> Result<(), cachecow::Error> {
    /// use cachecow::Cached;
    ///
    /// #[derive(Cached)]
    /// #[cache(key = "post:{id}", fetch = Post::find)]
    /// #[cache(tag = "posts", name = "tag_all")]
    /// struct Post { id: i64 }
    /// # impl Post {
    /// #     async fn find(id: i64) -> Result<Post, std::convert::Infallible> { Ok(Post { id }) }
    /// # }
    ///
    /// cow.invalidate((Post::by_id(7), Post::tag_all().queries())).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn queries(self) -> TaggedQueries<T> {
        TaggedQueries(self)
    }

    /// The same group, for lists whose members are in it.
    pub(crate) fn of_members<M>(self) -> Tag<M> {
        Tag { key: self.key, group: PhantomData }
    }

    /// The key of the epoch that changes with every invalidation of any tag of the type.
    pub(super) fn guard() -> Key {
        T::tag_scope().key()
    }

    /// The key of the epoch that query results carry. It changes with every invalidation of the tag, and with every
    /// invalidation of an object that carries the tag. The epoch of the other objects does not change then.
    pub(crate) fn of_answers(self) -> Key {
        self.key.of_answers()
    }
}

/// All results of [queries](macro@crate::query) that carry a tag; what [`Tag::queries`] returns.
///
/// ```
/// # #[cfg(feature = "derive")]
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/users.rs"));
/// # #[cfg(feature = "derive")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (cow, db) = (CacheCow::memory(), Db);
/// use cachecow::{Source, TaggedQueries};
///
/// #[cachecow::query(key = "user-count:{org_id}", tag = User::tag_org_id(org_id))]
/// async fn user_count(db: &Db, org_id: i64) -> Result<u64, io::Error> {
/// #   let _ = (db, org_id);
/// #   Ok(3)
///     // SELECT count(*) FROM users WHERE org_id = $1
/// }
///
/// cow.with(&db).ask(user_count::of(7)).await?;
/// cow.with(&db).get(User::by_id(1)).await?;
/// let answers: TaggedQueries<User> = User::tag_org_id(7).queries();
/// cow.invalidate(answers).await?;
/// assert_eq!(cow.with(&db).read(user_count::of(7)).await?.source, Source::Fetched);
/// assert_eq!(cow.with(&db).read(User::by_id(1)).await?.source, Source::Cache);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
pub struct TaggedQueries<T>(Tag<T>);

impl<T: Cached> TaggedQueries<T> {
    /// Returns the key of the epoch that these results carry. In Redis it is named `tag:{<key>}`.
    pub fn key(self) -> Key {
        self.0.of_answers()
    }
}

impl<T: Cached> CacheKeys for TaggedQueries<T> {
    fn add_to(&self, set: &mut KeySet) {
        set.add_queries(self.0);
    }
}

impl<T> Clone for TaggedQueries<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for TaggedQueries<T> {}

impl<T> fmt::Debug for TaggedQueries<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TaggedQueries").field(&self.0.key).finish()
    }
}

/// Visits the epochs that an object of the type carries, or its absence.
#[inline]
pub(crate) fn each_epoch<T: Cached>(object: Option<&T>, visit: &mut dyn FnMut(Key)) {
    if let Some(object) = object {
        object.each_tag(&mut |tag| visit(tag.key()));
    }
    if T::CLEARABLE {
        visit(T::whole());
    }
}

/// Visits the epochs that must be the same before a fetch and after it, for an object of the type to be stored.
#[inline]
pub(crate) fn each_guard<T: Cached>(visit: &mut dyn FnMut(Key)) {
    if T::TAGGED {
        visit(Tag::<T>::guard());
    }
    if T::CLEARABLE {
        visit(T::whole());
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

/// Everything of type `T`: all objects under all keys, every absence, and the results of queries that carry a tag
/// of the type.
///
/// Pass it where keys are expected, for example to a write whose work empties a table:
///
/// ```
/// # #[cfg(feature = "derive")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), std::io::Error> {
/// use cachecow::{AllOf, CacheCow, Cached};
///
/// #[derive(Cached)]
/// #[cache(clearable = true)]
/// #[cache(key = "user:{id}", fetch = User::find)]
/// struct User { id: i64 }
/// # impl User {
/// #     async fn find(id: i64) -> Result<User, std::io::Error> { Ok(User { id }) }
/// # }
/// # async fn truncate() -> Result<(), std::io::Error> { Ok(()) }
///
/// let cow = CacheCow::memory();
/// cow.write(AllOf::<User>::new(), truncate()).await?;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
///
/// While such a write is under way, every read of the type fetches, and nothing of the type is stored.
pub struct AllOf<T: Clearable>(PhantomData<fn() -> T>);

impl<T: Clearable> AllOf<T> {
    /// Everything of the type.
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T: Clearable> Default for AllOf<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Clearable> Clone for AllOf<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Clearable> Copy for AllOf<T> {}

impl<T: Clearable> fmt::Debug for AllOf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AllOf({})", T::NAME)
    }
}
