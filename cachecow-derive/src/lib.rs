//! The derive macros of cachecow; use them through the `cachecow` crate.

#![cfg_attr(not(test), warn(clippy::unwrap_used))]

mod attr;
mod derive;
mod duration;
mod expand;
mod faults;
mod fields;
mod function;
mod list_options;
mod model;
mod options;
mod query_options;
mod suggest;
mod table;
mod template;
#[cfg(test)]
mod tests;
mod tokens;
mod validate;
mod value;

use proc_macro::TokenStream;

/// Caches a struct: gives it keys, a constructor for each way to look it up, and the calls of its
/// fetch functions.
///
/// ```
/// use cachecow::{Cached, Lookup};
///
/// #[derive(Clone, Cached)]
/// #[cache(context = Db, ttl = "10m")]
/// #[cache(key = "user:{id}",          fetch = User::find, fetch_many = User::find_many)]
/// #[cache(key = "user:email:{email}", fetch = User::find_by_email)]
/// struct User {
///     id: i64,
///     email: String,
/// }
///
/// # struct Db;
/// # type Error = std::io::Error;
/// impl User {
///     async fn find(db: &Db, id: i64) -> Result<Option<User>, Error> {
/// #       let _ = (db, id);
/// #       Ok(None)
///         // …
///     }
///
///     async fn find_many(db: &Db, ids: &[i64]) -> Result<Vec<User>, Error> {
/// #       let _ = (db, ids);
/// #       Ok(Vec::new())
///         // …
///     }
///
///     async fn find_by_email(db: &Db, email: &str) -> Result<Option<User>, Error> {
/// #       let _ = (db, email);
/// #       Ok(None)
///         // …
///     }
/// }
///
/// let by_id: UserById = User::by_id(42);
/// let by_email: UserByEmail = User::by_email("a@example.org");
/// assert_ne!(by_id.key().key(), by_email.key().key());
/// ```
///
/// # Settings of the struct
///
/// In one or several `#[cache(…)]` attributes, each setting at most once.
///
/// | setting | meaning | without it |
/// |---|---|---|
/// | `name = "User"` | the type's name in `stats()`, metrics, events and for `invalidate_type`; the same in all programs that share a cache | the struct's |
/// | `context = Type` | what the fetch functions are given first, by reference: a connection pool, `dyn Trait`, … | they get no such argument |
/// | `ttl = "10m"` | how long a stored object may be served | the builder's |
/// | `negative_ttl = "5s"` | how long the absence of an object may be served | the builder's |
/// | `ttl_with = path` | `fn(&T) -> Duration` or `fn(&T) -> Option<Duration>`: an object's own time to live; zero: it is not cached | `ttl` for every object |
/// | `stale_if_error = "1h"` | how long beyond its time to live an object may be served while its fetch fails | the builder's |
/// | `soft_timeout = "50ms"` | how long a read by `CacheCow::with_shared` waits for a fetch before it is served an object within `stale_if_error` | the builder's |
/// | `refresh_ahead = true` | whether an object is fetched anew shortly before its time to live is over | the builder's |
/// | `settle = "500ms"` | for how long after an invalidation nothing is stored, for fetches that read lagging replicas | the builder's |
/// | `near = false` | whether objects are kept in this process's memory, where the builder turned that on | `true` |
/// | `near_ttl = "5s"` | how long an object is kept there at the most | the builder's |
/// | `table = "app.users"` | the table whose rows the objects are, for change logs (feature `log`) | no log tells of them |
/// | `clearable = true` | whether everything of the type can be invalidated at once, by `invalidate_type` | `true` with a `table`, else `false` |
/// | `version = 2` | a number of the fingerprint, for changes that the derive cannot see, such as of a field's unit | none |
/// | `crate = path` | where the crate `cachecow` is found, if it is re-exported or renamed | `::cachecow` |
///
/// A duration is a number and a unit, or several from large to small: `ms`, `s`, `m`, `h`, `d`, as
/// in `"250ms"` or `"1h30m"`.
///
/// # Lookups
///
/// One `#[cache(key = …)]` for each way to look the object up, with no setting of the struct in it.
/// The first is the primary key, the others are aliases: the object is stored once, under its primary
/// key, and an alias leads there. A read by an alias verifies that the object is still of that alias.
///
/// | setting | meaning | without it |
/// |---|---|---|
/// | `key = "user:{id}"` | the key template; a placeholder names a field (`{0}` in a tuple struct), `{{` and `}}` stand for braces | required |
/// | `fetch = path` | the async function that reads one object; `fetch = blocking(path)` for a synchronous one | required |
/// | `fetch_many = path` | the async function that reads several at once, or `blocking(path)` | `fetch` is called for each |
/// | `name = "by_email"` | the constructor's name | `by_` and the fields, joined by `_and_`; required in a key without placeholders |
///
/// The fetch function takes the context by reference, then the parts: numbers, `bool` and `char` by value, text as
/// `&str`, everything else by reference. A `Vec` is also passed as a slice, an `Arc` or a `Box` as a reference to what
/// is in it. A function that takes the context as another type (`&dyn Trait` for a `Db`, or what it derefs to) is
/// called by a function of yours in between.
///
/// A key without placeholders is for an object of which there is one, such as
/// `#[cache(key = "settings", name = "current", fetch = Settings::load)]`: `Settings::current()` looks it up, and
/// its `fetch` is given no part. As an alias, such as `#[cache(key = "user:newest", name = "newest", …)]`, it leads
/// to whichever object its `fetch` returned. Any object of the type could be that one, so the key is among the own
/// keys of every object: to write or to invalidate any of them as an object invalidates this alias, too. A write
/// or an invalidation that names only another key, such as `User::by_id(42)`, does not. Such a key is the first
/// one only where no other key has a placeholder: there is one object under the first key.
///
/// ```
/// # use cachecow::{CacheCow, Cached};
/// #[derive(Cached)]
/// #[cache(key = "settings", name = "current", fetch = Settings::load)]
/// struct Settings {
///     theme: String,
/// }
/// # impl Settings {
/// #     async fn load() -> Result<Settings, std::convert::Infallible> {
/// #         Ok(Settings { theme: "light".into() })
/// #     }
/// # }
///
/// # async fn example(cow: CacheCow) -> Result<(), cachecow::Error> {
/// let settings = cow.get(Settings::current()).await?;
/// cow.invalidate(Settings::current()).await?;
/// # Ok(())
/// # }
/// ```
///
/// Two templates of a struct must differ by more than their placeholders. Two structs that share a cache
/// need templates of their own, too: of two with one template, the second that a `CacheCow` is used for is not
/// cached, and an event at the level `error` names both.
///
/// # Tags
///
/// One `#[cache(tag = …)]` for each group that an object is in, with nothing else in it but `name`. All
/// objects of the type that carry a tag are invalidated at once, however many, by
/// `CacheCow::invalidate_tag`. Each read of an object with tags also asks whether one of them was
/// invalidated, in the same round trip where the process knows the tags from before; a type without tags
/// pays nothing.
///
/// | setting | meaning | without it |
/// |---|---|---|
/// | `tag = "org:{org_id}"` | the tag's template, with the rules of a key's | required |
/// | `name = "in_org"` | the constructor's name | `tag_` and the fields, joined by `_and_`; without fields, `tag_` and the template's words: `tag_all_posts` for `tag = "all:posts"` |
///
/// A tag without placeholders, such as `#[cache(tag = "posts", name = "tag_all")]`, is carried by every object of
/// the type: `invalidate_tag(Post::tag_all())` invalidates all of them at once.
///
/// ```
/// # use cachecow::{CacheCow, Cached};
/// #[derive(Cached)]
/// #[cache(key = "user:{id}", fetch = User::find)]
/// #[cache(tag = "org:{org_id}")]
/// struct User {
///     id: i64,
///     org_id: u32,
/// }
/// # impl User {
/// #     async fn find(id: i64) -> Result<User, std::convert::Infallible> {
/// #         Ok(User { id, org_id: 7 })
/// #     }
/// # }
///
/// # async fn example(cow: CacheCow) -> Result<(), cachecow::Error> {
/// cow.invalidate_tag(User::tag_org_id(7)).await?;
/// # Ok(())
/// # }
/// ```
///
/// With `#[cache(clearable = true)]` everything of the type is invalidated at once, in constant time, by
/// `CacheCow::invalidate_type`: all objects and lists, and that there is no object. Each hit then compares one more
/// epoch, in its one round trip. A struct with a `table` is always clearable.
///
/// A struct whose tags change is of another shape: the stored objects of the other version are misses.
///
/// # Lists
///
/// One `#[cache(list = …)]` for each kind of list: all objects that share the fields in its template. It is read by
/// `CacheCow::list`. Stored are the primary keys of the members, and a list is among the keys of each object in it:
/// whatever names the object to write or to invalidate it covers its lists. What is promised, and what is not,
/// stands on the page `guide::lists` of the documentation.
///
/// | setting | meaning | without it |
/// |---|---|---|
/// | `list = "user:org:{org_id}"` | the list's template, with the rules of a key's | required |
/// | `fetch = path` | the async function that reads the list, in order: the objects, or their primary lookups | required |
/// | `name = "in_org"` | the constructor's name | `list_by_` and the fields, joined by `_and_`; required in a list without placeholders, which is the list of all objects |
/// | `max_len = 1_000` | a list with more members is returned and not stored | 10,000 |
/// | `ttl = "1m"` | how long a stored list may be served | the struct's |
///
/// ```
/// # use cachecow::{CacheCow, Cached};
/// #[derive(Cached)]
/// #[cache(key  = "user:{id}",         fetch = User::find, fetch_many = User::find_many)]
/// #[cache(list = "user:org:{org_id}", fetch = User::find_by_org)]
/// struct User {
///     id: i64,
///     org_id: u32,
/// }
/// # impl User {
/// #     async fn find(id: i64) -> Result<User, std::convert::Infallible> {
/// #         Ok(User { id, org_id: 7 })
/// #     }
/// #     async fn find_many(ids: &[i64]) -> Result<Vec<User>, std::convert::Infallible> {
/// #         Ok(ids.iter().map(|id| User { id: *id, org_id: 7 }).collect())
/// #     }
/// #     async fn find_by_org(org_id: u32) -> Result<Vec<User>, std::convert::Infallible> {
/// #         Ok(vec![User { id: 1, org_id }])
/// #     }
/// # }
///
/// # async fn example(cow: CacheCow) -> Result<(), cachecow::Error> {
/// for user in cow.list(User::list_by_org_id(7)).await? {
///     println!("{}", user.id);
/// }
/// # Ok(())
/// # }
/// ```
///
/// # What is generated
///
/// For a struct `User` and a lookup by `id`, with the visibility of the struct: the constructor
/// `User::by_id` and the type `UserById`, which implements `Lookup`, `CacheKeys`, `Clone` and
/// `Debug`. For a list by `org_id`: `User::list_by_org_id` and `UserListByOrgId`, which implements `ListLookup`,
/// `CacheKeys`, `CacheSchema`, `Clone` and `Debug`; beside it, the first lookup implements `CacheSchema`. The struct
/// itself implements `Cached`, `CacheSchema` and `CacheKeys`.
///
/// A lookup's `{:?}` shows its template and the types of its parts: `User::by_id("user:{id}", i64)`. The
/// values may be personal data; `{:#?}`, and so `dbg!`, shows them too, where their types have `Debug`.
///
/// # Parts of a key
///
/// Each field in a template implements `KeyPart` and `Clone`. How it is passed, to a tag's constructor as
/// to a lookup's:
///
/// | field | to the constructor | to `fetch` | in `fetch_many` |
/// |---|---|---|---|
/// | integers, `NonZero…`, `bool`, `char` | by value | by value | `&[i64]` |
/// | `String` | `impl Into<String>` | `&str` | `&[String]` |
/// | `Box<str>`, `Arc<str>` | `impl Into<…>` | by reference | `&[Box<str>]` |
/// | any other `P` | `P` or `&P` | `&P` | `&[P]` |
/// | several placeholders | one argument each | one argument each | `&[(A, B)]` |
///
/// # Text that the backing store takes for the same
///
/// A column that ignores case finds the row of `ann@x.org` when it is asked for `ANN@x.org`. What a fetch returns
/// is compared with what was asked, and these two differ: the row is returned, and not cached. An event at the
/// level `warn` says so once for each type, and `stats()` counts it as `mismatched`. `#[cache(normalize = path)]`
/// on the field makes both the same:
///
/// ```
/// # use cachecow::{Cached, Lookup};
/// #[derive(Cached)]
/// #[cache(key = "user:{id}",          fetch = User::find)]
/// #[cache(key = "user:email:{email}", fetch = User::find_by_email)]
/// struct User {
///     id: i64,
///     #[cache(normalize = str::to_lowercase)]
///     email: String,
/// }
/// # impl User {
/// #     async fn find(_: i64) -> Result<Option<User>, std::convert::Infallible> { Ok(None) }
/// #     async fn find_by_email(_: &str) -> Result<Option<User>, std::convert::Infallible> { Ok(None) }
/// # }
///
/// let (asked, same) = (User::by_email("ANN@x.org"), User::by_email("ann@x.org"));
/// assert_eq!(asked.key().key(), same.key().key());
/// assert!(asked.finds(&User { id: 1, email: "Ann@X.org".into() }));
/// ```
///
/// The function takes the field's value by reference, text as `&str`, and returns the field's type; for text also
/// a `String`, a `&str` or a `Cow<str>`. It is applied in every key and every tag that the field stands in: to
/// what a constructor is given, and so to what `fetch` and `fetch_many` are asked for, and to an object's own
/// value. The object itself is stored and returned as it was fetched. The function must give one result for all
/// that the backing store takes for the same, and different results for all else: two objects with one result
/// share a key. The store must find an object by that result. The function is called for each hit, too.
///
/// To add, change or remove it changes keys, as another template does: while an old and a new version of the
/// program run side by side, an invalidation by one may not reach what the other reads.
///
/// # Rows of a table
///
/// `#[cache(table = "app.users")]` says that the objects are rows of this table. Then `Followed` is implemented: the
/// keys of a row, for a program that follows the database's change log. Each field in a key or a tag is the column of
/// its name, or of the name in `#[cache(column = "…")]`, and its type is a `FromColumn`, as numbers, texts, UUIDs, dates
/// and the newtypes and enums with `#[derive(KeyPart)]` are. Names are written as the catalog has them, with a table's in
/// double quotes where it is no plain word: `table = r#"app."User accounts""#`.
///
/// A list may depend on the rows of another table, too: below the list's line, one line
/// `#[cache(rows = "app.memberships", org_id = "organisation")]` for each such table. Each field in the list is the column
/// of its name, or of the name that the line gives it. Where the lists cannot be told by the row's columns alone, a
/// function names them: `#[cache(rows = "app.tags", via = User::tagged, columns = ["id"])]`, with an
/// `async fn(&Context, &Row<'_>) -> Result<impl CacheKeys, E>`, without the first argument if there is no `context`. It
/// is asked for the old and for the new row. `columns` are those that it reads; without them the log has to send all.
/// The follower lends it the context: `cow.follow(log).context(pool)`.
///
/// # Fetch functions
///
/// `async fn(&Context, part, …) -> Result<T, E>` or `-> Result<Option<T>, E>`, without the first
/// argument if there is no `context`; `fetch_many` is
/// `async fn(&Context, &[Part]) -> Result<Vec<T>, E>`, in any order, missing objects left out. `E`
/// is any error: a `std::error::Error`, `anyhow::Error`, a boxed error, or whatever is
/// `Debug + Display + Send + Sync + 'static`. `Self` in a path is the struct. The futures are
/// `Send`.
///
/// Each argument has the type that the table above says, or the usual reference to it: `&str` for
/// `&String`, `&[T]` for `&Vec<T>` and `&[T; N]`, `&T` for `&Arc<T>`, `&Rc<T>`, `&Box<T>` and `&Cow<T>`. Of any
/// other, the compiler's error says which argument it is, and what to write.
///
/// A synchronous function, as diesel's and rusqlite's are, is named by `fetch = blocking(path)` or
/// `fetch_many = blocking(path)`. It takes and returns the same, and runs on the runtime's blocking pool with a clone of
/// the context, which must be `Clone + Send + 'static`: a pool is, and any other goes into an `Arc`. Its panic is the
/// reader's. A read that is dropped does not end a function that runs: it goes on to its end, and what it returns is
/// lost. The claim was given back before, so nothing of it is stored.
///
/// ```
/// # use cachecow::Cached;
/// use std::sync::{Arc, Mutex};
///
/// # struct Connection;
/// # impl Connection {
/// #     fn name_of(&self, _: i64) -> Result<Option<String>, std::io::Error> { Ok(None) }
/// # }
/// #[derive(Cached)]
/// #[cache(context = Arc<Mutex<Connection>>)]
/// #[cache(key = "user:{id}", fetch = blocking(User::find))]
/// struct User {
///     id: i64,
///     name: String,
/// }
///
/// impl User {
///     fn find(db: &Mutex<Connection>, id: i64) -> Result<Option<User>, std::io::Error> {
///         let name = db.lock().unwrap().name_of(id)?;
///         Ok(name.map(|name| User { id, name }))
///     }
/// }
/// ```
///
/// # Fields
///
/// The derive writes and reads the struct itself, field by field: what comes back from the cache is what the
/// fetch function returned, whatever serde attributes the struct has for its JSON, and it needs no serde
/// derives. A field's type implements [`CacheSchema`](macro@CacheSchema), as the standard library's types do and,
/// by feature, those of other crates; or the field says how else it is stored.
///
/// | on a field | meaning |
/// |---|---|
/// | `#[cache(opaque)]` | stored by the type's own serde traits. Its shape is outside of the fingerprint: after a change to it, change `version` |
/// | `#[cache(with = module)]` | stored by the module's `serialize` and `deserialize`, as serde's `with` has them: `serde_bytes`, `chrono::serde::ts_seconds`, … |
/// | `#[cache(skip)]` | not stored: the first read has it, a hit has its `Default` |
/// | `#[cache(recursive)]` | stored as ever, its shape left out of the fingerprint: on one of several types that contain each other |
/// | `#[cache(column = "mail")]` | on a field in a key, a list or a tag of a struct with a `table`: the column that it is, if that has another name |
/// | `#[cache(normalize = path)]` | on a field in a key, a list or a tag: its value stands there in the form that the function gives it, [see above](#text-that-the-backing-store-takes-for-the-same) |
///
/// ```
/// # use cachecow::{CacheSchema, Cached};
/// # use serde::{Deserialize, Serialize};
/// #[derive(Cached)]
/// #[cache(key = "user:{id}", fetch = User::find)]
/// #[cache(version = 2)]
/// struct User {
///     id: i64,
///     address: Address,
///     #[cache(opaque)]
///     settings: Settings,
///     #[cache(skip)]
///     loaded_by: Option<String>,
/// }
///
/// #[derive(CacheSchema)]
/// struct Address {
///     city: String,
/// }
///
/// /// Of another crate, with serde's traits.
/// #[derive(Serialize, Deserialize)]
/// struct Settings {
///     dark: bool,
/// }
/// # impl User {
/// #     async fn find(id: i64) -> Result<User, std::convert::Infallible> {
/// #         let (address, settings) = (Address { city: "Bern".into() }, Settings { dark: true });
/// #         Ok(User { id, address, settings, loaded_by: None })
/// #     }
/// # }
/// ```
///
/// What is about to be stored is read back and compared, field by field; by `PartialEq` too, where an opaque
/// field's type has it. If it differs, as with `#[serde(skip_serializing)]` in an opaque type, it is not stored:
/// an event at the level `error` names the type, the field and the reason once, and `stats()` counts it as
/// `unfaithful`.
///
/// A field in a key, a list or a tag must be stored, since an object read from the cache is compared with the asked
/// key by its fields: `#[cache(skip)]` is refused there.
///
/// # Generics
///
/// Type and const parameters, bounds, defaults and where clauses may be used; lifetimes not, as a
/// cached object owns its data. A type parameter must implement `CacheSchema`, whose full name is
/// part of the key: `Page<User>` and `Page<Order>` never meet.
#[proc_macro_derive(Cached, attributes(cache))]
pub fn cached(input: TokenStream) -> TokenStream {
    derive::cached(input.into()).into()
}

