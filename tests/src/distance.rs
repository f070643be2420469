//! Stands between cachecow and a Redis server, and takes its time: a network with latency, and with
//! as much bandwidth as there is.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::num::NonZeroU64;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::servers::RedisServer;

/// A way to a server on which every byte takes the same time. It has threads of its own, since a
/// runtime's timers only know milliseconds. Connections outlive it; no new ones are made.
#[derive(Debug)]
pub struct Distance {
    folder: TempDir,
    ended: Arc<AtomicBool>,
}

impl Distance {
    /// Puts this latency between a command and its answer, half of it each way.
    ///
    /// # Panics
    ///
    /// If there is no socket to be had.
    pub fn before(server: &RedisServer, latency: Duration) -> Self {
        let folder = tempfile::Builder::new().prefix("cow").tempdir_in("/tmp").expect("a folder");
        let distance = Self { folder, ended: Arc::default() };
        let listener = UnixListener::bind(distance.socket()).expect("a socket");
        let (server, ended) = (server.socket(), Arc::clone(&distance.ended));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                if let Ok(server) = UnixStream::connect(&server) {
                    let (answered, answers) = (clone(&server), clone(&client));
                    thread::spawn(move || carry(&client, &server, latency / 2));
                    thread::spawn(move || carry(&answered, &answers, latency / 2));
                }
            }
        });
        distance
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("d.sock")
    }

    /// The address, for `CacheCow::open`.
    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }
}

impl Drop for Distance {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for a connection.
        let _ = UnixStream::connect(self.socket());
    }
}

fn clone(stream: &UnixStream) -> UnixStream {
    stream.try_clone().expect("a file descriptor")
}

/// Passes on what it reads, each part after the same time. Reading goes on meanwhile.
fn carry(from: &UnixStream, mut to: &UnixStream, delay: Duration) {
    let (sender, receiver) = mpsc::channel();
    let mut source = clone(from);
    thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = source.read(&mut buffer) {
            let part = (Instant::now() + delay, buffer[..count].to_vec());
            if sender.send(part).is_err() {
                return;
            }
        }
    });
    // The kernel may else let a thread sleep 50 microseconds too long.
    let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
    for (due, part) in receiver {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if to.write_all(&part).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
