//! Finds what an event of the stream invalidates.

use mongodb::bson::RawDocument;
use mongodb::bson::raw::RawBsonRef;

use super::collections::{Collection, Collections, ID};
use super::value::field;
use crate::log::batch::Batch;
use crate::log::row::Row;

/// Adds an event to the batch. An event that cannot be read, or that is not about single documents, invalidates
/// everything of the types.
pub(super) fn add(event: &RawDocument, collections: &Collections, batch: &mut Batch) {
    let Ok(operation) = event.get_str("operationType") else {
        batch.everything_of_all("an event of the change stream cannot be read");
        return;
    };
    let (of, to) = (namespace(event, "ns"), namespace(event, "to"));
    match (operation, of) {
        ("insert" | "replace" | "update" | "delete", Some((database, Some(name)))) => {
            if let Some(collection) = collections.get(database, name) {
                change(event, operation, collection, batch);
            }
        }
        ("dropDatabase", Some((database, _))) => {
            for collection in collections.iter().filter(|known| known.database == database) {
                everything(collection, "the database was dropped", batch);
            }
        }
        ("invalidate", _) => batch.everything_of_all("the change stream was invalidated"),
        (_, Some((database, Some(name)))) => {
            let reason = match operation {
                "drop" => "the collection was dropped".to_owned(),
                "rename" => "the collection was renamed, or another one to its name".to_owned(),
                _ => format!("an event `{operation}` of the collection is not known here"),
            };
            let renamed = to.and_then(|(database, name)| collections.get(database, name?));
            for collection in collections.get(database, name).into_iter().chain(renamed) {
                everything(collection, &reason, batch);
            }
        }
        _ => batch.everything_of_all("an event of the change stream does not say what it is of"),
    }
}

/// A database, and a collection if there is one.
fn namespace<'a>(event: &'a RawDocument, name: &str) -> Option<(&'a str, Option<&'a str>)> {
    let names = event.get_document(name).ok()?;
    Some((names.get_str("db").ok()?, names.get_str("coll").ok()))
}

fn everything(collection: &Collection, reason: &str, batch: &mut Batch) {
    for (database, name) in &collection.declared {
        batch.everything(database, name, reason);
    }
}

fn change(event: &RawDocument, operation: &str, collection: &Collection, batch: &mut Batch) {
    let old = (operation != "insert").then(|| old_row(event, collection));
    let new = match image(event, "fullDocument") {
        Some(document) => Some(whole_row(Row::new(), document, collection)),
        // An update of a document that has been deleted since, or of a collection whose keys need only the `_id`.
        None if operation == "update" => None,
        None if operation == "delete" => None,
        None => {
            everything(collection, "an event has no document", batch);
            return;
        }
    };
    for (database, name) in &collection.declared {
        batch.change(database, name, old.as_ref(), new.as_ref());
    }
}

/// Returns a document in the event, if there is one. It is null where there is no pre-image.
fn image<'a>(event: &'a RawDocument, name: &str) -> Option<&'a RawDocument> {
    match event.get(name) {
        Ok(Some(RawBsonRef::Document(document))) => Some(document),
        _ => None,
    }
}

/// Returns the document before the change. Without a pre-image only its `_id` is known, and in a sharded collection
/// also the shard key.
fn old_row<'a>(event: &'a RawDocument, collection: &Collection) -> Row<'a> {
    if let Some(document) = image(event, "fullDocumentBeforeChange") {
        return whole_row(Row::old(), document, collection);
    }
    let mut row = Row::old();
    let Some(key) = image(event, "documentKey") else { return row };
    for &name in &collection.fields {
        // In the shard key, a path is one name.
        if matches!(key.get(name), Ok(Some(_))) && (name == ID || !name.contains('.')) {
            row.push(name, field(key, name));
        }
    }
    row
}

/// Returns a document whose fields are all known. A field that is missing is null.
fn whole_row<'a>(mut row: Row<'a>, document: &'a RawDocument, collection: &Collection) -> Row<'a> {
    for &name in &collection.fields {
        row.push(name, field(document, name));
    }
    row
}
