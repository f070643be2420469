//! An existing connection to a cluster, which the program made.

use ::redis::Value;
use ::redis::cluster_async::ClusterConnection;
use ::redis::cluster_routing::{
    MultipleNodeRoutingInfo, ResponsePolicy, Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr,
};
use futures_util::future::join_all;

use super::super::reply;
use super::super::routed::{Answer, Answers, Routed};

/// This connection finds the nodes and follows redirections itself. Each command is sent
/// separately, because the connection would send a whole pipeline again for one redirection in it.
pub(in super::super) struct Given(ClusterConnection);

impl Given {
    #[cfg(feature = "redis-1")]
    pub(in super::super) fn new(connection: ClusterConnection) -> Self {
        Self(connection)
    }

    pub(in super::super) async fn send(&self, routed: Routed) -> Answer {
        // A replica may be behind.
        let route = Route::new(routed.slot, SlotAddr::Master);
        let route = SingleNodeRoutingInfo::SpecificNode(route);
        let mut connection = self.0.clone();
        let sent = connection.route_command(routed.command, RoutingInfo::SingleNode(route)).await;
        reply::as_answer(sent).map_err(|error| reply::failed(&error))
    }

    pub(in super::super) async fn send_each(&self, commands: Vec<Routed>) -> Answers {
        join_all(commands.into_iter().map(|routed| self.send(routed))).await
    }

    pub(in super::super) async fn ping(&self) -> Answer {
        let masters = MultipleNodeRoutingInfo::AllMasters;
        let route = RoutingInfo::MultiNode((masters, Some(ResponsePolicy::AllSucceeded)));
        let sent = self.0.clone().route_command(::redis::cmd("PING"), route).await;
        let answer: Value = reply::as_answer(sent).map_err(|error| reply::failed(&error))?;
        Ok(answer)
    }
}
