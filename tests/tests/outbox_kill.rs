//! A process that follows an outbox is killed with changes in its hands, while others write.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use cachecow::log::Outbox;
use cachecow_tests::followed::{Database, Note, User};
use cachecow_tests::patient::patient;
use cachecow_tests::relay::Relay;
use cachecow_tests::servers::{Process, RedisServer};
use sqlx::PgPool;
use tokio::task::JoinHandle;

const NOTES: i64 = 80;
const WRITERS: i64 = 4;

/// Writers that change their notes again and again, each in transactions of its own.
struct Writers {
    tasks: Vec<JoinHandle<()>>,
    ended: Arc<AtomicBool>,
    /// How often each has changed all of its notes.
    rounds: Arc<[AtomicU64]>,
}

impl Writers {
    fn begin(pool: &PgPool) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let rounds: Arc<[AtomicU64]> = (0..WRITERS).map(|_| AtomicU64::new(0)).collect();
        let tasks = (0..WRITERS).map(|writer| {
            let (pool, ended, rounds) = (pool.clone(), Arc::clone(&ended), Arc::clone(&rounds));
            tokio::spawn(async move {
                while !ended.load(Ordering::SeqCst) {
                    for id in (1..=NOTES).filter(|id| id % WRITERS == writer) {
                        let update =
                            "update notes set text = (text::bigint + 1)::text where id = $1";
                        sqlx::query(update).bind(id).execute(&pool).await.unwrap();
                    }
                    rounds[usize::try_from(writer).unwrap()].fetch_add(1, Ordering::SeqCst);
                }
            })
        });
        Self { tasks: tasks.collect(), ended, rounds }
    }

    /// Waits until every note was changed once more.
    async fn until_all_changed(&self) {
        // The first round that ends may have begun before.
        for rounds in &*self.rounds {
            let wanted = rounds.load(Ordering::SeqCst) + 2;
            while rounds.load(Ordering::SeqCst) < wanted {
                tokio::task::yield_now().await;
            }
        }
    }

    async fn end(self) {
        self.ended.store(true, Ordering::SeqCst);
        for task in self.tasks {
            task.await.unwrap();
        }
    }
}

async fn scalar<T>(database: &Database, sql: &str) -> T
where
    T: Send + Unpin + for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    let found = sqlx::query_scalar(sql).fetch_one(&database.pool).await;
    found.unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// Waits until the process has read a change that it cannot invalidate: its last reading began after the commit.
async fn until_it_has_some_in_its_hands(database: &Database) {
    let has_some = "select exists (select 1 from pg_stat_activity a, cachecow_outbox o \
                    where a.query like 'select id, source, old_row%' and a.state = 'idle' \
                    and pg_xact_commit_timestamp(o.xmin) < a.query_start)";
    while !scalar::<bool>(database, has_some).await {}
}

/// Which notes are stale after the process was killed and another follower took over, and caught up. If the dead one
/// `forgets`, one note's changes are deleted from the outbox as if it had deleted them before their invalidation.
async fn stale_after_a_kill(forgets: bool) -> Vec<i64> {
    let database = Database::without_setup(&["track_commit_timestamp=on"]).await;
    let redis = RedisServer::start();
    let outbox = || Outbox::from_pool(database.pool.clone());
    let setup = outbox().setup_sql::<(User, Note)>().unwrap();
    sqlx::raw_sql(&setup).execute(&database.pool).await.unwrap();
    database
        .run(&format!("insert into notes select n, '0' from generate_series(1, {NOTES}) n"))
        .await;
    let cow = patient().open(&redis.url()).await.unwrap();
    let read = async || {
        let notes = cow.with(&database.pool).get_many((1..=NOTES).map(Note::by_id)).await.unwrap();
        notes.into_iter().map(|note| note.unwrap().text.clone()).collect::<Vec<_>>()
    };

    let relay = Relay::before(&redis.socket());
    let own = redis.socket().parent().unwrap().display().to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_cachecow-follower"));
    let url = redis.url().replace(&own, &relay.folder().display().to_string());
    command.args([database.server.url(), url, "outbox".to_owned()]);
    let ready = |line: &str| line.contains("following").then_some(());
    let (process, ()) = Process::start(command, ready);

    // It follows under load, and comes after.
    let writers = Writers::begin(&database.pool);
    writers.until_all_changed().await;
    writers.end().await;
    while scalar::<i64>(&database, "select count(*) from cachecow_outbox").await > 0 {}

    let cached = read().await;
    relay.hang();
    let writers = Writers::begin(&database.pool);
    until_it_has_some_in_its_hands(&database).await;
    writers.until_all_changed().await;
    drop(process);
    writers.until_all_changed().await;
    writers.end().await;
    assert_eq!(read().await, cached, "nothing was invalidated");
    if forgets {
        database
            .run(
                "delete from cachecow_outbox where new_row::json->>'id' = (select new_row::json->>'id' \
                 from cachecow_outbox where source = 'notes' order by id limit 1)",
            )
            .await;
    }

    let follower = cow.follow(outbox()).types::<(User, Note)>().start().await.unwrap();
    follower.caught_up().await.unwrap();
    assert_eq!(follower.status().drops, 0, "nothing is invalidated but what the outbox has");
    let served = read().await;
    let mut stale = Vec::new();
    for (id, served) in (1..).zip(served) {
        let is: String =
            scalar(&database, &format!("select text from notes where id = {id}")).await;
        if served != is {
            stale.push(id);
        }
    }
    stale
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_process_had_in_its_hands_is_invalidated_by_the_next() {
    assert_eq!(stale_after_a_kill(false).await, [0; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn control_what_a_killed_process_deleted_before_stays_stale() {
    assert_eq!(stale_after_a_kill(true).await.len(), 1);
}
