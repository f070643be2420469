//! Commands as a Redis client sends them.

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _};

/// A command's words.
pub type Words = Vec<Vec<u8>>;

/// One command.
#[derive(Clone, Debug, Default)]
pub struct Command {
    /// As it was sent.
    pub bytes: Vec<u8>,
    /// Its name and its arguments.
    pub words: Words,
}

impl Command {
    /// Its name.
    pub fn name(&self) -> String {
        self.words
            .first()
            .map(|name| String::from_utf8_lossy(name).into_owned())
            .unwrap_or_default()
    }
}

/// The next command; none at the end.
pub async fn next_command(from: &mut (impl AsyncBufRead + Unpin)) -> Option<Command> {
    let mut command = Command::default();
    let words = number(from, &mut command.bytes).await?;
    for _ in 0..words {
        let len = number(from, &mut command.bytes).await?;
        let start = command.bytes.len();
        command.bytes.resize(start + len + 2, 0);
        from.read_exact(&mut command.bytes[start..]).await.ok()?;
        command.words.push(command.bytes[start..start + len].to_vec());
    }
    Some(command)
}

/// The number in a line like `*3`, which is added to the bytes.
async fn number(from: &mut (impl AsyncBufRead + Unpin), bytes: &mut Vec<u8>) -> Option<usize> {
    let start = bytes.len();
    from.read_until(b'\n', bytes).await.ok()?;
    std::str::from_utf8(bytes.get(start + 1..)?).ok()?.trim_end().parse().ok()
}
