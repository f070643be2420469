//! What the derives say about input that is wrong: each message stands in a file beside its case.

use std::fs;
use std::path::{Path, PathBuf};

/// The classes of faults, one folder each; a folder that is not listed here is an error.
const CLASSES: [&str; 16] = [
    "fetch",
    "fields",
    "input",
    "key_part",
    "lists",
    "lookups",
    "many",
    "normalize",
    "query",
    "reads",
    "schema",
    "settings",
    "table",
    "tags",
    "template",
    "values",
];

#[test]
fn faults() {
    let root = root();
    let mut folders: Vec<String> = names(&root).into_iter().filter(|name| name != "pass").collect();
    folders.sort();
    assert_eq!(folders, CLASSES, "the folders of {}", root.display());
    let cases = trybuild::TestCases::new();
    for class in CLASSES {
        let count = cases_in(&root.join(class));
        assert!(count > 0, "no case in {class}");
        cases.compile_fail(format!("ui/{class}/*.rs"));
    }
    assert!(cases_in(&root.join("pass")) > 0, "no case in pass");
    cases.pass("ui/pass/*.rs");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("ui")
}

fn cases_in(folder: &Path) -> usize {
    names(folder)
        .iter()
        .filter(|name| Path::new(name).extension().is_some_and(|e| e == "rs"))
        .count()
}

fn names(folder: &Path) -> Vec<String> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries
        .map(|entry| entry.expect("a readable folder").file_name())
        .map(|name| name.into_string().expect("a name in UTF-8"))
        .collect()
}
