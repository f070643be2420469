//! Every public type, trait and function of the crate is shown at work: it has an example, or a line "[`Item`] has an
//! example." that names an item whose example shows it.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::mem::take;
use std::path::{Path, PathBuf};

/// A public item, exported or not.
struct Item {
    name: String,
    docs: String,
    /// A type or a trait, or a function that is no method.
    is_free: bool,
}

impl Item {
    fn declared(line: &str, docs: String) -> Option<Self> {
        let mut words = line.trim_start().strip_prefix("pub ")?.split([' ', '<', '(', ';']);
        let kind = words.find(|word| !["async", "const"].contains(word))?;
        let is_type = ["struct", "enum", "trait", "type"].contains(&kind);
        let is_free = is_type || !line.starts_with(' ');
        let name = words.next()?.trim_end_matches(':').to_owned();
        (is_type || kind == "fn").then_some(Self { name, docs, is_free })
    }

    /// Its code that is compiled.
    fn example(&self) -> String {
        let blocks = self.docs.split("```").skip(1).step_by(2);
        blocks.filter(|block| block.starts_with('\n') || block.starts_with("no_run")).collect()
    }

    /// The item that is said to have an example.
    fn shown_by(&self) -> Option<&str> {
        let line = self.docs.lines().find(|line| line.ends_with(" has an example."))?;
        line.strip_prefix("[`")?.split('`').next()?.rsplit("::").next()
    }
}

/// The items of a file, without those that are hidden.
fn items(source: &str) -> Vec<Item> {
    let (mut items, mut docs, mut attributes) = (Vec::new(), String::new(), String::new());
    for line in source.lines() {
        let text = line.trim_start();
        let is_open = attributes.matches('[').count() > attributes.matches(']').count();
        if is_open || text.starts_with("#[") {
            attributes.push_str(text);
        } else if let Some(doc) = text.strip_prefix("///") {
            docs = docs + doc.trim_start() + "\n";
        } else {
            let is_hidden = take(&mut attributes).contains("doc(hidden)");
            let item = Item::declared(line, take(&mut docs));
            items.extend(item.filter(|_| !is_hidden));
        }
    }
    items
}

/// What follows this, at the beginning of a line and up to a semicolon, unless it is hidden.
fn statements<'a>(source: &'a str, beginning: &str) -> Vec<&'a str> {
    let found = format!("\n{source}")
        .match_indices(&format!("\n{beginning}"))
        .map(|(at, _)| at)
        .collect::<Vec<_>>();
    let shown =
        found.into_iter().filter(|&at| !source[..at].trim_end().ends_with("#[doc(hidden)]"));
    shown.filter_map(|at| source[at + beginning.len()..].split(';').next()).collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
}

fn read(folder: &Path, files: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).expect("the sources are there") {
        let path = entry.expect("they can be read").path();
        // The program, and what the generated code and the program call.
        let is_inner =
            ["src/bin", "private.rs", "tools.rs"].iter().any(|inner| path.ends_with(inner));
        if path.is_dir() && !is_inner {
            read(&path, files);
        } else if path.is_file() && !is_inner {
            let source = fs::read_to_string(&path).expect("it is text");
            files.push((path, source));
        }
    }
}

/// The public items of these files that no example shows, and how many there are in all.
fn without_examples(files: &[(PathBuf, String)]) -> (Vec<String>, usize) {
    let (mut exported, mut modules) = (HashSet::new(), HashSet::new());
    let (mut examples, mut public) = (HashMap::<String, String>::new(), Vec::new());
    for (path, source) in files {
        let named = statements(source, "pub use ").into_iter();
        exported.extend(named.filter_map(|used| used.rsplit("::").next()).flat_map(words));
        let folder = path.parent().expect("it is in a folder");
        modules
            .extend(statements(source, "pub mod ").into_iter().map(|module| folder.join(module)));
    }
    for (path, source) in files {
        let module =
            if path.ends_with("mod.rs") { path.parent().expect("its folder") } else { path };
        let is_public = modules.contains(&module.with_extension(""));
        // A suite's functions are tests, which its front page shows.
        let is_a_suite = path.components().any(|folder| folder.as_os_str() == "conformance");
        for item in items(source) {
            *examples.entry(item.name.clone()).or_default() += &item.example();
            if item.is_free && !is_a_suite && (is_public || exported.contains(&*item.name)) {
                public.push(item);
            }
        }
    }
    let count = public.len();
    public.retain(|item| {
        let shows = |code: &String| words(code).any(|word| word == item.name);
        let shown_by_another = item.shown_by().and_then(|by| examples.get(by)).is_some_and(shows);
        item.example().is_empty() && !shown_by_another
    });
    (public.into_iter().map(|item| item.name).collect(), count)
}

#[test]
fn every_public_item_has_an_example() {
    let mut files = Vec::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../cachecow/src"), &mut files);
    let (without, of) = without_examples(&files);
    assert!(without.is_empty(), "without an example that shows them: {without:?}");
    assert!(of > 150, "only {of} were found");
}

#[test]
fn one_without_an_example_is_found() {
    let lib = "mod inner;\npub use inner::{Shown, Beside, Elsewhere, Silent, Hidden};\n";
    let inner = "/// ```\n/// let beside = Beside::of(Shown);\n/// ```\npub struct Shown;\n\
                 /// [`Shown`] has an example.\npub struct Beside;\n\
                 /// [`Shown`] has an example.\npub struct Elsewhere;\n\
                 /// ```text\n/// Silent\n/// ```\n#[derive(Debug)]\npub struct Silent;\n\
                 #[doc(hidden)]\npub struct Hidden;\npub struct Private;\n";
    let files = [("src/lib.rs", lib), ("src/inner.rs", inner)];
    let files = files.map(|(path, source)| (PathBuf::from(path), source.to_owned()));
    assert_eq!(without_examples(&files), (vec!["Elsewhere".to_owned(), "Silent".to_owned()], 4));
}
