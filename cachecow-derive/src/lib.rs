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

/// Makes a struct cacheable: generates its keys, a constructor for each way to look it up, and the
/// calls of its fetch functions.
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
/// Write them in one or several `#[cache(…)]` attributes, each setting at most once.
///
/// | setting | meaning | without it |
/// |---|---|---|
/// | `name = "User"` | the type's name in `stats()`, metrics, events and for `invalidate_type`; it must be the same in all programs that share a cache | the struct's |
/// | `context = Type` | the type of the fetch functions' first argument, which they take by reference: a connection pool, `dyn Trait`, … | they have no such argument |
/// | `ttl = "10m"` | how long a stored object may be served | the builder's |
/// | `negative_ttl = "5s"` | how long the absence of an object may be served | the builder's |
/// | `ttl_with = path` | `fn(&T) -> Duration` or `fn(&T) -> Option<Duration>`: an object's own time to live; zero: it is not cached | `ttl` for every object |
/// | `stale_if_error = "1h"` | how long beyond its time to live an object may be served while its fetch fails | the builder's |
/// | `soft_timeout = "50ms"` | how long a read by `CacheCow::with_shared` waits for a fetch before it is served an object within `stale_if_error` | the builder's |
/// | `refresh_ahead = true` | whether an object is refreshed shortly before its time to live ends | the builder's |
/// | `settle = "500ms"` | how long after an invalidation nothing is stored, for fetches that read lagging replicas | the builder's |
/// | `near = false` | whether objects are kept in this process's memory, if the builder enables the near tier | `true` |
/// | `near_ttl = "5s"` | how long an object is kept there at most | the builder's |
/// | `table = "app.users"` | the table whose rows the objects are, for change logs (feature `log`) | change logs do not invalidate them |
/// | `clearable = true` | whether everything of the type can be invalidated at once, by `invalidate_type` | `true` with a `table`, otherwise `false` |
/// | `version = 2` | a number in the fingerprint, for changes that the derive cannot see, such as another unit of a field | none |
/// | `crate = path` | the path of the crate `cachecow`, if it is re-exported or renamed | `::cachecow` |
///
/// A duration is a number and a unit, or several from large to small: `ms`, `s`, `m`, `h`, `d`, as
/// in `"250ms"` or `"1h30m"`.
///
/// # Lookups
///
/// Write one `#[cache(key = …)]` for each way to look the object up, without settings of the struct in it. The
/// first is the primary key, the others are aliases: the object is stored once, under its primary key, and an alias
/// points there. A read by an alias verifies that the object still has that alias.
///
/// | setting | meaning | without it |
/// |---|---|---|
/// | `key = "user:{id}"` | the key template; a placeholder names a field (`{0}` in a tuple struct); `{{` and `}}` are literal braces | required |
/// | `fetch = path` | the async function that reads one object; `fetch = blocking(path)` for a synchronous one | required |
/// | `fetch_many = path` | the async function that reads several at once, or `blocking(path)` | `fetch` is called for each |
/// | `name = "by_email"` | the constructor's name | `by_` and the fields, joined by `_and_`; required in a key without placeholders |
///
/// The fetch function takes the context by reference, then the parts: numbers, `bool` and `char` by value, text as
/// `&str`, everything else by reference. It may take a `Vec` as a slice, and an `Arc` or a `Box` as a reference to
/// its content. If your function takes the context as another type (`&dyn Trait` for a `Db`, or the type it derefs
/// to), write a small function that calls it.
///
/// A key without placeholders is for a singleton, such as
/// `#[cache(key = "settings", name = "current", fetch = Settings::load)]`: `Settings::current()` looks it up, and
/// its `fetch` takes no parts. As an alias, such as `#[cache(key = "user:newest", name = "newest", …)]`, it points
/// to the object that its `fetch` returned. That could be any object of the type, so this key counts as a key of
/// every object: a write or an invalidation of any object (`&user`) invalidates this alias too. One that names only
/// another key, such as `User::by_id(42)`, does not. Such a key may be the first one only if no other key has a
/// placeholder, since it can store only one object.
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
/// Two templates of a struct must differ in more than their placeholders. Two structs that share a cache need
/// different templates, too. If they have the same one, the second struct that a `CacheCow` uses is not cached, and
/// an event at the level `error` names both.
///
/// # Tags
///
/// Write one `#[cache(tag = …)]` for each group that an object belongs to, with no other setting in it than `name`.
/// `CacheCow::invalidate_tag` invalidates all objects of the type that carry a tag at once, however many. Each read
/// of an object with tags also asks whether one of them was invalidated, in the same round trip if the process
/// remembers the tags. Types without tags have no extra cost.
///
/// | setting | meaning | without it |
/// |---|---|---|
/// | `tag = "org:{org_id}"` | the tag's template, with the rules of a key's | required |
/// | `name = "in_org"` | the constructor's name | `tag_` and the fields, joined by `_and_`; without fields, `tag_` and the template's words: `tag_all_posts` for `tag = "all:posts"` |
///
/// Every object of the type carries a tag without placeholders, such as
/// `#[cache(tag = "posts", name = "tag_all")]`: `invalidate_tag(Post::tag_all())` invalidates all of them at once.
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
/// With `#[cache(clearable = true)]`, `CacheCow::invalidate_type` invalidates everything of the type at once, in
/// constant time: all objects, lists and cached absences. Each hit then compares one more epoch, in the same round
/// trip. A struct with a `table` is always clearable.
///
/// A change of a struct's tags changes its shape: objects stored by the other version are misses.
///
/// # Lists
///
/// Write one `#[cache(list = …)]` for each kind of list: all objects that share the fields in its template. Read it
/// with `CacheCow::list`. The cache stores the primary keys of the members. A list is one of the keys of each
/// object in it: a write or an invalidation of the object covers its lists too. The page `guide::lists` of the
/// documentation says what is promised, and what is not.
///
/// | setting | meaning | without it |
/// |---|---|---|
/// | `list = "user:org:{org_id}"` | the list's template, with the rules of a key's | required |
/// | `fetch = path` | the async function that reads the list, in order: the objects, or their primary lookups | required |
/// | `name = "in_org"` | the constructor's name | `list_by_` and the fields, joined by `_and_`; required for a list without placeholders, which is the list of all objects |
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
/// For a struct `User` and a lookup by `id`, with the visibility of the struct: the constructor `User::by_id` and
/// the type `UserById`, which implements `Lookup`, `CacheKeys`, `Clone` and `Debug`. For a list by `org_id`:
/// `User::list_by_org_id` and `UserListByOrgId`, which implements `ListLookup`, `CacheKeys`, `CacheSchema`, `Clone`
/// and `Debug`; with a list, the first lookup also implements `CacheSchema`. The struct itself implements `Cached`,
/// `CacheSchema` and `CacheKeys`.
///
/// A lookup's `{:?}` shows its template and the types of its parts: `User::by_id("user:{id}", i64)`. The values may
/// be personal data; only `{:#?}` (and so `dbg!`) shows them, if their types have `Debug`.
///
/// # Parts of a key
///
/// The type of each field in a template implements `KeyPart` and `Clone`. The field is passed as follows, to the
/// constructors of lookups, lists and tags:
///
/// | field | to the constructor | to `fetch` | in `fetch_many` |
/// |---|---|---|---|
/// | integers, `NonZero…`, `bool`, `char` | by value | by value | `&[i64]` |
/// | `String` | `impl Into<String>` | `&str` | `&[String]` |
/// | `Box<str>`, `Arc<str>` | `impl Into<…>` | by reference | `&[Box<str>]` |
/// | any other `P` | `P` or `&P` | `&P` | `&[P]` |
/// | several placeholders | one argument each | one argument each | `&[(A, B)]` |
///
/// # Text that the backing store treats as equal
///
/// A column that ignores case finds the row of `ann@x.org` when a query asks for `ANN@x.org`. cachecow compares the
/// fetched object with the requested key, and these two differ: the object is returned, but not cached. An event at
/// the level `warn` reports this once for each type, and `stats()` counts it as `mismatched`.
/// `#[cache(normalize = path)]` on the field makes both equal:
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
/// The function takes the field's value by reference (text as `&str`), and returns the field's type; for text also
/// a `String`, a `&str` or a `Cow<str>`. It is applied in every key and tag that contains the field: to the
/// arguments of constructors (so `fetch` and `fetch_many` get normalized values), and to an object's own value. The
/// object itself is stored and returned as it was fetched. The function must return the same result for all values
/// that the backing store treats as equal, and different results for all others: two objects with the same result
/// share a key. The store must find an object by that result. The function is also called for each hit.
///
/// Adding, changing or removing it changes keys, as a change of the template does: while an old and a new version
/// of the program run side by side, an invalidation by one may not reach the entries of the other.
///
/// # Rows of a table
///
/// `#[cache(table = "app.users")]` says that the objects are rows of this table. Then the derive implements
/// `Followed`, which returns the keys of a row, for a program that follows the database's change log. Each field in
/// a key or a tag is read from the column with its name, or with the name in `#[cache(column = "…")]`. Its type
/// must implement `FromColumn`, as numbers, texts, UUIDs, dates, and newtypes and enums with `#[derive(KeyPart)]`
/// do. Write names exactly as in the database catalog. Put a table's name in double quotes if it is not a plain
/// word: `table = r#"app."User accounts""#`.
///
/// A list may depend on the rows of other tables, too. Below the list's line, write one line
/// `#[cache(rows = "app.memberships", org_id = "organisation")]` for each such table. Each field in the list is
/// read from the column with its name, or with the name that the line gives it. If the row's columns alone do not
/// determine the lists, a function names them: `#[cache(rows = "app.tags", via = User::tagged, columns = ["id"])]`,
/// with an `async fn(&Context, &Row<'_>) -> Result<impl CacheKeys, E>`, without the first argument if there is no
/// `context`. It is called for the old and for the new row. `columns` are the columns it reads; without them the
/// log must send all columns. The follower passes it the context, in an `Arc`: `cow.follow(log).context(Arc::new(pool))`.
///
/// # Fetch functions
///
/// A fetch function is `async fn(&Context, part, …) -> Result<T, E>` or `-> Result<Option<T>, E>`,
/// without the first argument if there is no `context`. `fetch_many` is
/// `async fn(&Context, &[Part]) -> Result<Vec<T>, E>`; it returns the objects in any order, without
/// those that do not exist. `E` is any error: a `std::error::Error`, `anyhow::Error`, a boxed
/// error, or any type that is `Debug + Display + Send + Sync + 'static`. `Self` in a path is the
/// struct. The futures must be `Send`.
///
/// Each argument has the type in the table above, or the common reference to it: `&str` for `&String`, `&[T]` for
/// `&Vec<T>` and `&[T; N]`, `&T` for `&Arc<T>`, `&Rc<T>`, `&Box<T>` and `&Cow<T>`. For any other type, the
/// compiler's error says which argument it is, and what to write.
///
/// For a synchronous function, as with diesel and rusqlite, write `fetch = blocking(path)` or
/// `fetch_many = blocking(path)`. It takes and returns the same types, and runs on the runtime's blocking pool with
/// a clone of the context. The context must be `Clone + Send + 'static`, as a connection pool is; put any other
/// type into an `Arc`. If the function panics, the read panics. If a read is dropped, a function that is already
/// running goes on to its end, and its result is lost. The claim was given back before, so the result is not
/// stored.
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
/// The derive generates code that writes and reads the struct field by field, without serde. So a hit equals what
/// the fetch function returned, whatever serde attributes the struct has for its JSON, and the struct needs no
/// serde derives. A field's type must implement [`CacheSchema`](macro@CacheSchema). Types of the standard library
/// do, and with features those of other crates. Otherwise an attribute on the field says how it is stored:
///
/// | on a field | meaning |
/// |---|---|
/// | `#[cache(opaque)]` | stored with the type's own serde traits. The fingerprint does not cover its shape: after a change of the shape, change `version` |
/// | `#[cache(with = module)]` | stored with the module's `serialize` and `deserialize`, as in serde's `with`: `serde_bytes`, `chrono::serde::ts_seconds`, … |
/// | `#[cache(skip)]` | not stored: a fetched object has the value, a hit has its `Default` |
/// | `#[cache(recursive)]` | stored as usual, but its shape is not part of the fingerprint: for one of several types that contain each other |
/// | `#[cache(column = "mail")]` | on a field in a key, a list or a tag of a struct with a `table`: the name of its column, if that differs from the field's |
/// | `#[cache(normalize = path)]` | on a field in a key, a list or a tag: the function normalizes its value there, [see above](#text-that-the-backing-store-treats-as-equal) |
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
/// Before an object is stored, its encoding is read back and compared with it, field by field; also with
/// `PartialEq`, if an opaque field's type has it. If it differs, as with `#[serde(skip_serializing)]` in an opaque
/// type, the object is not stored. An event at the level `error` names the type, the field and the reason once, and
/// `stats()` counts it as `unfaithful`.
///
/// A field in a key, a list or a tag must be stored, because the fields of an object read from the cache are
/// compared with the requested key. `#[cache(skip)]` is an error there.
///
/// # Generics
///
/// Type and const parameters, bounds, defaults and where clauses are allowed. Lifetimes are not,
/// since a cached object owns its data. A type parameter must implement `CacheSchema`; its full
/// name is part of the key, so `Page<User>` and `Page<Order>` never share a key.
#[proc_macro_derive(Cached, attributes(cache))]
pub fn cached(input: TokenStream) -> TokenStream {
    derive::cached(input.into()).into()
}

