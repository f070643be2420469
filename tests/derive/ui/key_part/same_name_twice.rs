use cachecow::KeyPart;

#[derive(KeyPart)]
enum Status {
    Active,
    #[cache(rename = "Active")]
    Running,
}

fn main() {}
