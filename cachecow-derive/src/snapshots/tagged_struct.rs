///A lookup of `User` by `id`, made by `User::by_id`.
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
pub struct UserById<K>(i64, ::core::marker::PhantomData<fn() -> User<K>>);
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
impl<K> User<K> {
    ///Looks `User` up by `id`.
    #[inline]
    pub fn by_id(id: i64) -> UserById<K> {
        UserById(id, ::core::marker::PhantomData)
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
    impl<K> ::cachecow::CacheSchema for User<K>
    where
        K: ::cachecow::CacheSchema,
    {
        const NAME: &'static ::core::primitive::str = "User";
        const FINGERPRINT: ::core::primitive::u64 = ::cachecow::__private::fingerprint(
            "User { id : i64 , org_id : u32 , city : String , kind : K , } # tag \"org:{org_id}\" # tag \"place:{city}:{kind}\" ",
            &[
                <K as ::cachecow::CacheSchema>::FINGERPRINT,
                ::cachecow::__private::Known::<i64>::FINGERPRINT,
                ::cachecow::__private::Known::<u32>::FINGERPRINT,
                ::cachecow::__private::Known::<String>::FINGERPRINT,
                ::cachecow::__private::Known::<K>::FINGERPRINT,
            ],
        );
        const MAY_BE_NIL: ::core::primitive::bool = false;
        #[inline]
        fn write_to(&self, encoder: &mut ::cachecow::__private::Encoder) {
            if encoder.begin(4usize) {
                <i64 as ::cachecow::CacheSchema>::write_to(&self.id, encoder);
                encoder.field("id");
                <u32 as ::cachecow::CacheSchema>::write_to(&self.org_id, encoder);
                encoder.field("org_id");
                <String as ::cachecow::CacheSchema>::write_to(&self.city, encoder);
                encoder.field("city");
                <K as ::cachecow::CacheSchema>::write_to(&self.kind, encoder);
                encoder.field("kind");
            }
            encoder.end();
        }
        #[inline]
        fn read_from(
            decoder: &mut ::cachecow::__private::Decoder<'_>,
        ) -> ::core::result::Result<Self, ::cachecow::__private::DecodeError> {
            decoder.begin(4usize)?;
            let value = Self {
                id: ::cachecow::__private::Decoder::field(
                    "id",
                    <i64 as ::cachecow::CacheSchema>::read_from(decoder),
                )?,
                org_id: ::cachecow::__private::Decoder::field(
                    "org_id",
                    <u32 as ::cachecow::CacheSchema>::read_from(decoder),
                )?,
                city: ::cachecow::__private::Decoder::field(
                    "city",
                    <String as ::cachecow::CacheSchema>::read_from(decoder),
                )?,
                kind: ::cachecow::__private::Decoder::field(
                    "kind",
                    <K as ::cachecow::CacheSchema>::read_from(decoder),
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
                && (<i64 as ::cachecow::CacheSchema>::is_same(
                    &self.id,
                    &other.id,
                    comparison,
                ) || comparison.differs("id"))
                && (<u32 as ::cachecow::CacheSchema>::is_same(
                    &self.org_id,
                    &other.org_id,
                    comparison,
                ) || comparison.differs("org_id"))
                && (<String as ::cachecow::CacheSchema>::is_same(
                    &self.city,
                    &other.city,
                    comparison,
                ) || comparison.differs("city"))
                && (<K as ::cachecow::CacheSchema>::is_same(
                    &self.kind,
                    &other.kind,
                    comparison,
                ) || comparison.differs("kind"))
        }
        #[inline]
        fn write_name(encoder: &mut ::cachecow::KeyEncoder) {
            encoder.group(2usize);
            encoder.scope(<Self as ::cachecow::CacheSchema>::NAME);
            <K as ::cachecow::CacheSchema>::write_name(encoder);
        }
    }
    #[automatically_derived]
    impl<K> ::cachecow::Cached for User<K>
    where
        K: ::cachecow::CacheSchema + ::core::marker::Send + ::core::marker::Sync
            + 'static,
        K: ::cachecow::KeyPart + ::core::clone::Clone + ::core::marker::Send
            + ::core::marker::Sync,
    {
        const POLICY: ::cachecow::TypePolicy = ::cachecow::TypePolicy::new();
        const TEMPLATES: &'static [&'static ::core::primitive::str] = &["user:{}"];
        const DESCRIPTION: &'static ::core::primitive::str = "\"lookups\":[{\"name\":\"by_id\",\"template\":\"user:{id}\",\"parts\":[{\"name\":\"id\",\"type\":\"i64\"}]}],\"lists\":[],\"tags\":[{\"name\":\"tag_org_id\",\"template\":\"org:{org_id}\",\"parts\":[{\"name\":\"org_id\",\"type\":\"u32\"}]},{\"name\":\"tag_place\",\"template\":\"place:{city}:{kind}\",\"parts\":[{\"name\":\"city\",\"type\":\"String\"},{\"name\":\"kind\",\"type\":\"K\"}]}],\"fields\":[{\"name\":\"id\"},{\"name\":\"org_id\"},{\"name\":\"city\"},{\"name\":\"kind\"}]";
        #[inline]
        fn each_key(&self, visit: &mut dyn ::core::ops::FnMut(::cachecow::Key)) {
            visit(<UserById<K> as ::cachecow::Lookup>::key_of(self).key());
        }
        const TAGGED: ::core::primitive::bool = true;
        #[inline]
        fn each_tag(&self, visit: &mut dyn ::core::ops::FnMut(::cachecow::Tag<Self>)) {
            visit(Self::__cachecow_tag_org_id(&self.org_id));
            visit(Self::__cachecow_tag_place(&self.city, &self.kind));
        }
        #[inline]
        fn tag_scope() -> ::cachecow::KeyEncoder {
            let mut encoder = ::cachecow::KeyEncoder::of({
                static TEMPLATE: ::cachecow::__private::Template = ::cachecow::__private::Template::new(
                    "user:{}",
                );
                &TEMPLATE
            });
            <K as ::cachecow::CacheSchema>::write_name(&mut encoder);
            encoder
        }
    }
    #[automatically_derived]
    impl<K> ::cachecow::CacheKeys for User<K>
    where
        K: ::cachecow::CacheSchema + ::core::marker::Send + ::core::marker::Sync
            + 'static,
        K: ::cachecow::KeyPart + ::core::clone::Clone + ::core::marker::Send
            + ::core::marker::Sync,
    {
        #[inline]
        fn add_to(&self, set: &mut ::cachecow::KeySet) {
            set.add_object(self);
        }
    }
    #[automatically_derived]
    impl<K> ::core::clone::Clone for UserById<K> {
        #[inline]
        fn clone(&self) -> Self {
            let part_0 = &self.0;
            Self(
                ::cachecow::__private::clone::<i64>(part_0),
                ::core::marker::PhantomData,
            )
        }
    }
    #[automatically_derived]
    impl<K> ::core::fmt::Debug for UserById<K> {
        #[inline]
        fn fmt(
            &self,
            formatter: &mut ::core::fmt::Formatter<'_>,
        ) -> ::core::fmt::Result {
            let part_0 = &self.0;
            ::cachecow::__private::debug(
                formatter,
                ("User::by_id", "user:{id}"),
                &["i64"],
                &[::core::option::Option::Some(part_0)],
            )
        }
    }
    #[automatically_derived]
    impl<K> ::cachecow::CacheKeys for UserById<K>
    where
        K: ::cachecow::CacheSchema + ::core::marker::Send + ::core::marker::Sync
            + 'static,
        K: ::cachecow::KeyPart + ::core::clone::Clone + ::core::marker::Send
            + ::core::marker::Sync,
    {
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
        fn encode_cachecow_key<K>(part_0: &i64) -> ::cachecow::KeyEncoder
        where
            K: ::cachecow::CacheSchema + ::core::marker::Send + ::core::marker::Sync
                + 'static,
            K: ::cachecow::KeyPart + ::core::clone::Clone + ::core::marker::Send
                + ::core::marker::Sync,
        {
            let mut encoder = ::cachecow::KeyEncoder::of({
                static TEMPLATE: ::cachecow::__private::Template = ::cachecow::__private::Template::new(
                    "user:{}",
                );
                &TEMPLATE
            });
            <K as ::cachecow::CacheSchema>::write_name(&mut encoder);
            ::cachecow::__private::encode::<i64>(part_0, &mut encoder);
            encoder
        }
        #[automatically_derived]
        impl<K> ::cachecow::Lookup for UserById<K>
        where
            K: ::cachecow::CacheSchema + ::core::marker::Send + ::core::marker::Sync
                + 'static,
            K: ::cachecow::KeyPart + ::core::clone::Clone + ::core::marker::Send
                + ::core::marker::Sync,
        {
            type Object = User<K>;
            type Context = ();
            const NAME: &'static ::core::primitive::str = "User::by_id";
            #[inline]
            fn key(&self) -> ::cachecow::KeyEncoder {
                let part_0 = &self.0;
                encode_cachecow_key::<K>(part_0)
            }
            #[inline]
            fn key_of(object: &Self::Object) -> ::cachecow::KeyEncoder {
                encode_cachecow_key::<K>(&object.id)
            }
            #[inline]
            fn finds(&self, object: &Self::Object) -> ::core::primitive::bool {
                let part_0 = &self.0;
                true && ::core::cmp::PartialEq::eq(part_0, &object.id)
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
                let part_0 = &self.0;
                async move {
                    ::cachecow::__private::found::<
                        User<K>,
                        _,
                    >(
                        ::cachecow::__private::call((*part_0,), User::find).await,
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
    impl<K> User<K>
    where
        K: ::cachecow::CacheSchema + ::core::marker::Send + ::core::marker::Sync
            + 'static,
        K: ::cachecow::KeyPart + ::core::clone::Clone + ::core::marker::Send
            + ::core::marker::Sync,
    {
        ///The `User`s of one `org_id`, for `invalidate_tag`.
        #[inline]
        pub fn tag_org_id(org_id: u32) -> ::cachecow::Tag<User<K>> {
            Self::__cachecow_tag_org_id(&org_id)
        }
        #[doc(hidden)]
        #[inline]
        fn __cachecow_tag_org_id(part_0: &u32) -> ::cachecow::Tag<User<K>> {
            let mut encoder = <User<K> as ::cachecow::Cached>::tag_scope();
            encoder.str("org:{}");
            ::cachecow::__private::encode::<u32>(part_0, &mut encoder);
            ::cachecow::Tag::new(&encoder)
        }
        ///The `User`s of one `city` and `kind`, for `invalidate_tag`.
        #[inline]
        pub fn tag_place(
            city: impl ::core::convert::Into<String>,
            kind: impl ::core::borrow::Borrow<K>,
        ) -> ::cachecow::Tag<User<K>> {
            Self::__cachecow_tag_place(
                &<_ as ::core::convert::Into<String>>::into(city),
                <_ as ::core::borrow::Borrow<K>>::borrow(&kind),
            )
        }
        #[doc(hidden)]
        #[inline]
        fn __cachecow_tag_place(
            part_0: &String,
            part_1: &K,
        ) -> ::cachecow::Tag<User<K>> {
            let mut encoder = <User<K> as ::cachecow::Cached>::tag_scope();
            encoder.str("place:{}:{}");
            ::cachecow::__private::encode::<String>(part_0, &mut encoder);
            ::cachecow::__private::encode::<K>(part_1, &mut encoder);
            ::cachecow::Tag::new(&encoder)
        }
    }
};
