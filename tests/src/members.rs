//! A table of members with tags, whose reads can be held up.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use cachecow::protocol::Command;
use cachecow::{CacheCow, Cached, Source};
use serde::{Deserialize, Serialize};

use crate::gate::Gate;
use crate::store::StoreDown;

/// Of one organisation, and of one team in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Cached)]
#[cache(context = Members, ttl = "10m")]
#[cache(key = "member:{id}", fetch = Members::find, fetch_many = Members::find_many)]
#[cache(key = "member:number:{id}", fetch = Members::find, name = "by_number")]
#[cache(tag = "org:{org}")]
#[cache(tag = "team:{org}:{team}", name = "in_team")]
pub struct Member {
    /// The primary key, and the member's number.
    pub id: u32,
    /// A tag.
    pub org: u32,
    /// With the organisation, another.
    pub team: String,
    /// How often it was written.
    pub version: u64,
}

/// A table of members, whose reads can be held up.
#[derive(Debug, Default)]
pub struct Members {
    rows: Mutex<HashMap<u32, Member>>,
    gates: Mutex<Vec<Arc<Gate>>>,
    fetches: AtomicUsize,
    down: AtomicBool,
}

impl Members {
    /// Members 1 to `count`, each in the organisation of the number's last digit, in team a or b.
    pub fn with(count: u32) -> Self {
        let members = Self::default();
        for id in 1..=count {
            let team = if id % 2 == 0 { "a" } else { "b" }.to_owned();
            members.put(Member { id, org: id % 10, team, version: 1 });
        }
        members
    }

    /// Puts a member in the place of what was there.
    pub fn put(&self, member: Member) {
        self.rows.lock().unwrap().insert(member.id, member);
    }

    /// Changes each.
    pub fn change(&self, change: impl Fn(&mut Member)) {
        self.rows.lock().unwrap().values_mut().for_each(change);
    }

    /// Writes the next version of each.
    pub fn bump(&self) {
        self.change(|member| member.version += 1);
    }

    /// Holds up the next fetch that begins; of several gates the last that was made.
    pub fn gate(&self) -> Arc<Gate> {
        let gate = Gate::new();
        self.gates.lock().unwrap().push(Arc::clone(&gate));
        gate
    }

    /// How many fetches have begun, a batch counting once.
    pub fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    /// Makes every fetch fail, or work again.
    pub fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    /// Member by id.
    ///
    /// # Errors
    ///
    /// [`StoreDown`], after [`set_down`](Self::set_down).
    pub async fn find(&self, id: u32) -> Result<Option<Member>, StoreDown> {
        Ok(self.find_many(&[id]).await?.pop())
    }

    /// Members by ids.
    ///
    /// # Errors
    ///
    /// [`StoreDown`], after [`set_down`](Self::set_down).
    pub async fn find_many(&self, ids: &[u32]) -> Result<Vec<Member>, StoreDown> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        let rows = if self.down.load(Ordering::SeqCst) {
            Err(StoreDown)
        } else {
            Ok(self.rows.lock().unwrap().clone())
        };
        let gate = self.gates.lock().unwrap().pop();
        match gate {
            Some(gate) => gate.pass().await,
            None => tokio::task::yield_now().await,
        }
        let rows = rows?;
        Ok(ids.iter().filter_map(|id| rows.get(id).cloned()).collect())
    }
}

/// The version that is read.
pub async fn version(cow: &CacheCow, members: &Members, id: u32) -> u64 {
    cow.with(members).get(Member::by_id(id)).await.unwrap().expect("the member exists").version
}

/// Whether the member is served from the cache.
pub async fn is_hit(cow: &CacheCow, members: &Members, id: u32) -> bool {
    cow.with(members).read(Member::by_id(id)).await.unwrap().source == Source::Cache
}

/// Whether it ends the epoch of a tag or a guard.
pub fn ends(command: &Command) -> bool {
    matches!(command, Command::EndEpoch | Command::HoldEpoch { .. } | Command::ReleaseEpoch { .. })
}

/// Whether it reads one.
pub fn reads_epochs(command: &Command) -> bool {
    matches!(command, Command::ReadEpoch)
}
