//! Redis and compatible servers.

mod acks;
mod attempt;
#[cfg(feature = "cluster")]
mod cluster;
mod connection;
mod connector;
mod lookups;
mod news;
mod part;
mod pipeline;
mod push;
mod reply;
mod route;
mod routed;
mod script;
mod sentinel;
mod server;
#[cfg(feature = "cli")]
pub(crate) mod servers;
mod tracking;
pub(crate) mod url;

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use ::redis::Cmd;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use smallvec::SmallVec;

use self::acks::Acks;
pub(crate) use self::connection::Connection;
use self::route::Route;
use self::tracking::Watches;
use self::url::Destination;
use super::{
    BackendError, BackendErrorKind, CacheBackend, ChangeListener, Place, Request, Watch,
    namespace_fault,
};
use crate::clock::LONGEST;
use crate::error::{Error, ErrorKind};
use crate::events::say;
use crate::key::Key;
use crate::protocol::Reply;

/// A backend for a Redis or Valkey server, version 6.2 or later, over one multiplexed connection; for a cluster,
/// over one connection to each node.
///
/// Every command except a lookup is a Lua script, called by its hash. If a server does not know the
/// script (after a restart or `SCRIPT FLUSH`), it is sent again.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cachecow::Error> {
/// use std::time::Duration;
/// use cachecow::{CacheCow, RedisBackend};
///
/// // `CacheCow::open` does the same, with the builder's settings.
/// let backend = RedisBackend::from_url("redis://127.0.0.1/", Duration::from_secs(1))?.with_namespace("shop")?;
/// let cow = CacheCow::builder().backend(backend)?;
/// # Ok(())
/// # }
/// ```
///
/// # Names
///
/// An object has two Redis keys: `cache:{<key>}` for its value, and `flag:{<key>}` for the right to fill it. If
/// there is a namespace, it comes first, with a colon. The braces keep both keys in one cluster slot. A tag has one
/// Redis key, `tag:{<key>}`, and so has each type whose objects carry tags.
///
/// Between the braces is the [`Key`](crate::Key): the words of the key's template, each with a colon, and the hash
/// of the template and the values. `user:{id}` gives `cache:{user:NaRX…}`, `tenant:{tenant}:user:{id}` gives
/// `cache:{tenant:user:NaRX…}`. Tags have the words of their type's first template. Words are runs of ASCII
/// letters, digits, `-` and `_`; other characters only separate them. At most the first 31 characters are used,
/// colons included. Values of placeholders are never part of the name.
///
/// So `redis-cli --scan --pattern 'cache:{user:*'` lists what is stored under templates that begin with `user:`, and an
/// ACL can confine a program to them:
/// `~cache:{user:* ~flag:{user:* ~tag:{user:*`. If the server denies a key, the read is served from the backing
/// store, and so are other reads in the same command.
///
/// The connection is opened on first use, and again after it broke. A URL is
///
/// - `redis://[user[:password]@]host[:port][/db]`, `rediss://…` for TLS (feature `tls`), or
///   `redis+unix:///path[?db=0&user=…&pass=…]`;
/// - `redis+sentinel://[user[:password]@]host[:port][,host[:port]…]/name[/db]`: the master that the
///   sentinels know by this name. User and password are for the master; those for the sentinels are
///   `?sentinel_user=…&sentinel_password=…`. `rediss+sentinel://…` uses TLS for both;
/// - `redis+cluster://[user[:password]@]host[:port][,host[:port]…]` (feature `cluster`): the cluster that these
///   nodes belong to; one of them is enough; `rediss+cluster://…` with TLS.
///
/// # Sentinels
///
/// Whenever a connection is opened, the backend asks all sentinels. It waits for more than half of them, or for all
/// that answer, and uses the answer of the one that knows of the last failover. It asks the server that this
/// sentinel names by `ROLE` whether it is the master; the user needs the right to `ROLE`. From then on the backend
/// listens to the sentinels (`+switch-master`). When they switch the master, it replaces the connection at once,
/// without waiting until the sentinels demote the former master. Answers of the former master that arrive later
/// count as errors.
///
/// If the connection to a sentinel is lost, the backend reconnects every second and asks at once, so that it learns
/// of a switch that it missed. A sentinel that sends nothing is asked every second. If it does not answer within
/// the connect timeout, the backend opens a new connection.
///
/// # Clusters
///
/// The backend uses only masters. A batch is one pipeline for each node involved, all sent in
/// parallel; redirections are followed. If a node cannot be reached, only its own commands fail, as
/// [`Rejected`](BackendErrorKind::Rejected) while other nodes can be reached. The user needs the
/// rights to `CLUSTER INFO` and `CLUSTER SLOTS`.
///
/// The backend asks up to three nodes for the slots every second, and whenever something seems to
/// have changed. If one node has heard of the last failover, nodes that have not are ignored, also while the others
/// do not answer: for half a minute, or until more than half of the nodes say the same.
/// If a node answers an invalidation, a hold or a release after the backend has heard that the slot has another
/// owner, the command is sent to that owner too.
///
/// While a slot moves from one node to another, values that have not moved yet are hits, and the others are fetched
/// until the move has ended. Nothing is claimed, so nothing new is stored. Invalidations and holds are carried out
/// on both nodes, in up to nine round trips, and are confirmed when both have answered. With
/// [replica acknowledgements](Self::with_replica_acks), they are not confirmed until the move has ended.
///
/// # Waiting
///
/// The first read that waits for another process's fill opens a second connection, on which the
/// server reports changed keys (`CLIENT TRACKING`, in RESP3). If the server refuses that, or the
/// program gave its own connection, such reads poll every 2 to 40 ms instead. A server that refused
/// is asked again after a minute.
///
/// # Consistency
///
/// If Redis acknowledges a command and then loses it (at an asynchronous failover, or at a restart from an older
/// snapshot), an invalidation may be lost: the old value may then be served for its time to live. The same holds
/// for invalidations that a former master confirms after its successor was chosen and before the backend hears of
/// it: for about a second at a switch by sentinels, and longer if the master is cut off from them but not from its
/// clients. [`with_replica_acks`](Self::with_replica_acks) with all replicas turns this into an error.
///
/// Suppose a former master hung, and wakes up after its successor has confirmed an invalidation. It serves the old
/// value to a backend that has not heard of the switch, until the former master hears of it itself (a cluster's
/// node within half a second). The backend hears of it within a second, while the runtime on which the connection
/// was opened is running. It takes longer while no sentinel, and no other node of the cluster, can be reached.
///
/// If the move of a slot is cancelled (by `SETSLOT … STABLE`, or because one of its nodes failed over), keys may
/// remain on the node that does not own the slot, where no client looks. Delete them before the slot moves there
/// again, or before `--cluster fix` brings them back: [the promise](crate::guide::promise#by-redis) says how. A
/// hold, or the settle time of a tag, that began during such a move may be lost with it.
pub struct RedisBackend {
    shared: Arc<Shared>,
    /// The server for messages about changes, if it is set separately.
    listens_to: Option<Arc<Shared>>,
}

