//! From what Redis answers to what the protocol knows.

use ::redis::{Pipeline, RedisError, RedisResult, ServerError, Value};
use bytes::Bytes;

use super::super::{BackendError, BackendErrorKind, Place};
use super::{malformed, part};
use crate::protocol::{Reply, Token};

impl BackendErrorKind {
    pub(super) fn with(self, detail: impl Into<String>) -> BackendError {
        BackendError::new(self, detail)
    }
}

/// Some connections hand a server's error out as their own; to us it is an answer.
pub(super) fn as_answer(result: RedisResult<Value>) -> RedisResult<Value> {
    result.or_else(|error| {
        let server_error = error.clone().into_server_errors();
        match server_error.as_deref() {
            Some([(_, answer)]) => Ok(Value::ServerError(answer.clone())),
            _ => Err(error),
        }
    })
}

/// How many answers to skip, and how many to return.
pub(super) fn extent(pipeline: &Pipeline) -> (usize, usize) {
    if pipeline.is_transaction() { (pipeline.len() + 1, 1) } else { (0, pipeline.len()) }
}

/// What a `GET`, or an `MGET`, says of a value.
pub(super) fn looked_up(value: Value) -> Result<Reply, BackendError> {
    match value {
        Value::BulkString(bytes) => Ok(Reply::Value(Bytes::from(bytes))),
        Value::Nil => Ok(Reply::Absent),
        // Someone stored another type under our name; the claim deletes it.
        Value::ServerError(error) if error.code() == "WRONGTYPE" => Ok(Reply::Absent),
        Value::ServerError(error) if part::says_moving(&error) => Ok(Reply::Absent),
        Value::ServerError(error) => Err(rejected(&error)),
        _ => Err(malformed("to a lookup")),
    }
}

/// What a `GET`, or an `MGET`, says of a place.
pub(super) fn read(value: Value, place: Place) -> Result<Reply, BackendError> {
    match place {
        Place::Value(_) => looked_up(value),
        Place::Epoch(_) => epoch(value),
    }
}

/// One of the answers of a script.
pub(super) fn scripted(value: Value, script: super::script::Kind) -> Result<Reply, BackendError> {
    use super::script::Kind;
    match (script, value) {
        (Kind::Claim, Value::BulkString(bytes)) => Ok(Reply::Value(Bytes::from(bytes))),
        (Kind::Claim, Value::Int(0)) => Ok(Reply::Leased),
        (Kind::Claim | Kind::TakeEpoch, Value::Int(2)) => Ok(Reply::Held),
        (Kind::Claim, Value::Int(grant)) if grant > 2 => Ok(Reply::Claimed(grant.unsigned_abs())),
        (Kind::Fill | Kind::Abandon | Kind::ReleaseAndStore, Value::Int(1)) => Ok(Reply::Settled),
        (Kind::Fill | Kind::Abandon | Kind::ReleaseAndStore, Value::Int(0)) => Ok(Reply::Refused),
        (Kind::Invalidate | Kind::Hold | Kind::Release, Value::Int(3)) => Ok(Reply::Done),
        (_, Value::ServerError(error)) => Err(rejected(&error)),
        (Kind::TakeEpoch, value) => epoch(value),
        (_, _) => Err(malformed("to a script")),
    }
}

/// The answer to `MGET` of an epoch.
pub(super) fn epoch(value: Value) -> Result<Reply, BackendError> {
    match value {
        Value::BulkString(bytes) => Ok(match bytes.try_into() {
            Ok(token) => Reply::Epoch(Token::from_bytes(token)),
            // Nothing of ours: to take the epoch puts one in its place.
            Err(_) => Reply::Absent,
        }),
        Value::Nil => Ok(Reply::Absent),
        // Writers' holds, which `MGET` shows as nothing; or nothing of ours.
        Value::ServerError(error) if error.code() == "WRONGTYPE" => Ok(Reply::Absent),
        Value::ServerError(error) if part::says_moving(&error) => Ok(Reply::Absent),
        Value::ServerError(error) => Err(rejected(&error)),
        _ => Err(malformed("to a look at an epoch")),
    }
}

/// The server answered with an error. Its code says enough; its text may quote what it was sent.
pub(super) fn rejected(error: &ServerError) -> BackendError {
    // What a script may not call has no code of its own in every version.
    let denied = ["ACL failure in script", "The user executing the script can't"];
    let details = error.details().unwrap_or_default();
    let is_denied = denied.iter().any(|denied| details.starts_with(denied));
    refused(if is_denied { "NOPERM" } else { error.code() })
}

fn refused(code: &str) -> BackendError {
    BackendErrorKind::Rejected.with(match remedy(code) {
        Some(remedy) => format!("{code} ({remedy})"),
        None => code.to_owned(),
    })
}

/// What the operator of the server can do about an error with this code.
fn remedy(code: &str) -> Option<&'static str> {
    Some(match code {
        "ASK" | "TRYAGAIN" => {
            "the key's slot is moving to another node; until that has ended, \
                               nothing is stored in it"
        }
        "BUSY" => "a script keeps the server busy; `SCRIPT KILL` ends it",
        "CLUSTERDOWN" => "the cluster lacks a master of some slots; see `CLUSTER INFO`",
        "LOADING" => "the server is reading its data from disk, which takes its time",
        "MASTERDOWN" => "this is a replica that has lost its master; name the master",
        "MISCONF" => "the server cannot save to disk; a cache need not: `CONFIG SET save ''`",
        "NOAUTH" => "the server wants a password, and the cache's URL has none",
        "NOPERM" => "the user lacks a permission; `ACL LOG` tells which",
        "NOREPLICAS" => "fewer replicas than `min-replicas-to-write`",
        "OOM" => "the server is full; give it memory, or a `maxmemory-policy` that evicts",
        "READONLY" => "this is a replica; name the master, or its sentinels",
        "WRONGPASS" => "no such user and password; see the cache's URL",
        _ => return None,
    })
}

/// The client gave an error.
pub(super) fn failed(error: &RedisError) -> BackendError {
    if error.is_timeout() {
        return BackendErrorKind::TimedOut.with("");
    }
    if error.to_string().contains("refused to switch database") {
        return BackendErrorKind::Rejected.with("there is no such database; see the cache's URL");
    }
    if let Some(code) = error.code() {
        return refused(code);
    }
    match error.kind() {
        ::redis::ErrorKind::AuthenticationFailed => {
            BackendErrorKind::Rejected.with("authentication failed; see the cache's URL")
        }
        ::redis::ErrorKind::RESP3NotSupported => {
            BackendErrorKind::Rejected.with("RESP3 is not supported")
        }
        ::redis::ErrorKind::Parse | ::redis::ErrorKind::UnexpectedReturnType => {
            malformed("outside the Redis protocol")
        }
        // The operating system's or the TLS library's own words; they know of no password.
        ::redis::ErrorKind::Io => BackendErrorKind::Disconnected.with(error.to_string()),
        _ => BackendErrorKind::Disconnected.with(error.category()),
    }
}

/// Whether the connection is of no more use after this error.
pub(super) fn is_broken(error: &RedisError) -> bool {
    error.is_unrecoverable_error() || error.is_io_error() || error.is_connection_dropped()
}

/// Whether the server is a replica now: its name may lead to the new master.
pub(super) fn says_read_only(reply: &Result<Reply, BackendError>) -> bool {
    matches!(reply, Err(error) if error.detail.starts_with("READONLY"))
}
