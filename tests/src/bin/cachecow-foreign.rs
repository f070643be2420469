//! Rows changed through plain SQL while readers chase them: `cachecow-foreign [ROWS] [WORD]...`.
//!
//! 100,000 rows if no number is named. Only the trials and controls in whose names all the words are; all, without a word.
//! It fails if anything is stale, and if a control finds nothing.

use std::process::ExitCode;

use cachecow_tests::foreign::{Trial, controls, trials};

#[tokio::main]
async fn main() -> ExitCode {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let mut rows = 100_000;
    if let Some(Ok(number)) = words.first().map(|word| word.parse()) {
        rows = number;
        words.remove(0);
    }
    let wanted = |trial: &Trial| words.iter().all(|word| trial.to_string().contains(&**word));
    let mut as_it_must_be = true;
    for trial in trials(rows).into_iter().chain(controls(rows)).filter(wanted) {
        let findings = trial.run().await;
        println!("{trial}: {findings}");
        let must_find = trial.until_stale;
        if findings.found_any() != must_find {
            as_it_must_be = false;
            let stale = findings.stale.iter().chain(&findings.stale_for_good).take(10);
            println!("this is not as it must be: {:?}", stale.collect::<Vec<_>>());
        }
    }
    if as_it_must_be { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