/// How long an attempt to connect may take if no caller waits for it.
const LISTENING_TIMEOUT: Duration = Duration::from_secs(5);

struct Shared {
    route: Route,
    prefix: String,
    watches: Watches,
    acks: Option<Acks>,
}

impl RedisBackend {
    /// Makes a backend that connects to `url` on first use. It gives up an attempt to connect after
    /// `connect_timeout`.
    ///
    /// On a cluster, a node that has not answered after this time has failed. If the backend is passed to
    /// [`Builder::backend`](crate::Builder::backend), it has failed after seven eighths of the operation timeout.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidUrl`].
    pub fn from_url(url: &str, connect_timeout: Duration) -> Result<Self, Error> {
        Ok(Self::to(url::parse(url, "cache")?, connect_timeout))
    }

    fn to(destination: Destination, connect_timeout: Duration) -> Self {
        let connect_timeout = connect_timeout.min(LONGEST);
        let route = match destination {
            Destination::Server(endpoint) => {
                Route::by_connection(Arc::new(Connection::to_server(endpoint, connect_timeout)))
            }
            #[cfg(feature = "cluster")]
            Destination::Cluster(seeds) => {
                Route::Cluster(Box::new(cluster::Cluster::new(seeds, connect_timeout)))
            }
        };
        Self::by(route, String::new())
    }

