//! Runs the service; see `README.md` beside it.

use std::env;
use std::process::ExitCode;

use cachecow::Answer;
use cachecow::log::setup_sql;
use service::app::{App, Followed};
use service::errors::chain;
use service::posts::{Post, latest_posts};
use service::serve::serve;
use service::users::User;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

const NO_DATABASE: &str = "DATABASE_URL is not set. It is the address of a PostgreSQL server, such as \
postgres://user:password@127.0.0.1/database.\n\nStart one:  docker run --rm -e POSTGRES_PASSWORD=cow -p 5432:5432 postgres\n\
and say:    DATABASE_URL=postgres://postgres:cow@127.0.0.1/postgres\n\nOr let `examples/service/with_servers.sh cargo run \
-p cachecow-service` start one of yours, and a Redis, in a temporary folder.";

const USAGE: &str = "usage: service [manifest | setup-sql]\n\n\
  without a word   serve\n\
  manifest         print the types, for the program `cachecow`\n\
  setup-sql        print the SQL that lets `FOLLOW=1` follow the database's log";

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let arguments: Vec<String> = env::args().skip(1).collect();
    let ended = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => run().await,
        ["manifest"] => {
            println!("{}", cachecow::manifest::<(User, Post, Answer<latest_posts>)>());
            Ok(())
        }
        ["setup-sql"] => {
            println!("{}", setup_sql::<Followed>());
            Ok(())
        }
        _ => Err(USAGE.into()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", chain(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let database_url = env::var("DATABASE_URL").map_err(|_| NO_DATABASE)?;
    let redis_url = env::var("REDIS_URL").unwrap_or_else(|_| "memory://".to_owned());
    let address = env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:3000".to_owned());
    let one_in = env::var("AUDIT_ONE_IN").unwrap_or_else(|_| "1000".to_owned());
    let one_in = one_in.parse().map_err(|_| "AUDIT_ONE_IN is a whole number of reads")?;
    let app = App::open(&database_url, &redis_url).await?;
    app.audit(one_in);
    if env::var_os("FOLLOW").is_some() {
        app.follow(&database_url, &redis_url).await?;
    }
    let listener = TcpListener::bind(&address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let mut terminated = signal(SignalKind::terminate())?;
    serve(listener, app, async move {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminated.recv() => {}
        }
    })
    .await?;
    Ok(())
}
