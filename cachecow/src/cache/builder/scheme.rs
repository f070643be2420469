//! URL schemes of backends outside this crate.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::Builder;
use crate::backend::CacheBackend;
use crate::error::Error;
#[cfg(doc)]
use crate::error::ErrorKind;

/// The schemes that this build opens itself, as errors list them.
#[cfg(feature = "redis")]
const OPENED: &[&str] =
    &["memory", "redis", "rediss", "redis+unix", "redis+sentinel", "redis+cluster"];
#[cfg(not(feature = "redis"))]
const OPENED: &[&str] = &["memory"];

/// What the function of a [`backend_scheme`](Builder::backend_scheme) receives: the URL, and those settings of the
/// builder that concern a backend.
///
/// [`Builder::backend_scheme`] has an example.
#[derive(Clone)]
pub struct BackendConfig {
    url: String,
    namespace: String,
    operation_timeout: Duration,
    connect_timeout: Duration,
}

impl BackendConfig {
    /// Returns the whole URL. It may hold a password: keep it out of errors, logs and `Debug`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the part before `://`.
    pub fn scheme(&self) -> &str {
        self.url.split_once("://").map_or("", |(scheme, _)| scheme)
    }

    /// Returns the part after `://`, which may hold a password too.
    pub fn address(&self) -> &str {
        self.url.split_once("://").map_or("", |(_, address)| address)
    }

    /// Returns the prefix for every key ([`Builder::namespace`]), for a backend whose server is shared with other
    /// applications. Empty: no prefix.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Returns the time after which the cache gives up an operation ([`Builder::operation_timeout`]). The backend
    /// need not enforce it.
    pub fn operation_timeout(&self) -> Duration {
        self.operation_timeout
    }

    /// Returns how long one attempt to connect may take ([`Builder::connect_timeout`]).
    pub fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }
}

/// Leaves out the parts that may hold a password.
impl fmt::Debug for BackendConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackendConfig")
            .field("scheme", &self.scheme())
            .field("namespace", &self.namespace)
            .field("operation_timeout", &self.operation_timeout)
            .field("connect_timeout", &self.connect_timeout)
            .finish_non_exhaustive()
    }
}

type Opened = Result<Arc<dyn CacheBackend>, Error>;
type Opener = Arc<dyn Fn(BackendConfig) -> BoxFuture<'static, Opened> + Send + Sync>;

/// The schemes that a program has added to its builder.
#[derive(Clone, Default)]
pub(super) struct Schemes(Vec<(String, Opener)>);

impl Schemes {
    /// The function that opens URLs of this scheme.
    pub(super) fn get(&self, scheme: &str) -> Option<Opener> {
        self.0.iter().find(|(name, _)| name == scheme).map(|(_, opener)| Arc::clone(opener))
    }

    /// One message for each name that is not a valid scheme.
    pub(super) fn faults(&self) -> impl Iterator<Item = String> {
        self.0.iter().enumerate().filter_map(|(at, (name, _))| {
            if !is_scheme(name) {
                Some(format!(
                    "backend_scheme{} is no URL scheme; write lower-case letters, digits, `+`, `-` and \
                     `.`, beginning with a letter, without `://`",
                    shown(name)
                ))
            } else if is_reserved(name) {
                Some(format!("backend_scheme{} is cachecow's own; choose another", shown(name)))
            } else if self.0[..at].iter().any(|(earlier, _)| earlier == name) {
                Some(format!("backend_scheme{} is given more than once", shown(name)))
            } else {
                None
            }
        })
    }

    /// The error for a URL without a scheme.
    pub(super) fn missing(&self) -> Error {
        Error::invalid_url(&format!("it has no scheme; write one of {}, and `://`", self.listed()))
    }

    /// The error for a URL whose scheme nobody knows.
    pub(super) fn unknown(&self, scheme: &str) -> Error {
        let lower = scheme.to_ascii_lowercase();
        let known = OPENED.contains(&&*lower) || self.get(&lower).is_some();
        let meant = if known { "; schemes are written in lower case" } else { "" };
        Error::invalid_url(&format!(
            "its scheme{} is unknown{meant}; there are {}; `Builder::backend_scheme` adds one for a \
             backend of your own",
            shown(scheme),
            self.listed()
        ))
    }

