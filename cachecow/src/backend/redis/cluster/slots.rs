//! Which node owns which slot.

use std::sync::Arc;

use ::redis::Value;

use super::node::{Address, Node};

pub(super) const SLOTS: u16 = 16384;

/// The slot of a key, computed from its hash tag, if it has one.
pub(in super::super) fn slot_of(name: &[u8]) -> u16 {
    let tag = name.iter().position(|&byte| byte == b'{').and_then(|open| {
        let rest = &name[open + 1..];
        let close = rest.iter().position(|&byte| byte == b'}')?;
        (close > 0).then(|| &rest[..close])
    });
    crc16::State::<crc16::XMODEM>::calculate(tag.unwrap_or(name)) % SLOTS
}

/// A range of slots with its master and replicas, as reported by a node.
pub(super) struct Range {
    pub(super) first: u16,
    pub(super) last: u16,
    pub(super) master: Address,
    pub(super) replicas: Vec<Address>,
}

impl Range {
    /// The number of its slots.
    pub(super) fn len(&self) -> usize {
        usize::from(self.last).saturating_sub(usize::from(self.first)) + 1
    }
}

/// The answer to `CLUSTER SLOTS` of the node at `teller`.
pub(super) fn parse(answer: Value, teller: &Address) -> Option<Vec<Range>> {
    let Value::Array(ranges) = answer else { return None };
    // No server has more, and the time grows with the square of the number.
    if ranges.len() > usize::from(SLOTS) {
        return None;
    }
    ranges.into_iter().map(|range| parse_range(range, teller)).collect()
}

fn parse_range(range: Value, teller: &Address) -> Option<Range> {
    let Value::Array(range) = range else { return None };
    let mut parts = range.into_iter();
    let mut slot = || match parts.next()? {
        Value::Int(slot) => u16::try_from(slot).ok().filter(|&slot| slot < SLOTS),
        _ => None,
    };
    let (first, last) = (slot()?, slot()?);
    let master = parse_node(parts.next()?, teller)?;
    let replicas = parts.filter_map(|replica| parse_node(replica, teller)).collect();
    Some(Range { first, last, master, replicas })
}

fn parse_node(node: Value, teller: &Address) -> Option<Address> {
    let Value::Array(node) = node else { return None };
    let mut parts = node.into_iter();
    let host = match parts.next()? {
        Value::BulkString(host) => String::from_utf8(host).ok()?,
        Value::Nil => String::new(),
        _ => return None,
    };
    let Value::Int(port) = parts.next()? else { return None };
    Some(teller.beside(&host, u16::try_from(port).ok()?))
}

/// The owners of all slots.
#[derive(Default)]
pub(super) struct SlotMap {
    /// Whether the node that reported them sees a working cluster.
    works: bool,
    masters: Vec<Arc<Node>>,
    /// For each slot the index of its owner among the masters, if there is one.
    owners: Vec<Option<u16>>,
}

impl SlotMap {
    pub(super) fn new(
        works: bool,
        ranges: &[Range],
        mut node: impl FnMut(&Address) -> Arc<Node>,
    ) -> Self {
        let owners = vec![None; usize::from(SLOTS)];
        let mut map = Self { works, masters: Vec::new(), owners };
        for range in ranges {
            let known = map.masters.iter().position(|node| node.address == range.master);
            let place = known.unwrap_or_else(|| {
                map.masters.push(node(&range.master));
                map.masters.len() - 1
            });
            let place = u16::try_from(place).ok();
            if let Some(owners) =
                map.owners.get_mut(usize::from(range.first)..=usize::from(range.last))
            {
                owners.fill(place);
            }
        }
        map
    }

    /// Whether nothing is known yet.
    pub(super) fn is_empty(&self) -> bool {
        self.masters.is_empty()
    }

    /// Whether the cluster works.
    pub(super) fn works(&self) -> bool {
        self.works
    }

    pub(super) fn masters(&self) -> &[Arc<Node>] {
        &self.masters
    }

    /// The number of slots that no node serves.
    pub(super) fn orphans(&self) -> usize {
        self.owners.iter().filter(|owner| owner.is_none()).count()
    }

    pub(super) fn owner(&self, slot: u16) -> Option<&Arc<Node>> {
        let place = *self.owners.get(usize::from(slot))?;
        self.masters.get(usize::from(place?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_that_of_the_hash_tag() {
        // As `CLUSTER KEYSLOT` says.
        for (name, slot) in [
            ("foo", 12182),
            ("bar", 5061),
            ("{foo}x", 12182),
            ("a:{foo}{bar}", 12182),
            ("{}foo", 9500),
            ("123456789", 12739),
        ] {
            assert_eq!(slot_of(name.as_bytes()), slot, "{name}");
        }
    }

    #[test]
    fn more_ranges_than_slots_are_no_answer() {
        let node = || Value::Array(vec![Value::Nil, Value::Int(6379)]);
        let range = || Value::Array(vec![Value::Int(0), Value::Int(1), node()]);
        let ranges = |count| Value::Array((0..count).map(|_| range()).collect());
        let teller = Address { host: "a".to_owned(), port: 1 };
        assert_eq!(parse(ranges(3), &teller).map(|ranges| ranges.len()), Some(3));
        assert!(parse(ranges(usize::from(SLOTS) + 1), &teller).is_none());
    }
}
