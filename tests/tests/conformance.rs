//! Every backend does what the protocol asks of it.

use std::time::Duration;

use cachecow_tests::{conformance, for_each_conformance_case};

mod memory {
    use cachecow::MemoryBackend;

    use super::*;

    macro_rules! cases {
        ($($case:ident)*) => {$(
            #[tokio::test(start_paused = true)]
            async fn $case() {
                conformance::$case(&MemoryBackend::default()).await;
            }
        )*};
    }

    for_each_conformance_case!(cases);
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

    for_each_conformance_case!(cases);
}

mod redis {
    use cachecow::RedisBackend;
    use cachecow_tests::servers::RedisServer;

    use super::*;

    macro_rules! cases {
        ($($case:ident)*) => {$(
            #[tokio::test]
            async fn $case() {
                let server = RedisServer::start();
                let backend = RedisBackend::from_url(&server.url(), Duration::from_secs(5)).unwrap();
                conformance::$case(&backend).await;
            }
        )*};
    }

    for_each_conformance_case!(cases);
}
