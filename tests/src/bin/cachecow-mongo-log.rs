//! `MongoLog` on a real replica set, which the tests cannot start: foreign writers change documents while readers chase
//! them, and nothing stale may be left once the follower caught up.
//!
//! `CACHECOW_MONGODB_URL=mongodb://host/database?replicaSet=rs0 cargo run --release -p cachecow-tests --bin
//! cachecow-mongo-log [CHANGES [CACHE]]`: 20,000 changes and `memory://`, if nothing else is said. It makes and drops
//! collections whose names begin with `cachecow_tests_log`. It ends with an error if anything was stale, or if the
//! control, which follows nothing, was not.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cachecow::log::{Follower, MongoLog};
use cachecow::{CacheCow, Cached};
use futures_util::TryStreamExt as _;
use futures_util::future::try_join_all;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, Document, doc};
use mongodb::options::{ClientOptions, CollectionOptions, ReadConcern, WriteConcern};
use mongodb::{Client, Collection, Database};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const USERS: usize = 500;
const ORGS: i64 = 20;
const WRITERS: usize = 8;
const COLLECTION: &str = "cachecow_tests_log_users";
const RENAMED: &str = "cachecow_tests_log_renamed";

/// Looked up by any of several fields: its `ObjectId`, its address, the moment it joined, or all of an organisation.
#[derive(Clone, Debug, PartialEq, Eq, Cached)]
#[cache(context = Shop, ttl = "1h", negative_ttl = "1h", table = "cachecow_tests_log_users")]
#[cache(key = "user:{id}", fetch = Shop::user)]
#[cache(key = "user:mail:{mail}", fetch = Shop::user_by_mail)]
#[cache(key = "user:joined:{joined}", fetch = Shop::user_by_joined)]
#[cache(list = "user:org:{org_id}", fetch = Shop::users_of)]
struct User {
    #[cache(column = "_id")]
    id: ObjectId,
    mail: String,
    joined: DateTime,
    org_id: i64,
    version: i64,
}

/// Reads of what the majority has, at the primary: a failover takes nothing of it back.
#[derive(Clone)]
struct Shop(Collection<Document>);

impl Shop {
    fn of(database: &Database) -> Self {
        let options = CollectionOptions::builder()
            .read_concern(ReadConcern::majority())
            .write_concern(WriteConcern::majority())
            .build();
        Self(database.collection_with_options(COLLECTION, options))
    }

    async fn find(&self, filter: Document) -> mongodb::error::Result<Vec<User>> {
        let found: Vec<Document> =
            self.0.find(filter).sort(doc! { "_id": 1 }).await?.try_collect().await?;
        Ok(found.iter().filter_map(Self::read).collect())
    }

    fn read(document: &Document) -> Option<User> {
        Some(User {
            id: document.get_object_id("_id").ok()?,
            mail: document.get_str("mail").ok()?.to_owned(),
            joined: *document.get_datetime("joined").ok()?,
            org_id: document.get_i64("org_id").ok()?,
            version: document.get_i64("version").ok()?,
        })
    }

    async fn user(&self, id: &ObjectId) -> mongodb::error::Result<Option<User>> {
        Ok(self.find(doc! { "_id": id }).await?.pop())
    }

    async fn user_by_mail(&self, mail: &str) -> mongodb::error::Result<Option<User>> {
        Ok(self.find(doc! { "mail": mail }).await?.pop())
    }

    async fn user_by_joined(&self, joined: &DateTime) -> mongodb::error::Result<Option<User>> {
        Ok(self.find(doc! { "joined": joined }).await?.pop())
    }

    async fn users_of(&self, org_id: i64) -> mongodb::error::Result<Vec<User>> {
        self.find(doc! { "org_id": org_id }).await
    }
}

fn id(number: usize) -> ObjectId {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&(number as u64).to_be_bytes());
    ObjectId::from_bytes(bytes)
}

fn document(number: usize, version: i64) -> Document {
    let at = i64::try_from(number).unwrap_or(0);
    doc! {
        "_id": id(number), "mail": format!("{number}.{}@x.org", version % 3), "joined": DateTime::from_millis(at),
        "org_id": (at + version) % ORGS, "version": version, "blob": "x".repeat(200),
    }
}

/// One change, of one of several kinds, by the plain driver.
async fn change(shop: &Shop, number: usize, version: i64) -> mongodb::error::Result<()> {
    let (filter, new) = (doc! { "_id": id(number) }, document(number, version));
    match version % 5 {
        0 => shop.0.delete_one(filter).await.map(drop),
        1 => shop.0.replace_one(filter, new).upsert(true).await.map(drop),
        _ => {
            let mut set = new;
            set.remove("_id");
            shop.0.update_one(filter, doc! { "$set": set }).upsert(true).await.map(drop)
        }
    }
}

/// How many of all objects and lists the cache has otherwise than the database.
async fn stale(cow: &CacheCow, shop: &Shop) -> Outcome<usize> {
    let view = cow.with(shop);
    let mut stale = 0;
    for number in 0..USERS {
        let real = shop.user(&id(number)).await?;
        let joined = DateTime::from_millis(i64::try_from(number)?);
        stale += usize::from(view.get(User::by_id(id(number))).await?.as_deref() != real.as_ref());
        stale += usize::from(view.get(User::by_joined(joined)).await?.as_deref() != real.as_ref());
        for mail in (0..3).map(|at| format!("{number}.{at}@x.org")) {
            let real = shop.user_by_mail(&mail).await?;
            stale += usize::from(view.get(User::by_mail(&mail)).await?.as_deref() != real.as_ref());
        }
    }
    for org_id in 0..ORGS {
        let cached = view.list(User::list_by_org_id(org_id)).await?;
        let cached: Vec<User> = cached.iter().map(|user| User::clone(user)).collect();
        stale += usize::from(cached != shop.users_of(org_id).await?);
    }
    Ok(stale)
}

