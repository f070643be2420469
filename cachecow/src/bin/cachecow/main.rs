//! The program `cachecow`: inspects a cache in Redis, invalidates what is in it, and diagnoses faults.
//!
//! `docs/command.md` is its manual.

mod args;
mod doctor;
mod fault;
mod flag;
mod inspect;
mod invalidate;
mod key_type;
mod list;
mod manifest;
mod out;
mod page;
mod replies;
mod scan;
mod session;
mod shown;
mod stats;
mod tags;
mod target;
mod value;
mod watch;

use std::process::ExitCode;

use clap::Parser as _;

use self::args::{Args, Command};
use self::fault::{Exit, Fault};
use self::session::Session;

fn main() -> ExitCode {
    let args = Args::parse();
    match run(args) {
        Ok(exit) => exit.into(),
        Err(fault) => {
            fault.tell();
            fault.exit().into()
        }
    }
}

fn run(args: Args) -> Result<Exit, Fault> {
    match &args.command {
        Command::Man => return page::man().map(|()| Exit::Done),
        Command::Completions { shell } => return page::completions(*shell).map(|()| Exit::Done),
        _ => {}
    }
    // A worker thread reads the connections, also while printing waits for a slow reader of the output. Otherwise the server
    // would have to store what it cannot send.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| {
            Fault::unreachable(format!("the async runtime cannot be started: {error}"))
        })?;
    runtime.block_on(carry_out(args))
}

async fn carry_out(args: Args) -> Result<Exit, Fault> {
    let session = Session::open(&args.shared)?;
    match args.command {
        Command::Inspect(arguments) => Box::pin(inspect::run(&session, &arguments)).await,
        Command::List(arguments) => Box::pin(list::run(&session, &arguments)).await,
        Command::Invalidate(arguments) => Box::pin(invalidate::key(&session, &arguments)).await,
        Command::InvalidateTag(arguments) => Box::pin(invalidate::tag(&session, &arguments)).await,
        Command::Stats(arguments) => Box::pin(stats::run(&session, &arguments)).await,
        Command::Watch(arguments) => Box::pin(watch::run(&session, &arguments)).await,
        Command::Doctor => Box::pin(doctor::run(&session)).await,
        Command::Man | Command::Completions { .. } => Ok(Exit::Done),
    }
}
