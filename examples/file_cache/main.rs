//! A folder of files behind a cache that never serves old content.
//!
//! ```sh
//! cargo run -p cachecow-examples --example file_cache                                        # this workspace's sources
//! cargo run -p cachecow-examples --example file_cache -- ~/projects/site                     # any folder
//! REDIS_URL=redis://127.0.0.1:6379 cargo run -p cachecow-examples --example file_cache       # cached in that Redis
//! ```
//!
//! Reads every file below the folder twice, creates and changes its own file there through the decorator, and shows
//! what a cache without a fence would have kept. Existing files are only read.

mod paused;

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cachecow::store::KeySpace;
use cachecow::{
    CacheCow, CacheDecorator, Error, ErrorKind, FilesystemStore, KeyValueStore as _,
    KeyValueStoreExt as _,
};

use crate::paused::Paused;

/// The file that is changed; it must not exist yet.
const SCRATCH: &str = "cachecow-file-cache-example.txt";

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Files = CacheDecorator<Paused<FilesystemStore>>;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("file_cache: {error}");
            let mut source = error.source();
            while let Some(error) = source {
                eprintln!("  because {error}");
                source = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Failure> {
    let (folder, prefixes) = match std::env::args_os().nth(1) {
        Some(folder) => (PathBuf::from(folder), vec![""]),
        // Only the sources, not build output or downloads.
        None => (
            PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/..")),
            vec!["cachecow/", "cachecow-derive/", "examples/", "tests/"],
        ),
    };
    let files = FilesystemStore::open(&folder).await?.with_key_space(KeySpace::Extended);
    let files = Paused::new(files);
    let url = std::env::var("REDIS_URL").unwrap_or_else(|_| "memory://".to_owned());
    let cow = CacheCow::builder().namespace("cachecow-file-cache").open(&url).await?;
    cow.ping().await?;
    let store = Arc::new(
        CacheDecorator::new(cow, files.clone())
            .with_ttl(Duration::from_secs(60))
            .with_max_value_size(256 * 1024),
    );
    println!("{store}");

    read_twice(&store, &prefixes).await?;
    let shown = show_a_change(&store, &files).await;
    // Clean up even after an error, so that the folder is as before.
    let unfinished = std::fs::remove_dir(folder.join("%tmp"));
    shown?;
    unfinished.or_else(|error| match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::DirectoryNotEmpty => Ok(()),
        _ => Err(error.into()),
    })
}

/// Reads every file from the disk, and then from the cache.
async fn read_twice(store: &Files, prefixes: &[&str]) -> Result<(), Failure> {
    let mut keys = Vec::new();
    for prefix in prefixes {
        keys.extend(store.keys(prefix).await?);
    }
    // An earlier run may have left them in Redis.
    for key in &keys {
        store.invalidate(key).await?;
    }
    for pass in ["cold", "warm"] {
        let before = store.stats().of("KeyValueStore");
        let began = Instant::now();
        let mut bytes = 0;
        for key in &keys {
            bytes += store.get(key).await?.len();
        }
        let took = began.elapsed();
        let after = store.stats().of("KeyValueStore");
        println!(
            "{pass}: {} files, {} KiB in {:.1} ms, {} of them from the cache",
            keys.len(),
            bytes / 1024,
            took.as_secs_f64() * 1e3,
            after.hits - before.hits,
        );
    }
    Ok(())
}

/// Changes a file of its own while a reader is between the disk and the cache.
async fn show_a_change(store: &Arc<Files>, files: &Paused<FilesystemStore>) -> Result<(), Failure> {
    if store.contains(SCRATCH).await? {
        return Err(format!("{SCRATCH} is there already; remove it to see a change").into());
    }
    let shown = change(store, files).await;
    store.delete(SCRATCH).await?;
    match store.get(SCRATCH).await {
        Err(error) if error.kind() == ErrorKind::NotFound => println!("deleted: {error}"),
        other => return Err(format!("a deleted file was served: {other:?}").into()),
    }
    Ok(shown?)
}

async fn change(store: &Arc<Files>, files: &Paused<FilesystemStore>) -> Result<(), Error> {
    store.put(SCRATCH, "first").await?;
    println!("changed on disk: {:?}", store.get(SCRATCH).await?);
    store.invalidate(SCRATCH).await?;

    // A reader has the content from the disk, but has not put it into the cache yet.
    let pause = files.pause_next_read();
    let reader = tokio::spawn({
        let store = Arc::clone(store);
        async move { store.read(SCRATCH).await }
    });
    let mut bare = HashMap::new();
    pause.reached().await;
    let read_by_bare = files.get(SCRATCH).await?;

    // A writer changes the file, and removes the key from the cache.
    store.put(SCRATCH, "second").await?;
    bare.remove(SCRATCH);

    // The reader goes on.
    pause.end();
    let read = reader.await.map_err(|error| Error::store("read", error))??;
    bare.insert(SCRATCH, read_by_bare);
    println!(
        "a reader that began before the change was given {:?}; the cache {:?} it",
        read.value, read.fill
    );
    let served = store.get(SCRATCH).await?;
    assert_eq!(served, "second", "a read after a change is never stale");
    println!("cachecow serves      {served:?}");
    println!("a bare cache serves  {:?}, for its time to live", bare[SCRATCH]);
    Ok(())
}
