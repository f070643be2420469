//! Rounds in which the contenders take turns.

use std::time::Duration;

use cachecow_peers::{Measured, Work};

use crate::table::{COLUMNS, short};

/// What is measured, in the order of the table's columns, by how many tasks.
pub(crate) const MEASURED: [(Work, u32); COLUMNS] =
    [(Work::Hit, 1), (Work::Hit, 32), (Work::Hit, 256), (Work::Cold, 1), (Work::Batch, 1)];

/// The rates by what was measured, contender and round.
pub(crate) struct Rounds(Vec<Vec<Vec<f64>>>);

impl Rounds {
    pub(crate) async fn measure(
        all: &[Box<dyn Measured>],
        rounds: usize,
        window: Duration,
    ) -> Self {
        let mut rates = Vec::new();
        for (work, tasks) in MEASURED {
            eprintln!("{work:?} by {tasks}");
            rates.push(rates_of(all, rounds, window, work, tasks).await);
        }
        Self(rates)
    }

    /// The medians of one contender, and of its ratios to the first.
    pub(crate) fn cells(&self, at: usize) -> [String; COLUMNS] {
        std::array::from_fn(|column| {
            let (first, own) = (&self.0[column][0], &self.0[column][at]);
            let ratios = own.iter().zip(first).map(|(own, first)| own / first).collect();
            let rate = short(median(own.clone()));
            if at == 0 { rate } else { format!("{rate} ({:.2})", median(ratios)) }
        })
    }
}

async fn rates_of(
    all: &[Box<dyn Measured>],
    rounds: usize,
    window: Duration,
    work: Work,
    tasks: u32,
) -> Vec<Vec<f64>> {
    let mut rates = vec![Vec::new(); all.len()];
    // The first round warms up.
    for round in 0..=rounds {
        for turn in 0..all.len() {
            let at = (round + turn) % all.len();
            let rate = all[at].rate(work, tasks, window).await;
            if round > 0 {
                rates[at].push(rate);
            }
        }
    }
    rates
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}
