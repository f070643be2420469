//! Reads so many objects by so many tasks on one thread, for `tests/benches/instructions.sh` to count the
//! instructions of: `cachecow-instructions URL KIND TASKS OBJECTS`, where the kind is one of [`Client`]'s.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use cachecow::{CacheCow, Cached, Source};
use quick_cache::sync::Cache;
use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands as _, AsyncConnectionConfig, FromRedisValue};
use serde::{Deserialize, Serialize};

const USERS: u32 = 1_000;
const BATCH: u32 = 100;
/// Objects of a list.
const LIST: u32 = 20;
/// All is slow under valgrind, and a timeout would be no hit.
const PATIENCE: Duration = Duration::from_secs(60);

/// The object of `support/mod.rs`, without what needs the tests' servers.
#[derive(Debug, Serialize, Deserialize, Cached)]
#[cache(ttl = "1h")]
#[cache(key = "user:{id}", fetch = User::find)]
#[cache(key = "user:email:{email}", fetch = User::find_by_email)]
struct User {
    id: i64,
    name: String,
    email: String,
    company: String,
    active: bool,
    created_at: i64,
    logins: u32,
}

/// The same with a tag.
#[derive(Debug, Serialize, Deserialize, Cached)]
#[cache(ttl = "1h")]
#[cache(key = "tagged:{id}", fetch = Tagged::find)]
#[cache(tag = "company:{company}")]
struct Tagged {
    id: i64,
    name: String,
    email: String,
    company: String,
    active: bool,
    created_at: i64,
    logins: u32,
}

/// The same without a tag, of a type of which everything is invalidated at once.
#[derive(Debug, Serialize, Deserialize, Cached)]
#[cache(clearable = true, ttl = "1h")]
#[cache(key = "whole:{id}", fetch = Whole::find)]
struct Whole {
    id: i64,
    name: String,
    email: String,
    company: String,
    active: bool,
    created_at: i64,
    logins: u32,
}

/// The same in a list of twenty.
#[derive(Debug, Serialize, Deserialize, Cached)]
#[cache(ttl = "1h")]
#[cache(key = "listed:{id}", fetch = Listed::find, fetch_many = Listed::find_many)]
#[cache(list = "listed:group:{group}", fetch = Listed::of_group)]
struct Listed {
    id: i64,
    group: i64,
    name: String,
    email: String,
    company: String,
    active: bool,
    created_at: i64,
    logins: u32,
}

fn email(id: i64) -> String {
    format!("user{id:08}@example.com")
}

impl User {
    fn new(id: i64) -> Self {
        Self {
            id,
            name: "Augusta Ada King".to_owned(),
            email: email(id),
            company: "Analytical Engines of Lovelace".to_owned(),
            active: true,
            created_at: 1_700_000_000_000,
            logins: 70_000,
        }
    }

    async fn find(id: i64) -> Result<Self, Infallible> {
        Ok(Self::new(id))
    }

    async fn find_by_email(email: &str) -> Result<Option<Self>, Infallible> {
        Ok(email.get(4..12).and_then(|id| id.parse().ok()).map(Self::new))
    }
}

impl Tagged {
    async fn find(id: i64) -> Result<Self, Infallible> {
        let User { id, name, email, company, active, created_at, logins } = User::new(id);
        Ok(Self { id, name, email, company, active, created_at, logins })
    }
}

impl Whole {
    async fn find(id: i64) -> Result<Self, Infallible> {
        let User { id, name, email, company, active, created_at, logins } = User::new(id);
        Ok(Self { id, name, email, company, active, created_at, logins })
    }
}

impl Listed {
    fn new(id: i64) -> Self {
        let User { id, name, email, company, active, created_at, logins } = User::new(id);
        Self { id, group: id / i64::from(LIST), name, email, company, active, created_at, logins }
    }

    async fn find(id: i64) -> Result<Self, Infallible> {
        Ok(Self::new(id))
    }

    async fn find_many(ids: &[i64]) -> Result<Vec<Self>, Infallible> {
        Ok(ids.iter().copied().map(Self::new).collect())
    }

