//! Stores by their URLs.

mod address;
mod schemes;
mod suggest;
mod wrappers;

use std::sync::Arc;

use self::address::Address;
use super::KeyValueStore;
use crate::error::{Error, ErrorKind};

/// Opens the store at `url`, so that a program's configuration can choose the store.
///
/// | URL | store | feature |
/// |---|---|---|
/// | `memory://` | [`MemoryStore`](super::MemoryStore), a new and empty one | |
/// | `redis://[[user]:password@]host[:port][/db]`, `rediss://…` | `RedisStore` | `redis`, and `tls` for `rediss` |
/// | `redis+unix:///path[?db=0&user=…&pass=…]` | `RedisStore` | `redis` |
/// | `fs:///folder` | `FilesystemStore` | `fs` |
/// | `git:///repository` | `GitStore` | `git` |
/// | `postgres://…`, `postgresql://…`, `mysql://…`, `mariadb://…`, `sqlite://…`, `sqlite::memory:` | `SqlStore` | `sql` |
/// | `mongodb://…`, `mongodb+srv://…` | `MongoStore` | `mongodb` |
/// | `s3://…`, `gcs://…`, `gs://…`, `azure://…`, `az://…` | `CloudStore` | `cloud` |
///
/// # Parameters
///
/// `?keys=extended` allows `/` and the space in keys, in every store
/// ([`KeySpace::Extended`](super::KeySpace::Extended)). `?prefix=…` is the prefix of the keys' names in Redis,
/// `kv:` by default. `?table=…` is the table in an SQL database, and `?collection=…` the collection in MongoDB,
/// `key_value` by default. The table must exist, except in an SQLite database in memory, which is new. Other
/// parameters of a server's own URLs are passed to its driver.
///
/// # Wrappers
///
/// A fragment wraps the store, from left to right: in `…#wrap:readonly+prefix(abc-)` the innermost wrapper is
/// [`ReadOnly`](super::ReadOnly), and [`Prefix`](super::Prefix) is around it. The wrappers are `readonly`,
/// `urlencode` ([`UrlEncode`](super::UrlEncode)) and `prefix(…)`. `Hmac` is not one of them: URLs are shown and
/// logged, and its secret must not be.
///
/// # Special characters
///
/// In passwords, paths, parameters and arguments, `%` and two hexadecimal digits encode a byte:
/// `%25` for `%` itself, `%23` for `#`, `%3F` for `?`, `%29` for `)`.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cachecow::Error> {
/// use cachecow::{KeyValueStore as _, KeyValueStoreExt as _};
///
/// let store = cachecow::store::open("memory://#wrap:prefix(app-)+urlencode").await?;
/// store.put("any text: ключ", "v").await?;
/// assert_eq!(store.to_string(), "url-encode(prefix(memory))");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`ErrorKind::InvalidUrl`], which says what is wrong and shows no password; and the store's own.
pub async fn open(url: &str) -> Result<Arc<dyn KeyValueStore>, Error> {
    let (address, fragment) = Address::parse(url)?;
    let wrappers = wrappers::parse(fragment, address.quoted())?;
    let store = schemes::open(address).await?;
    wrappers.into_iter().try_fold(store, wrappers::wrap)
}

fn invalid(what: impl AsRef<str>) -> Error {
    let what = what.as_ref();
    Error::new(ErrorKind::InvalidUrl, format!("the store's URL is not valid: {what}"))
}
