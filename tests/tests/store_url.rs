//! Stores by their URLs.

use cachecow::store::{GitStore, KeySpace, conformance, open};
use cachecow::{ErrorKind, FilesystemStore, KeyValueStore as _, KeyValueStoreExt as _, SqlStore};
use cachecow_tests::servers::RedisServer;
use redis::AsyncCommands as _;

/// What the URL's error says.
async fn fault(url: &str) -> String {
    match open(url).await {
        Ok(store) => panic!("{url} is {store}"),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::InvalidUrl, "{url}: {error:?}");
            assert!(!format!("{error:?}").contains("hunter2"), "{url}: {error:?}");
            let message = error.to_string();
            let fault = message.strip_prefix("the store's URL is not valid: ");
            fault.unwrap_or_else(|| panic!("{url}: {message}")).to_owned()
        }
    }
}

#[tokio::test]
async fn a_url_is_a_store() {
    for (url, shown, debug) in [
        ("memory://", "memory", "key_space: Standard"),
        ("memory://?", "memory", "key_space: Standard"),
        ("memory://?&", "memory", "key_space: Standard"),
        ("memory://?keys=standard", "memory", "key_space: Standard"),
        ("memory://?keys=extended", "memory", "key_space: Extended"),
        ("memory://?keys=%65xtended", "memory", "key_space: Extended"),
        ("memory://#wrap:readonly", "read-only(memory)", ""),
        ("memory://#wrap:urlencode", "url-encode(memory)", ""),
        ("memory://#wrap:prefix(abc-)", "prefix(memory)", "prefix: \"abc-\""),
        ("memory://#wrap:readonly+prefix(abc-)", "prefix(read-only(memory))", ""),
        ("memory://#wrap:prefix(abc-)+readonly", "read-only(prefix(memory))", ""),
        (
            "memory://?keys=extended#wrap:readonly+urlencode+prefix(a/)",
            "prefix(url-encode(read-only(memory)))",
            "prefix: \"a/\"",
        ),
        (
            "memory://#wrap:prefix(a-)+prefix(b-)+prefix(c-)",
            "prefix(prefix(prefix(memory)))",
            "prefix: \"c-\"",
        ),
        // Odd characters in an argument.
        ("memory://#wrap:prefix(a+b)", "prefix(memory)", "prefix: \"a+b\""),
        ("memory://#wrap:prefix(a#b?c=d&e)", "prefix(memory)", "prefix: \"a#b?c=d&e\""),
        ("memory://#wrap:prefix(a(b)", "prefix(memory)", "prefix: \"a(b\""),
        ("memory://#wrap:prefix(a%29%2B%25)", "prefix(memory)", "prefix: \"a)+%\""),
        ("memory://#wrap:urlencode+prefix(%D1%8F)", "prefix(url-encode(memory))", "\"я\""),
        // These connect on first use.
        ("redis://localhost", "redis", "prefix: \"kv:\""),
        ("redis://someone:hunter2@localhost:6379/3", "redis", "prefix: \"kv:\""),
        ("redis://:%23%3F%40@localhost", "redis", "prefix: \"kv:\""),
        ("redis://localhost?prefix=app:", "redis", "prefix: \"app:\""),
        ("redis://localhost/0?prefix=a%26b%3Dc%23&protocol=resp3", "redis", "prefix: \"a&b=c#\""),
        ("redis://localhost?prefix=", "redis", "prefix: \"\""),
        ("redis://localhost?prefix=a=b+c&keys=extended", "redis", "prefix: \"a=b+c\""),
        ("rediss://localhost#wrap:readonly", "read-only(redis)", ""),
        ("redis+unix:///tmp/no%20server?db=3&prefix=x", "redis", "/tmp/no server"),
        ("unix:///tmp/r?keys=extended", "redis", "key_space: Extended"),
    ] {
        let store = open(url).await.unwrap_or_else(|error| panic!("{url}: {error:?}"));
        assert_eq!(store.to_string(), shown, "{url}");
        let shown = format!("{store:?}");
        assert!(shown.contains(debug), "{url}: {shown}");
        assert!(!shown.contains("hunter2"), "{url}: {shown}");
    }
}

