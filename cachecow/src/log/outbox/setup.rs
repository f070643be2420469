//! Creates the outbox's table and triggers.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use xxhash_rust::xxh3::xxh3_64;

use super::kind::Kind;
use crate::log::column::ColumnKind;
use crate::log::mapping::FollowedTable;
use crate::log::table::TableName;

/// The version is in the triggers' names, so that triggers of another version are not accepted.
const VERSION: u32 = 1;

/// A trigger on one table. Some databases need one trigger for each kind of change.
#[derive(Clone, Debug)]
pub(super) struct Trigger {
    /// The name contains a hash of everything that the trigger does. A trigger that does something else has another
    /// name.
    pub(super) name: String,
    pub(super) table: TableName,
    /// `insert`, `update`, `delete` or `truncate`; in PostgreSQL `rows` for the first three; `notify` on the outbox.
    change: &'static str,
    columns: Vec<(&'static str, ColumnKind)>,
}

impl Trigger {
    /// Returns all triggers that these types need.
    pub(super) fn all(kind: Kind, outbox: &str, followed: &[FollowedTable]) -> Vec<Self> {
        let mut tables: BTreeMap<&TableName, Vec<(&'static str, ColumnKind)>> = BTreeMap::new();
        for table in followed {
            let columns = tables.entry(&table.table).or_default();
            columns.extend(table.columns.iter().map(|column| (column.name, column.kind)));
        }
        let mut triggers = Vec::new();
        for (table, mut columns) in tables {
            // Where a function reads a column without a declared type, a field of the type may declare it.
            columns.sort_unstable_by_key(|(name, kind)| (*name, *kind == ColumnKind::Any));
            columns.dedup_by_key(|(name, _)| *name);
            let text = format!("{VERSION} {outbox} {table} {columns:?}");
            let hash = xxh3_64(text.as_bytes());
            triggers.extend(kind.changes().iter().map(|change| Self {
                name: format!("cachecow_{hash:016x}_{change}"),
                table: table.clone(),
                change,
                columns: columns.clone(),
            }));
        }
        triggers
    }

    /// The trigger that announces by `NOTIFY` that the outbox has new rows.
    #[cfg(feature = "postgres")]
    pub(super) fn notifying(outbox: &str) -> Self {
        let hash = xxh3_64(format!("{VERSION} {outbox}").as_bytes());
        Self {
            name: format!("cachecow_{hash:016x}_notify"),
            table: TableName::owned(Some("public".to_owned()), outbox.to_owned()),
            change: "notify",
            columns: Vec::new(),
        }
    }

    /// One version of the row as a JSON object. Every value is a text or `null`.
    fn row(&self, kind: Kind, version: &str) -> String {
        let columns = self.columns.iter().map(|(name, column)| {
            let value = format!("{version}.{}", kind.quoted(name));
            format!("{}, {}", kind.literal(name), kind.text(&value, *column))
        });
        let columns: Vec<String> = columns.collect();
        format!("{}({})", kind.object(), columns.join(", "))
    }

    /// Returns the statement that inserts a row into the outbox.
    fn insertion(&self, kind: Kind, outbox: &str, change: &str) -> String {
        let row = |is: bool, version| if is { self.row(kind, version) } else { "null".to_owned() };
        let old = row(matches!(change, "update" | "delete"), "old");
        let new = row(matches!(change, "insert" | "update"), "new");
        let source = kind.literal(&self.table.to_string());
        let outbox = kind.outbox(outbox);
        format!("insert into {outbox} (source, old_row, new_row) values ({source}, {old}, {new})")
    }
}

impl Kind {
    fn changes(self) -> &'static [&'static str] {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres => &["rows", "truncate"],
            #[allow(unreachable_patterns, reason = "PostgreSQL may be the only one")]
            _ => &["insert", "update", "delete"],
        }
    }