/// Says how a struct or an enum that is nested in a cached struct is stored; a change to it makes the stored
/// objects around it misses.
///
/// ```
/// use cachecow::CacheSchema;
///
/// #[derive(CacheSchema)]
/// struct Address {
///     street: String,
///     city: String,
/// }
///
/// mod next_release {
///     #[derive(cachecow::CacheSchema)]
///     pub struct Address {
///         street: String,
///         town: String,
///     }
/// }
///
/// assert_ne!(Address::FINGERPRINT, next_release::Address::FINGERPRINT);
/// ```
///
/// The fingerprint covers the type's name, the names, order and types as written of fields and variants, how
/// each field is stored, and the fingerprints of the field types. Serde's attributes play no part: they are made
/// for the type's JSON. `#[derive(Cached)]` includes this derive.
///
/// | setting | where | meaning | without it |
/// |---|---|---|---|
/// | `crate = path` | on the type | where the crate `cachecow` is found | `::cachecow` |
/// | `version = 2` | on the type | a number of the fingerprint, for changes that it does not see | none |
/// | `opaque`, `with`, `skip`, `recursive` | on a field | how it is stored, see [`Cached`](macro@Cached#fields) | by `CacheSchema` |
///
/// A type that contains itself is no difficulty. Of types that contain each other, one has to mark
/// the field that closes the circle, or the compiler reports a cycle (E0391). What is cached should be the other
/// one, since a change to it would not be seen from here:
///
/// ```
/// # use cachecow::CacheSchema;
/// #[derive(CacheSchema)]
/// struct Folder {
///     files: Vec<File>,
/// }
///
/// #[derive(CacheSchema)]
/// struct File {
///     #[cache(recursive)]
///     folder: Option<Box<Folder>>,
/// }
/// ```
#[proc_macro_derive(CacheSchema, attributes(cache))]
pub fn cache_schema(input: TokenStream) -> TokenStream {
    derive::cache_schema(input.into()).into()
}

