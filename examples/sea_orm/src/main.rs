//! Registers two users, publishes a post, and moves it from one to the other.

use std::env;
use std::error::Error;

use cachecow::CacheCow;
use forum::{Post, User};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let variable =
        |name: &str, default: &str| env::var(name).unwrap_or_else(|_| default.to_owned());
    let db = forum::open(&variable("DATABASE_URL", "sqlite::memory:")).await?;
    let cow = CacheCow::open(&variable("REDIS_URL", "memory://")).await?;

    let ann = User::register(&cow, &db, "ann@example.org", "Ann").await?;
    let bea = User::register(&cow, &db, "bea@example.org", "Bea").await?;
    let post = Post::publish(&cow, &db, ann.id, "Moo").await?;
    println!("{:?}", cow.with(&db).list(Post::list_by_author(ann.id)).await?);
    Post::give(&cow, &db, post.id, bea.id).await?;
    println!("{:?}", cow.with(&db).list(Post::list_by_author(ann.id)).await?);
    println!("{:?}", cow.with(&db).list(Post::list_by_author(bea.id)).await?);
    ann.change_email(&cow, &db, "ann@example.com").await?;
    println!("{:?}", cow.with(&db).read(User::by_email("ann@example.org")).await?.value);
    println!("{:?}", cow.with(&db).read(User::by_email("ann@example.com")).await?.value);
    println!("{}", cow.stats());
    Ok(cow.close().await?)
}