    /// Makes a backend on an existing connection of redis 1 (feature `redis-1`). The connection must reconnect by
    /// itself, like a `redis::aio::ConnectionManager`. Use a `MultiplexedConnection` only if the program ends when
    /// it breaks.
    ///
    /// There is no second connection, so reads that wait for another process's fill poll.
    ///
    /// For a cluster, use `from_cluster_connection` (feature `cluster`): this backend does not know
    /// which keys of a batch are on which node.
    #[cfg(feature = "redis-1")]
    pub fn from_connection<C>(connection: C) -> Self
    where
        C: ::redis::aio::ConnectionLike + Clone + Send + Sync + 'static,
    {
        Self::on(Arc::new(Connection::given(connection)), String::new())
    }

    /// Makes a backend on an existing connection to a cluster (features `cluster` and `redis-1`). A backend opened
    /// by URL does more: it sends a batch as one pipeline for each node, and a node that cannot be reached does not
    /// affect the others.
    ///
    /// Build the connection with `retries(…)` as small as its redirections allow (3 is enough), and without reads
    /// from replicas. After a connection broke, it may send commands again that were already carried out. No stale
    /// data results from that, but a hold that arrives again prevents readers from storing until it expires. While
    /// a slot moves, commands are sent again too: choose a short `min_retry_wait`.
    ///
    /// # Consistency
    ///
    /// The connection follows redirections without reporting them. So values that have already moved are found, but
    /// also values that an earlier, cancelled move left on the same node.
    #[cfg(all(feature = "cluster", feature = "redis-1"))]
    pub fn from_cluster_connection(connection: ::redis::cluster_async::ClusterConnection) -> Self {
        Self::by(Route::GivenCluster(cluster::Given::new(connection)), String::new())
    }

    /// Adds `namespace` and a colon before every Redis key, so that several applications can share
    /// one database.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidConfig`]: the namespace has braces, so that the keys of one object would be in different cluster
    /// slots, or control characters.
    pub fn with_namespace(mut self, namespace: &str) -> Result<Self, Error> {
        if let Some(fault) = namespace_fault(namespace) {
            return Err(Error::new(ErrorKind::InvalidConfig, fault));
        }
        let prefix = if namespace.is_empty() { String::new() } else { format!("{namespace}:") };
        if let Some(shared) = self.unshared() {
            shared.prefix = prefix;
        }
        Ok(self)
    }

    /// Sets the URL of the server behind an existing connection, so that the backend can open its
    /// own connection to hear of changes. [`Builder::near`](crate::Builder::near) needs it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidUrl`](crate::ErrorKind::InvalidUrl).
    pub fn with_near_url(mut self, url: &str) -> Result<Self, Error> {
        let listening = Self::to(url::parse(url, "near tier")?, LISTENING_TIMEOUT);
        self.listens_to = Some(listening.shared);
        Ok(self)
    }

    /// Whether there is a connection on which changes can be heard.
    pub(crate) fn hears_changes(&self) -> bool {
        self.news_source().route.connects()
    }

    fn news_source(&self) -> &Arc<Shared> {
        self.listens_to.as_ref().unwrap_or(&self.shared)
    }

