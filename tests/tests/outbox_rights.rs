//! What the documentation grants a follower of an outbox is enough.

use std::time::Duration;

use cachecow::CacheCow;
use cachecow::log::Outbox;
use cachecow_tests::followed::{Database, Note};
use tokio::time::timeout;

const DOCUMENT: &str = include_str!("../../cachecow/docs/change_logs.md");

/// The statements that the document has for the role `app`.
fn grants() -> String {
    let blocks = DOCUMENT.split("```sql\n").skip(1);
    let mut blocks = blocks.filter_map(|block| Some(block.split_once("```")?.0));
    blocks.find(|block| block.contains("cachecow_outbox to app")).expect("it is there").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_with_the_documented_rights_follows_an_outbox_in_postgres() {
    let database = Database::without_setup(&[]).await;
    let setup = Outbox::from_pool(database.pool.clone()).setup_sql::<(Note,)>().unwrap();
    sqlx::raw_sql(&setup).execute(&database.pool).await.unwrap();
    database.run("insert into notes values (1, 'old'); create role app login password 'cud'").await;
    database.run(&grants()).await;
    let cow = CacheCow::memory();
    let url = database.server.url().replace("cow:cud", "app:cud");
    let follower = cow.follow(Outbox::connect(url)).types::<(Note,)>().start().await.unwrap();
    let text =
        async || cow.with(&database.pool).get(Note::by_id(1)).await.unwrap().unwrap().text.clone();
    timeout(Duration::from_secs(20), follower.caught_up()).await.expect("it follows").unwrap();
    assert_eq!(text().await, "old");
    database.run("update notes set text = 'new'").await;
    follower.caught_up().await.unwrap();
    assert_eq!(text().await, "new");
    assert_eq!(follower.status().opened, 1, "{}", follower.status());
    follower.stop().await;
}
