//! Users and posts by diesel, with cachecow in front of every read.
//!
//! | module | diesel | database, pool | fetch functions |
//! |---|---|---|---|
//! | [`asynchronous`] | diesel-async | PostgreSQL, deadpool; no libpq | `fetch = path` |
//! | [`synchronous`] | diesel | SQLite, r2d2 | `fetch = blocking(path)` |
//!
//! Each stands for itself: copy the one that you need. On PostgreSQL by synchronous diesel, it is `PgConnection` for
//! `SqliteConnection`.
//!
//! - The struct that is `Queryable` and `Selectable` is `Cached`, too.
//! - The transaction is the work of a `write`, from its begin to its commit. Keys that only it knows are named afterwards.
//! - diesel's own error comes back from a `write`.
//!
//! ```sh
//! cargo run -p diesel-example                                              # SQLite, in a temporary folder
//! DATABASE_URL=postgres://localhost/shop cargo run -p diesel-example       # makes and drops `users` and `posts`
//! ```
//!
//! `REDIS_URL=redis://127.0.0.1/` puts the cache there; without it, it is in the process's memory.

pub mod asynchronous;
pub mod failure;
pub mod schema;
pub mod synchronous;
