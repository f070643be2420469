//! Keys and tags without placeholders: objects of which there is one, and groups that every object is in.

use std::sync::Mutex;
use std::time::Duration;

use cachecow::protocol::Command;
use cachecow::{BackendErrorKind, CacheCow, Cached, Error, Fill, Source};
use cachecow_tests::backends::Fate;
use cachecow_tests::on_both_backends;
use cachecow_tests::patient::patient;
use serde::{Deserialize, Serialize};

/// There is one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Cached)]
#[cache(context = Table, negative_ttl = "1m")]
#[cache(key = "settings", name = "current", fetch = Table::settings)]
struct Settings {
    version: u32,
}

/// There are many, of which one is the newest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Cached)]
#[cache(context = Table)]
#[cache(key = "post:{id}", fetch = Table::post, fetch_many = Table::posts)]
#[cache(key = "post:newest", name = "newest", fetch = Table::newest)]
#[cache(tag = "posts", name = "tag_all")]
#[cache(tag = "Blog/2 of all")]
struct Post {
    id: u32,
    version: u32,
}

/// There is one, with a tag: its key, and the guard of its tags, are of the same parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Cached)]
#[cache(context = Table, negative_ttl = "1m")]
#[cache(key = "motto", name = "current", fetch = Table::motto)]
#[cache(tag = "team:{team}")]
struct Motto {
    team: u32,
    version: u32,
}

/// A generic one: one for each of its parameters.
#[derive(Debug, Cached)]
#[cache(key = "only", name = "one", fetch = Only::find)]
#[cache(tag = "only")]
struct Only<T: From<u8>> {
    value: T,
}

impl<T: From<u8>> Only<T> {
    async fn find() -> Result<Only<T>, Error> {
        Ok(Only { value: T::from(7) })
    }
}

#[derive(Default)]
struct Table {
    settings: Mutex<Option<u32>>,
    posts: Mutex<Vec<u32>>,
}

impl Table {
    fn with_posts(versions: &[u32]) -> Self {
        Self { posts: Mutex::new(versions.to_vec()), ..Self::default() }
    }

    fn all(&self) -> Vec<Post> {
        let versions = self.posts.lock().unwrap().clone();
        (1..).zip(versions).map(|(id, version)| Post { id, version }).collect()
    }

    async fn settings(&self) -> Result<Option<Settings>, Error> {
        Ok(self.settings.lock().unwrap().map(|version| Settings { version }))
    }

    async fn motto(&self) -> Result<Option<Motto>, Error> {
        Ok(self.settings.lock().unwrap().map(|version| Motto { team: 1, version }))
    }

    async fn post(&self, id: u32) -> Result<Option<Post>, Error> {
        Ok(self.all().into_iter().find(|post| post.id == id))
    }

    async fn posts(&self, ids: &[u32]) -> Result<Vec<Post>, Error> {
        Ok(self.all().into_iter().filter(|post| ids.contains(&post.id)).collect())
    }

    async fn newest(&self) -> Result<Option<Post>, Error> {
        Ok(self.all().pop())
    }
}

async fn newest(cow: &CacheCow, table: &Table) -> (u32, u32, Source) {
    let read = cow.with(table).read(Post::newest()).await.unwrap();
    let post = read.value.unwrap();
    (post.id, post.version, read.source)
}

