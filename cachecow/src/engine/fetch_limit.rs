//! Limits how many fetches run at a time while the cache cannot be reached.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::Engine;
use crate::model::place::{has_place, with_place};

/// How long a fetch keeps its place. A fetch that takes longer may hang, may be in a future that
/// nobody polls, or may wait for another fetch that waits for a place.
const LONGEST: Duration = Duration::from_secs(10);

/// How long a free place waits for the fetch that was woken for it. That fetch may be in a future that nobody
/// polls.
const LONGEST_VACANCY: Duration = Duration::from_millis(100);

impl Engine {
    /// Runs a fetch. While the circuit is open it waits for a place.
    pub(crate) async fn limited<F: Future>(&self, fetch: F) -> F::Output {
        if !self.client.circuit_is_open() || has_place() {
            return fetch.await;
        }
        let _place = self.fetch_limit.place().await;
        with_place(fetch).await
    }
}

/// Lets a spawned load use the place of its caller's fetch, if the caller is inside a fetch.
pub(super) fn as_its_caller<F: Future>(load: F) -> impl Future<Output = F::Output> {
    let has_place = has_place();
    async move { if has_place { with_place(load).await } else { load.await } }
}

pub(super) struct FetchLimit {
    places: usize,
    running: Mutex<Running>,
    freed: Notify,
}

#[derive(Default)]
struct Running {
    last_number: u64,
    /// The fetches that have a place, and since when, in the order of their numbers.
    fetches: VecDeque<(u64, Instant)>,
}

impl FetchLimit {
    pub(super) fn new(places: usize) -> Self {
        Self { places, running: Mutex::default(), freed: Notify::new() }
    }

    async fn place(&self) -> Place<'_> {
        loop {
            let mut freed = pin!(self.freed.notified());
            // Before checking the places, so that a place freed meanwhile is not missed.
            freed.as_mut().enable();
            let oldest_ends = match self.take_place() {
                Ok(place) => return place,
                Err(oldest_ends) => oldest_ends,
            };
            // In either case another fetch may take the place first.
            let soon = oldest_ends.min(Instant::now() + LONGEST_VACANCY);
            let _freed_or_over = timeout_at(soon, freed).await;
        }
    }

    /// Takes a place, or returns when the oldest one ends.
    fn take_place(&self) -> Result<Place<'_>, Instant> {
        let now = Instant::now();
        let mut running = self.lock();
        while running.fetches.front().is_some_and(|(_, since)| *since + LONGEST <= now) {
            running.fetches.pop_front();
        }
        match running.fetches.front() {
            Some((_, since)) if running.fetches.len() >= self.places => Err(*since + LONGEST),
            _ => {
                running.last_number += 1;
                let number = running.last_number;
                running.fetches.push_back((number, now));
                Ok(Place { limit: self, number })
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        self.running.lock()
    }
}

struct Place<'a> {
    limit: &'a FetchLimit,
    number: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        {
            let mut running = self.limit.lock();
            let place = running.fetches.binary_search_by_key(&self.number, |(number, _)| *number);
            // Not found if the fetch took too long.
            place.ok().and_then(|place| running.fetches.remove(place));
        }
        self.limit.freed.notify_one();
    }
}
