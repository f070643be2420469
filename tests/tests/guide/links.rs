//! The links of Markdown files.
//!
//! The READMEs of the published packages are also pages of crates.io, where a relative link leads nowhere. Their links
//! to the repository are absolute, and are looked up in the checkout.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// The addresses at which GitHub shows a file, and a folder, of the repository.
const FILE: &str = "https://github.com/cachecow-rs/cachecow/blob/main/";
const FOLDER: &str = "https://github.com/cachecow-rs/cachecow/tree/main/";

/// The READMEs of the published packages.
const PUBLISHED: [&str; 2] = ["README.md", "cachecow-derive/README.md"];

/// The links below `root` that lead nowhere, by file. Addresses of other sites are not looked up.
pub(crate) fn broken(root: &Path) -> Vec<String> {
    let mut broken = Vec::new();
    for file in files(root) {
        let text = fs::read_to_string(&file).expect("a text");
        let name = file.strip_prefix(root).expect("a file below").display().to_string();
        for link in links(&text) {
            if !leads_somewhere(root, &file, &text, &link) {
                broken.push(format!("{name}: {link}"));
            } else if PUBLISHED.contains(&&*name) && is_relative(&link) {
                broken.push(format!("{name}: {link} is relative"));
            }
        }
    }
    broken.sort();
    broken
}

/// All Markdown files that people read in the repository.
fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            // The sources of the documentation have rustdoc's links, which rustdoc checks.
            let is_left_out = path.ends_with("target")
                || path.ends_with(".git")
                || path.ends_with("cachecow/docs");
            if path.is_dir() && !is_left_out {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    found
}

fn links(text: &str) -> Vec<String> {
    let links = Parser::new_ext(text, Options::ENABLE_TABLES).filter_map(|event| match event {
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
            Some(dest_url.into_string())
        }
        _ => None,
    });
    links.collect()
}

fn leads_somewhere(root: &Path, file: &Path, text: &str, link: &str) -> bool {
    if let Some(path) = link.strip_prefix(FILE) {
        return leads_to(&root.join(path), Path::is_file);
    }
    if let Some(path) = link.strip_prefix(FOLDER) {
        return leads_to(&root.join(path), Path::is_dir);
    }
    if is_an_address(link) {
        return true;
    }
    match link.strip_prefix('#') {
        Some(anchor) => anchors(text).iter().any(|known| known == anchor),
        None => leads_to(&file.parent().expect("its folder").join(link), Path::exists),
    }
}

/// Whether the path is there, and the heading after its `#`, if it names one.
fn leads_to(path: &Path, is_there: impl Fn(&Path) -> bool) -> bool {
    let path = path.to_str().expect("a link is text");
    let (path, anchor) = path.split_once('#').unwrap_or((path, ""));
    let has_anchor = || {
        fs::read_to_string(path)
            .is_ok_and(|text| anchors(&text).iter().any(|known| known == anchor))
    };
    is_there(Path::new(path)) && (anchor.is_empty() || has_anchor())
}

fn is_an_address(link: &str) -> bool {
    link.starts_with("https://") || link.starts_with("http://")
}

/// Whether the link leads to another file by its place beside this one.
fn is_relative(link: &str) -> bool {
    !is_an_address(link) && !link.starts_with('#')
}

/// The anchors of the headings, as GitHub and rustdoc make them.
fn anchors(text: &str) -> Vec<String> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut anchors = Vec::new();
    let mut heading: Option<String> = None;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::Text(words) | Event::Code(words) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&words);
                }
            }
            Event::End(TagEnd::Heading(_)) => {
                let words = heading.take().unwrap_or_default().to_lowercase();
                let kept =
                    words.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
                let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
                let count = seen.entry(anchor.clone()).or_default();
                anchors.push(if *count == 0 {
                    anchor.clone()
                } else {
                    format!("{anchor}-{count}")
                });
                *count += 1;
            }
            _ => {}
        }
    }
    anchors
}
