//! The commands that are sent besides the stream.

use std::future::{Future, IntoFuture};
use std::time::Duration;

use mongodb::bson::{Bson, Document, Timestamp, doc};
use mongodb::error::ErrorKind as Failure;
use mongodb::options::ClientOptions;
use mongodb::{Client, Database};
use tokio::time::timeout;

use super::collections::Collections;
use crate::error::{Error, ErrorKind};

/// How long the follower waits for an answer. These commands are small reads.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the driver looks for a server, unless the URL says otherwise.
const SELECTION: Duration = Duration::from_secs(5);
/// The wire version of MongoDB 6.0, the first version with pre-images.
const OLDEST_WIRE_VERSION: i32 = 17;

/// A client of the deployment, and the database of collections whose names have none.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) client: Client,
    pub(super) database: Option<String>,
}

/// What kind of server it is, as the server itself reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Deployment {
    /// The primary of the replica set with this name.
    ReplicaSet(String),
    /// A router of a sharded cluster.
    Sharded,
}

impl Server {
    /// Parses the URL. The client connects when it is first used.
    pub(super) async fn at(url: &str) -> Result<Self, Error> {
        let mut options = ClientOptions::parse(url).await.map_err(|error| match *error.kind {
            Failure::DnsResolve { .. } => unavailable(error),
            // The cause may quote the URL, and with it a password.
            _ => Error::new(
                ErrorKind::InvalidUrl,
                "follow: the URL is malformed; it is `mongodb://user:password@host/database?replicaSet=name`, and in a \
                 password `@`, `:`, `/`, `?`, `#` and `%` are written as `%40`, `%3A`, `%2F`, `%3F`, `%23` and `%25`",
            ),
        })?;
        let database = options.default_database.clone();
        options.server_selection_timeout.get_or_insert(SELECTION);
        options.connect_timeout.get_or_insert(SELECTION);
        options.app_name.get_or_insert_with(|| "cachecow".to_owned());
        let client = Client::with_options(options).map_err(|_| {
            Error::new(ErrorKind::InvalidUrl, "follow: the URL's options are invalid")
        })?;
        Ok(Self { client, database })
    }

    /// Returns what the server is, and the cluster time of the last change that it has.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidConfig`] if the server has no change streams, or is not a primary.
    pub(super) async fn hello(&self) -> Result<(Deployment, Timestamp), Error> {
        let answer = run(&self.client.database("admin"), doc! { "hello": 1 }).await?;
        let refuse = |message: &str| Err(Error::new(ErrorKind::InvalidConfig, message));
        if answer.get_i32("maxWireVersion").is_ok_and(|version| version < OLDEST_WIRE_VERSION) {
            return refuse("follow: MongoDB 6.0 or later is needed");
        }
        let deployment = if answer.get_str("msg").is_ok_and(|name| name == "isdbgrid") {
            Deployment::Sharded
        } else {
            let Ok(name) = answer.get_str("setName") else {
                return refuse(
                    "follow: a server that is of no replica set has no change streams; start it with `--replSet rs0` and \
                     run `rs.initiate()`: one server alone is enough for a replica set",
                );
            };
            if !answer.get_bool("isWritablePrimary").unwrap_or_default() {
                return refuse(
                    "follow: the server is not a primary, so it may lack the last changes; leave \
                     `directConnection` out of the URL, and name the replica set by `replicaSet`",
                );
            }
            Deployment::ReplicaSet(name.to_owned())
        };
        Ok((deployment, operation_time(&answer)?))
    }

    /// Returns the catalog's entries for the followed collections of this database: documents with `name`, `type`,
    /// `options` and `info`.
    pub(super) async fn catalog(
        &self,
        database: &str,
        collections: &Collections,
    ) -> Result<Vec<Document>, Error> {
        let of_this = collections.iter().filter(|known| known.database == database);
        let names: Vec<&str> = of_this.map(|known| known.name.as_str()).collect();
        let command = doc! {
            "listCollections": 1,
            "filter": { "name": { "$in": names } },
            // The first batch must have all entries.
            "cursor": { "batchSize": 10_000 },
        };
        let answer = run(&self.client.database(database), command).await?;
        let batch = answer.get_document("cursor").and_then(|cursor| cursor.get_array("firstBatch"));
        let batch = batch.map_err(|error| {
            Error::caused_by(
                ErrorKind::Unavailable,
                "follow: the list of collections is malformed",
                error,
            )
        })?;
        Ok(batch.iter().filter_map(Bson::as_document).cloned().collect())
    }
}

pub(super) fn operation_time(answer: &Document) -> Result<Timestamp, Error> {
    answer.get_timestamp("operationTime").map_err(|error| {
        let message = "follow: the server's answer has no `operationTime`; is it MongoDB, with change streams?";
        Error::caused_by(ErrorKind::InvalidConfig, message, error)
    })
}

pub(super) async fn run(database: &Database, command: Document) -> Result<Document, Error> {
    within(database.run_command(command)).await?.map_err(unavailable)
}

/// Bounds the time of the work: the driver itself would wait for an answer forever.
pub(super) async fn within<F: IntoFuture>(work: F) -> Result<F::Output, Error>
where
    F::IntoFuture: Future,
{
    timeout(PATIENCE, work.into_future()).await.map_err(|_| {
        Error::new(ErrorKind::Unavailable, "follow: the database did not answer in time")
    })
}

pub(super) fn unavailable(error: mongodb::error::Error) -> Error {
    let message = match &*error.kind {
        Failure::Authentication { .. } => "follow: the database refused the login",
        // Unauthorized.
        Failure::Command(answer) if answer.code == 13 => {
            "follow: the database refused; the user needs the role `read` on the database, and to follow several databases \
             `readAnyDatabase`"
        }
        Failure::Command(_) => "follow: the database refused",
        _ => "follow: the database cannot be reached",
    };
    Error::caused_by(ErrorKind::Unavailable, message, error)
}