/// Writers change documents, and readers read what was just written.
async fn write(cow: &CacheCow, shop: &Shop, changes: usize) -> Outcome<Duration> {
    let began = Instant::now();
    let writers = (0..WRITERS).map(|writer| async move {
        for at in 0..changes / WRITERS {
            // Each document has one writer.
            let number = (at * WRITERS + writer) % USERS / WRITERS * WRITERS + writer;
            change(shop, number, i64::try_from(at)?).await?;
            cow.with(shop).get(User::by_id(id(number))).await?;
            cow.with(shop).list(User::list_by_org_id(i64::try_from(at)? % ORGS)).await?;
        }
        Ok::<(), Box<dyn Error + Send + Sync>>(())
    });
    try_join_all(writers).await?;
    Ok(began.elapsed())
}

async fn follow(cow: &CacheCow, url: &str) -> Outcome<Follower> {
    let follower = cow.follow(MongoLog::connect(url)).types::<User>().start().await?;
    follower.caught_up().await?;
    Ok(follower)
}

fn must(holds: bool, what: &str) -> Outcome<()> {
    println!("{}: {what}", if holds { "yes" } else { "NO" });
    if holds { Ok(()) } else { Err(what.into()) }
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let url = std::env::var("CACHECOW_MONGODB_URL").map_err(|_| {
        "name a replica set: CACHECOW_MONGODB_URL=mongodb://host/database?replicaSet=rs0 (`mongod --replSet rs0`, and \
         `rs.initiate()` once)"
    })?;
    let mut arguments = std::env::args().skip(1);
    let changes = arguments.next().map_or(Ok(20_000), |text| text.parse())?;
    let cache = arguments.next().unwrap_or_else(|| "memory://".to_owned());
    let client = Client::with_options(ClientOptions::parse(&url).await?)?;
    let database = client.default_database().ok_or("the URL names no database")?;
    let shop = Arc::new(Shop::of(&database));
    shop.0.drop().await?;
    database.collection::<Document>(RENAMED).drop().await?;
    let cow = CacheCow::open(&cache).await?;

    println!("{}", MongoLog::setup_commands::<User>(database.name()));
    database.create_collection(COLLECTION).await?;
    let refused =
        follow(&cow, &url).await.err().is_some_and(|error| error.to_string().contains("collMod"));
    must(refused, "without pre-images it is refused")?;
    let images =
        doc! { "collMod": COLLECTION, "changeStreamPreAndPostImages": { "enabled": true } };
    database.run_command(images).await?;
    shop.0.insert_many((0..USERS).map(|number| document(number, 1))).await?;

    let control = CacheCow::memory();
    stale(&control, &shop).await?;
    let follower = follow(&cow, &url).await?;
    let took = write(&cow, &shop, changes).await?;
    let wait = Instant::now();
    follower.caught_up().await?;
    println!(
        "{changes} changes in {took:?}, caught up {:?} later: {}",
        wait.elapsed(),
        follower.status()
    );
    must(stale(&cow, &shop).await? == 0, "nothing is stale")?;
    must(follower.status().rows > 0, "rows were followed one by one")?;
    must(stale(&control, &shop).await? > 0, "the control, which follows nothing, is stale")?;

    let mut lags = Vec::new();
    for version in 0..100 {
        change(&shop, 1, 5 * version + 2).await?;
        let began = Instant::now();
        follower.caught_up().await?;
        lags.push(began.elapsed());
    }
    lags.sort_unstable();
    println!("`caught_up` after a change: median {:?}, at most {:?}", lags[50], lags[99]);

    follower.stop().await;
    write(&CacheCow::memory(), &shop, 1_000).await?;
    let follower = follow(&cow, &url).await?;
    must(stale(&cow, &shop).await? == 0, "what changed while nobody followed is not stale")?;
    must(follower.status().drops == 0, "it went on from the token in the cache")?;

    let drops = follower.status().drops;
    shop.0.delete_many(doc! { "version": { "$gt": 100 } }).await?;
    let mut session = client.start_session().await?;
    session.start_transaction().await?;
    for number in 0..10 {
        let set = doc! { "$set": { "version": 7_i64 } };
        shop.0.update_one(doc! { "_id": id(number) }, set).session(&mut session).await?;
    }
    session.commit_transaction().await?;
    follower.caught_up().await?;
    must(stale(&cow, &shop).await? == 0, "many deletes, and a transaction")?;
    must(follower.status().drops == drops, "row by row")?;

    let namespace = |name: &str| format!("{}.{name}", database.name());
    let rename = doc! { "renameCollection": namespace(COLLECTION), "to": namespace(RENAMED) };
    client.database("admin").run_command(rename).await?;
    follower.caught_up().await?;
    must(stale(&cow, &shop).await? == 0, "renamed away: nothing is there")?;
    must(follower.status().drops > drops, "everything was invalidated")?;
    follower.stop().await;
    database.collection::<Document>(RENAMED).drop().await?;
    shop.0.drop().await?;
    Ok(())
}
