//! The manual page, and completions for shells.

use std::io;

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::args::Args;
use crate::fault::Fault;

/// Prints the manual page.
pub(crate) fn man() -> Result<(), Fault> {
    let page = clap_mangen::Man::new(Args::command());
    page.render(&mut io::stdout())
        .map_err(|error| Fault::unreachable(format!("the output cannot be written: {error}")))
}

/// Prints completions for this shell.
pub(crate) fn completions(shell: Shell) -> Result<(), Fault> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "cachecow", &mut script);
    io::Write::write_all(&mut io::stdout(), &script)
        .map_err(|error| Fault::unreachable(format!("the output cannot be written: {error}")))
}
