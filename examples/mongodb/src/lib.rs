//! Blog posts in MongoDB with the official driver, and cachecow in front of every read.
//!
//! - The struct is the document: serde reads it from MongoDB, and `Cached` stores it in Redis. The two are
//!   independent.
//! - A post is looked up by any of several fields: by its `_id`, by its title, or by its author and its date.
//! - `ObjectId` and BSON dates may be used in keys and in stored objects (cachecow's feature `bson`).
//! - Every change is the work of a `write`, which returns the driver's own result.
//!
//! ```sh
//! MONGODB_URL=mongodb://localhost/blog REDIS_URL=redis://127.0.0.1/ cargo run -p mongodb-example
//! ```

use cachecow::{CacheCow, Cached};
use futures_util::TryStreamExt as _;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, doc};
use mongodb::error::Result;
use mongodb::options::{IndexOptions, ReturnDocument};
use mongodb::{Client, Collection, IndexModel};
use serde::{Deserialize, Serialize};

/// A document of the collection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Cached)]
#[cache(context = Collection<Post>, ttl = "10m", negative_ttl = "5s")]
#[cache(key = "post:{id}", fetch = Post::find, fetch_many = Post::find_many)]
#[cache(key = "post:title:{title}", fetch = Post::find_by_title)]
#[cache(key = "post:date:{author}:{published}", fetch = Post::find_by_date, name = "by_date")]
#[cache(list = "post:author:{author}", fetch = Post::find_by_author)]
pub struct Post {
    /// Chosen by this program.
    #[serde(rename = "_id")]
    pub id: ObjectId,
    /// Unique.
    pub title: String,
    /// The name of a user.
    pub author: String,
    /// In milliseconds, as in BSON.
    pub published: DateTime,
    /// How often it was read.
    pub views: i64,
    /// Left out of the document if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
}

/// Opens the collection with this name, in the URL's database.
///
/// # Errors
///
/// The driver's: a malformed URL, a server that cannot be reached.
pub async fn open(url: &str, collection: &str) -> Result<Collection<Post>> {
    let client = Client::with_uri_str(url).await?;
    let database = client.default_database().unwrap_or_else(|| client.database("blog"));
    let posts = database.collection(collection);
    let unique = IndexOptions::builder().unique(true).build();
    let by_title = IndexModel::builder().keys(doc! { "title": 1 }).options(unique).build();
    posts.create_index(by_title).await?;
    Ok(posts)
}

/// The fetch functions: plain queries, which know nothing of the cache.
impl Post {
    async fn find(posts: &Collection<Self>, id: &ObjectId) -> Result<Option<Self>> {
        posts.find_one(doc! { "_id": id }).await
    }

    async fn find_many(posts: &Collection<Self>, ids: &[ObjectId]) -> Result<Vec<Self>> {
        posts.find(doc! { "_id": { "$in": ids } }).await?.try_collect().await
    }

    async fn find_by_title(posts: &Collection<Self>, title: &str) -> Result<Option<Self>> {
        posts.find_one(doc! { "title": title }).await
    }

    async fn find_by_date(
        posts: &Collection<Self>,
        author: &str,
        published: &DateTime,
    ) -> Result<Option<Self>> {
        posts.find_one(doc! { "author": author, "published": published }).await
    }

    async fn find_by_author(posts: &Collection<Self>, author: &str) -> Result<Vec<Self>> {
        let latest_first = doc! { "published": -1 };
        posts.find(doc! { "author": author }).sort(latest_first).await?.try_collect().await
    }
}

/// The writes. Each names the keys that it changes before it begins.
impl Post {
    /// Inserts a new post. Its `_id` is already known, so the write names the whole object: all its keys, and its
    /// list.
    ///
    /// # Errors
    ///
    /// The driver's own, also if the title is taken.
    pub async fn publish(&self, cow: &CacheCow, posts: &Collection<Self>) -> Result<()> {
        cow.write(self, async { posts.insert_one(self).await.map(drop) }).await
    }

    /// Gives a post another title. `None`: there is no such post.
    ///
    /// # Errors
    ///
    /// As for [`publish`](Self::publish).
    pub async fn retitle(
        cow: &CacheCow,
        posts: &Collection<Self>,
        id: ObjectId,
        title: &str,
    ) -> Result<Option<Self>> {
        // The absence of the new title may be cached. The old title is known only after the work.
        let keys = (Self::by_id(id), Self::by_title(title));
        let update = doc! { "$set": { "title": title } };
        let work = async { posts.find_one_and_update(doc! { "_id": id }, update).await };
        let old = cow.write(keys, work).invalidating_object(Option::as_ref).await?;
        Ok(old.map(|old| Self { title: title.to_owned(), ..old }))
    }

    /// Counts a view of a post. The next read is a hit, unless another write happened meanwhile. If a post is viewed all
    /// the time, count elsewhere, and write the sum now and then: each write removes the cached post.
    ///
    /// # Errors
    ///
    /// The driver's.
    pub async fn count_view(
        cow: &CacheCow,
        posts: &Collection<Self>,
        id: ObjectId,
    ) -> Result<Option<Self>> {
        let work = async {
            posts
                .find_one_and_update(doc! { "_id": id }, doc! { "$inc": { "views": 1 } })
                .return_document(ReturnDocument::After)
                .await
        };
        cow.write(Self::by_id(id), work).storing(Option::as_ref).await
    }

    /// Deletes a post, and returns it.
    ///
    /// # Errors
    ///
    /// The driver's.
    pub async fn remove(
        cow: &CacheCow,
        posts: &Collection<Self>,
        id: ObjectId,
    ) -> Result<Option<Self>> {
        let work = async { posts.find_one_and_delete(doc! { "_id": id }).await };
        // The list that it belonged to is known only afterwards.
        cow.write(Self::by_id(id), work).invalidating_object(Option::as_ref).await
    }
}
