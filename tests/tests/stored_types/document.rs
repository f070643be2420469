//! The document: its tables are made of the cases, so that it cannot say what the tests do not.
//!
//! After a change, `UPDATE_EXPECT=1 cargo test -p cachecow-tests --all-features --test stored_types document`
//! writes them anew.

use std::fmt::Write as _;

use expect_test::expect_file;

use crate::{Fate, GROUPS};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../cachecow/docs/stored_types.md");
const MARK: &str = "<!-- what follows is written by the tests -->\n";

/// Cases that are stored in one way.
pub(crate) struct Group {
    pub(crate) name: &'static str,
    /// The attribute of the field, in parentheses.
    pub(crate) storage: &'static str,
    pub(crate) cases: &'static [Case],
}

/// A type whose values are read through the cache.
pub(crate) struct Case {
    /// In words, written together.
    pub(crate) name: &'static str,
    pub(crate) ty: &'static str,
    pub(crate) fate: Fate,
    /// Why it is refused.
    pub(crate) reason: &'static str,
}

#[test]
fn document_is_what_the_tests_expect() {
    let before = std::fs::read_to_string(PATH).unwrap();
    let (text, _) = before.split_once(MARK).expect("the mark");
    let mut document = format!("{text}{MARK}");
    for Group { name, storage, cases } in GROUPS {
        let is_opaque = storage.contains("opaque");
        let (about, head) = if is_opaque {
            (", `#[cache(opaque)]`", "| case | type | what comes back |\n|---|---|---|")
        } else {
            ("", "| type | what comes back |\n|---|---|")
        };
        let _ = write!(document, "\n## {}{about}\n\n{head}\n", title(name));
        for Case { name, ty, fate, reason } in *cases {
            assert_eq!(
                *fate == Fate::Refused,
                !reason.is_empty(),
                "{name}: a refusal has a reason"
            );
            let case = if is_opaque { format!("| {} ", words(name)) } else { String::new() };
            let result = match fate {
                Fate::Equal => "equal".to_owned(),
                Fate::Refused => format!("not stored: {reason}"),
            };
            let _ = writeln!(document, "{case}| `{ty}` | {result} |");
        }
    }
    expect_file![PATH].assert_eq(&document);
}

/// `plain_types` as a heading.
fn title(name: &str) -> String {
    let text = name.replace('_', " ");
    let (first, rest) = text.split_at(1);
    first.to_uppercase() + rest
}

/// `SkippedIfNone` as words.
fn words(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_uppercase()
            && words.ends_with(|last: char| last.is_lowercase() || last.is_numeric())
        {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}
