//! What an outbox is followed through: its database is restarted, the link to it is cut or hangs, the cache is out of reach.

use std::time::Instant;

use cachecow::CacheCow;
use cachecow::log::{Follower, FollowerState, Outbox};
use cachecow_tests::followed::{Database, Note};
use cachecow_tests::relay::Relay;
use cachecow_tests::servers::RedisServer;

struct Shop {
    database: Database,
    redis: RedisServer,
    cow: CacheCow,
}

impl Shop {
    /// One note, and triggers that tell of it.
    async fn open() -> Self {
        let (database, redis) = (Database::without_setup(&[]).await, RedisServer::start());
        let setup = Outbox::from_pool(database.pool.clone()).setup_sql::<(Note,)>().unwrap();
        sqlx::raw_sql(&setup).execute(&database.pool).await.unwrap();
        database.run("insert into notes values (1, 'old')").await;
        let cow = CacheCow::open(&redis.url()).await.unwrap();
        Self { database, redis, cow }
    }

    /// A follower that caught up, and the note in the cache.
    async fn follow(&self, outbox: Outbox) -> Follower {
        let follower = self.cow.follow(outbox).types::<(Note,)>().start().await.unwrap();
        follower.caught_up().await.unwrap();
        assert_eq!(self.text().await, "old");
        follower
    }

    async fn text(&self) -> String {
        let note = self.cow.with(&self.database.pool).get(Note::by_id(1)).await.unwrap();
        note.unwrap().text.clone()
    }

    async fn change(&self, text: &str) {
        self.database.run(&format!("update notes set text = '{text}'")).await;
    }
}

async fn until_down(follower: &Follower) {
    while follower.status().state != FollowerState::Down {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_an_outbox_that_is_cut_or_hangs_loses_nothing() {
    let shop = Shop::open().await;
    let folder = shop.database.server.socket_folder();
    let relay = Relay::before(&folder.join(".s.PGSQL.5432"));
    let own = shop.database.server.url();
    let url = own.replace(&folder.display().to_string(), &relay.folder().display().to_string());
    let follower = shop.follow(Outbox::connect(url)).await;
    let drops = follower.status().drops;
    for (fault, change) in [(Relay::cut as fn(&Relay), "cut"), (Relay::hang, "hung")] {
        fault(&relay);
        shop.change(change).await;
        // A link that hangs is given up.
        until_down(&follower).await;
        let error = follower.status().error.unwrap();
        assert!(error.contains("cannot be reached"), "{error}");
        let since = Instant::now();
        relay.mend();
        follower.caught_up().await.unwrap();
        println!("{change}: caught up {:.1?} after the link stood again", since.elapsed());
        assert_eq!(shop.text().await, change);
    }
    assert_eq!(follower.status().drops, drops, "nothing was lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_with_an_outbox_that_restarts_is_followed_on() {
    let mut shop = Shop::open().await;
    let follower = shop.follow(Outbox::from_pool(shop.database.pool.clone())).await;
    let drops = follower.status().drops;
    let since = Instant::now();
    shop.database.server.restart();
    shop.change("new").await;
    follower.caught_up().await.unwrap();
    println!("caught up {:.1?} after the database was stopped", since.elapsed());
    assert_eq!(shop.text().await, "new");
    assert_eq!(follower.status().drops, drops, "nothing was lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_during_an_outage_of_the_cache_stay_in_the_outbox() {
    let shop = Shop::open().await;
    let follower = shop.follow(Outbox::from_pool(shop.database.pool.clone())).await;
    let drops = follower.status().drops;
    shop.redis.pause();
    shop.change("new").await;
    while follower.status().error.is_none() {
        tokio::task::yield_now().await;
    }
    let kept = "select count(*) from cachecow_outbox where source = 'notes'";
    let kept: i64 = sqlx::query_scalar(kept).fetch_one(&shop.database.pool).await.unwrap();
    assert_eq!(kept, 1);
    shop.redis.resume();
    follower.caught_up().await.unwrap();
    assert_eq!(shop.text().await, "new");
    assert_eq!(follower.status().drops, drops, "nothing was lost");
}
