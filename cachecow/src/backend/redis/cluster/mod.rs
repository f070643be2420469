//! A cluster: commands are grouped by the owner of their slot, and one pipeline for each owner is sent in parallel.
//!
//! Each node has one connection, like a single server. A command that a node redirects was not
//! carried out, and is sent again. A command whose answer was lost is not sent again, since it may
//! have been carried out, or may still be. While a slot is moving, only parts of an object are sent
//! to the destination (`part`).

mod given;
mod node;
mod redirect;
mod slots;
mod topology;
mod view;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::redis::{Cmd, Pipeline, Value};
use futures_util::future::{join, join_all};
use tokio::time::Instant;

pub(super) use self::given::Given;
use self::node::{Manner, Node, Unsent};
use self::redirect::{Redirect, redirect};
pub(super) use self::slots::slot_of;
use self::slots::{SLOTS, SlotMap};
pub(crate) use self::topology::Seeds;
use self::topology::Topology;
use super::super::{BackendError, BackendErrorKind};
use super::acks::Acks;
use super::reply;
use super::routed::{Answer, Answers, Extent, Routed};
use super::server::Server;

/// How often a command may be redirected: to the new owner of a slot, from there to the node that
/// the slot is moving to, and both once more if the cluster has changed meanwhile.
const MAX_HOPS: usize = 5;

pub(super) struct Cluster {
    topology: Arc<Topology>,
    /// How long one operation may take on all nodes together.
    patience: Duration,
}

/// A command that must be sent.
struct Open {
    command: Cmd,
    target: Target,
    next: Next,
}

/// What remains of a command while it is under way.
struct Target {
    /// The position of its answer.
    place: usize,
    slot: u16,
    is_writers: bool,
    extent: Extent,
}

/// Where a command goes next.
enum Next {
    Owner,
    /// To the owner of the slot, unless that is still this node, which cannot be reached.
    OtherOwner(Arc<Node>, BackendError),
    Moved(Arc<Node>),
    Ask(Arc<Node>),
}

/// The commands for one node in one pipeline.
struct Leg {
    node: Arc<Node>,
    /// Whether each command has an `ASKING` before it.
    asking: bool,
    is_writers: bool,
    pipeline: Pipeline,
    targets: Vec<Target>,
}

impl Cluster {
    pub(super) fn new(seeds: Box<Seeds>, connect_timeout: Duration) -> Self {
        Self { topology: Topology::new(seeds, connect_timeout), patience: connect_timeout }
    }

    /// Limits the time of an operation, so that a node that hangs affects only its own keys.
    pub(super) fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    pub(super) async fn send_each(&self, commands: Vec<Routed>, acks: Option<Acks>) -> Answers {
        let deadline = Instant::now() + self.patience;
        let mut answers: Vec<Option<Answer>> = commands.iter().map(|_| None).collect();
        if let Err(error) = self.topology.known(deadline).await {
            return vec![Err(error); answers.len()];
        }
        let mut open: Vec<Open> = commands.into_iter().enumerate().map(Open::new).collect();
        for _ in 0..=MAX_HOPS {
            if open.is_empty() {
                break;
            }
            let map = self.topology.map();
            let legs = self.legs(&map, std::mem::take(&mut open), &mut answers);
            let sending = legs.into_iter().map(|leg| async move {
                let outcome = leg.send(deadline, acks).await;
                (leg, outcome)
            });
            let (mut unreachable, mut paused) = (false, false);
            for (leg, outcome) in join_all(sending).await {
                if let Err(unsent) = &outcome {
                    let is_paused = unsent.is_paused();
                    paused |= is_paused;
                    unreachable |= !is_paused;
                }
                self.file(&map, leg, outcome, &mut answers, &mut open);
            }
            if unreachable {
                // Whatever the result: the next round sees whether the owner has changed.
                self.topology.refresh(deadline).await;
            } else if paused {
                // A read of its keys must not take longer than it has to.
                self.topology.refresh_later();
            }
        }
        for Open { target, .. } in open {
            let error = BackendErrorKind::Rejected.with("redirected too often");
            answers[target.place] = Some(Err(error));
        }
        let missing = || Err(super::malformed("too short"));
        answers.into_iter().map(|answer| answer.unwrap_or_else(missing)).collect()
    }

