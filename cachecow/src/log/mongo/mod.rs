//! MongoDB's log, with change streams.

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

/// MongoDB's own log (feature `mongodb-log`): the changes of all programs, read with a change stream. It needs
/// MongoDB 6.0 or later, as a replica set (one server is enough) or as a sharded cluster.
///
/// A collection's documents are the rows: `#[cache(table = "users")]` is the collection `users` of the URL's
/// database, and `"shop.users"` is that of the database `shop`. A name that contains a point must be in double
/// quotes inside the text. A field in a key is read from the document's field with its name, or from the path in
/// `#[cache(column = "address.city")]`; the document's own key is `#[cache(column = "_id")]`. An `ObjectId` and a
/// BSON date are read as types of the crate `bson` (feature `bson`); dates also as those of `chrono` and `time`.
///
/// [`setup_commands`](Self::setup_commands) prints the commands to run once on the database.
/// [Change logs](crate::guide::change_logs) describes the rights, what is not seen, and **what was tested: the
/// protocol, not a real server**.
///
/// ```no_run
/// # #[cfg(feature = "derive")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cachecow::Error> {
/// use cachecow::log::MongoLog;
/// use cachecow::{CacheCow, Cached};
///
/// #[derive(Cached)]
/// #[cache(table = "users")]
/// #[cache(key = "user:{id}", fetch = User::find)]
/// struct User { #[cache(column = "_id")] id: i64, name: String }
/// # impl User {
/// #     async fn find(_: i64) -> Result<Option<User>, std::convert::Infallible> { Ok(None) }
/// # }
///
/// let cow = CacheCow::open("redis://127.0.0.1/").await?;
/// let log = MongoLog::connect("mongodb://app:secret@db/shop?replicaSet=rs0");
/// let follower = cow.follow(log).types::<User>().start().await?;
/// follower.caught_up().await?;
/// // From here on, whatever is changed in the collection is invalidated.
/// cow.get(User::by_id(42)).await?;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
///
/// # Processes
///
/// Each following process reads the stream itself, and invalidates what it finds. If several processes share one
/// Redis, none waits for another, and each of them invalidates each change. The cache stores how far the stream was
/// read, so that a program continues where it, or another one with the same types, stopped.
///
/// # Consistency
///
/// An event arrives once the majority of the servers has the change. Before a batch is invalidated, a read at the
/// primary waits until the majority's snapshot has the batch's changes. So fetch functions must read from the
/// primary, with read concern `majority`. With `local`, the default, a fetch may see a write that a failover
/// undoes, and no event ever reports that. A newly elected primary may for a moment have an older snapshot than the
/// one before it. A session that was advanced to the time of the change (`afterClusterTime`) is safe from that, and
/// from lagging secondaries.
///
/// Everything of a type is invalidated if single changes are not known: when its collection is dropped or renamed,
/// when an update lacks the pre-image that a list needs, and when the oplog does not reach back far enough.
///
/// # Round trips
///
/// One to the database for each batch; about four a second when nothing happens.
pub struct MongoLog {
    url: String,
    source: Option<Arc<Source>>,
    stream: Option<Stream>,
    /// The bookmark from the cache.
    resumed: Option<Bookmark>,
    /// The last returned bookmark. It counts once the follower asks for more.
    given: Option<Bookmark>,
    /// Everything before it is invalidated.
    confirmed: Option<Bookmark>,
    /// The time of the last returned change for which no wait was made yet.
    unsettled: Option<Timestamp>,
    /// Why the stream cannot go on from the bookmark.
    lost: Option<String>,
}

impl MongoLog {
    /// Makes the log of the deployment at this URL: `mongodb://user:password@host/database?replicaSet=rs0`, or with
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

    /// The follower asks for more, so the returned changes are invalidated.
    fn confirm(&mut self) {
        if let Some(given) = self.given.take() {
            self.confirmed = Some(given);
        }
    }

    /// Whether the followed position is later than everything in the database.
    fn is_restored(&self, now: Timestamp) -> bool {
        self.resumed.as_ref().is_some_and(|bookmark| bookmark.position > after(now))
    }

    /// The bookmark to continue from, or the reason why there is none.
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
            // Earlier positions are meaningless.
            identity = format!("{identity} from {}", before(now));
        }
        // Two things need this wait. If everything is invalidated next, fetches must see all changes from before
        // the stream. And a stream without events must have looked at everything up to its token: the server looks
        // only at what the majority has.
        source.wait_for_majority(now).await?;
        let reason = match self.bookmark_at(now) {
            Err(reason) => reason,
            Ok(bookmark) => match source.stream(From::Token(bookmark.token.clone())).await {
                Ok(stream) => {
                    let opened = Opened::at(identity, bookmark.position);
                    // The cache already has it, and the next mark must keep it.
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
                // A stream ends when its database is dropped. Later changes need a new stream.
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

    /// Adds the events that came with the last one. It does not wait, so that the batch is returned soon.
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
        // More changes with this time may follow: those of the same transaction.
        let position = before(time);
        batch.set_position(position);
        self.unsettled = Some(time);
        self.given = Some(Bookmark { token, position });
        Ok(())
    }

    /// Notes that there is nothing more up to the token; returns whether this moves the position.
    fn reached(&mut self, batch: &mut Batch) -> Result<bool, Error> {
        let Some(token) = self.stream.as_ref().and_then(Stream::token).cloned() else {
            return Ok(false);
        };
        let time = time_of(&token)?;
        // A replica set has one oplog, whose entries have different times, and the entry with this time was
        // examined: the token is that of the last event, of the last examined entry, or of the beginning of the
        // stream, which the majority had by then. With several shards, another shard may have an entry with the
        // same time.
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
        // Checks that it may be read, and can be decoded. It is opened again for following.
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
        // For the collections that are named without a database.
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

    /// Does nothing: the server alone decides how long it keeps its oplog.
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