    async fn of_group(group: i64) -> Result<Vec<Self>, Infallible> {
        Ok(list(group).map(Self::new).collect())
    }
}

/// A way to read, and beside each of cachecow's the bare way to the same.
#[derive(Clone)]
enum Client {
    /// By the primary key, and `GET`.
    Hit(CacheCow),
    BareHit(MultiplexedConnection),
    /// By an alias, and two `GET`s.
    Alias(CacheCow),
    BareAlias(MultiplexedConnection),
    /// With a tag, and `MGET` of the object and an epoch.
    Tagged(CacheCow),
    BareTagged(MultiplexedConnection),
    /// Of a clearable type; the bare way is that of a tag.
    Whole(CacheCow),
    /// A batch, and `MGET`.
    Many(CacheCow),
    BareMany(MultiplexedConnection),
    /// A list, and `get_many` of its members.
    List(CacheCow),
    BareList(CacheCow),
    /// From this process's memory.
    Near(CacheCow),
    BareNear(Arc<Cache<i64, Arc<User>>>),
}

impl Client {
    async fn open(url: &str, kind: &str) -> Self {
        let builder = CacheCow::builder().operation_timeout(PATIENCE);
        let near = builder.clone().near(1 << 30);
        let client = redis::Client::open(url).expect("a Redis URL");
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(PATIENCE));
        let bare = client.get_multiplexed_async_connection_with_config(&config).await;
        let bare = bare.expect("the server runs");
        // What is exported counts for itself; see `CacheCow::metrics`.
        let open = async || {
            let builder = if kind == "near" { near.clone() } else { builder.clone() };
            let cow = builder.open(url).await.expect("a Redis URL");
            if std::env::var_os("CACHECOW_METRICS").is_some() {
                drop(cow.metrics());
            }
            cow
        };
        match kind {
            "hit" => Self::Hit(open().await),
            "bare-hit" => Self::BareHit(bare),
            "alias" => Self::Alias(open().await),
            "bare-alias" => Self::BareAlias(bare),
            "tagged" => Self::Tagged(open().await),
            "whole" => Self::Whole(open().await),
            "bare-tagged" | "bare-whole" => Self::BareTagged(bare),
            "many" => Self::Many(open().await),
            "bare-many" => Self::BareMany(bare),
            "list" => Self::List(open().await),
            "bare-list" => Self::BareList(open().await),
            "near" => Self::Near(open().await),
            "bare-near" => Self::BareNear(Arc::new(Cache::new(2 * USERS as usize))),
            _ => panic!("no such kind: {kind}"),
        }
    }

    async fn store(&mut self, id: i64) {
        let key = format!("map:user:{id}");
        let value = rmp_serde::to_vec_named(&User::new(id)).expect("a user");
        match self {
            Self::BareNear(cache) => cache.insert(id, Arc::new(User::new(id))),
            Self::BareHit(bare)
            | Self::BareAlias(bare)
            | Self::BareTagged(bare)
            | Self::BareMany(bare) => {
                let () = bare.set(format!("email:{}", email(id)), &key).await.expect("it runs");
                let () = bare.set("epoch", &[7; 16]).await.expect("it runs");
                let () = bare.set(key, value).await.expect("it runs");
            }
            Self::Near(cow) => {
                // Near begins with the server's first word, and keeps what is a hit then.
                while cow.read(User::by_id(id)).await.expect("no fetch fails").source
                    != Source::Near
                {
                    tokio::task::yield_now().await;
                }
            }
            // The second read is the first hit, and hits decide what later reads ask first.
            Self::Many(cow) => {
                for _ in 0..2 {
                    cow.get(User::by_id(id)).await.expect("the source does not fail");
                }
            }
            _ => {
                for _ in 0..2 {
                    self.read(id).await;
                }
            }
        }
    }

    /// Reads this object, or the batch that begins with it.
    async fn read(&mut self, id: i64) {
        let found = match self {
            Self::Hit(cow) | Self::Near(cow) => {
                cow.get(User::by_id(id)).await.expect("no fetch fails").expect("stored").id
            }
            Self::Alias(cow) => {
                let found = cow.get(User::by_email(email(id))).await;
                found.expect("no fetch fails").expect("stored").id
            }
            Self::Tagged(cow) => {
                cow.get(Tagged::by_id(id)).await.expect("no fetch fails").expect("stored").id
            }
            Self::Whole(cow) => {
                cow.get(Whole::by_id(id)).await.expect("no fetch fails").expect("stored").id
            }
            Self::Many(cow) => {
                let users = cow.get_many(batch(id).map(User::by_id)).await;
                let users = users.expect("no fetch fails");
                users.iter().map(|user| user.as_ref().expect("stored").id).min().expect("some")
            }
            Self::List(cow) => {
                let group = id / i64::from(LIST);
                let listed = cow.list(Listed::list_by_group(group)).await.expect("no fetch fails");
                listed.iter().position(|one| one.id == id).expect("a member");
                id
            }
            Self::BareList(cow) => {
                let members = list(id / i64::from(LIST)).map(Listed::by_id);
                let listed = cow.get_many(members).await.expect("no fetch fails");
                let one = |one: &Option<Arc<Listed>>| one.as_ref().expect("stored").id;
                listed.iter().map(one).find(|one| *one == id).expect("a member")
            }
            Self::BareHit(bare) => decode(get(bare, &format!("map:user:{id}")).await).id,
            Self::BareAlias(bare) => {
                let key: String = get(bare, &format!("email:{}", email(id))).await;
                decode(get(bare, &key).await).id
            }
            Self::BareTagged(bare) => {
                let keys = [format!("map:user:{id}"), "epoch".to_owned()];
                let (value, epoch): (Vec<u8>, Vec<u8>) = bare.mget(&keys).await.expect("it runs");
                assert_eq!(epoch, [7; 16]);
                decode(value).id
            }
            Self::BareMany(bare) => {
                let keys: Vec<_> = batch(id).map(|id| format!("map:user:{id}")).collect();
                let values: Vec<Vec<u8>> = bare.mget(&keys).await.expect("it runs");
                let users: Vec<_> = values.into_iter().map(decode).collect();
                users.iter().map(|user| user.id).min().expect("some")
            }
            Self::BareNear(cache) => cache.get(&id).expect("stored").id,
        };
        assert_eq!(found, id);
    }

    /// How many objects a read reads.
    fn batch(&self) -> u32 {
        match self {
            Self::Many(_) | Self::BareMany(_) => BATCH,
            Self::List(_) | Self::BareList(_) => LIST,
            _ => 1,
        }
    }
}

