//! The SQL that differs between the three databases.

use super::setup::Trigger;
use crate::error::{Error, ErrorKind};
use crate::log::table::{TableName, identifier};
use crate::store::sql::pool::SqlPool;

/// One of the three databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    #[cfg(feature = "postgres")]
    Postgres,
    #[cfg(feature = "mysql")]
    MySql,
    #[cfg(feature = "sqlite")]
    Sqlite,
}

impl Kind {
    pub(super) fn of(pool: &SqlPool) -> Self {
        match pool {
            #[cfg(feature = "postgres")]
            SqlPool::Postgres(_) => Self::Postgres,
            #[cfg(feature = "mysql")]
            SqlPool::MySql(_) => Self::MySql,
            #[cfg(feature = "sqlite")]
            SqlPool::Sqlite(_) => Self::Sqlite,
        }
    }

    /// Returns the kind of the database with this URL.
    pub(super) fn of_url(url: &str) -> Result<Self, Error> {
        match url.split_once(':').map_or("", |(scheme, _)| scheme) {
            #[cfg(feature = "postgres")]
            "postgres" | "postgresql" => Ok(Self::Postgres),
            #[cfg(feature = "mysql")]
            "mysql" | "mariadb" => Ok(Self::MySql),
            #[cfg(feature = "sqlite")]
            "sqlite" => Ok(Self::Sqlite),
            _ => Err(Error::new(
                ErrorKind::InvalidUrl,
                "setup_sql: the URL begins with `postgres://`, `mysql://`, `mariadb://` or `sqlite:`, and cachecow's \
                 feature `postgres`, `mysql` or `sqlite` must be on",
            )),
        }
    }

