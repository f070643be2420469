//! Reads of the load that were begun and are not polled for a while.
//!
//! Their callers stand in a `select!` beside a branch that is slow, or have leaked them. Now and then one
//! is polled to its end, dropped, or forgotten.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use parking_lot::Mutex;

use crate::act::Act;
use crate::objects::Soaked;
use crate::worker::{Worker, some_id};

/// A read, with its check.
pub(crate) type Read = Pin<Box<dyn Future<Output = ()> + Send>>;

const MOST: usize = 32;
/// One in so many is forgotten.
const FORGOTTEN: u8 = 64;

/// The reads that nobody polls at the moment.
#[derive(Default)]
pub(crate) struct Kept(Mutex<Vec<Read>>);

impl Kept {
    fn put(&self, read: Read) {
        let mut kept = self.0.lock();
        if kept.len() < MOST {
            kept.push(read);
        }
    }

    fn take(&self) -> Option<Read> {
        let mut kept = self.0.lock();
        let count = kept.len();
        (count > 0).then(|| kept.swap_remove(fastrand::usize(..count)))
    }
}

impl Worker {
    /// Begins a read, and keeps it beside.
    pub(crate) async fn begin_read<T: Soaked>(self: &Arc<Self>) {
        let worker = Arc::clone(self);
        let read = Box::pin(async move {
            let id = some_id();
            worker.read(id, T::by(id), worker.floor(T::cell(id)), false).await;
        });
        if let Some(read) = begun(read, fastrand::u8(1..4)).await {
            self.count(Act::KeptRead);
            self.kept.put(read);
        }
    }

    /// Lets go of reads that were kept, one after the other, until the history is stopped.
    pub(crate) async fn let_go(self: &Arc<Self>) {
        while !self.history.is_stopped() {
            tokio::time::sleep(Duration::from_millis(fastrand::u64(5..100))).await;
            let Some(read) = self.kept.take() else { continue };
            match fastrand::u8(..FORGOTTEN) {
                0 => {
                    self.count(Act::ForgottenRead);
                    std::mem::forget(read);
                }
                fate if fate % 2 == 0 => drop(read),
                _ => drop(tokio::spawn(read)),
            }
        }
        while self.kept.take().is_some() {}
    }
}

/// Polls a read so often; none if that was all it needed.
pub(crate) async fn begun(mut read: Read, polls: u8) -> Option<Read> {
    for _ in 0..polls {
        let poll = poll_fn(|context| Poll::Ready(read.as_mut().poll(context))).await;
        if poll.is_ready() {
            return None;
        }
        tokio::task::yield_now().await;
    }
    Some(read)
}