    fn listed(&self) -> String {
        let own = self.0.iter().map(|(name, _)| &**name);
        let names = OPENED.iter().copied().chain(own).map(|name| format!("`{name}`"));
        names.collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Debug for Schemes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// Whether the scheme is one of Redis, in a build with all features.
pub(super) fn is_redis(scheme: &str) -> bool {
    let kind = scheme.strip_prefix("rediss").or_else(|| scheme.strip_prefix("redis"));
    scheme == "unix" || kind.is_some_and(|kind| kind.is_empty() || kind.starts_with('+'))
}

/// Whether the scheme belongs to this crate, or may in future. It does not depend on the enabled features: a
/// program must not break because another crate enables a feature.
fn is_reserved(scheme: &str) -> bool {
    scheme == "memory" || is_redis(scheme)
}

/// Whether it is a valid URL scheme (RFC 3986, section 3.1, in its canonical form).
fn is_scheme(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte)
        })
}

/// The name in quotes after a space; empty if it may be a part of a password.
fn shown(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte);
    let plain = (1..=32).contains(&name.len()) && name.bytes().all(plain);
    if plain { format!(" `{name}`") } else { String::new() }
}

impl Builder {
    /// Adds a URL scheme for a [`CacheBackend`] of your own to [`open`](Self::open), so that a program's
    /// configuration can choose that backend.
    ///
    /// `open` is called once for each cache that is opened, and reads what it needs from the [`BackendConfig`].
    /// Like the backends of this crate, it should connect on first use: then a cache that cannot be reached is not
    /// an error, and the connection is retried. The builder's settings for Redis and `memory_capacity` have no
    /// effect on such a backend.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), cachecow::Error> {
    /// use cachecow::{BackendConfig, CacheCow, Error, MemoryBackend};
    ///
    /// /// Takes `sized://`, a number of megabytes.
    /// async fn sized(config: BackendConfig) -> Result<MemoryBackend, Error> {
    ///     let megabytes: u64 = config
    ///         .address()
    ///         .parse()
    ///         .map_err(|_| Error::invalid_url("its size is no number; write sized://64"))?;
    ///     Ok(MemoryBackend::with_capacity(megabytes << 20))
    /// }
    ///
    /// let builder = CacheCow::builder().backend_scheme("sized", sized);
    /// builder.clone().open("sized://16").await?.ping().await?;
    ///
    /// let error = builder.open("sized://much").await.unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "the cache's URL is not valid: its size is no number; write sized://64"
    /// );
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A function that chooses among several backends returns `Arc<dyn CacheBackend>`.
    ///
    /// # Errors
    ///
    /// Opening a cache with any URL fails with [`ErrorKind::InvalidConfig`] if the name is not a URL scheme in
    /// lower case, was added before, or is one of the crate's own. Those are `memory`, `unix`, `redis`, `rediss`,
    /// and all that begin with `redis+` or `rediss+`, whichever features are enabled. An error of `open` is
    /// returned as it is.
    pub fn backend_scheme<B, F, Fut>(mut self, scheme: impl Into<String>, open: F) -> Self
    where
        B: CacheBackend,
        F: Fn(BackendConfig) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<B, Error>> + Send + 'static,
    {
        let opener = move |config| {
            let opening = open(config);
            async move { Ok(Arc::new(opening.await?) as Arc<dyn CacheBackend>) }.boxed()
        };
        self.schemes.0.push((scheme.into(), Arc::new(opener)));
        self
    }

    /// The configuration for a scheme's function.
    pub(super) fn backend_config(&self, url: &str) -> BackendConfig {
        BackendConfig {
            url: url.to_owned(),
            namespace: self.namespace.clone(),
            operation_timeout: self.operation_timeout,
            connect_timeout: self.connect_timeout,
        }
    }
}
