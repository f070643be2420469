//! Sentinels, who know which server is the master.

mod switch;

use std::fmt;

use ::redis::aio::MultiplexedConnection;
use ::redis::{ConnectionAddr, ConnectionInfo, Value};
use futures_util::stream::{FuturesUnordered, StreamExt as _};

use self::switch::Switches;
use super::super::{BackendError, BackendErrorKind};
use super::connector::Connector;
use super::reply;

pub(crate) struct Sentinels {
    /// What the sentinels call the master.
    name: String,
    nodes: Vec<ConnectionInfo>,
    /// How the master is connected to, but for its address.
    master: ConnectionInfo,
    switches: Switches,
}

impl Sentinels {
    pub(super) fn new(name: String, nodes: Vec<ConnectionInfo>, master: ConnectionInfo) -> Self {
        Self { name, nodes, master, switches: Switches::default() }
    }

    /// How often the master was switched: a connection from before is of no more use.
    pub(super) fn switches(&self) -> u64 {
        self.switches.count()
    }

    /// Connects to the first server that a sentinel names and that says itself that it is the master.
    ///
    /// A sentinel that was cut off may name a former master. The server is asked on the connection
    /// that is then used: when the sentinels demote it later, they close its clients' connections.
    pub(super) async fn connect_to_master(
        &self,
        connector: &Connector,
    ) -> Result<MultiplexedConnection, BackendError> {
        self.switches.listen(&self.name, &self.nodes, connector);
        let mut tried = Vec::new();
        let mut error = None;
        // What was heard last is newer than what a sentinel may answer that has not heard it.
        if let Some(master) = self.switches.latest() {
            match self.connect(&master, connector).await {
                Ok(connection) => return Ok(connection),
                Err(failed) => error = Some(failed),
            }
            tried.push(master);
        }
        let mut asked: FuturesUnordered<_> =
            self.nodes.iter().map(|sentinel| self.ask(sentinel, connector)).collect();
        while let Some(answer) = asked.next().await {
            let outcome = match answer {
                Ok(master) if tried.contains(&master) => continue,
                Ok(master) => {
                    let connecting = self.connect(&master, connector).await;
                    tried.push(master);
                    connecting
                }
                // That a named server cannot be used says more than that a sentinel cannot.
                Err(_) if !tried.is_empty() => continue,
                Err(failed) => Err(failed),
            };
            match outcome {
                Ok(connection) => return Ok(connection),
                Err(failed) => error = Some(failed),
            }
        }
        Err(error.unwrap_or_else(|| disconnected("no sentinel was named")))
    }

    /// The address of the master, as this sentinel knows it.
    async fn ask(
        &self,
        sentinel: &ConnectionInfo,
        connector: &Connector,
    ) -> Result<(String, u16), BackendError> {
        let mut connection = connector.connect(sentinel.clone()).await?;
        let mut command = ::redis::cmd("SENTINEL");
        command.arg("GET-MASTER-ADDR-BY-NAME").arg(&self.name);
        match connector.ask(&mut connection, &command).await? {
            Value::Array(address) => match <[Value; 2]>::try_from(address) {
                Ok([Value::BulkString(host), Value::BulkString(port)]) => {
                    let host = String::from_utf8(host).ok();
                    let port = std::str::from_utf8(&port).ok().and_then(|port| port.parse().ok());
                    host.zip(port).ok_or_else(|| super::malformed("of a sentinel"))
                }
                _ => Err(super::malformed("of a sentinel")),
            },
            Value::Nil => Err(BackendErrorKind::Rejected
                .with("the sentinels know no master of this name; the URL's path is the name")),
            Value::ServerError(error) => Err(reply::rejected(&error)),
            _ => Err(super::malformed("of a sentinel")),
        }
    }

    async fn connect(
        &self,
        (host, port): &(String, u16),
        connector: &Connector,
    ) -> Result<MultiplexedConnection, BackendError> {
        let address = at(self.master.addr(), host.clone(), *port);
        let mut connection = connector.connect(self.master.clone().set_addr(address)).await?;
        match connector.ask(&mut connection, &::redis::cmd("ROLE")).await? {
            Value::Array(role) if matches!(role.first(), Some(Value::BulkString(role)) if role == b"master") => {
                Ok(connection)
            }
            Value::Array(_) => Err(disconnected("the server that the sentinels name is no master")),
            Value::ServerError(error) => Err(BackendErrorKind::Rejected
                .with(format!("{} to ROLE, which the user must be allowed", error.code()))),
            _ => Err(super::malformed("to ROLE")),
        }
    }
}

/// Another address, to be connected to in the same way.
pub(super) fn at(like: &ConnectionAddr, host: String, port: u16) -> ConnectionAddr {
    match like {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => ConnectionAddr::TcpTls {
            host,
            port,
            insecure: *insecure,
            tls_params: tls_params.clone(),
        },
        _ => ConnectionAddr::Tcp(host, port),
    }
}

fn disconnected(detail: &str) -> BackendError {
    BackendErrorKind::Disconnected.with(detail)
}

impl fmt::Debug for Sentinels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes: Vec<String> = self.nodes.iter().map(|node| node.addr().to_string()).collect();
        f.debug_struct("Sentinels")
            .field("master", &self.name)
            .field("nodes", &nodes)
            .finish_non_exhaustive()
    }
}
