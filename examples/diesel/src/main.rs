//! Registers a user, publishes two posts, and reads them.

use std::env;
use std::error::Error;

use shop::{asynchronous, synchronous};

fn main() -> Result<(), Box<dyn Error>> {
    let redis = env::var("REDIS_URL").unwrap_or_else(|_| "memory://".to_owned());
    match env::var("DATABASE_URL") {
        Ok(url) => on_postgres(&url, &redis),
        Err(_) => on_sqlite(&redis),
    }
}

fn on_sqlite(redis: &str) -> Result<(), Box<dyn Error>> {
    use synchronous::{Post, User, open};

    let folder = tempfile::tempdir()?;
    let (cow, db) =
        (cachecow::blocking::CacheCow::open(redis)?, open(&folder.path().join("shop"))?);
    let user = User::register(&cow, &db, "ann@example.org")?;
    Post::publish(&cow, &db, user.id, "Moo")?;
    println!("{:?}", cow.with(&db).read(User::by_email("ann@example.org"))?.value);
    Post::publish(&cow, &db, user.id, "Moo again")?;
    println!("{:?}", cow.with(&db).read(User::by_email("ann@example.org"))?.value);
    println!("{:?}", cow.with(&db).list(Post::list_by_author(user.id))?);
    println!("{:?}", cow.with(&db).read(User::by_id(user.id))?.source);
    Ok(cow.close()?)
}

#[tokio::main]
async fn on_postgres(url: &str, redis: &str) -> Result<(), Box<dyn Error>> {
    use asynchronous::{Db, Post, User};

    let (cow, db) = (cachecow::CacheCow::open(redis).await?, Db::open(url)?);
    db.execute(asynchronous::TABLES).await?;
    let user = User::register(&cow, &db, "ann@example.org").await?;
    Post::publish(&cow, &db, user.id, "Moo").await?;
    println!("{:?}", cow.with(&db).read(User::by_email("ann@example.org")).await?.value);
    Post::publish(&cow, &db, user.id, "Moo again").await?;
    println!("{:?}", cow.with(&db).read(User::by_email("ann@example.org")).await?.value);
    println!("{:?}", cow.with(&db).list(Post::list_by_author(user.id)).await?);
    println!("{:?}", cow.with(&db).read(User::by_id(user.id)).await?.source);
    db.execute("DROP TABLE posts; DROP TABLE users").await?;
    Ok(cow.close().await?)
}
