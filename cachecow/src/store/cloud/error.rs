//! What object_store's errors mean to a store's user.

use object_store::Error as Cause;

use crate::{Error, ErrorKind};

/// How services say that there is no such bucket, which they do with the status of an absent object.
const NO_BUCKET: [&str; 3] =
    ["NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist"];

pub(super) fn failed(operation: &str, cause: Cause) -> Error {
    let what = match &cause {
        Cause::NotFound { source, .. } => {
            let answer = source.to_string();
            if !NO_BUCKET.iter().any(|code| answer.contains(code)) {
                return Error::not_found(operation);
            }
            "there is no such bucket or container; create it first"
        }
        Cause::Unauthenticated { .. } | Cause::PermissionDenied { .. } => {
            "the service refused the credentials, or refuses this to them"
        }
        Cause::InvalidPath { .. } => {
            "an object under the prefix has a name with an empty part, `.` or `..`, which cannot \
             be listed; rename it, or give the store a prefix of its own"
        }
        _ => return Error::store(operation, cause),
    };
    Error::caused_by(ErrorKind::Store, format!("{operation}: {what}"), cause)
}

pub(super) fn is_absent(cause: &Cause) -> bool {
    matches!(cause, Cause::NotFound { .. })
}

/// What went wrong when an address was to be signed.
pub(super) fn unsigned(operation: &str, cause: Cause) -> Error {
    // Azure has no error of its own for it.
    let by_credentials = cause.to_string().contains("Generating SAS keys");
    match cause {
        Cause::NotSupported { .. } | Cause::NotImplemented { .. } => cannot_sign(operation),
        _ if by_credentials => cannot_sign(operation),
        cause => failed(operation, cause),
    }
}

pub(super) fn cannot_sign(operation: &str) -> Error {
    Error::unsupported(
        operation,
        "these credentials cannot sign addresses; an access key, a role or a service account can",
    )
}
