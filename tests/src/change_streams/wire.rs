//! Messages, as `OP_MSG` has them.

use std::io;

use mongodb::bson::{Document, RawDocumentBuf, deserialize_from_slice};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const OP_MSG: u32 = 2013;

/// The next command, and the number of its message.
pub(super) async fn receive(connection: &mut TcpStream) -> io::Result<(u32, Document)> {
    let length = connection.read_u32_le().await?;
    let number = connection.read_u32_le().await?;
    let _response_to = connection.read_u32_le().await?;
    let code = connection.read_u32_le().await?;
    let mut body = vec![0; usize::try_from(length).unwrap_or(0).saturating_sub(16)];
    connection.read_exact(&mut body).await?;
    if code != OP_MSG {
        return Err(io::Error::other("no OP_MSG"));
    }
    let command = command(&body).and_then(|bytes| deserialize_from_slice(bytes).ok());
    Ok((number, command.ok_or_else(|| io::Error::other("no command"))?))
}

/// The first section, after the flags and its kind.
fn command(body: &[u8]) -> Option<&[u8]> {
    let section = body.get(5..)?;
    let length = u32::from_le_bytes(section.get(..4)?.try_into().ok()?);
    section.get(..usize::try_from(length).ok()?)
}

/// Answers the message of this number.
pub(super) async fn reply(
    connection: &mut TcpStream,
    number: u32,
    answer: RawDocumentBuf,
) -> io::Result<()> {
    let answer = answer.into_bytes();
    let length = u32::try_from(answer.len() + 21).map_err(io::Error::other)?;
    let mut message = Vec::new();
    for field in [length, 1, number, OP_MSG, 0] {
        message.extend(field.to_le_bytes());
    }
    message.push(0);
    message.extend(answer);
    connection.write_all(&message).await
}
