//! The checks of each table.

use std::collections::BTreeMap;

use super::DEFAULT_SCHEMA;
use super::checks::Findings;
use super::session::{Rows, Session, literal};
use crate::error::Error;
use crate::log::mapping::FollowedTable;
use crate::log::table::{TableName, identifier, inherits};

/// A table's columns, according to the catalog.
struct Found {
    columns: BTreeMap<String, FoundColumn>,
    /// The parts that store its rows (the table itself, or its partitions), with the columns of their replica
    /// identities.
    parts: Vec<Part>,
}

struct FoundColumn {
    type_name: String,
    not_null: bool,
    is_generated: bool,
    in_primary_key: bool,
}

struct Part {
    /// The table's name, quoted for SQL.
    name: String,
    identity: Vec<String>,
}

/// The table's name with its schema, as SQL has it.
pub(super) fn full_name(table: &TableName) -> String {
    table.quoted_with_schema(DEFAULT_SCHEMA)
}

pub(super) async fn check(
    session: &mut Session,
    publication: &str,
    table: &FollowedTable,
    findings: &mut Findings,
) -> Result<(), Error> {
    let name = full_name(&table.table);
    let sql = format!(
        "select c.oid::text, c.relkind::text, p.pubviaroot::text from pg_class c, pg_publication p \
         where c.oid = to_regclass({}) and p.pubname = {}",
        literal(&name),
        literal(publication)
    );
    let Some(row) = session.query(&sql).await?.pop() else {
        findings.refuse(format!(
            "{}: there is no table {name}; name the right one by `#[cache(table = \"schema.name\")]`",
            table.type_name
        ));
        return Ok(());
    };
    let text = |at: usize| row.get(at).cloned().flatten().unwrap_or_default();
    let (oid, kind, via_root) = (text(0), text(1), text(2) == "true");
    match kind.as_str() {
        "r" => inherited(session, &oid, &name, findings).await?,
        "p" if via_root => findings.warn(format!(
            "{name} is partitioned: what empties, detaches or drops a partition is noticed by a look at the \
             catalog every few seconds, not by the log"
        )),
        "p" => {
            findings.refuse(format!(
                "{name} is partitioned, and its changes are told under the partitions' names: `alter publication \
                 {} set (publish_via_partition_root = true);`",
                identifier(publication)
            ));
            return Ok(());
        }
        _ => {
            findings.refuse(not_a_table(&kind, &name));
            return Ok(());
        }
    }
    if !published(session, publication, table, &name, findings).await? {
        return Ok(());
    }
    let found = find(session, &oid, kind == "p").await?;
    columns(table, &found, &name, findings);
    identity(table, &found, findings);
    Ok(())
}

/// The refusal of a relation that is no table; `kind` is its `relkind`.
fn not_a_table(kind: &str, name: &str) -> String {
    match kind {
        "v" => format!("`{name}` is a view: follow the tables that it reads"),
        "m" => format!("`{name}` is a materialized view: follow the tables that it reads"),
        "f" => {
            format!("`{name}` is a foreign table: follow the log of the database that has its rows")
        }
        _ => format!("`{name}` is not a table: follow a table"),
    }
}

/// Refuses a table that others inherit from: selects from it find their rows, and the log has them under their own names.
async fn inherited(
    session: &mut Session,
    oid: &str,
    name: &str,
    findings: &mut Findings,
) -> Result<(), Error> {
    let sql = format!(
        "select inhrelid::regclass::text from pg_inherits where inhparent = {oid} order by 1"
    );
    let children: Vec<String> =
        session.query(&sql).await?.into_iter().filter_map(|row| row.into_iter().next()?).collect();
    if !children.is_empty() {
        findings.refuse(inherits(name, &children));
    }
    Ok(())
}

