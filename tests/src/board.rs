//! Posts and their authors, with cached queries about them, whose reads can be held up.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use cachecow::{CacheCow, CacheSchema, Cached, Source};

use crate::gate::Gate;

/// What somebody wrote.
#[derive(Clone, Debug, PartialEq, Eq, Cached)]
#[cache(context = Board, ttl = "10m")]
#[cache(key = "post:{id}", fetch = Board::post)]
#[cache(tag = "posts", name = "tag_all")]
#[cache(tag = "post:author:{author}")]
pub struct Post {
    /// The primary key.
    pub id: i64,
    /// Who wrote it.
    pub author: i64,
    /// How good it is.
    pub votes: u32,
}

/// Who writes.
#[derive(Clone, Debug, PartialEq, Eq, Cached)]
#[cache(context = Board, ttl = "10m")]
#[cache(key = "author:{id}", fetch = Board::author)]
#[cache(tag = "authors", name = "tag_all")]
pub struct Author {
    /// The primary key.
    pub id: i64,
    /// What they are called.
    pub name: String,
}

/// What a list shows of a post.
#[derive(Clone, Debug, PartialEq, Eq, CacheSchema)]
pub struct Summary {
    /// Of the post.
    pub id: i64,
    /// The author's name.
    pub by: String,
    /// How good it is.
    pub votes: u32,
}

/// The two tables.
#[derive(Debug, Default)]
pub struct Board {
    posts: Mutex<BTreeMap<i64, Post>>,
    authors: Mutex<BTreeMap<i64, Author>>,
    gates: Mutex<Vec<Arc<Gate>>>,
    reads: AtomicUsize,
}

/// The database is away.
#[derive(Debug)]
pub struct Down;

impl std::fmt::Display for Down {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the board is down")
    }
}

impl std::error::Error for Down {}

/// The posts of an author, the best first.
///
/// # Errors
///
/// Never.
#[cachecow::query(
    key = "top-posts:{author}:{len}",
    ttl = "5m",
    tag = Post::tag_author(author),
    tag = Author::tag_all(),
)]
pub async fn top_posts(board: &Board, author: i64, len: u32) -> Result<Vec<Summary>, Down> {
    let posts: Vec<Post> = board.posts.lock().unwrap().values().cloned().collect();
    let by = board.authors.lock().unwrap().get(&author).map(|author| author.name.clone());
    board.pass().await;
    let by = by.unwrap_or_default();
    let mut top: Vec<Summary> = posts
        .into_iter()
        .filter(|post| post.author == author)
        .map(|Post { id, votes, .. }| Summary { id, by: by.clone(), votes })
        .collect();
    top.sort_by_key(|post| (u32::MAX - post.votes, post.id));
    top.truncate(usize::try_from(len).unwrap_or(usize::MAX));
    Ok(top)
}

/// The best post of an author, if there is one.
///
/// # Errors
///
/// Never.
#[cachecow::query(
    key = "best-post:{author}",
    ttl = "5m",
    negative_ttl = "1m",
    tag = Post::tag_author(author),
)]
pub async fn best_post(board: &Board, author: i64) -> Result<Option<Summary>, Down> {
    Ok(top_posts(board, author, 1).await?.pop())
}

impl Board {
    /// Authors 1 and 2, each with a post of the same number.
    pub fn new() -> Self {
        let board = Self::default();
        for id in [1, 2] {
            board.put(Post { id, author: id, votes: 1 });
            board.authors.lock().unwrap().insert(id, Author { id, name: format!("author {id}") });
        }
        board
    }

    /// Puts a post in the place of what was there.
    pub fn put(&self, post: Post) {
        self.posts.lock().unwrap().insert(post.id, post);
    }

    /// The post, with one vote more.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn vote(&self, id: i64) -> Post {
        let mut posts = self.posts.lock().unwrap();
        let post = posts.get_mut(&id).expect("the post is there");
        post.votes += 1;
        post.clone()
    }

    /// The author, of another name from now on.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn rename(&self, id: i64, name: &str) -> Author {
        let mut authors = self.authors.lock().unwrap();
        let author = authors.get_mut(&id).expect("the author is there");
        name.clone_into(&mut author.name);
        author.clone()
    }

    /// Holds up the next read that begins, after it has looked.
    pub fn gate(&self) -> Arc<Gate> {
        let gate = Gate::new();
        self.gates.lock().unwrap().push(Arc::clone(&gate));
        gate
    }

    /// How often it was read.
    pub fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }

    async fn pass(&self) {
        self.reads.fetch_add(1, Ordering::SeqCst);
        let gate = self.gates.lock().unwrap().pop();
        match gate {
            Some(gate) => gate.pass().await,
            None => tokio::task::yield_now().await,
        }
    }

    async fn post(&self, id: i64) -> Result<Option<Post>, Down> {
        let post = self.posts.lock().unwrap().get(&id).cloned();
        self.pass().await;
        Ok(post)
    }

    async fn author(&self, id: i64) -> Result<Option<Author>, Down> {
        let author = self.authors.lock().unwrap().get(&id).cloned();
        self.pass().await;
        Ok(author)
    }
}

/// The votes of the author's best post, as the cache has it.
///
/// # Panics
///
/// If there is no post.
pub async fn votes(cow: &CacheCow, board: &Board, author: i64) -> u32 {
    cow.with(board).ask(top_posts::of(author, 9)).await.unwrap()[0].votes
}

/// Whether the author's posts are served from the cache.
///
/// # Panics
///
/// Never.
pub async fn is_cached(cow: &CacheCow, board: &Board, author: i64) -> bool {
    cow.with(board).read(top_posts::of(author, 9)).await.unwrap().source == Source::Cache
}
