//! Users and posts with diesel, and cachecow in front of every read.
//!
//! | module | diesel | database, pool | fetch functions |
//! |---|---|---|---|
//! | [`asynchronous`] | diesel-async | PostgreSQL, deadpool; no libpq | `fetch = path` |
//! | [`synchronous`] | diesel | SQLite, r2d2 | `fetch = blocking(path)` |
//!
//! Each is independent: copy the one that you need. For PostgreSQL with synchronous diesel, replace
//! `SqliteConnection` by `PgConnection`.
//!
//! - The struct with `Queryable` and `Selectable` also derives `Cached`.
//! - The whole transaction, from begin to commit, is the work of a `write`. Keys that are known only inside it are
//!   named afterwards.
//! - A `write` returns diesel's own error.
//!
//! ```sh
//! cargo run -p diesel-example                                              # SQLite, in a temporary folder
//! DATABASE_URL=postgres://localhost/shop cargo run -p diesel-example       # makes and drops `users` and `posts`
//! ```
//!
//! With `REDIS_URL=redis://127.0.0.1/`, the cache is in Redis; without it, in the process's memory.

pub mod asynchronous;
pub mod failure;
pub mod schema;
pub mod synchronous;
