//! What each endpoint answers.

use cachecow_tests::servers::PostgresServer;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use service::app::App;

use crate::support::{Servers, Service, post, user};

/// Without a Redis: the cache is in the process's memory.
async fn embedded(postgres: &PostgresServer) -> Service {
    Service::start(App::open(&postgres.url(), "memory://").await.expect("it is there")).await
}

#[tokio::test]
async fn users_are_made_found_changed_and_deleted() {
    let servers = Servers::start();
    let Service { client, .. } = &servers.service().await;
    let made = client.post("/users", &json!({ "email": " Ada@Example.org ", "name": "Ada" })).await;
    let ada = made.expect(StatusCode::CREATED);
    assert_eq!(ada, json!({ "id": ada["id"], "email": "ada@example.org", "name": "Ada" }));
    let path = format!("/users/{}", ada["id"]);
    for uncached in ["", "/uncached"] {
        for _ in 0..2 {
            let by_id = client.get(&format!("{uncached}{path}")).await;
            let by_email = client.get(&format!("{uncached}/users?email=ADA@example.org")).await;
            assert_eq!(by_id.expect(StatusCode::OK), ada);
            assert_eq!(by_email.expect(StatusCode::OK), ada);
        }
    }
    let bea = client.put(&path, &user("bea", "Bea")).await.expect(StatusCode::OK);
    assert_eq!(bea, json!({ "id": ada["id"], "email": "bea@example.org", "name": "Bea" }));
    assert_eq!(client.get(&path).await.expect(StatusCode::OK), bea);
    let by_old = client.get("/users?email=ada@example.org").await;
    assert_eq!(by_old.refusal(StatusCode::NOT_FOUND), "there is no such user");
    assert_eq!(client.get("/users?email=bea@example.org").await.expect(StatusCode::OK), bea);
    assert_eq!(client.delete(&path).await.expect(StatusCode::NO_CONTENT), Value::Null);
    for answer in [
        client.get(&path).await,
        client.put(&path, &user("ada", "Ada")).await,
        client.delete(&path).await,
    ] {
        assert_eq!(answer.refusal(StatusCode::NOT_FOUND), "there is no such user");
    }
}

#[tokio::test]
async fn many_are_found_in_the_order_asked_for() {
    let servers = Servers::start();
    let service = servers.service().await;
    let mut ids = Vec::new();
    for n in 0..20 {
        ids.push(service.user(&format!("user-{n}")).await);
    }
    let (last, first) = (ids[19], ids[0]);
    for path in ["", "/uncached"].map(|uncached| format!("{uncached}/users?ids={last},999,{first}"))
    {
        let found = service.client.get(&path).await.expect(StatusCode::OK);
        assert_eq!((&found[0]["id"], &found[2]["id"]), (&json!(last), &json!(first)));
        assert_eq!(found[1], Value::Null);
    }
    let all = ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    for _ in 0..2 {
        let found = service.client.get(&format!("/users?ids={all}")).await.expect(StatusCode::OK);
        assert_eq!(found.as_array().expect("a list").len(), 20);
    }
    assert!(service.stats().await["types"]["User"]["hits"].as_u64() >= Some(20));
}

#[tokio::test]
async fn posts_are_made_listed_moved_and_deleted() {
    let servers = Servers::start();
    let service = servers.service().await;
    let client = &service.client;
    let (ada, bea) = (service.user("ada").await, service.user("bea").await);
    let titles = async |path: String| {
        let posts = client.get(&path).await.expect(StatusCode::OK);
        let posts = posts.as_array().expect("a list").clone();
        posts
            .iter()
            .map(|post| post["title"].as_str().expect("text").to_owned())
            .collect::<Vec<_>>()
    };
    let of = async |author: i64| titles(format!("/authors/{author}/posts")).await;
    // Everything is read before each change, so that it is cached.
    let mut ids = Vec::new();
    for expected in [&[] as &[&str], &["one"], &["two", "one"]] {
        assert_eq!(of(ada).await, expected);
        assert_eq!(titles("/posts/latest".into()).await, expected);
        if let Some(title) = ["one", "two"].get(ids.len()) {
            // The absence of the next id is cached, and must not be served later.
            let next = ids.last().map(|last| format!("/posts/{}", last + 1));
            if let Some(next) = &next {
                client.get(next).await.expect(StatusCode::NOT_FOUND);
            }
            ids.push(service.post(ada, title).await);
            if let Some(next) = &next {
                client.get(next).await.expect(StatusCode::OK);
            }
        }
    }
    assert!(of(bea).await.is_empty());
    let path = format!("/posts/{}", ids[0]);
    client.put(&path, &post("three")).await.expect(StatusCode::OK);
    assert_eq!(
        (of(ada).await, titles("/posts/latest".into()).await[1].as_str()),
        (vec!["two".into(), "three".into()], "three")
    );
    let moved = client.put(&format!("{path}/author"), &json!({ "author_id": bea })).await;
    assert_eq!(moved.expect(StatusCode::OK)["author_id"], bea);
    let latest = client.get("/posts/latest").await.expect(StatusCode::OK);
    assert_eq!((&latest[0]["author_id"], &latest[1]["author_id"]), (&json!(ada), &json!(bea)));
    assert_eq!((of(ada).await, of(bea).await), (vec!["two".into()], vec!["three".into()]));
    client.delete(&path).await.expect(StatusCode::NO_CONTENT);
    assert_eq!((of(bea).await, titles("/posts/latest".into()).await), (vec![], vec!["two".into()]));
    for nobody in
        [client.get(&path).await, client.put(&path, &post("x")).await, client.delete(&path).await]
    {
        assert_eq!(nobody.refusal(StatusCode::NOT_FOUND), "there is no such post");
    }
}

