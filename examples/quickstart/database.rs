//! The backing store of the tour: an embedded database, holding the packages of a `Cargo.lock`.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension as _};
use serde::Deserialize;
use tokio::sync::oneshot;

use crate::{Failure, Package};

/// cachecow knows only its fetch functions, `package` and `packages`.
#[derive(Clone)]
pub(crate) struct Database(Arc<Mutex<Sqlite>>);

struct Sqlite {
    connection: Connection,
    fetches: usize,
    hold_up: Option<(oneshot::Sender<()>, oneshot::Receiver<()>)>,
}

/// Controls a fetch that is held up.
pub(crate) struct Gate {
    pub(crate) arrived: oneshot::Receiver<()>,
    pub(crate) open: oneshot::Sender<()>,
}

#[derive(Deserialize)]
struct LockFile {
    package: Vec<LockedPackage>,
}

#[derive(Deserialize)]
struct LockedPackage {
    name: String,
    version: String,
    #[serde(default)]
    dependencies: Vec<String>,
}

impl Database {
    /// The packages of this workspace's `Cargo.lock`.
    pub(crate) fn of_this_workspace() -> Result<Self, Failure> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock");
        let lock: LockFile = toml::from_str(&std::fs::read_to_string(path)?)?;
        let connection = Connection::open_in_memory()?;
        connection.execute_batch(
            "CREATE TABLE packages (name TEXT PRIMARY KEY, version TEXT NOT NULL);
             CREATE TABLE dependencies (needs TEXT NOT NULL, package TEXT NOT NULL);
             CREATE INDEX by_needs ON dependencies (needs, package);",
        )?;
        let mut package = connection.prepare("INSERT OR REPLACE INTO packages VALUES (?1, ?2)")?;
        let mut dependency = connection.prepare("INSERT INTO dependencies VALUES (?1, ?2)")?;
        for LockedPackage { name, version, dependencies } in &lock.package {
            // If there are several versions, the newest comes last in the file.
            package.execute([name, version])?;
            for needs in dependencies {
                // "syn", or "syn 3.0.9" if there are several versions.
                dependency.execute([needs.split(' ').next(), Some(name)])?;
            }
        }
        drop((package, dependency));
        Ok(Self(Arc::new(Mutex::new(Sqlite { connection, fetches: 0, hold_up: None }))))
    }

    /// The fetch function: one package, or `None` if there is none with that name.
    pub(crate) async fn package(&self, name: &str) -> rusqlite::Result<Option<Package>> {
        Ok(self.packages(&[name.to_owned()]).await?.pop())
    }

    /// The fetch function of a batch: in any order, without missing ones.
    pub(crate) async fn packages(&self, names: &[String]) -> rusqlite::Result<Vec<Package>> {
        const QUERY: &str = "
            WITH RECURSIVE dependents(name) AS (
                SELECT package FROM dependencies WHERE needs = ?1
                UNION SELECT package FROM dependencies JOIN dependents ON needs = dependents.name
            )
            SELECT version, (SELECT count(*) FROM dependents) FROM packages WHERE name = ?1";
        let names = names.to_vec();
        let (found, hold_up) = self
            .run(move |sqlite| {
                sqlite.fetches += 1;
                let mut query = sqlite.connection.prepare_cached(QUERY)?;
                let mut found = Vec::new();
                for name in names {
                    let row = query.query_row([&name], |row| Ok((row.get(0)?, row.get(1)?)));
                    if let Some((version, needed_by)) = row.optional()? {
                        found.push(Package { name, version, needed_by });
                    }
                }
                drop(query);
                Ok((found, sqlite.hold_up.take()))
            })
            .await?;
        if let Some((arrived, opened)) = hold_up {
            // Fails only if the race was cancelled.
            let _ = arrived.send(());
            let _ = opened.await;
        }
        Ok(found)
    }

    /// A write to the database without a cache; the caller wraps it in `cow.write`.
    pub(crate) async fn set_version(&self, name: &str, version: &str) -> Result<(), Failure> {
        let row = [name.to_owned(), version.to_owned()];
        let update = "UPDATE packages SET version = ?2 WHERE name = ?1";
        self.run(move |sqlite| sqlite.connection.execute(update, row)).await?;
        Ok(())
    }

    pub(crate) async fn count(&self) -> rusqlite::Result<u32> {
        let count = "SELECT count(*) FROM packages";
        self.run(move |sqlite| sqlite.connection.query_row(count, [], |row| row.get(0))).await
    }

    /// How often a fetch function has run.
    pub(crate) fn fetches(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fetches
    }

    /// Holds up the next fetch after it has read, until the gate is opened.
    pub(crate) fn hold_up_next_fetch(&self) -> Gate {
        let (reached, arrived) = oneshot::channel();
        let (open, opened) = oneshot::channel();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).hold_up = Some((reached, opened));
        Gate { arrived, open }
    }

    /// Queries block, so they run on a thread that may block.
    async fn run<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Sqlite) -> rusqlite::Result<R> + Send + 'static,
    ) -> rusqlite::Result<R> {
        let sqlite = Arc::clone(&self.0);
        let work = move || work(&mut sqlite.lock().unwrap_or_else(PoisonError::into_inner));
        tokio::task::spawn_blocking(work).await.expect("SQLite does not panic")
    }
}
