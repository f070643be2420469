//! Four processes of a thousand tasks each read one cold key: the number of fetches, and when the last
//! task had its value, beside a hand-written `GET`, fetch and `SET`.
//!
//! ```sh
//! cargo bench -p cachecow-tests --bench stampede [-- --quick]
//! ```

mod support;

use std::time::Duration;

use cachecow_tests::stampede::{PROCESSES, Stampede, TASKS};

use crate::support::{median, quick, run};

const FETCH: Duration = Duration::from_millis(100);
/// `CacheCow`'s default.
const FILL_WAIT: Duration = Duration::from_millis(200);

fn main() {
    run(async {
        let rounds = if quick() { 5 } else { 21 };
        println!(
            "{PROCESSES} processes of {TASKS} tasks on one cold key, a fetch of {FETCH:?}, {rounds} rounds"
        );
        println!(
            "{:>24} {:>16} {:>26} {:>12}",
            "", "fetches a round", "last done after the fetch", "at most"
        );
        for (name, mode) in [("cachecow", "cachecow"), ("GET, fetch, SET", "bare")] {
            let binary = env!("CARGO_BIN_EXE_cachecow-stampede");
            let mut stampede = Stampede::start(binary, mode, FETCH, FILL_WAIT);
            // Connections and scripts.
            stampede.trample(0).await;
            let (mut fetches, mut beyond) = (Vec::new(), Vec::new());
            for id in 1..=rounds {
                let trampled = stampede.trample(id).await;
                fetches.push(f64::from(u32::try_from(trampled.fetches).expect("a small number")));
                beyond.push((trampled.last.as_secs_f64() - FETCH.as_secs_f64()) * 1e3);
            }
            let most = beyond.iter().copied().fold(f64::MIN, f64::max);
            println!(
                "{name:>24} {:>16} {:>23.1} ms {most:>9.1} ms",
                median(fetches),
                median(beyond)
            );
        }
    });
}