    /// Groups the commands by where they go next.
    fn legs(&self, map: &SlotMap, open: Vec<Open>, answers: &mut [Option<Answer>]) -> Vec<Leg> {
        let mut legs: Vec<Leg> = Vec::new();
        for Open { command, target, next } in open {
            let (node, asking) = match (next, map.owner(target.slot)) {
                (Next::Moved(node), _) => (node, false),
                (Next::Ask(node), _) => (node, true),
                (Next::OtherOwner(node, error), Some(owner)) if owner.address == node.address => {
                    answers[target.place] = Some(Err(self.partial(error)));
                    continue;
                }
                (_, Some(owner)) => (Arc::clone(owner), false),
                (_, None) => {
                    self.topology.refresh_later();
                    let error = BackendErrorKind::Rejected.with("no node serves this slot");
                    answers[target.place] = Some(Err(error));
                    continue;
                }
            };
            let known = legs.iter().position(|leg| {
                leg.node.address == node.address
                    && leg.asking == asking
                    && leg.is_writers == target.is_writers
            });
            let at = known.unwrap_or_else(|| {
                legs.push(Leg::new(node, asking, target.is_writers));
                legs.len() - 1
            });
            legs[at].push(command, target);
        }
        legs
    }

    /// Sorts the results of a pipeline, which was sent by this map: answers, and commands to send again.
    fn file(
        &self,
        map: &SlotMap,
        leg: Leg,
        outcome: Result<Answers, Unsent>,
        answers: &mut [Option<Answer>],
        open: &mut Vec<Open>,
    ) {
        let every = leg.commands_per_target();
        let commands = leg.pipeline.cmd_iter().skip(every - 1).step_by(every);
        let sent = commands.zip(leg.targets);
        match outcome {
            // Nothing was sent. After a failover the slot has another owner.
            Err(unsent) => {
                let error = unsent.into_error();
                open.extend(sent.map(|(command, target)| {
                    let next = Next::OtherOwner(Arc::clone(&leg.node), error.clone());
                    Open { command: command.clone(), target, next }
                }));
            }
            Ok(received) => {
                let received = received.into_iter().skip(every - 1).step_by(every);
                for ((command, target), answer) in sent.zip(received) {
                    let next = self
                        .redirected(&answer, target.extent, &leg.node)
                        .or_else(|| self.superseded(&answer, &target, &leg.node, map));
                    match next {
                        Some(next) => open.push(Open { command: command.clone(), target, next }),
                        None => answers[target.place] = Some(self.accept(answer)),
                    }
                }
            }
        }
    }

    /// Where the node redirects the command, if the command may be sent there. The node has not carried it out.
    fn redirected(&self, answer: &Answer, extent: Extent, node: &Node) -> Option<Next> {
        match redirect(answer.as_ref().ok()?, &node.address)? {
            Redirect::Moved(address) => {
                self.topology.refresh_later();
                Some(Next::Moved(self.topology.node(&address)))
            }
            Redirect::Ask(address) => {
                (extent == Extent::Part).then(|| Next::Ask(self.topology.node(&address)))
            }
        }
    }

    /// Where a writer's command goes again, although this node has answered it: the node was replaced meanwhile as the
    /// owner of the slot, and the new owner may never have heard what the former one confirms. All writers' commands
    /// may be repeated: at worst a value is not stored. A read or a claim needs no repetition, since it began before
    /// anyone could rely on the new owner's word, and the new owner takes no fill for a claim that it does not know.
    fn superseded(
        &self,
        answer: &Answer,
        target: &Target,
        node: &Node,
        before: &SlotMap,
    ) -> Option<Next> {
        if !target.is_writers || answer.is_err() {
            return None;
        }
        let now = self.topology.map();
        let owner = &now.owner(target.slot)?.address;
        let is_known = before.owner(target.slot).is_some_and(|before| before.address == *owner);
        // A node that was named by a redirection may be ahead of the map.
        (!is_known && *owner != node.address).then_some(Next::Owner)
    }

