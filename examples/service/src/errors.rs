//! Errors, and the answers to the client.

use std::error::Error as StdError;
use std::fmt;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use sqlx::error::ErrorKind;

/// Why a request failed. Redis is never the reason.
#[derive(Debug)]
#[non_exhaustive]
pub enum AppError {
    /// There is no such thing.
    NotFound(&'static str),
    /// The request is malformed.
    Invalid(StatusCode, String),
    /// The database refused the change, for a reason that the client can fix.
    Refused {
        /// The answer's status.
        status: StatusCode,
        /// The message for the client.
        message: &'static str,
        /// The database's error.
        source: sqlx::Error,
    },
    /// A statement failed.
    Database(sqlx::Error),
    /// A fetch function failed; reads of cachecow have no other error.
    Read(cachecow::Error),
}

impl AppError {
    /// Makes the error for text that is not accepted.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(StatusCode::UNPROCESSABLE_ENTITY, message.into())
    }

    /// Turns the violation of a constraint into an answer. Other errors of the database do not change.
    pub fn refused(
        kind: ErrorKind,
        status: StatusCode,
        message: &'static str,
    ) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| match source.as_database_error() {
            Some(error) if error.kind() == kind => Self::Refused { status, message, source },
            _ => Self::Database(source),
        }
    }

    /// Returns the database's own error.
    pub fn database(&self) -> Option<&sqlx::Error> {
        match self {
            Self::NotFound(_) | Self::Invalid(..) => None,
            Self::Refused { source, .. } | Self::Database(source) => Some(source),
            Self::Read(error) => error.fetch_error(),
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Invalid(status, _) | Self::Refused { status, .. } => *status,
            Self::Database(_) | Self::Read(_) => match self.database() {
                Some(error) if !may_pass(error) => StatusCode::INTERNAL_SERVER_ERROR,
                _ => StatusCode::SERVICE_UNAVAILABLE,
            },
        }
    }
}

/// Whether the same statement may succeed a little later.
fn may_pass(error: &sqlx::Error) -> bool {
    match error.as_database_error() {
        // Connection, transaction rolled back, out of resources, shutdown, system error.
        Some(error) => error.code().is_some_and(|code| {
            ["08", "40", "53", "57", "58"].iter().any(|class| code.starts_with(class))
        }),
        None => matches!(
            error,
            sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed
        ),
    }
}

impl fmt::Display for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(what) => write!(f, "there is no such {what}"),
            Self::Invalid(_, message) => f.write_str(message),
            Self::Refused { message, .. } => f.write_str(message),
            // The details are in the log, and are not for the client.
            Self::Database(_) | Self::Read(_) => f.write_str("the database failed"),
        }
    }
}

impl StdError for AppError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::NotFound(_) | Self::Invalid(..) => None,
            Self::Refused { source, .. } | Self::Database(source) => Some(source),
            Self::Read(error) => Some(error),
        }
    }
}

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        let status = self.status();
        if status.is_server_error() {
            tracing::error!(error = chain(&self), "a request failed");
        }
        let mut response = (status, Json(json!({ "error": self.to_string() }))).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// The error and its causes, in one line.
pub fn chain(error: &dyn StdError) -> String {
    let causes = std::iter::successors(error.source(), |&error| error.source());
    causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}

impl From<sqlx::Error> for AppError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<cachecow::Error> for AppError {
    fn from(error: cachecow::Error) -> Self {
        Self::Read(error)
    }
}

/// The extractors' own messages, as JSON like all others.
macro_rules! rejections {
    ($($rejection:ty),*) => {$(
        impl From<$rejection> for AppError {
            fn from(rejection: $rejection) -> Self {
                Self::Invalid(rejection.status(), rejection.body_text())
            }
        }
    )*};
}

rejections!(JsonRejection, PathRejection, QueryRejection);