#[tokio::test]
async fn what_does_not_fit_is_refused_with_a_reason() {
    let postgres = PostgresServer::start();
    let service = embedded(&postgres).await;
    let client = &service.client;
    let (ada, unprocessable) = (service.user("ada").await, StatusCode::UNPROCESSABLE_ENTITY);
    let too_many = format!("/users?ids={}", vec!["1"; 101].join(","));
    for (path, status, reason) in [
        ("/users/x", StatusCode::BAD_REQUEST, "Cannot parse"),
        ("/users", unprocessable, "say `?email=…` or `?ids=1,2,3`"),
        ("/users?ids=1,x", unprocessable, "numbers with commas"),
        ("/users?email=%00", unprocessable, "control character"),
        ("/users?mail=x", StatusCode::BAD_REQUEST, "unknown field"),
        ("/posts", unprocessable, "say `?ids=1,2,3`"),
        ("/nothing", StatusCode::NOT_FOUND, "no such endpoint"),
        (too_many.as_str(), unprocessable, "at most 100"),
    ] {
        let refusal = client.get(path).await.refusal(status);
        assert!(refusal.contains(reason), "{path}: {refusal}");
    }
    for (body, status, reason) in [
        ("{", StatusCode::BAD_REQUEST, "parse"),
        (r#"{"email":"x@y"}"#, unprocessable, "missing field `name`"),
        (r#"{"email":"x","name":"X"}"#, unprocessable, "`email` is an e-mail address"),
        (r#"{"email":"x@y","name":""}"#, unprocessable, "`name` is 1 to 100 characters"),
        (r#"{"email":"x@y","name":"\u0000"}"#, unprocessable, "control character"),
    ] {
        let answer = client.send(Method::POST, "/users", Some(body.to_owned())).await;
        let refusal = answer.refusal(status);
        assert!(refusal.contains(reason), "{body}: {refusal}");
    }
    let of_nobody = client.post("/authors/999/posts", &post("x")).await;
    assert_eq!(of_nobody.refusal(StatusCode::NOT_FOUND), "there is no such author");
    let id = service.post(ada, "one").await;
    let to_nobody = client.put(&format!("/posts/{id}/author"), &json!({ "author_id": 999 })).await;
    assert_eq!(to_nobody.refusal(unprocessable), "there is no such author");
    let with_posts = client.delete(&format!("/users/{ada}")).await.refusal(StatusCode::CONFLICT);
    assert!(with_posts.contains("has posts"), "{with_posts}");
}

/// Cached objects are served; other requests fail and may be retried, and the answer reveals no details.
#[tokio::test]
async fn while_the_database_is_away() {
    let mut servers = Servers::start();
    let service = servers.service().await;
    let (cached, other) = (service.user("ada").await, service.user("bea").await);
    let (cached, other) = (format!("/users/{cached}"), format!("/users/{other}"));
    let ada = service.client.get(&cached).await.expect(StatusCode::OK);
    servers.postgres.stop();
    assert_eq!(service.client.get(&cached).await.expect(StatusCode::OK), ada);
    for answer in [
        service.client.get(&other).await,
        service.client.get(&format!("/uncached{cached}")).await,
        service.client.put(&cached, &user("ada", "Eve")).await,
    ] {
        assert!(answer.retry_after);
        assert_eq!(answer.refusal(StatusCode::SERVICE_UNAVAILABLE), "the database failed");
    }
    servers.postgres.restart();
    service.client.get(&other).await.expect(StatusCode::OK);
    assert_eq!(service.client.get(&cached).await.expect(StatusCode::OK), ada);
}