/// Checks whether the publication has the table, and all rows and columns that are needed.
async fn published(
    session: &mut Session,
    publication: &str,
    table: &FollowedTable,
    name: &str,
    findings: &mut Findings,
) -> Result<bool, Error> {
    let publication_name = identifier(publication);
    // By JSON, because older servers have no such columns for column lists and row filters.
    let sql = format!(
        "select coalesce(to_jsonb(t)->>'rowfilter', ''), coalesce(a.name, '') from pg_publication_tables t \
         left join lateral jsonb_array_elements_text(to_jsonb(t)->'attnames') as a(name) on true \
         where t.pubname = {} and t.schemaname = {} and t.tablename = {}",
        literal(publication),
        literal(table.table.schema().unwrap_or(DEFAULT_SCHEMA)),
        literal(table.table.name())
    );
    let rows: Rows = session.query(&sql).await?;
    if rows.is_empty() {
        findings.refuse(format!(
            "the publication `{publication}` has no table {name}: `alter publication {publication_name} add table \
             {name};`"
        ));
        return Ok(false);
    }
    let text =
        |row: &[Option<String>], at: usize| row.get(at).cloned().flatten().unwrap_or_default();
    if rows.iter().any(|row| !text(row, 0).is_empty()) {
        findings.refuse(format!(
            "the publication `{publication}` filters the rows of {name}, and changes of the others would be lost: \
             publish all: `alter publication {publication_name} drop table {name}; alter publication \
             {publication_name} add table {name};`"
        ));
    }
    let sent: Vec<String> =
        rows.iter().map(|row| text(row, 1)).filter(|name| !name.is_empty()).collect();
    let is_missing = |column: &str| !sent.is_empty() && !sent.iter().any(|name| name == column);
    let mut missing: Vec<_> =
        table.columns.iter().map(|column| column.name).filter(|name| is_missing(name)).collect();
    missing.dedup();
    if !missing.is_empty() {
        findings.warn(format!(
            "the publication `{publication}` sends only some columns of {name}; {} must be among them",
            missing.join(", ")
        ));
        findings.refuse(format!(
            "the publication `{publication}` does not send {} of {name}, of which {} has keys: `alter publication \
             {publication_name} drop table {name}; alter publication {publication_name} add table {name};`",
            missing.join(", "),
            table.type_name
        ));
    }
    Ok(true)
}

async fn find(session: &mut Session, oid: &str, is_partitioned: bool) -> Result<Found, Error> {
    let sql = format!(
        "select a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull::text, (a.attgenerated <> '')::text, \
         exists (select 1 from pg_index i where i.indrelid = a.attrelid and i.indisprimary \
                 and a.attnum = any (i.indkey))::text \
         from pg_attribute a where a.attrelid = {oid} and a.attnum > 0 and not a.attisdropped"
    );
    let mut columns = BTreeMap::new();
    for row in session.query(&sql).await? {
        let text = |at: usize| row.get(at).cloned().flatten().unwrap_or_default();
        let column = FoundColumn {
            type_name: text(1),
            not_null: text(2) == "true",
            is_generated: text(3) == "true",
            in_primary_key: text(4) == "true",
        };
        columns.insert(text(0), column);
    }
    let parts = if is_partitioned {
        format!("select relid from pg_partition_tree({oid}) where isleaf")
    } else {
        format!("select {oid}::oid as relid")
    };
    let sql = format!(
        "select p.relid::regclass::text, coalesce(a.attname, '') from ({parts}) p \
         join pg_class c on c.oid = p.relid \
         left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and ( \
           c.relreplident = 'f' or exists (select 1 from pg_index i where i.indrelid = c.oid \
             and a.attnum = any (i.indkey) \
             and ((c.relreplident = 'd' and i.indisprimary) or (c.relreplident = 'i' and i.indisreplident)))) \
         order by 1"
    );
    let mut parts: Vec<Part> = Vec::new();
    for row in session.query(&sql).await? {
        let text = |at: usize| row.get(at).cloned().flatten().unwrap_or_default();
        let name = text(0);
        if parts.last().is_none_or(|part| part.name != name) {
            parts.push(Part { name, identity: Vec::new() });
        }
        if let Some(part) = parts.last_mut() {
            part.identity.extend(Some(text(1)).filter(|column| !column.is_empty()));
        }
    }
    Ok(Found { columns, parts })
}

