//! A mark in the cache: how far a log was read and invalidated in it.
//!
//! A log may begin later than the last acknowledgement: its slot was lost and created again, or moved by hand, or
//! another server took over. The log itself cannot detect this. So the follower stores its progress in the cache.
//! The mark is written before the log gets the acknowledgement, so it is never behind it: if a log begins beyond
//! the mark, changes were lost. A cache without a mark (also one that was emptied) is treated as if it missed
//! everything.
//!
//! A log that remembers nothing itself also has its bookmark here, in the same value, so that both exist or neither
//! does.

use std::time::Duration;

use bytes::Bytes;

use super::change_log::Opened;
use super::mapping::FollowedTable;
use super::position::LogPosition;
use crate::backend::{BackendError, Place, Request};
use crate::engine::{Engine, Urgency};
use crate::key::{Key, KeyEncoder, Scope};
use crate::protocol::{Command, Replacing, Reply, SeenValue};

/// It is written again every second in which anything changed.
const TTL: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How long a dead writer prevents the next one from writing the mark.
const LEASE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Mark {
    key: Key,
    types: u64,
    /// The position that this follower stored last, unless another instance may have stored one since.
    written: Option<LogPosition>,
}

impl Mark {
    /// The mark of a follower with this name, for these types.
    pub(super) fn new(scope: Scope, name: &str, tables: &[FollowedTable]) -> Self {
        let mut parts = KeyEncoder::new("cachecow:log:{}");
        parts.str(name);
        // Order and duplicates do not matter.
        let mut types: Vec<String> = tables
            .iter()
            .map(|table| {
                let via = if table.via.is_some() { " via" } else { "" };
                format!("{}={}{:?}{via}", table.type_name, table.table, table.columns)
            })
            .collect();
        types.sort_unstable();
        types.dedup();
        let types = xxhash_rust::xxh3::xxh3_64(types.join(";").as_bytes());
        Self { key: scope.key(parts.key()), types, written: None }
    }

    /// The log's bookmark, if there is one, of these types.
    pub(super) async fn bookmark(&self, engine: &Engine) -> Result<Option<String>, BackendError> {
        Ok(self.stored(engine).await?.and_then(|stored| self.bookmark_of(&stored)))
    }

    async fn stored(&self, engine: &Engine) -> Result<Option<Bytes>, BackendError> {
        let replies = engine.client.lookup_many(vec![Place::Value(self.key)]).await;
        match replies.into_iter().next().transpose()? {
            Some(Reply::Value(stored)) => Ok(Some(stored)),
            _ => Ok(None),
        }
    }

    fn bookmark_of(&self, stored: &[u8]) -> Option<String> {
        let text = std::str::from_utf8(stored).ok()?;
        let of_these_types = text.split(' ').next() == Some(&*format!("{:016x}", self.types));
        let (_, bookmark) = text.split_once('\n').filter(|_| of_these_types)?;
        Some(bookmark.to_owned())
    }

    /// Why changes are missing, if they may be.
    pub(super) async fn missed(
        &self,
        engine: &Engine,
        opened: &Opened,
    ) -> Result<Option<String>, BackendError> {
        if let Some(reason) = &opened.missed {
            return Ok(Some(reason.clone()));
        }
        let reason = match self.stored(engine).await? {
            Some(stored) => self.judge(&stored, opened),
            None => Some("the cache has no mark of this log"),
        };
        Ok(reason.map(str::to_owned))
    }

    /// Whether the other instance that reads the log covers this cache and the same types: then the mark is never
    /// behind the log's acknowledgement.
    pub(super) async fn covers(
        &self,
        engine: &Engine,
        acknowledged: LogPosition,
    ) -> Result<bool, BackendError> {
        let stored = self.stored(engine).await?;
        Ok(stored.is_some_and(|stored| self.is_at(&stored, acknowledged)))
    }

    /// Whether the cache has lost the mark that this follower stored last: it came back in an older state, in which there
    /// may be values whose invalidation it had confirmed.
    pub(super) async fn is_lost(
        &self,
        engine: &Engine,
        identity: &str,
    ) -> Result<bool, BackendError> {
        let Some(written) = self.written else { return Ok(false) };
        let stored = self.stored(engine).await?;
        Ok(stored.is_none_or(|stored| self.is_before(&stored, identity, written)))
    }

    /// Whether this is a mark of the same log and types at an older position. Another follower's mark is not.
    fn is_before(&self, stored: &[u8], identity: &str, position: LogPosition) -> bool {
        let of_another = self.judge(stored, &Opened::at(identity, LogPosition::default()));
        of_another.is_none() && !self.is_at(stored, position)
    }

    /// Another instance may write the mark from now on.
    pub(super) fn leave(&mut self) {
        self.written = None;
    }

    fn is_at(&self, stored: &[u8], acknowledged: LogPosition) -> bool {
        let text = std::str::from_utf8(stored).unwrap_or_default();
        let mut parts = text.splitn(3, ' ');
        let types = parts.next();
        let position = parts.next().and_then(|text| text.parse::<LogPosition>().ok());
        types == Some(&*format!("{:016x}", self.types)) && position >= Some(acknowledged)
    }

