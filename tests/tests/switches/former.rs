//! What a former master says after its successor is known.

use std::pin::pin;
use std::time::Duration;

use cachecow::protocol::{Command, Reply, Token};
use cachecow::{BackendError, BackendErrorKind, CacheBackend as _, RedisBackend, Request};
use cachecow::{Key, Lookup as _};
use cachecow_tests::servers::RedisServer;
use cachecow_tests::store::Item;
use futures_util::future::join_all;
use futures_util::poll;

use crate::load::names;
use crate::nodes::Nodes;
use crate::sentinels::Scripted;
use crate::{PATIENCE, until};

fn key() -> Key {
    Item::by_id(1).key().key()
}

fn backend(url: &str) -> RedisBackend {
    RedisBackend::from_url(url, PATIENCE).unwrap()
}

async fn ask(backend: &RedisBackend, command: Command) -> Result<Reply, BackendError> {
    backend.execute(vec![Request { key: key(), command }]).await.remove(0)
}

/// Gives all servers the same value, as replication would.
async fn store(servers: &[RedisServer]) {
    for server in servers {
        let mut connection = server.connection().await;
        let mut set = redis::cmd("SET");
        let _: () = set.arg(&names(1)[0]).arg("old").query_async(&mut connection).await.unwrap();
    }
}

fn is_old(found: &Result<Reply, BackendError>) -> bool {
    matches!(found, Ok(Reply::Value(value)) if **value == *b"old")
}

#[tokio::test]
async fn sentinels_a_confirmation_after_the_switch_was_heard_is_none() {
    let group = Scripted::start([(4, 0); 3]).await;
    let backend = backend(&group.url());
    // From now on the server knows the script.
    assert_eq!(ask(&backend, Command::Invalidate).await, Ok(Reply::Done));
    store(&group.servers).await;
    assert!(is_old(&backend.lookup(key()).await));

    group.fronts[0].hold_up(true);
    let mut invalidation = pin!(ask(&backend, Command::Invalidate));
    assert!(poll!(&mut invalidation).is_pending());
    group.say([(5, 1); 3]);
    group.heard().await;
    group.fronts[0].hold_up(false);
    let error = invalidation.await.unwrap_err();
    assert_eq!(error.kind(), BackendErrorKind::Disconnected);
    assert!(error.to_string().contains("the master was switched"), "{error}");
    assert!(!group.has(0, 1).await && group.has(1, 1).await, "only the former master knows");
    assert_eq!(ask(&backend, Command::Invalidate).await, Ok(Reply::Done));
    assert!(!group.has(1, 1).await);
}

#[tokio::test]
async fn sentinels_a_connection_from_before_the_switch_is_not_used() {
    let group = Scripted::start([(4, 0); 3]).await;
    assert_eq!(ask(&backend(&group.url()), Command::Invalidate).await, Ok(Reply::Done));
    store(&group.servers).await;

    // It waits for the former master's first answer.
    group.fronts[0].hold_up(true);
    let backend = backend(&group.url());
    let mut invalidation = pin!(ask(&backend, Command::Invalidate));
    let asked = join_all(group.sentinels.iter().map(|sentinel| sentinel.comes("SENTINEL", 4)));
    tokio::select! {
        biased;
        answer = &mut invalidation => panic!("{answer:?}"),
        _ = asked => {}
    }
    group.say([(5, 1); 3]);
    group.heard().await;
    group.fronts[0].hold_up(false);
    assert_eq!(invalidation.await, Ok(Reply::Done));
    assert!(group.has(0, 1).await && !group.has(1, 1).await, "the new master was told");
    assert_eq!(backend.lookup(key()).await, Ok(Reply::Absent));
}

#[tokio::test]
async fn cluster_an_invalidation_that_only_the_former_owner_knows_is_repeated() {
    let cluster = Nodes::start().await;
    let backend = backend(&cluster.url());
    assert_eq!(ask(&backend, Command::Invalidate).await, Ok(Reply::Done));
    store(&cluster.servers).await;
    assert!(is_old(&backend.lookup(key()).await));

    cluster.fronts[0].hold_up(true);
    let mut invalidation = pin!(ask(&backend, Command::Invalidate));
    assert!(poll!(&mut invalidation).is_pending());
    cluster.fail_over().await;
    assert!(is_old(&backend.lookup(key()).await), "by the new owner");
    cluster.fronts[0].hold_up(false);
    assert_eq!(invalidation.await, Ok(Reply::Done));
    assert_eq!(backend.lookup(key()).await, Ok(Reply::Absent));
    assert!(!cluster.has(0, 1).await && !cluster.has(1, 1).await);
}

#[tokio::test]
async fn cluster_a_claim_that_the_former_owner_grants_stores_nothing() {
    let cluster = Nodes::start().await;
    let backend = backend(&cluster.url());
    let claim = |number| Command::Claim {
        token: Token::from_bytes([number; 16]),
        lease: PATIENCE,
        replacing: None,
    };
    let Ok(Reply::Claimed(_)) = ask(&backend, claim(1)).await else { panic!("it is free") };
    assert_eq!(ask(&backend, Command::Invalidate).await, Ok(Reply::Done));

    cluster.fronts[0].hold_up(true);
    let mut claiming = pin!(ask(&backend, claim(2)));
    assert!(poll!(&mut claiming).is_pending());
    cluster.fail_over().await;
    cluster.fronts[0].hold_up(false);
    let Ok(Reply::Claimed(grant)) = claiming.await else { panic!("the former owner grants it") };
    let token = Token::from_bytes([2; 16]).granted(grant);
    let fill = Command::Fill { token, value: "old".into(), ttl: PATIENCE };
    assert_eq!(ask(&backend, fill).await, Ok(Reply::Refused));
    assert!(!cluster.has(0, 1).await && !cluster.has(1, 1).await);
}

#[tokio::test]
async fn cluster_the_former_owner_alone_is_not_believed() {
    let cluster = Nodes::start().await;
    // So that a round does not wait for long for a node that hangs.
    let backend = RedisBackend::from_url(&cluster.url(), Duration::from_millis(500)).unwrap();
    store(&cluster.servers).await;
    until("it is found", async || is_old(&backend.lookup(key()).await)).await;
    cluster.fail_over().await;
    until("the new owner knows", async || {
        ask(&backend, Command::Invalidate).await.is_ok() && !cluster.has(1, 1).await
    })
    .await;

    // The new owner does not answer, and the former one does again.
    cluster.fronts[1].hold_up(true);
    cluster.fronts[0].hold_up(false);
    for _ in 0..4 {
        cluster.fronts[0].comes("CLUSTER", 3).await;
        let found = backend.lookup(key()).await;
        assert!(!is_old(&found), "{found:?}");
    }
    // When both answer, the new one is believed.
    cluster.fronts[1].hold_up(false);
    until("it answers", async || backend.lookup(key()).await.is_ok()).await;
    for _ in 0..4 {
        cluster.fronts[0].comes("CLUSTER", 1).await;
        let found = backend.lookup(key()).await;
        assert!(!is_old(&found), "{found:?}");
    }
    assert!(cluster.has(0, 1).await, "the former owner has the old value");
}
