use cachecow::{Cached, KeyPart};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, KeyPart)]
struct Id(i64);

#[derive(Serialize, Deserialize, Cached)]
#[cache(key = "user:{id}", fetch = User::find)]
struct User {
    id: Id,
}

impl User {
    async fn find(id: &Id) -> Result<Self, std::fmt::Error> {
        let _ = id;
        Err(std::fmt::Error)
    }
}

fn main() {
    
}
