//! URLs: any text is opened or refused, and no password is ever shown.

use std::error::Error as StdError;
use std::fmt::{Debug, Write as _};

use arbitrary::{Result, Unstructured};
use cachecow::{CacheCow, Error};
use futures_util::FutureExt as _;

use crate::mutate::mutate;
use crate::shared::run;

/// Nothing else in a URL or an error looks like this.
const SECRET: &str = "S3cr3tW0rd";

/// Valid ones, of caches and of stores; the secret is where a password is.
const VALID: [&str; 24] = [
    "memory://",
    "memory://?keys=extended#wrap:prefix(app-)+urlencode+readonly",
    "redis://127.0.0.1",
    "redis://user:S3cr3tW0rd@127.0.0.1:6379/0",
    "redis://:S3cr3tW0rd@[::1]:6379/3?protocol=resp3",
    "rediss://user:S3cr3tW0rd@example.org:6380",
    "redis+unix:///no/such.sock?db=1&user=app&pass=S3cr3tW0rd",
    "unix:///no/such.sock?pass=S3cr3tW0rd",
    "redis+cluster://user:S3cr3tW0rd@a,b:7000,[::1]:7001",
    "rediss+cluster://:S3cr3tW0rd@a,b,c/0",
    "redis+sentinel://user:S3cr3tW0rd@a:26379,b/name/1?sentinel_user=x&sentinel_password=S3cr3tW0rd",
    "rediss+sentinel://:S3cr3tW0rd@a/name?sentinel_password=S3cr3tW0rd",
    "redis://user:S3cr3tW0rd@127.0.0.1?prefix=kv%3A#wrap:readonly",
    "redis://user:S3cr3tW0rd@127.0.0.1?prefix=a&keys=extended&protocol=3",
    "redis+unix:///no/such.sock?prefix=a&pass=S3cr3tW0rd#wrap:urlencode",
    "fs:///no/such/folder?keys=standard#wrap:urlencode+prefix(%20)",
    "git:///no/such/repository#wrap:readonly",
    "s3://key:S3cr3tW0rd@localhost:9000/bucket?region=eu",
    "s3://bucket/prefix?endpoint=http%3A%2F%2Flocalhost&access_key_id=k&secret_access_key=S3cr3tW0rd",
    "gcs://bucket/prefix",
    "azure://container?account=a&access_key=S3cr3tW0rd",
    "postgres://user:S3cr3tW0rd@localhost/db?table=kv",
    "mysql://user:S3cr3tW0rd@localhost/db?table=kv",
    "mongodb://user:S3cr3tW0rd@localhost/db?collection=kv",
];

const PIECES: [&[u8]; 28] = [
    b"://",
    b":",
    b"/",
    b"?",
    b"#",
    b"@",
    b"&",
    b"=",
    b",",
    b"%",
    b"%00",
    b"%ff",
    b"%2",
    b"[",
    b"]",
    b"+",
    b"(",
    b")",
    b"#wrap:",
    b"prefix(",
    b"keys=",
    b"\0",
    b" ",
    "é".as_bytes(),
    b"..",
    b"99999999999999999999",
    b"redis",
    b"-1",
];

/// Any text as the URL of a cache and of a store.
pub fn check(data: &[u8]) {
    let _ = check_with(&mut Unstructured::new(data));
}

fn check_with(input: &mut Unstructured<'_>) -> Result<()> {
    let url = *input.choose(&VALID)?;
    // Damaged beside the secret, which stays behind what marks it as one.
    let mut texts = Vec::new();
    for text in url.split(SECRET) {
        let mut bytes = text.as_bytes().to_vec();
        mutate(&mut bytes, &PIECES, input)?;
        texts.push(String::from_utf8_lossy(&bytes).into_owned());
    }
    let count = texts.len();
    for text in &mut texts[..count - 1] {
        if !text.ends_with([':', '=']) {
            text.push(':');
        }
    }
    for text in &mut texts[1..] {
        // In a password, and in no other place, it would be another's name or value.
        if !text.starts_with(['@', '&', '#']) {
            text.insert(0, '@');
        }
    }
    let url = texts.join(SECRET);
    let shows = (count > 1 && is_password(&texts[0])).then_some(SECRET);
    open(&url, shows);
    Ok(())
}

/// Whether what follows is a password, and not a part of a scheme or of a path.
fn is_password(before: &str) -> bool {
    let Some((scheme, rest)) = before.split_once("://") else { return false };
    let of_user = rest.contains(':') && !(names_a_path(scheme) && rest.contains('/'));
    of_user || ["?pass=", "&pass="].iter().any(|name| rest.contains('?') && rest.ends_with(name))
}

fn names_a_path(scheme: &str) -> bool {
    ["redis+unix", "unix", "fs", "git", "s3", "gcs", "gs", "azure", "az"].contains(&scheme)
}

/// Opens the URL, and looks for the secret in whatever comes of it.
fn open(url: &str, secret: Option<&str>) {
    run(async {
        judge(url, CacheCow::open(url).now_or_never(), secret);
        if !reaches(url) {
            judge(url, cachecow::store::open(url).now_or_never(), secret);
        }
    });
}

/// Whether opening the store may reach for what is really there.
fn reaches(url: &str) -> bool {
    let files = ["fs", "git"].iter().any(|scheme| url.starts_with(scheme));
    let network = ["sqlite", "mongodb+srv"].iter().any(|scheme| url.starts_with(scheme));
    network || (files && !url.contains("/no/such/"))
}

fn judge<T: Debug>(url: &str, opened: Option<std::result::Result<T, Error>>, secret: Option<&str>) {
    let shown = match opened {
        // It connects.
        None => return,
        Some(Ok(opened)) => format!("{opened:?}"),
        Some(Err(error)) => {
            let mut shown = format!("{error} {error:?}");
            let mut source = error.source();
            while let Some(error) = source {
                write!(shown, " {error} {error:?}").expect("memory");
                source = error.source();
            }
            shown
        }
    };
    let leaks = secret.is_some_and(|secret| shown.contains(secret));
    assert!(!leaks, "{url:?} shows its secret: {shown}");
}