    /// Makes invalidations, holds and releases wait until this number of the server's replicas have
    /// acknowledged them, for at most `timeout`. With too few acknowledgements they return an error
    /// of the kind [`Rejected`](BackendErrorKind::Rejected), although the server itself has carried
    /// them out.
    ///
    /// Each is sent together with `WAIT` on a separate connection. There are up to 16 such connections to a server.
    ///
    /// # Consistency
    ///
    /// After a failover to a replica that acknowledged an invalidation, the invalidation is not lost. But neither
    /// Sentinel nor a cluster promises to choose such a replica, even at a planned switch, unless you require all
    /// replicas of a master. Then invalidations fail while one replica is missing.
    ///
    /// While a slot of a cluster moves, invalidations and holds of its keys are carried out but not confirmed. The
    /// source node executes no commands for keys that have moved, so its replicas have nothing to acknowledge, and
    /// a lagging replica could bring the old value back. The background retries are confirmed after the move.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidConfig`] with an existing connection, which `WAIT` would block; and for more replicas
    /// than the server can count.
    pub fn with_replica_acks(mut self, replicas: usize, timeout: Duration) -> Result<Self, Error> {
        if !self.shared.route.connects() {
            let message = "replica_acks cannot use an existing connection; open the cache by URL";
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
        if i32::try_from(replicas).is_err() {
            let message = "replica_acks requires more replicas than a server can have; write the number \
                of replicas that there are";
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
        let timeout = timeout.min(LONGEST);
        if let Some(shared) = self.unshared() {
            shared.acks = (replicas > 0).then_some(Acks { replicas, timeout });
        }
        Ok(self)
    }

    /// Limits the time for a single node of a cluster, so that a node that hangs fails before the whole operation
    /// does.
    pub(crate) fn limit_nodes(&mut self, operation_timeout: Duration) {
        if let Some(shared) = self.unshared() {
            shared.route.set_patience(operation_timeout * 7 / 8);
        }
    }

    /// A backend on a connection that may also be used elsewhere, with this prefix for every Redis key.
    #[cfg_attr(not(feature = "redis-1"), allow(dead_code, reason = "nobody gives one"))]
    pub(crate) fn on(link: Arc<Connection>, prefix: String) -> Self {
        Self::by(Route::by_connection(link), prefix)
    }

    fn by(route: Route, prefix: String) -> Self {
        let shared = Shared { route, watches: Watches::default(), prefix, acks: None };
        Self { shared: Arc::new(shared), listens_to: None }
    }

    fn unshared(&mut self) -> Option<&mut Shared> {
        // Not shared yet: only a future of this backend ever holds another reference.
        Arc::get_mut(&mut self.shared)
    }
}

impl Shared {
    /// Adds the name of the key's value to a command.
    fn add_value_name(&self, command: &mut Cmd, key: Key) {
        self.add_name(command, b"cache:{", key);
    }

    /// Adds the name of the key's flag to a command.
    fn add_flag_name(&self, command: &mut Cmd, key: Key) {
        self.add_name(command, b"flag:{", key);
    }

    /// Adds the name of an epoch to a command.
    fn add_epoch_name(&self, command: &mut Cmd, key: Key) {
        self.add_name(command, b"tag:{", key);
    }

    /// Adds the name of a place to a command.
    fn add_place(&self, command: &mut Cmd, place: Place) {
        match place {
            Place::Value(key) => self.add_value_name(command, key),
            Place::Epoch(key) => self.add_epoch_name(command, key),
        }
    }

    /// The slot of a place.
    fn slot_of(&self, place: Place) -> u16 {
        // The slot is that of the text between the braces.
        self.slot(place.key())
    }

    /// Adds a name in the key's slot that never exists.
    fn add_missing_name(&self, command: &mut Cmd, key: Key, is_epoch: bool) {
        let kind: &[u8] = if is_epoch { b"tag:{" } else { b"flag:{" };
        let mut name = self.name(kind, key);
        name.extend_from_slice(b"none");
        command.arg(&name[..]);
    }

    fn add_name(&self, command: &mut Cmd, kind: &[u8], key: Key) {
        command.arg(&self.name(kind, key)[..]);
    }

    fn name(&self, kind: &[u8], key: Key) -> SmallVec<[u8; 96]> {
        let mut name = SmallVec::new();
        name.extend_from_slice(self.prefix.as_bytes());
        name.extend_from_slice(kind);
        name.extend_from_slice(key.words());
        name.extend_from_slice(&key.hash_text());
        name.push(b'}');
        name
    }

    /// The slot of the key's value and flag, in a cluster.
    #[cfg(feature = "cluster")]
    fn slot(&self, key: Key) -> u16 {
        if self.route.has_slots() { cluster::slot_of(&self.name(b"cache:{", key)) } else { 0 }
    }

    #[cfg(not(feature = "cluster"))]
    #[allow(clippy::unused_self, reason = "as with clusters")]
    fn slot(&self, _key: Key) -> u16 {
        0
    }

    /// Whether keys have slots, which may move from one node to another.
    fn has_slots(&self) -> bool {
        self.route.has_slots()
    }

    /// How many keys one command takes at most: a long command blocks the server for all others.
    fn max_keys(&self) -> usize {
        // Different keys have different slots. Two keys of one slot are also sent separately:
        // otherwise one that moves to another node would delay the other.
        if self.route.has_slots() { 1 } else { 512 }
    }
}

impl fmt::Debug for RedisBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisBackend")
            .field("route", &self.shared.route)
            .field("prefix", &self.shared.prefix)
            .field("acks", &self.shared.acks)
            .field("watched", &self.shared.watches.keys())
            .finish_non_exhaustive()
    }
}

