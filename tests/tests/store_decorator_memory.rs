//! How much memory the decorator takes. Alone in its process, whose memory it measures.

use cachecow::{CacheDecorator, FilesystemStore, KeyValueStoreExt as _};
use cachecow_tests::caches::Cache;
use cachecow_tests::held::Held;
use peak_alloc::PeakAlloc;
use tokio::io::AsyncReadExt as _;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const LIMIT: usize = 1024 * 1024;
/// What a connection and a first use take besides.
const BESIDES: usize = 512 * 1024;

#[tokio::test]
async fn no_value_takes_more_than_six_times_the_largest_that_is_cached() {
    let folder = tempfile::tempdir().unwrap();
    let files = FilesystemStore::open(folder.path()).await.unwrap();
    let hidden = Held::new(files.clone());
    hidden.hide_lengths();
    for cache in [Cache::memory(), Cache::redis(), Cache::store()] {
        for store in [Held::new(files.clone()), hidden.clone()] {
            let decorator = CacheDecorator::new(cache.open_default(), store);
            let decorator = decorator.with_max_value_size(LIMIT);
            for len in [LIMIT, LIMIT + 1, 64 * LIMIT] {
                let before = ALLOCATOR.current_usage();
                ALLOCATOR.reset_peak_usage();
                let value = tokio::io::repeat(7).take(len as u64);
                decorator.put_from("k", value).await.unwrap();
                for _ in 0..3 {
                    let read = decorator.get_into("k", &mut tokio::io::sink()).await.unwrap();
                    assert_eq!(read, len as u64);
                }
                let peak = ALLOCATOR.peak_usage() - before;
                println!("{len} bytes through {decorator}: {} KiB", peak / 1024);
                assert!(peak < 6 * LIMIT + BESIDES, "{peak} bytes for {len} through {decorator}");
            }
        }
    }
}