#[tokio::test]
async fn every_kind_of_store_has_its_url() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    FilesystemStore::create(path("files")).await.unwrap();
    GitStore::create(path("repository")).await.unwrap();
    let sqlite = SqlStore::open(&format!("sqlite://{}?mode=rwc", path("database"))).await.unwrap();
    sqlite.with_table("pages").unwrap().create_table().await.unwrap();
    for (url, shown) in [
        (format!("fs://{}?keys=extended", path("files")), format!("filesystem({})", path("files"))),
        (format!("git://{}?keys=extended", path("repository")), "git".to_owned()),
        (format!("sqlite://{}?table=pages&keys=extended", path("database")), "sql".to_owned()),
    ] {
        let store = open(&url).await.unwrap_or_else(|error| panic!("{url}: {error:?}"));
        assert!(store.to_string().starts_with(&shown), "{url}: {store}");
        store.put("folder/a key", "v").await.unwrap();
        let again = open(&format!("{url}#wrap:readonly")).await.unwrap();
        assert_eq!(again.get("folder/a key").await.unwrap(), "v");
    }
    // These connect on first use, and their own tests do.
    for url in [
        "mongodb://someone:hunter2@localhost/database?collection=pages",
        "s3://key:hunter2@bucket/prefix?region=eu-central-1&keys=extended",
        "azure://account:aHVudGVyMg==@container",
        "gcs://bucket?skip_signature=true#wrap:readonly",
    ] {
        let store = open(url).await.unwrap_or_else(|error| panic!("{url}: {error:?}"));
        let shown = format!("{store} {store:?}");
        assert!(!shown.contains("hunter2") && !shown.contains("aHVudGVyMg"), "{url}: {shown}");
    }
}

#[tokio::test]
async fn sqlite_opens_as_by_its_own_function() {
    // What is in memory is new each time: nobody else can have made its table.
    for url in ["sqlite::memory:", "sqlite://:memory:", "sqlite://db?mode=memory"] {
        SqlStore::open(url).await.unwrap();
        let store = open(&format!("{url}#wrap:prefix(a-)")).await.unwrap();
        conformance::all(&store).await;
        let pages = format!("{url}{}table=pages", if url.contains('?') { '&' } else { '?' });
        open(&pages).await.unwrap().put("k", "v").await.unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("file.db").display());
    let store = SqlStore::open(&format!("{url}?mode=rwc")).await.unwrap();
    store.create_table().await.unwrap();
    store.put("k", "v").await.unwrap();
    assert_eq!(open(&url).await.unwrap().get("k").await.unwrap(), "v");
}

