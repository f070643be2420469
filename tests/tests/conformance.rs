//! Every backend does what the protocol asks of it.

use std::time::Duration;

use cachecow::conformance;

mod memory {
    use std::sync::Arc;

    use cachecow::{CacheBackend, MemoryBackend};

    use super::*;

    macro_rules! cases {
        ($($case:ident)*) => {$(
            #[tokio::test(start_paused = true)]
            async fn $case() {
                conformance::$case(&MemoryBackend::default()).await;
            }
        )*};
    }

    conformance::for_each_check!(cases);

    #[tokio::test(start_paused = true)]
    async fn changes_are_told() {
        conformance::changes_are_told(&MemoryBackend::default()).await;
    }

    #[tokio::test]
    async fn one_backend_takes_all_checks_again_and_again() {
        let backend: Arc<dyn CacheBackend> = Arc::new(MemoryBackend::default());
        for _ in 0..2 {
            conformance::all(&backend).await;
            conformance::changes_are_told(&*backend).await;
        }
    }
}

mod any_store {
    use cachecow::MemoryStore;
    use cachecow::store::StoreBackend;

    use super::*;

    macro_rules! cases {
        ($($case:ident)*) => {$(
            #[tokio::test]
            async fn $case() {
                conformance::$case(&StoreBackend::new(MemoryStore::new())).await;
            }
        )*};
    }

    conformance::for_each_check!(cases);
}

mod redis {
    use cachecow::RedisBackend;
    use cachecow_tests::servers::RedisServer;

    use super::*;

    fn open(server: &RedisServer) -> RedisBackend {
        RedisBackend::from_url(&server.url(), Duration::from_secs(5)).unwrap()
    }

    macro_rules! cases {
        ($($case:ident)*) => {$(
            #[tokio::test]
            async fn $case() {
                let server = RedisServer::start();
                conformance::$case(&open(&server)).await;
            }
        )*};
    }

    conformance::for_each_check!(cases);

    #[tokio::test]
    async fn changes_are_told() {
        let server = RedisServer::start();
        conformance::changes_are_told(&open(&server)).await;
        conformance::changes_are_told(&open(&server).with_namespace("shop").expect("it is valid"))
            .await;
    }

    #[tokio::test]
    async fn a_connection_made_elsewhere_takes_all_checks() {
        let server = RedisServer::start();
        let connection = server.connection().await;
        conformance::all(&RedisBackend::from_connection(connection)).await;
    }
}
