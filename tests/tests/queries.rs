//! Cached functions: what their lookups find, and what invalidates it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cachecow::{CacheCow, Cached as _, ErrorKind, Fill, Lookup as _, Peek, Source};
use cachecow_tests::board::{Author, Board, Post, Summary, best_post, is_cached, top_posts, votes};
use cachecow_tests::collision::texts_of_one_hash;
use cachecow_tests::on_both_backends;

/// Counts the calls.
#[derive(Debug, Default)]
struct Calls(AtomicU32);

impl Calls {
    fn next(&self) -> u32 {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }
}

#[cachecow::query(key = "page:path:{path}", ttl = "10m", negative_ttl = "10m")]
async fn page(calls: &Calls, path: &str) -> Result<Option<String>, std::io::Error> {
    calls.next();
    Ok((!path.is_empty()).then(|| path.to_owned()))
}

#[cachecow::query(key = "now", ttl = "10m")]
async fn now() -> Result<u64, std::io::Error> {
    Ok(7)
}

#[cachecow::query(key = "sum:{numbers}:{name}:{of}:{words}", ttl = "10m")]
async fn every_kind_of_parameter(
    calls: &Calls,
    numbers: (i64, bool),
    name: String,
    of: &[u8],
    words: &String,
    #[cache(not_in_key)] trace: &str,
    #[cache(not_in_key)] mut limit: Duration,
) -> Result<HashMap<String, u32>, Box<dyn std::error::Error + Send + Sync>> {
    limit += Duration::from_secs(1);
    let shown = format!("{numbers:?} {name} {of:?} {words} {trace} {limit:?}");
    Ok(HashMap::from([(shown, calls.next())]))
}

#[cachecow::query(key = "broken:{r#type}")]
async fn broken(r#type: u8) -> Result<u8, &'static str> {
    if r#type == 0 { Err("it is broken") } else { Ok(r#type) }
}

#[cachecow::query(key = "anyway:{id}", ttl = "1h")]
async fn with_an_error_of_its_own(id: u64) -> Found<Vec<u64>> {
    Ok(vec![id])
}

type Found<T> = Result<T, std::io::Error>;

/// Has the name of a cached type's tag, and is called as any function.
#[tokio::test]
async fn a_query_stays_a_function() {
    let board = Board::new();
    let direct = top_posts(&board, 1, 5).await.unwrap();
    assert_eq!(direct, [Summary { id: 1, by: "author 1".into(), votes: 1 }]);
    assert_eq!(now().await.unwrap(), 7);
    assert_eq!(with_an_error_of_its_own(3).await.unwrap(), [3]);
}

#[tokio::test]
async fn parts_of_every_kind_are_given_as_the_function_takes_them() {
    let (cow, calls) = (CacheCow::memory(), Calls::default());
    let of = |trace: &str| {
        let limit = Duration::from_secs(1);
        every_kind_of_parameter::of((1, true), "name", [7_u8, 8], "words", trace, limit)
    };
    let first = cow.with(&calls).ask(of("one")).await.unwrap();
    let shown = "(1, true) name [7, 8] words one 2s";
    assert_eq!(*first, HashMap::from([(shown.to_owned(), 1)]));
    assert_eq!(of("one").key().as_bytes(), of("two").key().as_bytes(), "not in the key");
    assert_eq!(cow.with(&calls).ask(of("two")).await.unwrap(), first);
    let limit = Duration::from_secs(1);
    let other = every_kind_of_parameter::of((1, false), "name", vec![7], "words", "", limit);
    assert_ne!(cow.with(&calls).ask(other).await.unwrap(), first);
}

