//! The followed collections, and what their stream must send.

use mongodb::bson::{Bson, Document, doc};

use crate::log::mapping::FollowedTable;

/// Every document has it, and every event names it.
pub(super) const ID: &str = "_id";

/// One collection, which contains the objects of one or more types.
#[derive(Clone, Debug)]
pub(super) struct Collection {
    pub(super) database: String,
    pub(super) name: String,
    /// The names that types declare for it, with the database or without.
    pub(super) declared: Vec<(String, String)>,
    pub(super) type_names: Vec<&'static str>,
    /// The fields that are parts of keys.
    pub(super) fields: Vec<&'static str>,
    /// The fields, besides `_id`, that are needed of a document before a change.
    pub(super) of_old: Vec<&'static str>,
}

impl Collection {
    pub(super) fn full_name(&self) -> String {
        format!("{}.{}", self.database, self.name)
    }
}

/// The followed collections, each once.
#[derive(Clone, Debug, Default)]
pub(super) struct Collections(Vec<Collection>);

impl Collections {
    /// Collects the collections of these types. A name without a database means the database `default`.
    pub(super) fn of(tables: &[FollowedTable], default: &str) -> Self {
        let mut all: Vec<Collection> = Vec::new();
        for table in tables {
            let database = table.table.schema().unwrap_or(default);
            let name = table.table.name();
            let at = all.iter().position(|known| known.database == database && known.name == name);
            let at = at.unwrap_or_else(|| {
                all.push(Collection {
                    database: database.to_owned(),
                    name: name.to_owned(),
                    declared: Vec::new(),
                    type_names: Vec::new(),
                    fields: Vec::new(),
                    of_old: Vec::new(),
                });
                all.len() - 1
            });
            let collection = &mut all[at];
            let declared = (table.table.schema().unwrap_or_default().to_owned(), name.to_owned());
            push_new(&mut collection.declared, declared);
            push_new(&mut collection.type_names, table.type_name);
            for column in &table.columns {
                push_new(&mut collection.fields, column.name);
                if column.usage.is_needed_of_old_rows() && column.name != ID {
                    push_new(&mut collection.of_old, column.name);
                }
            }
        }
        Self(all)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Collection> {
        self.0.iter()
    }

    pub(super) fn get(&self, database: &str, name: &str) -> Option<&Collection> {
        self.0.iter().find(|known| known.database == database && known.name == name)
    }

    /// Each database once.
    pub(super) fn databases(&self) -> Vec<&str> {
        let mut databases: Vec<&str> = self.0.iter().map(|known| known.database.as_str()).collect();
        databases.sort_unstable();
        databases.dedup();
        databases
    }

    /// Whether any change needs more of the document before it than its `_id`.
    pub(super) fn need_old(&self) -> bool {
        self.0.iter().any(|known| !known.of_old.is_empty())
    }

    /// Whether any key has another field than `_id`.
    pub(super) fn need_new(&self) -> bool {
        self.0.iter().any(|known| known.fields.iter().any(|field| *field != ID))
    }

    /// The stages after `$changeStream`: which events are sent, and which of their fields. Large and private fields
    /// are not sent.
    pub(super) fn pipeline(&self) -> Vec<Document> {
        let mut events = vec![doc! { "operationType": { "$in": ["dropDatabase", "invalidate"] } }];
        for database in self.databases() {
            let of_this = self.0.iter().filter(|known| known.database == database);
            let names: Vec<&str> = of_this.map(|known| known.name.as_str()).collect();
            events.push(doc! { "ns.db": database, "ns.coll": { "$in": names.clone() } });
            // Another collection that is renamed to this name.
            events.push(doc! { "to.db": database, "to.coll": { "$in": names } });
        }
        let mut shape = doc! {};
        for name in [ID, "operationType", "clusterTime", "ns", "to", "documentKey"] {
            shape.insert(name, 1);
        }
        for image in ["fullDocument", "fullDocumentBeforeChange"] {
            for field in self.projected() {
                shape.insert(format!("{image}.{field}"), 1);
            }
        }
        vec![
            doc! { "$match": { "$or": events.into_iter().map(Bson::from).collect::<Vec<_>>() } },
            doc! { "$project": shape },
        ]
    }

    /// The fields of all collections, without fields that are inside another one of them.
    fn projected(&self) -> Vec<&'static str> {
        let mut fields: Vec<&'static str> =
            self.0.iter().flat_map(|known| known.fields.clone()).collect();
        fields.push(ID);
        fields.sort_unstable();
        fields.dedup();
        let is_within = |field: &str, other: &str| {
            field.strip_prefix(other).is_some_and(|rest| rest.starts_with('.'))
        };
        let all = fields.clone();
        fields.retain(|field| !all.iter().any(|other| is_within(field, other)));
        fields
    }
}

fn push_new<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}
