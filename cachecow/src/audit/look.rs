//! The two checks of an object by the auditor.

use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;

use super::content::Content;
use super::subject::Subject;
use crate::backend::BackendError;
use crate::cache::read::Source;
use crate::document;
use crate::engine::Engine;
use crate::error::Error;
use crate::key::Key;
use crate::model::object::Loaded;
use crate::protocol::{Reply, SeenValue};

/// The result of an audit.
pub(super) enum Finding {
    /// The object equals that of the backing store.
    Fresh,
    /// The object was changed, and the old one is no longer served.
    Race(&'static str),
    /// The backing store returns something else at each fetch.
    Undecided {
        fields: Vec<&'static str>,
    },
    Stale {
        fields: Vec<&'static str>,
        source: Source,
        age: Option<Duration>,
    },
    /// The object could not be checked.
    Failed(Failure),
}

/// Why an object could not be checked.
pub(super) enum Failure {
    Fetch(Error),
    Cache(BackendError),
    Unserializable,
    TooLong(Duration),
    Panicked,
}

/// The served object, and its lookup.
#[derive(Clone, Copy)]
pub(super) struct Look<'a> {
    pub(super) engine: &'a Arc<Engine>,
    pub(super) subject: &'a dyn Subject,
    pub(super) served: &'a Loaded,
}

/// The differences that the first check found.
pub(super) struct Suspicion {
    stored: Option<Stored>,
    served: Content,
    first: Content,
}

/// The identity of a stored value.
#[derive(PartialEq, Eq)]
struct Stored {
    seen: SeenValue,
    /// When, in milliseconds since 1970.
    at: Option<u64>,
}

impl Look<'_> {
    /// The first check: whether the backing store has another object.
    pub(super) async fn first(self) -> Result<Option<Suspicion>, Failure> {
        // Before the fetch: if the same value is stored afterwards, there was no invalidation in between.
        let stored = self.stored().await?;
        let served = self.subject.content(self.served).ok_or(Failure::Unserializable)?;
        let first = self.fetched().await?;
        Ok((first != served).then_some(Suspicion { stored, served, first }))
    }

    /// The second check: whether a reader is still served the same object.
    pub(super) async fn second(self, suspicion: Suspicion) -> Result<Finding, Failure> {
        let Suspicion { stored, served, first } = suspicion;
        let (again, source) = self.subject.read(self.engine).await?;
        if !matches!(source, Source::Near | Source::Cache) {
            return Ok(Finding::Race("it is no longer in the cache"));
        }
        if self.subject.content(&again).ok_or(Failure::Unserializable)? != served {
            return Ok(Finding::Race("another object is in the cache"));
        }
        if self.stored().await? != stored {
            return Ok(Finding::Race("it was stored again"));
        }
        let second = self.fetched().await?;
        let fields = served.against(&first, &second);
        if !fields.is_empty() {
            let now = self.engine.wall_clock();
            let age = stored.and_then(|stored| stored.at).map(|at| now.saturating_sub(at));
            return Ok(Finding::Stale { fields, source, age: age.map(Duration::from_millis) });
        }
        if second == served {
            return Ok(Finding::Race("the backing store is as before"));
        }
        Ok(Finding::Undecided { fields: first.but(&second) })
    }

    async fn stored(self) -> Result<Option<Stored>, BackendError> {
        let key: Key = self.subject.stored_under(self.served);
        match self.engine.client.lookup(key, Vec::new()).await.0? {
            Reply::Value(value) => {
                let at = document::header(&value).ok().map(|header| header.stored_at);
                Ok(Some(Stored { seen: SeenValue::of(&value), at }))
            }
            _ => Ok(None),
        }
    }

    async fn fetched(self) -> Result<Content, Failure> {
        let fetched = self.subject.fetch().await?;
        self.subject.content(&fetched).ok_or(Failure::Unserializable)
    }
}

/// Stops checks that take too long or panic: fetch functions are the user's code.
pub(super) async fn within<T>(
    longest: Duration,
    look: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let look = AssertUnwindSafe(look).catch_unwind();
    match tokio::time::timeout(longest, look).await {
        Ok(Ok(looked)) => looked,
        Ok(Err(_panic)) => Err(Failure::Panicked),
        Err(_elapsed) => Err(Failure::TooLong(longest)),
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Fetch(error)
    }
}

impl From<BackendError> for Failure {
    fn from(error: BackendError) -> Self {
        Self::Cache(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fetch(error) => error.fmt(f),
            Self::Cache(error) => error.fmt(f),
            Self::Unserializable => f.write_str("the object cannot be serialized"),
            Self::TooLong(longest) => write!(f, "not done within {longest:?}"),
            Self::Panicked => f.write_str("a fetch panicked"),
        }
    }
}
