//! Follows a database for a Redis, until it is killed: `cachecow-follower POSTGRES REDIS [log | outbox]`.

use cachecow::CacheCow;
use cachecow::log::{ChangeLog, Outbox, PostgresLog};
use cachecow_tests::followed::{Note, User};

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let (database, cache) = (arguments.next(), arguments.next());
    let (database, cache) = (database.expect("a database's URL"), cache.expect("a cache's URL"));
    let cow = CacheCow::open(&cache).await.expect("a valid URL");
    match arguments.next().as_deref() {
        None | Some("log") => follow(&cow, PostgresLog::connect(&database).slot("cachecow")).await,
        Some("outbox") => follow(&cow, Outbox::connect(database)).await,
        Some(other) => panic!("`{other}` cannot be followed"),
    }
}

async fn follow(cow: &CacheCow, log: impl ChangeLog) {
    let follower =
        cow.follow(log).types::<(User, Note)>().start().await.expect("it can be followed");
    follower.caught_up().await.expect("it follows");
    println!("following");
    std::future::pending::<()>().await;
}
