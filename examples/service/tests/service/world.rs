//! One user, one post that moves back and forth, and new posts; and readers that know what was committed.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::SeqCst};

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{Answer, Client, Service, post, user};

/// What was committed, and what is about to be. In round `n`, the user's name is `n`, its mailbox is `mailbox-n`,
/// and the title of the post is `n`. The post's author is the first or the second one, depending on whether `n` is
/// even.
pub(crate) struct World {
    user: i64,
    authors: [i64; 2],
    post: i64,
    begun: AtomicU64,
    committed: AtomicU64,
    /// The id of the latest post.
    latest: AtomicI64,
    over: AtomicBool,
}

/// What a reader found.
#[derive(Debug)]
pub(crate) enum Fault {
    /// This is older than what was committed before the read began.
    Stale(&'static str),
    /// The request failed.
    Failed(Answer),
}

impl Fault {
    fn words(&self) -> String {
        match self {
            Self::Stale(what) => format!("{what} is older than what was committed"),
            Self::Failed(answer) => format!("{}: {}", answer.status, answer.body),
        }
    }
}

impl World {
    pub(crate) async fn new(service: &Service) -> Self {
        let user = service.user("mailbox-0").await;
        let authors = [service.user("even").await, service.user("odd").await];
        let post = service.post(authors[0], "0").await;
        let world = Self {
            user,
            authors,
            post,
            begun: AtomicU64::new(0),
            committed: AtomicU64::new(0),
            latest: AtomicI64::new(0),
            over: AtomicBool::new(false),
        };
        world.round(&service.client).await;
        world
    }

    /// Changes everything, and expects that every write succeeds.
    pub(crate) async fn round(&self, client: &Client) {
        let n = self.begun.fetch_add(1, SeqCst) + 1;
        let fields = user(&format!("mailbox-{n}"), &n.to_string());
        client.put(&format!("/users/{}", self.user), &fields).await.expect(StatusCode::OK);
        let path = format!("/posts/{}", self.post);
        client.put(&path, &post(&n.to_string())).await.expect(StatusCode::OK);
        let author = self.author(n);
        let moved = client.put(&format!("{path}/author"), &json!({ "author_id": author })).await;
        moved.expect(StatusCode::OK);
        let another = format!("/authors/{}/posts", self.authors[0]);
        let made = client.post(&another, &post("another")).await.expect(StatusCode::CREATED);
        // So that the list does not exceed its limit.
        let before = self.latest.swap(made["id"].as_i64().expect("an id"), SeqCst);
        self.committed.store(n, SeqCst);
        if before > 0 {
            let deleted = client.delete(&format!("/posts/{before}")).await;
            deleted.expect(StatusCode::NO_CONTENT);
            let gone = client.get(&format!("/posts/{before}")).await;
            gone.expect(StatusCode::NOT_FOUND);
        }
    }

    /// The control: the next round, but without the service, so nothing is invalidated.
    pub(crate) async fn round_behind_its_back(&self, service: &Service) {
        let n = self.begun.fetch_add(1, SeqCst) + 1;
        let name = n.to_string();
        let email = format!("mailbox-{n}@example.org");
        let update = sqlx::query("UPDATE users SET name = $1, email = $2 WHERE id = $3");
        let update = update.bind(name).bind(email).bind(self.user);
        update.execute(&service.app.db).await.expect("the database is there");
        self.committed.store(n, SeqCst);
    }

    pub(crate) fn end(&self) {
        self.over.store(true, SeqCst);
    }

    /// Reads everything repeatedly; returns how often.
    pub(crate) async fn read(&self, client: &Client, minds: fn(&Fault) -> bool) -> u64 {
        let mut looks = 0;
        while !self.over.load(SeqCst) {
            if let Err(fault) = self.look(client).await {
                assert!(!minds(&fault), "{}", fault.words());
            }
            looks += 1;
        }
        looks
    }

    /// Reads everything once.
    pub(crate) async fn look(&self, client: &Client) -> Result<(), Fault> {
        self.look_at_the_user(client).await?;
        self.look_at_the_post(client).await?;
        let latest = self.latest.load(SeqCst);
        let posts = rows(client.get("/posts/latest").await)?;
        fresh(first_id(&posts) >= Some(latest), "the latest posts")?;
        // A list and its posts are read one after the other. So a read may find the list from before a new post,
        // but no longer the post that was the latest then, if the new post and the deletion both happened during
        // the read.
        let (n, latest) = (self.committed(), self.latest.load(SeqCst));
        let posts = rows(client.get(&format!("/authors/{}/posts", self.authors[0])).await)?;
        let is_latest = first_id(&posts) >= Some(latest);
        fresh(is_latest || self.has_begun_another(n), "the latest post of an author")
    }

