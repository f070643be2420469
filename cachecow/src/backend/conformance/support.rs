//! What the checks share: commands, and functions that send them.

use std::time::Duration;

use bytes::Bytes;

use super::super::{CacheBackend, Place, Request};
use crate::key::Key;
use crate::protocol::{Command, Replacing, Reply, SeenValue, Token};

pub(super) const LEASE: Duration = Duration::from_secs(60);
pub(super) const TTL: Duration = Duration::from_secs(600);
/// A time that passes soon.
pub(super) const BRIEF: Duration = Duration::from_millis(1);
/// How long a check waits for something that must happen. A check that passes never waits this long.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// A key that nobody else uses.
pub(super) fn fresh_key() -> Key {
    Key::from_hash(fastrand::u128(..))
}

pub(super) fn token(number: u8) -> Token {
    // Zero bytes and quotes, which random tokens may contain.
    Token::from_bytes([number, 0, b'\'', b'\r', b'\n', 0xff, number, 0, 1, 2, 3, 4, 5, 6, 7, 8])
}

pub(super) fn claim(number: u8) -> Command {
    claim_for(number, LEASE)
}

pub(super) fn claim_for(number: u8, lease: Duration) -> Command {
    Command::Claim { token: token(number), lease, replacing: None }
}

/// A claim that replaces this value. The value is kept meanwhile, or deleted at once.
pub(super) fn replace(number: u8, value: &[u8], keep: bool) -> Command {
    let replacing = Some(Replacing { seen: SeenValue::of(value), keep });
    Command::Claim { token: token(number), lease: LEASE, replacing }
}

/// A claim that keeps the old value until it is replaced.
pub(super) fn renew(number: u8, value: &str) -> Command {
    replace(number, value.as_bytes(), true)
}

/// A fill whose token has no number.
pub(super) fn fill(number: u8, value: &'static str) -> Command {
    fill_as(token(number), value)
}

pub(super) fn fill_as(token: Token, value: &'static str) -> Command {
    Command::Fill { token, value: Bytes::from(value), ttl: TTL }
}

pub(super) fn abandon(number: u8) -> Command {
    Command::Abandon { token: token(number) }
}

pub(super) fn hold(number: u8) -> Command {
    hold_for(number, LEASE)
}

pub(super) fn hold_for(number: u8, ttl: Duration) -> Command {
    Command::Hold { token: token(number), ttl }
}

pub(super) fn release(number: u8) -> Command {
    Command::Release { token: token(number) }
}

pub(super) fn take(number: u8) -> Command {
    take_for(number, TTL)
}

pub(super) fn take_for(number: u8, ttl: Duration) -> Command {
    Command::TakeEpoch { fresh: token(number), ttl }
}

pub(super) fn release_and_store(number: u8, text: &'static str) -> Command {
    Command::ReleaseAndStore { token: token(number), value: Bytes::from(text), ttl: TTL }
}

/// Whether a release did not store.
pub(super) fn is_released_only(reply: &Reply) -> bool {
    matches!(reply, Reply::Refused | Reply::Done)
}

/// Ends an epoch, and lets another begin at once.
pub(super) const END: Command = Command::EndEpoch;

pub(super) fn hold_epoch(number: u8) -> Command {
    Command::HoldEpoch { token: token(number), ttl: LEASE }
}

pub(super) fn release_epoch(number: u8) -> Command {
    Command::ReleaseEpoch { token: token(number) }
}

pub(super) fn value(value: &'static str) -> Reply {
    Reply::Value(Bytes::from(value))
}

/// The answer to one command.
pub(super) async fn ask(backend: &dyn CacheBackend, key: Key, command: Command) -> Reply {
    let mut replies = ask_all(backend, vec![(key, command)]).await;
    replies.remove(0)
}

