//! Sentinels, which know which server is the master.

mod reports;
mod switch;
mod word;

use std::fmt;

use ::redis::aio::MultiplexedConnection;
use ::redis::{ConnectionAddr, ConnectionInfo, Value};
use futures_util::stream::{FuturesUnordered, StreamExt as _};

use self::switch::Switches;
use self::word::Address;
use super::super::{BackendError, BackendErrorKind};
use super::connector::Connector;

pub(crate) struct Sentinels {
    /// The sentinels' name for the master.
    name: String,
    nodes: Vec<ConnectionInfo>,
    /// The connection settings of the master, except its address.
    master: ConnectionInfo,
    switches: Switches,
}

impl Sentinels {
    pub(super) fn new(name: String, nodes: Vec<ConnectionInfo>, master: ConnectionInfo) -> Self {
        Self { name, nodes, master, switches: Switches::default() }
    }

    /// The sentinels' name for the master.
    #[cfg(feature = "cli")]
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// How often the master was switched: a connection from before a switch must be replaced.
    pub(super) fn switches(&self) -> u64 {
        self.switches.count()
    }

    /// Starts to listen to the sentinels, unless it already does.
    pub(super) fn go_on_listening(&self, connector: &Connector) {
        self.switches.listen(&self.name, &self.nodes, connector);
    }

    /// Connects to the server that the sentinels name, and that says itself that it is the master. Also returns the
    /// count of switches that led to it.
    ///
    /// A sentinel that was cut off may name a former master. So this waits for more than half of the sentinels, or
    /// for all that answer, and uses the report with the greatest epoch of all that were heard. The server is asked
    /// on the connection that is then used: if the sentinels demote it later, they close its clients' connections.
    pub(super) async fn connect_to_master(
        &self,
        connector: &Connector,
    ) -> Result<(u64, MultiplexedConnection), BackendError> {
        self.go_on_listening(connector);
        let asking = self.nodes.iter().enumerate().map(|(place, sentinel)| async move {
            let mut connection = connector.connect(sentinel.clone()).await?;
            Ok((place, word::ask(&mut connection, &self.name, connector).await?))
        });
        let mut asking: FuturesUnordered<_> = asking.collect();
        let (mut answered, mut tried, mut error) = (0, Vec::new(), None);
        while let Some(answer) = asking.next().await {
            match answer {
                Ok((place, word)) => {
                    self.switches.note(place, word);
                    answered += 1;
                }
                // An error of the named server is more useful than one of a sentinel.
                Err(failed) if tried.is_empty() => error = Some(failed),
                Err(_) => {}
            }
            // If no sentinel answers, earlier reports may be outdated.
            let few = answered <= self.nodes.len() / 2 && !asking.is_empty();
            if few || answered == 0 {
                continue;
            }
            while let Some((switches, master)) = self.untried(&tried) {
                match self.connect(&master, connector).await {
                    // A switch that was heard meanwhile names another one.
                    Ok(_) if switches != self.switches() => {
                        error = Some(disconnected("the master was switched"));
                    }
                    Ok(connection) => return Ok((switches, connection)),
                    Err(failed) => error = Some(failed),
                }
                tried.push(master);
            }
        }
        Err(error.unwrap_or_else(|| disconnected("no sentinel was named")))
    }

    /// A possible master that was not tried yet, and the count of switches that led to it.
    fn untried(&self, tried: &[Address]) -> Option<(u64, Address)> {
        let (switches, named) = self.switches.named();
        named.into_iter().find(|master| !tried.contains(master)).map(|master| (switches, master))
    }

    async fn connect(
        &self,
        (host, port): &Address,
        connector: &Connector,
    ) -> Result<MultiplexedConnection, BackendError> {
        let address = at(self.master.addr(), host.clone(), *port);
        let mut connection = connector.connect(self.master.clone().set_addr(address)).await?;
        match connector.ask(&mut connection, &::redis::cmd("ROLE")).await? {
            Value::Array(role) if matches!(role.first(), Some(Value::BulkString(role)) if role == b"master") => {
                Ok(connection)
            }
            Value::Array(_) => {
                Err(disconnected("the server that the sentinels name is not a master"))
            }
            Value::ServerError(error) => Err(BackendErrorKind::Rejected
                .with(format!("{} to ROLE, which the user must be allowed", error.code()))),
            _ => Err(super::malformed("to ROLE")),
        }
    }
}

/// Another address with the same connection settings.
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
