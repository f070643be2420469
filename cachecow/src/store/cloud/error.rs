//! What object_store's errors mean to a store's user.

use object_store::Error as Cause;

use crate::error::{Error, ErrorKind};

/// How services say that there is no such bucket, which they do with the status of an absent object.
/// No key can say so: it is escaped, wherever it stands in an answer.
const NO_BUCKET: [&str; 2] = ["<Code>NoSuchBucket</Code>", "<Code>ContainerNotFound</Code>"];

/// How object_store shows that the credentials were refused, where it has no kind of error for it.
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

const NO_SUCH_BUCKET: &str = "there is no such bucket or container; create it first";

const REFUSED_CREDENTIALS: &str = "the service refused the credentials, or refuses this to them";

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
        "these credentials cannot sign addresses; an access key, a role or a service account can",
    )
}