/// Makes a struct or an enum storable inside a cached struct. After a change of its shape, the stored objects that
/// contain it are misses.
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
/// The fingerprint covers the type's name, the names, order and types (as written) of fields and variants, how each
/// field is stored, and the fingerprints of the field types. Serde's attributes have no effect: they are for the
/// type's JSON. `#[derive(Cached)]` includes this derive.
///
/// | setting | where | meaning | without it |
/// |---|---|---|---|
/// | `crate = path` | on the type | the path of the crate `cachecow` | `::cachecow` |
/// | `version = 2` | on the type | a number in the fingerprint, for changes that the derive cannot see | none |
/// | `opaque`, `with`, `skip`, `recursive` | on a field | how it is stored, see [`Cached`](macro@Cached#fields) | by `CacheSchema` |
///
/// A type may contain itself. If several types contain each other, mark the field that closes the cycle in one of
/// them, or the compiler reports a cycle (E0391). Cache another type than the one with the mark: a change of the
/// marked field's type does not change the fingerprint of the marked type.
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

/// Makes a newtype a key part, encoded as the value it wraps; or an enum without data, encoded as its variant's
/// name.
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
/// A newtype is a struct with one field (named or not) besides `PhantomData` markers; generics are allowed. The
/// name of the type and the order of an enum's variants are not part of the key, so they may change.
///
/// | setting | where | meaning | without it |
/// |---|---|---|---|
/// | `crate = path` | on the type | the path of the crate `cachecow` | `::cachecow` |
/// | `rename = "…"` | on a variant | the variant's name in keys: use the old name when you rename a variant | the variant's name |
/// | `key_with = path` | on the field | a function that takes the field's value by reference and returns a `KeyPart`, for a field whose type is not a `KeyPart` | the value itself |
///
/// `key_with` is for types of other crates. The function must return different results for different values, and
/// its results must not change from one version of the program to the next:
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
/// This derive says how a value is encoded in keys, not how it is stored. For a field of a cached struct, the type
/// also needs [`CacheSchema`](macro@CacheSchema), or the field needs an attribute that says how it is stored.
#[proc_macro_derive(KeyPart, attributes(cache))]
pub fn key_part(input: TokenStream) -> TokenStream {
    derive::key_part(input.into()).into()
}