fn columns(table: &FollowedTable, found: &Found, name: &str, findings: &mut Findings) {
    let mut told: Vec<&str> = Vec::new();
    for column in &table.columns {
        if told.contains(&column.name) {
            continue;
        }
        told.push(column.name);
        let (ty, column_name) = (table.type_name, column.name);
        match found.columns.get(column_name) {
            None => findings.refuse(column.is_missing(ty, name)),
            Some(found) if found.is_generated => findings.refuse(format!(
                "{ty}: the log does not have `{column_name}` of {name}, which is a generated column; no key can be \
                 made of it"
            )),
            Some(found) if column.kind.fits(&found.type_name) == Some(false) => {
                findings.refuse(column.of_another_type(ty, name, &found.type_name));
            }
            Some(_) => {}
        }
    }
}

/// Checks whether old rows have the columns that keys and lists need.
fn identity(table: &FollowedTable, found: &Found, findings: &mut Findings) {
    let mut needed: Vec<&str> = Vec::new();
    for column in table.columns.iter().filter(|column| column.usage.is_needed_of_old_rows()) {
        if !needed.contains(&column.name) {
            needed.push(column.name);
        }
    }
    if table.needs_whole_rows() {
        let sent = found.columns.iter().filter(|(_, column)| !column.is_generated);
        needed = sent.map(|(name, _)| name.as_str()).collect();
    }
    for part in &found.parts {
        let lacks = |column: &&&str| !part.identity.iter().any(|known| known == **column);
        let missing: Vec<&str> = needed.iter().filter(lacks).copied().collect();
        if missing.is_empty() {
            continue;
        }
        findings.refuse(format!(
            "{}: the log does not have {} of old rows of {}, so that an object would stay in the lists that it \
             leaves: {}",
            table.type_name,
            missing.join(", "),
            part.name,
            if table.needs_whole_rows() {
                format!("`alter table {} replica identity full;`, or name the columns that the function reads: \
                         `columns = [\"…\"]`", part.name)
            } else {
                remedy(&part.name, &needed, found)
            }
        ));
    }
}

/// Returns the statements that add these columns to old rows.
fn remedy(table: &str, needed: &[&str], found: &Found) -> String {
    let of = |name: &str| found.columns.get(name);
    let not_null = needed.iter().all(|name| of(name).is_some_and(|column| column.not_null));
    let key: Vec<&str> = found
        .columns
        .iter()
        .filter(|(_, column)| column.in_primary_key)
        .map(|(name, _)| name.as_str())
        .collect();
    if !not_null || key.is_empty() {
        return format!("`alter table {table} replica identity full;`");
    }
    let mut columns: Vec<&str> = needed.to_vec();
    columns.extend(key.iter().filter(|name| !needed.contains(name)));
    identity_by_index(table, &columns)
}

/// Returns the statements that make an index of these columns the replica identity.
pub(super) fn identity_by_index(table: &str, columns: &[&str]) -> String {
    let bare: String = table.rsplit('.').next().unwrap_or(table).replace('"', "");
    let index = identifier(&format!("{bare}_cachecow"));
    let columns: Vec<String> = columns.iter().map(|name| identifier(name)).collect();
    format!(
        "`create unique index if not exists {index} on {table} ({}); alter table {table} replica identity using index {index};`",
        columns.join(", ")
    )
}

/// Finds the tables of the publication that have no replica identity: the database refuses to update and delete
/// their rows.
pub(super) async fn without_key(
    session: &mut Session,
    publication: &str,
    findings: &mut Findings,
) -> Result<(), Error> {
    let sql = format!(
        "select c.oid::regclass::text from pg_publication_tables t \
         join pg_namespace n on n.nspname = t.schemaname \
         join pg_class c on c.relnamespace = n.oid and c.relname = t.tablename \
         where t.pubname = {} and c.relkind = 'r' and (c.relreplident = 'n' or (c.relreplident = 'd' \
           and not exists (select 1 from pg_index i where i.indrelid = c.oid and i.indisprimary)))",
        literal(publication)
    );
    for row in session.query(&sql).await? {
        let table = row.into_iter().next().flatten().unwrap_or_default();
        findings.refuse(format!(
            "{table} is published and has no key, so the database refuses to update and delete its rows: add a \
             primary key, or `alter table {table} replica identity full;`"
        ));
    }
    Ok(())
}
