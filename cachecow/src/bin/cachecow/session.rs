//! What every command uses: the servers, the manifest, the scope and the output.

use std::time::Duration;

use cachecow::__tools::{OneServer, RedisServers};
use cachecow::{CacheCow, Key, Scope};
use redis::{Cmd, Pipeline, Value};

use crate::args::Shared;
use crate::fault::Fault;
use crate::key_type::Part;
use crate::manifest::Manifest;
use crate::out::Out;

pub(crate) struct Session {
    pub(crate) servers: RedisServers,
    pub(crate) manifest: Manifest,
    pub(crate) out: Out,
    scopes: Vec<Part>,
    url: String,
    namespace: String,
    timeout: Duration,
}

impl Session {
    pub(crate) fn open(shared: &Shared) -> Result<Self, Fault> {
        if shared.url.starts_with("memory:") {
            return Err(Fault::usage(
                "a memory:// cache is in the memory of its own program, and no other program can read it",
            ));
        }
        let servers = RedisServers::open(&shared.url, &shared.namespace, shared.timeout)?;
        let manifest = shared.manifest.as_deref().map(Manifest::read).transpose()?;
        let scopes = shared.scopes.iter().map(|scope| Part::typed(scope));
        let scopes = scopes
            .collect::<Result<_, _>>()
            .map_err(|why| Fault::usage(format!("--scope: {why}")))?;
        Ok(Self {
            servers,
            manifest: manifest.unwrap_or_default(),
            out: Out::new(shared.json),
            scopes,
            url: shared.url.clone(),
            namespace: shared.namespace.clone(),
            timeout: shared.timeout,
        })
    }

    /// The scope that the command line names.
    pub(crate) fn scope(&self) -> Scope {
        self.scopes.iter().fold(Scope::default(), Scope::within)
    }

    /// Opens a cache with these settings, without a scope.
    pub(crate) async fn cache(&self, replica_acks: usize) -> Result<CacheCow, Fault> {
        let timeout = self.timeout;
        let mut builder = CacheCow::builder()
            .namespace(self.namespace.clone())
            .operation_timeout(timeout)
            .connect_timeout(timeout);
        if replica_acks > 0 {
            builder = builder.replica_acks(replica_acks, timeout / 2);
        }
        Ok(builder.open(&self.url).await?)
    }

    /// Returns the same handle in the scope that the command line names.
    pub(crate) fn scoped(&self, cow: &CacheCow) -> CacheCow {
        self.scopes.iter().fold(cow.clone(), |cow, part| cow.scoped(part))
    }

    /// A name in Redis: `kind` is `cache`, `flag` or `tag`.
    pub(crate) fn name(&self, kind: &str, key: Key) -> String {
        format!("{}{kind}:{{{key}}}", self.servers.prefix())
    }

    pub(crate) async fn all(&self) -> Result<Vec<OneServer>, Fault> {
        Ok(self.servers.all().await?)
    }
}

/// Returns one reply for each command. A server's error counts as a reply.
pub(crate) async fn ask_all(server: &OneServer, commands: &Pipeline) -> Result<Vec<Value>, Fault> {
    server.ask_all(commands).await.map_err(|error| Fault::at(&server.address(), &error))
}

/// Returns the reply to a command. A server's error counts as a reply.
pub(crate) async fn ask(server: &OneServer, command: &Cmd) -> Result<Value, Fault> {
    let answer = server.ask(command).await;
    match answer.map_err(|error| Fault::at(&server.address(), &error))? {
        Value::ServerError(error) => {
            Err(Fault::at(&server.address(), &cachecow::__tools::refusal(&error)))
        }
        answer => Ok(answer),
    }
}
