use cachecow::{CacheSchema, Cached, KeyEncoder, KeyPart};

#[derive(Clone, CacheSchema)]
struct Version(u32, u32);

impl KeyPart for Version {
    fn encode(&self, encoder: &mut KeyEncoder) {
        (self.0, self.1).encode(encoder);
    }
}

#[derive(Cached)]
#[cache(table = "releases")]
#[cache(key = "release:{version}", fetch = Release::find)]
struct Release {
    version: Version,
}

impl Release {
    async fn find(_: &Version) -> Result<Option<Self>, std::fmt::Error> {
        Ok(None)
    }
}

fn main() {}
