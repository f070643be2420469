//! Runtimes that are shut down while reads and changes are under way, one after the other under one
//! `CacheCow`.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use crate::act::Act;
use crate::history::History;
use crate::kept::{Read, begun};
use crate::objects::{Named, Plain, Soaked, Soft, Strict};
use crate::stage::Stage;
use crate::worker::{Settings, Worker, some_id};

/// How many end for one order.
const ROUNDS: usize = 4;
const TASKS: usize = 40;
const LEFT_OVER: usize = 8;

/// What all its runtimes have in common.
#[derive(Default)]
pub(crate) struct Runtimes {
    worker: Option<Arc<Worker>>,
}

impl Runtimes {
    /// Has some runtimes end, on a thread of their own, and sees to it that the next one finds all well.
    pub(crate) async fn end_some(mut self, settings: &Settings, history: History) -> Self {
        let settings = settings.clone();
        let (sender, ended) = oneshot::channel();
        std::thread::spawn(move || {
            for _ in 0..ROUNDS {
                let runtime = runtime();
                let worker = self.worker(&runtime, &settings, history);
                end(runtime, &worker);
            }
            let runtime = runtime();
            let worker = self.worker(&runtime, &settings, history);
            runtime.block_on(recover(&worker));
            drop(runtime);
            let _ = sender.send(self);
        });
        ended.await.expect("the thread does not panic")
    }

    fn worker(&mut self, on: &Runtime, settings: &Settings, history: History) -> Arc<Worker> {
        let worker = self.worker.get_or_insert_with(|| {
            let opening = Worker::open(settings.clone(), history, |builder| builder);
            Arc::new(on.block_on(opening))
        });
        Arc::clone(worker)
    }
}

fn runtime() -> Runtime {
    let mut builder =
        if fastrand::bool() { Builder::new_multi_thread() } else { Builder::new_current_thread() };
    builder.worker_threads(2).enable_all().build().expect("threads can be had")
}

/// Ends a runtime in the middle of everything.
fn end(runtime: Runtime, worker: &Arc<Worker>) {
    for _ in 0..TASKS {
        let worker = Arc::clone(worker);
        runtime.spawn(async move {
            loop {
                match fastrand::u8(..4) {
                    0 => worker.change_and_read::<Plain>().await,
                    1 => worker.change_and_read::<Soft>().await,
                    2 => worker.change_and_read::<Named>().await,
                    _ => worker.change_and_read::<Strict>().await,
                }
            }
        });
    }
    let left_over: Vec<Read> = runtime.block_on(async {
        tokio::time::sleep(Duration::from_millis(fastrand::u64(5..80))).await;
        let mut left_over = Vec::new();
        for _ in 0..LEFT_OVER {
            let worker = Arc::clone(worker);
            let read = Box::pin(async move { worker.change_and_read::<Plain>().await });
            left_over.extend(begun(read, fastrand::u8(1..4)).await);
        }
        left_over
    });
    worker.reach(Stage::ShuttingDown);
    drop(runtime);
    worker.count(Act::RuntimeEnded);
    worker.reach(Stage::LeftOver);
    for read in left_over {
        worker.count(Act::LeftOver);
        drop(read);
    }
    worker.reach(Stage::NextRuntime);
}

/// On the next runtime what is outstanding is made up for, and reads are what they must be.
async fn recover(worker: &Arc<Worker>) {
    worker.reach(Stage::MakingUp);
    // Any use of the cache has what is outstanding retried on this runtime; a look at the counters is none.
    let _unreachable = worker.cow.ping().await;
    worker.settle_all().await;
    worker.reach(Stage::NextRuntime);
    for _ in 0..TASKS {
        let id = some_id();
        worker.read(id, Plain::by(id), worker.floor(Plain::cell(id)), false).await;
    }
}

impl Worker {
    /// Changes an object, so that what is read next has to be fetched, by all that read it at the time.
    async fn change_and_read<T: Soaked>(self: &Arc<Self>) {
        let id = some_id();
        if fastrand::bool() {
            Box::pin(self.change_once::<T>(id)).await;
        }
        self.read(id, T::by(id), self.floor(T::cell(id)), false).await;
    }
}