    async fn look_at_the_user(&self, client: &Client) -> Result<(), Fault> {
        let Self { user, authors: [even, odd], .. } = self;
        let n = self.committed();
        let found = ok(client.get(&format!("/users/{user}")).await)?;
        fresh(number(&found["name"]) >= n, "the user by id")?;
        let n = self.committed();
        let found = rows(client.get(&format!("/users?ids={even},{user},{odd}")).await)?;
        fresh(number(&found[1]["name"]) >= n, "the user among many")?;
        // The current e-mail address belongs to the user, unless the next round has begun; the previous one belongs
        // to nobody.
        let n = self.committed();
        let answer = client.get(&format!("/users?email=MAILBOX-{n}@example.org")).await;
        let is_found = found_or_not(&answer)?;
        fresh(is_found || self.has_begun_another(n), "the user by its new e-mail address")?;
        let before = n.saturating_sub(1);
        let answer = client.get(&format!("/users?email=mailbox-{before}@example.org")).await;
        fresh(!found_or_not(&answer)?, "the user by its old e-mail address")
    }

    async fn look_at_the_post(&self, client: &Client) -> Result<(), Fault> {
        let n = self.committed();
        let found = ok(client.get(&format!("/posts/{}", self.post)).await)?;
        fresh(number(&found["title"]) >= n, "the post by id")?;
        let n = self.committed();
        for (author, belongs) in [(self.author(n), true), (self.author(n + 1), false)] {
            let posts = rows(client.get(&format!("/authors/{author}/posts")).await)?;
            let found = posts.iter().find(|post| post["id"].as_i64() == Some(self.post));
            let is_as_it_was = found.is_some() == belongs;
            fresh(is_as_it_was || self.has_begun_another(n), "the list of an author")?;
            let title = found.map_or(u64::MAX, |post| number(&post["title"]));
            fresh(title >= n, "the post in the list of its author")?;
        }
        Ok(())
    }

    /// All paths that readers use.
    pub(crate) fn paths(&self) -> Vec<String> {
        let (Self { user, authors: [even, odd], post, .. }, n) = (self, self.committed());
        let before = n.saturating_sub(1);
        vec![
            format!("/users/{user}"),
            format!("/users?ids={odd},{user},{even}"),
            format!("/users?email=mailbox-{n}@example.org"),
            format!("/users?email=mailbox-{before}@example.org"),
            format!("/posts/{post}"),
            format!("/authors/{even}/posts"),
            format!("/authors/{odd}/posts"),
            "/posts/latest".to_owned(),
        ]
    }

    fn committed(&self) -> u64 {
        self.committed.load(SeqCst)
    }

    fn has_begun_another(&self, n: u64) -> bool {
        self.begun.load(SeqCst) > n
    }

    fn author(&self, n: u64) -> i64 {
        self.authors[usize::from(n % 2 == 1)]
    }
}

fn fresh(is_fresh: bool, what: &'static str) -> Result<(), Fault> {
    if is_fresh { Ok(()) } else { Err(Fault::Stale(what)) }
}

fn ok(answer: Answer) -> Result<Value, Fault> {
    if answer.status == StatusCode::OK { Ok(answer.body) } else { Err(Fault::Failed(answer)) }
}

fn rows(answer: Answer) -> Result<Vec<Value>, Fault> {
    match ok(answer)? {
        Value::Array(rows) => Ok(rows),
        other => panic!("no list: {other}"),
    }
}

fn found_or_not(answer: &Answer) -> Result<bool, Fault> {
    match answer.status {
        StatusCode::OK => Ok(true),
        StatusCode::NOT_FOUND => Ok(false),
        _ => Err(Fault::Failed(answer.clone())),
    }
}

fn number(text: &Value) -> u64 {
    text.as_str().and_then(|text| text.parse().ok()).unwrap_or_default()
}

fn first_id(posts: &[Value]) -> Option<i64> {
    posts.first()?["id"].as_i64()
}
