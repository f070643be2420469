//! MongoDB's log, by change streams.

mod checks;
mod collections;
mod event;
mod server;
mod setup;
mod source;
mod stream;
mod token;
mod value;

use std::fmt;
use std::sync::Arc;

use mongodb::bson::Timestamp;

use self::collections::Collections;
use self::server::{Deployment, Server, unavailable};
use self::source::Source;
use self::stream::{From, NotOpened, Step, Stream, loss};
use self::token::{Bookmark, after, before, time_of};
use super::batch::Batch;
use super::change_log::{ChangeLog, Heartbeat, Opened, Opening, Setting};
use super::position::LogPosition;
use crate::error::{Error, ErrorKind};

/// MongoDB's own log (feature `mongodb-log`): what any program changes, by a change stream. MongoDB 6.0 or later, as a
/// replica set, also of one server, or as a sharded cluster.
///
/// A collection's documents are the rows: `#[cache(table = "users")]` is the collection `users` of the URL's database,
/// `"shop.users"` that of the database `shop`; a name with a point in it stands in double quotes within the text. A field
/// in a key is the document's field of its name, or the path in `#[cache(column = "address.city")]`; the document's own key
/// is `#[cache(column = "_id")]`. An `ObjectId`, and a date of BSON, are read by the types of the crate `bson` (feature
/// `bson`), dates also by those of `chrono` and `time`.
///
/// [`setup_commands`](Self::setup_commands) prints what the database needs once. [Change logs](crate::guide::change_logs) describes the rights, what
/// is not seen, and **what was tested: the protocol, not a real server**.
///
/// # Processes
///
/// Each process that follows reads the stream for itself, and invalidates what it finds: of several on one Redis none
/// waits for another, and a change is invalidated as often as there are followers. How far it was read is kept in the
/// cache, so that a program goes on where it, or another one of the same types, left off.
///
/// # Consistency
///
/// An event comes once the majority of the servers has the change. Before a batch is invalidated, a read of the
/// majority's snapshot at the primary waits until that has the batch's changes. So fetch functions read from the
/// primary, and with read concern `majority`: with `local`, the default, a fetch may see a write that a failover takes
/// back, of which no event ever tells. A primary that was elected a moment ago may have an older snapshot than the
/// one before it, for a moment; a session that was advanced to the time of the change (`afterClusterTime`) is safe from
/// that, and from secondaries that lag.
///
/// Everything of a type is invalidated where single changes are not known: when its collection is dropped or renamed,
/// when an update comes without the pre-image that a list needs, and when the oplog does not reach back far enough.
///
/// # Round trips
///
/// For each batch one to the database; about four a second, when nothing happens.
pub struct MongoLog {
    url: String,
    source: Option<Arc<Source>>,
    stream: Option<Stream>,
    /// What the cache has.
    resumed: Option<Bookmark>,
    /// What was given last. It counts once the follower asks for more.
    given: Option<Bookmark>,
    /// Everything before it is invalidated.
    confirmed: Option<Bookmark>,
    /// The time of the last change that was given and not waited for yet.
    unsettled: Option<Timestamp>,
    /// Why the stream cannot go on from the bookmark.
    lost: Option<String>,
}