    /// By the name that OpenTelemetry has for it; MariaDB is not told from MySQL.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres => "postgresql",
            #[cfg(feature = "mysql")]
            Self::MySql => "mysql",
            #[cfg(feature = "sqlite")]
            Self::Sqlite => "sqlite",
        }
    }

    /// A name in a statement.
    pub(super) fn quoted(self, name: &str) -> String {
        match self {
            #[cfg(feature = "mysql")]
            Self::MySql => format!("`{}`", name.replace('`', "``")),
            #[allow(unreachable_patterns, reason = "MySQL may be the only one")]
            _ => identifier(name),
        }
    }

    /// A text in a statement.
    pub(super) fn literal(self, text: &str) -> String {
        let text = text.replace('\'', "''");
        match self {
            #[cfg(feature = "mysql")]
            Self::MySql => format!("'{}'", text.replace('\\', "\\\\")),
            #[allow(unreachable_patterns, reason = "MySQL may be the only one")]
            _ => format!("'{text}'"),
        }
    }

    /// The outbox in a statement. In PostgreSQL it is in `public`, whatever the search path.
    pub(super) fn outbox(self, table: &str) -> String {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres => format!("public.{}", self.quoted(table)),
            #[allow(unreachable_patterns, reason = "PostgreSQL may be the only one")]
            _ => self.quoted(table),
        }
    }

    /// Returns the statement that selects the names of those of these triggers that are on their tables, and enabled.
    pub(super) fn triggers(self, triggers: &[Trigger]) -> String {
        let any = self.on_their_tables(triggers);
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres => format!(
                "select tgname::text from pg_trigger where not tgisinternal and tgenabled = 'A' and ({any})"
            ),
            #[cfg(feature = "mysql")]
            Self::MySql => format!(
                "select cast(trigger_name as char) from information_schema.triggers \
                 where trigger_schema = database() and ({any})"
            ),
            #[cfg(feature = "sqlite")]
            Self::Sqlite => {
                format!("select name from sqlite_master where type = 'trigger' and ({any})")
            }
        }
    }

    /// A condition for these triggers in the database's catalog. A trigger stays on its table when the table gets another
    /// name, so the trigger's own name is not enough.
    fn on_their_tables(self, triggers: &[Trigger]) -> String {
        let condition = |trigger: &Trigger| {
            let name = self.literal(&trigger.name);
            match self {
                #[cfg(feature = "postgres")]
                Self::Postgres => {
                    format!("tgname = {name} and tgrelid = {}", self.oid(&trigger.table))
                }
                #[cfg(feature = "mysql")]
                Self::MySql => {
                    let table = self.literal(trigger.table.name());
                    format!("trigger_name = {name} and event_object_table = {table}")
                }
                #[cfg(feature = "sqlite")]
                Self::Sqlite => {
                    let table = self.literal(trigger.table.name());
                    format!("name = {name} and tbl_name = {table} collate nocase")
                }
            }
        };
        let conditions: Vec<String> = triggers.iter().map(condition).collect();
        if conditions.is_empty() { "1 = 0".to_owned() } else { conditions.join(" or ") }
    }

    /// The table's number in PostgreSQL's catalog, in a statement; null if there is no such table.
    #[cfg(feature = "postgres")]
    fn oid(self, table: &TableName) -> String {
        format!("to_regclass({})", self.literal(&table.quoted_with_schema("public")))
    }

    /// The statement that gives the names of a trigger's table and of each table that inherits from it, in PostgreSQL.
    /// Partitions have triggers of their own.
    #[cfg(feature = "postgres")]
    pub(super) fn heirs(self, trigger: &Trigger) -> String {
        format!(
            "select inhparent::regclass::text, inhrelid::regclass::text from pg_inherits \
             join pg_class on oid = inhparent where relkind = 'r' and inhparent = {} order by 2",
            self.oid(&trigger.table)
        )
    }

    /// The statement that gives the name and the type of each of a followed table's columns.
    pub(super) fn columns(self, table: &TableName) -> String {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres => self.columns_of(&table.quoted_with_schema("public"), "null"),
            #[allow(unreachable_patterns, reason = "PostgreSQL may be the only one")]
            _ => {
                let schema = table.schema().map(|schema| self.literal(schema));
                self.columns_of(table.name(), schema.as_deref().unwrap_or("null"))
            }
        }
    }

    /// The same of the outbox.
    pub(super) fn columns_of_outbox(self, table: &str) -> String {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres => self.columns_of(&self.outbox(table), "null"),
            #[allow(unreachable_patterns, reason = "PostgreSQL may be the only one")]
            _ => self.columns_of(table, "null"),
        }
    }

    /// Of the table of this name: in PostgreSQL as SQL has it, with its schema.
    fn columns_of(self, name: &str, schema: &str) -> String {
        let _ = schema;
        let name = self.literal(name);
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres => format!(
                "select attname::text, format_type(atttypid, atttypmod) from pg_attribute \
                 where attrelid = to_regclass({name}) and attnum > 0 and not attisdropped"
            ),
            #[cfg(feature = "mysql")]
            Self::MySql => format!(
                "select cast(column_name as char), cast(column_type as char) from information_schema.columns \
                 where table_schema = coalesce({schema}, database()) and table_name = {name}"
            ),
            #[cfg(feature = "sqlite")]
            Self::Sqlite => format!("select name, type from pragma_table_xinfo({name})"),
        }
    }

    /// Returns a statement that selects a text. The text changes when the triggers are dropped, even if they are
    /// created again; when a table has the name of another; and, in PostgreSQL, when they are switched off, even if they are
    /// switched on again.
    pub(super) fn identity(self, table: &str, triggers: &[Trigger]) -> String {
        // Not every database's statement uses these.
        let _ = (table, triggers);
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres => self.identity_in_postgres(table, triggers),
            #[cfg(feature = "mysql")]
            Self::MySql => format!(
                "select concat(database(), ' ', count(*), ' ', coalesce(max(created), '')) \
                 from information_schema.triggers where trigger_schema = database() and ({})",
                self.on_their_tables(triggers)
            ),
            // This number grows with every change of the schema, so more often than necessary. That is safe.
            #[cfg(feature = "sqlite")]
            Self::Sqlite => {
                "select 'schema ' || schema_version from pragma_schema_version".to_owned()
            }
        }
    }

    /// With the tables that inherit, and the triggers of partitions, which have the names of their parents' triggers.
    #[cfg(feature = "postgres")]
    fn identity_in_postgres(self, table: &str, triggers: &[Trigger]) -> String {
        let names: Vec<String> = triggers.iter().map(|it| self.literal(&it.name)).collect();
        let names = if names.is_empty() { "''".to_owned() } else { names.join(", ") };
        let mut tables: Vec<String> =
            triggers.iter().map(|it| format!("{}::oid", self.oid(&it.table))).collect();
        tables.dedup();
        let tables = if tables.is_empty() { "0".to_owned() } else { tables.join(", ") };
        format!(
            "select current_database() || ' ' || {}::regclass::oid::text || ' ' || concat_ws(',', {tables}) || ' ' || \
             coalesce((select string_agg(inhrelid::text, ',' order by inhrelid) from pg_inherits join pg_class p \
               on p.oid = inhparent where relkind = 'r' and inhparent in ({tables})), '') || ' ' || \
             coalesce(string_agg(concat(oid, tgenabled, xmin), ',' order by oid), '') \
             from pg_trigger where not tgisinternal and tgname in ({names})",
            self.literal(&self.outbox(table)),
        )
    }

    /// Returns the statement that selects the last id that was assigned. For MySQL it is an insert, which is rolled
    /// back and takes an id itself.
    pub(super) fn last_id(self, table: &str) -> String {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres => format!(
                "select coalesce(pg_sequence_last_value(pg_get_serial_sequence({}, 'id')::regclass), 0)",
                self.literal(&self.outbox(table))
            ),
            #[cfg(feature = "mysql")]
            Self::MySql => self.mark(table),
            #[cfg(feature = "sqlite")]
            Self::Sqlite => format!(
                "select coalesce((select seq from sqlite_sequence where name = {}), 0)",
                self.literal(table)
            ),
        }
    }

    /// Returns the statement that inserts a row without a meaning and returns its id.
    pub(super) fn mark(self, table: &str) -> String {
        let insert = format!(
            "insert into {} (source) values ({})",
            self.outbox(table),
            self.literal(super::MARK)
        );
        match self {
            #[cfg(feature = "mysql")]
            Self::MySql => insert,
            #[allow(unreachable_patterns, reason = "MySQL may be the only one")]
            _ => format!("{insert} returning id"),
        }
    }

    /// Returns the statement that inserts emitted keys, which are its only parameter.
    #[cfg(feature = "sqlx-0_8")]
    pub(super) fn emit(self, table: &str) -> String {
        let place = match self {
            #[cfg(feature = "mysql")]
            Self::MySql => "?",
            #[allow(unreachable_patterns, reason = "MySQL may be the only one")]
            _ => "$1",
        };
        format!(
            "insert into {} (source, new_row) values ({}, {place})",
            self.outbox(table),
            self.literal(super::KEYS)
        )
    }

    /// Returns the statement that deletes these rows. If two consumers delete the same rows, neither waits for the
    /// other.
    pub(super) fn delete(self, table: &str, ids: &[i64]) -> String {
        let outbox = self.outbox(table);
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let ids = ids.join(",");
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres => format!(
                "delete from {outbox} where id in \
                 (select id from {outbox} where id in ({ids}) order by id for update skip locked)"
            ),
            #[allow(unreachable_patterns, reason = "PostgreSQL may be the only one")]
            _ => format!("delete from {outbox} where id in ({ids})"),
        }
    }
}
