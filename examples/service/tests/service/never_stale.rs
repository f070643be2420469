//! A read that begins after a write has returned is never older than the write, whichever process answers.

use std::sync::Arc;

use futures_util::future::{join, join_all};
use reqwest::StatusCode;

use crate::support::Servers;
use crate::world::{Fault, World};

const ROUNDS: u64 = 40;
const READERS: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_after_writes_are_never_stale() {
    let servers = Servers::start();
    let services = [servers.service().await, servers.service().await];
    let world = World::new(&services[0]).await;
    let clients = services.iter().cycle().take(READERS).map(|service| &service.client);
    let reading = join_all(clients.map(|client| world.read(client, |_| true)));
    let (looks, ()) = join(reading, async {
        for round in 0..ROUNDS {
            world.round(&services[usize::from(round % 2 == 1)].client).await;
        }
        world.end();
    })
    .await;
    assert!(looks.iter().all(|looks| *looks > 0), "{looks:?}");
    for service in &services {
        service.agrees_with_the_database(&world.paths()).await;
        let stats = service.stats().await;
        assert!(stats["types"]["User"]["hits"].as_u64() > Some(0), "the cache took part: {stats}");
    }
}

/// The control: the readers detect a write without an invalidation.
#[tokio::test]
async fn a_write_past_the_service_is_found() {
    let servers = Servers::start();
    let service = servers.service().await;
    let world = World::new(&service).await;
    world.look(&service.client).await.expect("all is well");
    world.round_behind_its_back(&service).await;
    let found = world.look(&service.client).await;
    assert!(matches!(found, Err(Fault::Stale(what)) if what == "the user by id"));
}

/// Many clients ask for a user that does not exist, while it is created.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_looked_for_in_vain_is_found_once_it_exists() {
    let servers = Servers::start();
    let service = Arc::new(servers.service().await);
    for round in 0..10 {
        let path = format!("/users?email=new-{round}@example.org");
        let asking = join_all((0..8).map(|_| service.client.get(&path)));
        let (answers, id) = join(asking, service.user(&format!("new-{round}"))).await;
        assert!(answers.iter().all(|answer| answer.status != StatusCode::INTERNAL_SERVER_ERROR));
        assert_eq!(service.client.get(&path).await.expect(StatusCode::OK)["id"], id);
        let by_id = service.client.get(&format!("/users/{id}")).await;
        by_id.expect(StatusCode::OK);
        // And the other way round.
        let gone = service.client.delete(&format!("/users/{id}")).await;
        gone.expect(StatusCode::NO_CONTENT);
        service.client.get(&path).await.expect(StatusCode::NOT_FOUND);
        let by_id = service.client.get(&format!("/users/{id}")).await;
        by_id.expect(StatusCode::NOT_FOUND);
    }
}
