//! A master whom nobody can demote, and a reader with links to the sentinels of its own.

use cachecow::CacheCow;
use cachecow_tests::front::{Behind, Front};
use cachecow_tests::servers::RedisSentinels;
use cachecow_tests::store::Store;
use redis::Value;

use crate::load::names;
use crate::{invalidate, patient, until, version};

/// A master whom nobody can demote, and a reader with links to the sentinels of its own.
struct Linked {
    group: RedisSentinels,
    links: Vec<Front>,
    store: Store,
    reader: CacheCow,
}

impl Linked {
    async fn start() -> Self {
        // Woken, it would know of its successor only by chance before it is asked.
        let stubborn = ["--rename-command", "SLAVEOF", "", "--rename-command", "REPLICAOF", ""];
        let group = RedisSentinels::start_with(1, &stubborn).await;
        let mut links = Vec::new();
        for port in group.sentinel_ports() {
            links.push(Front::of(Behind::Port(port)).await);
        }
        let url = RedisSentinels::url_by(links.iter().map(Front::port));
        let (store, reader) = (Store::with_items(1), patient().open(&url).await.unwrap());
        assert_eq!(version(&reader, &store, 1).await, 1);
        let mut replica = group.connection(1).await;
        until("it is replicated", async || {
            let exists = redis::cmd("EXISTS").arg(&names(1)[0]).query_async(&mut replica).await;
            exists.unwrap()
        })
        .await;
        Self { group, links, store, reader }
    }

    /// Stops the master until another one has confirmed an invalidation.
    async fn switch(&self) {
        let writer = patient().open(&self.group.url()).await.unwrap();
        self.group.pause(0);
        until("a replica is promoted", async || self.group.master().await == 1).await;
        self.store.bump(1);
        invalidate(&writer, 1).await;
        self.group.resume(0);
        let mut former = self.group.connection(0).await;
        let role: Vec<Value> = redis::cmd("ROLE").query_async(&mut former).await.unwrap();
        assert_eq!(role[0], Value::BulkString(b"master".to_vec()), "it knows of nothing");
        let exists = redis::cmd("EXISTS").arg(&names(1)[0]).query_async(&mut former).await;
        assert!(exists.unwrap_or(false), "it has the old value");
    }

    /// Waits until the reader has left the former master, and looks whether it comes back.
    async fn is_led(&self) {
        until("the switch is noticed", async || version(&self.reader, &self.store, 1).await == 2)
            .await;
        for link in &self.links {
            link.comes("SENTINEL", 4).await;
            assert_eq!(version(&self.reader, &self.store, 1).await, 2);
        }
    }
}

#[tokio::test]
async fn a_switch_that_was_missed_while_the_links_were_cut_is_made_up_for() {
    let linked = Linked::start().await;
    linked.links.iter().for_each(|link| link.cut(true));
    linked.switch().await;
    linked.links.iter().for_each(|link| link.cut(false));
    linked.is_led().await;
}

#[tokio::test]
async fn a_switch_that_was_missed_since_the_links_had_gone_dead_is_made_up_for() {
    let linked = Linked::start().await;
    // As behind a router that has forgotten them; what is connected anew passes.
    linked.links.iter().for_each(Front::go_dead);
    linked.switch().await;
    linked.is_led().await;
}
