//! Redis and its relatives.

mod link;
mod lookups;
mod news;
mod pipeline;
mod reply;
mod script;
mod tracking;
pub(crate) mod url;

use std::fmt;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use ::redis::aio::ConnectionLike;
use ::redis::{Client, Cmd};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use smallvec::SmallVec;

pub(crate) use self::link::Link;
use self::lookups::Lookups;
use self::tracking::Tracking;
use super::{BackendError, BackendErrorKind, CacheBackend, ChangeListener, Request, Watch};
use crate::protocol::Reply;
use crate::{Error, Key};

/// The protocol on a Redis or Valkey server, version 6.2 or later, over one multiplexed connection.
///
/// Every command but a lookup is a Lua script, called by its hash; a server that does not know it
/// (after a restart or `SCRIPT FLUSH`) is sent the script once more.
///
/// An object has two Redis keys, `cache:{<hash>}` and `flag:{<hash>}`, after the namespace and a
/// colon if there is one. The braces keep both in one cluster slot. A tag has one, `tag:{<hash>}`, and
/// so has each type whose objects carry tags.
///
/// The connection is made on first use and made anew after it broke. A URL is
/// `redis://[user[:password]@]host[:port][/db]`, `rediss://…` for TLS (feature `tls`), or
/// `redis+unix:///path[?db=0&user=…&pass=…]`.
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
/// live.
pub struct RedisBackend {
    shared: Arc<Shared>,
    /// Where changes are heard, if not on another connection like the one given.
    listens_to: Option<Client>,
}

struct Shared {
    link: Arc<Link>,
    lookups: Lookups,
    prefix: String,
    /// `None` within where keys cannot be watched.
    tracking: OnceLock<Option<Tracking>>,
}

impl RedisBackend {
    /// A backend that connects to `url` on first use, giving up a connection attempt after
    /// `connect_timeout`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidUrl`](crate::ErrorKind::InvalidUrl).
    pub fn from_url(url: &str, connect_timeout: Duration) -> Result<Self, Error> {
        let client = url::parse(url, "cache")?;
        Ok(Self::on(Arc::new(Link::to_server(client, connect_timeout)), String::new()))
    }

    /// A backend on a connection made elsewhere, which must reconnect by itself: a
    /// `redis::aio::ConnectionManager`, or a `MultiplexedConnection` where its end is the program's.
    ///
    /// There is no second connection beside it: reads that wait for another process's fill poll.
    pub fn from_connection<C>(connection: C) -> Self
    where
        C: ConnectionLike + Clone + Send + Sync + 'static,
    {
        Self::on(Arc::new(Link::given(connection)), String::new())
    }

    /// Puts `namespace` and a colon before every Redis key, so that several applications may share
    /// one database.
    #[must_use]
    pub fn with_namespace(mut self, namespace: &str) -> Self {
        let prefix = if namespace.is_empty() { String::new() } else { format!("{namespace}:") };
        // Not shared yet: only a future of this backend ever holds another reference.
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
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
        self.listens_to = Some(link::listening(&url::parse(url, "near tier")?));
        Ok(self)
    }

    /// A backend on a connection that may have other uses, with this before every Redis key.
    pub(crate) fn on(link: Arc<Link>, prefix: String) -> Self {
        let (lookups, tracking) = (Lookups::default(), OnceLock::new());
        let shared = Shared { link, lookups, prefix, tracking };
        Self { shared: Arc::new(shared), listens_to: None }
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

    fn add_name(&self, command: &mut Cmd, kind: &[u8], key: Key) {
        let mut name: SmallVec<[u8; 96]> = SmallVec::new();
        name.extend_from_slice(self.prefix.as_bytes());
        name.extend_from_slice(kind);
        name.extend_from_slice(&key.text());
        name.push(b'}');
        command.arg(&name[..]);
    }
}

impl fmt::Debug for RedisBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisBackend")
            .field("link", &self.shared.link)
            .field("prefix", &self.shared.prefix)
            .field(
                "watched",
                &self.shared.tracking.get().and_then(Option::as_ref).map(Tracking::keys),
            )
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

    fn lookup_many(&self, keys: Vec<Key>) -> BoxFuture<'_, Vec<Result<Reply, BackendError>>> {
        lookups::lookup_many(&self.shared, keys).boxed()
    }

    fn watch(&self, key: Key) -> BoxFuture<'_, Result<Watch, BackendError>> {
        let shared = &self.shared;
        let tracking =
            shared.tracking.get_or_init(|| Tracking::beside(&shared.link, &shared.prefix));
        async move {
            match tracking {
                Some(tracking) => tracking.watch(shared, key).await,
                None => Err(BackendErrorKind::Unsupported.with("the connection was given")),
            }
        }
        .boxed()
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        async {
            match self.shared.link.send(&::redis::cmd("PING")).await? {
                ::redis::Value::ServerError(error) => Err(reply::rejected(&error)),
                _ => Ok(()),
            }
        }
        .boxed()
    }

    fn follow(&self, listener: Weak<dyn ChangeListener>, lag: Duration) {
        if let Some(client) =
            self.listens_to.clone().or_else(|| self.shared.link.listening_client())
        {
            news::follow(client, &self.shared.prefix, listener, lag);
        } else {
            tracing::warn!(
                target: "cachecow",
                "nothing is kept near: changes can only be heard on a connection of its own; name \
                 the server with `near_url`"
            );
        }
    }

    fn reset(&self) {
        self.shared.link.reset();
        if let Some(Some(tracking)) = self.shared.tracking.get() {
            tracking.reset();
        }
    }
}

fn malformed(what: &str) -> BackendError {
    BackendError::new(BackendErrorKind::Malformed, what)
}
