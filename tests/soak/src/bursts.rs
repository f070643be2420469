//! Thousands of reads of one object at a time.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::act::Act;
use crate::proxy::Proxy;
use crate::stage::Stage;
use crate::trials::Trial;
use crate::worker::Worker;

/// So many that the commands of a client that sent for each would not be answered in time over the link
/// below.
const READERS: usize = 6000;
/// How long a message takes over the link, each way.
const DISTANCE: Duration = Duration::from_millis(750);

impl Worker {
    /// Reads one object from thousands of tasks at once, first while it is cached, then while it is not.
    pub(crate) async fn burst(&self) {
        // Far away, where the cache is one server: then a client's queue is longer than its patience.
        let folder = tempfile::tempdir().expect("a folder");
        let link = self.settings.socket.clone().map(|socket| {
            Proxy::start(folder.path(), socket).expect("a socket in a folder of its own")
        });
        let url = link.as_ref().map_or_else(|| self.settings.url.clone(), Proxy::url);
        let trial = Trial::of(self, 0, url).await;
        self.reach(Stage::Warming);
        trial.warm().await;
        if let Some(link) = &link {
            link.delay(DISTANCE);
        }
        self.reach(Stage::HitBurst);
        self.read_at_once(&trial).await;
        self.reach(Stage::MissBurst);
        trial.change().await;
        self.read_at_once(&trial).await;
    }

    async fn read_at_once(&self, trial: &Arc<Trial>) {
        let mut readers = JoinSet::new();
        for _ in 0..READERS {
            let trial = Arc::clone(trial);
            readers.spawn(async move { trial.read().await });
        }
        while let Some(ended) = readers.join_next().await {
            ended.expect("no task panics");
            self.count(Act::BurstRead);
        }
        trial.judge(Act::BurstRead);
    }
}
