///A lookup of `Settings` under `settings`, made by `Settings::current`.
#[allow(
    clippy::all,
    clippy::nursery,
    clippy::pedantic,
    dead_code,
    deprecated,
    missing_copy_implementations,
    private_bounds,
    private_interfaces,
    unreachable_pub,
    unused_imports,
    unused_parens,
    unused_qualifications,
)]
#[must_use = "a lookup does nothing until it is given to `get`, `invalidate` or `write`"]
pub struct SettingsCurrent((), ::core::marker::PhantomData<fn() -> Settings>);
#[allow(
    clippy::all,
    clippy::nursery,
    clippy::pedantic,
    dead_code,
    deprecated,
    missing_copy_implementations,
    private_bounds,
    private_interfaces,
    unreachable_pub,
    unused_imports,
    unused_parens,
    unused_qualifications,
)]
#[automatically_derived]
impl Settings {
    ///Looks `Settings` up under `settings`.
    #[inline]
    pub fn current() -> SettingsCurrent {
        SettingsCurrent((), ::core::marker::PhantomData)
    }
}
#[allow(
    clippy::all,
    clippy::nursery,
    clippy::pedantic,
    dead_code,
    deprecated,
    missing_copy_implementations,
    private_bounds,
    private_interfaces,
    unreachable_pub,
    unused_imports,
    unused_parens,
    unused_qualifications,
)]
const _: () = {
    use ::cachecow::__private::Unknown as _;
    #[automatically_derived]
    impl ::cachecow::CacheSchema for Settings {
        const NAME: &'static ::core::primitive::str = "Settings";
        const FINGERPRINT: ::core::primitive::u64 = ::cachecow::__private::fingerprint(
            "Settings { theme : String , } # tag \"all:settings\" ",
            &[::cachecow::__private::Known::<String>::FINGERPRINT],
        );
        const MAY_BE_NIL: ::core::primitive::bool = false;
        #[inline]
        fn write_to(&self, encoder: &mut ::cachecow::__private::Encoder) {
            if encoder.begin(1usize) {
                <String as ::cachecow::CacheSchema>::write_to(&self.theme, encoder);
                encoder.field("theme");
            }
            encoder.end();
        }
        #[inline]
        fn read_from(
            decoder: &mut ::cachecow::__private::Decoder<'_>,
        ) -> ::core::result::Result<Self, ::cachecow::__private::DecodeError> {
            decoder.begin(1usize)?;
            let value = Self {
                theme: ::cachecow::__private::Decoder::field(
                    "theme",
                    <String as ::cachecow::CacheSchema>::read_from(decoder),
                )?,
            };
            decoder.end();
            ::core::result::Result::Ok(value)
        }
        #[inline]
        fn is_same(
            &self,
            other: &Self,
            comparison: &mut ::cachecow::__private::Comparison,
        ) -> ::core::primitive::bool {
            true
                && (<String as ::cachecow::CacheSchema>::is_same(
                    &self.theme,
                    &other.theme,
                    comparison,
                ) || comparison.differs("theme"))
        }
    }
    #[automatically_derived]
    impl ::cachecow::Cached for Settings {
        const POLICY: ::cachecow::TypePolicy = ::cachecow::TypePolicy::new();
        const TEMPLATES: &'static [&'static ::core::primitive::str] = &["settings"];
        const DESCRIPTION: &'static ::core::primitive::str = "\"lookups\":[{\"name\":\"current\",\"template\":\"settings\",\"parts\":[]}],\"lists\":[],\"tags\":[{\"name\":\"tag_all_settings\",\"template\":\"all:settings\",\"parts\":[]}],\"fields\":[{\"name\":\"theme\"}]";
        #[inline]
        fn each_key(&self, visit: &mut dyn ::core::ops::FnMut(::cachecow::Key)) {
            visit(<SettingsCurrent as ::cachecow::Lookup>::key_of(self).key());
        }
        const TAGGED: ::core::primitive::bool = true;
        #[inline]
        fn each_tag(&self, visit: &mut dyn ::core::ops::FnMut(::cachecow::Tag<Self>)) {
            visit(Self::__cachecow_tag_all_settings());
        }
        #[inline]
        fn tag_scope() -> ::cachecow::KeyEncoder {
            let mut encoder = ::cachecow::KeyEncoder::of({
                static TEMPLATE: ::cachecow::__private::Template = ::cachecow::__private::Template::new(
                    "settings",
                );
                &TEMPLATE
            });
            encoder
        }
        #[inline]
        fn type_slot() -> ::core::primitive::usize {
            static SLOT: ::cachecow::__private::StaticSlot = ::cachecow::__private::StaticSlot::new();
            SLOT.get()
        }
    }
    #[automatically_derived]
    impl ::cachecow::CacheKeys for Settings {
        #[inline]
        fn add_to(&self, set: &mut ::cachecow::KeySet) {
            set.add_object(self);
        }
    }
    #[automatically_derived]
    impl ::core::clone::Clone for SettingsCurrent {
        #[inline]
        fn clone(&self) -> Self {
            let () = &self.0;
            Self((), ::core::marker::PhantomData)
        }
    }
    #[automatically_derived]
    impl ::core::fmt::Debug for SettingsCurrent {
        #[inline]
        fn fmt(
            &self,
            formatter: &mut ::core::fmt::Formatter<'_>,
        ) -> ::core::fmt::Result {
            let () = &self.0;
            ::cachecow::__private::debug(
                formatter,
                ("Settings::current", "settings"),
                &[],
                &[],
            )
        }
    }
    #[automatically_derived]
    impl ::cachecow::CacheKeys for SettingsCurrent {
        #[inline]
        fn add_to(&self, set: &mut ::cachecow::KeySet) {
            set.add(
                <Self as ::cachecow::Lookup>::key(self).key(),
                <<Self as ::cachecow::Lookup>::Object as ::cachecow::Cached>::POLICY,
            );
        }
    }
    const _: () = {
        #[inline]
        fn encode_cachecow_key() -> ::cachecow::KeyEncoder {
            let mut encoder = ::cachecow::KeyEncoder::of({
                static TEMPLATE: ::cachecow::__private::Template = ::cachecow::__private::Template::new(
                    "settings",
                );
                &TEMPLATE
            });
            encoder
        }
        #[automatically_derived]
        impl ::cachecow::Lookup for SettingsCurrent {
            type Object = Settings;
            type Context = PgPool;
            const NAME: &'static ::core::primitive::str = "Settings::current";
            #[inline]
            fn key(&self) -> ::cachecow::KeyEncoder {
                let () = &self.0;
                encode_cachecow_key()
            }
            #[inline]
            fn key_of(object: &Self::Object) -> ::cachecow::KeyEncoder {
                encode_cachecow_key()
            }
            #[inline]
            fn finds(&self, object: &Self::Object) -> ::core::primitive::bool {
                let () = &self.0;
                true
            }
            #[inline]
            fn audited(&self) -> ::core::option::Option<::cachecow::Audited> {
                ::core::option::Option::Some(
                    ::cachecow::Audited::of(::core::clone::Clone::clone(self)),
                )
            }
            #[inline]
            fn fetch(
                &self,
                _context: &Self::Context,
            ) -> impl ::core::future::Future<
                Output = ::core::result::Result<
                    ::core::option::Option<Self::Object>,
                    ::cachecow::Error,
                >,
            > + ::core::marker::Send {
                let () = &self.0;
                async move {
                    ::cachecow::__private::found::<
                        Settings,
                        _,
                    >(
                        ::cachecow::__private::call((_context,), Settings::load).await,
                        |error| {
                            use ::cachecow::__private::ErrorKindOf as _;
                            (&&&::cachecow::__private::Tag::of(&error))
                                .cachecow_error_kind()
                                .wrap(<Self as ::cachecow::Lookup>::NAME, error)
                        },
                    )
                }
            }
        }
    };
    #[allow(
        clippy::all,
        clippy::nursery,
        clippy::pedantic,
        dead_code,
        deprecated,
        missing_copy_implementations,
        private_bounds,
        private_interfaces,
        unreachable_pub,
        unused_imports,
        unused_parens,
        unused_qualifications,
    )]
    #[automatically_derived]
    impl Settings {
        ///All `Settings`s, for `invalidate_tag`.
        #[inline]
        pub fn tag_all_settings() -> ::cachecow::Tag<Settings> {
            Self::__cachecow_tag_all_settings()
        }
        #[doc(hidden)]
        #[inline]
        fn __cachecow_tag_all_settings() -> ::cachecow::Tag<Settings> {
            let mut encoder = <Settings as ::cachecow::Cached>::tag_scope();
            encoder.str("all:settings");
            ::cachecow::Tag::new(&encoder)
        }
    }
};
