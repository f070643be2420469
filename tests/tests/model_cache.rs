//! The cache of the model checker answers as the real ones do, to any commands in any order.

use std::time::Duration;

use bytes::Bytes;
use cachecow::protocol::{Command, Replacing, Reply, Token};
use cachecow::{CacheBackend, Key, MemoryBackend, RedisBackend, Request};
use cachecow_model::Without;
use cachecow_model::cache::{Cell, Epoch, Stored as _, Version};
use cachecow_tests::servers::RedisServer;

const KEY: Key = Key::from_hash(7);
const LONG: Duration = Duration::from_secs(600);
const STEPS: usize = 4_000;

/// A claim that was granted: its token as the model has it, and as the real cache has it.
type Grant = (Token, Token);

fn token(random: &mut fastrand::Rng) -> Token {
    Token::from_bytes([random.u8(1..=3); 16])
}

/// The same command for the model and for the real cache.
fn command(random: &mut fastrand::Rng, grants: &[Grant]) -> (Command<Version>, Command) {
    let version = random.u8(1..=3);
    let value = Bytes::copy_from_slice(&[version]);
    let plain = token(random);
    let (modelled, real) = match random.choice(grants) {
        Some(granted) if random.u8(..4) > 0 => *granted,
        _ => (plain, plain),
    };
    match random.u8(..11) {
        0 => (Command::Lookup, Command::Lookup),
        1..=3 => {
            let seen = random.u8(1..=3).seen();
            let replacing = random.bool().then(|| Replacing { seen, keep: random.bool() });
            let (token, lease) = (plain, LONG);
            (
                Command::Claim { token, lease, replacing: replacing.clone() },
                Command::Claim { token, lease, replacing },
            )
        }
        4 | 5 => (
            Command::Fill { token: modelled, value: version, ttl: LONG },
            Command::Fill { token: real, value, ttl: LONG },
        ),
        6 => (Command::Abandon { token: modelled }, Command::Abandon { token: real }),
        7 => (Command::Invalidate, Command::Invalidate),
        8 => (Command::Hold { token: plain, ttl: LONG }, Command::Hold { token: plain, ttl: LONG }),
        9 => (Command::Release { token: plain }, Command::Release { token: plain }),
        _ => (
            Command::ReleaseAndStore { token: plain, value: version, ttl: LONG },
            Command::ReleaseAndStore { token: plain, value, ttl: LONG },
        ),
    }
}

/// The model's reply as bytes; what was granted has no number here.
fn as_bytes(reply: &Reply<Version>) -> Reply {
    match reply {
        Reply::Value(version) => Reply::Value(Bytes::copy_from_slice(&[*version])),
        Reply::Claimed(_) => Reply::Claimed(0),
        Reply::Absent => Reply::Absent,
        Reply::Leased => Reply::Leased,
        Reply::Held => Reply::Held,
        Reply::Settled => Reply::Settled,
        Reply::Refused => Reply::Refused,
        Reply::Epoch(epoch) => Reply::Epoch(*epoch),
        Reply::Done => Reply::Done,
    }
}

async fn answers_as(backend: &dyn CacheBackend) {
    let mut random = fastrand::Rng::with_seed(0x5eed);
    let (mut cell, mut grants) = (Cell::default(), Vec::<Grant>::new());
    let mut kinds = std::collections::HashSet::new();
    for step in 0..STEPS {
        let (modelled, real) = command(&mut random, &grants);
        let expected = cell.carry_out(&modelled, Without::Nothing);
        let mut replies = backend.execute(vec![Request { key: KEY, command: real.clone() }]).await;
        let reply = replies.remove(0).expect("an answer");
        if let (Command::Claim { token, .. }, Reply::Claimed(modelled), Reply::Claimed(real)) =
            (&real, &expected, &reply)
        {
            grants.push((token.granted(*modelled), token.granted(*real)));
            grants.drain(..grants.len().saturating_sub(6));
        }
        let reply = if let Reply::Claimed(_) = reply { Reply::Claimed(0) } else { reply };
        assert_eq!(as_bytes(&expected), reply, "step {step}: {real:?}");
        kinds.insert((std::mem::discriminant(&real), std::mem::discriminant(&reply)));
    }
    // Lookup 2, claim 4, fill 2, abandon 2, release and store 2, and 3 that are always carried out.
    assert_eq!(kinds.len(), 15, "not every command met every answer");
}

/// A command on an epoch.
fn epoch_command(random: &mut fastrand::Rng) -> Command {
    match random.u8(..8) {
        0 | 1 => Command::ReadEpoch,
        2 | 3 => Command::TakeEpoch { fresh: token(random), ttl: LONG },
        4 => Command::HoldEpoch { token: token(random), ttl: LONG },
        5 | 6 => Command::ReleaseEpoch { token: token(random) },
        _ => Command::EndEpoch,
    }
}

/// Which epoch an answer tells of, by the order in which they were first told.
fn told(epochs: &mut Vec<Token>, answer: &Token) -> usize {
    epochs.iter().position(|epoch| epoch == answer).unwrap_or_else(|| {
        epochs.push(*answer);
        epochs.len() - 1
    })
}

async fn tells_epochs_as(backend: &dyn CacheBackend) {
    let mut random = fastrand::Rng::with_seed(0x5eed);
    let (mut epoch, mut begun) = (Epoch::default(), 0);
    let (mut modelled, mut real) = (Vec::new(), Vec::new());
    let mut kinds = std::collections::HashSet::new();
    for step in 0..STEPS {
        let command = epoch_command(&mut random);
        // A look need not tell an epoch that is held from none.
        let told_of = |reply: Reply| match (&command, reply) {
            (Command::ReadEpoch, Reply::Held) => Reply::Absent,
            (_, reply) => reply,
        };
        let expected = told_of(epoch.carry_out(&command, &mut begun));
        let request = Request { key: KEY, command: command.clone() };
        let reply = backend.execute(vec![request]).await.remove(0).expect("an answer");
        let reply = told_of(reply);
        kinds.insert((std::mem::discriminant(&command), std::mem::discriminant(&reply)));
        match (&expected, &reply) {
            (Reply::Epoch(expected), Reply::Epoch(reply)) => {
                let (expected, reply) = (told(&mut modelled, expected), told(&mut real, reply));
                assert_eq!(expected, reply, "step {step}: {command:?}");
            }
            _ => assert_eq!(expected, reply, "step {step}: {command:?}"),
        }
    }
    // Read 2, take 2, and 3 that are always carried out.
    assert_eq!(kinds.len(), 7, "not every command met every answer");
    assert!(real.len() > 100, "{} epochs", real.len());
}

#[tokio::test]
async fn the_embedded_cache() {
    answers_as(&MemoryBackend::default()).await;
    tells_epochs_as(&MemoryBackend::default()).await;
}

#[tokio::test]
async fn redis() {
    let server = RedisServer::start();
    let backend = RedisBackend::from_url(&server.url(), Duration::from_secs(20)).unwrap();
    answers_as(&backend).await;
    tells_epochs_as(&backend).await;
}
