//! Redis URLs, with errors that say what is wrong and show no password.

use ::redis::Client;

use crate::{Error, ErrorKind};

/// The client for the URL of `owner`, which errors name.
pub(crate) fn parse(url: &str, owner: &str) -> Result<Client, Error> {
    let invalid = |what: &str| {
        Error::new(ErrorKind::InvalidUrl, format!("the {owner}'s URL is not valid: {what}"))
    };
    let (scheme, rest) = url.split_once("://").ok_or_else(|| {
        invalid("it has no scheme; write redis://host:6379, rediss://…, redis+unix:///path or memory://")
    })?;
    let url = match scheme {
        "redis" => url.to_owned(),
        #[cfg(feature = "tls")]
        "rediss" => {
            choose_cryptography();
            url.to_owned()
        }
        #[cfg(not(feature = "tls"))]
        "rediss" => {
            return Err(invalid("rediss:// needs cachecow's feature `tls`, which is not enabled"));
        }
        "redis+unix" | "unix" if cfg!(unix) => format!("redis+unix://{rest}"),
        "redis+unix" | "unix" => return Err(invalid("this platform has no Unix sockets")),
        "redis+cluster" | "redis+sentinel" => {
            return Err(invalid(&format!("{scheme}:// is not supported yet; name one server")));
        }
        _ => {
            return Err(invalid(
                "its scheme is unknown; write redis://host:6379, rediss://…, redis+unix:///path or \
                 memory://",
            ));
        }
    };
    // The client's error text may quote the URL, and with it the password.
    Client::open(url.as_str()).map_err(|_| invalid(fault(&url)))
}

/// What the client may have refused.
fn fault(url: &str) -> &'static str {
    let Some(parsed) = ::redis::parse_redis_url(url) else {
        return "its host or port cannot be parsed; write redis://[user:password@]host[:port][/db], \
                and %-encode what is special in the password";
    };
    let database = parsed.path().trim_start_matches('/');
    if parsed.host().is_none() && !parsed.scheme().ends_with("unix") {
        "it names no host; write redis://host:6379"
    } else if parsed.host().is_some() && database.parse::<i64>().is_err() && !database.is_empty() {
        "its database is no number; write redis://host:6379/0"
    } else {
        "it cannot be used; write redis://[user:password@]host[:port][/db] or \
         redis+unix:///path[?db=0&user=…&pass=…]"
    }
}

/// Where the program has not chosen rustls' cryptography, `ring` it is; rustls would panic on the
/// first connection otherwise.
#[cfg(feature = "tls")]
fn choose_cryptography() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Fails only if another thread was faster, and then there is one.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}