#[tokio::test]
async fn an_error_says_what_is_wrong() {
    for (url, expected) in [
        ("", "no scheme"),
        ("memory", "no scheme"),
        ("memory:", "no scheme"),
        ("/path", "no scheme"),
        ("hunter2@localhost", "no scheme"),
        ("://", "its scheme is unknown"),
        ("://localhost", "its scheme is unknown"),
        ("memry://", "its scheme `memry` is unknown; there are `memory`, `redis`"),
        ("memry://", "did you mean `memory`?"),
        ("Memory://", "did you mean `memory`?"),
        ("http://localhost", "its scheme `http` is unknown"),
        ("postgre://localhost", "did you mean `postgres`?"),
        ("redis+readonly://localhost", "its scheme `redis+readonly` is unknown"),
        ("h@hunter2://", "its scheme is unknown"),
        ("memory://here", "memory:// takes nothing after it"),
        ("memory:///", "memory:// takes nothing after it"),
        ("memory://?keys=all", "`keys` is `standard` or `extended`"),
        ("memory://?keys", "`keys` has no value; write keys=…"),
        ("memory://?keys=extended&keys=extended", "`keys` is given more than once"),
        ("memory://?kyes=hunter2", "parameter `kyes`; those of memory:// are `keys`; did you mean"),
        ("memory://?prefix=a", "an unknown parameter `prefix`; those of memory:// are `keys`"),
        ("memory://?=hunter2", "an unknown parameter"),
        // A path.
        ("fs://", "it names no path; write fs:///path"),
        ("fs:///", "it names no path; write fs:///path"),
        ("fs://?keys=extended", "it names no path; write fs:///path"),
        ("fs://data", "its path does not begin with `/`; write fs:///path"),
        ("fs:///100%", "the path has a `%` without two hexadecimal digits; `%` itself is written"),
        ("fs:///%f", "the path has a `%` without"),
        ("fs:///%zz", "the path has a `%` without"),
        ("fs:///%яя", "the path has a `%` without"),
        ("fs:///%ff", "the path is not UTF-8"),
        ("fs:///a%00b", "the path has a NUL in it"),
        ("git://", "it names no path; write git:///path"),
        ("redis+unix://", "it names no path; write redis+unix:///path"),
        ("redis+unix://tmp/sock", "its path does not begin with `/`"),
        // Redis.
        ("redis://", "it names no host"),
        ("redis://host:hunter2", "its host or port cannot be parsed"),
        ("redis://localhost/hunter2", "its database is not a number"),
        ("redis://localhost?prefx=hunter2", "`prefx`; those of redis:// are `keys`, `prefix` and"),
        ("redis://localhost?db=3", "an unknown parameter `db`"),
        ("redis://localhost?prefix", "`prefix` has no value"),
        ("redis://localhost?prefix=%", "`prefix` has a `%` without two hexadecimal digits"),
        ("redis+unix:///tmp/r?pas=hunter2", "did you mean `pass`?"),
        // A password that is not encoded is cut, and no piece of it is shown.
        ("redis://:hunter2?hunter2@localhost", "in a password, `?` is written %3F"),
        ("redis://:x?hunter2&y@localhost", "an unknown parameter; those of"),
        ("redis://:x?hunter2#y@localhost", "in a password, `?` is written %3F"),
        ("redis://:x#hunter2@localhost", "does not begin with `wrap:`"),
        ("redis://:x#hunter2@localhost", "`#` is %23"),
        ("redis://:x#wrap:hunter2@localhost", "its wrapper is unknown"),
        ("redis://:x#wrap:hunter2+y@localhost", "its wrapper is unknown"),
        // Wrappers.
        ("memory://#", "what follows `#` does not begin with `wrap:`"),
        ("memory://#readonly", "what follows `#` does not begin with `wrap:`"),
        ("memory://#wrap", "what follows `#` does not begin with `wrap:`"),
        ("memory://#%77rap:readonly", "what follows `#` does not begin with `wrap:`"),
        ("memory://#wrap:", "a wrapper's name is missing"),
        ("memory://#wrap:+", "a wrapper's name is missing"),
        ("memory://#wrap:readonly+", "a wrapper's name is missing"),
        ("memory://#wrap:+readonly", "a wrapper's name is missing"),
        ("memory://#wrap:(abc)", "a wrapper's name is missing"),
        ("memory://#wrap:readonyl", "its wrapper `readonyl` is unknown; there are `readonly`"),
        ("memory://#wrap:readonyl", "did you mean `readonly`?"),
        ("memory://#wrap:read-only", "did you mean `readonly`?"),
        ("memory://#wrap:ReadOnly", "did you mean `readonly`?"),
        ("memory://#wrap:url-encode", "did you mean `urlencode`?"),
        ("memory://#wrap:prefx(hunter2)", "its wrapper `prefx` is unknown"),
        ("memory://#wrap:prefix", "the wrapper `prefix` needs an argument; write prefix(abc-)"),
        ("memory://#wrap:prefix()", "the wrapper `prefix` needs an argument"),
        ("memory://#wrap:prefix(", "a wrapper's `(` is not closed"),
        ("memory://#wrap:prefix(abc-", "a wrapper's `(` is not closed"),
        ("memory://#wrap:prefix(a)b", "after a wrapper's `)`, write `+` or nothing"),
        ("memory://#wrap:prefix(a))", "after a wrapper's `)`, write `+` or nothing"),
        ("memory://#wrap:prefix(%2)", "the prefix has a `%` without two hexadecimal digits"),
        ("memory://#wrap:prefix(%ff)", "the prefix is not UTF-8"),
        ("memory://#wrap:prefix(a*)", "a prefix must be a key itself"),
        ("memory://#wrap:prefix(://@)", "a prefix must be a key itself"),
        ("memory://#wrap:prefix(a/)", "KeySpace::Extended"),
        ("memory://#wrap:readonly()", "the wrapper `readonly` takes no argument"),
        ("memory://#wrap:urlencode(x)", "the wrapper `urlencode` takes no argument"),
        ("memory://#wrap:hmac(hunter2)", "`hmac` is not allowed in URLs"),
        ("memory://#wrap:hmac", "write `Hmac::new(store, secret)`"),
        ("memory://#wrap:hmca(hunter2)", "did you mean `hmac`?"),
    ] {
        let fault = fault(url).await;
        assert!(fault.contains(expected), "{url}: {fault}");
    }
}

