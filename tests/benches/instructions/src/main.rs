//! Makes so many hits by so many tasks on one thread, for `tests/benches/instructions.sh` to count the
//! instructions of: `cachecow-instructions URL cachecow|bare TASKS HITS`.

use std::convert::Infallible;

use cachecow::{CacheCow, Cached};
use redis::aio::MultiplexedConnection;
use serde::{Deserialize, Serialize};

const USERS: u32 = 1_000;

/// The object of `support/mod.rs`, without what needs the tests' servers.
#[derive(Debug, Serialize, Deserialize, Cached)]
#[cache(ttl = "1h")]
#[cache(key = "user:{id}", fetch = User::find)]
struct User {
    id: i64,
    name: String,
    email: String,
    company: String,
    active: bool,
    created_at: i64,
    logins: u32,
}

impl User {
    fn new(id: i64) -> Self {
        Self {
            id,
            name: "Augusta Ada King".to_owned(),
            email: format!("user{id:08}@example.com"),
            company: "Analytical Engines of Lovelace".to_owned(),
            active: true,
            created_at: 1_700_000_000_000,
            logins: 70_000,
        }
    }

    async fn find(id: i64) -> Result<Self, Infallible> {
        Ok(Self::new(id))
    }
}

#[derive(Clone)]
enum Client {
    CacheCow(CacheCow),
    Bare(MultiplexedConnection),
}

impl Client {
    async fn open(url: &str, name: &str) -> Self {
        match name {
            "cachecow" => Self::CacheCow(CacheCow::open(url).await.expect("a Redis URL")),
            "bare" => {
                let client = redis::Client::open(url).expect("a Redis URL");
                let connecting = client.get_multiplexed_async_connection();
                Self::Bare(connecting.await.expect("the server runs"))
            }
            _ => panic!("cachecow or bare"),
        }
    }

    async fn store(&mut self, id: i64) {
        match self {
            // The second read is the first hit, and hits decide what later reads ask first.
            Self::CacheCow(cow) => {
                for _ in 0..2 {
                    cow.get(User::by_id(id)).await.expect("the source does not fail");
                }
            }
            Self::Bare(connection) => {
                let value = rmp_serde::to_vec_named(&User::new(id)).expect("a user");
                let mut set = redis::cmd("SET");
                set.arg(format!("map:user:{id}")).arg(value).arg("PX").arg(3_600_000);
                set.exec_async(connection).await.expect("the server runs");
            }
        }
    }

    async fn hit(&mut self, id: i64) {
        let found = match self {
            Self::CacheCow(cow) => {
                cow.get(User::by_id(id)).await.expect("no fetch fails").expect("stored").id
            }
            Self::Bare(connection) => {
                let mut get = redis::cmd("GET");
                get.arg(format!("map:user:{id}"));
                let value: Vec<u8> = get.query_async(connection).await.expect("the server runs");
                rmp_serde::from_slice::<User>(&value).expect("stored by us").id
            }
        };
        assert_eq!(found, id);
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, name, tasks, hits] = &arguments[..] else { panic!("URL CLIENT TASKS HITS") };
    let (tasks, hits): (u32, u32) = (number(tasks), number(hits));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let mut client = Client::open(url, name).await;
        for id in 0..USERS {
            client.store(id.into()).await;
        }
        let running: Vec<_> = (0..tasks)
            .map(|task| {
                let mut client = client.clone();
                tokio::spawn(async move {
                    for hit in 0..hits / tasks {
                        client.hit(i64::from((task * 13 + hit * 7) % USERS)).await;
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
