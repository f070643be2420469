//! The master, by the last report of each sentinel.

use std::collections::BTreeMap;

use super::word::{Address, Word};

#[derive(Default)]
pub(super) struct Reports {
    /// By the index of the sentinel. Reports of sentinels that were lost are kept: these may have been the only
    /// ones that knew of the last failover.
    words: BTreeMap<usize, Word>,
    master: Option<Address>,
}

impl Reports {
    /// Takes a sentinel's report; returns whether the master has changed.
    pub(super) fn take(&mut self, sentinel: usize, word: Word) -> bool {
        let before = self.words.insert(sentinel, word.clone());
        let is_other = before.is_some_and(|before| before.address != word.address);
        let named = self.named();
        let master = if is_other && named.contains(&word.address) {
            // The newest report, also if epochs are not known.
            Some(word.address)
        } else {
            // The current master, as long as a sentinel names it.
            named.into_iter().next()
        };
        let former = std::mem::replace(&mut self.master, master);
        former.is_some_and(|former| self.master.as_ref() != Some(&former))
    }

    /// The possible masters: the addresses reported with the greatest epoch. That is one address, unless the
    /// sentinels are misconfigured.
    pub(super) fn named(&self) -> Vec<Address> {
        let last = self.words.values().map(|word| word.epoch).max();
        let words = self.words.values().filter(|word| Some(word.epoch) == last);
        let mut named: Vec<Address> = Vec::new();
        for Word { address, .. } in words {
            if !named.contains(address) {
                named.push(address.clone());
            }
        }
        named.sort_by_key(|address| self.master.as_ref() != Some(address));
        named
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> Address {
        ("host".to_owned(), port)
    }

    fn word(epoch: u64, port: u16) -> Word {
        Word { epoch, address: address(port) }
    }

    /// The result of these reports; each is a sentinel, an epoch and a port.
    fn reports(words: &[(usize, u64, u16)]) -> (Vec<bool>, Vec<Address>) {
        let mut reports = Reports::default();
        let take = |&(sentinel, epoch, port): &_| reports.take(sentinel, word(epoch, port));
        (words.iter().map(take).collect(), reports.named())
    }

    #[test]
    fn the_first_word_is_no_switch_and_a_later_epoch_is_one() {
        let words = [(0, 4, 1), (1, 4, 1), (0, 5, 2), (1, 5, 2), (0, 6, 2)];
        let switches = vec![false, false, true, false, false];
        assert_eq!(reports(&words), (switches, vec![address(2)]));
    }

    #[test]
    fn a_word_of_before_is_none() {
        // From a sentinel that is asked for the first time, and from one that knows nothing yet.
        let words = [(0, 4, 1), (1, 5, 2), (2, 4, 1), (0, 4, 1)];
        assert_eq!(reports(&words), (vec![false, true, false, false], vec![address(2)]));
    }

    #[test]
    fn where_epochs_are_not_known_the_newest_word_counts() {
        let words = [(0, 0, 1), (1, 0, 1), (0, 0, 2), (1, 0, 1)];
        let (switches, named) = reports(&words);
        assert_eq!((switches, &named[0]), (vec![false, false, true, false], &address(2)));
        let words = [(0, 0, 1), (1, 0, 1), (0, 0, 2), (1, 0, 1), (1, 0, 2)];
        assert_eq!(reports(&words), (vec![false, false, true, false, false], vec![address(2)]));
    }

    #[test]
    fn sentinels_that_count_from_the_beginning_are_believed_when_all_do() {
        let words = [(0, 5, 2), (1, 5, 2), (0, 0, 3), (1, 0, 3)];
        assert_eq!(reports(&words), (vec![false, false, false, true], vec![address(3)]));
    }

    #[test]
    fn the_only_one_that_knew_more_may_take_it_back() {
        let words = [(0, 4, 1), (1, 5, 2), (1, 0, 3)];
        assert_eq!(reports(&words), (vec![false, true, true], vec![address(1)]));
    }

    #[test]
    fn all_that_are_named_alike_may_be_the_master() {
        let words = [(0, 0, 1), (1, 0, 2), (2, 0, 1)];
        assert_eq!(reports(&words), (vec![false; 3], vec![address(1), address(2)]));
    }
}
