//! What compression and encryption cost: bytes a value, and microseconds to fill and to hit, for a row of 138
//! bytes, a JSON-like object of 2 KB and one of 100 KB. The cache is this process's memory, so that all else is
//! short; every fill also encodes the object and reads it back, every hit decodes it.
//!
//! ```sh
//! cargo bench -p cachecow-tests --bench codec_stages [-- --quick]
//! ```

use std::convert::Infallible;
use std::time::{Duration, Instant};

use cachecow::protocol::{Command, Reply};
use cachecow::{
    Builder, CacheBackend as _, CacheCow, CacheSchema, Cached, Compression, Keyring, Lookup as _,
    MemoryBackend, Request,
};

#[derive(Clone, PartialEq, Cached)]
#[cache(context = Document)]
#[cache(key = "document:{id}", fetch = Document::find)]
struct Document {
    id: u64,
    title: String,
    entries: Vec<Entry>,
}

#[derive(Clone, PartialEq, CacheSchema)]
struct Entry {
    kind: String,
    path: String,
    value: u64,
    tags: Vec<String>,
}

impl Document {
    fn of(entries: usize) -> Self {
        let mut random = fastrand::Rng::with_seed(7);
        let mut word = |words: &[&str]| random.choice(words).copied().unwrap_or("").to_owned();
        let kinds = ["text", "number", "reference", "timestamp", "choice"];
        let names =
            ["customer", "order", "billing", "address", "shipment", "note", "line", "total"];
        let entry = |number: usize| Entry {
            kind: word(&kinds),
            path: format!("{}.{}.{number}", word(&names), word(&names)),
            value: number as u64 * 7919 % 100_003,
            tags: vec![word(&names), word(&kinds)],
        };
        let entries = (0..entries).map(entry).collect();
        let title = "A row of a table with some sixty letters of text, as many have".to_owned();
        Self { id: 1, title, entries }
    }

    async fn find(document: &Document, _id: u64) -> Result<Document, Infallible> {
        Ok(document.clone())
    }
}

fn settings() -> [(&'static str, Builder); 7] {
    let plain = || CacheCow::builder().hints(16);
    let encrypted = |builder: Builder| builder.encrypt(Keyring::new("2026-11", &[7; 32]));
    let zstd = |level| plain().compress(Compression::zstd(level), 0);
    [
        ("plain", plain()),
        ("zstd 1", zstd(1)),
        ("zstd 3", zstd(3)),
        ("zstd 9", zstd(9)),
        ("zstd 19", zstd(19)),
        ("encrypted", encrypted(plain())),
        ("zstd 3, encrypted", encrypted(zstd(3))),
    ]
}

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let time = Duration::from_millis(if quick { 50 } else { 1000 });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        for entries in [1, 45, 2250] {
            println!("{entries} entries");
            println!("{:>18} {:>8} {:>6} {:>9} {:>9}", "", "bytes", "ratio", "fill µs", "hit µs");
            let mut plain = None;
            for (name, builder) in settings() {
                let (bytes, fill, hit) = measure(builder, &Document::of(entries), time).await;
                let of_plain = f64::from(*plain.get_or_insert(bytes));
                let ratio = f64::from(bytes) / of_plain;
                println!("{name:>18} {bytes:>8} {ratio:>6.2} {fill:>9.2} {hit:>9.2}");
            }
        }
    });
}

/// The bytes of the stored value, and the microseconds of a fill and of a hit.
async fn measure(builder: Builder, document: &Document, time: Duration) -> (u32, f64, f64) {
    let backend = std::sync::Arc::new(MemoryBackend::default());
    let cow = builder.backend(std::sync::Arc::clone(&backend)).expect("valid settings");
    let (view, lookup) = (cow.with(document), Document::by_id(1));
    let key = lookup.key().key();
    view.get(lookup.clone()).await.expect("no failure");
    let request = Request { key, command: Command::Lookup };
    let Some(Ok(Reply::Value(stored))) = backend.execute(vec![request]).await.pop() else {
        panic!("it is not stored");
    };
    let hit = micros(time, async || drop(view.get(lookup.clone()).await)).await;
    let fill = micros(time, async || {
        cow.invalidate(lookup.clone()).await.expect("no failure");
        view.get(lookup.clone()).await.expect("no failure");
    })
    .await;
    let stats = cow.stats().of("Document");
    assert_eq!((stats.decode_failures, stats.other_versions), (0, 0));
    (u32::try_from(stored.len()).expect("not so large"), fill, hit)
}

async fn micros(time: Duration, action: impl AsyncFn()) -> f64 {
    let (began, mut count) = (Instant::now(), 0);
    while began.elapsed() < time {
        for _ in 0..10 {
            action().await;
        }
        count += 10;
    }
    began.elapsed().as_secs_f64() * 1e6 / f64::from(count)
}
