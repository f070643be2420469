//! Follows a database's log for a Redis, until it is killed: `cachecow-follower POSTGRES REDIS`.

use cachecow::CacheCow;
use cachecow::log::PostgresLog;
use cachecow_tests::followed::{Note, User};

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let (database, cache) = (arguments.next(), arguments.next());
    let (database, cache) = (database.expect("a database's URL"), cache.expect("a cache's URL"));
    let cow = CacheCow::open(&cache).await.expect("a valid URL");
    let log = PostgresLog::connect(&database).slot("cachecow");
    let follower =
        cow.follow(log).types::<(User, Note)>().start().await.expect("it can be followed");
    follower.caught_up().await.expect("it follows");
    println!("following");
    std::future::pending::<()>().await;
}
