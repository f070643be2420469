//! `cachecow-soak`: see [`cachecow_soak`].

use std::process::ExitCode;

use cachecow_soak::arguments::{self, Command, USAGE};
use cachecow_soak::{run, worker};

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let program = std::env::current_exe().expect("the system knows");
    match arguments::parse(program, std::env::args_os().skip(1)) {
        Err(error) => {
            eprintln!("cachecow-soak: {error}\n\n{USAGE}");
            ExitCode::from(2)
        }
        Ok(Command::Help) => {
            println!("{USAGE}");
            ExitCode::SUCCESS
        }
        Ok(Command::Work(settings)) => {
            worker::run(settings).await;
            ExitCode::SUCCESS
        }
        Ok(Command::Run(options)) => soak(options).await,
    }
}

async fn soak(options: run::Options) -> ExitCode {
    let tokenless = options.tokenless;
    let report = match run::run(options).await {
        Ok(report) => report,
        Err(error) => {
            eprintln!("cachecow-soak: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!("{report}");
    let as_it_must_be = if tokenless {
        let (found, took) = (report.violations, report.took);
        println!("without the token: {found} violations after {took:.1?}, and there must be some");
        found > 0
    } else {
        report.is_clean()
    };
    if as_it_must_be { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
