//! A server that speaks Redis' protocol and answers what a test says.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A command, as it was sent.
pub type Words = Vec<Vec<u8>>;

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
async fn serve(mut stream: TcpStream, answer: &(impl Fn(&Words) -> Answer + Sync)) {
    let mut received = Vec::new();
    loop {
        while let Some((words, len)) = command(&received) {
            received.drain(..len);
            let written = match answer(&words) {
                Answer::Bytes(bytes) => stream.write_all(&bytes).await,
                Answer::Last(bytes) => {
                    let _ = stream.write_all(&bytes).await;
                    return;
                }
                Answer::Endless(first, rest) => {
                    let mut written = stream.write_all(&first).await;
                    while written.is_ok() {
                        written = stream.write_all(&rest).await;
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
        if !stream.read_buf(&mut received).await.is_ok_and(|read| read > 0) {
            return;
        }
    }
}

/// The first command of these bytes and its length, once it is complete.
fn command(bytes: &[u8]) -> Option<(Words, usize)> {
    let mut at = 0;
    let count = number(bytes, &mut at)?;
    let mut words = Vec::new();
    for _ in 0..count {
        let len = number(bytes, &mut at)?;
        words.push(bytes.get(at..at + len)?.to_vec());
        at += len + 2;
    }
    (at <= bytes.len()).then_some((words, at))
}

/// The number on the line that begins there, after its sign; and where the next line begins.
fn number(bytes: &[u8], at: &mut usize) -> Option<usize> {
    let line = bytes.get(*at..)?;
    let len = line.iter().position(|byte| *byte == b'\n')?;
    let digits = std::str::from_utf8(&line[1..len]).ok()?.trim();
    *at += len + 1;
    digits.parse().ok()
}