#[tokio::test]
async fn a_lookup_shows_its_parts_only_if_it_is_asked_to() {
    assert_eq!(format!("{:?}", page::of("/secret")), r#"page("page:path:{path}", str)"#);
    assert!(format!("{:#?}", page::of("/secret")).contains("/secret"));
    let shown =
        format!("{:?}", every_kind_of_parameter::of((1, true), "", [], "", "", Duration::ZERO));
    assert!(shown.ends_with("(i64, bool), String, [u8], String, str, Duration)"), "{shown}");
}

#[tokio::test]
async fn the_functions_error_comes_back_and_nothing_is_cached() {
    let cow = CacheCow::memory();
    let error = cow.ask(broken::of(0)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Fetch);
    assert_eq!(error.fetch_error::<&str>(), Some(&"it is broken"));
    assert_eq!(error.to_string(), "the fetch function of broken failed");
    assert_eq!(*cow.ask(broken::of(1)).await.unwrap(), 1);
    assert_eq!(cow.stats().of("broken").fetch_errors, 1);
}

#[tokio::test]
async fn a_query_is_counted_under_its_name() {
    let (cow, board) = (CacheCow::memory(), Board::new());
    for _ in 0..3 {
        votes(&cow, &board, 1).await;
    }
    let stats = cow.stats().of("top_posts");
    assert_eq!((stats.hits, stats.misses, stats.fills_stored), (2, 1, 1));
}

/// Two functions with one key template would be served as each other.
#[tokio::test]
async fn the_second_query_of_one_template_is_not_cached() {
    mod other {
        #[cachecow::query(key = "page:path:{path}", ttl = "10m")]
        pub(super) async fn elsewhere(calls: &super::Calls, path: &str) -> super::Found<Vec<u32>> {
            let _ = path;
            Ok(vec![calls.next()])
        }
    }
    let (cow, calls) = (CacheCow::memory(), Calls::default());
    cow.with(&calls).get(page::of("/")).await.unwrap();
    for call in 2..4 {
        let read = cow.with(&calls).ask(other::elsewhere::of("/")).await.unwrap();
        assert_eq!(*read, [call]);
    }
    let first = cow.with(&calls).read(page::of("/")).await.unwrap();
    assert_eq!((first.source, first.value.unwrap().as_str()), (Source::Cache, "/"));
}

/// Queries in the bodies of functions and in macros, with names of the standard library's taken.
#[tokio::test]
async fn generated_code_takes_no_name_of_its_surroundings_for_another() {
    #[allow(dead_code, non_camel_case_types, clippy::items_after_statements)]
    mod std {}
    #[allow(dead_code)]
    struct Vec;
    #[allow(dead_code)]
    struct Option;
    #[allow(dead_code)]
    struct String;
    macro_rules! twice {
        ($name:ident, $parameter:ident: $ty:ty, $key:literal) => {
            #[cachecow::query(key = $key, ttl = "1m")]
            async fn $name($parameter: $ty) -> Result<$ty, ::std::io::Error> {
                Ok($parameter + $parameter)
            }
        };
    }
    twice!(double, encoder: u32, "double:{encoder}");
    #[cachecow::query(key = "len:{key}:{visit}", tag = Post::tag_author(visit))]
    async fn len(_context: &Calls, key: &str, visit: i64) -> Result<usize, ::std::io::Error> {
        let _ = visit;
        Ok(key.len())
    }
    let cow = CacheCow::memory();
    assert_eq!(*cow.ask(double::of(4)).await.unwrap(), 8);
    assert_eq!(*cow.with(&Calls::default()).ask(len::of("four", 1)).await.unwrap(), 4);
}

on_both_backends! {
    async fn a_query_is_read_as_an_object_is(cache) {
        let (cow, board) = (cache.open_default(), Board::new());
        let view = cow.with(&board);
        let first = view.read(top_posts::of(1, 5)).await.unwrap();
        assert_eq!((first.source, first.fill), (Source::Fetched, Fill::Stored));
        let hit = view.read(top_posts::of(1, 5)).await.unwrap();
        assert_eq!((hit.source, hit.value.clone()), (Source::Cache, first.value.clone()));
        let answer = view.get(top_posts::of(1, 5)).await.unwrap().expect("a query has an answer");
        assert_eq!((answer.len(), answer[0].votes), (1, 1), "it derefs to what the function returned");
        let shared: Arc<Vec<Summary>> = view.ask(top_posts::of(1, 5)).await.unwrap();
        assert_eq!(*shared, **answer);
        let many = view.get_many([1, 2, 1].map(|author| top_posts::of(author, 5))).await.unwrap();
        let authors: Vec<String> =
            many.iter().map(|answer| answer.as_ref().unwrap()[0].by.clone()).collect();
        assert_eq!(authors, ["author 1", "author 2", "author 1"]);
        assert!(matches!(cow.peek(top_posts::of(2, 5)).await.unwrap(), Peek::Object { .. }));
        assert!(matches!(cow.peek(top_posts::of(2, 6)).await.unwrap(), Peek::NotCached));
        assert_eq!(board.reads(), 2);
        let shared = Arc::new(Board::new());
        let top = cow.with_shared(&shared).get(top_posts::of(1, 5)).await.unwrap().unwrap();
        assert_eq!(top.len(), 1);
    }

    async fn a_query_is_invalidated_and_written_by_its_lookup(cache) {
        let (cow, other, board) = (cache.open_default(), cache.open_default(), Board::new());
        assert_eq!(votes(&cow, &board, 1).await, 1);
        board.vote(1);
        assert_eq!(votes(&other, &board, 1).await, 1, "the control: nobody was told");
        cow.invalidate(top_posts::of(1, 9)).await.unwrap();
        assert_eq!(votes(&other, &board, 1).await, 2);
        let written = cow.write(top_posts::of(1, 9), async { Ok::<_, ()>(board.vote(1)) }).await;
        assert_eq!(written.unwrap().votes, 3);
        assert_eq!(votes(&other, &board, 1).await, 3);
    }

    async fn a_write_of_a_post_covers_the_queries_that_carry_its_tags(cache) {
        let (cow, other, board) = (cache.open_default(), cache.open_default(), Board::new());
        let post = board.vote(2);
        other.with(&board).get(Post::by_id(2)).await.unwrap();
        assert_eq!((votes(&other, &board, 1).await, votes(&other, &board, 2).await), (1, 2));
        let written = cow.write(&post, async { Ok::<_, ()>(board.vote(2)) }).await.unwrap();
        assert_eq!(votes(&other, &board, 2).await, 3);
        assert!(is_cached(&other, &board, 1).await, "another author's posts are left alone");
        board.vote(2);
        cow.invalidate_object(&written).await.unwrap();
        assert_eq!(votes(&other, &board, 2).await, 4);
        board.vote(2);
        cow.write((), async { Ok::<_, ()>(post.clone()) }).invalidating(Clone::clone).await.unwrap();
        assert_eq!(votes(&other, &board, 2).await, 5);
        board.vote(2);
        cow.write(&post, async { Ok::<_, ()>(board.vote(2)) }).storing(|post| Some(post)).await.unwrap();
        assert_eq!(votes(&other, &board, 2).await, 7);
        // Of the objects only the written one is touched.
        other.with(&board).get(Post::by_id(1)).await.unwrap();
        cow.write(&post, async { Ok::<_, ()>(()) }).await.unwrap();
        let unconcerned = other.with(&board).read(Post::by_id(1)).await.unwrap();
        assert_eq!(unconcerned.source, Source::Cache);
    }

    async fn a_query_carries_tags_of_several_types(cache) {
        let (cow, other, board) = (cache.open_default(), cache.open_default(), Board::new());
        let name = async || cow.with(&board).ask(top_posts::of(1, 9)).await.unwrap()[0].by.clone();
        assert_eq!(name().await, "author 1");
        let author = board.rename(1, "Ann");
        assert_eq!(name().await, "author 1", "the control");
        other.invalidate_object(&author).await.unwrap();
        assert_eq!(name().await, "Ann");
        board.rename(1, "Anne");
        other.invalidate_tag(Author::tag_all()).await.unwrap();
        assert_eq!(name().await, "Anne");
        board.vote(1);
        other.invalidate_tag(Post::tag_author(1)).await.unwrap();
        assert_eq!(votes(&cow, &board, 1).await, 2);
        other.invalidate_tag(Post::tag_author(2)).await.unwrap();
        assert!(is_cached(&cow, &board, 1).await);
    }

    async fn a_tags_queries_are_named_without_its_objects(cache) {
        let (cow, other, board) = (cache.open_default(), cache.open_default(), Board::new());
        other.with(&board).get(Post::by_id(1)).await.unwrap();
        assert_eq!(votes(&other, &board, 1).await, 1);
        board.vote(1);
        cow.invalidate(Post::by_id(2)).await.unwrap();
        assert_eq!(votes(&other, &board, 1).await, 1, "a key alone tells no tags");
        cow.invalidate(Post::tag_author(1).queries()).await.unwrap();
        assert_eq!(votes(&other, &board, 1).await, 2);
        let post = other.with(&board).read(Post::by_id(1)).await.unwrap();
        assert_eq!(post.source, Source::Cache);
    }

    async fn an_absent_answer_is_remembered_with_its_tags(cache) {
        let (cow, other, board) = (cache.open_default(), cache.open_default(), Board::new());
        assert_eq!(cow.with(&board).ask(best_post::of(7)).await.unwrap(), None);
        let absent = cow.with(&board).read(best_post::of(7)).await.unwrap();
        assert_eq!((absent.source, absent.value), (Source::Cache, None));
        let peeked = cow.peek(best_post::of(7)).await.unwrap();
        assert!(matches!(peeked, Peek::Absent { expires_in } if expires_in <= Duration::from_secs(60)));
        let post = Post { id: 3, author: 7, votes: 1 };
        cow.write((), async { board.put(post.clone()); Ok::<_, ()>(post) })
            .invalidating(Clone::clone)
            .await
            .unwrap();
        let best = other.with(&board).ask(best_post::of(7)).await.unwrap();
        assert_eq!(best.map(|post| post.id), Some(3));
    }

    async fn two_questions_of_one_hash_have_their_own_answers(cache) {
        let (cow, calls) = (cache.open_default(), Calls::default());
        let paths = texts_of_one_hash("page:path:{}");
        for _ in 0..3 {
            for path in &paths {
                let read = cow.with(&calls).ask(page::of(&**path)).await.unwrap().unwrap();
                assert_eq!(*read, *path);
            }
        }
    }

    async fn an_answer_of_another_question_is_no_answer(cache) {
        let (cow, calls) = (cache.open_default(), Calls::default());
        for path in ["/a", "/b"] {
            cow.with(&calls).get(page::of(path)).await.unwrap();
        }
        cache.forge(&page::of("/a"), cache.value(&page::of("/b")).await.unwrap()).await;
        assert_eq!(**cow.with(&calls).ask(page::of("/a")).await.unwrap().unwrap(), *"/a");
        assert_eq!(cow.stats().of("page").decode_failures, 1);
        // Nor is an absence.
        cow.with(&calls).get(page::of("")).await.unwrap();
        cache.forge(&page::of("/a"), cache.value(&page::of("")).await.unwrap()).await;
        assert!(cow.with(&calls).ask(page::of("/a")).await.unwrap().is_some());
    }

    /// Nor does anybody make a function have none that always has one.
    async fn an_answer_that_is_said_to_be_absent_is_fetched(cache) {
        let cow = cache.open_default();
        cow.ask(with_an_error_of_its_own::of(3)).await.unwrap();
        let document = cache.value(&with_an_error_of_its_own::of(3)).await.unwrap();
        let key = with_an_error_of_its_own::of(3).key();
        let mut absent = document[..30].to_vec();
        absent[0] = 0x97;
        absent.extend_from_slice(&[0xc0, 0xc4, u8::try_from(key.as_bytes().len()).unwrap()]);
        absent.extend_from_slice(key.as_bytes());
        cache.forge(&with_an_error_of_its_own::of(3), absent).await;
        let read = cow.read(with_an_error_of_its_own::of(3)).await.unwrap();
        assert_eq!((read.source, read.value), (Source::Cache, None), "so it is stored");
        assert_eq!(*cow.ask(with_an_error_of_its_own::of(3)).await.unwrap(), [3]);
    }

    async fn an_invalidation_that_did_not_happen_is_made_up_for(cache) {
        use cachecow_tests::backends::Fate;
        use cachecow::{BackendErrorKind, protocol::Command};
        let (cow, other, board) = (cache.open_default(), cache.open_default(), Board::new());
        assert_eq!(votes(&cow, &board, 1).await, 1);
        let post = board.vote(1);
        let invalidates = |command: &Command| matches!(command, Command::Invalidate);
        let ends = |command: &Command| matches!(command, Command::EndEpoch);
        for _ in 0..3 {
            cache.script().next(invalidates, Fate::FailOnly(ends, BackendErrorKind::Disconnected));
        }
        for _ in 0..3 {
            cache.script().next(ends, Fate::Fail(BackendErrorKind::Disconnected));
        }
        let error = cow.invalidate_object(&post).await.unwrap_err();
        assert!(error.to_string().contains("did not confirm the invalidation of"), "{error}");
        assert_eq!(votes(&cow, &board, 1).await, 2, "this process knows");
        assert_eq!(votes(&other, &board, 1).await, 1, "the control: another cannot");
        cache.script().forget();
        cache.until_nothing_is_pending(&cow).await;
        assert_eq!(votes(&other, &board, 1).await, 2);
    }
}

#[test]
fn the_type_of_a_post_is_no_part_of_its_queries() {
    let tag = Post::tag_author(1);
    assert_ne!(tag.key(), tag.queries().key());
    assert_ne!(Post::tag_author(2).queries().key(), tag.queries().key());
    assert_eq!(Post::tag_scope().as_bytes(), Post::tag_scope().as_bytes());
}
