//! The document: its tables are made of the rows, so that it cannot say what the tests do not.
//!
//! After a change, `UPDATE_EXPECT=1 cargo test -p cachecow-tests --all-features --test faults document`
//! writes them anew.

use std::fmt::{Display, Write as _};

use expect_test::expect_file;

use crate::row::{OR, Row, Told};
use crate::{access, commands, cuts, process, refusals, servers, several, transport};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../cachecow/docs/faults.md");

/// The families of faults, by the document's names.
const FAMILIES: [(&str, &[Row]); 6] = [
    ("servers", servers::ROWS),
    ("refusals", refusals::ROWS),
    ("access", access::ROWS),
    ("transport", transport::ROWS),
    ("several", several::ROWS),
    ("process", process::ROWS),
];

#[test]
fn document_is_what_the_tests_expect() {
    let mut document = std::fs::read_to_string(PATH).unwrap();
    for (name, rows) in FAMILIES {
        replace(&mut document, name, &family(rows));
    }
    replace(&mut document, "cuts", &of_cuts());
    replace(&mut document, "commands", &of_commands());
    replace(&mut document, "rule", &rule());
    expect_file![PATH].assert_eq(&document);
}

#[test]
fn document_has_a_time_for_every_fault() {
    let document = std::fs::read_to_string(PATH).unwrap();
    let times = document.split("# How long it took").nth(1).unwrap();
    for row in FAMILIES.iter().flat_map(|(_, rows)| *rows) {
        let lines = times.lines().filter(|line| line.starts_with(&format!("| {} |", row.title())));
        assert_eq!(lines.count(), 1, "{}: measure, and copy what is printed", row.name);
    }
}

/// Puts a new text between the marks of this name.
fn replace(document: &mut String, name: &str, text: &str) {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
    let from = document.find(&begin).unwrap_or_else(|| panic!("no {begin}")) + begin.len();
    let to = from + document[from..].find(&end).unwrap_or_else(|| panic!("no {end}"));
    document.replace_range(from..to, &format!("\n{text}\n"));
}

fn family(rows: &[Row]) -> String {
    let mut text = table(&[
        "fault",
        "a cached object is",
        "another is",
        "`invalidate`",
        "`write`, by `outcome`",
        "`require_hold`",
        "the circuit",
    ]);
    for row in rows {
        let Row { kept, other, invalidate, write, strict, circuit, .. } = row;
        let title = row.title();
        line(&mut text, &[&title, kept, other, invalidate, write, strict, circuit]);
    }
    text += "\n";
    text += &table(&["fault", "what it is", "the cause that `ping` gives", "what helps"]);
    for row in rows {
        let ping = match row.ping {
            "" => "none: it succeeds".to_owned(),
            parts => {
                let quoted = |part: &str| format!("“…{}…”", part.trim_end_matches([':', ' ']));
                parts.split(OR).map(quoted).collect::<Vec<_>>().join(OR)
            }
        };
        line(&mut text, &[&row.title(), &row.what.trim(), &ping, &row.remedy]);
    }
    text
}

fn of_cuts() -> String {
    let mut text = table(&["operation", "its steps", "what it gives, wherever it is cut"]);
    for cuts::Row { what, steps, gives, operation, .. } in cuts::ROWS {
        let gives = match (operation, gives) {
            (cuts::Operation::FailedFetch, _) => "the fetch function's error".to_owned(),
            (cuts::Operation::Invalidate | cuts::Operation::Write, gives) => gives.to_string(),
            (_, Told::Done) => "the object".to_owned(),
            (_, other) => panic!("a read gives no {other}"),
        };
        line(&mut text, &[what, steps, &gives]);
    }
    text
}

fn of_commands() -> String {
    let mut text = table(&[
        "denied",
        "used for",
        "a cached object is",
        "another is",
        "`invalidate`",
        "`write`, by `outcome`",
        "`require_hold`",
    ]);
    for Row { name, what, kept, other, invalidate, write, strict, .. } in commands::ROWS {
        let name = format!("`{name}`");
        line(&mut text, &[&name, what, kept, other, invalidate, write, strict]);
    }
    text
}

/// What a user has to be allowed.
fn rule() -> String {
    let commands: Vec<String> =
        commands::ROWS.iter().map(|row| format!("+{}", row.name.to_lowercase())).collect();
    let keys = "~cache:* ~flag:* ~tag:*";
    format!("```text\nACL SETUSER shop on >password {keys} \\\n  {}\n```\n", commands.join(" "))
}

fn table(columns: &[&str]) -> String {
    format!("| {} |\n|{}\n", columns.join(" | "), "---|".repeat(columns.len()))
}

fn line(text: &mut String, cells: &[&dyn Display]) {
    text.push('|');
    cells.iter().for_each(|cell| write!(text, " {cell} |").unwrap());
    text.push('\n');
}
