//! What the follower follows: a deployment, and collections in it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mongodb::bson::{Bson, Document, Timestamp, doc};

use super::collections::{Collection, Collections};
use super::server::{Deployment, Server, operation_time, run};
use super::stream::{From, NotOpened, Stream};
use crate::error::{Error, ErrorKind};

/// It is determined when the log is checked, and does not change afterwards.
pub(super) struct Source {
    pub(super) server: Server,
    pub(super) deployment: Deployment,
    pub(super) collections: Collections,
}

impl Source {
    /// Starts a stream.
    pub(super) async fn stream(&self, from: From) -> Result<Stream, NotOpened> {
        Stream::open(&self.server, &self.collections, from).await
    }

    /// Returns the cluster time of the last change that was acknowledged before this call, or a later time.
    pub(super) async fn now(&self) -> Result<Timestamp, Error> {
        let (found, time) = self.server.hello().await?;
        if found != self.deployment {
            let message = "follow: the server is of another replica set, or of another kind, than when the follower was \
                           started; start a new one";
            return Err(Error::new(ErrorKind::Unavailable, message));
        }
        if self.deployment != Deployment::Sharded {
            return Ok(time);
        }
        // A router knows only the changes that went through it. The shards know all others.
        let mut latest = time;
        for collection in self.collections.iter() {
            let answer =
                run(&self.server.client.database(&collection.database), look(collection)).await?;
            latest = latest.max(operation_time(&answer)?);
        }
        Ok(latest)
    }

    /// Waits until the majority snapshot has all changes up to this time, at the primary of each shard that has the
    /// collections. Then every read there with read concern `majority` or `local` sees these changes.
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

    /// What the positions belong to: the replica set's name, and the identifiers of the collections. A collection
    /// that was dropped and created again, or restored from a dump, has another identifier.
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
        // The identity is stored as one line.
        Ok(identity.replace('\n', " "))
    }
}

/// Reads the `_id` of one document, if there is any. Only the time in the answer is used.
fn look(collection: &Collection) -> Document {
    doc! {
        "find": &collection.name,
        "projection": { "_id": 1 },
        "limit": 1,
        "singleBatch": true,
        "maxTimeMS": 9_000,
    }
}
