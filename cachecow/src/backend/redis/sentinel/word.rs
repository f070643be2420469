//! A sentinel's report about the master.

use std::collections::HashMap;

use ::redis::aio::MultiplexedConnection;
use ::redis::{Pipeline, Value};

use super::super::super::{BackendError, BackendErrorKind};
use super::super::connector::Connector;
use super::super::{malformed, reply};

/// Host and port.
pub(super) type Address = (String, u16);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// The epoch of the failover that made it the master. Each failover has a greater epoch than those before, and
    /// sentinels trust the greatest one.
    pub(super) epoch: u64,
    pub(super) address: Address,
}

/// Asks a sentinel for the master of this name.
pub(super) async fn ask(
    connection: &mut MultiplexedConnection,
    name: &str,
    connector: &Connector,
) -> Result<Word, BackendError> {
    let question = |about: &str| ::redis::cmd("SENTINEL").arg(about).arg(name).take();
    let mut questions = Pipeline::with_capacity(2);
    // During a failover, the answer to the first question still has the former address. In this order, the address
    // is not older than the epoch.
    questions.add_command(question("MASTER")).add_command(question("GET-MASTER-ADDR-BY-NAME"));
    let answers = connector.ask_all(connection, questions.ignore_errors()).await?;
    match <[Value; 2]>::try_from(answers) {
        Ok([master, address]) => Ok(Word { epoch: epoch(master), address: parse(address)? }),
        Err(_) => Err(malformed("of a sentinel")),
    }
}

/// The epoch; the same for all if the sentinel's user may not ask for it.
fn epoch(master: Value) -> u64 {
    let fields: HashMap<String, String> = ::redis::from_redis_value(master).unwrap_or_default();
    fields.get("config-epoch").and_then(|epoch| epoch.parse().ok()).unwrap_or(0)
}

fn parse(address: Value) -> Result<Address, BackendError> {
    match address {
        Value::Array(address) => match <[Value; 2]>::try_from(address) {
            Ok([Value::BulkString(host), Value::BulkString(port)]) => {
                let host = String::from_utf8(host).ok();
                let port = std::str::from_utf8(&port).ok().and_then(|port| port.parse().ok());
                host.zip(port).ok_or_else(|| malformed("of a sentinel"))
            }
            _ => Err(malformed("of a sentinel")),
        },
        Value::Nil => Err(BackendErrorKind::Rejected
            .with("the sentinels know no master of this name; the URL's path is the name")),
        Value::ServerError(error) => Err(reply::rejected(&error)),
        _ => Err(malformed("of a sentinel")),
    }
}
