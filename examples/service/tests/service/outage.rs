//! Redis dies, hangs and comes back, while clients read and write. No committed write returns an error, no endpoint
//! fails, and the process that wrote serves nothing stale. Other processes serve nothing stale either, once Redis
//! has confirmed the invalidations.

use std::time::Duration;

use cachecow::CacheCow;
use cachecow_tests::servers::RedisServer;
use futures_util::future::{join, join_all};
use reqwest::StatusCode;
use service::app::App;

use crate::support::{Servers, Service, post, until, user};
use crate::world::{Fault, World};

const ROUNDS: usize = 3;

fn any(_: &Fault) -> bool {
    true
}

/// Ignores stale reads: another process may serve them until Redis has confirmed the invalidations.
fn failures(fault: &Fault) -> bool {
    matches!(fault, Fault::Failed(_))
}

/// A service that waits for Redis for longer than a busy machine delays an answer. Under a fault it waits for that long
/// again and again.
async fn patient(servers: &Servers) -> Service {
    for_up_to(Duration::from_secs(1), servers).await
}

async fn for_up_to(timeout: Duration, servers: &Servers) -> Service {
    let builder = CacheCow::builder().operation_timeout(timeout);
    let cow = builder.open(&servers.redis.url()).await.expect("a valid address");
    Service::start(App::new(servers.app().await.db, cow)).await
}

async fn rounds(world: &World, service: &Service) {
    for _ in 0..ROUNDS {
        world.round(&service.client).await;
        every_endpoint_works(service).await;
    }
}

/// Waits until Redis is used again, and has confirmed all invalidations.
async fn is_back(service: &Service) {
    until(async || {
        // To notice it at once; otherwise a later read would.
        service.app.cow.ping().await.is_ok() && reasons(service).await.is_empty()
    })
    .await;
}

/// The reasons why a person should look at the service; it must always be ready.
async fn reasons(service: &Service) -> Vec<String> {
    let health = service.client.get("/healthz").await.expect(StatusCode::OK);
    assert_eq!(health["ready"], true, "{health}");
    let degraded = health["degraded"].as_array().expect("reasons").iter();
    degraded.map(|reason| reason["by"].as_str().expect("a word").to_owned()).collect()
}

async fn under(fault: impl AsyncFn(&mut RedisServer), back: impl AsyncFn(&mut RedisServer)) {
    let mut servers = Servers::start();
    let (writer, other) = (patient(&servers).await, patient(&servers).await);
    let world = World::new(&writer).await;
    let reading = join_all([
        world.read(&writer.client, any),
        world.read(&writer.client, any),
        world.read(&other.client, failures),
    ]);
    let (looks, ()) = join(reading, async {
        rounds(&world, &writer).await;
        fault(&mut servers.redis).await;
        rounds(&world, &writer).await;
        let reasons = reasons(&writer).await;
        assert!(reasons.contains(&"invalidations_pending".to_owned()), "{reasons:?}");
        back(&mut servers.redis).await;
        rounds(&world, &writer).await;
        is_back(&writer).await;
        is_back(&other).await;
        world.end();
    })
    .await;
    assert!(looks.iter().all(|looks| *looks > 0), "{looks:?}");
    for service in [&writer, &other] {
        service.agrees_with_the_database(&world.paths()).await;
        world.round(&writer.client).await;
        is_back(&writer).await;
        world.look(&service.client).await.expect("nothing is stale any more");
    }
    let stats = writer.stats().await;
    assert!(stats["types"]["User"]["backend_errors"].as_u64() > Some(0), "it was felt: {stats}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_is_killed_and_comes_back() {
    under(async |redis| redis.kill(), async |redis| redis.restart()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_hangs_and_goes_on() {
    under(async |redis| redis.pause(), async |redis| redis.resume()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_is_not_there_at_the_start() {
    let mut servers = Servers::start();
    servers.redis.kill();
    let service = patient(&servers).await;
    every_endpoint_works(&service).await;
    servers.redis.restart();
    is_back(&service).await;
    every_endpoint_works(&service).await;
}

/// A value that Redis kept during the outage is not served to other processes, once the invalidation is confirmed.
/// The control: a change that bypassed the service is still stale.
#[tokio::test]
async fn what_redis_missed_is_made_up_for() {
    let servers = Servers::start();
    // What is not stored, or not found in time, is not stale.
    let open = async || for_up_to(Duration::from_secs(5), &servers).await;
    let (writer, other) = (open().await, open().await);
    let (told, untold) = (writer.user("ann").await, writer.user("bob").await);
    let [told_at, untold_at] = [told, untold].map(|id| format!("/users/{id}"));
    for path in [&told_at, &untold_at] {
        other.client.get(path).await.expect(StatusCode::OK);
    }
    servers.redis.pause();
    writer.client.put(&told_at, &user("ann", "new")).await.expect(StatusCode::OK);
    let update = sqlx::query("UPDATE users SET name = 'new' WHERE id = $1").bind(untold);
    update.execute(&writer.app.db).await.expect("the database is there");
    assert_eq!(writer.stats().await["pending_invalidations"], 2, "by id and by e-mail");
    servers.redis.resume();
    is_back(&writer).await;
    is_back(&other).await;
    assert_eq!(other.client.get(&told_at).await.expect(StatusCode::OK)["name"], "new");
    assert_eq!(other.client.get(&untold_at).await.expect(StatusCode::OK)["name"], "bob");
}

/// Each endpoint once, with a user and posts of its own.
async fn every_endpoint_works(service: &Service) {
    let client = &service.client;
    let made = client.post("/users", &user("temporary", "Ada")).await.expect(StatusCode::CREATED);
    let id = made["id"].as_i64().expect("an id");
    let path = format!("/users/{id}");
    client.get(&path).await.expect(StatusCode::OK);
    let changed = client.put(&path, &user("Temporary", "Bea")).await.expect(StatusCode::OK);
    for found in [
        client.get(&path).await.expect(StatusCode::OK),
        client.get("/users?email=temporary@example.org").await.expect(StatusCode::OK),
        client.get(&format!("/users?ids={id}")).await.expect(StatusCode::OK)[0].clone(),
    ] {
        assert_eq!(found, changed);
    }
    let first = service.post(id, "one").await;
    let path_of_first = format!("/posts/{first}");
    let changed = client.put(&path_of_first, &post("two")).await.expect(StatusCode::OK);
    for found in [
        client.get(&path_of_first).await.expect(StatusCode::OK),
        client.get(&format!("/posts?ids={first}")).await.expect(StatusCode::OK)[0].clone(),
        client.get(&format!("/authors/{id}/posts")).await.expect(StatusCode::OK)[0].clone(),
        client.get("/posts/latest").await.expect(StatusCode::OK)[0].clone(),
    ] {
        assert_eq!(found, changed);
    }
    client.delete(&path).await.expect(StatusCode::CONFLICT);
    client.delete(&path_of_first).await.expect(StatusCode::NO_CONTENT);
    client.get(&path_of_first).await.expect(StatusCode::NOT_FOUND);
    client.delete(&path).await.expect(StatusCode::NO_CONTENT);
    client.get(&path).await.expect(StatusCode::NOT_FOUND);
    client.get("/users?email=temporary@example.org").await.expect(StatusCode::NOT_FOUND);
    for always in ["/healthz", "/stats"] {
        client.get(always).await.expect(StatusCode::OK);
    }
    client.text("/metrics").await;
}
