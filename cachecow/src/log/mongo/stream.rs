//! Reads the change stream.

use std::time::Duration;

use futures_util::future::{self, BoxFuture, FutureExt as _};
use mongodb::bson::{RawDocumentBuf, Timestamp};
use mongodb::change_stream::ChangeStream;
use mongodb::change_stream::event::ResumeToken;
use mongodb::error::{Error as Failed, ErrorKind as Failure};
use mongodb::options::{
    FullDocumentBeforeChangeType, FullDocumentType, ReadConcern, ReadPreference, SelectionCriteria,
};
use tokio::time::Instant;

use super::collections::Collections;
use super::server::{Server, unavailable, within};
use crate::error::{Error, ErrorKind};

/// How long the server waits for an event before it answers that there is none. `caught_up` takes this long if
/// nothing happens in the database.
const AWAIT: Duration = Duration::from_millis(250);
/// The server should answer within [`AWAIT`]. If it has not answered this long after the request, it counts as
/// hung.
const SILENCE: Duration = Duration::from_secs(10);

/// `ChangeStreamHistoryLost`: the oplog does not reach back that far.
const HISTORY_LOST: i32 = 286;
/// `ChangeStreamFatalError`, which also means that the token is not in the oplog; `InvalidResumeToken`; and
/// `BSONObjectTooLarge`, an event that is too large ever to be sent.
const OTHER_LOSSES: [i32; 3] = [280, 260, 10_334];

/// Where a stream starts.
#[derive(Clone, Debug)]
pub(super) enum From {
    /// At the first change with this time or a later one.
    Time(Timestamp),
    /// After this token.
    Token(ResumeToken),
}

/// One answer of the server.
#[derive(Debug)]
pub(super) enum Step {
    Event(RawDocumentBuf),
    /// There are no more events up to the token.
    Empty,
    /// There will be no more events: the stream was invalidated.
    Ended,
}

type Events = ChangeStream<RawDocumentBuf>;
type Asked = BoxFuture<'static, (Events, Result<Option<RawDocumentBuf>, Failed>)>;

/// A stream. A call may be cancelled at any time: the next call then returns the answer to the pending request.
pub(super) struct Stream {
    idle: Option<Events>,
    asked: Option<(Instant, Asked)>,
    token: Option<ResumeToken>,
}

/// Why a stream could not be started.
pub(super) enum NotOpened {
    /// The server no longer has the changes after the token.
    Lost(String),
    Other(Error),
}

impl NotOpened {
    pub(super) fn into_error(self) -> Error {
        match self {
            Self::Lost(reason) => Error::new(ErrorKind::Unavailable, format!("follow: {reason}")),
            Self::Other(error) => error,
        }
    }
}

impl Stream {
    pub(super) async fn open(
        server: &Server,
        collections: &Collections,
        from: From,
    ) -> Result<Self, NotOpened> {
        let databases = collections.databases();
        let database = databases.first().map(|name| server.client.database(name));
        let watch = match &database {
            Some(database) if databases.len() == 1 => database.watch(),
            _ => server.client.watch(),
        };
        let primary = SelectionCriteria::ReadPreference(ReadPreference::Primary);
        let mut watch = watch
            .pipeline(collections.pipeline())
            .max_await_time(AWAIT)
            .read_concern(ReadConcern::majority())
            .selection_criteria(primary);
        if collections.need_new() {
            watch = watch.full_document(FullDocumentType::UpdateLookup);
        }
        if collections.need_old() {
            watch = watch.full_document_before_change(FullDocumentBeforeChangeType::WhenAvailable);
        }
        watch = match from {
            From::Time(time) => watch.start_at_operation_time(time),
            // Like `resume_after`, but it also works after the stream was invalidated.
            From::Token(token) => watch.start_after(token),
        };
        let events = match within(watch).await.map_err(NotOpened::Other)? {
            Ok(events) => events,
            Err(failed) => {
                return Err(match loss(&failed) {
                    Some(reason) => NotOpened::Lost(reason),
                    None => NotOpened::Other(unavailable(failed)),
                });
            }
        };
        let token = events.resume_token();
        Ok(Self { idle: Some(events.with_type()), asked: None, token })
    }

    /// Where to resume after the events that were returned so far. `None` before the first event of a stream that
    /// started at a time.
    pub(super) fn token(&self) -> Option<&ResumeToken> {
        self.token.as_ref()
    }

    /// Waits for the next event, at most for about 250 ms.
    pub(super) async fn step(&mut self) -> Result<Step, Failed> {
        loop {
            if let Some((_, asked)) = &mut self.asked {
                let (events, answer) = asked.as_mut().await;
                return self.answered(events, answer);
            }
            if !self.ask() {
                return Ok(Step::Ended);
            }
        }
    }

    /// Returns the next event, if the server sent it together with the last one.
    pub(super) fn step_now(&mut self) -> Option<Result<Step, Failed>> {
        if self.asked.is_none() && !self.ask() {
            return Some(Ok(Step::Ended));
        }
        let (_, asked) = self.asked.as_mut()?;
        let (events, answer) = asked.as_mut().now_or_never()?;
        Some(self.answered(events, answer))
    }

    /// Whether the server has not answered for much too long.
    pub(super) fn is_silent(&mut self) -> bool {
        let Some((at, asked)) = &mut self.asked else { return false };
        if at.elapsed() <= SILENCE {
            return false;
        }
        // The answer may have arrived long ago, while a slow invalidation kept the follower from reading it.
        let Some(answer) = asked.as_mut().now_or_never() else { return true };
        self.asked = Some((Instant::now(), future::ready(answer).boxed()));
        false
    }

    fn ask(&mut self) -> bool {
        let Some(mut events) = self.idle.take() else { return false };
        let asked = async move {
            let answer = events.next_if_any().await;
            (events, answer)
        };
        self.asked = Some((Instant::now(), asked.boxed()));
        true
    }

    fn answered(
        &mut self,
        events: Events,
        answer: Result<Option<RawDocumentBuf>, Failed>,
    ) -> Result<Step, Failed> {
        self.asked = None;
        let answer = answer?;
        if let Some(token) = events.resume_token() {
            self.token = Some(token);
        }
        let is_alive = events.is_alive();
        let step = match answer {
            Some(event) => Step::Event(event),
            None if is_alive => Step::Empty,
            None => return Ok(Step::Ended),
        };
        self.idle = Some(events);
        Ok(step)
    }
}

/// Returns why changes are lost, if the error means that.
pub(super) fn loss(failed: &Failed) -> Option<String> {
    let answer = match &*failed.kind {
        Failure::Command(answer) => answer,
        // A retry would meet the same event again.
        Failure::Bson(_) | Failure::BsonDeserialization(_) => {
            return Some("an event of the change stream cannot be read".to_owned());
        }
        _ => return None,
    };
    if answer.code == HISTORY_LOST {
        Some("the oplog does not reach back to what was followed last".to_owned())
    } else if OTHER_LOSSES.contains(&answer.code) {
        Some(format!("the change stream cannot go on from where it was ({})", answer.code_name))
    } else {
        None
    }
}
