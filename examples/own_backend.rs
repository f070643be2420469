//! A backend of your own: the cache in any system that can change one row atomically.
//!
//! ```sh
//! cargo run -p cachecow-examples --example own_backend     # needs no server
//! cargo test -p cachecow-examples --example own_backend    # the suite that cachecow's own backends pass
//! ```
//!
//! Here it is a map under a lock. With a database it would be a table, and each command a
//! transaction on one row; nothing else would change. `cachecow::protocol` has the table of the
//! commands. The conformance suite finds commands that are not atomic.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use cachecow::protocol::{Command, Reply, Token};
use cachecow::{BackendConfig, BackendError, CacheBackend, CacheCow, Cached, Error, Key, Request};
use futures_util::FutureExt as _;
use futures_util::future::{self, BoxFuture};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// The data of a key, each part with its expiry.
#[derive(Default)]
struct Row {
    value: Option<(Bytes, Instant)>,
    /// A reader's right to fill: at most one.
    lease: Option<(Token, Instant)>,
    /// The writers at work; while there are any, nobody can fill.
    holds: Vec<(Token, Instant)>,
    /// The writer that has been alone since it began.
    alone: Option<Token>,
    /// The epoch of a tag, or of all tags of a type.
    epoch: Option<(Token, Instant)>,
    /// The writers that prevent an epoch from beginning.
    epoch_holds: Vec<(Token, Instant)>,
}

/// A real backend also deletes empty rows.
#[derive(Default)]
struct Table {
    rows: HashMap<Key, Row>,
    /// The number of the last grant or epoch. No number is used twice.
    last: u64,
}

impl Row {
    fn carry_out(&mut self, command: Command, last: &mut u64) -> Reply {
        let now = Instant::now();
        self.value.take_if(|(_, end)| *end <= now);
        self.lease.take_if(|(_, end)| *end <= now);
        self.holds.retain(|(_, end)| *end > now);
        self.epoch.take_if(|(_, end)| *end <= now);
        self.epoch_holds.retain(|(_, end)| *end > now);
        let value = self.value.as_ref().map(|(value, _)| value.clone());
        match command {
            Command::Lookup => value.map_or(Reply::Absent, Reply::Value),
            Command::Claim { token, lease, replacing } => {
                match (value, replacing) {
                    (Some(value), Some(it)) if it.seen.matches(&value) => {
                        self.value.take_if(|_| !it.keep);
                    }
                    (Some(value), _) => return Reply::Value(value),
                    (None, _) => {}
                }
                if !self.holds.is_empty() {
                    return Reply::Held;
                }
                if self.lease.is_some() {
                    return Reply::Leased;
                }
                *last += 1;
                self.lease = Some((token.granted(*last), now + lease));
                Reply::Claimed(*last)
            }
            // Only for the lease with its token, not for a later one.
            Command::Fill { token, .. } | Command::Abandon { token }
                if !self.lease.is_some_and(|(lease, _)| token.names(&lease)) =>
            {
                Reply::Refused
            }
            Command::Fill { value, ttl, .. } => {
                self.value = Some((value, now + ttl));
                self.end_lease()
            }
            Command::Abandon { .. } => self.end_lease(),
            Command::Invalidate => {
                self.alone = None;
                self.clear()
            }
            Command::Hold { token, ttl } => {
                self.alone = self.holds.is_empty().then_some(token);
                self.holds.retain(|(holder, _)| *holder != token);
                self.holds.push((token, now + ttl));
                self.clear()
            }
            Command::Release { token } => self.release(token),
            Command::ReleaseAndStore { token, value, ttl } => {
                let is_alone = self.alone == Some(token) && !self.holds.is_empty();
                self.release(token);
                if !is_alone {
                    return Reply::Refused;
                }
                self.value = Some((value, now + ttl));
                Reply::Settled
            }
            Command::ReadEpoch => self.epoch(),
            Command::TakeEpoch { fresh, ttl } => {
                if self.epoch_holds.is_empty() {
                    *last += 1;
                    let (_, end) = self.epoch.get_or_insert((fresh.numbered(*last), now));
                    *end = (now + ttl).max(*end);
                }
                self.epoch()
            }
            Command::EndEpoch => self.end_epoch(),
            Command::HoldEpoch { token, ttl } => {
                self.epoch_holds.retain(|(holder, _)| *holder != token);
                self.epoch_holds.push((token, now + ttl));
                self.end_epoch()
            }
            Command::ReleaseEpoch { token } => {
                self.epoch_holds.retain(|(holder, _)| *holder != token);
                self.end_epoch()
            }
        }
    }

    fn end_lease(&mut self) -> Reply {
        self.lease = None;
        Reply::Settled
    }

    fn release(&mut self, token: Token) -> Reply {
        self.alone = None;
        self.holds.retain(|(holder, _)| *holder != token);
        self.clear()
    }

    /// Older values can no longer be served or filled; holds stay.
    fn clear(&mut self) -> Reply {
        (self.value, self.lease) = (None, None);
        Reply::Done
    }

    fn end_epoch(&mut self) -> Reply {
        self.epoch = None;
        Reply::Done
    }

    fn epoch(&self) -> Reply {
        match self.epoch {
            Some((epoch, _)) => Reply::Epoch(epoch),
            None if self.epoch_holds.is_empty() => Reply::Absent,
            None => Reply::Held,
        }
    }
}

/// The cache in a table.
#[derive(Default)]
struct TableBackend(Mutex<Table>);

impl TableBackend {
    /// Opens `table://`.
    async fn open(config: BackendConfig) -> Result<Self, Error> {
        match config.address() {
            "" => Ok(Self::default()),
            _ => Err(Error::invalid_url("table:// takes nothing after it")),
        }
    }
}

impl CacheBackend for TableBackend {
    fn execute(&self, requests: Vec<Request>) -> BoxFuture<'_, Vec<Result<Reply, BackendError>>> {
        let table = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let carry_out = |Request { key, command }| {
            Ok(table.rows.entry(key).or_default().carry_out(command, &mut table.last))
        };
        future::ready(requests.into_iter().map(carry_out).collect()).boxed()
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        future::ready(Ok(())).boxed()
    }

    /// There is no connection to replace.
    fn reset(&self) {}
}

impl fmt::Debug for TableBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TableBackend")
    }
}

#[derive(Clone, Debug, Serialize, Deserialize, Cached)]
#[cache(key = "square:{root}", fetch = Square::compute)]
struct Square {
    root: u32,
    value: u64,
}

impl Square {
    async fn compute(root: u32) -> Result<Self, std::io::Error> {
        Ok(Self { root, value: u64::from(root).pow(2) })
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let builder = CacheCow::builder().backend_scheme("table", TableBackend::open);
    // As in a program's configuration.
    let cow = builder.clone().open("table://").await?;
    for _ in 0..2 {
        let read = cow.read(Square::by_root(12)).await?;
        println!("{:?} ({:?})", read.value, read.source);
    }
    cow.invalidate(Square::by_root(12)).await?;
    println!("invalidated: {:?}", cow.read(Square::by_root(12)).await?.source);

    let unknown = builder.open("tabel://").await.expect_err("nobody has such a scheme");
    println!("{unknown}");
    Ok(())
}

#[cfg(test)]
mod tests {
    macro_rules! tests {
        ($($check:ident)*) => {$(
            #[tokio::test]
            async fn $check() {
                cachecow::conformance::$check(&super::TableBackend::default()).await;
            }
        )*};
    }

    cachecow::conformance::for_each_check!(tests);
}
