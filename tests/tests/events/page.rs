//! The page of the documentation, and the source.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use cachecow::__private::EVENTS;
use expect_test::expect_file;

const BEGINNING: &str = "Every event that goes to `tracing`, and what to do about it.

# The events

Events go to [`tracing`](https://docs.rs/tracing). Each has a name that does not change, as the field `event` and, after
`cachecow.`, as the name of its metadata; the target is `cachecow`, `cachecow::audit` for the auditor's, and `cachecow::hit` for
hits. An event that appears at most once a minute has the field `left_out`: how many were left out since the last one. A refused
fill is not an event; it is counted (`fills_refused`). No event shows the value of a key or of an object, or a credential. Events have types,
templates, counts and the cache's own errors; `stale_object` has the hash in the name of its key in Redis.

";

const END: &str = "
# The spans

At the level `debug`, under the target `cachecow`; a hit has none (the event `hit` shows hits to those who ask for them).
The span `load` is around a read that is not a plain hit. It has `type`, `template` and the number of `reads` that one call makes together. At its
end it has `outcome`: for example `fetched, stored`; `hit`, if a read of a type with few hits began with a claim and found the object; or `joined`,
for a caller that shared another caller's load. A `joined` span *follows from* the span of that load. Inside `load` are `ask`, `claim` and `fill`, one
round of commands each, with the attributes of OpenTelemetry's conventions for database clients; `fetch`, around the fetch function; and `wait`, for
another caller's load or another process's fill. `cargo run -p cachecow-examples --example trace` prints one.

A follower of a change log has its own spans, which are not inside other spans. They have `log`, the follower's name, and `db.system.name`, the database
of the log. `open_log` is around each attempt to open the log, and the invalidations at that time; its `outcome` is `following`, `failed`, or `standby`
while another instance reads the log (one span a second). `apply_changes` is around the work for one batch of changes: from its reading until the
cache has confirmed the invalidation. It has the number of changed `rows` of followed tables. Inside it are `settle`, the wait until every
fetch sees the changes; `name_keys`, around the functions of `via`; and `invalidate`, with the number of `keys` (the tags of one type count as one)
and of `drops`, the reasons to invalidate a whole type.
";

fn page() -> String {
    let mut page = BEGINNING.to_owned();
    page += "| event | level | how often | when | what to do |\n|---|---|---|---|---|\n";
    for event in EVENTS {
        let level = event.level.as_str().to_lowercase();
        let _ = writeln!(
            page,
            "| `{}` | {level} | {} | {} | {} |",
            event.name,
            event.often.as_str(),
            event.meaning,
            event.advice
        );
    }
    page + END
}

#[test]
fn the_page_is_made_of_the_table() {
    expect_file!["../../../cachecow/docs/events.md"].assert_eq(&page());
}

#[test]
fn names_differ_and_each_has_something_to_do() {
    let names: BTreeSet<_> = EVENTS.iter().map(|event| event.name).collect();
    assert_eq!(names.len(), EVENTS.len());
    for event in EVENTS {
        assert!(event.meaning.ends_with('.') && event.advice.ends_with('.'), "{event:?}");
        assert_eq!(event.full_name, format!("cachecow.{}", event.name));
    }
}

/// Whoever speaks past the table has no name, and no line in the page.
#[test]
fn the_source_says_nothing_past_the_table() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cachecow/src");
    let macros = ["trace", "debug", "info", "warn", "error", "event"];
    let mut said = String::new();
    for file in files(&source) {
        let text = fs::read_to_string(&file).expect("a file of the source");
        if file.ends_with("src/events.rs") {
            continue;
        }
        for name in macros {
            assert!(!text.contains(&format!("tracing::{name}!")), "{}: {name}", file.display());
        }
        said += &text;
    }
    let said: String = said.split_whitespace().collect();
    for event in EVENTS {
        let constant = event.name.to_uppercase();
        assert!(said.contains(&format!("say!({constant},")), "nothing says {constant}");
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of the source");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let each = paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] });
    each.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}
