//! Fields in one form, keys and tags without placeholders, enums and newtypes as key parts: under another
//! name of the crate, beside types named like the standard library's, and without a warning.

#![deny(warnings, missing_docs, missing_debug_implementations, unreachable_pub, unused_qualifications)]

mod framework {
    pub(crate) use cachecow as cow;
}

/// Every name that generated code could stumble over is taken.
mod taken {
    #![allow(dead_code, non_camel_case_types)]

    mod cachecow {}
    mod core {}
    mod std {}
    struct Option;
    struct Box;
    struct Result;
    struct Into;
    struct Borrow;
    struct Cow;
    struct Arc;
    struct str;

    #[derive(crate::framework::cow::Cached)]
    #[cache(crate = crate::framework::cow)]
    #[cache(key = "only:{text}:{part}", fetch = Only::find_by, name = "by")]
    #[cache(key = "only", name = "only", fetch = Only::find)]
    #[cache(key = "last", name = "last", fetch = Only::find)]
    #[cache(tag = "all", name = "tag_all")]
    #[cache(tag = "name:{text}")]
    struct Only<T> {
        #[cache(normalize = self::encoder)]
        text: ::std::boxed::Box<::core::primitive::str>,
        #[cache(normalize = ::core::clone::Clone::clone)]
        part: Kind,
        value: T,
    }

    fn encoder(text: &::core::primitive::str) -> ::std::string::String {
        text.to_lowercase()
    }

    impl<T> Only<T> {
        async fn find() -> ::std::io::Result<Self> {
            unreachable!()
        }

        async fn find_by(
            _: &::std::boxed::Box<::core::primitive::str>,
            _: &Kind,
        ) -> ::std::io::Result<Self> {
            unreachable!()
        }
    }

    #[derive(Clone, crate::framework::cow::CacheSchema, crate::framework::cow::KeyPart)]
    #[cache(crate = crate::framework::cow)]
    enum Kind {
        Some,
        #[cache(rename = "Nothing")]
        None,
    }

    #[derive(crate::framework::cow::KeyPart)]
    #[cache(crate = crate::framework::cow)]
    enum Never {}

    #[derive(crate::framework::cow::CacheSchema, crate::framework::cow::KeyPart)]
    #[cache(crate = crate::framework::cow)]
    struct Encoder(
        #[cache(with = seconds, key_with = ::core::time::Duration::as_millis)]
        ::core::time::Duration,
    );

    mod seconds {
        use ::core::time::Duration;
        use ::serde::{Deserialize as _, Deserializer, Serializer};

        type Outcome<T, E> = ::core::result::Result<T, E>;

        pub(super) fn serialize<S: Serializer>(value: &Duration, to: S) -> Outcome<S::Ok, S::Error> {
            to.serialize_u64(value.as_secs())
        }

        pub(super) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Outcome<Duration, D::Error> {
            ::core::primitive::u64::deserialize(from).map(Duration::from_secs)
        }
    }
}

/// What a library would offer.
pub mod library {
    use crate::framework::cow::{CacheSchema, Cached, KeyPart};

    /// One for each theme, and the one in use.
    #[derive(Debug, Cached)]
    #[cache(crate = crate::framework::cow, context = String)]
    #[cache(key = "settings:{theme}", fetch = Settings::find_by_theme)]
    #[cache(key = "settings", name = "current", fetch = Settings::find)]
    #[cache(tag = "all settings")]
    pub struct Settings {
        theme: Theme,
        #[cache(skip)]
        note: Option<String>,
    }

    /// A theme.
    #[derive(Clone, Copy, Debug, CacheSchema, KeyPart)]
    #[cache(crate = crate::framework::cow)]
    pub enum Theme {
        /// Black on white.
        Light,
        /// White on black.
        #[cache(rename = "Night")]
        Dark,
    }

    impl Settings {
        async fn find(_: &String) -> Result<Self, std::fmt::Error> {
            Ok(Self { theme: Theme::Light, note: None })
        }

        async fn find_by_theme(_: &String, theme: &Theme) -> Result<Self, std::fmt::Error> {
            Ok(Self { theme: *theme, note: None })
        }

        /// What the fields are for.
        pub fn shown(&self) -> (Theme, &Option<String>) {
            (self.theme, &self.note)
        }
    }
}

fn main() {
    use framework::cow::Lookup as _;
    use library::{Settings, Theme};

    let settings = Settings::current();
    assert_ne!(settings.key().key(), Settings::by_theme(Theme::Dark).key().key());
    assert_eq!(Settings::tag_all_settings().key(), Settings::tag_all_settings().key());
}
