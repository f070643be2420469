//! A table of posts, each in the list of its author, whose reads can be held up.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use cachecow::{CacheCow, Cached};

use crate::gate::Gate;
use crate::store::StoreDown;

/// Of one author.
#[derive(Clone, Debug, PartialEq, Eq, Cached)]
#[cache(context = Posts, ttl = "10m")]
#[cache(key = "post:{id}", fetch = Posts::find, fetch_many = Posts::find_many)]
#[cache(key = "post:slug:{slug}", fetch = Posts::by_slug)]
#[cache(list = "post:author:{author_id}", fetch = Posts::by_author, max_len = 30)]
#[cache(list = "post:ids:{author_id}:{blog}", fetch = Posts::ids_in_blog)]
#[cache(list = "posts", name = "list_all", fetch = Posts::all, ttl = "1m")]
#[cache(tag = "author:{author_id}")]
#[cache(tag = "slug:{slug}")]
pub struct Post {
    /// The primary key.
    pub id: i64,
    /// Whose list it is in.
    pub author_id: i64,
    /// Another key.
    pub slug: String,
    /// With the author, another list.
    pub blog: String,
    /// How often it was written.
    pub version: u64,
}

impl Post {
    /// A first version.
    pub fn new(id: i64, author_id: i64) -> Self {
        let (slug, blog) = (format!("post-{id}"), "main".to_owned());
        Self { id, author_id, slug, blog, version: 1 }
    }

    /// The same by another author.
    #[must_use]
    pub fn moved_to(&self, author_id: i64) -> Self {
        Self { author_id, version: self.version + 1, ..self.clone() }
    }
}

/// A table of posts.
#[derive(Debug, Default)]
pub struct Posts {
    rows: Mutex<BTreeMap<i64, Post>>,
    lists: AtomicUsize,
    batches: Mutex<Vec<Vec<i64>>>,
    gates: Mutex<Vec<Arc<Gate>>>,
    down: AtomicBool,
}

impl Posts {
    /// With so many posts of each of these authors.
    pub fn by(authors: impl IntoIterator<Item = i64>, each: i64) -> Self {
        let posts = Self::default();
        for author in authors {
            for at in 0..each {
                posts.put(Post::new(author * 100 + at, author));
            }
        }
        posts
    }

    /// Puts a post in the place of what was there.
    pub fn put(&self, post: Post) {
        self.rows.lock().unwrap().insert(post.id, post);
    }

    /// Removes a post.
    pub fn remove(&self, id: i64) {
        self.rows.lock().unwrap().remove(&id);
    }

    /// The row, past the cache.
    pub fn row(&self, id: i64) -> Post {
        self.rows.lock().unwrap()[&id].clone()
    }

    /// Writes the next version of each.
    pub fn bump(&self) {
        self.rows.lock().unwrap().values_mut().for_each(|post| post.version += 1);
    }

    /// Holds up the next fetch that begins; several gates hold up as many fetches, in order.
    pub fn gate(&self) -> Arc<Gate> {
        let gate = Gate::new();
        self.gates.lock().unwrap().push(Arc::clone(&gate));
        gate
    }

    /// How many lists were fetched.
    pub fn lists(&self) -> usize {
        self.lists.load(Ordering::SeqCst)
    }

    /// The keys of each call for objects.
    pub fn batches(&self) -> Vec<Vec<i64>> {
        self.batches.lock().unwrap().clone()
    }

    /// How many fetches have begun.
    pub fn fetches(&self) -> usize {
        self.lists() + self.batches().len()
    }

    /// Makes every fetch fail, or work again.
    pub fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    /// Post by id.
    ///
    /// # Errors
    ///
    /// [`StoreDown`], after [`set_down`](Self::set_down).
    pub async fn find(&self, id: i64) -> Result<Option<Post>, StoreDown> {
        Ok(self.find_many(&[id]).await?.pop())
    }

    /// Posts by ids.
    ///
    /// # Errors
    ///
    /// [`StoreDown`], after [`set_down`](Self::set_down).
    pub async fn find_many(&self, ids: &[i64]) -> Result<Vec<Post>, StoreDown> {
        self.batches.lock().unwrap().push(ids.to_vec());
        self.fetch(|post| ids.contains(&post.id)).await
    }

    /// Post by slug.
    ///
    /// # Errors
    ///
    /// [`StoreDown`], after [`set_down`](Self::set_down).
    pub async fn by_slug(&self, slug: &str) -> Result<Option<Post>, StoreDown> {
        Ok(self.fetch(|post| post.slug == slug).await?.pop())
    }

    /// Posts of an author, the newest first.
    ///
    /// # Errors
    ///
    /// [`StoreDown`], after [`set_down`](Self::set_down).
    pub async fn by_author(&self, author: i64) -> Result<Vec<Post>, StoreDown> {
        self.lists.fetch_add(1, Ordering::SeqCst);
        let mut posts = self.fetch(|post| post.author_id == author).await?;
        posts.reverse();
        Ok(posts)
    }

    /// The primary lookups of the posts of an author in a blog.
    ///
    /// # Errors
    ///
    /// [`StoreDown`], after [`set_down`](Self::set_down).
    pub async fn ids_in_blog(&self, author: i64, blog: &str) -> Result<Vec<PostById>, StoreDown> {
        self.lists.fetch_add(1, Ordering::SeqCst);
        let posts = self.fetch(|post| post.author_id == author && post.blog == blog).await?;
        Ok(posts.iter().map(|post| Post::by_id(post.id)).collect())
    }

    /// All posts.
    ///
    /// # Errors
    ///
    /// [`StoreDown`], after [`set_down`](Self::set_down).
    pub async fn all(&self) -> Result<Vec<Post>, StoreDown> {
        self.lists.fetch_add(1, Ordering::SeqCst);
        self.fetch(|_| true).await
    }

    async fn fetch(&self, wanted: impl Fn(&Post) -> bool) -> Result<Vec<Post>, StoreDown> {
        let is_down = self.down.load(Ordering::SeqCst);
        let found =
            self.rows.lock().unwrap().values().filter(|post| wanted(post)).cloned().collect();
        let gate = {
            let mut gates = self.gates.lock().unwrap();
            if gates.is_empty() { None } else { Some(gates.remove(0)) }
        };
        match gate {
            Some(gate) => gate.pass().await,
            None => tokio::task::yield_now().await,
        }
        if is_down { Err(StoreDown) } else { Ok(found) }
    }
}

/// The ids in the list of an author.
pub async fn listed(cow: &CacheCow, posts: &Posts, author: i64) -> Vec<i64> {
    let list = cow.with(posts).list(Post::list_by_author_id(author)).await;
    list.expect("the list is read").iter().map(|post| post.id).collect()
}