    fn object(self) -> &'static str {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres => "json_build_object",
            #[allow(unreachable_patterns, reason = "PostgreSQL may be the only one")]
            _ => "json_object",
        }
    }

    fn text(self, value: &str, column: ColumnKind) -> String {
        let _ = column;
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres => format!("{value}::text"),
            #[cfg(feature = "mysql")]
            Self::MySql if column == ColumnKind::Bytes => {
                format!("concat({}, hex({value}))", self.literal("\\x"))
            }
            #[cfg(feature = "mysql")]
            Self::MySql => format!("cast({value} as char character set utf8mb4)"),
            // In SQLite each value has its own type, whatever the column's type is. JSON has no type for bytes.
            #[cfg(feature = "sqlite")]
            Self::Sqlite => format!(
                "json(case typeof({value}) when 'blob' then '[\"' || hex({value}) || '\"]' \
                 else json_quote(cast({value} as text)) end)"
            ),
        }
    }

    /// Returns the statement that creates the table.
    pub(super) fn create_table(self, table: &str) -> String {
        let outbox = self.outbox(table);
        let columns = match self {
            #[cfg(feature = "postgres")]
            Self::Postgres => {
                "id bigint generated always as identity primary key, source text not null, old_row text, new_row text)"
            }
            #[cfg(feature = "mysql")]
            Self::MySql => {
                "id bigint not null auto_increment primary key, source varchar(255) not null, old_row longtext, \
                 new_row longtext) engine = InnoDB character set utf8mb4"
            }
            #[cfg(feature = "sqlite")]
            Self::Sqlite => {
                "id integer primary key autoincrement, source text not null, old_row text, new_row text)"
            }
        };
        format!("create table if not exists {outbox} ({columns};\n")
    }

    fn create_trigger(self, sql: &mut String, outbox: &str, trigger: &Trigger) {
        let name = self.quoted(&trigger.name);
        let _ = match self {
            #[cfg(feature = "postgres")]
            Self::Postgres => {
                write!(sql, "{}", postgres(self, outbox, trigger, &name))
            }
            #[cfg(feature = "mysql")]
            Self::MySql => {
                let schema = trigger.table.schema().map(|schema| self.quoted(schema) + ".");
                let table = schema.unwrap_or_default() + &self.quoted(trigger.table.name());
                let change = trigger.change;
                writeln!(
                    sql,
                    "drop trigger if exists {name};\ncreate trigger {name} after {change} on {table} for each row {};",
                    trigger.insertion(self, outbox, change)
                )
            }
            #[cfg(feature = "sqlite")]
            Self::Sqlite => writeln!(
                sql,
                "drop trigger if exists {name};\ncreate trigger {name} after {} on {} begin {}; end;",
                trigger.change,
                self.quoted(trigger.table.name()),
                trigger.insertion(self, outbox, trigger.change)
            ),
        };
    }
}

/// Returns a function and its trigger. The function runs with the rights of the user who created it, so writers
/// need no rights on the outbox. The trigger also fires in sessions that apply changes of another server.
#[cfg(feature = "postgres")]
fn postgres(kind: Kind, outbox: &str, trigger: &Trigger, name: &str) -> String {
    let table = trigger.table.quoted_with_schema("public");
    let insert = |change| trigger.insertion(kind, outbox, change);
    let (when, body) = if trigger.change == "notify" {
        ("after insert", format!("perform pg_notify({}, '');", kind.literal(outbox)))
    } else if trigger.change == "truncate" {
        ("after truncate", format!("{};", insert("truncate")))
    } else {
        let body = format!(
            "if tg_op = 'INSERT' then {}; elsif tg_op = 'UPDATE' then {}; else {}; end if;",
            insert("insert"),
            insert("update"),
            insert("delete")
        );
        ("after insert or update or delete", body)
    };
    let each = if trigger.change == "rows" { "row" } else { "statement" };
    format!(
        "create or replace function public.{name}() returns trigger language plpgsql security definer\n  \
         set search_path = pg_catalog, pg_temp set datestyle = 'ISO' set timezone = 'UTC' set bytea_output = 'hex'\n  \
         as $cachecow$ begin {body} return null; end $cachecow$;\n\
         drop trigger if exists {name} on {table};\n\
         create trigger {name} {when} on {table} for each {each} execute function public.{name}();\n\
         alter table {table} enable always trigger {name};\n"
    )
}

/// Returns all statements. They may be run again.
pub(super) fn setup_sql(kind: Kind, outbox: &str, triggers: &[Trigger]) -> String {
    let mut sql = kind.create_table(outbox);
    for trigger in triggers {
        kind.create_trigger(&mut sql, outbox, trigger);
    }
    sql
}
