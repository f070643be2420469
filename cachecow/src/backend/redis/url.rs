//! Redis URLs, with errors that say what is wrong and show no password.

use std::sync::Arc;

use ::redis::{Client, ConnectionInfo};

use super::sentinel::Sentinels;
use super::server::Endpoint;
use crate::error::{Error, ErrorKind};

#[cfg(feature = "cluster")]
use super::cluster::Seeds;

/// The destination of a URL.
pub(crate) enum Destination {
    Server(Endpoint),
    #[cfg(feature = "cluster")]
    Cluster(Box<Seeds>),
}

const SENTINEL_FORM: &str = "write redis+sentinel://[user:password@]a:26379,b:26379/name[/db]";
#[cfg(feature = "cluster")]
const CLUSTER_FORM: &str = "write redis+cluster://[user:password@]a:6379,b:6379";

/// The destination of the URL of `owner`, which does not support clusters.
#[cfg(feature = "store")]
pub(crate) fn server(url: &str, owner: &str) -> Result<Endpoint, Error> {
    match parse(url, owner)? {
        Destination::Server(endpoint) => Ok(endpoint),
        #[cfg(feature = "cluster")]
        Destination::Cluster(_) => Err(Error::new(
            ErrorKind::InvalidUrl,
            format!(
                "the {owner}'s URL is not valid: redis+cluster:// is only for the cache; name one \
                 server, or pass an existing connection"
            ),
        )),
    }
}

/// The destination of the URL of `owner`, which errors name.
pub(crate) fn parse(url: &str, owner: &str) -> Result<Destination, Error> {
    let invalid = |what: &str| {
        Error::new(ErrorKind::InvalidUrl, format!("the {owner}'s URL is not valid: {what}"))
    };
    let (scheme, rest) = url.split_once("://").ok_or_else(|| {
        invalid("it has no scheme; write redis://host:6379, rediss://…, redis+unix:///path or memory://")
    })?;
    if rest.contains('#') {
        // The part of a password before it would be taken for a host and its port.
        return Err(invalid("it has a `#`, which is written %23 in a password"));
    }
    let (tls, scheme) = match scheme.strip_prefix("rediss") {
        Some(rest) => (true, format!("redis{rest}")),
        None => (false, scheme.to_owned()),
    };
    if tls {
        choose_cryptography().map_err(invalid)?;
    }
    let destination = match &*scheme {
        "redis" => one(url).map_err(invalid),
        "redis+unix" | "unix" if cfg!(unix) && !tls => {
            one(&format!("redis+unix://{rest}")).map_err(invalid)
        }
        "redis+unix" | "unix" if !tls => Err(invalid("this platform has no Unix sockets")),
        "redis+sentinel" => sentinels(&Several::of(rest, tls)).map_err(|what| invalid(&what)),
        "redis+cluster" => cluster(&Several::of(rest, tls)).map_err(|what| invalid(&what)),
        _ => Err(invalid(
            "its scheme is unknown; write redis://host:6379, rediss://…, redis+unix:///path, \
             redis+sentinel://a,b,c/name, redis+cluster://a,b,c or memory://",
        )),
    }?;
    check_parameters(&scheme, rest).map_err(|what| invalid(&what))?;
    Ok(destination)
}

/// A parameter that nobody reads may be a password that was meant to count. Its name is not shown: it may be a part of one.
fn check_parameters(scheme: &str, rest: &str) -> Result<(), String> {
    let known: &[&str] = match scheme {
        "redis" => &["protocol"],
        "redis+sentinel" => &["sentinel_user", "sentinel_password"],
        "redis+cluster" => &[],
        _ => &["db", "user", "pass", "protocol"],
    };
    let query = rest.split_once('?').map_or("", |(_, query)| query);
    let mut names =
        query.split('&').map(|pair| pair.split_once('=').map_or(pair, |(name, _)| name));
    if names.all(|name| name.is_empty() || known.contains(&name)) {
        return Ok(());
    }
    Err(match known {
        [] => format!("{scheme}:// takes no parameters after `?`"),
        _ => format!("it has an unknown parameter; {scheme}:// takes {}", known.join(", ")),
    })
}

/// A single server.
fn one(url: &str) -> Result<Destination, &'static str> {
    let (_, rest) = url.split_once("://").unwrap_or_default();
    if Several::of(rest, false).hosts.contains(',') && !url.starts_with("redis+unix") {
        return Err("it names several hosts; write redis+cluster://a,b,c or \
                    redis+sentinel://a,b,c/name, or one host");
    }
    Ok(Destination::Server(Endpoint::At(Box::new(info(url).map_err(|()| fault(url))?))))
}

/// The parts of a URL with several hosts.
struct Several<'a> {
    tls: bool,
    /// Including the `@`.
    user: &'a str,
    hosts: &'a str,
    path: &'a str,
    query: &'a str,
}

impl<'a> Several<'a> {
    fn of(rest: &'a str, tls: bool) -> Self {
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let user = authority.rfind('@').map_or(0, |at| at + 1);
        let (user, hosts) = authority.split_at(user);
        Self { tls, user, hosts, path: path.trim_end_matches('/'), query }
    }