/// Lets a newtype stand in a key, encoded as the value it wraps; or an enum without data, encoded as the text that
/// names its variant.
///
/// ```
/// use cachecow::{KeyEncoder, KeyPart};
///
/// #[derive(Clone, KeyPart)]
/// struct UserId(i64);
///
/// #[derive(Clone, KeyPart)]
/// enum Status {
///     Active,
///     // Was `Locked` once.
///     #[cache(rename = "Locked")]
///     Blocked,
/// }
///
/// fn key(part: impl KeyPart) -> cachecow::Key {
///     let mut encoder = KeyEncoder::new("user:{}");
///     part.encode(&mut encoder);
///     encoder.key()
/// }
///
/// assert_eq!(key(UserId(7)), key(7));
/// assert_eq!(key(Status::Active), key("Active"));
/// assert_eq!(key(Status::Blocked), key("Locked"));
/// ```
///
/// A newtype is a struct with one field, named or not, besides `PhantomData` markers; generics may be used.
/// Neither its name nor an enum's is part of the key, nor is the order of the variants, so that these may change.
///
/// | setting | where | meaning | without it |
/// |---|---|---|---|
/// | `crate = path` | on the type | where the crate `cachecow` is found | `::cachecow` |
/// | `rename = "…"` | on a variant | the name that it has in keys: when a variant is renamed, its old one | the variant's name |
/// | `key_with = path` | on the field | a function that takes the field's value by reference and returns a `KeyPart`, for a field's type that is none | the value itself |
///
/// `key_with` is for types of other crates. What it returns must differ for values that differ, and must not
/// change from one version of the program to the next:
///
/// ```
/// use std::time::Duration;
///
/// use cachecow::{CacheSchema, KeyPart};
///
/// #[derive(Clone, CacheSchema, KeyPart)]
/// struct Interval(#[cache(key_with = Duration::as_nanos)] Duration);
/// ```
///
/// This derive says how a value stands in keys, not how it is stored: the type of a cached struct's field derives
/// [`CacheSchema`](macro@CacheSchema) as well, or the field says how else it is stored.
#[proc_macro_derive(KeyPart, attributes(cache))]
pub fn key_part(input: TokenStream) -> TokenStream {
    derive::key_part(input.into()).into()
}

