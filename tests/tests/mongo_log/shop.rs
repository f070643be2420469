//! Two collections, their change stream, and the rows as fetch functions find them.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use cachecow::log::{Follower, MongoLog};
use cachecow::{CacheCow, Cached, Source};
use cachecow_tests::change_streams::{ScriptedMongo, namespace};

type Found<T> = Result<T, std::convert::Infallible>;

/// With a list, which needs pre-images.
#[derive(Clone, Debug, PartialEq, Eq, Cached)]
#[cache(context = Rows, ttl = "1h", negative_ttl = "1h", table = "users")]
#[cache(key = "user:{id}", fetch = Rows::user)]
#[cache(key = "user:mail:{email}", fetch = Rows::user_by_email)]
#[cache(list = "user:org:{org_id}", fetch = Rows::users_of)]
pub(crate) struct User {
    #[cache(column = "_id")]
    pub(crate) id: ObjectId,
    #[cache(column = "contact.mail")]
    pub(crate) email: String,
    pub(crate) org_id: i64,
}

/// With keys alone, of which one is a date.
#[derive(Clone, Debug, PartialEq, Eq, Cached)]
#[cache(context = Rows, ttl = "1h", negative_ttl = "1h", table = "notes")]
#[cache(key = "note:{id}", fetch = Rows::note)]
#[cache(key = "note:at:{at}", fetch = Rows::note_at)]
pub(crate) struct Note {
    #[cache(column = "_id")]
    pub(crate) id: i64,
    pub(crate) at: DateTime,
}

/// What fetch functions find, and how often they were asked.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    users: Mutex<BTreeMap<ObjectId, User>>,
    notes: Mutex<BTreeMap<i64, Note>>,
    fetched: AtomicUsize,
}

impl Rows {
    fn users<T>(&self, look: impl FnOnce(&mut BTreeMap<ObjectId, User>) -> T) -> T {
        self.fetched.fetch_add(1, Ordering::SeqCst);
        look(&mut self.users.lock().unwrap())
    }

    async fn user(&self, id: &ObjectId) -> Found<Option<User>> {
        Ok(self.users(|users| users.get(id).cloned()))
    }

    async fn user_by_email(&self, email: &str) -> Found<Option<User>> {
        Ok(self.users(|users| users.values().find(|user| user.email == email).cloned()))
    }

    async fn users_of(&self, org_id: i64) -> Found<Vec<User>> {
        Ok(self
            .users(|users| users.values().filter(|user| user.org_id == org_id).cloned().collect()))
    }

    async fn note(&self, id: i64) -> Found<Option<Note>> {
        self.fetched.fetch_add(1, Ordering::SeqCst);
        Ok(self.notes.lock().unwrap().get(&id).cloned())
    }

    async fn note_at(&self, at: &DateTime) -> Found<Option<Note>> {
        self.fetched.fetch_add(1, Ordering::SeqCst);
        Ok(self.notes.lock().unwrap().values().find(|note| note.at == *at).cloned())
    }
}

/// The server, the rows, and a cache.
pub(crate) struct Shop {
    pub(crate) server: ScriptedMongo,
    pub(crate) rows: Rows,
    pub(crate) cow: CacheCow,
}

/// Where a read came from.
macro_rules! source {
    ($shop:expr, $lookup:expr) => {
        $shop.cow.with(&$shop.rows).read($lookup).await.unwrap().source
    };
}
pub(crate) use source;

impl Shop {
    pub(crate) async fn open() -> Self {
        let server = ScriptedMongo::start().await;
        server.set(|state| {
            state.create("users", true);
            state.create("notes", false);
        });
        Self { server, rows: Rows::default(), cow: CacheCow::memory() }
    }

    pub(crate) fn log(&self) -> MongoLog {
        MongoLog::connect(self.server.url())
    }

    /// A follower that caught up.
    pub(crate) async fn follow(&self) -> Follower {
        let follow = self.cow.follow(self.log()).types::<(User, Note)>();
        let follower = follow.start().await.unwrap();
        follower.caught_up().await.unwrap();
        follower
    }

    /// Whether the list was served from the cache.
    pub(crate) async fn list_is_cached(&self, org_id: i64) -> bool {
        let before = self.rows.fetched.load(Ordering::SeqCst);
        self.cow.with(&self.rows).list(User::list_by_org_id(org_id)).await.unwrap();
        self.rows.fetched.load(Ordering::SeqCst) == before
    }

    /// Whether the user is cached; in any case it is afterwards.
    pub(crate) async fn is_cached(&self, user: &User) -> bool {
        source!(self, User::by_id(user.id)) == Source::Cache
    }

    /// The address of the user as it is served.
    pub(crate) async fn email_of(&self, user: &User) -> String {
        let served = self.cow.with(&self.rows).get(User::by_id(user.id)).await.unwrap();
        served.expect("nobody deletes it").email.clone()
    }

    /// Somebody inserts a user: it is in the rows, and in the log.
    pub(crate) fn insert(&self, user: &User) {
        self.becomes_visible(user);
        self.server.commit(doc! {
            "operationType": "insert",
            "ns": namespace("users"),
            "documentKey": { "_id": user.id },
            "fullDocument": document(user),
        });
    }

    /// Somebody changes a user.
    pub(crate) fn update(&self, user: &User) {
        self.server.commit(self.updated(user, true));
    }

    /// The event of a change that was made, with a pre-image or, as where they are switched off, without.
    pub(crate) fn updated(&self, user: &User, pre_image: bool) -> Document {
        let before = self.becomes_visible(user);
        change(before.filter(|_| pre_image).as_ref(), user)
    }

    /// Fetch functions find the user like this from now on; and how it was before.
    pub(crate) fn becomes_visible(&self, user: &User) -> Option<User> {
        self.rows.users.lock().unwrap().insert(user.id, user.clone())
    }

    /// Somebody deletes a user.
    pub(crate) fn delete(&self, user: &User) {
        self.rows.users.lock().unwrap().remove(&user.id);
        self.server.commit(doc! {
            "operationType": "delete",
            "ns": namespace("users"),
            "documentKey": { "_id": user.id },
            "fullDocumentBeforeChange": document(user),
        });
    }

    /// Somebody writes a note over another.
    pub(crate) fn put(&self, note: &Note) {
        let before = self.rows.notes.lock().unwrap().insert(note.id, note.clone());
        let operation = if before.is_some() { "replace" } else { "insert" };
        self.server.commit(doc! {
            "operationType": operation,
            "ns": namespace("notes"),
            "documentKey": { "_id": note.id },
            "fullDocument": { "_id": note.id, "at": note.at },
        });
    }

    /// An event of a whole collection.
    pub(crate) fn whole(&self, operation: &str) {
        self.server.commit(doc! { "operationType": operation, "ns": namespace("users") });
    }
}

pub(crate) fn user(number: u8, email: &str, org_id: i64) -> User {
    User { id: ObjectId::from_bytes([number; 12]), email: email.to_owned(), org_id }
}

/// The event of a change from the pre-image.
pub(crate) fn change(pre_image: Option<&User>, user: &User) -> Document {
    doc! {
        "operationType": "update",
        "ns": namespace("users"),
        "documentKey": { "_id": user.id },
        "updateDescription": { "updatedFields": document(user), "removedFields": [], "truncatedArrays": [] },
        "fullDocument": document(user),
        "fullDocumentBeforeChange": pre_image.map(document),
    }
}

fn document(user: &User) -> Document {
    doc! { "_id": user.id, "contact": { "mail": &user.email }, "org_id": user.org_id, "name": "Ann" }
}
