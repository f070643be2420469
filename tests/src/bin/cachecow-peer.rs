//! Another process for the tests, told what to do line by line.
//!
//! Arguments: the server's URL, and `token` or `tokenless`. Its backing store is whoever runs it:
//! each fetch prints `fetch`, and takes the version from the next line.

use std::io::{BufRead as _, Write as _};
use std::time::Duration;

use cachecow::{Error, RedisBackend};
use cachecow_tests::backends::Tokenless;
use cachecow_tests::patient::patient;
use cachecow_tests::peer::{Grouped, Shared, Versions};

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // A parent that is gone needs no answer.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn hear() -> Option<String> {
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line).ok()?;
    (read > 0).then(|| line.trim().to_owned())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, url, mode] = &arguments[..] else {
        eprintln!("usage: cachecow-peer URL token|tokenless");
        std::process::exit(2);
    };
    let backend = RedisBackend::from_url(url, Duration::from_secs(5))?;
    let cow = match mode.as_str() {
        "tokenless" => patient().backend(Tokenless(backend))?,
        _ => patient().backend(backend)?,
    };
    let parent = Versions::new(|| {
        say("fetch");
        hear().and_then(|line| line.parse().ok()).unwrap_or(0)
    });
    while let Some(order) = hear() {
        match order.as_str() {
            "read" => {
                let read = cow.with(&parent).read(Shared::by_id(1)).await?;
                let version = read.value.map_or(0, |shared| shared.version);
                say(&format!("read {version} {:?} {:?}", read.source, read.fill));
            }
            "read a member" => {
                let read = cow.with(&parent).read(Grouped::by_id(1)).await?;
                let version = read.value.map_or(0, |grouped| grouped.version);
                say(&format!("read {version} {:?} {:?}", read.source, read.fill));
            }
            "invalidate the group" => {
                cow.invalidate_tag(Grouped::tag_group(7)).await?;
                say("invalidated");
            }
            "invalidate" => {
                cow.invalidate(Shared::by_id(1)).await?;
                say("invalidated");
            }
            // As many programs do it; the work lasts until the next line.
            "work" => {
                say("working");
                hear();
                cow.invalidate(Shared::by_id(1)).await?;
                say("worked");
            }
            // The same, by `write`.
            "write" => {
                let work = async {
                    say("working");
                    hear();
                    Ok::<_, Error>(())
                };
                cow.write(Shared::by_id(1), work).await?;
                say("written");
            }
            _ => say("what?"),
        }
    }
    Ok(())
}
