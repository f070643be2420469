//! `#[derive(KeyPart)]`: enums by the names of their variants, and newtypes of other crates' types.

use std::fmt;
use std::marker::PhantomData;

use cachecow::{CacheSchema, Cached, Error, KeyEncoder, KeyPart, Source};
use cachecow_tests::on_both_backends;
use serde::{Deserialize, Serialize};

/// Stands for a type of another crate, which implements no trait of ours.
mod foreign {
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub(crate) struct Version(pub(crate) u32, pub(crate) u32);

    impl std::fmt::Display for Version {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "{}.{}", self.0, self.1)
        }
    }
}

use foreign::Version;

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, CacheSchema, KeyPart)]
enum Status {
    Active,
    #[cache(rename = "Locked")]
    Blocked,
    r#Static,
    Empty {},
}

/// Of the same variants, under a name of its own and in another order.
#[derive(KeyPart)]
enum State {
    Locked,
    #[cache(rename = "Active")]
    Running,
}

/// Both how it is stored and how it stands in keys is said here.
#[derive(Clone, Debug, PartialEq, CacheSchema, KeyPart)]
struct Release(#[cache(opaque, key_with = Version::to_string)] Version);

/// By a function that lends, of a field with a name, beside a marker.
#[derive(KeyPart)]
struct Named<T> {
    #[cache(key_with = Shown::text)]
    shown: Shown<T>,
    marker: PhantomData<T>,
}

struct Shown<T>(String, PhantomData<T>);

impl<T> Shown<T> {
    fn text(&self) -> &str {
        &self.0
    }
}

/// Several parts in one.
#[derive(KeyPart)]
struct Pair(#[cache(key_with = Self::both)] Version);

impl Pair {
    fn both(version: &Version) -> (u32, u32) {
        (version.0, version.1)
    }
}

#[derive(Clone, Debug, PartialEq, Cached)]
#[cache(key = "build:{status}:{release}", fetch = Build::find)]
#[cache(tag = "status:{status}")]
struct Build {
    status: Status,
    release: Release,
}

impl Build {
    async fn find(status: &Status, release: &Release) -> Result<Build, Error> {
        Ok(Build { status: *status, release: release.clone() })
    }
}

fn encoded(part: &impl KeyPart) -> Vec<u8> {
    let mut encoder = KeyEncoder::new("");
    part.encode(&mut encoder);
    encoder.as_bytes().to_vec()
}

#[test]
fn an_enum_is_encoded_as_its_variant_s_name() {
    assert_eq!(encoded(&Status::Active), encoded(&"Active"));
    assert_eq!(encoded(&Status::r#Static), encoded(&"Static"));
    assert_eq!(encoded(&Status::Empty {}), encoded(&"Empty"));
    assert_eq!(encoded(&Status::Blocked), encoded(&"Locked"), "a variant that was renamed");
    assert_eq!(encoded(&Status::Blocked), encoded(&State::Locked), "as an enum that was renamed");
    assert_eq!(encoded(&Status::Active), encoded(&State::Running));
    assert_ne!(encoded(&Status::Active), encoded(&Status::Blocked));
}

#[test]
fn a_newtype_of_a_foreign_type_is_encoded_by_its_function() {
    assert_eq!(encoded(&Release(Version(1, 10))), encoded(&"1.10"));
    assert_eq!(encoded(&Pair(Version(1, 10))), encoded(&(1, 10)));
    let shown = Shown("a".to_owned(), PhantomData);
    assert_eq!(encoded(&Named::<fmt::Error> { shown, marker: PhantomData }), encoded(&"a"));
}

on_both_backends! {
    async fn both_stand_in_keys_and_tags(cache) {
        let cow = cache.open_default();
        let by = |status, release: &Release| Build::by_status_and_release(status, release);
        let (one, other) = (Release(Version(1, 10)), Release(Version(11, 0)));
        let all = [(Status::Active, &one), (Status::Blocked, &one), (Status::Active, &other)];
        for source in [Source::Fetched, Source::Cache] {
            for (status, release) in all {
                let read = cow.read(by(status, release)).await.unwrap();
                let build = read.value.unwrap();
                assert_eq!((build.status, &build.release, read.source), (status, release, source));
            }
        }
        cow.invalidate_tag(Build::tag_status(Status::Active)).await.unwrap();
        assert_eq!(cow.read(by(Status::Active, &one)).await.unwrap().source, Source::Fetched);
        assert_eq!(cow.read(by(Status::Blocked, &one)).await.unwrap().source, Source::Cache);
        cow.invalidate(by(Status::Blocked, &one)).await.unwrap();
        assert_eq!(cow.read(by(Status::Blocked, &one)).await.unwrap().source, Source::Fetched);
    }
}
