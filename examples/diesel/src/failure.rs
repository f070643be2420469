//! The errors of this example.

use std::error::Error;
use std::fmt;

/// An error of the database, of its pool, or of a read through the cache.
#[derive(Debug)]
pub enum Failure {
    /// diesel's own.
    Query(diesel::result::Error),
    /// The user already has the maximum number of posts.
    TooManyPosts,
    /// The pool has no connection, or a read through the cache failed.
    Other(Box<dyn Error + Send + Sync>),
}

impl Failure {
    /// Of the pool.
    pub(crate) fn other(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Other(Box::new(error))
    }
}

impl From<diesel::result::Error> for Failure {
    fn from(error: diesel::result::Error) -> Self {
        Self::Query(error)
    }
}

impl From<cachecow::Error> for Failure {
    fn from(error: cachecow::Error) -> Self {
        Self::other(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Query(_) => "the query failed",
            Self::TooManyPosts => "the user has too many posts",
            Self::Other(_) => "the database could not be asked",
        })
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Query(error) => Some(error),
            Self::TooManyPosts => None,
            Self::Other(error) => Some(&**error),
        }
    }
}
