//! A cached query: its result is cached under the query's parameters, and is invalidated with every change of an
//! object that carries one of its tags.
//!
//! ```sh
//! cargo run -p cachecow-examples --example cached_query     # REDIS_URL=redis://127.0.0.1/ for the same over Redis
//! ```

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use cachecow::{CacheCow, CacheSchema, Cached, Key};

#[derive(Clone, Debug, Cached)]
#[cache(context = Board)]
#[cache(key = "post:{id}", fetch = Board::post)]
#[cache(tag = "posts", name = "tag_all")]
#[cache(tag = "posts:author:{author}")]
struct Post {
    id: u32,
    author: String,
    votes: u32,
}

/// What a page shows of a post.
#[derive(Debug, CacheSchema)]
struct Summary {
    id: u32,
    votes: u32,
}

/// A stand-in for a database.
#[derive(Default)]
struct Board {
    posts: Mutex<BTreeMap<u32, Post>>,
}

/// The best posts of an author. It is a normal function; `top_posts::of(…)` looks up its cached result.
#[cachecow::query(
    key = "top-posts:{author}:{len}",
    ttl = "5m",
    tag = Post::tag_author(author)
)]
async fn top_posts(board: &Board, author: &str, len: u32) -> Result<Vec<Summary>, std::io::Error> {
    println!("  (the database sorts the posts of {author})");
    let posts = board.posts.lock().expect("no panics");
    let by_author = posts.values().filter(|post| post.author == author);
    let mut top: Vec<Summary> =
        by_author.map(|Post { id, votes, .. }| Summary { id: *id, votes: *votes }).collect();
    top.sort_by_key(|post| std::cmp::Reverse(post.votes));
    top.truncate(len as usize);
    Ok(top)
}

impl Board {
    async fn post(&self, id: u32) -> Result<Option<Post>, std::io::Error> {
        Ok(self.posts.lock().expect("no panics").get(&id).cloned())
    }

    async fn save(&self, post: Post) -> Result<Post, std::io::Error> {
        self.posts.lock().expect("no panics").insert(post.id, post.clone());
        Ok(post)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::var("REDIS_URL").unwrap_or_else(|_| "memory://".to_owned());
    let cow = CacheCow::open(&url).await?;
    let board = Board::default();
    for (id, author) in [(1, "ann"), (2, "ann"), (3, "bob")] {
        let post = Post { id, author: author.to_owned(), votes: id };
        // Naming the new post also invalidates its author's results.
        cow.write(&post, board.save(post.clone())).await?;
    }

    println!("ann's best posts, twice:");
    for _ in 0..2 {
        let top = cow.with(&board).ask(top_posts::of("ann", 10)).await?;
        println!("  {top:?}");
    }
    cow.with(&board).ask(top_posts::of("bob", 10)).await?;

    println!("a vote for post 1, by a write that names the post:");
    let post = cow.with(&board).get(Post::by_id(1)).await?.ok_or("there is no such post")?;
    let voted = Post { votes: 9, ..Post::clone(&post) };
    cow.write(&*post, board.save(voted)).await?;
    println!("  {:?}", cow.with(&board).ask(top_posts::of("ann", 10)).await?);
    println!("bob's are still cached:");
    println!("  {:?}", cow.with(&board).ask(top_posts::of("bob", 10)).await?);

    println!("a key that is chosen at run time:");
    for _ in 0..2 {
        let count = || async {
            println!("  (the database counts)");
            Ok::<_, std::io::Error>(board.posts.lock().expect("no panics").len() as u64)
        };
        let key = Key::of("rows:{}", ("posts",));
        let rows =
            cow.get_or_fetch(key, Duration::from_secs(60), count).tag(Post::tag_all()).await?;
        println!("  {rows} posts");
    }
    println!("{}", cow.stats());
    Ok(())
}