    fn accept(&self, answer: Answer) -> Answer {
        let changes = match &answer {
            Err(error) => error.is_outage(),
            Ok(Value::ServerError(error)) => {
                matches!(reply::code(error), "CLUSTERDOWN" | "READONLY")
            }
            Ok(_) => false,
        };
        if changes {
            self.topology.refresh_later();
        }
        answer.map_err(|error| self.partial(error))
    }

    /// Converts a node's error to one of the cluster. If one node cannot be reached while others
    /// can, it is not an outage of the cache, and must not stop reads from the others.
    fn partial(&self, error: BackendError) -> BackendError {
        let reachable = || self.topology.map().masters().iter().any(|node| !node.is_failing());
        if error.is_outage() && reachable() {
            BackendErrorKind::Rejected.with(format!("on one of the cluster's nodes, {error}"))
        } else {
            error
        }
    }

    /// The owner of a slot, if it is known.
    pub(super) fn server(&self, slot: u16) -> Option<Arc<Server>> {
        self.topology.map().owner(slot).map(|node| Arc::clone(node.server()))
    }

    /// All masters; asks the cluster for them again.
    pub(super) async fn servers(&self) -> Result<Vec<Arc<Server>>, BackendError> {
        let deadline = Instant::now() + self.patience;
        self.topology.known(deadline).await?;
        self.topology.refresh(deadline).await;
        let map = self.topology.map();
        Ok(map.masters().iter().map(|node| Arc::clone(node.server())).collect())
    }

    /// Asks every master. Fails, too, if slots have no master, since their keys cannot be invalidated; and if the
    /// cluster does not work: its nodes then refuse all commands but this one.
    pub(super) async fn ping(&self) -> Result<(), BackendError> {
        let deadline = Instant::now() + self.patience;
        self.topology.known(deadline).await?;
        let map = self.topology.map();
        let pings = map.masters().iter().map(|node| node.ask(::redis::cmd("PING"), deadline));
        // If the nodes do not tell of their slots, the map stays as it was.
        let refresh = self.topology.refresh_at_once(deadline);
        let (answers, _) = join(join_all(pings), refresh).await;
        for answer in answers {
            if let Value::ServerError(error) = self.accept(answer)? {
                return Err(reply::rejected(&error));
            }
        }
        let map = self.topology.map();
        let why = match (map.orphans(), map.works()) {
            (0, true) => return Ok(()),
            (0, false) => {
                "the cluster's nodes say that it does not work (cluster_state:fail); see \
                           `CLUSTER INFO`"
                    .to_owned()
            }
            (orphans, _) => format!("no node of the cluster serves {orphans} of its {SLOTS} slots"),
        };
        Err(BackendErrorKind::Rejected.with(why))
    }

    pub(super) fn reset(&self) {
        self.topology.map().masters().iter().for_each(|node| node.reset());
    }
}

impl Open {
    fn new((place, routed): (usize, Routed)) -> Self {
        let Routed { command, slot, is_writers, extent } = routed;
        Self { command, target: Target { place, slot, is_writers, extent }, next: Next::Owner }
    }
}

impl Leg {
    fn new(node: Arc<Node>, asking: bool, is_writers: bool) -> Self {
        let mut pipeline = Pipeline::new();
        // Each command has its own error.
        pipeline.ignore_errors();
        Self { node, asking, is_writers, pipeline, targets: Vec::new() }
    }

    fn push(&mut self, command: Cmd, target: Target) {
        if self.asking {
            self.pipeline.add_command(::redis::cmd("ASKING"));
        }
        self.pipeline.add_command(command);
        self.targets.push(target);
    }

    fn commands_per_target(&self) -> usize {
        if self.asking { 2 } else { 1 }
    }

    async fn send(&self, deadline: Instant, acks: Option<Acks>) -> Result<Answers, Unsent> {
        let acks = acks.filter(|_| self.is_writers);
        let manner = Manner { deadline, urgent: self.is_writers, acks };
        self.node.send(&self.pipeline, manner).await
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("topology", &self.topology).finish_non_exhaustive()
    }
}