/// Caches the results of an async function, under a key made of its parameters.
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
/// The function stays as it is. The macro adds a type with the function's name: `name::of(…)`, with all parameters
/// except the context, is the lookup of one result. It implements `Lookup`, `CacheKeys` and `Query`. It finds an
/// `Answer`, which derefs to what the function returned; `View::ask` returns the value itself. The page
/// `guide::queries` says what is promised.
///
/// | setting | meaning | without it |
/// |---|---|---|
/// | `key = "top-posts:{day}"` | the key's template, whose placeholders name parameters; the rules of a struct's key apply | required |
/// | `tag = expression` | a tag of any type that the results carry: a `Tag`, or an `Option`, an array or a `Vec` of tags; the expression may use the parameters, as the function takes them. It may be given several times | no tag |
/// | `ttl`, `negative_ttl`, `stale_if_error`, `soft_timeout`, `refresh_ahead`, `settle`, `near`, `near_ttl`, `crate` | as for a [struct](macro@Cached#settings-of-the-struct) | the builder's |
/// | `version = 2` | change this number when the meaning of the results changes: results of another version are misses | none |
///
/// If the program follows a change log, write one line `#[cache(rows = "app.posts", author_id = "author")]` for
/// each table that the results depend on, between the attribute and the function. Each parameter in the key is read
/// from the column with its name, or with the name that the line gives it. A changed row invalidates the results
/// for its old and its new version. If the row's columns alone do not determine the results, a function names them:
/// `#[cache(rows = "app.tags", via = path, columns = ["id"])]`, as for a [list](macro@Cached#rows-of-a-table), with
/// the query's context.
///
/// # The function
///
/// It is a free function `async fn(&Context, parameter, …) -> Result<T, E>` or `-> Result<Option<T>, E>`: not a
/// method, and not generic. `T` implements [`CacheSchema`](macro@CacheSchema). `E` is any error, as for a struct's
/// fetch function. The future must be `Send`.
///
/// The first parameter is the context if it is a reference, is not used in a placeholder, and is neither text nor a
/// slice. Every other parameter must be in the key, and implements `KeyPart` and `Clone`.
///
/// | parameter | in `of` |
/// |---|---|
/// | integers, `NonZero…`, `bool`, `char` | by value |
/// | `String`, `&String`, `&str` | `impl Into<String>` |
/// | `&[T]` | `impl Into<Vec<T>>` |
/// | any other `T`, `&T` | `T` or `&T` |
///
/// If no result depends on a parameter (a request id for the log, for example), mark it `#[cache(not_in_key)]`. It
/// is passed to `of` and to the function, but is not part of the key: calls with different values of it share one
/// result.
///
/// If the function returns `Result<Option<T>, E>`, `None` is cached for `negative_ttl`, and carries the tags. The
/// `Option` must be visible in the signature: if a type alias hides it, `None` is cached like any other result.
#[proc_macro_attribute]
pub fn query(arguments: TokenStream, item: TokenStream) -> TokenStream {
    derive::query(arguments.into(), item.into()).into()
}
