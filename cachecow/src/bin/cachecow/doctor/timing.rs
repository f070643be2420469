//! How long the server takes to answer, and whether its clock agrees with this machine's.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cachecow::__tools::OneServer;

use super::{Check, Level};
use crate::fault::Fault;
use crate::replies;
use crate::session::ask;
use crate::shown;

const PINGS: usize = 50;
/// Above this, a hit saves little over a database in the same network.
const SLOW: Duration = Duration::from_millis(5);
/// Half of the library's operation timeout.
const LATE: Duration = Duration::from_millis(250);
const CLOCKS_DIFFER: Duration = Duration::from_secs(1);

pub(super) async fn checks(server: &OneServer) -> Result<Vec<Check>, Fault> {
    let mut times = Vec::with_capacity(PINGS);
    for _ in 0..PINGS {
        let began = Instant::now();
        ask(server, &redis::cmd("PING")).await?;
        times.push(began.elapsed());
    }
    times.sort();
    let (least, median, most) = (times[0], times[PINGS / 2], times[PINGS - 1]);
    let found = format!(
        "{} least, {} median, {} most, of {PINGS} round trips",
        micros(least),
        micros(median),
        micros(most)
    );
    let latency = if median > SLOW {
        Check::new("latency", Level::Warning, found)
            .remedy("put the cache near the program: in the same zone, without a proxy in between")
    } else if most > LATE {
        Check::new("latency", Level::Warning, found).remedy(
            "look for slow commands (SLOWLOG GET), swapping and a busy CPU; `Builder::operation_timeout` bounds a read",
        )
    } else {
        Check::ok("latency", found)
    };
    Ok(vec![latency, clock(server).await?])
}

fn micros(time: Duration) -> String {
    format!("{}.{:03} ms", time.as_millis(), time.as_micros() % 1000)
}

async fn clock(server: &OneServer) -> Result<Check, Fault> {
    let here = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let before = here();
    let answer = ask(server, &redis::cmd("TIME")).await;
    let after = here();
    let Ok(Some(there)) = answer.map(|answer| replies::micros(&answer)) else {
        return Ok(Check::new("clock", Level::Note, "unknown: TIME is denied"));
    };
    let there = Duration::from_micros(there);
    let apart = before.saturating_sub(there).max(there.saturating_sub(after));
    if apart < CLOCKS_DIFFER {
        return Ok(Check::ok(
            "clock",
            format!("within {} of this machine's", shown::time(CLOCKS_DIFFER)),
        ));
    }
    let direction = if there < before { "behind" } else { "ahead of" };
    let found = format!("{} {direction} this machine's", shown::time(apart));
    Ok(Check::new("clock", Level::Warning, found).remedy(
        "synchronize the clocks (NTP): ages, `stale_if_error` and `refresh_ahead` go by them; that nothing stale is \
         served does not",
    ))
}
