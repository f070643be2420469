//! The generated encoding: bytes a value, and nanoseconds to write and to read one, beside serde's formats;
//! and what it takes to read back what is about to be stored, which every fill does.
//!
//! ```sh
//! cargo bench -p cachecow-tests --bench encoding [-- --quick]
//! ```

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use cachecow::__private::{from_slice, is_same, to_vec};
use cachecow::CacheSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Six fields, as most rows have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheSchema)]
struct User {
    id: i64,
    name: String,
    email: String,
    company: Option<String>,
    active: bool,
    created_at: i64,
}

/// With other types in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheSchema)]
struct Order {
    id: u64,
    status: Status,
    customer: User,
    lines: Vec<Line>,
    notes: BTreeMap<String, String>,
    thumbnail: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheSchema)]
enum Status {
    Open,
    Sent { tracking: String, at: i64 },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheSchema)]
struct Line {
    sku: String,
    count: u32,
    cents: i64,
    discount: Option<f64>,
}

fn user() -> User {
    User {
        id: 1_234_567,
        name: "Augusta Ada King".to_owned(),
        email: "user00001234@example.com".to_owned(),
        company: Some("Analytical Engines of Lovelace".to_owned()),
        active: true,
        created_at: 1_700_000_000_000,
    }
}

fn order() -> Order {
    let line = |number: u32| Line {
        sku: format!("SKU-{number:06}"),
        count: number,
        cents: 1999,
        discount: number.is_multiple_of(2).then_some(0.1),
    };
    Order {
        id: 7,
        status: Status::Sent { tracking: "1Z999AA10123456784".to_owned(), at: 1_700_000_000 },
        customer: user(),
        lines: (0..10).map(line).collect(),
        notes: BTreeMap::from([("gift".to_owned(), "with a card".to_owned())]),
        thumbnail: vec![0xa5; 512],
    }
}

fn main() {
    println!("a struct of six fields");
    compare(&user());
    println!("a struct with structs, an enum, a map and 512 bytes in it");
    compare(&order());
}

fn compare<T: CacheSchema + Serialize + DeserializeOwned>(value: &T) {
    println!("{:>20} {:>7} {:>9} {:>9}", "", "bytes", "write ns", "read ns");
    let stored = to_vec(value).expect("a value that can be stored");
    row("cachecow", &stored, || to_vec(value), || from_slice::<T>(black_box(&stored)));
    let map = rmp_serde::to_vec_named(value).expect("serializable");
    row(
        "rmp-serde, map",
        &map,
        || rmp_serde::to_vec_named(value),
        || rmp_serde::from_slice::<T>(black_box(&map)),
    );
    let array = rmp_serde::to_vec(value).expect("serializable");
    row(
        "rmp-serde, array",
        &array,
        || rmp_serde::to_vec(value),
        || rmp_serde::from_slice::<T>(black_box(&array)),
    );
    let postcard = postcard::to_stdvec(value).expect("serializable");
    row(
        "postcard",
        &postcard,
        || postcard::to_stdvec(value),
        || postcard::from_bytes::<T>(black_box(&postcard)),
    );
    let bitcode = bitcode::serialize(value).expect("serializable");
    row(
        "bitcode, by serde",
        &bitcode,
        || bitcode::serialize(value),
        || bitcode::deserialize::<T>(black_box(&bitcode)),
    );
    let read_back = || is_same(value, &from_slice::<T>(black_box(&stored)).expect("as written"));
    println!("{:>20} {:>27.0}", "read back, compared", time(read_back));
}

fn row<W, R>(name: &str, bytes: &[u8], write: impl Fn() -> W, read: impl Fn() -> R) {
    println!("{name:>20} {:>7} {:>9.0} {:>9.0}", bytes.len(), time(write), time(read));
}

/// The median of several rounds, in nanoseconds.
fn time<R>(operation: impl Fn() -> R) -> f64 {
    const TIMES: u32 = 20_000;
    let rounds = if std::env::args().any(|argument| argument == "--quick") { 5 } else { 51 };
    let round = || {
        let began = Instant::now();
        for _ in 0..TIMES {
            black_box(operation());
        }
        began.elapsed().as_secs_f64() * 1e9 / f64::from(TIMES)
    };
    round();
    let mut times: Vec<f64> = (0..rounds).map(|_| round()).collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