/// The answers to the commands of one batch.
pub(super) async fn ask_all(
    backend: &dyn CacheBackend,
    commands: Vec<(Key, Command)>,
) -> Vec<Reply> {
    let asked: Vec<Command> = commands.iter().map(|(_, command)| command.clone()).collect();
    let requests = commands.into_iter().map(|(key, command)| Request { key, command }).collect();
    let replies = backend.execute(requests).await;
    assert_eq!(replies.len(), asked.len(), "each command of a batch has one answer");
    let answered = |(reply, command): (Result<Reply, _>, Command)| {
        reply.unwrap_or_else(|error| panic!("{command:?} failed: {error}"))
    };
    replies.into_iter().zip(asked).map(answered).collect()
}

/// The value by the trait's own method for it.
pub(super) async fn look_up(backend: &dyn CacheBackend, key: Key) -> Reply {
    let reply = backend.lookup(key).await;
    reply.unwrap_or_else(|error| panic!("lookup failed: {error}"))
}

/// What is at the places, by the trait's own method for them.
pub(super) async fn look_up_many(backend: &dyn CacheBackend, places: Vec<Place>) -> Vec<Reply> {
    let count = places.len();
    let replies = backend.lookup_many(places).await;
    assert_eq!(replies.len(), count, "each place of lookup_many has one answer");
    let answered = |reply: Result<Reply, _>| {
        reply.unwrap_or_else(|error| panic!("lookup_many failed: {error}"))
    };
    replies.into_iter().map(answered).collect()
}

/// The number of a claim that must be granted.
pub(super) async fn granted(backend: &dyn CacheBackend, key: Key, command: Command) -> u64 {
    match ask(backend, key, command).await {
        Reply::Claimed(number) => {
            assert_ne!(number, 0, "a claim is granted under a number that is not 0");
            number
        }
        reply => panic!("the claim is not granted: {reply:?}"),
    }
}

/// The epoch that must exist after this command.
pub(super) async fn epoch(backend: &dyn CacheBackend, key: Key, command: Command) -> Token {
    match ask(backend, key, command).await {
        Reply::Epoch(epoch) => epoch,
        reply => panic!("there is no epoch: {reply:?}"),
    }
}

/// Stores a value as a reader does.
pub(super) async fn store(backend: &dyn CacheBackend, key: Key, text: &'static str) {
    store_for(backend, key, text, TTL).await;
}

pub(super) async fn store_for(
    backend: &dyn CacheBackend,
    key: Key,
    text: &'static str,
    ttl: Duration,
) {
    let number = granted(backend, key, claim(200)).await;
    let token = token(200).granted(number);
    let fill = Command::Fill { token, value: Bytes::from(text), ttl };
    assert_eq!(ask(backend, key, fill).await, Reply::Settled, "the fill is the claim's");
}

/// Polls until the answer is as expected: only the backend's own clock knows when something has expired.
pub(super) async fn ask_until(
    backend: &dyn CacheBackend,
    key: Key,
    command: Command,
    such: fn(&Reply) -> bool,
) -> Reply {
    let asking = async {
        let mut pause = BRIEF;
        loop {
            let reply = ask(backend, key, command.clone()).await;
            if such(&reply) {
                return reply;
            }
            tokio::time::sleep(pause).await;
            pause = (2 * pause).min(100 * BRIEF);
        }
    };
    let reply = tokio::time::timeout(PATIENCE, asking).await;
    reply.unwrap_or_else(|_| panic!("{command:?} is answered as if nothing ever expired"))
}

/// Waits until everything that ends within [`BRIEF`] has expired: something that began later has expired, too.
pub(super) async fn let_the_brief_pass(backend: &dyn CacheBackend) {
    let key = fresh_key();
    store_for(backend, key, "brief", BRIEF).await;
    ask_until(backend, key, Command::Lookup, |reply| *reply == Reply::Absent).await;
}

pub(super) fn is_claimed(reply: &Reply) -> bool {
    matches!(reply, Reply::Claimed(_))
}
