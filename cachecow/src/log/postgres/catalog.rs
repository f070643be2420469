//! Changes of the catalog that add or remove rows, but are not in the log: a changed publication; a partition that
//! is emptied, detached or dropped; a rewritten table.

use std::collections::BTreeMap;

use super::DEFAULT_SCHEMA;
use super::session::{Session, literal};
use super::tables::full_name;
use crate::error::Error;
use crate::log::mapping::FollowedTable;

/// What the catalog looked like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Catalog {
    /// A hash of the publication, and of the columns, replica identities and heirs of the followed tables.
    shape: String,
    /// By schema and name, the files that each followed table's rows are in.
    files: BTreeMap<(String, String), String>,
}

/// The table and its partitions, for SQL.
fn tree(table: &FollowedTable) -> String {
    let name = literal(&full_name(&table.table));
    format!(
        "select to_regclass({name})::oid union select relid::oid from \
         pg_partition_tree(to_regclass({name}))"
    )
}

impl Catalog {
    pub(super) async fn read(
        session: &mut Session,
        publication: &str,
        followed: &[FollowedTable],
    ) -> Result<Self, Error> {
        let publication = literal(publication);
        let tables: Vec<String> = followed
            .iter()
            .map(|table| {
                let name = literal(&full_name(&table.table));
                format!(
                    "union all select {name} || ' ' || coalesce((select string_agg(distinct c.relreplident::text, '') \
                     from pg_class c where c.oid in ({})), '') || coalesce((select string_agg(a.attname::text || ' ' \
                     || a.atttypid::text, ',' order by a.attnum) from pg_attribute a where a.attrelid = \
                     to_regclass({name}) and a.attnum > 0 and not a.attisdropped), '') || coalesce((select \
                     string_agg(i.inhrelid::text, ',' order by i.inhrelid) from pg_inherits i join pg_class c on c.oid = \
                     i.inhparent where c.oid = to_regclass({name}) and c.relkind = 'r'), '')",
                    tree(table)
                )
            })
            .collect();
        let sql = format!(
            "select md5(coalesce(string_agg(x, ',' order by x), '')) from ( \
             select to_jsonb(p)::text as x from pg_publication p where pubname = {publication} \
             union all select to_jsonb(t)::text from pg_publication_tables t where pubname = {publication} \
             union all select r.oid::text from pg_publication_rel r join pg_publication p on p.oid = r.prpubid \
               where p.pubname = {publication} {}) as all_of_it",
            tables.join(" ")
        );
        let shape = session.value(&sql).await?;
        let mut files = BTreeMap::new();
        for table in followed {
            let sql = format!(
                "select coalesce(string_agg(c.oid::text || ':' || c.relfilenode::text, ',' order by c.oid), 'none') \
                 from pg_class c where c.oid in ({})",
                tree(table)
            );
            let schema = table.table.schema().unwrap_or(DEFAULT_SCHEMA).to_owned();
            files.insert((schema, table.table.name().to_owned()), session.value(&sql).await?);
        }
        Ok(Self { shape, files })
    }

    /// A hash of all of it.
    pub(super) fn hash(&self) -> String {
        format!("{:016x}", xxhash_rust::xxh3::xxh3_64(format!("{self:?}").as_bytes()))
    }

    /// Whether the publication, the columns and the replica identities are the same.
    pub(super) fn is_shaped_as(&self, other: &Self) -> bool {
        self.shape == other.shape
    }

    /// The tables whose rows are in other files than there.
    pub(super) fn rewritten<'a>(
        &'a self,
        before: &'a Self,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        let is_other =
            |(name, files): &(&(String, String), &String)| before.files.get(*name) != Some(*files);
        self.files.iter().filter(is_other).map(|((schema, name), _)| (&**schema, &**name))
    }
}

/// Whether the publication or a followed table may have changed after the slot's position.
pub(super) async fn changed_since(
    session: &mut Session,
    slot: &str,
    publication: &str,
    followed: &[FollowedTable],
) -> Result<bool, Error> {
    let tables: Vec<String> = followed
        .iter()
        .map(|table| {
            format!("union all select c.xmin from pg_class c where c.oid in ({})", tree(table))
        })
        .collect();
    let sql = format!(
        "select exists (select 1 from (select p.xmin from pg_publication p where p.pubname = {publication} \
         union all select r.xmin from pg_publication_rel r join pg_publication p on p.oid = r.prpubid \
           where p.pubname = {publication} {}) as x, pg_replication_slots s \
         where s.slot_name = {} and age(x.xmin) <= age(s.catalog_xmin))::text",
        tables.join(" "),
        literal(slot),
        publication = literal(publication),
    );
    Ok(session.value(&sql).await? == "true")
}
