//! Converts answers of Redis to replies of the protocol.

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

/// Some connections return a server's error as their own error; here it is an answer.
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

/// The reply for a value in the answer to `GET` or `MGET`.
pub(super) fn looked_up(value: Value) -> Result<Reply, BackendError> {
    match value {
        Value::BulkString(bytes) => Ok(Reply::Value(Bytes::from(bytes))),
        Value::Nil => Ok(Reply::Absent),
        // Someone stored another type under this name; the claim deletes it.
        Value::ServerError(error) if error.code() == "WRONGTYPE" => Ok(Reply::Absent),
        Value::ServerError(error) if part::says_moving(&error) => Ok(Reply::Absent),
        Value::ServerError(error) => Err(rejected(&error)),
        _ => Err(malformed("to a lookup")),
    }
}

/// The reply for a place in the answer to `GET` or `MGET`.
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
            // Not an epoch: taking the epoch replaces it.
            Err(_) => Reply::Absent,
        }),
        Value::Nil => Ok(Reply::Absent),
        // Writers' holds, which `MGET` returns as nil; or not an epoch.
        Value::ServerError(error) if error.code() == "WRONGTYPE" => Ok(Reply::Absent),
        Value::ServerError(error) if part::says_moving(&error) => Ok(Reply::Absent),
        Value::ServerError(error) => Err(rejected(&error)),
        _ => Err(malformed("to a look at an epoch")),
    }
}

/// The server answered with an error. Only its code is shown: its text may quote the command.
pub(super) fn rejected(error: &ServerError) -> BackendError {
    // Not every server version has an error code for commands that a script may not call.
    let denied = ["ACL failure in script", "The user executing the script can't"];
    let details = error.details().unwrap_or_default();
    let is_denied = denied.iter().any(|denied| details.contains(denied));
    refused(if is_denied { "NOPERM" } else { code(error) })
}

/// The error's code. Before version 7, Redis puts its own text before the error of a command in a script.
pub(super) fn code(error: &ServerError) -> &str {
    let code = error.code();
    if code != "ERR" && !code.starts_with("@user_script") {
        return code;
    }
    let nested = error.details().unwrap_or_default().split(": -").skip(1);
    let mut codes = nested.filter_map(|nested| nested.split_whitespace().next());
    codes.find(|code| remedy(code).is_some()).unwrap_or("ERR")
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
        "LOADING" => "the server is reading its data from disk; wait until it has finished",
        "MASTERDOWN" => "this is a replica that has lost its master; connect to the master",
        "MISCONF" => "the server cannot save to disk; a cache need not: `CONFIG SET save ''`",
        "NOAUTH" => "the server requires a password, but the cache's URL has none",
        "NOPERM" => "the user lacks a permission; `ACL LOG` tells which",
        "NOREPLICAS" => "fewer replicas than `min-replicas-to-write`",
        "OOM" => "the server is full; give it memory, or a `maxmemory-policy` that evicts",
        "READONLY" => "this is a replica; connect to the master, or to its sentinels",
        "WRONGPASS" => "the user or the password is wrong; see the cache's URL",
        _ => return None,
    })
}

/// The client returned an error.
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
        // The text is from the operating system or the TLS library, which do not know the password.
        ::redis::ErrorKind::Io => BackendErrorKind::Disconnected.with(error.to_string()),
        _ => BackendErrorKind::Disconnected.with(error.category()),
    }
}

/// Whether the connection cannot be used any more after this error.
pub(super) fn is_broken(error: &RedisError) -> bool {
    error.is_unrecoverable_error() || error.is_io_error() || error.is_connection_dropped()
}

/// Whether the server is a replica now: its host name may resolve to the new master.
pub(super) fn says_read_only(reply: &Result<Reply, BackendError>) -> bool {
    matches!(reply, Err(error) if error.detail.starts_with("READONLY"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejection(line: &str) -> BackendError {
        let answer = ::redis::parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap();
        let Value::ServerError(error) = answer else { panic!("{line} is an error") };
        rejected(&error)
    }

    fn shown(line: &str) -> String {
        let rejection = rejection(line);
        rejection.detail().split(' ').next().unwrap_or_default().to_owned()
    }

    #[test]
    fn the_code_of_an_error_in_a_script_is_found() {
        // As Redis 6.2 writes them.
        let read_only = "ERR Error running script (call to f_8a0): @user_script:34: @user_script: 34: \
                         -READONLY You can't write against a read only replica.";
        assert_eq!(shown(read_only), "READONLY");
        assert!(says_read_only(&Err(rejection(read_only))));
        let full = "@user_script: 5: -OOM command not allowed when used memory > 'maxmemory'.";
        assert_eq!(shown(full), "OOM");
        let denied = "ERR Error running script (call to f_8a0): @user_script:3: @user_script: 3: The \
                      user executing the script can't run this command or subcommand";
        assert_eq!(shown(denied), "NOPERM");
        // As later versions do.
        assert_eq!(
            shown("READONLY You can't write against a read only replica. script: f"),
            "READONLY"
        );
    }

    #[test]
    fn nothing_else_of_an_error_is_shown() {
        for line in [
            "ERR Error running script (call to f_8a0): @user_script:34: @user_script: 34: -SECRET text",
            "@user_script: 5: -SECRET text",
            "ERR unknown command, with args beginning with: -SECRET",
        ] {
            assert_eq!(shown(line), "ERR", "{line}");
        }
    }
}
