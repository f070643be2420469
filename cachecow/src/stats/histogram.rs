//! A histogram of durations that many threads add to, in a fixed amount of memory.
//!
//! The buckets are those of an HDR histogram: each power of two of nanoseconds is divided into eight parts of equal
//! width. So a bucket's middle differs from its values by at most 6 %.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The number of parts of each power of two, as an exponent of two.
const PRECISION: u32 = 3;
const PARTS: usize = 1 << PRECISION;
/// Up to 2^37 ns, a little over two minutes; longer durations count as that.
const OCTAVES: usize = 37 - PRECISION as usize;
pub(crate) const BUCKETS: usize = PARTS * (OCTAVES + 1);

/// How often each duration was seen.
pub(crate) struct Histogram([AtomicU64; BUCKETS]);

impl Default for Histogram {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Histogram {
    pub(crate) fn add(&self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.0[bucket(nanos)].fetch_add(1, Ordering::Relaxed);
    }

    /// The middle of each bucket, and how many durations are in it.
    #[cfg_attr(not(feature = "metrics"), allow(dead_code, reason = "the exporter reads it"))]
    pub(crate) fn counts(&self) -> impl Iterator<Item = (Duration, u64)> {
        let middle = |at| Duration::from_nanos(middle(at));
        let counts = self.0.iter().map(|count| count.load(Ordering::Relaxed));
        counts.enumerate().map(move |(at, count)| (middle(at), count))
    }
}

/// The bucket of a number.
fn bucket(number: u64) -> usize {
    let Some(shift) = number.checked_ilog2().and_then(|log| log.checked_sub(PRECISION)) else {
        // Smaller than the number of parts: each number has its own bucket.
        return usize::try_from(number).unwrap_or(0);
    };
    let within = usize::try_from(number >> shift).unwrap_or(0);
    (PARTS * shift as usize + within).min(BUCKETS - 1)
}

/// The middle of a bucket.
#[cfg_attr(not(feature = "metrics"), allow(dead_code, reason = "the exporter reads it"))]
fn middle(bucket: usize) -> u64 {
    let Some(shift) = (bucket / PARTS).checked_sub(1) else { return bucket as u64 };
    let first = (PARTS + bucket % PARTS) as u64;
    (first << shift) + ((1 << shift) >> 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_a_bucket_is_near_all_that_falls_into_it() {
        let mut last = 0;
        let numbers = (0..1 << 12).chain((12..37).flat_map(|log| {
            let power = 1_u64 << log;
            [power - 1, power, power + power / 3, power + power / 2, 2 * power - 1]
        }));
        for number in numbers {
            let at = bucket(number);
            assert!(at >= last, "{number} falls behind");
            last = at;
            let apart = middle(at).abs_diff(number);
            assert!(apart * 16 <= number, "{number} counts as {}", middle(at));
        }
    }

    #[test]
    fn what_takes_too_long_is_in_the_last_bucket() {
        let histogram = Histogram::default();
        for seconds in [600, u64::MAX] {
            histogram.add(Duration::from_secs(seconds));
        }
        let (longest, count) = histogram.counts().last().expect("there are buckets");
        assert_eq!(count, 2);
        assert!(longest > Duration::from_secs(120) && longest < Duration::from_secs(140));
    }
}
