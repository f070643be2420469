//! Which pages there are: as `cachecow/src/guide.rs` says.

use std::fs;
use std::path::Path;

use crate::plain::{Names, plain};
use crate::root;

const NOTE: &str =
    "<!-- Generated from `cachecow/docs`. Do not edit it here: see CONTRIBUTING.md. -->";

pub(crate) struct Page {
    /// The module's name; of the guide itself `README`.
    name: String,
    pub(crate) text: String,
}

impl Page {
    pub(crate) fn file(&self) -> String {
        file_of(&self.name)
    }
}

/// The file of a page.
pub(crate) fn file_of(name: &str) -> String {
    format!("{name}.md")
}

/// All pages, and that of the metrics, which is a module with code.
pub(crate) fn pages() -> Vec<Page> {
    let mut sources = modules();
    sources.push(("metrics".to_owned(), vec!["metrics.md".to_owned()]));
    let names = Names::new(sources.iter().map(|(name, _)| name.clone()).collect());
    let index = read("guide.md");
    let page = |(name, files): &(String, Vec<String>)| {
        let source: Vec<String> = files.iter().map(|file| source_of(file)).collect();
        let heading = match &**name {
            "README" => format!("{NOTE}\n\n# The guide\n\n"),
            _ => format!("{NOTE}\n\n[The guide](README.md)\n\n# {}\n\n", title(name, &index)),
        };
        let text = plain(source.join("\n").trim(), &names);
        Page { name: name.clone(), text: heading + text.trim() + "\n" }
    };
    sources.iter().map(page).collect()
}

/// The modules of the documentation, each with the files that it includes.
fn modules() -> Vec<(String, Vec<String>)> {
    let code = fs::read_to_string(root().join("cachecow/src/guide.rs")).expect("guide.rs");
    let mut modules = Vec::new();
    let mut files = Vec::new();
    for line in code.lines() {
        let include =
            line.split_once("include_str!(\"../docs/").and_then(|(_, rest)| rest.split_once('"'));
        if let Some((file, _)) = include {
            if line.starts_with("#![") {
                modules.push(("README".to_owned(), vec![file.to_owned()]));
            } else {
                files.push(file.to_owned());
            }
        }
        if let Some(name) = line.strip_prefix("pub mod ").and_then(|rest| rest.strip_suffix(" {}"))
        {
            modules.push((name.to_owned(), std::mem::take(&mut files)));
        }
    }
    assert!(
        files.is_empty() && modules.len() > 20,
        "guide.rs is written otherwise than this test expects"
    );
    modules
}

fn source_of(file: &str) -> String {
    let is_picture = Path::new(file).extension().is_some_and(|extension| extension == "svg");
    if is_picture {
        return format!("![The schedule, step by step](../cachecow/docs/{file})\n");
    }
    read(file)
}

fn read(file: &str) -> String {
    let path = root().join("cachecow/docs").join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The words by which the guide's first page calls a page.
fn title(name: &str, index: &str) -> String {
    let at = ["", "crate::"].iter().find_map(|path| index.find(&format!("]({path}{name})")));
    let at = at.unwrap_or_else(|| panic!("docs/guide.md does not name the page {name}"));
    let words = &index[..at];
    let words = &words[words.rfind('[').expect("a link begins") + 1..];
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
