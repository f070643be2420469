//! The program `cities`.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use cachecow::Builder;
use cachecow::blocking::CacheCow;
use cities::{City, Db};
use clap::{Parser, Subcommand};

/// Manages cities and their numbers of inhabitants.
#[derive(Parser)]
struct Arguments {
    /// A file of SQLite.
    #[arg(long, env = "CITIES", default_value = "cities.db")]
    database: PathBuf,
    /// The cache, as `redis://127.0.0.1/`.
    #[arg(long, env = "REDIS_URL", hide_env_values = true, default_value = "memory://")]
    cache: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Adds a city.
    Add { name: String, country: String, people: u32 },
    /// Shows cities, and where the first of them came from.
    Show { name: String, more: Vec<String> },
    /// Shows the cities of a country.
    List { country: String },
    /// Notes how many live in a city.
    Count { name: String, people: u32 },
    /// Removes a city.
    Remove { name: String },
}

fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { database, cache, command } = Arguments::parse();
    let db = Db::open(&database)?;
    let builder = Builder::default().close_timeout(Duration::from_secs(1));
    let cow = CacheCow::open_with(builder, &cache)?;
    let done = run(&cow, &db, command);
    // The change is already made. If this fails, others may be served the old city for its time to live.
    if let Err(error) = cow.close() {
        eprintln!("cities: {error}");
    }
    done
}

fn run(cow: &CacheCow, db: &Db, command: Command) -> Result<(), Box<dyn Error>> {
    match command {
        Command::Add { name, country, people } => City { name, country, people }.add(cow, db)?,
        Command::Show { name, more } => {
            let first = cow.with(db).read(City::by_name(&name))?;
            eprintln!("{:?}", first.source);
            show(first.value.as_deref());
            for city in cow.with(db).get_many(more.iter().map(City::by_name))? {
                show(city.as_deref());
            }
        }
        Command::List { country } => {
            for city in cow.with(db).list(City::list_by_country(country))? {
                show(Some(&city));
            }
        }
        Command::Count { name, people } => show(City::count(cow, db, &name, people)?.as_ref()),
        Command::Remove { name } => show(City::remove(cow, db, &name)?.as_ref()),
    }
    Ok(())
}

fn show(city: Option<&City>) {
    match city {
        Some(City { name, country, people }) => println!("{name}, {country}: {people}"),
        None => println!("there is no such city"),
    }
}
