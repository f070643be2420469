//! What the Redis keys are called: people read the names, and ACLs match them.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU32, Ordering};

use cachecow::{CacheCow, CacheKeys, Cached, Fill, Key, Lookup, Source};
use cachecow_tests::patient::patient;
use cachecow_tests::servers::RedisServer;
use redis::AsyncCommands as _;
use redis::aio::MultiplexedConnection;

#[derive(Clone, Debug, PartialEq, Cached)]
#[cache(ttl = "1h")]
#[cache(key = "user:{id}", fetch = User::find)]
#[cache(key = "user:email:{email}", fetch = User::find_by_email)]
#[cache(tag = "org:{org}")]
struct User {
    id: u32,
    email: String,
    org: u32,
}

impl User {
    async fn find(id: u32) -> Result<Self, Infallible> {
        Ok(Self { id, email: format!("{id}@example.org"), org: 1 })
    }

    async fn find_by_email(email: &str) -> Result<Option<Self>, Infallible> {
        let Some(id) = email.split('@').next().and_then(|id| id.parse().ok()) else {
            return Ok(None);
        };
        Self::find(id).await.map(Some)
    }
}

#[derive(Clone, Debug, PartialEq, Cached)]
#[cache(key = "tenant:{tenant}:post:{id}", fetch = Post::find)]
struct Post {
    tenant: u32,
    id: u32,
}

impl Post {
    async fn find(tenant: u32, id: u32) -> Result<Self, Infallible> {
        Ok(Self { tenant, id })
    }
}

/// A busy machine must not pass for an outage.
async fn open(url: &str) -> CacheCow {
    patient().open(url).await.unwrap()
}

async fn scan(look: &mut MultiplexedConnection, pattern: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut found = look.scan_match::<_, String>(pattern).await.unwrap();
    while let Some(name) = found.next_item().await {
        names.insert(name.unwrap());
    }
    names
}

fn names<const N: usize>(kind: &str, keys: [Key; N]) -> BTreeSet<String> {
    keys.iter().map(|key| format!("{kind}:{{{key}}}")).collect()
}

fn key(lookup: &impl Lookup) -> Key {
    lookup.key().key()
}

#[tokio::test]
async fn a_scan_finds_what_has_these_words() {
    let server = RedisServer::start();
    let (mut look, cow) = (server.connection().await, open(&server.url()).await);
    cow.get(User::by_email("7@example.org")).await.unwrap();
    cow.get(Post::by_tenant_and_id(1, 2)).await.unwrap();

    let user = key(&User::by_id(7));
    let alias = key(&User::by_email("7@example.org"));
    assert!(user.to_string().starts_with("user:"), "{user}");
    assert!(alias.to_string().starts_with("user:email:"), "{alias}");
    assert_eq!(scan(&mut look, "cache:{user:*").await, names("cache", [user, alias]));
    assert_eq!(scan(&mut look, "cache:{user:email:*").await, names("cache", [alias]));
    let post = key(&Post::by_tenant_and_id(1, 2));
    assert_eq!(scan(&mut look, "cache:{tenant:post:*").await, names("cache", [post]));
    // The tag's own, and the one of all tags of the type.
    let (tag, of_all) = (User::tag_org(1).key(), User::tag_scope().key());
    assert_eq!(scan(&mut look, "tag:{user:*").await, names("tag", [tag, of_all]));
    assert_eq!(scan(&mut look, "*").await.len(), 5);
}

#[tokio::test]
async fn a_name_gives_the_key_to_invalidate() {
    let server = RedisServer::start();
    let (mut look, cow) = (server.connection().await, open(&server.url()).await);
    cow.get(User::by_id(7)).await.unwrap();
    let found = scan(&mut look, "cache:*").await;
    let key = Key::from_name(found.first().unwrap()).unwrap();
    cow.invalidate(key).await.unwrap();
    assert!(scan(&mut look, "cache:*").await.is_empty());
    assert_eq!(cow.read(User::by_id(7)).await.unwrap().source, Source::Fetched);
}

