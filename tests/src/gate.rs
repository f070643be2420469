//! Holds one operation up.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// Holds one operation up after it has had its effect and before it returns.
#[derive(Debug)]
pub struct Gate {
    arrived: Semaphore,
    opened: Semaphore,
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { arrived: Semaphore::new(0), opened: Semaphore::new(0) })
    }

    /// Waits until the operation has had its effect.
    ///
    /// # Panics
    ///
    /// Never: a gate's semaphores are not closed.
    pub async fn arrived(&self) {
        drop(self.arrived.acquire().await.expect("never closed"));
    }

    /// Lets the operation return.
    pub fn open(&self) {
        self.opened.add_permits(1);
    }

    /// What the operation that is held up does.
    ///
    /// # Panics
    ///
    /// Never: a gate's semaphores are not closed.
    pub async fn pass(&self) {
        self.arrived.add_permits(1);
        self.opened.acquire().await.expect("never closed").forget();
    }
}
