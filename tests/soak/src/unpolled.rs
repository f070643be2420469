//! Reads that were begun and that nobody polls any more: they must cost nobody anything.

use std::sync::Arc;

use futures_util::future::join_all;

use crate::act::Act;
use crate::kept::{Read, begun};
use crate::objects::{Plain, Soaked};
use crate::stage::Stage;
use crate::trials::Trial;
use crate::worker::Worker;

/// More than can be under way at a time.
const HITS: usize = 64;
const OTHERS: usize = 50;
const FOLLOWERS: usize = 10;

/// What becomes of reads that were begun and are not polled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Left {
    /// They are kept beside, and dropped later.
    Kept,
    /// They are forgotten, and never dropped.
    Forgotten,
}

impl Left {
    fn act(self) -> Act {
        match self {
            Self::Kept => Act::KeptRead,
            Self::Forgotten => Act::ForgottenRead,
        }
    }
}

impl Worker {
    /// Leaves hits unpolled, and reads another object; then a read in mid-fetch, and reads that object.
    pub(crate) async fn leave_reads(&self, left: Left) {
        let first = if left == Left::Kept { 1 } else { 4 };
        let url = &self.settings.url;
        let trial = async |number| Trial::of(self, first + number, url.clone()).await;
        let (hit, led) = (trial(0).await, trial(2).await);
        let other = hit.beside(first + 1);
        self.reach(Stage::Warming);
        hit.warm().await;
        other.warm().await;
        self.reach(Stage::BesideHits);
        let mut kept = Vec::new();
        for _ in 0..HITS {
            let hit = Arc::clone(&hit);
            let read = begun(Box::pin(async move { hit.read().await }), 1).await;
            self.leave(read, left, &mut kept);
        }
        for _ in 0..OTHERS {
            other.read().await;
        }
        other.judge(left.act());
        self.reach(Stage::BehindLeader);
        self.leave(Some(leading(&led).await), left, &mut kept);
        join_all((0..FOLLOWERS).map(|_| led.read())).await;
        led.read().await;
        led.judge(left.act());
    }

    fn leave(&self, read: Option<Read>, left: Left, kept: &mut Vec<Read>) {
        let Some(read) = read else { return };
        self.count(left.act());
        match left {
            Left::Kept => kept.push(read),
            Left::Forgotten => std::mem::forget(read),
        }
    }
}

/// A read that has begun to fetch what is not cached, and that no poll will bring further.
async fn leading(trial: &Arc<Trial>) -> Read {
    trial.change().await;
    let database = Arc::new(trial.worker.database().endless());
    let (of, context) = (Arc::clone(trial), Arc::clone(&database));
    let mut read: Read = Box::pin(async move {
        let _ = of.worker.cow.with(&*context).read(Plain::by(of.id)).await;
    });
    while !database.has_fetched(Plain::cell(trial.id)) {
        read = begun(read, 1).await.expect("its fetch never ends");
    }
    read
}
