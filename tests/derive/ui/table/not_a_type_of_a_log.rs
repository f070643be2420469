use cachecow::log::FollowedTypes;

fn types<T: FollowedTypes>() {}

fn main() {
    types::<String>();
}
