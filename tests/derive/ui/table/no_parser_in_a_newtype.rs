use cachecow::{CacheSchema, Cached, KeyPart};

/// Of two columns, which is no fault of the newtype's where it is not followed.
#[derive(Clone, CacheSchema, KeyPart)]
struct Place((i32, i32));

#[derive(Cached)]
#[cache(table = "tiles")]
#[cache(key = "tile:{place}", fetch = Tile::find)]
struct Tile {
    place: Place,
}

impl Tile {
    async fn find(_: &Place) -> Result<Option<Self>, std::fmt::Error> {
        Ok(None)
    }
}

fn main() {}
