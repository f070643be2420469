//! The manual page, and completions for shells.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::args::Args;
use crate::fault::Fault;
use crate::out;

/// Prints the manual page.
pub(crate) fn man() -> Result<(), Fault> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Args::command())
        .render(&mut page)
        .map_err(|error| Fault::unreachable(format!("the page cannot be generated: {error}")))?;
    out::page(&page)
}

/// Prints completions for this shell.
pub(crate) fn completions(shell: Shell) -> Result<(), Fault> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "cachecow", &mut script);
    out::page(&script)
}
