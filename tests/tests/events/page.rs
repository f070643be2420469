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
hits. What is said once a minute has the field `left_out`: how many were left out since it was said last. A refused fill is no
event; it is counted (`fills_refused`). No event shows a key's value, an object's or a credential: types,
templates, counts and the cache's own errors are what they have, and `stale_object` the hash that names its key in Redis.

";

const END: &str = "
# The spans

At the level `debug`, under the target `cachecow`; a hit has none (the event `hit` shows hits to those who ask for them).
`load` is around everything that a read does which is
no plain hit, with `type`, `template`, the number of `reads` that one call makes together, and at its end `outcome`:
`fetched, stored`, say, `hit` where a read of a type with few hits so far began with a claim and found the object, or
`joined` for a caller that followed another's load. Such a span *follows from* the load's that
served it. Within it are `ask`, `claim` and `fill`, a round of commands each, with the attributes of OpenTelemetry's
conventions for database clients; `fetch`, around the fetch function; and `wait`, for another caller's load or another
process's fill. `cargo run --example trace` prints one.

A follower of a change log has spans of its own, which are in no other span. They have `log`, the follower's name, and
`db.system.name`, the database that the log is of. `open_log` is around each attempt to open the log, with all that is invalidated
then; its `outcome` is `following`, `failed`, or `standby` while another instance reads the log (one span a second).
`apply_changes` is around all that is done with a batch of changes after it was read, until the cache confirmed the invalidation,
with the number of changed `rows` of followed tables. Within it are `settle`, the wait until every fetch sees the changes; `name_keys`, around the
functions of `via`; and `invalidate`, with the number of `keys` (the tags of one type count as one) and of `drops`, the reasons
to invalidate everything of a type.
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
