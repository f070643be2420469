//! What `CacheDecorator` costs: a warm `get` beside the bare cache's, a miss beside the bare read and
//! fill, and a stream of 1 GiB with the memory it takes.
//!
//! ```sh
//! cargo bench -p cachecow-tests --bench store [-- [--quick] [redis] [memory] [miss] [stream]]
//! ```

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cachecow::{
    CacheCow, CacheDecorator, FilesystemStore, KeyValueStore, KeyValueStoreExt as _, MemoryStore,
};
use cachecow_tests::servers::RedisServer;
use redis::aio::MultiplexedConnection;
use tokio::io::AsyncReadExt as _;

use crate::support::{median, median_ratio, microseconds, quick, rate, run, throughput};

const KEYS: i64 = 500;
const VALUE: usize = 4096;

fn main() {
    run(async {
        let server = RedisServer::start();
        if wanted("redis") {
            warm(&server).await;
        }
        if wanted("memory") {
            warm_in_memory().await;
        }
        if wanted("miss") {
            miss(&server).await;
        }
        if wanted("stream") {
            stream().await;
        }
    });
}

/// Whether this part is to run: all do if none is named.
fn wanted(part: &str) -> bool {
    let parts = ["redis", "memory", "miss", "stream"];
    let named: Vec<String> = std::env::args().filter(|arg| parts.contains(&&**arg)).collect();
    named.is_empty() || named.iter().any(|name| name == part)
}

fn name(number: i64) -> String {
    format!("key-{number}")
}

fn rounds() -> usize {
    if quick() { 5 } else { 21 }
}

/// Reads that find everything in Redis.
async fn warm(server: &RedisServer) {
    let window = Duration::from_millis(if quick() { 100 } else { 400 });
    let cow = CacheCow::open(&server.url()).await.expect("a valid address");
    let decorator = Arc::new(CacheDecorator::new(cow, MemoryStore::new()));
    let mut bare = server.connection().await;
    for number in 0..KEYS {
        decorator.put(&name(number), vec![7; VALUE]).await.expect("it runs");
        for _ in 0..2 {
            decorator.get(&name(number)).await.expect("it runs");
        }
        let mut set = redis::cmd("SET");
        set.arg(name(number)).arg(&vec![7_u8; VALUE][..]);
        set.exec_async(&mut bare).await.expect("it runs");
    }
    println!(
        "warm get of {VALUE} bytes from Redis, thousands a second, median of {} rounds",
        rounds()
    );
    println!("{:>8} {:>12} {:>12} {:>12}", "tasks", "decorator", "bare GET", "ratio");
    for tasks in [1, 32, 256] {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..rounds() {
            ours.push(
                throughput(tasks, window, KEYS, |stop, at| get(decorator.clone(), stop, at)).await,
            );
            theirs.push(
                throughput(tasks, window, KEYS, |stop, at| get_bare(bare.clone(), stop, at)).await,
            );
        }
        let ratio = median_ratio(&ours, &theirs);
        println!(
            "{tasks:>8} {:>12.1} {:>12.1} {ratio:>12.3}",
            median(ours) / 1e3,
            median(theirs) / 1e3
        );
    }
}

async fn get<S: KeyValueStore>(store: Arc<S>, stop: Arc<AtomicBool>, first: i64) -> u32 {
    let mut count = 0;
    while !stop.load(Ordering::Relaxed) {
        let value = store.get(&name((first + i64::from(count)) % KEYS)).await.expect("it runs");
        assert_eq!(value.len(), VALUE);
        count += 1;
    }
    count
}

async fn get_bare(mut bare: MultiplexedConnection, stop: Arc<AtomicBool>, first: i64) -> u32 {
    let mut count = 0;
    while !stop.load(Ordering::Relaxed) {
        let mut get = redis::cmd("GET");
        get.arg(name((first + i64::from(count)) % KEYS));
        let value: Vec<u8> = get.query_async(&mut bare).await.expect("it runs");
        assert_eq!(value.len(), VALUE);
        count += 1;
    }
    count
}

