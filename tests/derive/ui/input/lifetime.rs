use cachecow::Cached;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Cached)]
#[cache(key = "user:{id}", fetch = find)]
struct User<'a> {
    id: i64,
    name: &'a str,
}

async fn find(_: i64) -> Result<User<'static>, std::fmt::Error> {
    Err(std::fmt::Error)
}

fn main() {}
