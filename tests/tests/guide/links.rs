//! The links of Markdown files.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// The links below `root` that lead nowhere, by file. Addresses on the Web are not looked up.
pub(crate) fn broken(root: &Path) -> Vec<String> {
    let mut broken = Vec::new();
    for file in files(root) {
        let text = fs::read_to_string(&file).expect("a text");
        for link in links(&text) {
            if !leads_somewhere(&file, &text, &link) {
                let file = file.strip_prefix(root).expect("a file below").display().to_string();
                broken.push(format!("{file}: {link}"));
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

fn leads_somewhere(file: &Path, text: &str, link: &str) -> bool {
    if link.starts_with("https://") || link.starts_with("http://") {
        return true;
    }
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    if path.is_empty() {
        return anchors(text).iter().any(|known| known == anchor);
    }
    let target = file.parent().expect("its folder").join(path);
    let has_anchor = || {
        fs::read_to_string(&target)
            .is_ok_and(|text| anchors(&text).iter().any(|known| known == anchor))
    };
    target.exists() && (anchor.is_empty() || has_anchor())
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
