//! How much of a large value is in memory. Alone in its process, whose memory it measures.

use cachecow::KeyValueStoreExt as _;
use cachecow_tests::cloud::{Pattern, matched};
use cachecow_tests::servers::S3Server;
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn what_streams_is_not_in_memory() {
    let server = S3Server::start();
    let store = server.store("memory");
    store.put("warm", "up").await.unwrap();
    let len = 160 * MIB as u64;
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    store.put_from("large", Pattern::of(len)).await.unwrap();
    let peak = ALLOCATOR.peak_usage() - before;
    println!("{} KiB to send", peak / 1024);
    assert!(peak < 34 * MIB, "four parts of 8 MiB, and some room for the client: {peak}");
    ALLOCATOR.reset_peak_usage();
    assert_eq!(matched(&store, "large").await, len);
    let peak = ALLOCATOR.peak_usage() - before;
    println!("{} KiB to receive", peak / 1024);
    assert!(peak < 4 * MIB, "what the client reads at once: {peak}");
}
