//! The SQL that prepares a database.

use std::fmt::Write as _;

use super::session::literal;
use super::tables::{full_name, identity_by_index};
use super::{DEFAULT_NAME, PostgresLog};
use crate::log::column::ColumnUse;
use crate::log::mapping::{FollowedTable, FollowedTypes};
use crate::log::table::identifier;

/// Returns the SQL that creates the publication, the replica identities and the slot for these types, with their
/// default name `cachecow`. Read it, and run it once, as the tables' owner; this crate never runs it.
///
/// ```
/// # #[cfg(feature = "derive")] {
/// # use cachecow::Cached;
/// #[derive(Cached)]
/// #[cache(table = "users")]
/// #[cache(key = "user:{id}", fetch = User::find)]
/// struct User { id: i64, name: String }
/// # impl User {
/// #     async fn find(_: i64) -> Result<Option<User>, std::convert::Infallible> { Ok(None) }
/// # }
///
/// let sql = cachecow::log::setup_sql::<User>();
/// assert!(sql.contains(r#"create publication "cachecow" for table "public"."users""#));
/// # }
/// ```
pub fn setup_sql<T: FollowedTypes>() -> String {
    statements(&T::tables(), DEFAULT_NAME, Some(DEFAULT_NAME))
}

impl PostgresLog {
    /// Like [`setup_sql`], with the names of this log. For a log without a slot, no slot is created.
    pub fn setup_sql<T: FollowedTypes>(&self) -> String {
        let tables = if self.emitted_only { Vec::new() } else { T::tables() };
        statements(&tables, &self.publication, self.slot.as_deref())
    }
}

fn statements(followed: &[FollowedTable], publication: &str, slot: Option<&str>) -> String {
    let mut names: Vec<String> = followed.iter().map(|table| full_name(&table.table)).collect();
    names.sort_unstable();
    names.dedup();
    let mut sql = String::from(
        "-- Needs `wal_level = logical`, and a bound for what an unread slot keeps: `max_slot_wal_keep_size`.\n",
    );
    let tables =
        if names.is_empty() { String::new() } else { format!(" for table {}", names.join(", ")) };
    let _ = writeln!(
        sql,
        "create publication {}{tables} with (publish_via_partition_root = true);",
        identifier(publication),
    );
    for name in &names {
        let of_this = followed.iter().filter(|table| full_name(&table.table) == *name);
        let (mut needed, mut keys, mut others) = (Vec::new(), Vec::new(), Vec::new());
        for column in of_this.flat_map(|table| &table.columns) {
            if column.usage.is_needed_of_old_rows() && !needed.contains(&column.name) {
                needed.push(column.name);
            }
            match column.usage {
                ColumnUse::Key => keys.push(column.name),
                ColumnUse::Alias => {}
                ColumnUse::List | ColumnUse::Tag | ColumnUse::Query => others.push(column.name),
            }
        }
        if followed.iter().any(|table| full_name(&table.table) == *name && table.needs_whole_rows())
        {
            let _ = writeln!(
                sql,
                "-- Old rows of {name} must be whole: a function (`via`) does not say which `columns` it reads.\n\
                 alter table {name} replica identity full;"
            );
            continue;
        }
        if others.iter().all(|column| keys.contains(column)) {
            continue;
        }
        let _ = if keys.is_empty() {
            // Nobody knows here which columns are unique.
            writeln!(
                sql,
                "-- Old rows of {name} must have {}. Or, with the columns of the table's own key besides, a unique \
                 index as its replica identity.\nalter table {name} replica identity full;",
                needed.join(", ")
            )
        } else {
            writeln!(
                sql,
                "-- Old rows of {name} must have the columns of lists, tags and queries. If one of them can be null, \
                 instead: alter table {name} replica identity full;\n{}",
                identity_by_index(name, &needed).trim_matches('`')
            )
        };
    }
    if let Some(slot) = slot {
        let _ = writeln!(
            sql,
            "-- Last. It keeps the server's log from here on until it is read, or dropped: \
             select pg_drop_replication_slot({0});\nselect pg_create_logical_replication_slot({0}, 'pgoutput');",
            literal(slot)
        );
    }
    sql
}