    fn judge(&self, stored: &[u8], opened: &Opened) -> Option<&'static str> {
        let text = std::str::from_utf8(stored).unwrap_or_default();
        let mut parts = text.splitn(3, ' ');
        let (types, position, identity) = (parts.next(), parts.next(), parts.next());
        // A bookmark has a line of its own.
        let identity = identity.and_then(|text| text.split('\n').next());
        let position = position.and_then(|text| text.parse::<LogPosition>().ok());
        let (Some(types), Some(position), Some(identity)) = (types, position, identity) else {
            return Some("the cache's mark of this log cannot be read");
        };
        if identity != opened.identity {
            Some("this is not the log that was followed before")
        } else if types != format!("{:016x}", self.types) {
            Some("other types were followed before")
        } else if opened.position > position {
            Some("the log begins after the position that the cache has seen")
        } else if opened.end.is_some_and(|end| end < position) {
            Some(
                "the log ends before the position that the cache has seen; was the database restored?",
            )
        } else {
            None
        }
    }

    /// Stores that everything before this position is invalidated in the cache; returns whether it was stored.
    pub(super) async fn write(
        &mut self,
        engine: &Engine,
        identity: &str,
        position: LogPosition,
        bookmark: Option<&str>,
    ) -> Result<bool, BackendError> {
        // The old mark stays until the new one is stored: without a mark, everything counts as missed.
        let old = self.stored(engine).await?;
        let replacing = old.map(|old| Replacing { seen: SeenValue::of(&old), keep: true });
        let token = engine.tokens.fresh();
        let claim = Command::Claim { token, lease: LEASE, replacing };
        let Some(Reply::Claimed(grant)) = self.execute(engine, claim).await? else {
            return Ok(false);
        };
        let bookmark = bookmark.map_or_else(String::new, |bookmark| format!("\n{bookmark}"));
        let value = Bytes::from(format!("{:016x} {position} {identity}{bookmark}", self.types));
        let fill = Command::Fill { token: token.granted(grant), value, ttl: TTL };
        let is_stored = self.execute(engine, fill).await? == Some(Reply::Settled);
        if is_stored {
            self.written = Some(position);
        }
        Ok(is_stored)
    }

    async fn execute(
        &self,
        engine: &Engine,
        command: Command,
    ) -> Result<Option<Reply>, BackendError> {
        let request = Request { key: self.key, command };
        let replies = engine.client.execute(vec![request], Urgency::Invalidation).await;
        replies.into_iter().next().transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(identity: &str, position: u64) -> Opened {
        Opened::at(identity, LogPosition::new(position))
    }

    #[test]
    fn a_log_that_goes_on_before_the_mark_missed_nothing() {
        let mark = Mark::new(Scope::default(), "log", &[]);
        let stored = format!("{:016x} 100 server 1", mark.types);
        let judge = |opened: &Opened| mark.judge(stored.as_bytes(), opened);
        assert_eq!(judge(&opened("server 1", 99)), None);
        assert_eq!(judge(&opened("server 1", 100)), None);
        assert!(judge(&opened("server 1", 101)).is_some(), "changes are missing");
        assert!(judge(&opened("server 2", 99)).is_some(), "another server");
        let ends_at = |end| Opened { end: Some(LogPosition::new(end)), ..opened("server 1", 99) };
        assert_eq!(judge(&ends_at(100)), None);
        assert!(judge(&ends_at(99)).is_some(), "it was restored");
        let is_before = |identity: &str, position| {
            mark.is_before(stored.as_bytes(), identity, LogPosition::new(position))
        };
        assert!(is_before("server 1", 101), "it was at that position already");
        assert!(!is_before("server 1", 100) && !is_before("server 1", 99));
        assert!(!is_before("server 2", 101), "it is another follower's");
        let is_at = |position| mark.is_at(stored.as_bytes(), LogPosition::new(position));
        assert!(is_at(99) && is_at(100) && !is_at(101));
        assert!(!mark.is_at(b"rubbish", LogPosition::new(0)));
        let other = Mark { types: mark.types ^ 1, ..mark };
        assert!(other.judge(stored.as_bytes(), &opened("server 1", 99)).is_some(), "other types");
        assert!(other.judge(b"rubbish", &opened("server 1", 99)).is_some());
    }

    #[test]
    fn a_bookmark_is_kept_with_the_mark_and_is_of_its_types_alone() {
        let mark = Mark::new(Scope::default(), "log", &[]);
        let stored = format!("{:016x} 100 server 1\n100 there it was", mark.types);
        assert_eq!(mark.bookmark_of(stored.as_bytes()).as_deref(), Some("100 there it was"));
        assert_eq!(mark.judge(stored.as_bytes(), &opened("server 1", 100)), None);
        assert!(mark.judge(stored.as_bytes(), &opened("server 1", 101)).is_some());
        assert!(mark.judge(stored.as_bytes(), &opened("server 2", 100)).is_some());
        assert!(mark.is_at(stored.as_bytes(), LogPosition::new(100)));
        let without = format!("{:016x} 100 server 1", mark.types);
        assert_eq!(mark.bookmark_of(without.as_bytes()), None);
        let other = Mark { types: mark.types ^ 1, ..mark };
        assert_eq!(other.bookmark_of(stored.as_bytes()), None);
    }
}