/// Caches an async function's answers, under a key of its parameters.
///
/// ```
/// use cachecow::{CacheCow, Cached};
///
/// # struct Db;
/// #[derive(Cached)]
/// #[cache(context = Db)]
/// #[cache(key = "post:{id}", fetch = Post::find)]
/// #[cache(tag = "posts", name = "tag_all")]
/// #[cache(tag = "author:{author_id}")]
/// struct Post { id: i64, author_id: i64, votes: u32 }
/// # impl Post {
/// #     async fn find(_: &Db, id: i64) -> Result<Post, std::io::Error> { Ok(Post { id, author_id: 7, votes: 0 }) }
/// # }
///
/// #[cachecow::query(key = "top-posts:{author_id}:{len}", ttl = "5m", tag = Post::tag_author_id(author_id))]
/// async fn top_posts(db: &Db, author_id: i64, len: u32) -> Result<Vec<i64>, std::io::Error> {
/// #   let _ = (db, author_id, len);
/// #   Ok(vec![1, 2])
///     // SELECT id FROM posts WHERE author_id = $1 ORDER BY votes DESC LIMIT $2
/// }
///
/// # async fn example(cow: CacheCow, db: Db, post: Post) -> Result<(), cachecow::Error> {
/// let top = cow.with(&db).ask(top_posts::of(7, 10)).await?;       // Arc<Vec<i64>>
/// let top = cow.with(&db).get(top_posts::of(7, 10)).await?;       // as every lookup
/// cow.invalidate(top_posts::of(7, 10)).await?;                    // this answer
/// cow.write(&post, async { Ok::<_, std::io::Error>(()) }).await;  // the post, and the answers with a tag of it
/// cow.invalidate(Post::tag_author_id(7)).await?;                  // all posts and answers with this tag
/// let now = top_posts(&db, 7, 10).await;                          // past the cache, as ever
/// # Ok(())
/// # }
/// ```
///
/// The function stays as it is. Beside it comes a type of its name: `name::of(…)`, with all parameters but the
/// context, is the lookup of one answer. It implements `Lookup`, `CacheKeys` and
/// `Query`, and what it finds is an `Answer`, which derefs to what the function
/// returned. `View::ask` gives that itself. The page `guide::queries` says what to
/// expect of it.
///
/// | setting | meaning | without it |
/// |---|---|---|
/// | `key = "top-posts:{day}"` | the key's template, whose placeholders name parameters; with the rules of a struct's key | required |
/// | `tag = expression` | a tag that the answers carry, of any type: a `Tag`, or an `Option`, an array or a `Vec` of tags; the parameters may stand in it, as the function takes them. May be given several times | no tag |
/// | `ttl`, `negative_ttl`, `stale_if_error`, `soft_timeout`, `refresh_ahead`, `settle`, `near`, `near_ttl`, `crate` | as of a [struct](macro@Cached#settings-of-the-struct) | the builder's |
/// | `version = 2` | a number to change with what the answers mean: those of another version are misses | none |
///
/// Where a change log is followed, one line `#[cache(rows = "app.posts", author_id = "author")]` for each table that
/// answers depend on, between the attribute and the function: each parameter in the key is the column of its name, or
/// of the name that the line gives it. A changed row ends the answers of its old and its new version. Where the row's
/// columns do not tell, a function names the answers: `#[cache(rows = "app.tags", via = path, columns = ["id"])]`, as for
/// a [list](macro@Cached#rows-of-a-table), with the query's context.
///
/// # The function
///
/// `async fn(&Context, parameter, …) -> Result<T, E>` or `-> Result<Option<T>, E>`, of its own: no method, not
/// generic. `T` implements [`CacheSchema`](macro@CacheSchema), or is built of what does. `E` is any error, as that of
/// a struct's fetch function. The future is `Send`.
///
/// The first parameter is the context if it is a reference, stands in no placeholder, and is neither text nor a
/// slice. Each other parameter stands in the key: it implements `KeyPart` and `Clone`.
///
/// | parameter | in `of` |
/// |---|---|
/// | integers, `NonZero…`, `bool`, `char` | by value |
/// | `String`, `&String`, `&str` | `impl Into<String>` |
/// | `&[T]` | `impl Into<Vec<T>>` |
/// | any other `T`, `&T` | `T` or `&T` |
///
/// A parameter on which no answer depends, such as a request's identity for the log, is marked
/// `#[cache(not_in_key)]`: it is given to `of` and passed on to the function, and is no part of the key. Callers who
/// differ by it share one answer.
///
/// Of a function that returns `Result<Option<T>, E>`, `None` is remembered for `negative_ttl`, and carries the tags.
/// The `Option` must be seen: where an alias hides it, `None` is an answer as any other.
#[proc_macro_attribute]
pub fn query(arguments: TokenStream, item: TokenStream) -> TokenStream {
    derive::query(arguments.into(), item.into()).into()
}
