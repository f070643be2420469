//! Tokens that no other process and no earlier run uses.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, ErrorKind};
use crate::protocol::Token;

/// A random part for the process, and a counter.
pub(crate) struct Tokens {
    process: [u8; 8],
    next: AtomicU64,
}

impl Tokens {
    pub(crate) fn new() -> Result<Self, Error> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| {
            let message =
                "the operating system could not provide random numbers for the cache's tokens";
            Error::caused_by(ErrorKind::Unavailable, message, error)
        })?;
        let (process, start) = random.split_at(8);
        Ok(Self {
            process: process.try_into().expect("8 of 16 bytes"),
            // A random start compensates for the short process part.
            next: AtomicU64::new(u64::from_be_bytes(start.try_into().expect("8 of 16 bytes"))),
        })
    }

    pub(crate) fn fresh(&self) -> Token {
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.process);
        bytes[8..].copy_from_slice(&count.to_be_bytes());
        Token::from_bytes(bytes)
    }
}
