//! One kind of list of objects, and how a list is stored: the primary keys of its members.

use std::future::Future;
use std::time::Duration;

use crate::codec::{DecodeError, Decoder, Encoder};
use crate::error::Error;
use crate::key::{Key, KeyEncoder};
use crate::model::cached::{Cached, TypePolicy};
use crate::model::keys::CacheKeys;
use crate::model::listed::Listed;
use crate::model::lookup::Lookup;
use crate::model::schema::{CacheSchema, fingerprint};
use crate::model::tag::Tag;

/// One kind of list: all objects that share the parts of its key, and the fetch function behind it.
///
/// `#[derive(Cached)]` implements it for types such as `PostListByAuthorId`, if the struct has
/// `#[cache(list = "post:author:{author_id}", fetch = Post::by_author)]`. [`View::list`] takes it. The
/// [page about lists](crate::guide::lists) says what is promised for lists.
///
/// The cache stores the primary keys of a list's members. So a list is stored, verified and invalidated like an
/// object, under a key of its own. Write the key's parts to [`KeyEncoder`] as for a lookup, with a separate
/// template.
///
/// [`View::list`]: crate::View::list
///
/// ```
/// # #[cfg(feature = "derive")]
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/users.rs"));
/// # #[cfg(feature = "derive")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (cow, db) = (CacheCow::memory(), Db);
/// let users = cow.with(&db).list(User::list_by_org_id(7)).await?;     // Vec<Arc<User>>
/// assert_eq!(users[0].name, "Ann");
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a list",
    label = "expected a list",
    note = "write `Post::list_by_author_id(7)`, if the struct has `#[cache(list = \
        \"post:author:{{author_id}}\", \
            fetch = Post::by_author)]`; one object is read by `get`, several by `get_many`"
)]
pub trait ListLookup: CacheSchema + CacheKeys + Clone + Send + Sync + 'static {
    /// The type of the list's objects.
    type Object: Cached;
    /// The primary lookup of the objects, which reads them. It is stored for each member.
    type Member: Lookup<Object = Self::Object, Context = Self::Context>
        + CacheSchema
        + Clone
        + 'static;
    /// What the fetch function needs: a connection pool, a client, or `()`.
    type Context: ?Sized + Sync;
    /// How errors, events and [`Stats`](crate::Stats) name this list: `Post::list_by_author_id`.
    const NAME: &'static str;
    /// The template of its key, with its placeholders emptied.
    const TEMPLATE: &'static str;
    /// The settings of the list: those of the type, possibly with another time to live.
    const POLICY: TypePolicy = <Self::Object as Cached>::POLICY;
    /// A list with more members is not stored.
    const MAX_LEN: usize = 10_000;

    /// Returns the key of this list.
    fn key(&self) -> KeyEncoder;

    /// Returns the key of the list of this kind that contains `object`.
    fn key_of(object: &Self::Object) -> KeyEncoder;

    /// Returns whether `object` is in this list: whether its [`key_of`](Self::key_of) equals [`key`](Self::key).
    /// Objects read from a cache are returned only if this holds.
    fn holds(&self, object: &Self::Object) -> bool {
        self.key().as_bytes() == Self::key_of(object).as_bytes()
    }

    /// Returns the list of this kind that contains `object`.
    fn of(object: &Self::Object) -> Self;

    /// Returns the primary lookup of `object`.
    fn member_of(object: &Self::Object) -> Self::Member;

    /// Whether [`each_tag`](Self::each_tag) visits any.
    const TAGGED: bool = false;

    /// Visits every tag that all possible members carry: tags made of the list's own parts, and constant tags.
    /// Invalidating such a tag invalidates the list.
    fn each_tag(&self, visit: &mut dyn FnMut(Tag<Self::Object>)) {
        let _ = visit;
    }

    /// Reads the list from the backing store: the objects, or their primary lookups, in the order in which
    /// [`View::list`](crate::View::list) returns them.
    ///
    /// # Errors
    ///
    /// [`Error::fetch`] around the backing store's error.
    fn fetch(
        &self,
        context: &Self::Context,
    ) -> impl Future<Output = Result<Listed<Self::Object, Self::Member>, Error>> + Send;

    /// A number for this kind of list: numbers are consecutive, and constant within the process.
    #[doc(hidden)]
    fn type_slot() -> usize {
        crate::stats::generic_slot::<Self>()
    }
}

/// A list as it is stored: its own parts, against which it is verified, and those of its members.
pub(crate) struct Members<L: ListLookup> {
    pub(crate) list: L,
    pub(crate) members: Vec<L::Member>,
}

impl<L: ListLookup> Members<L> {
    /// Whether it is too long to be stored.
    pub(crate) fn is_too_long(&self) -> bool {
        self.members.len() > L::MAX_LEN
    }
}

/// The fingerprint of stored lists of this kind.
pub const fn list_fingerprint<L: ListLookup>() -> u64 {
    <Members<L> as CacheSchema>::FINGERPRINT
}

impl<L: ListLookup> CacheSchema for Members<L> {
    const NAME: &'static str = <L as ListLookup>::NAME;
    const FINGERPRINT: u64 =
        fingerprint("list", &[L::FINGERPRINT, <L::Member as CacheSchema>::FINGERPRINT]);
    const MAY_BE_NIL: bool = false;

    fn write_to(&self, encoder: &mut Encoder) {
        if encoder.begin(2) {
            self.list.write_to(encoder);
            encoder.field("list");
            self.members.write_to(encoder);
            encoder.field("members");
        }
        encoder.end();
    }

    fn read_from(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        decoder.begin(2)?;
        let list = Decoder::field("list", L::read_from(decoder))?;
        let members = Decoder::field("members", Vec::read_from(decoder))?;
        decoder.end();
        Ok(Self { list, members })
    }

    /// For a type without parameters, its own name; otherwise that of the object's type, which contains the
    /// arguments.
    fn write_name(encoder: &mut KeyEncoder) {
        let (mut of_object, mut plain) = (KeyEncoder::new(""), KeyEncoder::new(""));
        L::Object::write_name(&mut of_object);
        plain.scope(L::Object::NAME);
        if of_object.as_bytes() == plain.as_bytes() {
            encoder.scope(Self::NAME);
        } else {
            L::Object::write_name(encoder);
        }
    }
}

impl<L: ListLookup> Cached for Members<L> {
    const POLICY: TypePolicy = L::POLICY;
    const TEMPLATES: &'static [&'static str] = &[L::TEMPLATE];
    const TAGGED: bool = L::TAGGED;
    const CLEARABLE: bool = L::Object::CLEARABLE;

    fn each_key(&self, visit: &mut dyn FnMut(Key)) {
        visit(self.list.key().key());
    }

    fn each_tag(&self, visit: &mut dyn FnMut(Tag<Self>)) {
        self.list.each_tag(&mut |tag| visit(tag.of_members()));
    }

    /// The scope of the objects, so that one guard serves both.
    fn tag_scope() -> KeyEncoder {
        L::Object::tag_scope()
    }

    /// The epoch of the objects: invalidating everything of the type also invalidates its lists.
    fn whole() -> Key {
        L::Object::whole()
    }

    fn ttl(&self) -> Option<Duration> {
        self.is_too_long().then_some(Duration::ZERO)
    }

    fn type_slot() -> usize {
        L::type_slot()
    }
}
