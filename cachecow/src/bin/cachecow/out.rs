//! Standard output, for people or as JSON.

use std::io::{self, Stdout, Write as _};

use serde_json::Value;

use crate::fault::Fault;
use crate::shown;

/// Where results go.
#[derive(Debug)]
pub(crate) struct Out {
    json: bool,
    to: Stdout,
}

impl Out {
    pub(crate) fn new(json: bool) -> Self {
        Self { json, to: io::stdout() }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Prints a line for people. Characters that could control the terminal are escaped.
    pub(crate) fn line(&self, text: &str) -> Result<(), Fault> {
        self.print(&shown::line(text))
    }

    /// Prints a document in one line.
    pub(crate) fn json(&self, document: &Value) -> Result<(), Fault> {
        self.print(&shown::json(&document.to_string()))
    }

    /// Prints a document in several lines, because people read it, too.
    pub(crate) fn pretty(&self, document: &Value) -> Result<(), Fault> {
        let pretty = serde_json::to_string_pretty(document).unwrap_or_default();
        // These line breaks are the formatter's own: line breaks within texts are escaped already.
        pretty.lines().try_for_each(|line| self.print(&shown::json(line)))
    }

    /// Prints lines in columns. Characters that could control the terminal are escaped.
    pub(crate) fn table(&self, rows: &[Vec<String>]) -> Result<(), Fault> {
        let rows: Vec<Vec<String>> =
            rows.iter().map(|row| row.iter().map(|cell| shown::line(cell)).collect()).collect();
        let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
        };
        let widths: Vec<usize> =
            (0..columns).map(|column| width(column).unwrap_or_default()).collect();
        rows.iter().try_for_each(|row| {
            let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
            self.print(cells.collect::<Vec<_>>().join("  ").trim_end())
        })
    }

    /// Flushes what has been written so far, because a reader may wait for it.
    pub(crate) fn flush(&self) -> Result<(), Fault> {
        (&self.to).flush().map_err(|error| failed(&error))
    }

    fn print(&self, line: &str) -> Result<(), Fault> {
        writeln!(&self.to, "{line}").map_err(|error| failed(&error))
    }
}

/// Prints a whole page as it is.
pub(crate) fn page(text: &[u8]) -> Result<(), Fault> {
    let mut to = io::stdout();
    to.write_all(text).and_then(|()| to.flush()).map_err(|error| failed(&error))
}

fn failed(error: &io::Error) -> Fault {
    if error.kind() == io::ErrorKind::BrokenPipe {
        Fault::reader_gone()
    } else {
        Fault::unreachable(format!("the output cannot be written: {error}"))
    }
}
