//! Queries: cached functions, and their results.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::codec::{Comparison, DecodeError, Decoder, Encoder};
use crate::key::{Key, KeyEncoder};
use crate::model::cached::{Cached, Clearable, TypePolicy};
use crate::model::keys::{CacheKeys, KeySet};
use crate::model::lookup::Lookup;
use crate::model::schema::{CacheSchema, fingerprint};
use crate::model::tag::{AllOf, Tag};

/// A cached function; [`#[cachecow::query]`](macro@crate::query) implements it for the function's lookups.
///
/// ```
/// # #[cfg(feature = "derive")]
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/users.rs"));
/// # #[cfg(feature = "derive")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (cow, db) = (CacheCow::memory(), Db);
/// use std::sync::Arc;
/// use cachecow::{Answer, Lookup, Query};
///
/// #[cachecow::query(key = "user-count:{org_id}")]
/// async fn user_count(db: &Db, org_id: i64) -> Result<u64, io::Error> {
/// #   let _ = (db, org_id);
/// #   Ok(3)
///     // SELECT count(*) FROM users WHERE org_id = $1
/// }
///
/// /// A line of a report: works with any cached function that counts.
/// async fn line<Q>(cow: &CacheCow, db: &Db, query: Q) -> Result<String, cachecow::Error>
/// where
///     Q: Query<Value = u64, Output = Arc<u64>> + Lookup<Object = Answer<Q>, Context = Db>,
/// {
///     Ok(format!("{}: {}", <Q as Query>::NAME, cow.with(db).ask(query).await?))
/// }
///
/// assert_eq!(line(&cow, &db, user_count::of(7)).await?, "user_count: 3");
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a query",
    label = "expected a query's lookup",
    note = "write `#[cachecow::query(key = \"…\")]` on an async function `top_posts`, and `top_posts::of(…)` here"
)]
pub trait Query: Send + Sync + Sized + 'static {
    /// The function's return type, without the `Result`, and without the `Option` in it.
    type Value: CacheSchema + Send + Sync + 'static;
    /// What [`View::ask`](crate::View::ask) returns: an `Arc<Value>`, or an `Option` of one.
    type Output;
    /// The function's name.
    const NAME: &'static str;
    /// The settings from the attribute.
    const POLICY: TypePolicy;
    /// The key's template, its placeholders emptied.
    const TEMPLATES: &'static [&'static str];
    /// A number that changes when the meaning of the function's values and absences changes.
    #[doc(hidden)]
    const SHAPE: u64;

    /// Whether the results carry an epoch of their own, because they depend on the rows of a table.
    #[doc(hidden)]
    const CLEARABLE: bool = false;

    /// A description of the key, for a [manifest](crate::manifest).
    #[doc(hidden)]
    const DESCRIPTION: &'static str = "";

    /// Converts an answer to the output; `None` if the function must be called.
    #[doc(hidden)]
    fn output(found: Option<Arc<Answer<Self>>>) -> Option<Self::Output>;

    /// As [`Cached::type_slot`].
    #[doc(hidden)]
    fn slot() -> usize {
        crate::stats::generic_slot::<Self>()
    }
}

/// A [`Query`] that is also the [`Lookup`] of its answers, as those of `#[cachecow::query]` are.
/// [`View::ask`](crate::View::ask) takes it. All types that are both implement it.
///
/// ```
/// # #[cfg(feature = "derive")]
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/users.rs"));
/// # #[cfg(feature = "derive")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (cow, db) = (CacheCow::memory(), Db);
/// use cachecow::QueryLookup;
///
/// #[cachecow::query(key = "user-count:{org_id}")]
/// async fn user_count(db: &Db, org_id: i64) -> Result<u64, io::Error> {
/// #   let _ = (db, org_id);
/// #   Ok(3)
///     // SELECT count(*) FROM users WHERE org_id = $1
/// }
///
/// /// Works with any cached function that takes a `Db`.
/// async fn ask<Q: QueryLookup<Needs = Db>>(
///     cow: &CacheCow,
///     db: &Db,
///     query: Q,
/// ) -> Result<Q::Output, cachecow::Error> {
///     cow.with(db).ask(query).await
/// }
///
/// assert_eq!(*ask(&cow, &db, user_count::of(7)).await?, 3);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a query",
    label = "expected a query's lookup",
    note = "write `#[cachecow::query(key = \"…\")]` on an async function `top_posts`, and `top_posts::of(…)` here"
)]
pub trait QueryLookup:
    Query + Lookup<Object = Answer<Self>, Context = <Self as QueryLookup>::Needs>
{
    /// The [context](Lookup::Context), by its other name.
    type Needs: ?Sized + Sync;
}

#[diagnostic::do_not_recommend]
impl<Q: Query + Lookup<Object = Answer<Q>>> QueryLookup for Q {
    type Needs = Q::Context;
}

/// The result of a cached function, together with its key. It derefs to the value.
///
/// The key is stored with the value. So a cached value is returned only if it was stored for exactly this key, even
/// if two keys have the same hash.
///
/// ```
/// # #[cfg(feature = "derive")]
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/users.rs"));
/// # #[cfg(feature = "derive")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (cow, db) = (CacheCow::memory(), Db);
/// #[cachecow::query(key = "user-count:{org_id}")]
/// async fn user_count(db: &Db, org_id: i64) -> Result<u64, io::Error> {
/// #   let _ = (db, org_id);
/// #   Ok(3)
///     // SELECT count(*) FROM users WHERE org_id = $1
/// }
///
/// let answer = cow.with(&db).get(user_count::of(7)).await?.unwrap();  // Arc<Answer<user_count>>
/// assert_eq!(**answer, 3);
/// assert_eq!(*cow.with(&db).ask(user_count::of(7)).await?, 3);        // the value alone, Arc<u64>
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
pub struct Answer<Q: Query> {
    key: KeyEncoder,
    value: Arc<Q::Value>,
}

