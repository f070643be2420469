//! The folder `guide`: the pages of the guide as they are read in the repository, without rustdoc's own marks. And
//! the links of every Markdown file of the repository.
//!
//! After a change of a page in `cachecow/docs`: `UPDATE_EXPECT=1 cargo test -p cachecow-tests --test guide`.

mod links;
mod pages;
mod plain;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use expect_test::expect_file;

use crate::pages::pages;

/// The repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the repository")
}

#[test]
fn the_pages_in_the_repository_are_those_of_the_documentation() {
    let pages = pages();
    for page in &pages {
        expect_file![root().join("guide").join(page.file())].assert_eq(&page.text);
    }
    let names: BTreeSet<String> = pages.iter().map(pages::Page::file).collect();
    let found: BTreeSet<String> = fs::read_dir(root().join("guide"))
        .expect("the folder `guide`")
        .map(|entry| entry.expect("a file").file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(found, names, "the folder `guide` has exactly these pages");
}

#[test]
fn every_link_of_the_repository_leads_somewhere() {
    let broken = links::broken(&root());
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("b.md"), "# One heading, `two`!\n\n# Twice\n\n# Twice\n").unwrap();
    let good = "[a](b.md) [b](b.md#one-heading-two) [c](b.md#twice-1) [d](https://example.org) [e](#here)\n\n# Here\n";
    fs::write(folder.path().join("a.md"), good).unwrap();
    assert_eq!(links::broken(folder.path()), Vec::<String>::new());
    fs::write(folder.path().join("a.md"), "[a](c.md) [b](b.md#three) [c](crate::CacheCow)\n")
        .unwrap();
    assert_eq!(
        links::broken(folder.path()),
        ["a.md: b.md#three", "a.md: c.md", "a.md: crate::CacheCow"]
    );
}

#[test]
fn a_published_readme_links_to_files_of_the_repository_by_their_address() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("guide")).unwrap();
    fs::write(folder.path().join("guide/page.md"), "# Here\n").unwrap();
    let readme = |links: &str| fs::write(folder.path().join("README.md"), links).unwrap();
    readme(
        "[a] [b] [c](#one) [d](https://example.org)\n\n# One\n\n\
         [a]: https://github.com/cachecow-rs/cachecow/blob/main/guide/page.md#here\n\
         [b]: https://github.com/cachecow-rs/cachecow/tree/main/guide\n",
    );
    assert_eq!(links::broken(folder.path()), Vec::<String>::new());
    readme(
        "[a](guide/page.md) [b] [c] [d]\n\n\
         [b]: https://github.com/cachecow-rs/cachecow/blob/main/guide/other.md\n\
         [c]: https://github.com/cachecow-rs/cachecow/blob/main/guide/page.md#there\n\
         [d]: https://github.com/cachecow-rs/cachecow/blob/main/guide\n",
    );
    assert_eq!(
        links::broken(folder.path()),
        [
            "README.md: guide/page.md is relative",
            "README.md: https://github.com/cachecow-rs/cachecow/blob/main/guide",
            "README.md: https://github.com/cachecow-rs/cachecow/blob/main/guide/other.md",
            "README.md: https://github.com/cachecow-rs/cachecow/blob/main/guide/page.md#there",
        ]
    );
}
