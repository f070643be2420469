//! What a fetch function may be, besides an `async fn` that takes each argument as it is passed.

use std::fmt::Error;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::sync::Arc;

use cachecow::Cached;

trait Store: Sync {}
struct Db;
impl Store for Db {}

/// References that the compiler would coerce.
#[derive(Cached)]
#[cache(context = Arc<Db>)]
#[cache(key = "coerced:{bytes}:{array}:{boxed}:{shared}", fetch = Coerced::find)]
struct Coerced {
    bytes: Vec<u8>,
    array: [u8; 4],
    boxed: Box<str>,
    shared: Arc<str>,
}

impl Coerced {
    async fn find(_: &Db, _: &[u8], _: &[u8], _: &str, _: &str) -> Result<Self, Error> {
        Err(Error)
    }
}

/// As they are.
#[derive(Cached)]
#[cache(context = Arc<Db>)]
#[cache(key = "exact:{bytes}:{array}:{boxed}", fetch = Exact::find)]
struct Exact {
    bytes: Vec<u8>,
    array: [u8; 4],
    boxed: Box<str>,
}

impl Exact {
    async fn find(_: &Arc<Db>, _: &Vec<u8>, _: &[u8; 4], _: &Box<str>) -> Result<Self, Error> {
        Err(Error)
    }
}

/// Behind a trait, with one lifetime for both arguments.
#[derive(Cached)]
#[cache(context = dyn Store)]
#[cache(key = "object:{name}", fetch = find_object)]
struct Object {
    name: String,
}

fn find_object<'a>(
    _: &'a dyn Store,
    name: &'a str,
) -> impl Future<Output = Result<Object, Error>> + Send + use<'a> {
    async move { Ok(Object { name: name.to_owned() }) }
}

/// Generic functions.
#[derive(Cached)]
#[cache(context = Db)]
#[cache(key = "generic:{id}:{name}", fetch = Generic::find)]
struct Generic {
    id: i64,
    name: String,
}

impl Generic {
    async fn find<D: Store>(
        _: &D,
        id: impl Into<i64> + Send,
        name: impl AsRef<str> + Send,
    ) -> Result<Self, Error> {
        Ok(Self { id: id.into(), name: name.as_ref().to_owned() })
    }
}

/// A constant, a future that is no `async fn`'s, and a boxed one.
#[derive(Cached)]
#[cache(key = "constant:{id}", fetch = FIND, fetch_many = find_many)]
#[cache(key = "ready:{name}", fetch = find_ready)]
struct Constant {
    id: i64,
    name: String,
}

const FIND: fn(i64) -> Pin<Box<dyn Future<Output = Result<Option<Constant>, Error>> + Send>> =
    |_| Box::pin(async { Ok(None) });

fn find_ready(_: &str) -> Ready<Result<Constant, Error>> {
    ready(Err(Error))
}

fn find_many<'a>(
    _: &'a [i64],
) -> Pin<Box<dyn Future<Output = Result<Vec<Constant>, Error>> + Send + 'a>> {
    Box::pin(async { Ok(Vec::new()) })
}

/// More arguments than are looked at one by one.
#[derive(Cached)]
#[cache(context = Db)]
#[cache(key = "wide:{a}:{b}:{c}:{d}:{e}:{f}:{g}", fetch = Wide::find)]
#[cache(key = "wider:{a}:{b}:{c}:{d}:{e}:{f}:{g}:{h}", fetch = Wide::find_by_all)]
struct Wide {
    a: u8,
    b: u8,
    c: u8,
    d: u8,
    e: u8,
    f: u8,
    g: u8,
    h: String,
}

impl Wide {
    async fn find(_: &Db, _: u8, _: u8, _: u8, _: u8, _: u8, _: u8, _: u8) -> Result<Self, Error> {
        Err(Error)
    }

    async fn find_by_all(
        _: &Db,
        _: u8,
        _: u8,
        _: u8,
        _: u8,
        _: u8,
        _: u8,
        _: u8,
        _: &str,
    ) -> Result<Self, Error> {
        Err(Error)
    }
}

fn main() {
    let _ = Object::by_name("a");
    let _ = (Generic::by_id_and_name(1, "a"), Constant::by_id(1));
}
