//! What the nodes of a cluster say of its slots, and which of them is believed.

use std::time::Duration;

use tokio::time::Instant;

use super::slots::{Range, SLOTS};

/// How long a few nodes that have not heard of the last failover are not believed, although no other node answers.
/// A former master that can speak to the others hears of its failover sooner, and one that cannot stops to serve
/// its slots sooner (after `cluster-node-timeout`, which is 15 seconds unless it was set).
const DOUBT: Duration = Duration::from_secs(30);

/// A node's view of the slots.
pub(super) struct View {
    /// Whether it sees a working cluster.
    pub(super) works: bool,
    /// It grows with every failover. A former master that has not heard of its failover has a smaller one.
    pub(super) epoch: u64,
    pub(super) ranges: Vec<Range>,
}

impl View {
    /// Whether every slot has an owner. A node that has just met another one knows it before it knows
    /// its slots; and if that other one fails at this moment, it never learns them.
    fn is_whole(&self) -> bool {
        self.served() >= usize::from(SLOTS)
    }

    fn served(&self) -> usize {
        self.ranges.iter().map(Range::len).sum()
    }

    fn rank(&self) -> (bool, u64, usize) {
        (self.works, self.epoch, self.served())
    }
}

/// The views of the nodes that have answered.
pub(super) struct Views {
    /// The epoch that was known before.
    known: u64,
    /// How many nodes are asked.
    asked: usize,
    /// The best view that is not older than what is known.
    best: Option<View>,
    /// The best older view of a working cluster.
    older: Option<View>,
    /// How many nodes have an older view of a working cluster.
    agreed: usize,
}

impl Views {
    pub(super) fn new(known: u64, asked: usize) -> Self {
        Self { known, asked, best: None, older: None, agreed: 0 }
    }

    pub(super) fn add(&mut self, view: View) {
        let best = if view.epoch >= self.known {
            &mut self.best
        } else if view.works {
            self.agreed += 1;
            &mut self.older
        } else {
            return;
        };
        *best = best.take().into_iter().chain([view]).max_by_key(View::rank);
    }

    /// Whether no other node can know better: the best view is of a working cluster, and names an owner of every slot.
    pub(super) fn are_enough(&self) -> bool {
        self.best.as_ref().is_some_and(|best| best.works && best.is_whole())
    }

    /// Whether there is a view that is not outdated.
    pub(super) fn have_one(&self) -> bool {
        self.best.as_ref().is_some_and(|best| !best.ranges.is_empty())
    }

    /// The best view. Older ones count only if most nodes have such a view, as in a cluster that was made anew and
    /// counts from the beginning, or if the doubt has lasted for long. Otherwise the nodes that heard of the last
    /// failover may just be out of reach.
    pub(super) fn best(self, doubt: &mut Doubt, now: Instant) -> Option<View> {
        if self.best.is_some() {
            doubt.0 = None;
        }
        let is_believed = 2 * self.agreed > self.asked
            || (self.best.is_none() && self.older.is_some() && doubt.is_over(now));
        let older = self.older.filter(|_| is_believed);
        self.best.into_iter().chain(older).max_by_key(View::rank)
    }
}

/// Since when only nodes that have not heard of the last failover have answered.
#[derive(Default)]
pub(super) struct Doubt(Option<Instant>);

impl Doubt {
    fn is_over(&mut self, now: Instant) -> bool {
        now.duration_since(*self.0.get_or_insert(now)) >= DOUBT
    }
}

#[cfg(test)]
mod tests {
    use super::super::node::Address;
    use super::*;

    fn view(works: bool, epoch: u64, last: u16) -> View {
        let master = Address { host: "a".to_owned(), port: 1 };
        let ranges = vec![Range { first: 0, last, master, replicas: Vec::new() }];
        View { works, epoch, ranges }
    }

    fn whole(works: bool, epoch: u64) -> View {
        view(works, epoch, SLOTS - 1)
    }

    /// Whether the view that is taken is of a working cluster, and its epoch.
    fn taken(asked: usize, views: impl IntoIterator<Item = View>) -> Option<(bool, u64)> {
        let mut all = Views::new(7, asked);
        views.into_iter().for_each(|view| all.add(view));
        let best = all.best(&mut Doubt::default(), Instant::now())?;
        Some((best.works, best.epoch))
    }

    #[test]
    fn a_working_and_whole_view_is_enough_unless_it_is_older() {
        for (view, is_enough) in [
            (whole(true, 7), true),
            (whole(true, 8), true),
            (whole(true, 6), false),
            (whole(false, 8), false),
            (view(true, 8, 99), false),
        ] {
            let mut views = Views::new(7, 1);
            views.add(view);
            assert_eq!(views.are_enough(), is_enough);
        }
    }

    #[test]
    fn a_few_older_views_are_not_believed_alone() {
        assert_eq!(taken(2, [whole(true, 6)]), None);
        assert_eq!(taken(6, [whole(true, 6), whole(true, 6), whole(true, 6)]), None);
        assert_eq!(taken(1, [whole(false, 6)]), None);
    }

    #[test]
    fn most_nodes_are_believed() {
        assert_eq!(taken(2, [whole(true, 1), whole(true, 1)]), Some((true, 1)));
        // Beside one that is left of the former cluster.
        let views = [whole(true, 1), whole(true, 1), whole(false, 7)];
        assert_eq!(taken(3, views), Some((true, 1)));
        let views = [whole(true, 1), whole(true, 1), whole(true, 7)];
        assert_eq!(taken(3, views), Some((true, 7)));
    }

    #[test]
    fn an_outdated_node_is_ignored_although_others_see_no_working_cluster() {
        assert_eq!(taken(6, [whole(true, 6), whole(false, 7)]), Some((false, 7)));
    }

    #[test]
    fn an_older_view_is_believed_when_no_other_comes_for_long() {
        let (mut doubt, began) = (Doubt::default(), Instant::now());
        let mut believed = |view, seconds| {
            let mut views = Views::new(7, 6);
            views.add(view);
            let best = views.best(&mut doubt, began + Duration::from_secs(seconds));
            best.map(|best| best.epoch)
        };
        assert_eq!(believed(whole(true, 6), 0), None);
        assert_eq!(believed(whole(true, 6), 29), None);
        assert_eq!(believed(whole(false, 7), 29), Some(7));
        assert_eq!(believed(whole(true, 6), 31), None);
        assert_eq!(believed(whole(true, 6), 60), None);
        assert_eq!(believed(whole(true, 6), 61), Some(6));
    }
}
