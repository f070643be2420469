//! Lists of objects. Races are forced in `list_races`.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use cachecow::protocol::Command;
use cachecow::{CacheCow, Cached, Error, ErrorKind, Key, KeySet, ListLookup, Lookup};
use cachecow_tests::collision::texts_of_one_hash;
use cachecow_tests::on_both_backends;
use cachecow_tests::posts::{Post, Posts, listed};
use cachecow_tests::store::StoreDown;

fn key(author: i64) -> Key {
    Post::list_by_author_id(author).key().key()
}

on_both_backends! {
    async fn a_list_is_fetched_once_and_its_objects_too(cache) {
        let (posts, cow) = (Posts::by([1, 2], 3), cache.open_default());
        assert_eq!(listed(&cow, &posts, 1).await, [102, 101, 100], "in the fetch's order");
        assert_eq!(posts.lists(), 1);
        assert_eq!(posts.batches(), [[102, 101, 100]], "each under its own key");
        for cow in [&cow, &cache.open_default()] {
            assert_eq!(listed(cow, &posts, 1).await, [102, 101, 100]);
        }
        assert!(cow.with(&posts).get(Post::by_id(101)).await.unwrap().is_some());
        assert_eq!(posts.fetches(), 2);
        assert_eq!(listed(&cow, &posts, 2).await, [202, 201, 200]);
        assert_eq!(posts.fetches(), 4);
    }

    async fn objects_are_found_in_the_cache(cache) {
        let (posts, cow) = (Posts::by([1], 3), cache.open_default());
        cow.with(&posts).get(Post::by_id(101)).await.unwrap();
        listed(&cow, &posts, 1).await;
        assert_eq!(posts.batches(), [vec![101], vec![102, 100]]);
    }

    async fn an_empty_list_is_cached(cache) {
        let (posts, cow) = (Posts::by([1], 1), cache.open_default());
        for _ in 0..3 {
            assert!(listed(&cow, &posts, 9).await.is_empty());
        }
        assert_eq!(posts.fetches(), 1);
        posts.put(Post::new(900, 9));
        cow.invalidate_object(&posts.row(900)).await.unwrap();
        assert_eq!(listed(&cow, &posts, 9).await, [900], "an insert reaches it");
    }

    async fn what_names_an_object_covers_its_lists(cache) {
        let (posts, cow) = (Posts::by([1], 3), cache.open_default());
        for round in 0..3 {
            let (victim, id) = (posts.row(100 + round), 100 + round);
            assert!(listed(&cow, &posts, 1).await.contains(&id));
            let delete = async { posts.remove(id); Ok::<_, StoreDown>(()) };
            match round {
                0 => cow.write(&victim, delete).await.unwrap(),
                1 => {
                    delete.await.unwrap();
                    cow.invalidate_object(&victim).await.unwrap();
                }
                _ => {
                    delete.await.unwrap();
                    cow.invalidate(Post::list_by_author_id(1)).await.unwrap();
                }
            }
            assert!(!listed(&cow, &posts, 1).await.contains(&id), "round {round}");
            let inserted = Post::new(110 + round, 1);
            cow.write(&inserted, async { posts.put(inserted.clone()); Ok::<_, StoreDown>(()) }).await.unwrap();
            assert!(listed(&cow, &posts, 1).await.contains(&inserted.id), "round {round}");
        }
    }

    async fn a_member_moves_from_list_to_list(cache) {
        let (posts, cow) = (Posts::by([1, 2], 2), cache.open_default());
        listed(&cow, &posts, 1).await;
        listed(&cow, &posts, 2).await;
        let old = posts.row(100);
        let new = old.moved_to(2);
        cow.write((&old, &new), async { posts.put(new.clone()); Ok::<_, StoreDown>(()) }).await.unwrap();
        assert_eq!(listed(&cow, &posts, 1).await, [101]);
        assert_eq!(listed(&cow, &posts, 2).await, [201, 200, 100]);
    }

    async fn a_member_that_is_gone_or_elsewhere_is_left_out(cache) {
        let (posts, cow) = (Posts::by([1], 4), cache.open_default());
        listed(&cow, &posts, 1).await;
        posts.remove(100);
        posts.put(posts.row(101).moved_to(2));
        // By the objects' own keys, which do not cover the list.
        cow.invalidate_many([100, 101].map(Post::by_id)).await.unwrap();
        assert_eq!(listed(&cow, &posts, 1).await, [103, 102]);
        assert_eq!(posts.lists(), 1);
    }

    async fn the_objects_are_as_fresh_as_their_own_keys(cache) {
        let (posts, cow) = (Posts::by([1], 2), cache.open_default());
        listed(&cow, &posts, 1).await;
        posts.bump();
        cow.invalidate(Post::by_id(101)).await.unwrap();
        let list = cow.with(&posts).list(Post::list_by_author_id(1)).await.unwrap();
        assert_eq!(list.iter().map(|post| post.version).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(posts.lists(), 1);
    }

    async fn a_fetch_may_return_the_primary_lookups_alone(cache) {
        let (posts, cow) = (Posts::by([1], 3), cache.open_default());
        let list = || cow.with(&posts).list(Post::list_by_author_id_and_blog(1, "main"));
        for _ in 0..2 {
            let ids: Vec<i64> = list().await.unwrap().iter().map(|post| post.id).collect();
            assert_eq!(ids, [100, 101, 102]);
        }
        assert_eq!(posts.fetches(), 2);
        cow.with(&posts).uncached().list(Post::list_by_author_id_and_blog(1, "main")).await.unwrap();
        assert_eq!(posts.fetches(), 4, "past the cache");
    }

    async fn a_list_without_placeholders_is_of_all(cache) {
        let (posts, cow) = (Posts::by([1, 2], 2), cache.open_default());
        let list = || cow.with(&posts).list(Post::list_all());
        assert_eq!(list().await.unwrap().len(), 4);
        let new = Post::new(300, 3);
        cow.write(&new, async { posts.put(new.clone()); Ok::<_, StoreDown>(()) }).await.unwrap();
        assert_eq!(list().await.unwrap().len(), 5);
    }

    async fn a_list_that_is_too_long_is_returned_and_not_stored(cache) {
        let (posts, cow) = (Posts::by([1], 31), cache.open_default());
        for _ in 0..2 {
            assert_eq!(listed(&cow, &posts, 1).await.len(), 31);
        }
        assert_eq!(posts.lists(), 2);
        assert!(posts.batches().is_empty(), "what was fetched is returned");
        assert_eq!(cow.stats().of("Post::list_by_author_id").oversized, 2);
        posts.remove(100);
        assert_eq!(listed(&cow, &posts, 1).await.len(), 30);
        let lists = posts.lists();
        assert_eq!(listed(&cow, &posts, 1).await.len(), 30);
        assert_eq!(posts.lists(), lists, "one of the length that is allowed is stored");
    }

    async fn a_tag_of_the_list_s_own_fields_covers_it(cache) {
        let (posts, cow) = (Posts::by([1, 2], 2), cache.open_default());
        listed(&cow, &posts, 1).await;
        listed(&cow, &posts, 2).await;
        let before = posts.lists();
        posts.put(Post::new(110, 1));
        posts.put(Post::new(210, 2));
        cow.invalidate_tag(Post::tag_author_id(1)).await.unwrap();
        assert_eq!(listed(&cow, &posts, 1).await, [110, 101, 100]);
        assert_eq!(listed(&cow, &posts, 2).await, [201, 200], "not the other author's");
        assert_eq!(posts.lists(), before + 1);
        posts.bump();
        cow.invalidate_tag(Post::tag_slug("post-101")).await.unwrap();
        let list = cow.with(&posts).list(Post::list_by_author_id(1)).await.unwrap();
        assert_eq!(list.iter().map(|post| post.version).collect::<Vec<_>>(), [1, 2, 1]);
        assert_eq!(posts.lists(), before + 1, "a tag of the object's does not cover the list");
    }

    async fn a_shared_view_reads_lists_too(cache) {
        let (posts, cow) = (Arc::new(Posts::by([1], 31)), cache.open_default());
        let ids = |list: Vec<Arc<Post>>| list.iter().map(|post| post.id).collect::<Vec<_>>();
        let list = || cow.with_shared(&posts).list(Post::list_by_author_id(1));
        assert_eq!(ids(list().await.unwrap()).len(), 31);
        posts.remove(100);
        for _ in 0..2 {
            assert_eq!(ids(list().await.unwrap()).len(), 30);
        }
        assert_eq!((posts.lists(), posts.batches().len()), (2, 1));
    }

    async fn options_apply_to_the_list_and_its_objects(cache) {
        let (posts, cow) = (Posts::by([1], 2), cache.open_default());
        let view = cow.with(&posts);
        view.no_store().list(Post::list_by_author_id(1)).await.unwrap();
        assert_eq!((posts.lists(), posts.batches().len()), (1, 0), "fetched once, nothing stored");
        assert!(!cache.has(&Post::by_id(100)).await);
        listed(&cow, &posts, 1).await;
        posts.bump();
        let list = view.fresh().list(Post::list_by_author_id(1)).await.unwrap();
        assert!(list.iter().all(|post| post.version == 2));
        assert!(view.get(Post::by_id(100)).await.unwrap().unwrap().version == 2, "and stored");
    }

    async fn an_error_of_the_fetch_is_returned_and_a_stale_list_may_be_served(cache) {
        let (posts, cow) = (Posts::by([1], 2), cache.open_default());
        posts.set_down(true);
        let error = cow.with(&posts).list(Post::list_by_author_id(1)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Fetch);
        assert_eq!(error.fetch_error::<StoreDown>(), Some(&StoreDown));
        assert!(error.to_string().contains("Post::list_by_author_id"), "{error}");
    }

    async fn damage_is_a_miss(cache) {
        let (posts, cow) = (Posts::by([1, 2], 2), cache.open_default());
        listed(&cow, &posts, 1).await;
        let whole = cache.ask_key(key(1), Command::Lookup).await;
        let cachecow::protocol::Reply::Value(whole) = whole else { panic!("{whole:?}") };
        for at in 0..whole.len() {
            let mut damaged = whole.to_vec();
            damaged[at] ^= 0x55;
            put(&cache, key(1), damaged).await;
            let list = listed(&cache.open_default(), &posts, 1).await;
            // Nothing but who is asked for can be got out of it: what was damaged may be a member.
            assert!(list.iter().all(|id| [100, 101].contains(id)), "byte {at}: {list:?}");
        }
        for len in 0..whole.len() {
            put(&cache, key(1), whole[..len].to_vec()).await;
            assert_eq!(listed(&cache.open_default(), &posts, 1).await, [101, 100], "cut at {len}");
        }
        // The list of another.
        listed(&cow, &posts, 2).await;
        put(&cache, key(2), whole.to_vec()).await;
        assert_eq!(listed(&cache.open_default(), &posts, 2).await, [201, 200]);
    }

    /// No list is stored as absent: who says so in the cache empties none.
    async fn a_list_that_is_said_to_be_absent_is_fetched(cache) {
        let lists = ["a", "b"].map(str::to_owned);
        let list = Page::list_by_list("a");
        let parts = list.key();
        let key = parts.key();
        assert_eq!(cache.open_default().with(&lists).list(list.clone()).await.unwrap().len(), 1);
        let document = cache.ask_key(key, Command::Lookup).await;
        let cachecow::protocol::Reply::Value(document) = document else { panic!("{document:?}") };
        let mut absent = document[..30].to_vec();
        absent[0] = 0x97;
        absent.extend_from_slice(&[0xc0, 0xc4, u8::try_from(parts.as_bytes().len()).unwrap()]);
        absent.extend_from_slice(parts.as_bytes());
        put(&cache, key, absent).await;
        let cow = cache.open_default();
        assert_eq!(cow.with(&lists).list(list).await.unwrap().len(), 1);
        assert_eq!(cow.stats().of("Page::list_by_list").hits, 1, "the cache had it so");
    }
}

async fn put(cache: &cachecow_tests::caches::Cache, key: Key, value: Vec<u8>) {
    cache.ask_key(key, Command::Invalidate).await;
    let (token, lease) =
        (cachecow::protocol::Token::from_bytes(*b"a foreign token!"), Duration::from_secs(60));
    let granted = cache.ask_key(key, Command::Claim { token, lease, replacing: None }).await;
    let cachecow::protocol::Reply::Claimed(_) = granted else { panic!("{granted:?}") };
    let fill = Command::Fill { token, value: value.into(), ttl: Duration::from_secs(600) };
    assert_eq!(cache.ask_key(key, fill).await, cachecow::protocol::Reply::Settled);
}

#[test]
fn an_object_s_keys_include_its_lists() {
    let post = Post::new(1, 7);
    let mut set = KeySet::default();
    set.add_object(&post);
    let expected = [
        Post::by_id(1).key().key(),
        Post::by_slug("post-1").key().key(),
        Post::list_by_author_id(7).key().key(),
        Post::list_by_author_id_and_blog(7, "main").key().key(),
        Post::list_all().key().key(),
    ];
    assert_eq!(set.keys().collect::<Vec<_>>(), expected);
    let mut visited = Vec::new();
    post.each_key(&mut |key| visited.push(key));
    assert_eq!(visited, expected);
}

#[test]
fn a_list_is_shown_without_its_values() {
    let list = Post::list_by_author_id(7);
    assert_eq!(format!("{list:?}"), r#"Post::list_by_author_id("post:author:{author_id}", i64)"#);
    assert!(list.holds(&Post::new(1, 7)) && !list.holds(&Post::new(1, 8)));
}

/// Of a column that ignores case.
#[derive(Clone, Debug, Cached)]
#[cache(key = "word:{id}", fetch = Word::find)]
#[cache(list = "word:lang:{lang}", fetch = Word::by_lang)]
struct Word {
    id: u32,
    lang: String,
}

impl Word {
    async fn find(id: u32) -> Result<Word, Infallible> {
        Ok(Word { id, lang: if id == 1 { "DE" } else { "de" }.to_owned() })
    }

    async fn by_lang(_: &str) -> Result<Vec<Word>, Infallible> {
        Ok(vec![Word::find(1).await?, Word::find(2).await?])
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_of_other_values_than_asked_for_is_returned_and_not_stored() -> Result<(), Error> {
    let cow = CacheCow::memory();
    for misses in 1..=2 {
        let list = cow.list(Word::list_by_lang("de")).await?;
        assert_eq!(list.iter().map(|word| word.id).collect::<Vec<_>>(), [1, 2]);
        let stats = cow.stats().of("Word::list_by_lang");
        assert_eq!((stats.misses, stats.mismatched, stats.hits), (misses, misses, 0));
    }
    Ok(())
}

/// In a list whose name anyone may choose.
#[derive(Clone, Debug, Cached)]
#[cache(context = [String; 2], ttl = "10m")]
#[cache(key = "page:{id}", fetch = Page::find)]
#[cache(list = "page:list:{list}", fetch = Page::of_list)]
struct Page {
    id: u32,
    list: String,
}

impl Page {
    async fn find(lists: &[String; 2], id: u32) -> Result<Option<Page>, Infallible> {
        Ok(lists.get(id as usize).map(|list| Page { id, list: list.clone() }))
    }

    async fn of_list(lists: &[String; 2], list: &str) -> Result<Vec<Page>, Infallible> {
        let pages = lists.iter().zip(0..).filter(|(own, _)| *own == list);
        Ok(pages.map(|(own, id)| Page { id, list: own.clone() }).collect())
    }
}

#[tokio::test(start_paused = true)]
async fn lists_of_one_hash_are_not_taken_for_each_other() -> Result<(), Error> {
    let lists = texts_of_one_hash("page:list:{}");
    let [one, other] = [&lists[0], &lists[1]].map(|list| Page::list_by_list(list.clone()));
    assert_eq!(one.key().key(), other.key().key());
    let cow = CacheCow::memory();
    let view = cow.with(&lists);
    let ids = async |list: &PageListByList| {
        let pages = view.list(list.clone()).await?;
        Ok::<_, Error>(pages.iter().map(|page| page.id).collect::<Vec<_>>())
    };
    for _ in 0..50 {
        assert_eq!(ids(&one).await?, [0]);
        assert_eq!(ids(&other).await?, [1]);
        let (first, second) = tokio::join!(ids(&one), ids(&other));
        assert_eq!((first?, second?), (vec![0], vec![1]));
    }
    Ok(())
}
