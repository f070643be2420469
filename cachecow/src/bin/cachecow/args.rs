//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args as Arguments, Parser, Subcommand};
use clap_complete::Shell;

/// Look into a cachecow cache in Redis, invalidate what is in it, and find out what is wrong with it.
///
/// A KEY is a lookup of the manifest (`User::by_id`), or a template with types in the place of its
/// placeholders (`'user:{i64}'`), each followed by one VALUE for every placeholder; or a name in
/// Redis (`'cache:{user:NaRX6BR3tqjrEv4Oc-kwyw}'`), as `list` prints it. A program calls
/// `cachecow::manifest::<(User, Post)>()` for its manifest.
#[derive(Debug, Parser)]
#[command(
    name = "cachecow",
    bin_name = "cachecow",
    version,
    after_help = "Exit codes: 0 done; 1 `inspect` found nothing, or `doctor` found a fault; 2 wrong arguments, URL or \
                  manifest; 3 the cache cannot be reached; 4 the cache refused."
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) shared: Shared,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The options of all commands.
#[derive(Arguments)]
pub(crate) struct Shared {
    /// The cache's URL, as the program opens it: redis://, rediss://, redis+unix://, redis+cluster://,
    /// redis+sentinel://. If it has a password, use the variable: other users can see a command line
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "CACHECOW_URL",
        hide_env_values = true,
        default_value = "redis://127.0.0.1/",
        hide_default_value = false
    )]
    pub(crate) url: String,
    /// The namespace, as the program gives it to `Builder::namespace`
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        env = "CACHECOW_NAMESPACE",
        hide_env_values = true,
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) namespace: String,
    /// The program's manifest, a JSON file
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "CACHECOW_MANIFEST",
        hide_env_values = true
    )]
    pub(crate) manifest: Option<PathBuf>,
    /// The scope (tenant) of the keys, such as i64:7 or str:eu; repeat it for a scope within a scope
    #[arg(long = "scope", global = true, value_name = "TYPE:VALUE")]
    pub(crate) scopes: Vec<String>,
    /// How long to wait for an answer: 500ms, 5s, 1m
    #[arg(long, global = true, value_name = "TIME", default_value = "5s", value_parser = duration)]
    pub(crate) timeout: Duration,
    /// Print JSON: one document; from `list` and `watch`, one document in each line
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The URL may have a password.
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what is stored under a key, who is filling or changing it, and whether a read would be served from it
    Inspect(Inspect),
    /// List what is stored: name, size, age and time to live
    List(List),
    /// Invalidate a key; fetches under way do not store what they read
    Invalidate(Invalidate),
    /// Invalidate all objects and answers that have a tag
    InvalidateTag(InvalidateTag),
    /// Count and measure what is stored, by type
    Stats(Stats),
    /// Print fills and invalidations as they happen
    Watch(Watch),
    /// Check the server's settings, the user's rights, latency and clock
    Doctor,
    /// Print the manual page
    #[command(hide = true)]
    Man,
    /// Print completions for a shell
    #[command(hide = true)]
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Debug, Arguments)]
pub(crate) struct Named {
    /// A lookup, a template with types, or a name in Redis
    // Empty, as of a variable that is not set, it would be a template like another.
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) key: String,
    /// One value for each placeholder; write TYPE:VALUE if the command does not know the type
    #[arg(value_name = "VALUE", allow_negative_numbers = true)]
    pub(crate) values: Vec<String>,
}

#[derive(Debug, Arguments)]
pub(crate) struct Inspect {
    #[command(flatten)]
    pub(crate) named: Named,
    /// Show values; they may be personal data
    #[arg(long)]
    pub(crate) show_values: bool,
}

#[derive(Debug, Arguments)]
pub(crate) struct List {
    /// A type of the manifest (User), or the first words of the names (user, user:email)
    #[arg(value_name = "TYPE")]
    pub(crate) of: Option<String>,
    /// List this many at most
    #[arg(long, value_name = "N", default_value_t = 100, conflicts_with = "all")]
    pub(crate) limit: usize,
    /// List all of them
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Debug, Arguments)]
pub(crate) struct How {
    /// For this long, fetches do not store what they read, since the replica that they read may lag;
    /// by default as the manifest says
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) settle: Option<Duration>,
    /// How many replicas must acknowledge the invalidation
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) replica_acks: usize,
}

#[derive(Debug, Arguments)]
pub(crate) struct Invalidate {
    #[command(flatten)]
    pub(crate) named: Named,
    #[command(flatten)]
    pub(crate) how: How,
}

#[derive(Debug, Arguments)]
pub(crate) struct InvalidateTag {
    /// A tag of the manifest (`User::tag_org_id`), or a type that can be cleared (User); with --of, a
    /// template with types ('org:{u32}')
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) tag: String,
    /// One value for each placeholder
    #[arg(value_name = "VALUE", allow_negative_numbers = true)]
    pub(crate) values: Vec<String>,
    /// The first key template of the tag's type ('user:{id}'); needed without a manifest
    #[arg(long, value_name = "TEMPLATE", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) of: Option<String>,
    #[command(flatten)]
    pub(crate) how: How,
}

#[derive(Debug, Arguments)]
pub(crate) struct Stats {
    /// Look at this many keys at most
    #[arg(long, value_name = "N", default_value_t = 10_000, conflicts_with = "all")]
    pub(crate) sample: usize,
    /// Look at all of them
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Debug, Arguments)]
pub(crate) struct Watch {
    /// A type of the manifest, or the first words of the names
    #[arg(value_name = "TYPE")]
    pub(crate) of: Option<String>,
    /// Also print leases and holds: they show when a fetch or a write begins
    #[arg(long)]
    pub(crate) flags: bool,
    /// Stop after this many events
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<u64>,
}

/// `500ms`, `5s`, `1m`, `2h`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "expected a number and a unit, such as 500ms, 5s, 1m or 2h".to_owned();
    let at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(at);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let millis = match unit {
        "ms" => Some(number),
        "s" => number.checked_mul(1000),
        "m" => number.checked_mul(60_000),
        "h" => number.checked_mul(3_600_000),
        _ => None,
    };
    millis.filter(|millis| *millis > 0).map(Duration::from_millis).ok_or_else(wrong)
}
