//! A backend outside of the crate is opened by a URL scheme of its own.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cachecow::{
    BackendConfig, Builder, CacheBackend, CacheCow, Error, ErrorKind, MemoryBackend, Source,
};
use cachecow_tests::backends::Blind;
use cachecow_tests::store::{Item, Store};

async fn memory(_: BackendConfig) -> Result<MemoryBackend, Error> {
    Ok(MemoryBackend::default())
}

fn with_schemes(names: &[&str]) -> Builder {
    names.iter().fold(CacheCow::builder(), |builder, name| builder.backend_scheme(*name, memory))
}

async fn refused(builder: Builder, url: &str, kind: ErrorKind) -> String {
    let error = builder.open(url).await.expect_err(url);
    assert_eq!(error.kind(), kind, "{url}: {error}");
    let shown = format!("{error:?}");
    assert!(!shown.contains("s3cret"), "{url}: {shown}");
    error.to_string()
}

#[tokio::test]
async fn a_url_of_the_scheme_opens_the_backend() {
    let store = Store::with_items(1);
    let cow = with_schemes(&["own"]).open("own://somewhere").await.unwrap();
    for source in [Source::Fetched, Source::Cache] {
        let read = cow.with(&store).read(Item::by_id(1)).await.unwrap();
        assert_eq!(read.source, source);
    }
}

#[tokio::test]
async fn the_function_is_told_the_url_and_the_settings() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let builder = CacheCow::builder()
        .backend_scheme("own+fast.v-2", move |config: BackendConfig| {
            tell.lock().unwrap().push(config);
            async { Ok(Blind(MemoryBackend::default())) }
        })
        .namespace("shop")
        .operation_timeout(Duration::from_millis(70))
        .connect_timeout(Duration::from_millis(30));
    let url = "own+fast.v-2://user:s3cret@host/path?a=b://c#d";
    builder.open(url).await.unwrap();
    let config = told.lock().unwrap().remove(0);
    assert_eq!((config.url(), config.scheme()), (url, "own+fast.v-2"));
    assert_eq!(config.address(), "user:s3cret@host/path?a=b://c#d");
    assert_eq!(config.namespace(), "shop");
    assert_eq!(config.operation_timeout(), Duration::from_millis(70));
    assert_eq!(config.connect_timeout(), Duration::from_millis(30));
    assert!(!format!("{config:?}").contains("s3cret"));
}

#[tokio::test]
async fn one_scheme_may_choose_among_backends() {
    async fn choose(config: BackendConfig) -> Result<Arc<dyn CacheBackend>, Error> {
        match config.address() {
            "blind" => Ok(Arc::new(Blind(MemoryBackend::default()))),
            "" => Ok(Arc::new(MemoryBackend::default())),
            _ => Err(Error::invalid_url("own:// takes `blind` or nothing")),
        }
    }
    let builder = CacheCow::builder().backend_scheme("own", choose);
    for url in ["own://", "own://blind"] {
        builder.clone().open(url).await.unwrap().ping().await.unwrap();
    }
    let message = refused(builder, "own://s3cret", ErrorKind::InvalidUrl).await;
    assert_eq!(message, "the cache's URL is not valid: own:// takes `blind` or nothing");
}

#[tokio::test]
async fn an_error_of_the_function_is_returned_as_it_is() {
    use std::error::Error as _;
    let open = async |_: BackendConfig| -> Result<MemoryBackend, Error> {
        Err(Error::unavailable("the disk", std::io::Error::other("no space")))
    };
    let builder = CacheCow::builder().backend_scheme("own", open);
    let error = builder.open("own://").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(error.to_string(), "the disk cannot be reached");
    assert_eq!(error.source().unwrap().to_string(), "no space");
}

