use cachecow::Cached;
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize, Cached)]
#[cache(key = "place:{latitude}", fetch = User::find)]
struct User {
    latitude: f64,
    name: String,
}

impl User {
    async fn find(id: &f64) -> Result<Self, std::fmt::Error> {
        let _ = id;
        Err(std::fmt::Error)
    }
}

fn main() {
    
}
