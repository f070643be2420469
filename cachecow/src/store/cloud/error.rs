//! Converts object_store's errors for users of a store.

use object_store::Error as Cause;

use crate::error::{Error, ErrorKind};

/// How services report a missing bucket; the status is that of an absent object. A key cannot contain this text,
/// because it is escaped in answers.
const NO_BUCKET: [&str; 2] = ["<Code>NoSuchBucket</Code>", "<Code>ContainerNotFound</Code>"];

/// How object_store reports refused credentials when it has no error kind for that.
const REFUSED: [&str; 2] = ["status code: 401", "status code: 403"];

pub(super) fn failed(operation: &str, cause: Cause) -> Error {
    let what = match &cause {
        Cause::NotFound { source, .. } if !says(&**source, &NO_BUCKET) => {
            return Error::not_found(operation);
        }
        Cause::NotFound { .. } => NO_SUCH_BUCKET,
        Cause::Unauthenticated { .. } | Cause::PermissionDenied { .. } => REFUSED_CREDENTIALS,
        Cause::InvalidPath { .. } => {
            "an object under the prefix has a name with an empty part, `.` or `..`, which cannot \
             be listed; rename it, or give the store a prefix of its own"
        }
        Cause::Generic { source, .. } if says(&**source, &NO_BUCKET) => NO_SUCH_BUCKET,
        Cause::Generic { source, .. } if says(&**source, &REFUSED) => REFUSED_CREDENTIALS,
        _ => return Error::store(operation, cause),
    };
    Error::caused_by(ErrorKind::Store, format!("{operation}: {what}"), cause)
}

const NO_SUCH_BUCKET: &str = "the bucket or container does not exist; create it first";

const REFUSED_CREDENTIALS: &str =
    "the service refused the credentials, or they do not allow this operation";

fn says(error: &dyn std::error::Error, words: &[&str]) -> bool {
    let answer = error.to_string();
    words.iter().any(|words| answer.contains(words))
}

pub(super) fn is_absent(cause: &Cause) -> bool {
    matches!(cause, Cause::NotFound { .. })
}

pub(super) fn cannot_sign(operation: &str) -> Error {
    Error::unsupported(
        operation,
        "these credentials cannot sign addresses; use an access key, a role or a service account",
    )
}
