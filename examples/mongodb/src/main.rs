//! Publishes a post, reads it in every way, changes it and deletes it.

use std::env;
use std::error::Error;

use blog::Post;
use cachecow::{CacheCow, Read};
use mongodb::bson::DateTime;
use mongodb::bson::oid::ObjectId;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mongodb = env::var("MONGODB_URL")
        .map_err(|_| "MONGODB_URL names the database, as `mongodb://localhost/blog`")?;
    let redis = env::var("REDIS_URL").unwrap_or_else(|_| "memory://".to_owned());
    // A new collection, since the tour drops it.
    let posts = blog::open(&mongodb, &format!("tour_{}", ObjectId::new())).await?;
    let cow = CacheCow::open(&redis).await?;
    let post = Post {
        id: ObjectId::new(),
        title: "First Title".to_owned(),
        author: "ann".to_owned(),
        published: DateTime::now(),
        views: 0,
        labels: vec!["cows".to_owned()],
    };
    post.publish(&cow, &posts).await?;
    let cached = || cow.with(&posts);

    show("by _id", &cached().read(Post::by_id(post.id)).await?);
    show("by title", &cached().read(Post::by_title("First Title")).await?);
    show("by title", &cached().read(Post::by_title("First Title")).await?);
    show("by date", &cached().read(Post::by_date("ann", post.published)).await?);
    Post::retitle(&cow, &posts, post.id, "Second Title").await?;
    show("by the old title", &cached().read(Post::by_title("First Title")).await?);
    show("by the new title", &cached().read(Post::by_title("Second Title")).await?);
    Post::count_view(&cow, &posts, post.id).await?;
    show("once viewed", &cached().read(Post::by_id(post.id)).await?);
    println!("of the author: {}", cached().list(Post::list_by_author("ann")).await?.len());
    Post::remove(&cow, &posts, post.id).await?;
    show("once removed", &cached().read(Post::by_id(post.id)).await?);

    cow.close().await?;
    posts.drop().await?;
    Ok(())
}

fn show(how: &str, Read { value, source, .. }: &Read<Post>) {
    let title = value.as_ref().map_or("none", |post| &post.title);
    println!("{how}: {title}, {source:?}");
}
