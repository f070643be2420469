//! A server that speaks Redis' protocol and answers what a test says.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::resp::{Command, Words, next_command};

/// What a command is answered with.
#[derive(Clone, Debug)]
pub enum Answer {
    /// These bytes.
    Bytes(Vec<u8>),
    /// These, and no more: the connection ends.
    Last(Vec<u8>),
    /// The first, and then the second again and again, for as long as anybody listens.
    Endless(Vec<u8>, Vec<u8>),
}

/// Runs for as long as it is not dropped.
#[derive(Debug)]
pub struct PoisonedServer {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl PoisonedServer {
    /// A server on a free port of this machine, which answers each command as the function says.
    ///
    /// # Panics
    ///
    /// If there is no port.
    pub async fn start(answer: impl Fn(&Words) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let answer = Arc::new(answer);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let answer = Arc::clone(&answer);
                connections.spawn(async move { serve(stream, &*answer).await });
            }
        });
        Self { address, task }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for PoisonedServer {
    fn drop(&mut self) {
        // And with it the connections' tasks.
        self.task.abort();
    }
}

/// Answers until either side has enough.
async fn serve(stream: TcpStream, answer: &(impl Fn(&Words) -> Answer + Sync)) {
    let (received, mut answers) = stream.into_split();
    let mut received = BufReader::new(received);
    while let Some(Command { words, .. }) = next_command(&mut received).await {
        let written = match answer(&words) {
            Answer::Bytes(bytes) => answers.write_all(&bytes).await,
            Answer::Last(bytes) => {
                let _ = answers.write_all(&bytes).await;
                return;
            }
            Answer::Endless(first, rest) => {
                let mut written = answers.write_all(&first).await;
                while written.is_ok() {
                    written = answers.write_all(&rest).await;
                    // Others have their turn, also on a machine that is slow to read it all.
                    tokio::task::yield_now().await;
                }
                written
            }
        };
        if written.is_err() {
            return;
        }
    }
}