#[tokio::test]
async fn an_unknown_scheme_names_those_there_are_and_the_remedy() {
    let known = "there are `memory`, `redis`, `rediss`, `redis+unix`, `redis+sentinel`, \
                 `redis+cluster`, `own`, `other`; `Builder::backend_scheme` adds one";
    for (url, beginning) in [
        ("http://user:s3cret@host", "its scheme `http` is unknown; there are"),
        ("ownn://", "its scheme `ownn` is unknown"),
        ("Own://", "its scheme `Own` is unknown; schemes are written in lower case"),
        ("REDIS://s3cret@h", "its scheme `REDIS` is unknown; schemes are written in lower case"),
        ("redisx://", "its scheme `redisx` is unknown"),
        ("://", "its scheme is unknown"),
        (" own://", "its scheme is unknown"),
        // A password with `://` in it, without a scheme before it.
        ("user:s3cret://@host", "its scheme is unknown"),
    ] {
        let message = refused(with_schemes(&["own", "other"]), url, ErrorKind::InvalidUrl).await;
        assert!(message.contains(beginning), "{url}: {message}");
        assert!(message.contains(known), "{url}: {message}");
    }
}

#[tokio::test]
async fn a_url_without_a_scheme_is_told_which_there_are() {
    for url in ["", "own", "own:", "own:/s3cret", "s3cret@localhost:6379"] {
        let message = refused(with_schemes(&["own"]), url, ErrorKind::InvalidUrl).await;
        assert!(message.contains("it has no scheme; write one of `memory`, "), "{url}: {message}");
        assert!(message.contains("`own`"), "{url}: {message}");
    }
}

#[tokio::test]
async fn what_is_no_scheme_or_is_taken_is_refused_whatever_is_opened() {
    for (names, fault) in [
        (&[""][..], "backend_scheme is no URL scheme; write lower-case letters"),
        (&["Own"], "backend_scheme `Own` is no URL scheme"),
        (&["own://"], "backend_scheme is no URL scheme"),
        (&["own://user:s3cret@host"], "backend_scheme is no URL scheme"),
        (&["2own"], "backend_scheme `2own` is no URL scheme"),
        (&["+own"], "no URL scheme"),
        (&["own_1"], "no URL scheme"),
        (&["o w n"], "no URL scheme"),
        (&["öwn"], "no URL scheme"),
        (&["memory"], "backend_scheme `memory` is cachecow's own; choose another"),
        (&["redis"], "`redis` is cachecow's own"),
        (&["rediss"], "`rediss` is cachecow's own"),
        (&["unix"], "`unix` is cachecow's own"),
        (&["redis+cluster"], "`redis+cluster` is cachecow's own"),
        (&["rediss+something"], "`rediss+something` is cachecow's own"),
        (&["own", "other", "own"], "backend_scheme `own` is given more than once"),
    ] {
        for url in ["memory://", "own://", "nonsense"] {
            let message = refused(with_schemes(names), url, ErrorKind::InvalidConfig).await;
            assert!(message.contains(fault), "{names:?}: {message}");
        }
        with_schemes(names).memory().expect_err("not by another way either");
    }
    // All faults at once.
    let builder = with_schemes(&["memory", "Own", "a", "a"]).lease(Duration::ZERO);
    let message = refused(builder, "memory://", ErrorKind::InvalidConfig).await;
    assert_eq!(message.matches("; backend_scheme").count(), 3, "{message}");
    assert!(message.starts_with("lease must be"), "{message}");
    // Near to a scheme of the crate's, and not it.
    for name in ["redisx", "memory+own", "redis-own", "unix2"] {
        with_schemes(&[name]).open(&format!("{name}://")).await.unwrap();
    }
}

#[tokio::test]
async fn builders_know_their_own_schemes_only() {
    let builder = with_schemes(&["own"]);
    let shown = format!("{builder:?}");
    assert!(shown.contains(r#"schemes: ["own"]"#), "{shown}");
    builder.clone().open("own://").await.unwrap();
    refused(CacheCow::builder(), "own://", ErrorKind::InvalidUrl).await;
}