on_both_backends! {
    async fn the_one_object_is_read_written_and_invalidated(cache) {
        let (cow, table) = (cache.open_default(), Table::default());
        let read = async || {
            let read = cow.with(&table).read(Settings::current()).await.unwrap();
            (read.value.map(|settings| settings.version), read.source)
        };
        for expected in [(None, Source::Fetched), (None, Source::Cache)] {
            assert_eq!(read().await, expected, "its absence is cached");
        }
        *table.settings.lock().unwrap() = Some(1);
        cow.invalidate(Settings::current()).await.unwrap();
        for expected in [(Some(1), Source::Fetched), (Some(1), Source::Cache)] {
            assert_eq!(read().await, expected);
        }
        cow.write(&Settings { version: 1 }, async {
            *table.settings.lock().unwrap() = Some(2);
            Ok::<_, Error>(())
        }).await.unwrap();
        assert_eq!(read().await, (Some(2), Source::Fetched));
        cow.write(Settings::current(), async {
            *table.settings.lock().unwrap() = Some(3);
            Ok::<_, Error>(())
        }).await.unwrap();
        let both = [Settings::current(), Settings::current().clone()];
        let both = cow.with(&table).get_many(both).await.unwrap();
        assert!(both.iter().all(|settings| settings.as_ref().unwrap().version == 3));
        assert_eq!(read().await, (Some(3), Source::Cache));
    }

    async fn the_one_object_is_invalidated_beside_a_tag_of_its_type(cache) {
        let (cow, table) = (cache.open_default(), Table::default());
        let read = async || cow.with(&table).get(Motto::current()).await.unwrap().map(|motto| motto.version);
        assert_eq!(read().await, None);
        let work = async {
            *table.settings.lock().unwrap() = Some(1);
            Ok::<_, Error>(())
        };
        cow.write(Motto::tag_team(2), work).invalidating(|()| Motto::current()).await.unwrap();
        assert_eq!(read().await, Some(1), "a write that holds the tag invalidates the key");
        let other = cache.open_default();
        for first in [true, false] {
            *table.settings.lock().unwrap() = None;
            cow.invalidate(Motto::current()).await.unwrap();
            assert_eq!(read().await, None);
            *table.settings.lock().unwrap() = Some(2);
            let lost = |command: &Command| matches!(command, Command::Invalidate | Command::EndEpoch);
            for _ in 0..2 {
                cache.script().next(lost, Fate::Fail(BackendErrorKind::Rejected));
            }
            if first {
                assert!(cow.invalidate(Motto::current()).await.is_err());
                assert!(cow.invalidate(Motto::tag_team(2)).await.is_err());
            } else {
                assert!(cow.invalidate((Motto::tag_team(2), Motto::current())).await.is_err());
            }
            assert_eq!(cow.stats().pending_invalidations, 2);
            cache.until_nothing_is_pending(&cow).await;
            let motto = other.with(&table).get(Motto::current()).await.unwrap();
            assert_eq!(motto.unwrap().version, 2, "the retry invalidates the key too");
        }
    }

    async fn the_one_object_is_near(cache) {
        let (cow, table) = (cache.open(patient().near(1 << 20).near_lag(Duration::from_secs(20))), Table::default());
        *table.settings.lock().unwrap() = Some(1);
        while cow.with(&table).read(Settings::current()).await.unwrap().source != Source::Near {
            tokio::task::yield_now().await;
        }
        *table.settings.lock().unwrap() = Some(2);
        cow.invalidate_object(&Settings { version: 1 }).await.unwrap();
        let settings = cow.with(&table).get(Settings::current()).await.unwrap();
        assert_eq!(settings.unwrap().version, 2);
    }

    async fn an_alias_without_placeholders_leads_to_one_of_many(cache) {
        let (cow, table) = (cache.open_default(), Table::with_posts(&[1, 1]));
        let read = cow.with(&table).read(Post::newest()).await.unwrap();
        assert_eq!((read.value.unwrap().id, read.fill), (2, Fill::Stored));
        assert_eq!(newest(&cow, &table).await, (2, 1, Source::Cache));
        let by_id = cow.with(&table).read(Post::by_id(2)).await.unwrap();
        assert_eq!(by_id.source, Source::Cache, "it is stored under its primary key");
        let both = cow.with(&table).get_many([Post::newest(), Post::newest()]).await.unwrap();
        assert!(both.iter().all(|post| post.as_ref().unwrap().id == 2));
    }

    async fn a_change_of_any_object_invalidates_such_an_alias(cache) {
        let (cow, table) = (cache.open_default(), Table::with_posts(&[1, 1]));
        // The object itself.
        newest(&cow, &table).await;
        table.posts.lock().unwrap()[1] = 2;
        cow.invalidate_object(&Post { id: 2, version: 1 }).await.unwrap();
        assert_eq!(newest(&cow, &table).await, (2, 2, Source::Fetched));
        // A new one.
        cow.write(&Post { id: 3, version: 1 }, async {
            table.posts.lock().unwrap().push(1);
            Ok::<_, Error>(())
        }).await.unwrap();
        assert_eq!(newest(&cow, &table).await, (3, 1, Source::Fetched));
        assert_eq!(newest(&cow, &table).await, (3, 1, Source::Cache));
        // Another, which it does not lead to.
        cow.invalidate_object(&Post { id: 1, version: 1 }).await.unwrap();
        assert!(!cache.has(&Post::newest()).await);
        // By the alias alone.
        newest(&cow, &table).await;
        table.posts.lock().unwrap().push(1);
        cow.invalidate(Post::newest()).await.unwrap();
        assert_eq!(newest(&cow, &table).await, (4, 1, Source::Fetched));
    }

    async fn a_constant_tag_invalidates_all_objects(cache) {
        let (cow, table) = (cache.open_default(), Table::with_posts(&[1, 1, 1]));
        *table.settings.lock().unwrap() = Some(1);
        let versions = async || {
            let posts = cow.with(&table).get_many([1, 2, 3].map(Post::by_id)).await.unwrap();
            posts.into_iter().map(|post| post.unwrap().version).collect::<Vec<_>>()
        };
        for (version, tag) in [(2, Post::tag_all()), (3, Post::tag_blog_2_of_all())] {
            assert_eq!(versions().await, [version - 1; 3]);
            cow.with(&table).get(Settings::current()).await.unwrap();
            table.posts.lock().unwrap().fill(version);
            assert_eq!(versions().await, [version - 1; 3], "they are cached");
            cow.invalidate_tag(tag).await.unwrap();
            assert_eq!(versions().await, [version; 3]);
            assert_eq!(newest(&cow, &table).await.1, version);
            assert!(cache.has(&Settings::current()).await, "other types are left alone");
        }
    }

    async fn a_generic_type_has_one_for_each_parameter(cache) {
        let cow = cache.open_default();
        assert_eq!(cow.get(Only::<u8>::one()).await.unwrap().unwrap().value, 7);
        assert_eq!(cow.get(Only::<u64>::one()).await.unwrap().unwrap().value, 7);
        assert_eq!(cow.read(Only::<u8>::one()).await.unwrap().source, Source::Cache);
        assert_ne!(Only::<u8>::tag_only().key(), Only::<u64>::tag_only().key());
        cow.invalidate_tag(Only::<u8>::tag_only()).await.unwrap();
        assert_eq!(cow.read(Only::<u8>::one()).await.unwrap().source, Source::Fetched);
        assert_eq!(cow.read(Only::<u64>::one()).await.unwrap().source, Source::Cache);
    }
}