    /// The connection settings of each host, with its own user.
    fn infos(&self, user: &str, default_port: u16, db: &str) -> Option<Vec<ConnectionInfo>> {
        // These characters would end the host part of the URL.
        if user.contains(['/', '?', '\\']) {
            return None;
        }
        let scheme = if self.tls { "rediss" } else { "redis" };
        let of = |host: &str| {
            let (name, port) = match host.rsplit_once(':') {
                // The colons of an IPv6 address are in brackets.
                Some((name, port)) if !port.ends_with(']') => (name, port.parse().ok()?),
                _ => (host, default_port),
            };
            if name.is_empty() {
                return None;
            }
            info(&format!("{scheme}://{user}{name}:{port}/{db}")).ok()
        };
        self.hosts.split(',').map(of).collect()
    }

    fn parameter(&self, name: &str) -> Option<&'a str> {
        self.query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    }
}

fn sentinels(url: &Several<'_>) -> Result<Destination, String> {
    if url.hosts.is_empty() {
        return Err(format!("it names no sentinel; {SENTINEL_FORM}"));
    }
    let (name, db) = url.path.split_once('/').unwrap_or((url.path, "0"));
    if name.is_empty() {
        return Err(format!("it lacks the sentinels' name for the master; {SENTINEL_FORM}"));
    }
    // The same characters as Sentinel allows. A part of a password may be here by mistake, and the name is shown.
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte)) {
        return Err(format!(
            "the sentinels' name for the master may have only letters, digits, `.`, `-` and `_`; \
             {SENTINEL_FORM}, and %-encode special characters in a password"
        ));
    }
    if db.parse::<i64>().is_err() {
        return Err(format!("its database is not a number; {SENTINEL_FORM}"));
    }
    let [user, password] = ["sentinel_user", "sentinel_password"].map(|name| url.parameter(name));
    let user = match (user, password) {
        (None, None) => String::new(),
        (user, password) => format!("{}:{}@", user.unwrap_or(""), password.unwrap_or("")),
    };
    let bad = || {
        format!(
            "its hosts, ports or passwords cannot be parsed; {SENTINEL_FORM}, and %-encode special \
             characters in a password"
        )
    };
    let nodes = url.infos(&user, 26379, "").ok_or_else(bad)?;
    let master =
        url.infos(url.user, 26379, db).and_then(|mut infos| infos.pop()).ok_or_else(bad)?;
    let name = name.to_owned();
    Ok(Destination::Server(Endpoint::Sentinels(Arc::new(Sentinels::new(name, nodes, master)))))
}

#[cfg(feature = "cluster")]
fn cluster(url: &Several<'_>) -> Result<Destination, String> {
    if url.hosts.is_empty() {
        return Err(format!("it names no node; {CLUSTER_FORM}"));
    }
    if !matches!(url.path, "" | "0") {
        return Err(format!("a cluster has only database 0; {CLUSTER_FORM}"));
    }
    let infos = url.infos(url.user, 6379, "").ok_or_else(|| {
        format!(
            "its hosts, ports or password cannot be parsed; {CLUSTER_FORM}, and %-encode special \
             characters in the password"
        )
    })?;
    Seeds::new(infos)
        .map(|seeds| Destination::Cluster(Box::new(seeds)))
        .ok_or_else(|| format!("it names no node; {CLUSTER_FORM}"))
}

#[cfg(not(feature = "cluster"))]
fn cluster(_url: &Several<'_>) -> Result<Destination, String> {
    Err("redis+cluster:// needs cachecow's feature `cluster`, which is not enabled".to_owned())
}

fn info(url: &str) -> Result<ConnectionInfo, ()> {
    // The client's error text may quote the URL, and with it the password.
    Client::open(url).map(|client| client.get_connection_info().clone()).map_err(|_| ())
}

/// The probable reason why the client refused the URL.
fn fault(url: &str) -> &'static str {
    let Some(parsed) = ::redis::parse_redis_url(url) else {
        return "its host or port cannot be parsed; write redis://[user:password@]host[:port][/db], and \
            %-encode special characters in the password";
    };
    let database = parsed.path().trim_start_matches('/');
    if parsed.host().is_none() && !parsed.scheme().ends_with("unix") {
        "it names no host; write redis://host:6379"
    } else if parsed.host().is_some() && database.parse::<i64>().is_err() && !database.is_empty() {
        "its database is not a number; write redis://host:6379/0"
    } else {
        "it cannot be used; write redis://[user:password@]host[:port][/db] or \
         redis+unix:///path[?db=0&user=…&pass=…]"
    }
}

/// If the program has not chosen a crypto provider for rustls, use `ring`; otherwise rustls would
/// panic on the first connection.
#[cfg(feature = "tls")]
#[allow(clippy::unnecessary_wraps, reason = "as without TLS")]
fn choose_cryptography() -> Result<(), &'static str> {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Fails only if another thread has just installed one.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    Ok(())
}

#[cfg(not(feature = "tls"))]
fn choose_cryptography() -> Result<(), &'static str> {
    Err("rediss:// needs cachecow's feature `tls`, which is not enabled")
}