impl MongoLog {
    /// The log of the deployment at this URL: `mongodb://user:password@host/database?replicaSet=rs0`, or with
    /// `mongodb+srv`. The user needs the role `read` on the database.
    ///
    /// A URL that is not valid is an error of [`Follow::start`](super::Follow::start).
    pub fn connect(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            source: None,
            stream: None,
            resumed: None,
            given: None,
            confirmed: None,
            unsettled: None,
            lost: None,
        }
    }

    fn source(&self) -> Result<Arc<Source>, Error> {
        let none = || Error::new(ErrorKind::Unavailable, "follow: the log was not checked");
        self.source.clone().ok_or_else(none)
    }

    /// The follower asks for more: what was given is invalidated.
    fn confirm(&mut self) {
        if let Some(given) = self.given.take() {
            self.confirmed = Some(given);
        }
    }

    /// Whether what was followed is later than all that the database has.
    fn is_restored(&self, now: Timestamp) -> bool {
        self.resumed.as_ref().is_some_and(|bookmark| bookmark.position > after(now))
    }

    /// The bookmark to go on from; or why there is none.
    fn bookmark_at(&self, now: Timestamp) -> Result<Bookmark, String> {
        if let Some(reason) = &self.lost {
            return Err(reason.clone());
        }
        if self.is_restored(now) {
            return Err("the database is older than what was followed; was it restored?".to_owned());
        }
        let unknown = || "the cache does not say how far the change stream was followed".to_owned();
        self.resumed.clone().ok_or_else(unknown)
    }

    async fn try_open(&mut self) -> Result<Opened, Error> {
        let source = self.source()?;
        let mut identity = source.identity().await?;
        let now = source.now().await?;
        if self.is_restored(now) {
            // Positions from before mean nothing.
            identity = format!("{identity} from {}", before(now));
        }
        // Two things need it. What comes before the stream must be seen by fetches, if everything is invalidated next. And
        // a stream that gives nothing must have looked at all up to its token: the server looks at what the majority has.
        source.wait_for_majority(now).await?;
        let reason = match self.bookmark_at(now) {
            Err(reason) => reason,
            Ok(bookmark) => match source.stream(From::Token(bookmark.token.clone())).await {
                Ok(stream) => {
                    let opened = Opened::at(identity, bookmark.position);
                    // The cache has it already, and must not lose it by the next mark.
                    (self.stream, self.confirmed) = (Some(stream), Some(bookmark));
                    return Ok(opened);
                }
                Err(NotOpened::Lost(reason)) => reason,
                Err(NotOpened::Other(error)) => return Err(error),
            },
        };
        let stream = source.stream(From::Time(now)).await.map_err(NotOpened::into_error)?;
        let token = stream.token().cloned();
        self.given = token.map(|token| Bookmark { token, position: before(now) });
        (self.stream, self.lost) = (Some(stream), None);
        Ok(Opened { missed: Some(reason), ..Opened::at(identity, before(now)) })
    }

    /// Takes the next events, or learns that there are none up to some point.
    async fn read(&mut self, batch: &mut Batch) -> Result<(), Error> {
        let source = self.source()?;
        let mut began_again = false;
        loop {
            let closed = || Error::new(ErrorKind::Unavailable, "follow: the log is not open");
            let stream = self.stream.as_mut().ok_or_else(closed)?;
            let step = match stream.step().await {
                Ok(step) => step,
                Err(failed) => return Err(self.failed(failed)),
            };
            match step {
                Step::Event(event) => {
                    event::add(&event, &source.collections, batch);
                    return self.take_all(&source.collections, batch);
                }
                Step::Empty => {
                    if self.reached(batch)? {
                        return Ok(());
                    }
                }
                // A stream ends when its database is dropped. What comes then has a stream of its own.
                Step::Ended if !began_again => {
                    began_again = true;
                    let token = self.stream.as_ref().and_then(Stream::token).cloned();
                    let token = token.ok_or_else(closed)?;
                    match source.stream(From::Token(token)).await {
                        Ok(stream) => self.stream = Some(stream),
                        Err(error) => {
                            if let NotOpened::Lost(reason) = &error {
                                self.lost = Some(reason.clone());
                            }
                            return Err(error.into_error());
                        }
                    }
                }
                Step::Ended => {
                    let message = "follow: the change stream ended at once";
                    return Err(Error::new(ErrorKind::Unavailable, message));
                }
            }
        }
    }

    /// Adds the events that came with the last one. Nothing is waited for here, so that a batch that was begun is given.
    fn take_all(&mut self, collections: &Collections, batch: &mut Batch) -> Result<(), Error> {
        while !batch.is_full() {
            let Some(stream) = &mut self.stream else { break };
            match stream.step_now() {
                Some(Ok(Step::Event(event))) => event::add(&event, collections, batch),
                Some(Err(failed)) => return Err(self.failed(failed)),
                Some(Ok(Step::Empty | Step::Ended)) | None => break,
            }
        }
        let Some(token) = self.stream.as_ref().and_then(Stream::token).cloned() else {
            return Err(Error::new(ErrorKind::Unavailable, "follow: an event has no resume token"));
        };
        let time = time_of(&token)?;
        // More of this time may follow: the other changes of a transaction.
        let position = before(time);
        batch.set_position(position);
        self.unsettled = Some(time);
        self.given = Some(Bookmark { token, position });
        Ok(())
    }

    /// There is nothing more up to the token. Whether that is news.
    fn reached(&mut self, batch: &mut Batch) -> Result<bool, Error> {
        let Some(token) = self.stream.as_ref().and_then(Stream::token).cloned() else {
            return Ok(false);
        };
        let time = time_of(&token)?;
        // A replica set has one oplog, whose entries have different times, and the one of this time was looked at: the
        // token is that of its last event, or of the last entry that was looked at, or where the stream began, which the
        // majority had by then. Of several shards another one may have an entry of the same time.
        let one_oplog = matches!(self.source()?.deployment, Deployment::ReplicaSet(_));
        let position = if one_oplog { after(time) } else { before(time) };
        if self.confirmed.as_ref().is_some_and(|known| known.position >= position) {
            return Ok(false);
        }
        batch.set_position(position);
        self.given = Some(Bookmark { token, position });
        Ok(true)
    }

    fn failed(&mut self, failed: mongodb::error::Error) -> Error {
        self.lost = loss(&failed);
        unavailable(failed)
    }
}

