//! Which part of a cluster has what.

use std::collections::BTreeSet;

use cachecow::{Cached as _, Key, Lookup as _};
use redis::cluster_routing::Slot;

use crate::history::OBJECTS;
use crate::objects::{ANSWER_KIND, GROUP, Grouped, Named, Plain, Soaked as _, Soft, Strict};

/// A master, and the replica that may take its place.
pub(crate) const SHARDS: u16 = 3;
const SLOTS: u16 = 16384;

/// The shards that have the keys of a cell, and its tags.
pub(crate) fn shards_of(cell: usize) -> BTreeSet<u16> {
    keys_of(cell).into_iter().map(|key| shard_of(slot_of(key))).collect()
}

/// The slots of a cell's keys.
pub(crate) fn slots_of(cell: usize) -> Vec<u16> {
    keys_of(cell).into_iter().map(slot_of).collect()
}

fn keys_of(cell: usize) -> Vec<Key> {
    let id = u32::try_from(cell % OBJECTS).expect("a small number");
    match cell / OBJECTS {
        Plain::KIND => vec![Plain::by(id).key().key()],
        Soft::KIND => vec![Soft::by(id).key().key()],
        Strict::KIND => vec![Strict::by(id).key().key()],
        Named::KIND => vec![Named::by(id).key().key()],
        Grouped::KIND => vec![
            Grouped::by(id).key().key(),
            Grouped::tag_group(id / GROUP).key(),
            Grouped::tag_scope().key(),
        ],
        // An answer that is older than its epoch says is not served, whatever became of its own place.
        ANSWER_KIND => vec![Grouped::tag_group(id / GROUP).queries().key()],
        _ => vec![Named::by(id).key().key(), Named::by_its_name(id).key().key()],
    }
}

fn slot_of(key: Key) -> u16 {
    let slot = Slot::for_key(format!("cache:{{{key}}}"));
    let is = |number: &u16| Slot::new(*number) == Some(slot);
    (0..SLOTS).find(is).expect("every key has a slot")
}

/// The shard that a slot is at home in.
pub(crate) fn shard_of(slot: u16) -> u16 {
    let owns = |shard: &u16| (first_slot(*shard)..first_slot(shard + 1)).contains(&slot);
    (0..SHARDS).find(owns).expect("every slot is some shard's")
}

/// The first of the slots that are a shard's, which is never moved.
pub(crate) fn first_slot(shard: u16) -> u16 {
    let first = u32::from(SLOTS) * u32::from(shard) / u32::from(SHARDS);
    u16::try_from(first).expect("a slot's number")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shards_are_the_harness_s() {
        assert_eq!([0, 1, 2].map(first_slot), [0, 5461, 10922]);
        assert_eq!([0, 5460, 5461, 16383].map(shard_of), [0, 0, 1, 2]);
        assert!(shards_of(Grouped::cell(9)).len() <= 3 && shards_of(Plain::cell(9)).len() == 1);
        let epoch = Grouped::tag_group(1).queries().key();
        assert_eq!(slots_of(Grouped::answer_cell(9)), [slot_of(epoch)]);
    }
}