/// A process that has never built a primary key reads it from the pointer: the name must be the same.
#[tokio::test]
async fn a_pointer_leads_another_process_to_the_same_names() {
    let server = RedisServer::start();
    let [one, other] = [open(&server.url()).await, open(&server.url()).await];
    one.get(User::by_email("7@example.org")).await.unwrap();
    for _ in 0..2 {
        let read = other.read(User::by_email("7@example.org")).await.unwrap();
        assert_eq!(read.source, Source::Cache);
    }
    for invalidated in [&User::by_id(7) as &dyn CacheKeys, &key(&User::by_id(7))] {
        one.invalidate(invalidated).await.unwrap();
        let read = other.read(User::by_email("7@example.org")).await.unwrap();
        assert_eq!(read.source, Source::Fetched);
    }
    other.invalidate_tag(User::tag_org(1)).await.unwrap();
    let read = one.read(User::by_email("7@example.org")).await.unwrap();
    assert_eq!(read.source, Source::Fetched);
}

#[tokio::test]
async fn a_program_may_be_confined_to_one_type() {
    let server = RedisServer::start();
    let mut control = server.connection().await;
    let rules = ["~cache:{user:*", "~flag:{user:*", "~tag:{user:*", "&*", "+@all"];
    let mut create = redis::cmd("ACL");
    create.arg("SETUSER").arg("shop").arg("on").arg(">secret").arg(&rules);
    let () = create.query_async(&mut control).await.unwrap();
    let cow = open(&format!("{}?user=shop&pass=secret", server.url())).await;

    for source in [Source::Fetched, Source::Cache] {
        for email in [false, true] {
            let read = if email {
                cow.read(User::by_email("8@example.org")).await.unwrap()
            } else {
                cow.read(User::by_id(7)).await.unwrap()
            };
            assert_eq!(read.source, source);
        }
        // Served, and not stored.
        let read = cow.read(Post::by_tenant_and_id(1, 2)).await.unwrap();
        assert_eq!((read.source, read.fill), (Source::Fetched, Fill::Unreachable));
    }
    assert!(scan(&mut control, "*post*").await.is_empty());
    cow.invalidate(User::by_id(7)).await.unwrap();
    cow.invalidate_tag(User::tag_org(1)).await.unwrap();
    assert!(cow.invalidate(Post::by_tenant_and_id(1, 2)).await.is_err());
    // Together, too, both are served.
    let (user, post) = tokio::join!(cow.get(User::by_id(7)), cow.get(Post::by_tenant_and_id(1, 2)));
    assert!(user.unwrap().is_some() && post.unwrap().is_some());
}

static VERSION: AtomicU32 = AtomicU32::new(0);

/// A type with this template, kept in Redis and in the memory of a process that hears of changes by name.
macro_rules! hostile {
    ($test:ident, $template:literal, $words:literal) => {
        #[tokio::test]
        async fn $test() {
            #[derive(Debug, Cached)]
            #[cache(ttl = "1h")]
            #[cache(key = $template, fetch = Row::find)]
            struct Row {
                id: u32,
                version: u32,
            }
            impl Row {
                async fn find(id: u32) -> Result<Self, Infallible> {
                    Ok(Self { id, version: VERSION.fetch_add(1, Ordering::Relaxed) })
                }
            }
            let server = RedisServer::start();
            let mut look = server.connection().await;
            let builder = patient();
            let other = builder.clone().open(&server.url()).await.unwrap();
            let cow = builder.near(1 << 20).open(&server.url()).await.unwrap();
            let version = async || {
                let read = cow.read(Row::by_id(1)).await.unwrap();
                (read.value.unwrap().version, read.source)
            };
            let (mut source, mut first) = (Source::Fetched, 0);
            while source != Source::Near {
                (first, source) = version().await;
                tokio::task::yield_now().await;
            }
            let name =
                format!("cache:{{{}{}}}", $words, Key::from_hash(key(&Row::by_id(1)).hash()));
            assert_eq!(scan(&mut look, "*").await, BTreeSet::from([name]));
            other.invalidate(Row::by_id(1)).await.unwrap();
            // Ends when the news has come, by the name.
            while version().await.0 == first {
                tokio::task::yield_now().await;
            }
        }
    };
}

hostile!(braces, "{{a}}{{{{b}} }}{id}", "a:b:");
hostile!(patterns, "*?[a-z]\\^{id}]", "a-z:");
hostile!(spaces_and_controls, "two  words\r\n\0{id}\t", "two:words:");
hostile!(other_scripts, "użytkownik:🐄:{id}:naïve", "u:ytkownik:na:ve:");
hostile!(no_words, "🐄{id}", "");
hostile!(
    three_hundred_characters,
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\
     yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\
     zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz:{id}",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx:"
);
