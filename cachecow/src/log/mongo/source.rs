//! What is followed: a deployment, and collections in it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mongodb::bson::{Bson, Document, Timestamp, doc};

use super::collections::{Collection, Collections};
use super::server::{Deployment, Server, operation_time, run};
use super::stream::{From, NotOpened, Stream};
use crate::error::{Error, ErrorKind};

/// It is looked at when the log is checked, and does not change from then on.
pub(super) struct Source {
    pub(super) server: Server,
    pub(super) deployment: Deployment,
    pub(super) collections: Collections,
}

impl Source {
    /// Begins a stream.
    pub(super) async fn stream(&self, from: From) -> Result<Stream, NotOpened> {
        Stream::open(&self.server, &self.collections, from).await
    }

    /// The cluster time of the last change that anyone was told of before this call, or a later one.
    pub(super) async fn now(&self) -> Result<Timestamp, Error> {
        let (found, time) = self.server.hello().await?;
        if found != self.deployment {
            let message = "follow: the server is another than before; it is looked at anew";
            return Err(Error::new(ErrorKind::Unavailable, message));
        }
        if self.deployment != Deployment::Sharded {
            return Ok(time);
        }
        // A router knows what went through itself. The shards know the rest.
        let mut latest = time;
        for collection in self.collections.iter() {
            let answer =
                run(&self.server.client.database(&collection.database), look(collection)).await?;
            latest = latest.max(operation_time(&answer)?);
        }
        Ok(latest)
    }

    /// Waits until the majority's snapshot, at the primary of each shard that has the collections, has all changes up
    /// to this time: then every read there of read concern `majority` or `local` has them.
    pub(super) async fn wait_for_majority(&self, time: Timestamp) -> Result<(), Error> {
        // A replica set has one snapshot for all of its collections.
        let all = if self.deployment == Deployment::Sharded { usize::MAX } else { 1 };
        for collection in self.collections.iter().take(all) {
            let mut command = look(collection);
            command.insert("readConcern", doc! { "level": "majority", "afterClusterTime": time });
            run(&self.server.client.database(&collection.database), command).await?;
        }
        Ok(())
    }

    /// What the positions belong to: the replica set's name, and the identifiers of the collections, which a collection
    /// that was dropped and made anew, or restored from a dump, does not have.
    pub(super) async fn identity(&self) -> Result<String, Error> {
        let mut identity = match &self.deployment {
            Deployment::ReplicaSet(name) => format!("mongodb {name}"),
            Deployment::Sharded => "mongodb".to_owned(),
        };
        for database in self.collections.databases() {
            let mut found: Vec<String> = Vec::new();
            for entry in self.server.catalog(database, &self.collections).await? {
                let id = entry.get_document("info").ok().and_then(|info| info.get("uuid"));
                let id = match id {
                    Some(Bson::Binary(id)) => STANDARD.encode(&id.bytes),
                    _ => String::new(),
                };
                found.push(format!(
                    " {database}.{}={id}",
                    entry.get_str("name").unwrap_or_default()
                ));
            }
            found.sort_unstable();
            identity.extend(found);
        }
        // It is kept in one line.
        Ok(identity.replace('\n', " "))
    }
}

/// Reads one document's `_id`, or finds that there is none: what it is asked for is the time in the answer.
fn look(collection: &Collection) -> Document {
    doc! {
        "find": &collection.name,
        "projection": { "_id": 1 },
        "limit": 1,
        "singleBatch": true,
        "maxTimeMS": 9_000,
    }
}
