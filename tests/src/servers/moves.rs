//! Slots of a cluster that move from one master to another.

use super::RedisCluster;
use super::cluster::{MASTERS, cluster, cluster_text};

impl RedisCluster {
    /// Begins to move a slot: keys that its owner lacks are asked for at the destination.
    ///
    /// # Panics
    ///
    /// If the nodes refuse.
    pub async fn begin_move(&self, slot: u16, from: usize, to: usize) {
        let (mut source, mut destination) =
            (self.connection(from).await, self.connection(to).await);
        let ids = (
            cluster_text(&mut source, &["MYID"]).await,
            cluster_text(&mut destination, &["MYID"]).await,
        );
        let slot = slot.to_string();
        cluster(&mut destination, &["SETSLOT", &slot, "IMPORTING", &ids.0]).await;
        cluster(&mut source, &["SETSLOT", &slot, "MIGRATING", &ids.1]).await;
    }

    /// Moves the keys of a slot.
    ///
    /// # Panics
    ///
    /// If the nodes refuse.
    pub async fn move_keys(&self, slot: u16, from: usize, to: usize) {
        let mut source = self.connection(from).await;
        loop {
            let mut command = redis::cmd("CLUSTER");
            command.arg("GETKEYSINSLOT").arg(slot).arg(100);
            let keys: Vec<String> = command.query_async(&mut source).await.expect("keys");
            if keys.is_empty() {
                return;
            }
            let mut migrate = redis::cmd("MIGRATE");
            migrate.arg("127.0.0.1").arg(self.port(to)).arg("").arg(0).arg(5000);
            migrate.arg("REPLACE").arg("KEYS").arg(&keys);
            let _: String = migrate.query_async(&mut source).await.expect("the keys move");
        }
    }

    /// Copies a key to where its slot is moving, and leaves it at the source as well, as a `MIGRATE`
    /// does whose answer is lost.
    ///
    /// # Panics
    ///
    /// If the key is not at the source.
    pub async fn half_move_key(&self, key: &str, from: usize, to: usize) {
        let mut source = self.connection(from).await;
        let mut migrate = redis::cmd("MIGRATE");
        migrate.arg("127.0.0.1").arg(self.port(to)).arg(key).arg(0).arg(5000).arg("COPY");
        let moved: String = migrate.query_async(&mut source).await.expect("the key is copied");
        assert_eq!(moved, "OK", "{key} is at the source");
    }

    /// Breaks the move of a slot off: its owner keeps it.
    ///
    /// # Panics
    ///
    /// If the nodes refuse.
    pub async fn break_off_move(&self, slot: u16, from: usize, to: usize) {
        for node in [from, to] {
            let arguments = ["SETSLOT", &slot.to_string(), "STABLE"];
            cluster(&mut self.connection(node).await, &arguments).await;
        }
    }

    /// Deletes what a move that was broken off has left at its destination.
    ///
    /// # Panics
    ///
    /// If the nodes refuse.
    pub async fn delete_leftovers(&self, slot: u16, from: usize, to: usize) {
        let source = cluster_text(&mut self.connection(from).await, &["MYID"]).await;
        let (mut destination, slot) = (self.connection(to).await, slot.to_string());
        cluster(&mut destination, &["SETSLOT", &slot, "IMPORTING", &source]).await;
        let mut command = redis::cmd("CLUSTER");
        command.arg("GETKEYSINSLOT").arg(&slot).arg(1000);
        let keys: Vec<String> = command.query_async(&mut destination).await.expect("keys");
        for key in keys {
            let mut delete = redis::pipe();
            delete.cmd("ASKING").ignore().cmd("DEL").arg(key).ignore();
            let () = delete.query_async(&mut destination).await.expect("it is deleted");
        }
        cluster(&mut destination, &["SETSLOT", &slot, "STABLE"]).await;
    }

    /// Ends the move of a slot: the destination owns it.
    ///
    /// # Panics
    ///
    /// If the nodes refuse.
    pub async fn end_move(&self, slot: u16, to: usize) {
        let id = cluster_text(&mut self.connection(to).await, &["MYID"]).await;
        let slot = slot.to_string();
        // The destination first, or for a moment nobody would own it.
        for node in std::iter::once(to).chain((0..MASTERS).filter(|&node| node != to)) {
            cluster(&mut self.connection(node).await, &["SETSLOT", &slot, "NODE", &id]).await;
        }
    }
}
