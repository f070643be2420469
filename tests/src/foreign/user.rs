//! The rows that are changed.

use cachecow::Cached;
use cachecow::store::SqlPool;
use sqlx::Row as _;

use crate::any_pool::with;

/// A row of `users`, with an alias and a list.
#[derive(Clone, Debug, PartialEq, Eq, Cached)]
#[cache(context = SqlPool, ttl = "1h", negative_ttl = "1h", table = "users")]
#[cache(key = "user:{id}", fetch = User::find)]
#[cache(key = "user:mail:{email}", fetch = User::find_by_email)]
#[cache(list = "user:org:{org_id}", fetch = User::find_by_org)]
pub struct User {
    /// The primary key.
    pub id: i64,
    /// The alias, which is the column `mail`.
    #[cache(column = "mail")]
    pub email: String,
    /// The list's.
    pub org_id: i64,
    /// What is changed without a key.
    pub version: i64,
}

/// The table, and the index that lists are read by.
pub(super) const TABLE: &str = "create table users (id bigint primary key, mail varchar(40) not null unique, \
                                org_id bigint not null, version bigint not null); \
                                create index users_org on users (org_id)";

macro_rules! users {
    ($pool:expr, $query:expr) => {
        $query
            .fetch_all($pool)
            .await?
            .iter()
            .map(|row| User {
                id: row.get(0),
                email: row.get(1),
                org_id: row.get(2),
                version: row.get(3),
            })
            .collect()
    };
}

/// What a fetch function asks for, in the words of each database.
macro_rules! matching {
    ($pool:expr, $column:literal, $value:expr) => {{
        const SELECT: &str = "select id, mail, org_id, version from users where";
        let condition = |place| format!("{SELECT} {} = {place} order by id", $column);
        let (dollar, question) = (condition("$1"), condition("?"));
        let found: Vec<User> = match $pool {
            SqlPool::Postgres(pool) => users!(pool, sqlx::query(&dollar).bind($value)),
            SqlPool::MySql(pool) => users!(pool, sqlx::query(&question).bind($value)),
            SqlPool::Sqlite(pool) => users!(pool, sqlx::query(&question).bind($value)),
            other => panic!("{other:?}"),
        };
        found
    }};
}

impl User {
    async fn find(pool: &SqlPool, id: i64) -> sqlx::Result<Option<Self>> {
        Ok(matching!(pool, "id", id).pop())
    }

    async fn find_by_email(pool: &SqlPool, email: &str) -> sqlx::Result<Option<Self>> {
        Ok(matching!(pool, "mail", email).pop())
    }

    async fn find_by_org(pool: &SqlPool, org_id: i64) -> sqlx::Result<Vec<Self>> {
        Ok(matching!(pool, "org_id", org_id))
    }

    /// Every row, from the database itself.
    pub(super) async fn all(pool: &SqlPool) -> sqlx::Result<Vec<Self>> {
        let all = "select id, mail, org_id, version from users order by id";
        Ok(with!(pool, pool => users!(pool, sqlx::query(all))))
    }
}