async fn get<T: FromRedisValue>(bare: &mut MultiplexedConnection, key: &str) -> T {
    bare.get(key).await.expect("the server runs")
}

fn decode(value: Vec<u8>) -> User {
    rmp_serde::from_slice(&value).expect("stored by us")
}

/// The users of the batch that begins with this one.
fn batch(first: i64) -> impl Iterator<Item = i64> {
    first..first + i64::from(BATCH)
}

/// The members of a list.
fn list(group: i64) -> impl Iterator<Item = i64> {
    group * i64::from(LIST)..(group + 1) * i64::from(LIST)
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, kind, tasks, objects] = &arguments[..] else { panic!("URL KIND TASKS OBJECTS") };
    let (tasks, objects): (u32, u32) = (number(tasks), number(objects));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let mut client = Client::open(url, kind).await;
        for id in 0..USERS + BATCH {
            client.store(id.into()).await;
        }
        let reads = objects / client.batch() / tasks;
        let running: Vec<_> = (0..tasks)
            .map(|task| {
                let mut client = client.clone();
                tokio::spawn(async move {
                    for read in 0..reads {
                        client.read(i64::from((task * 13 + read * 7) % USERS)).await;
                    }
                })
            })
            .collect();
        for task in running {
            task.await.expect("no task fails");
        }
    });
}

fn number(text: &str) -> u32 {
    text.parse().expect("a number")
}
