//! The cache for programs without an async runtime.
//!
//! [`CacheCow`] has the methods of the [async cache](crate::CacheCow). Each calls the async method and blocks until it is
//! done, so the same promises hold. Name synchronous fetch functions by `fetch = blocking(path)`.
//!
//! | with a runtime | without |
//! |---|---|
//! | `CacheCow::builder()` …`.open(url).await` | [`CacheCow::open_with`]`(builder, url)` |
//! | `cow.write(keys, work).await` | [`CacheCow::write`], or with more settings [`CacheCow::writing`] …`.run()` |
//! | `cow.get_or_fetch(key, ttl, fetch).await` | [`CacheCow::get_or_fetch`] …`.run()` |
//! | `cow.follow(log)` …`.start().await` | [`CacheCow::block_on`]`(cow.as_async().follow(log)` …`.start())` |
//! | `tokio::spawn(cow.auditor()` …`.run())` | [`CacheCow::spawn`]`(cow.as_async().auditor()` …`.run())`, and so for `metrics` |
//!
//! ```
//! # #[cfg(feature = "derive")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::io;
//! use std::sync::{Arc, Mutex};
//!
//! use cachecow::Cached;
//! use cachecow::blocking::CacheCow;
//!
//! /// A stand-in for a connection pool.
//! #[derive(Clone, Default)]
//! struct Db(Arc<Mutex<Vec<String>>>);
//!
//! #[derive(Debug, Cached)]
//! #[cache(context = Db, ttl = "10m")]
//! #[cache(key = "user:{id}", fetch = blocking(User::find))]
//! struct User { id: usize, name: String }
//!
//! impl User {
//!     fn find(db: &Db, id: usize) -> Result<Option<User>, io::Error> {
//!         let name = db.0.lock().unwrap().get(id).cloned();
//!         Ok(name.map(|name| User { id, name }))
//!     }
//! }
//!
//! let cow = CacheCow::open("memory://")?;
//! let db = Db::default();
//! db.0.lock().unwrap().push("Ann".to_owned());
//!
//! let user = cow.with(&db).get(User::by_id(0))?;
//! assert_eq!(user.unwrap().name, "Ann");
//!
//! cow.write(User::by_id(0), || {
//!     db.0.lock().unwrap()[0] = "Bea".to_owned();
//!     Ok::<_, io::Error>(())
//! })?;
//! assert_eq!(cow.with(&db).get(User::by_id(0))?.unwrap().name, "Bea");
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "derive"))] fn main() {}
//! ```

mod cow;
mod get_or_fetch;
mod runtime;
mod view;
mod write;

pub use self::cow::CacheCow;
pub use self::get_or_fetch::GetOrFetch;
pub use self::view::{SharedView, View};
pub use self::write::Write;
