//! Redis and its relatives.

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
use super::{BackendError, BackendErrorKind, CacheBackend, ChangeListener, Place, Request, Watch};
use crate::engine::settings::LONGEST;
use crate::error::{Error, ErrorKind};
use crate::events::say;
use crate::key::Key;
use crate::protocol::Reply;

/// The protocol on a Redis or Valkey server, version 6.2 or later, over one multiplexed connection; on
/// a cluster over one to each node.
///
/// Every command but a lookup is a Lua script, called by its hash; a server that does not know it
/// (after a restart or `SCRIPT FLUSH`) is sent the script once more.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cachecow::Error> {
/// use std::time::Duration;
/// use cachecow::{CacheCow, RedisBackend};
///
/// // `CacheCow::open` does the same, with the builder's settings.
/// let backend = RedisBackend::from_url("redis://127.0.0.1/", Duration::from_secs(1))?.with_namespace("shop");
/// let cow = CacheCow::builder().backend(backend)?;
/// # Ok(())
/// # }
/// ```
///
/// # Names
///
/// An object has two Redis keys, `cache:{<key>}` for its value and `flag:{<key>}` for the right to fill it,
/// after the namespace and a colon if there is one. The braces keep both in one cluster slot. A tag has
/// one, `tag:{<key>}`, and so has each type whose objects carry tags.
///
/// What stands between the braces is the [`Key`](crate::Key): the words of the key's template, each with a
/// colon, and the hash of the template and the values. `user:{id}` gives `cache:{user:NaRX…}`,
/// `tenant:{tenant}:user:{id}` gives `cache:{tenant:user:NaRX…}`. Tags have the words of their type's first
/// template. Words are runs of ASCII letters, digits, `-` and `_`; all else only divides them, and of
/// longer ones the first 31 characters stand there, with the colons. No value of a placeholder does.
///
/// So `redis-cli --scan --pattern 'cache:{user:*'` lists the users, and an ACL can confine a program to
/// them: `~cache:{user:* ~flag:{user:* ~tag:{user:*`. Where the server denies a key, it is served from the
/// backing store, and so are the reads that went to the server in the same command.
///
/// The connection is made on first use and made anew after it broke. A URL is
///
/// - `redis://[user[:password]@]host[:port][/db]`, `rediss://…` for TLS (feature `tls`), or
///   `redis+unix:///path[?db=0&user=…&pass=…]`;
/// - `redis+sentinel://[user[:password]@]host[:port][,host[:port]…]/name[/db]`: the master that the
///   sentinels know by this name. User and password are for the master; the sentinels' own are
///   `?sentinel_user=…&sentinel_password=…`. `rediss+sentinel://…` uses TLS for both;
/// - `redis+cluster://[user[:password]@]host[:port][,host[:port]…]` (feature `cluster`): the cluster
///   that any of these nodes is part of; `rediss+cluster://…` with TLS.
///
/// # Sentinels
///
/// All of them are asked whenever a connection is made, and more than half are waited for, or all that
/// answer; what the one says counts that knows of the last failover. The server that it names is asked
/// by `ROLE` whether it is the master, which its user must be allowed. From then on they are listened
/// to (`+switch-master`): when they switch the master the connection is replaced, without waiting until
/// they demote the former one.
///
/// A sentinel that was lost is connected to every second, and asked at once, so that a switch that was
/// missed meanwhile is made up for. One that tells nothing is asked every second; where it does not
/// answer within the connect timeout, the link is made anew.
///
/// # Clusters
///
/// Only masters are asked. A batch is one pipeline for each node concerned, all sent in parallel;
/// redirections are followed. What a node that is out of reach should have carried out fails alone,
/// as [`Rejected`](BackendErrorKind::Rejected) while other nodes can be reached. The user must be
/// allowed `CLUSTER INFO` and `CLUSTER SLOTS`.
///
/// Up to three nodes are asked for the slots every second, and whenever something seems to have
/// changed. A node that has not heard of the last failover is not believed while another has.
///
/// While a slot moves from one node to another, values that have not moved yet are found; the others
/// are fetched until the move has ended. Nothing is claimed and so nothing new is stored. Invalidations
/// and holds are carried out on both nodes, in up to nine round trips, and confirmed when both have
/// answered; with [replica acknowledgements](Self::with_replica_acks) they are not confirmed until the
/// move has ended.
///
/// # Waiting
///
/// The first read that waits for another process's fill makes a second connection, on which the
/// server tells of the keys that change (`CLIENT TRACKING`, in RESP3). Where that is refused, and
/// beside a connection made elsewhere, such reads poll instead, every 2 to 40 ms; a server that
/// refused is asked again after a minute.
///
/// # Consistency
///
/// A write that Redis acknowledged and then lost — at an asynchronous failover, or at a restart from
/// an older snapshot — takes its invalidation with it: the old value may be served for its time to
/// live. So may what a former master confirms between the choice of its successor and the news of it,
/// about a second at a switch by sentinels, and longer if it is cut off from them and not from its
/// clients. [`with_replica_acks`](Self::with_replica_acks) of all replicas makes an error of it.
///
/// A former master that hung, and wakes up after its successor has confirmed an invalidation, serves the
/// old value to a backend that has not heard of the switch, until it hears of it itself (a cluster's
/// node within half a second). The news takes up to a second while the runtime runs on which the
/// connection was made; longer, while no sentinel, and no other node of the cluster, can be reached.
///
/// A move of a slot that is broken off (by `SETSLOT … STABLE`, or since one of its nodes failed over)
/// may leave keys on the node that does not own the slot, where no client looks. Delete them before
/// the slot moves there, or `--cluster fix` brings them back: [the promise](crate::guide::promise#by-redis) says
/// how. A hold, or the time for which a tag settles, that began during such a move may be lost with it.
pub struct RedisBackend {
    shared: Arc<Shared>,
    /// Where changes are heard, if not on another connection like the one given.
    listens_to: Option<Arc<Shared>>,
}

