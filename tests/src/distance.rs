//! Stands between cachecow and a Redis server, and takes its time: a network with latency, and with
//! as much bandwidth as there is.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::servers::RedisServer;

/// A way to a server on which every byte takes the same time, for as long as the runtime that it was
/// made in.
#[derive(Debug)]
pub struct Distance {
    folder: TempDir,
}

impl Distance {
    /// Puts this latency between a command and its answer, half of it each way.
    ///
    /// # Panics
    ///
    /// If there is no socket to be had.
    pub fn before(server: &RedisServer, latency: Duration) -> Self {
        let folder = tempfile::Builder::new().prefix("cow").tempdir_in("/tmp").expect("a folder");
        let distance = Self { folder };
        let listener = UnixListener::bind(distance.socket()).expect("a socket");
        let server = server.socket();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, server.clone(), latency / 2));
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

async fn serve(client: UnixStream, server: impl AsRef<Path>, delay: Duration) {
    let Ok(server) = UnixStream::connect(server).await else { return };
    let (commands, answers) = client.into_split();
    let (answered, commanded) = server.into_split();
    tokio::spawn(carry(answered, answers, delay));
    carry(commands, commanded, delay).await;
}

/// Passes on what it reads, each part after the same time. Reading goes on meanwhile.
async fn carry(
    mut from: impl AsyncRead + Unpin + Send + 'static,
    mut to: impl AsyncWrite + Unpin,
    delay: Duration,
) {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            let part = (Instant::now() + delay, buffer[..count].to_vec());
            if sender.send(part).is_err() {
                return;
            }
        }
    });
    while let Some((due, part)) = receiver.recv().await {
        sleep_until(due).await;
        if to.write_all(&part).await.is_err() {
            return;
        }
    }
}