/// Reads that find everything in this process.
async fn warm_in_memory() {
    let gets = if quick() { 20_000 } else { 200_000 };
    let decorator = CacheDecorator::new(CacheCow::memory(), MemoryStore::new());
    let bare = MemoryStore::new();
    let names: Vec<String> = (0..KEYS).map(name).collect();
    for name in &names {
        bare.put(name, vec![7; VALUE]).await.expect("it runs");
        decorator.put(name, vec![7; VALUE]).await.expect("it runs");
        for _ in 0..2 {
            decorator.get(name).await.expect("it runs");
        }
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..rounds() {
        ours.push(nanoseconds(&decorator, &names, gets).await);
        theirs.push(nanoseconds(&bare, &names, gets).await);
    }
    let ratio = median_ratio(&ours, &theirs);
    println!(
        "\nwarm get from memory: decorator {:.0} ns, bare MemoryStore {:.0} ns, ratio {ratio:.2}",
        median(ours),
        median(theirs)
    );
}

async fn nanoseconds(store: &impl KeyValueStore, names: &[String], gets: usize) -> f64 {
    let began = Instant::now();
    for name in names.iter().cycle().take(gets) {
        assert_eq!(store.get(name).await.expect("it runs").len(), VALUE);
    }
    microseconds(began.elapsed()) * 1e3 / f64::from(u32::try_from(gets).expect("a small number"))
}

/// Reads that find nothing in Redis, from files.
async fn miss(server: &RedisServer) {
    let folder = tempfile::tempdir().expect("a folder");
    let files = FilesystemStore::open(folder.path()).await.expect("it is there");
    for number in 0..KEYS {
        std::fs::write(folder.path().join(name(number)), vec![7; VALUE]).expect("there is room");
    }
    let cow = CacheCow::open(&server.url()).await.expect("a valid address");
    let decorator = CacheDecorator::new(cow, files.clone()).with_name("miss");
    let mut bare = server.connection().await;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..rounds() {
        for number in 0..KEYS {
            decorator.invalidate(&name(number)).await.expect("it runs");
            redis::cmd("DEL").arg(name(number)).exec_async(&mut bare).await.expect("it runs");
        }
        let began = Instant::now();
        for number in 0..KEYS {
            decorator.get(&name(number)).await.expect("it runs");
        }
        ours.push(microseconds(began.elapsed()) / 500.0);
        let began = Instant::now();
        for number in 0..KEYS {
            let name = name(number);
            let cached: Option<Vec<u8>> =
                redis::cmd("GET").arg(&name).query_async(&mut bare).await.expect("it runs");
            assert!(cached.is_none());
            let value = files.get(&name).await.expect("it is there");
            let mut set = redis::cmd("SET");
            set.arg(&name).arg(&value[..]).arg("PX").arg(3_600_000);
            set.exec_async(&mut bare).await.expect("it runs");
        }
        theirs.push(microseconds(began.elapsed()) / 500.0);
    }
    let ratio = median_ratio(&ours, &theirs);
    println!(
        "\nmiss, {VALUE} bytes from a file, stored in Redis: decorator {:.1} µs, bare GET, read and SET {:.1} µs, ratio {ratio:.3}",
        median(ours),
        median(theirs)
    );
}

/// One large value through the decorator, and from the file itself.
async fn stream() {
    let mib = if quick() { 64 } else { 1024 };
    let folder = tempfile::tempdir().expect("a folder");
    let files = FilesystemStore::open(folder.path()).await.expect("it is there");
    let decorator = CacheDecorator::new(CacheCow::memory(), files.clone());
    let rss = resident();
    let began = Instant::now();
    decorator.put_from("large", tokio::io::repeat(7).take(mib << 20)).await.expect("there is room");
    let put = rate(u32::try_from(mib).expect("a small number"), began);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        ours.push(drain(&decorator, mib).await);
        theirs.push(drain(&files, mib).await);
    }
    let ratio = median_ratio(&ours, &theirs);
    println!(
        "\nstream of {mib} MiB: put {:.0} MiB/s; open through the decorator {:.0} MiB/s, from the store {:.0} MiB/s, ratio {ratio:.3}",
        put,
        median(ours),
        median(theirs)
    );
    println!("memory at its peak: {} KiB more than before", peak().saturating_sub(rss));
}

/// MiB a second.
async fn drain(store: &impl KeyValueStore, mib: u64) -> f64 {
    let began = Instant::now();
    let mut reader = store.open("large").await.expect("it is there");
    let mut buffer = vec![0; 256 * 1024];
    let mut len = 0;
    loop {
        match reader.read(&mut buffer).await.expect("it can be read") {
            0 => break,
            read => len += read as u64,
        }
    }
    assert_eq!(len, mib << 20);
    rate(u32::try_from(mib).expect("a small number"), began)
}

/// KiB of this process in memory.
fn resident() -> u64 {
    status("VmRSS:")
}

/// The most that there ever were.
fn peak() -> u64 {
    status("VmHWM:")
}

fn status(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("a known field");
    line.trim().trim_end_matches("kB").trim().parse().expect("a number")
}
