//! Members of organisations, which everything that is cached is about.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use cachecow::Cached;
use parking_lot::Mutex;

#[derive(Clone, Debug, PartialEq, Cached)]
#[cache(context = Db, ttl = "10m", clearable = true)]
#[cache(key = "member:{id}", fetch = Db::find, fetch_many = Db::find_many)]
#[cache(key = "member:mail:{mail}", fetch = Db::find_by_mail)]
#[cache(list = "member:org:{org}", fetch = Db::find_by_org)]
#[cache(tag = "org:{org}")]
pub(crate) struct Member {
    pub(crate) id: i64,
    pub(crate) mail: String,
    pub(crate) org: i64,
}

/// Not clearable, without tags, and never absent.
#[derive(Clone, Debug, PartialEq, Cached)]
#[cache(context = Db, ttl = "10m", stale_if_error = "1h")]
#[cache(key = "note:{id}", fetch = Db::note)]
pub(crate) struct Note {
    pub(crate) id: i64,
    pub(crate) edition: usize,
}

#[cachecow::query(key = "org-size:{org}", ttl = "5m", tag = Member::tag_org(org))]
pub(crate) async fn org_size(db: &Db, org: i64) -> Result<u64, io::Error> {
    db.fetched()?;
    Ok(db.members(|member| member.org == org).len() as u64)
}

/// Members 1 to 4, the first two in organisation 7, the others in 8.
#[derive(Debug)]
pub(crate) struct Db {
    members: Mutex<Vec<Member>>,
    fetches: AtomicUsize,
    pub(crate) is_down: AtomicBool,
}

impl Db {
    pub(crate) fn new() -> Self {
        let member =
            |id: i64| Member { id, mail: format!("m{id}@example.org"), org: 7 + (id - 1) / 2 };
        Self {
            members: Mutex::new((1..=4).map(member).collect()),
            fetches: AtomicUsize::new(0),
            is_down: false.into(),
        }
    }

    pub(crate) async fn move_to(&self, id: i64, org: i64) -> Result<Option<Member>, io::Error> {
        let mut members = self.members.lock();
        let member = members.iter_mut().find(|member| member.id == id);
        Ok(member.map(|member| {
            member.org = org;
            member.clone()
        }))
    }

    fn fetched(&self) -> Result<(), io::Error> {
        self.fetches.fetch_add(1, SeqCst);
        if self.is_down.load(SeqCst) {
            Err(io::Error::other("the database is down"))
        } else {
            Ok(())
        }
    }

    fn members(&self, wanted: impl Fn(&Member) -> bool) -> Vec<Member> {
        let members = self.members.lock();
        members.iter().filter(|member| wanted(member)).cloned().collect()
    }

    async fn find(db: &Db, id: i64) -> Result<Option<Member>, io::Error> {
        db.fetched()?;
        Ok(db.members(|member| member.id == id).pop())
    }

    async fn find_many(db: &Db, ids: &[i64]) -> Result<Vec<Member>, io::Error> {
        db.fetched()?;
        Ok(db.members(|member| ids.contains(&member.id)))
    }

    async fn find_by_mail(db: &Db, mail: &str) -> Result<Option<Member>, io::Error> {
        db.fetched()?;
        Ok(db.members(|member| member.mail == mail).pop())
    }

    async fn find_by_org(db: &Db, org: i64) -> Result<Vec<Member>, io::Error> {
        db.fetched()?;
        Ok(db.members(|member| member.org == org))
    }

    async fn note(db: &Db, id: i64) -> Result<Note, io::Error> {
        db.fetched()?;
        Ok(Note { id, edition: db.fetches.load(SeqCst) })
    }
}
