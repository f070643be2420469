use cachecow::KeyPart;

#[derive(KeyPart)]
#[cache(ttl = "10m")]
struct Id(i64);

fn main() {}
