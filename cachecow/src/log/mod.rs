//! Following the database's own log: what a changed row invalidates.
//!
//! A struct says which table its objects are rows of, and the derive names every key of a row:
//!
//! ```
//! # #[cfg(feature = "derive")] {
//! use cachecow::log::{Followed, Row, Value};
//! use cachecow::{Cached, KeySet};
//!
//! #[derive(Cached)]
//! #[cache(table = "app.users")]
//! #[cache(key = "user:{id}",          fetch = User::find)]
//! #[cache(key = "user:email:{email}", fetch = User::find_by_email)]
//! struct User {
//!     id: i64,
//!     #[cache(column = "mail")]
//!     email: String,
//!     name: String,
//! }
//! # impl User {
//! #     async fn find(_: i64) -> Result<Option<User>, std::convert::Infallible> { Ok(None) }
//! #     async fn find_by_email(_: &str) -> Result<Option<User>, std::convert::Infallible> { Ok(None) }
//! # }
//!
//! let row = Row::new()
//!     .with("id", Value::text("42"))
//!     .with("mail", Value::text("ann@example.org"))
//!     .with("name", Value::text("Ann"));
//! let mut set = KeySet::default();
//! User::add_keys(&row, &mut set)?;
//! assert_eq!(set.keys().count(), 2);
//! # }
//! # Ok::<(), cachecow::log::RowError>(())
//! ```
//!
//! A reader of a change log (a *follower*) asks [`FollowedTypes`] for the tables and columns to follow. It makes a
//! [`Row`] from the old and the new version of each changed row, and invalidates the keys from
//! [`FollowedTable::add_keys`]. If the changed rows are not known (after a `TRUNCATE`, or a gap in the log), or a
//! row is incomplete, it invalidates everything of the type, with [`FollowedTable::add_all`].

mod batch;
mod change_log;
mod column;
#[cfg(any(
    feature = "postgres-log",
    all(feature = "outbox", any(feature = "postgres", feature = "mysql", feature = "sqlite"))
))]
mod emitted;
mod error;
mod follow;
mod follower;
mod lag;
mod mapping;
mod mark;
#[cfg(feature = "mongodb-log")]
mod mongo;
#[cfg(all(feature = "outbox", any(feature = "postgres", feature = "mysql", feature = "sqlite")))]
mod outbox;
mod position;
#[cfg(feature = "postgres-log")]
mod postgres;
mod reader;
mod row;
mod run;
mod status;
mod table;
mod trace;
mod value;
pub(crate) mod via;

pub use batch::Batch;
pub use change_log::{CacheReach, ChangeLog, Heartbeat, Opened, Opening, Setting};
pub use column::{Column, ColumnKind, ColumnUse, FromColumn, NotInColumn};
pub use error::{ColumnFault, RowError};
pub use follow::{Follow, OnLag};
pub use follower::Follower;
pub(crate) use follower::{Condition, Shared as SharedFollower};
pub use mapping::{Followed, FollowedTable, FollowedTypes};
#[cfg(feature = "mongodb-log")]
pub use mongo::MongoLog;
#[cfg(all(
    feature = "outbox",
    any(feature = "postgres", feature = "mysql", feature = "sqlite")
))]
pub use outbox::Outbox;
#[cfg(all(
    feature = "outbox",
    feature = "sqlx-0_8",
    any(feature = "postgres", feature = "mysql", feature = "sqlite")
))]
pub use outbox::{OutboxTransaction, emit, emit_to};
pub use position::LogPosition;
#[cfg(all(feature = "postgres-log", feature = "postgres", feature = "sqlx-0_8"))]
pub use postgres::emit_message;
#[cfg(feature = "postgres-log")]
pub use postgres::{MESSAGE_PREFIX, PostgresLog, message, setup_sql};
pub use reader::RowReader;
pub use row::{ColumnError, Row, RowVersion};
pub use status::{FollowerState, FollowerStatus, Lag};
pub use table::TableName;
pub use value::Value;
#[doc(hidden)]
pub use via::OwnedRow;
