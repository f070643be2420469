//! The routes to the servers that hold the keys.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::redis::{Pipeline, Value};

use super::super::BackendError;
use super::acks::{AckLines, Acks};
#[cfg(feature = "cluster")]
use super::cluster::{Cluster, Given};
use super::connection::Connection;
use super::routed::{Answers, Routed};
use super::server::Server;

pub(super) enum Route {
    Connection(Arc<Connection>, AckLines),
    #[cfg(feature = "cluster")]
    Cluster(Box<Cluster>),
    #[cfg(feature = "cluster")]
    #[cfg_attr(not(feature = "redis-1"), allow(dead_code, reason = "nobody gives one"))]
    GivenCluster(Given),
}

impl Route {
    pub(super) fn by_connection(link: Arc<Connection>) -> Self {
        Self::Connection(link, AckLines::default())
    }

    /// Whether keys have slots, so that a command may use only keys of one slot.
    pub(super) fn has_slots(&self) -> bool {
        !matches!(self, Self::Connection(..))
    }

    /// Whether this backend opens the connections.
    pub(super) fn connects(&self) -> bool {
        match self {
            Self::Connection(link, _) => matches!(**link, Connection::Server(_)),
            #[cfg(feature = "cluster")]
            Self::Cluster(_) => true,
            #[cfg(feature = "cluster")]
            Self::GivenCluster(_) => false,
        }
    }

    /// Limits the time of an operation on a node of a cluster.
    #[cfg_attr(
        not(feature = "cluster"),
        allow(unused_variables, clippy::unused_self, clippy::needless_pass_by_ref_mut)
    )]
    pub(super) fn set_patience(&mut self, patience: Duration) {
        #[cfg(feature = "cluster")]
        if let Self::Cluster(cluster) = self {
            cluster.set_patience(patience);
        }
    }

    /// Sends one command that is not a writer's.
    pub(super) async fn send(&self, routed: Routed) -> Result<Value, BackendError> {
        match self {
            Self::Connection(link, _) => link.send(&routed.command).await,
            #[cfg(feature = "cluster")]
            Self::Cluster(cluster) => super::only(cluster.send_each(vec![routed], None).await),
            #[cfg(feature = "cluster")]
            Self::GivenCluster(given) => given.send(routed).await,
        }
    }

    /// Sends commands. With `acks`, replicas must acknowledge those of writers.
    pub(super) async fn send_each(&self, commands: Vec<Routed>, acks: Option<Acks>) -> Answers {
        match self {
            Self::Connection(link, lines) => send_by_connection(link, lines, commands, acks).await,
            #[cfg(feature = "cluster")]
            Self::Cluster(cluster) => cluster.send_each(commands, acks).await,
            #[cfg(feature = "cluster")]
            Self::GivenCluster(given) => given.send_each(commands).await,
        }
    }

    /// The server that has the keys of a slot, if this backend opens the connections.
    #[cfg_attr(not(feature = "cluster"), allow(unused_variables, reason = "there are no slots"))]
    pub(super) fn server(&self, slot: u16) -> Option<Arc<Server>> {
        match self {
            Self::Connection(link, _) => link.server().cloned(),
            #[cfg(feature = "cluster")]
            Self::Cluster(cluster) => cluster.server(slot),
            #[cfg(feature = "cluster")]
            Self::GivenCluster(_) => None,
        }
    }

    /// All servers that keys may be on, as currently known.
    pub(super) async fn servers(&self) -> Result<Vec<Arc<Server>>, BackendError> {
        match self {
            Self::Connection(link, _) => Ok(link.server().cloned().into_iter().collect()),
            #[cfg(feature = "cluster")]
            Self::Cluster(cluster) => cluster.servers().await,
            #[cfg(feature = "cluster")]
            Self::GivenCluster(_) => Ok(Vec::new()),
        }
    }

    /// Asks every server that keys may be on whether it can be reached.
    pub(super) async fn ping(&self) -> Result<(), BackendError> {
        let ping = ::redis::cmd("PING");
        let answer = match self {
            Self::Connection(link, _) => link.send(&ping).await?,
            #[cfg(feature = "cluster")]
            Self::Cluster(cluster) => return cluster.ping().await,
            #[cfg(feature = "cluster")]
            Self::GivenCluster(given) => given.ping().await?,
        };
        match answer {
            Value::ServerError(error) => Err(super::reply::rejected(&error)),
            _ => Ok(()),
        }
    }

    pub(super) fn reset(&self) {
        match self {
            Self::Connection(link, lines) => {
                link.reset();
                lines.reset();
            }
            #[cfg(feature = "cluster")]
            Self::Cluster(cluster) => cluster.reset(),
            #[cfg(feature = "cluster")]
            Self::GivenCluster(_) => {}
        }
    }
}

async fn send_by_connection(
    link: &Connection,
    lines: &AckLines,
    mut commands: Vec<Routed>,
    acks: Option<Acks>,
) -> Answers {
    let count = commands.len();
    let has_writers = commands.iter().any(|routed| routed.is_writers);
    let answers = match (link, acks) {
        (Connection::Server(server), Some(acks)) if has_writers => {
            lines.send(server, &pipeline(commands), acks).await
        }
        _ if count == 1 => match commands.pop() {
            Some(routed) => link.send(&routed.command).await.map(|answer| vec![Ok(answer)]),
            None => Ok(Vec::new()),
        },
        _ => {
            let answers = link.send_all(&pipeline(commands)).await;
            answers.map(|answers| answers.into_iter().map(Ok).collect())
        }
    };
    answers.unwrap_or_else(|error| vec![Err(error); count])
}

fn pipeline(commands: Vec<Routed>) -> Pipeline {
    let mut pipeline = Pipeline::with_capacity(commands.len());
    for routed in commands {
        pipeline.add_command(routed.command);
    }
    // Each command has its own error.
    pipeline.ignore_errors();
    pipeline
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(link, _) => fmt::Debug::fmt(link, f),
            #[cfg(feature = "cluster")]
            Self::Cluster(cluster) => fmt::Debug::fmt(cluster, f),
            #[cfg(feature = "cluster")]
            Self::GivenCluster(_) => f.write_str("GivenCluster"),
        }
    }
}