#[tokio::test]
async fn what_a_url_opens_works() {
    conformance::all(&open("memory://?keys=extended").await.unwrap()).await;
    conformance::all(&open("memory://#wrap:prefix(abc-)+urlencode").await.unwrap()).await;
    let read_only = open("memory://#wrap:readonly").await.unwrap();
    assert_eq!(read_only.put("k", "v").await.unwrap_err().kind(), ErrorKind::Unsupported);
    // Each is a store of its own.
    let [one, other] = [open("memory://").await.unwrap(), open("memory://").await.unwrap()];
    one.put("k", "v").await.unwrap();
    assert!(!other.contains("k").await.unwrap());
}

#[tokio::test]
async fn a_redis_url_with_parameters_works() {
    let server = RedisServer::start();
    let mut look = server.connection().await;
    let url = format!("{}?prefix=app%3A&db=0&keys=extended#wrap:prefix(a-)", server.url());
    let store = open(&url).await.unwrap();
    assert_eq!(store.capabilities().key_space, KeySpace::Extended);
    store.put("k/l", "v").await.unwrap();
    assert_eq!(look.get::<_, String>("app:a-k/l").await.unwrap(), "v");
    store.delete("k/l").await.unwrap();
    conformance::all(&store).await;
    let elsewhere = open(&format!("{}?db=1&prefix=", server.url())).await.unwrap();
    elsewhere.put("k", "v").await.unwrap();
    assert!(!look.exists::<_, bool>("k").await.unwrap());
    let () = redis::cmd("SELECT").arg(1).query_async(&mut look).await.unwrap();
    assert!(look.exists::<_, bool>("k").await.unwrap());
}

#[tokio::test]
async fn no_url_makes_it_panic() {
    const PIECES: [&str; 44] = [
        "memory",
        "redis",
        "rediss",
        "redis+unix",
        "fs",
        "git",
        "s3",
        "sqlite",
        "://",
        ":",
        "/",
        "//",
        "?",
        "#",
        "%",
        "%2",
        "%25",
        "%00",
        "%ff",
        "&",
        "=",
        "+",
        "(",
        ")",
        "@",
        "keys",
        "keys=extended",
        "prefix",
        "prefix=",
        "wrap:",
        "readonly",
        "urlencode",
        "prefix(",
        "a-",
        "hmac",
        "localhost",
        ":6379",
        "[::1]",
        "я",
        "🐄",
        "\0",
        " ",
        "\n",
        "..",
    ];
    let mut random = fastrand::Rng::with_seed(11);
    let (mut opened, mut refused) = (0, 0);
    for round in 0..6_000 {
        // Most begin well, or nothing but the scheme would be looked at.
        let mut url = String::new();
        if round % 4 > 0 {
            url += PIECES[random.usize(..8)];
            url += "://";
        }
        for _ in 0..random.usize(..10) {
            match random.u8(..8) {
                0 => url.push(random.char(..)),
                _ => url += random.choice(PIECES).unwrap(),
            }
        }
        match open(&url).await {
            Ok(store) => {
                opened += 1;
                drop((store.to_string(), store.capabilities()));
            }
            Err(error) => {
                refused += 1;
                // Or a folder, a repository or a file that does not exist.
                let kinds = [ErrorKind::InvalidUrl, ErrorKind::Store, ErrorKind::InvalidConfig];
                assert!(kinds.contains(&error.kind()), "{url:?}: {error:?}");
            }
        }
    }
    assert!(opened > 50 && refused > 500, "{opened} opened, {refused} refused");
}
