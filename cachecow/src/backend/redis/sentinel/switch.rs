//! Hears from the sentinels when another server becomes the master.
//!
//! The former master closes its clients' connections only when it is demoted, which after a switch
//! for maintenance takes Sentinel some ten seconds; what it confirms until then is lost.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::redis::{ConnectionInfo, Msg};
use futures_util::stream::StreamExt as _;
use tokio::task::JoinHandle;

use super::super::connector::Connector;

const CHANNEL: &str = "+switch-master";
/// How long after a sentinel was lost it is listened to again.
const PAUSE: Duration = Duration::from_secs(1);

/// What has been heard of the master.
#[derive(Default)]
pub(super) struct Switches {
    heard: Arc<Heard>,
    /// One for each sentinel, once there was a connection.
    listeners: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Default)]
struct Heard {
    /// How often the master was switched.
    count: AtomicU64,
    /// The new master.
    address: Mutex<Option<(String, u16)>>,
}

impl Switches {
    /// Grows with every switch.
    pub(super) fn count(&self) -> u64 {
        self.heard.count.load(Ordering::Acquire)
    }

    /// The master that the sentinels switched to last.
    pub(super) fn latest(&self) -> Option<(String, u16)> {
        self.heard.address().clone()
    }

    /// Listens to every sentinel from now on, if it is not done already.
    pub(super) fn listen(&self, name: &str, sentinels: &[ConnectionInfo], connector: &Connector) {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        // They end with the runtime that they were begun on.
        if listeners.iter().any(|listener| !listener.is_finished()) {
            return;
        }
        *listeners = sentinels
            .iter()
            .map(|sentinel| {
                let (name, sentinel) = (name.to_owned(), sentinel.clone());
                let (connector, heard) = (connector.clone(), Arc::clone(&self.heard));
                tokio::spawn(async move {
                    loop {
                        heard.listen(&name, &sentinel, &connector).await;
                        tokio::time::sleep(PAUSE).await;
                    }
                })
            })
            .collect();
    }
}

impl Drop for Switches {
    fn drop(&mut self) {
        let listeners = self.listeners.get_mut().unwrap_or_else(PoisonError::into_inner);
        listeners.iter().for_each(JoinHandle::abort);
    }
}

impl Heard {
    /// Listens to a sentinel until it is lost.
    async fn listen(&self, name: &str, sentinel: &ConnectionInfo, connector: &Connector) {
        let Ok(mut messages) = connector.subscribe(sentinel.clone(), CHANNEL).await else { return };
        while let Some(message) = messages.next().await {
            if let Some(master) = switched(&message, name) {
                self.note(master);
            }
        }
    }

    fn note(&self, master: (String, u16)) {
        let mut address = self.address();
        // Every sentinel tells of it.
        if address.as_ref() != Some(&master) {
            *address = Some(master);
            self.count.fetch_add(1, Ordering::Release);
            tracing::info!(target: "cachecow", "the sentinels have switched the master");
        }
    }

    fn address(&self) -> MutexGuard<'_, Option<(String, u16)>> {
        self.address.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The new master of this name: a message is the name, the former host and port, and the new ones.
fn switched(message: &Msg, name: &str) -> Option<(String, u16)> {
    let message: String = message.get_payload().ok()?;
    let parts: Vec<&str> = message.split(' ').collect();
    match parts[..] {
        [named, _, _, host, port] if named == name => Some((host.to_owned(), port.parse().ok()?)),
        _ => None,
    }
}