impl<Q: Query> Answer<Q> {
    /// Makes the answer for this key.
    pub(crate) fn new(key: KeyEncoder, value: Q::Value) -> Self {
        Self { key, value: Arc::new(value) }
    }

    /// Returns the value as an `Arc`.
    pub fn shared(&self) -> Arc<Q::Value> {
        Arc::clone(&self.value)
    }

    pub(crate) fn encoded_key(&self) -> &KeyEncoder {
        &self.key
    }
}

impl<Q: Query> Deref for Answer<Q> {
    type Target = Q::Value;

    fn deref(&self) -> &Q::Value {
        &self.value
    }
}

impl<Q: Query> Clone for Answer<Q> {
    fn clone(&self) -> Self {
        Self { key: self.key.clone(), value: Arc::clone(&self.value) }
    }
}

impl<Q: Query<Value: fmt::Debug>> fmt::Debug for Answer<Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<Q: Query<Value: PartialEq>> PartialEq for Answer<Q> {
    fn eq(&self, other: &Self) -> bool {
        self.key.as_bytes() == other.key.as_bytes() && self.value == other.value
    }
}

impl<Q: Query<Value: Eq>> Eq for Answer<Q> {}

#[diagnostic::do_not_recommend]
impl<Q: Query> CacheSchema for Answer<Q> {
    const NAME: &'static str = Q::NAME;
    const FINGERPRINT: u64 =
        fingerprint("Answer", &[Q::SHAPE, <Q::Value as CacheSchema>::FINGERPRINT]);
    const MAY_BE_NIL: bool = false;

    fn write_to(&self, encoder: &mut Encoder) {
        if encoder.begin(2) {
            encoder.bytes(self.key.as_bytes());
            encoder.field("key");
            self.value.write_to(encoder);
            encoder.field("answer");
        }
        encoder.end();
    }

    fn read_from(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        decoder.begin(2)?;
        let key = KeyEncoder::of_encoded(Decoder::field("key", decoder.bytes())?);
        let value = Arc::new(Decoder::field("answer", Q::Value::read_from(decoder))?);
        decoder.end();
        Ok(Self { key, value })
    }

    fn is_same(&self, other: &Self, comparison: &mut Comparison) -> bool {
        self.key.as_bytes() == other.key.as_bytes()
            && (self.value.is_same(&other.value, comparison) || comparison.differs("answer"))
    }
}

impl<Q: Query> Cached for Answer<Q> {
    const POLICY: TypePolicy = Q::POLICY;
    const TEMPLATES: &'static [&'static str] = Q::TEMPLATES;
    const CLEARABLE: bool = Q::CLEARABLE;
    const DESCRIPTION: &'static str = Q::DESCRIPTION;

    /// By template, since two queries may have the same name, but not the same template.
    fn tag_scope() -> KeyEncoder {
        KeyEncoder::new(Q::TEMPLATES.first().copied().unwrap_or_default())
    }

    fn each_key(&self, visit: &mut dyn FnMut(Key)) {
        visit(self.key.key());
    }

    fn type_slot() -> usize {
        Q::slot()
    }
}

impl<Q: Query> CacheKeys for Answer<Q> {
    fn add_to(&self, set: &mut KeySet) {
        set.add(self.key.key(), Q::POLICY);
    }
}

/// The values that the `tag` of a query may have.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a tag",
    label = "expected a tag",
    note = "write a tag such as `tag = Post::tag_all()`, which may use the function's parameters; or an \
        `Option`, an array or a `Vec` of tags"
)]
pub trait QueryTags {
    /// Visits the epochs that the results carry.
    #[doc(hidden)]
    fn each_epoch(&self, visit: &mut dyn FnMut(Key));
}

impl<T: Cached> QueryTags for Tag<T> {
    fn each_epoch(&self, visit: &mut dyn FnMut(Key)) {
        visit(self.of_answers());
        if T::CLEARABLE {
            visit(T::whole());
        }
    }
}

/// With `AllOf`, the results are invalidated when the whole type is, but not when a single object is.
impl<T: Clearable> QueryTags for AllOf<T> {
    fn each_epoch(&self, visit: &mut dyn FnMut(Key)) {
        visit(T::whole());
    }
}

impl<G: QueryTags> QueryTags for Option<G> {
    fn each_epoch(&self, visit: &mut dyn FnMut(Key)) {
        self.iter().for_each(|tags| tags.each_epoch(visit));
    }
}

impl<G: QueryTags, const N: usize> QueryTags for [G; N] {
    fn each_epoch(&self, visit: &mut dyn FnMut(Key)) {
        self.iter().for_each(|tags| tags.each_epoch(visit));
    }
}

impl<G: QueryTags> QueryTags for Vec<G> {
    fn each_epoch(&self, visit: &mut dyn FnMut(Key)) {
        self.iter().for_each(|tags| tags.each_epoch(visit));
    }
}
