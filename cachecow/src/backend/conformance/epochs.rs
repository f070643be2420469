//! The epochs of tags.

use futures_util::future::join_all;

use super::super::CacheBackend;
use super::support::{
    END, ask, ask_all, claim, epoch, fresh_key, hold, hold_epoch, is_claimed, release_epoch, store,
    take, token, value,
};
use crate::protocol::{Command, Reply};

/// A later `TakeEpoch`, with another value, returns the same epoch.
pub async fn an_epoch_begins_when_it_is_taken(backend: &dyn CacheBackend) {
    let key = fresh_key();
    for _ in 0..2 {
        let read = ask(backend, key, Command::ReadEpoch).await;
        assert_eq!(read, Reply::Absent, "a look begins none");
    }
    let first = epoch(backend, key, take(1)).await;
    assert_eq!(epoch(backend, key, take(2)).await, first);
    assert_eq!(epoch(backend, key, Command::ReadEpoch).await, first);
}

/// Its first half is that of the token. So a cache that has lost everything, even its count of epochs, never begins
/// an old epoch again.
pub async fn an_epoch_begins_like_its_token(backend: &dyn CacheBackend) {
    for number in 1..4 {
        let begun = epoch(backend, fresh_key(), take(number)).await;
        assert_eq!(begun.as_bytes()[..8], token(number).as_bytes()[..8]);
        assert_eq!(begun.grant(), 0, "an epoch is no grant");
    }
}

/// A take reads and begins the epoch in one step.
pub async fn of_takes_at_once_one_begins_an_epoch(backend: &dyn CacheBackend) {
    for _ in 0..20 {
        let key = fresh_key();
        let taken = join_all((0..20).map(|number| epoch(backend, key, take(number)))).await;
        let stands = epoch(backend, key, Command::ReadEpoch).await;
        assert!(taken.iter().all(|epoch| *epoch == stands), "{taken:?}, and {stands:?} stands");
    }
}

/// Also one that had not begun, and if something repeats the command that began it.
pub async fn an_epoch_that_ended_begins_again_with_another(backend: &dyn CacheBackend) {
    let key = fresh_key();
    assert_eq!(ask(backend, key, END).await, Reply::Done);
    let first = epoch(backend, key, take(1)).await;
    assert_eq!(ask(backend, key, END).await, Reply::Done);
    assert_eq!(ask(backend, key, Command::ReadEpoch).await, Reply::Absent);
    assert_ne!(epoch(backend, key, take(1)).await, first);
}

/// Whatever commands others send meanwhile.
pub async fn no_epoch_begins_while_a_hold_stands(backend: &dyn CacheBackend) {
    let key = fresh_key();
    let first = epoch(backend, key, take(1)).await;
    for command in [hold_epoch(7), hold_epoch(8), hold_epoch(9), END, release_epoch(8)] {
        assert_eq!(ask(backend, key, command.clone()).await, Reply::Done);
        assert_eq!(ask(backend, key, take(2)).await, Reply::Held, "after {command:?}");
        let read = ask(backend, key, Command::ReadEpoch).await;
        assert!(matches!(read, Reply::Held | Reply::Absent), "{read:?} after {command:?}");
    }
    assert_eq!(ask(backend, key, release_epoch(7)).await, Reply::Done);
    assert_eq!(ask(backend, key, take(2)).await, Reply::Held, "releasing one lifts no other");
    for _ in 0..2 {
        assert_eq!(ask(backend, key, release_epoch(9)).await, Reply::Done, "twice is no harm");
    }
    assert_ne!(epoch(backend, key, take(1)).await, first);
}

/// A release ends it, however often it was placed.
pub async fn an_epochs_hold_placed_again_is_one_hold(backend: &dyn CacheBackend) {
    let key = fresh_key();
    for _ in 0..2 {
        assert_eq!(ask(backend, key, hold_epoch(9)).await, Reply::Done);
    }
    assert_eq!(ask(backend, key, release_epoch(9)).await, Reply::Done);
    epoch(backend, key, take(1)).await;
}

/// A write took longer than its hold: objects stored with an epoch that began since may be old.
pub async fn a_release_ends_the_epoch_that_began_since(backend: &dyn CacheBackend) {
    let key = fresh_key();
    let first = epoch(backend, key, take(1)).await;
    assert_eq!(ask(backend, key, release_epoch(9)).await, Reply::Done);
    assert_ne!(epoch(backend, key, take(1)).await, first);
}

/// For one key, and for several in one batch.
pub async fn epochs_values_and_flags_do_not_touch_each_other(backend: &dyn CacheBackend) {
    let (key, other) = (fresh_key(), fresh_key());
    store(backend, key, "v").await;
    epoch(backend, key, take(1)).await;
    assert_eq!(ask(backend, key, END).await, Reply::Done);
    assert_eq!(ask(backend, key, Command::Lookup).await, value("v"));
    let two = Reply::Epoch(epoch(backend, key, take(2)).await);
    assert_eq!(ask(backend, key, Command::Invalidate).await, Reply::Done);
    // A batch has no order: none of these depends on another.
    let commands = [
        (key, Command::ReadEpoch),
        (other, claim(7)),
        (other, take(3)),
        (key, take(3)),
        (key, Command::Lookup),
    ];
    let replies = ask_all(backend, commands.to_vec()).await;
    assert!(is_claimed(&replies[1]), "{:?}", replies[1]);
    assert!(matches!(replies[2], Reply::Epoch(_)), "{:?}", replies[2]);
    assert_eq!([&replies[0], &replies[3]], [&two, &two]);
    assert_eq!(replies[4], Reply::Absent);
    assert_eq!(ask(backend, other, END).await, Reply::Done);
    assert_eq!(ask(backend, other, Command::ReadEpoch).await, Reply::Absent);
    assert_eq!(ask(backend, other, hold_epoch(9)).await, Reply::Done);
    assert_eq!(ask(backend, other, claim(8)).await, Reply::Leased);
    assert_eq!(ask(backend, key, hold(9)).await, Reply::Done);
    assert_eq!(Reply::Epoch(epoch(backend, key, Command::ReadEpoch).await), two);
}
