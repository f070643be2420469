//! Users and posts with SeaORM 2, and cachecow in front of every read.
//!
//! - SeaORM's `Model` is the cached struct: it derives `Cached` beside `DeriveEntityModel`.
//! - The context of the fetch functions is SeaORM's `DatabaseConnection`, a pool.
//! - The work of a write is the `ActiveModel`'s own insert or update, or a transaction up to its commit.
//! - A `write` returns SeaORM's own `DbErr`; its `sql_err()` says that an e-mail address is taken.
//! - SeaORM calls each model `Model`. `#[cache(name = "…")]` sets its name in `cow.stats()`, metrics and events.
//!
//! In this folder, with Rust 1.94 or later:
//!
//! ```sh
//! cargo run          # SQLite in memory; or with DATABASE_URL='sqlite://forum.db?mode=rwc'
//! cargo test         # needs a redis-server
//! ```
//!
//! With `REDIS_URL=redis://127.0.0.1/`, the cache is in Redis; without it, in the process's memory.

pub mod post;
pub mod user;

use sea_orm::{ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection, DbErr, Schema};

pub use post::Model as Post;
pub use user::Model as User;

/// Opens the database at this URL, and creates its tables.
///
/// # Errors
///
/// SeaORM's.
pub async fn open(url: &str) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(url);
    if url.starts_with("sqlite::memory:") {
        // Each connection to it has a database of its own.
        options.max_connections(1);
    }
    options.sqlx_logging(false);
    let db = Database::connect(options).await?;
    let schema = Schema::new(db.get_database_backend());
    db.execute(schema.create_table_from_entity(user::Entity).if_not_exists()).await?;
    db.execute(schema.create_table_from_entity(post::Entity).if_not_exists()).await?;
    Ok(db)
}