impl ChangeLog for MongoLog {
    async fn check(&mut self, setting: &Setting<'_>) -> Result<Vec<String>, Error> {
        let refuse = |message: String| Err(Error::new(ErrorKind::InvalidConfig, message));
        let server = Server::at(&self.url).await?;
        let is_in_default = |table: &super::FollowedTable| table.table.schema().is_none();
        let default = server.database.clone().unwrap_or_default();
        if let Some(table) = setting.tables.iter().find(|table| is_in_default(table))
            && default.is_empty()
        {
            return refuse(format!(
                "follow: {}: which database has the collection {}? Name it in the URL, `mongodb://host/database`, or as \
                 `#[cache(table = \"database.collection\")]`",
                table.type_name, table.table
            ));
        }
        let collections = Collections::of(setting.tables, &default);
        for collection in collections.iter() {
            let is_odd = |part: &str| part.is_empty() || part.starts_with('$');
            if let Some(field) = collection.fields.iter().find(|field| field.split('.').any(is_odd))
            {
                return refuse(format!(
                    "follow: `{field}` is no path of a field in {}",
                    collection.full_name()
                ));
            }
        }
        let (deployment, now) = server.hello().await?;
        let source = Source { server, deployment, collections };
        let warnings = checks::check(&source).await?;
        // Whether it may be read, and be understood. It is opened anew for following.
        let stream = source.stream(From::Time(now)).await.map_err(NotOpened::into_error)?;
        stream.token().map(time_of).transpose()?;
        self.source = Some(Arc::new(source));
        Ok(warnings)
    }

    fn resume(&mut self, bookmark: Option<String>) {
        self.resumed = bookmark.as_deref().and_then(Bookmark::parse);
    }

    fn bookmark(&self) -> Option<String> {
        self.confirmed.as_ref().and_then(Bookmark::to_text)
    }

    fn database_system(&self) -> Option<&'static str> {
        Some("mongodb")
    }

    async fn open(&mut self) -> Result<Opening, Error> {
        (self.stream, self.given, self.unsettled) = (None, None, None);
        Ok(Opening::Open(self.try_open().await?))
    }

    async fn next(&mut self, batch: &mut Batch) -> Result<(), Error> {
        // Of the collections that are named without a database.
        batch.set_default_schema("");
        self.confirm();
        self.read(batch).await
    }

    async fn settle(&mut self) -> Result<(), Error> {
        let Some(time) = self.unsettled else { return Ok(()) };
        self.source()?.wait_for_majority(time).await?;
        self.unsettled = None;
        Ok(())
    }

    /// Nothing: the server keeps its oplog for as long as it likes.
    async fn acknowledge(&mut self, _: LogPosition) -> Result<(), Error> {
        Ok(())
    }

    async fn end(&mut self) -> Result<LogPosition, Error> {
        self.confirm();
        Ok(after(self.source()?.now().await?))
    }

    async fn heartbeat(&mut self, _: &mut Batch) -> Result<Heartbeat, Error> {
        self.confirm();
        if self.stream.as_mut().is_some_and(Stream::is_silent) {
            let message = "follow: the change stream is silent";
            return Err(Error::new(ErrorKind::Unavailable, message));
        }
        let now = self.source()?.now().await?;
        Ok(Heartbeat::default().with_end(after(now)))
    }
}

impl fmt::Debug for MongoLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL has a password.
        f.debug_struct("MongoLog")
            .field("collections", &self.source.as_ref().map(|source| &source.collections))
            .field("open", &self.stream.is_some())
            .finish_non_exhaustive()
    }
}
