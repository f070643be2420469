//! Listens to the sentinels, to hear when another server becomes the master.
//!
//! The former master closes its clients' connections only when it is demoted. After a planned
//! switch, Sentinel takes about ten seconds for that; everything that the former master confirms
//! until then is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ::redis::ConnectionInfo;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use super::super::super::BackendError;
use super::super::connector::Connector;
use super::reports::Reports;
use super::word::{self, Address, Word};
use crate::events::say;

const CHANNEL: &str = "+switch-master";
/// How often a sentinel is asked that has reported nothing, and how often the backend reconnects to one that cannot
/// be reached.
const INTERVAL: Duration = Duration::from_secs(1);

/// The reports about the master.
#[derive(Default)]
pub(super) struct Switches {
    heard: Arc<Heard>,
    /// One task for each sentinel, once there was a connection.
    listeners: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Default)]
struct Heard {
    /// How often the master was switched. Changed together with the reports, under their lock.
    count: AtomicU64,
    reports: Mutex<Reports>,
}

impl Switches {
    /// Grows with every switch.
    pub(super) fn count(&self) -> u64 {
        self.heard.count.load(Ordering::Acquire)
    }

    /// The possible addresses of the master, and the count of switches that led to them.
    pub(super) fn named(&self) -> (u64, Vec<Address>) {
        let reports = self.heard.reports();
        (self.count(), reports.named())
    }

    /// Takes the report of the sentinel with this index.
    pub(super) fn note(&self, sentinel: usize, word: Word) {
        self.heard.note(sentinel, word);
    }

    /// Starts to listen to every sentinel, unless it already does.
    pub(super) fn listen(&self, name: &str, sentinels: &[ConnectionInfo], connector: &Connector) {
        let mut listeners = self.listeners.lock();
        // The tasks end with their runtime.
        if listeners.iter().any(|listener| !listener.is_finished()) {
            return;
        }
        *listeners = sentinels
            .iter()
            .enumerate()
            .map(|(place, sentinel)| {
                let listener = Listener {
                    place,
                    sentinel: sentinel.clone(),
                    name: name.to_owned(),
                    connector: connector.clone(),
                    heard: Arc::clone(&self.heard),
                };
                tokio::spawn(listener.run())
            })
            .collect();
    }
}

impl Drop for Switches {
    fn drop(&mut self) {
        let listeners = self.listeners.get_mut();
        listeners.iter().for_each(JoinHandle::abort);
    }
}

impl Heard {
    fn note(&self, sentinel: usize, word: Word) {
        let mut reports = self.reports();
        if reports.take(sentinel, word) {
            self.count.fetch_add(1, Ordering::Release);
            say!(MASTER_SWITCHED, "the sentinels have switched the master");
        }
    }

    fn reports(&self) -> MutexGuard<'_, Reports> {
        self.reports.lock()
    }
}

/// Listens to one sentinel.
struct Listener {
    place: usize,
    sentinel: ConnectionInfo,
    /// What the sentinels call the master.
    name: String,
    connector: Connector,
    heard: Arc<Heard>,
}

impl Listener {
    async fn run(self) {
        let mut next = tokio::time::interval(INTERVAL);
        // A connection that lasted for a while is opened again at once.
        next.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            next.tick().await;
            if let Err(error) = self.listen().await {
                say!(SENTINEL_UNHEARD, %error, "a sentinel cannot be heard");
            }
        }
    }

    /// Listens until the sentinel is lost.
    ///
    /// The sentinel is asked in three cases: when the subscription is set up, since earlier reports were missed;
    /// when it has reported something; and every second, since a dead connection may go unnoticed.
    async fn listen(&self) -> Result<(), BackendError> {
        let reports = Arc::new(Notify::new());
        let teller = Arc::clone(&reports);
        let connector = self.connector.listening(move |_| teller.notify_one());
        let mut connection = connector.connect(self.sentinel.clone()).await?;
        let mut subscribe = ::redis::cmd("SUBSCRIBE");
        // If the subscription is refused, the regular questions must be enough.
        connector.ask(&mut connection, subscribe.arg(CHANNEL)).await?;
        loop {
            let word = word::ask(&mut connection, &self.name, &connector).await?;
            self.heard.note(self.place, word);
            let _ = tokio::time::timeout(INTERVAL, reports.notified()).await;
        }
    }
}