/// How long an attempt to connect may take where nobody waits for it.
const LISTENING_TIMEOUT: Duration = Duration::from_secs(5);

struct Shared {
    route: Route,
    prefix: String,
    watches: Watches,
    acks: Option<Acks>,
}

impl RedisBackend {
    /// A backend that connects to `url` on first use, giving up a connection attempt after
    /// `connect_timeout`.
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

    /// A backend on a connection of redis 1 made elsewhere (feature `redis-1`), which must reconnect by itself: a
    /// `redis::aio::ConnectionManager`, or a `MultiplexedConnection` where its end is the program's.
    ///
    /// There is no second connection beside it: reads that wait for another process's fill poll.
    ///
    /// Not one to a cluster: it would not know which of a batch's keys is on which node. That is
    /// `from_cluster_connection`'s (feature `cluster`).
    #[cfg(feature = "redis-1")]
    pub fn from_connection<C>(connection: C) -> Self
    where
        C: ::redis::aio::ConnectionLike + Clone + Send + Sync + 'static,
    {
        Self::on(Arc::new(Connection::given(connection)), String::new())
    }

    /// A backend on a connection to a cluster that was made elsewhere (features `cluster` and `redis-1`). By URL it does more: a batch
    /// is a pipeline for each node, and a node that is out of reach takes nothing of the others.
    ///
    /// Build the connection with `retries(…)` as small as its redirections allow (3 will do) and
    /// without reading from replicas. What it sends again after a connection broke may have been
    /// carried out before. Nothing stale comes of it; a hold that arrives again keeps readers from
    /// storing until it ends. While a slot moves, its commands are sent again as well: choose a short
    /// `min_retry_wait`.
    ///
    /// # Consistency
    ///
    /// It follows redirections without saying so. What has moved already is therefore found, and so is
    /// what an earlier move left on the same node when it was broken off.
    #[cfg(all(feature = "cluster", feature = "redis-1"))]
    pub fn from_cluster_connection(connection: ::redis::cluster_async::ClusterConnection) -> Self {
        Self::by(Route::GivenCluster(cluster::Given::new(connection)), String::new())
    }

    /// Puts `namespace` and a colon before every Redis key, so that several applications may share
    /// one database.
    #[must_use]
    pub fn with_namespace(mut self, namespace: &str) -> Self {
        let prefix = if namespace.is_empty() { String::new() } else { format!("{namespace}:") };
        if let Some(shared) = self.unshared() {
            shared.prefix = prefix;
        }
        self
    }

    /// Names the server behind a connection made elsewhere, so that changes can be heard from it on
    /// a connection of its own: [`Builder::near`](crate::Builder::near) needs it.
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

    /// Makes invalidations, holds and releases wait until so many of the server's replicas have
    /// acknowledged them, for no longer than `timeout`. With too few they are errors of the kind
    /// [`Rejected`](BackendErrorKind::Rejected), though the server itself has carried them out.
    ///
    /// Each is sent together with `WAIT` on a connection of its own, of which there are up to 16 to a
    /// server.
    ///
    /// # Consistency
    ///
    /// After a failover to a replica that acknowledged, an invalidation stands. Neither Sentinel nor
    /// a cluster promises to choose such a replica, unless as many are asked for as a master has: also at
    /// a switch on purpose. While one of them is away, invalidations then fail.
    ///
    /// While a cluster's slot moves, its keys' invalidations and holds are carried out and not
    /// confirmed: the node that it moves away from takes no commands for keys that have moved, so that
    /// its replicas have nothing to acknowledge, and one that lags could bring the old value back.
    /// Repeated after the move, as the background does, they are confirmed.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidConfig`], on a connection that was made elsewhere: `WAIT` would block it; and
    /// for more replicas than the server can count.
    pub fn with_replica_acks(mut self, replicas: usize, timeout: Duration) -> Result<Self, Error> {
        if !self.shared.route.connects() {
            let message = "replica_acks needs connections of its own; open the cache by URL";
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
        if i32::try_from(replicas).is_err() {
            let message = "replica_acks asks for more replicas than a server can have; ask for as many \
                           as there are";
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
        let timeout = timeout.min(LONGEST);
        if let Some(shared) = self.unshared() {
            shared.acks = (replicas > 0).then_some(Acks { replicas, timeout });
        }
        Ok(self)
    }

    /// Bounds what a single node of a cluster may take, so that one that hangs fails before the whole
    /// operation does.
    pub(crate) fn within(mut self, operation_timeout: Duration) -> Self {
        if let Some(shared) = self.unshared() {
            shared.route.set_patience(operation_timeout * 7 / 8);
        }
        self
    }

    /// A backend on a connection that may have other uses, with this before every Redis key.
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
        // The slot is that of what stands between the braces.
        self.slot(place.key())
    }

    /// Adds a name in the key's slot under which there never is anything.
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

    /// The slot of the key's value and flag, where there are slots.
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

    /// How many keys one command takes at the most: a long one keeps the server from everyone else.
    fn max_keys(&self) -> usize {
        // Different keys have different slots. Two of one slot go separately as well, or one that
        // moves to another node would keep the other waiting.
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
        // Of a cluster's nodes each is asked on its own: one that hangs must not hold up the others.
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
                "nothing is kept near: changes can only be heard on a connection of its own; name \
                 the server with `near_url`"
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
