//! A page of the documentation as one reads it without rustdoc.

use std::collections::BTreeSet;
use std::ops::Range;

use pulldown_cmark::{BrokenLink, CowStr, Event, LinkType, Options, Parser, Tag};

use crate::pages::file_of;

/// What the links of the documentation mean.
pub(crate) struct Names(BTreeSet<String>);

enum Target {
    /// As it is.
    Kept,
    /// A page beside this one.
    Page(String),
    /// An item of the crate: its name stays, without a link.
    Item,
}

impl Names {
    pub(crate) fn new(pages: Vec<String>) -> Self {
        Self(pages.into_iter().collect())
    }

    fn target(&self, link: &str) -> Target {
        let (path, anchor) = link.split_once('#').map_or((link, ""), |(path, rest)| (path, rest));
        let name = path
            .strip_prefix("crate::guide::")
            .or_else(|| path.strip_prefix("crate::"))
            .unwrap_or(path);
        if self.0.contains(name) {
            let anchor = if anchor.is_empty() { String::new() } else { format!("#{anchor}") };
            return Target::Page(file_of(name) + &anchor);
        }
        let is_item = path.contains("::") || path.contains('@');
        if is_item && !link.starts_with("http") { Target::Item } else { Target::Kept }
    }
}

/// Removes the hidden lines of the code and the links to items, and leads those to pages to their files. Headings are one
/// level lower, because the page has a title.
pub(crate) fn plain(source: &str, names: &Names) -> String {
    let mut lines = Vec::new();
    let mut block: Option<Block> = None;
    for line in links_of(source, names).lines() {
        let fence = line.trim_start().strip_prefix("```");
        match (&mut block, fence) {
            (None, Some(kind)) => block = Some(Block::begin(line, kind)),
            (None, None) if line.starts_with('#') => lines.push(format!("#{line}")),
            (None, None) => lines.push(line.to_owned()),
            (Some(block), None) => block.push(line),
            (Some(_), Some(_)) => lines.extend(block.take().map(|block| block.end(line))),
        }
    }
    lines.join("\n")
}

/// A block of code.
struct Block {
    fence: String,
    is_rust: bool,
    lines: Vec<String>,
}

impl Block {
    fn begin(fence: &str, kind: &str) -> Self {
        let first = kind.split(',').next().unwrap_or_default().trim();
        let is_rust = ["", "rust", "no_run", "ignore", "compile_fail"].contains(&first);
        let fence = if is_rust { fence.replace(kind, "") + "rust" } else { fence.to_owned() };
        Self { fence, is_rust, lines: Vec::new() }
    }

    fn push(&mut self, line: &str) {
        let code = line.trim_start();
        // Hidden by rustdoc; `##` is a `#` that is not.
        if self.is_rust && (code == "#" || code.starts_with("# ")) {
            return;
        }
        let escaped = self.is_rust && code.starts_with("##");
        self.lines.push(line.replacen("##", "#", usize::from(escaped)));
    }

    /// Without the empty lines that hidden ones leave at its beginning and its end.
    fn end(self, fence: &str) -> String {
        let lines = self.lines.join("\n");
        format!("{}\n{}\n{fence}", self.fence, lines.trim_matches('\n'))
    }
}

/// The source with its links as [`Names`] says.
fn links_of(source: &str, names: &Names) -> String {
    // rustdoc also takes a name in brackets for a link.
    let unknown = |link: BrokenLink<'_>| {
        Some((CowStr::from(format!("@{}", link.reference)), CowStr::from("")))
    };
    let parser =
        Parser::new_with_broken_link_callback(source, Options::ENABLE_TABLES, Some(unknown));
    let mut changes: Vec<(Range<usize>, String)> = Vec::new();
    for (event, range) in parser.into_offset_iter() {
        let Event::Start(Tag::Link { link_type, dest_url, .. }) = event else { continue };
        let whole = &source[range.clone()];
        let words = match link_type {
            LinkType::Inline => whole.rfind("](").map_or(whole, |end| &whole[1..end]),
            LinkType::Autolink | LinkType::Email => continue,
            _ => whole.trim_start_matches('[').trim_end_matches(']'),
        };
        // A word in brackets that is no code, such as a placeholder.
        if !matches!(link_type, LinkType::Inline) && !words.starts_with('`') {
            continue;
        }
        match names.target(&dest_url) {
            Target::Kept => {}
            Target::Page(file) => changes.push((range, format!("[{words}]({file})"))),
            Target::Item => changes.push((range, words.to_owned())),
        }
    }
    let mut text = source.to_owned();
    for (range, with) in changes.into_iter().rev() {
        text.replace_range(range, &with);
    }
    text
}