impl CacheBackend for RedisBackend {
    fn execute(&self, requests: Vec<Request>) -> BoxFuture<'_, Vec<Result<Reply, BackendError>>> {
        self.shared.carry_out(requests).boxed()
    }

    fn lookup(&self, key: Key) -> BoxFuture<'_, Result<Reply, BackendError>> {
        lookups::lookup(&self.shared, key).boxed()
    }

    fn lookup_many(&self, places: Vec<Place>) -> BoxFuture<'_, Vec<Result<Reply, BackendError>>> {
        lookups::lookup_many(&self.shared, places).boxed()
    }

    fn combines_lookups(&self) -> bool {
        // In a cluster, each node gets its own commands: one that hangs must not delay the others.
        !self.shared.route.has_slots()
    }

    fn watch(&self, key: Key) -> BoxFuture<'_, Result<Watch, BackendError>> {
        let shared = &self.shared;
        async move {
            match shared.route.server(shared.slot(key)) {
                Some(server) => {
                    shared.watches.beside(&server, &shared.prefix).watch(shared, key).await
                }
                None => Err(BackendErrorKind::Unsupported.with("there is no second connection")),
            }
        }
        .boxed()
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        self.shared.route.ping().boxed()
    }

    fn follow(&self, listener: Weak<dyn ChangeListener>, lag: Duration) {
        if self.hears_changes() {
            let source = Arc::clone(self.news_source());
            news::follow(source, &self.shared.prefix, listener, lag);
        } else {
            say!(
                NEAR_DEAF,
                "the near tier keeps nothing: it needs its own connection to hear of changes; set the \
                 server with `near_url`"
            );
        }
    }

    fn reset(&self) {
        self.shared.route.reset();
        self.shared.watches.reset();
    }
}

fn malformed(what: &str) -> BackendError {
    BackendError::new(BackendErrorKind::Malformed, what)
}

/// The answer to the only command.
#[cfg(feature = "cluster")]
fn only(mut answers: routed::Answers) -> routed::Answer {
    answers.pop().unwrap_or_else(|| Err(malformed("too short")))
}
