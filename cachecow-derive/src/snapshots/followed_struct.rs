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
///A lookup of `User` by `email` and `kind`, made by `User::by_email_and_kind`.
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
pub struct UserByEmailAndKind<K>(
    (String, K),
    ::core::marker::PhantomData<fn() -> User<K>>,
);
///A list of `User` by `org_id`, made by `User::list_by_org_id`.
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
#[must_use = "a list is not read until it is given to `list`, `invalidate` or `write`"]
pub struct UserListByOrgId<K>(Option<u32>, ::core::marker::PhantomData<fn() -> User<K>>);
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
    ///Looks `User` up by `email` and `kind`.
    #[inline]
    pub fn by_email_and_kind(
        email: impl ::core::convert::Into<String>,
        kind: impl ::core::borrow::Borrow<K>,
    ) -> UserByEmailAndKind<K>
    where
        K: ::core::clone::Clone,
    {
        UserByEmailAndKind(
            (
                <User<
                    K,
                >>::__cachecow_normalize_email(
                    &<_ as ::core::convert::Into<String>>::into(email),
                ),
                ::cachecow::__private::clone::<
                    K,
                >(<_ as ::core::borrow::Borrow<K>>::borrow(&kind)),
            ),
            ::core::marker::PhantomData,
        )
    }
    ///Lists `User` by `org_id`.
    #[inline]
    pub fn list_by_org_id(
        org_id: impl ::core::borrow::Borrow<Option<u32>>,
    ) -> UserListByOrgId<K> {
        UserListByOrgId(
            ::cachecow::__private::clone::<
                Option<u32>,
            >(<_ as ::core::borrow::Borrow<Option<u32>>>::borrow(&org_id)),
            ::core::marker::PhantomData,
        )
    }
    #[doc(hidden)]
    #[inline]
    fn __cachecow_normalize_email(part: &String) -> String {
        ::cachecow::__private::normalized::<
            String,
            _,
        >(
            ::cachecow::__private::by_reference::<
                String,
                _,
                _,
                _,
            >({ str::to_lowercase })(part),
        )
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
            "User { id : i64 , email : String , org_id : Option < u32 > , kind : K , } # tag \"org:{org_id}\" # tag \"users\" # clearable ",
            &[
                <K as ::cachecow::CacheSchema>::FINGERPRINT,
                ::cachecow::__private::Known::<i64>::FINGERPRINT,
                ::cachecow::__private::Known::<String>::FINGERPRINT,
                ::cachecow::__private::Known::<Option<u32>>::FINGERPRINT,
                ::cachecow::__private::Known::<K>::FINGERPRINT,
            ],
        );
        const MAY_BE_NIL: ::core::primitive::bool = false;
        #[inline]
        fn write_to(&self, encoder: &mut ::cachecow::__private::Encoder) {
            if encoder.begin(4usize) {
                <i64 as ::cachecow::CacheSchema>::write_to(&self.id, encoder);
                encoder.field("id");
                <String as ::cachecow::CacheSchema>::write_to(&self.email, encoder);
                encoder.field("email");
                <Option<
                    u32,
                > as ::cachecow::CacheSchema>::write_to(&self.org_id, encoder);
                encoder.field("org_id");
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
                email: ::cachecow::__private::Decoder::field(
                    "email",
                    <String as ::cachecow::CacheSchema>::read_from(decoder),
                )?,
                org_id: ::cachecow::__private::Decoder::field(
                    "org_id",
                    <Option<u32> as ::cachecow::CacheSchema>::read_from(decoder),
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
                && (<String as ::cachecow::CacheSchema>::is_same(
                    &self.email,
                    &other.email,
                    comparison,
                ) || comparison.differs("email"))
                && (<Option<
                    u32,
                > as ::cachecow::CacheSchema>::is_same(
                    &self.org_id,
                    &other.org_id,
                    comparison,
                ) || comparison.differs("org_id"))
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
        const TEMPLATES: &'static [&'static ::core::primitive::str] = &[
            "user:{}",
            "user:email:{}:{}",
        ];
        const DESCRIPTION: &'static ::core::primitive::str = "\"lookups\":[{\"name\":\"by_id\",\"template\":\"user:{id}\",\"parts\":[{\"name\":\"id\",\"type\":\"i64\"}]},{\"name\":\"by_email_and_kind\",\"template\":\"user:email:{email}:{kind}\",\"parts\":[{\"name\":\"email\",\"type\":\"String\",\"normalized\":true},{\"name\":\"kind\",\"type\":\"K\"}]}],\"lists\":[{\"name\":\"list_by_org_id\",\"template\":\"user:org:{org_id}\",\"parts\":[{\"name\":\"org_id\",\"type\":\"Option<u32>\"}]}],\"tags\":[{\"name\":\"tag_org_id\",\"template\":\"org:{org_id}\",\"parts\":[{\"name\":\"org_id\",\"type\":\"Option<u32>\"}]},{\"name\":\"tag_all\",\"template\":\"users\",\"parts\":[]}],\"fields\":[{\"name\":\"id\"},{\"name\":\"email\"},{\"name\":\"org_id\"},{\"name\":\"kind\"}]";
        const LIST_FINGERPRINTS: &'static [::core::primitive::u64] = &[
            ::cachecow::__private::list_fingerprint::<UserListByOrgId<K>>(),
        ];
        #[inline]
        fn each_key(&self, visit: &mut dyn ::core::ops::FnMut(::cachecow::Key)) {
            visit(<UserById<K> as ::cachecow::Lookup>::key_of(self).key());
            visit(<UserByEmailAndKind<K> as ::cachecow::Lookup>::key_of(self).key());
            visit(<UserListByOrgId<K> as ::cachecow::ListLookup>::key_of(self).key());
        }
        const TAGGED: ::core::primitive::bool = true;
        #[inline]
        fn each_tag(&self, visit: &mut dyn ::core::ops::FnMut(::cachecow::Tag<Self>)) {
            visit(Self::__cachecow_tag_org_id(&self.org_id));
            visit(Self::__cachecow_tag_all());
        }
        const CLEARABLE: ::core::primitive::bool = true;
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
    #[automatically_derived]
    impl<K> ::core::clone::Clone for UserByEmailAndKind<K>
    where
        K: ::core::clone::Clone,
    {
        #[inline]
        fn clone(&self) -> Self {
            let (part_0, part_1) = &self.0;
            Self(
                (
                    ::cachecow::__private::clone::<String>(part_0),
                    ::cachecow::__private::clone::<K>(part_1),
                ),
                ::core::marker::PhantomData,
            )
        }
    }
    #[automatically_derived]
    impl<K> ::core::fmt::Debug for UserByEmailAndKind<K> {
        #[inline]
        fn fmt(
            &self,
            formatter: &mut ::core::fmt::Formatter<'_>,
        ) -> ::core::fmt::Result {
            use ::cachecow::__private::{HiddenPart as _, ShownPart as _};
            let (part_0, part_1) = &self.0;
            ::cachecow::__private::debug(
                formatter,
                ("User::by_email_and_kind", "user:email:{email}:{kind}"),
                &["String", "K"],
                &[
                    ::core::option::Option::Some(part_0),
                    (&&::cachecow::__private::Part(part_1)).cachecow_debug(),
                ],
            )
        }
    }
    #[automatically_derived]
    impl<K> ::cachecow::CacheKeys for UserByEmailAndKind<K>
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
        fn encode_cachecow_key<K>(part_0: &String, part_1: &K) -> ::cachecow::KeyEncoder
        where
            K: ::cachecow::CacheSchema + ::core::marker::Send + ::core::marker::Sync
                + 'static,
            K: ::cachecow::KeyPart + ::core::clone::Clone + ::core::marker::Send
                + ::core::marker::Sync,
        {
            let mut encoder = ::cachecow::KeyEncoder::of({
                static TEMPLATE: ::cachecow::__private::Template = ::cachecow::__private::Template::new(
                    "user:email:{}:{}",
                );
                &TEMPLATE
            });
            <K as ::cachecow::CacheSchema>::write_name(&mut encoder);
            ::cachecow::__private::encode::<String>(part_0, &mut encoder);
            ::cachecow::__private::encode::<K>(part_1, &mut encoder);
            encoder
        }
        #[automatically_derived]
        impl<K> ::cachecow::Lookup for UserByEmailAndKind<K>
        where
            K: ::cachecow::CacheSchema + ::core::marker::Send + ::core::marker::Sync
                + 'static,
            K: ::cachecow::KeyPart + ::core::clone::Clone + ::core::marker::Send
                + ::core::marker::Sync,
        {
            type Object = User<K>;
            type Context = ();
            const NAME: &'static ::core::primitive::str = "User::by_email_and_kind";
            const ALIAS: ::core::primitive::bool = true;
            #[inline]
            fn key(&self) -> ::cachecow::KeyEncoder {
                let (part_0, part_1) = &self.0;
                encode_cachecow_key::<K>(part_0, part_1)
            }
            #[inline]
            fn key_of(object: &Self::Object) -> ::cachecow::KeyEncoder {
                encode_cachecow_key::<
                    K,
                >(&<User<K>>::__cachecow_normalize_email(&object.email), &object.kind)
            }
            #[inline]
            fn primary_of(object: &Self::Object) -> ::cachecow::KeyEncoder {
                <UserById<K> as ::cachecow::Lookup>::key_of(object)
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
                let (part_0, part_1) = &self.0;
                async move {
                    ::cachecow::__private::found::<
                        User<K>,
                        _,
                    >(
                        ::cachecow::__private::call(
                                (::cachecow::__private::text(part_0), part_1),
                                User::find_by_email,
                            )
                            .await,
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
    #[automatically_derived]
    impl<K> ::cachecow::CacheSchema for UserById<K>
    where
        K: ::cachecow::CacheSchema + ::core::marker::Send + ::core::marker::Sync
            + 'static,
        K: ::cachecow::KeyPart + ::core::clone::Clone + ::core::marker::Send
            + ::core::marker::Sync,
    {
        const NAME: &'static ::core::primitive::str = "UserById";
        const FINGERPRINT: ::core::primitive::u64 = ::cachecow::__private::fingerprint(
            "UserById `id`",
            &[<User<K> as ::cachecow::CacheSchema>::FINGERPRINT],
        );
        fn write_to(&self, encoder: &mut ::cachecow::__private::Encoder) {
            let part_0 = &self.0;
            if encoder.begin(1usize) {
                <i64 as ::cachecow::CacheSchema>::write_to(part_0, encoder);
                encoder.field("id");
            }
            encoder.end();
        }
        fn read_from(
            decoder: &mut ::cachecow::__private::Decoder<'_>,
        ) -> ::core::result::Result<Self, ::cachecow::__private::DecodeError> {
            decoder.begin(1usize)?;
            let value = ::cachecow::__private::Decoder::field(
                "id",
                <i64 as ::cachecow::CacheSchema>::read_from(decoder),
            )?;
            decoder.end();
            ::core::result::Result::Ok(Self(value, ::core::marker::PhantomData))
        }
    }
    #[automatically_derived]
    impl<K> ::cachecow::CacheSchema for UserListByOrgId<K>
    where
        K: ::cachecow::CacheSchema + ::core::marker::Send + ::core::marker::Sync
            + 'static,
        K: ::cachecow::KeyPart + ::core::clone::Clone + ::core::marker::Send
            + ::core::marker::Sync,
    {
        const NAME: &'static ::core::primitive::str = "UserListByOrgId";
        const FINGERPRINT: ::core::primitive::u64 = ::cachecow::__private::fingerprint(
            "UserListByOrgId `org_id`",
            &[<User<K> as ::cachecow::CacheSchema>::FINGERPRINT],
        );
        fn write_to(&self, encoder: &mut ::cachecow::__private::Encoder) {
            let part_0 = &self.0;
            if encoder.begin(1usize) {
                <Option<u32> as ::cachecow::CacheSchema>::write_to(part_0, encoder);
                encoder.field("org_id");
            }
            encoder.end();
        }
        fn read_from(
            decoder: &mut ::cachecow::__private::Decoder<'_>,
        ) -> ::core::result::Result<Self, ::cachecow::__private::DecodeError> {
            decoder.begin(1usize)?;
            let value = ::cachecow::__private::Decoder::field(
                "org_id",
                <Option<u32> as ::cachecow::CacheSchema>::read_from(decoder),
            )?;
            decoder.end();
            ::core::result::Result::Ok(Self(value, ::core::marker::PhantomData))
        }
    }
    #[automatically_derived]
    impl<K> ::core::clone::Clone for UserListByOrgId<K> {
        #[inline]
        fn clone(&self) -> Self {
            let part_0 = &self.0;
            Self(
                ::cachecow::__private::clone::<Option<u32>>(part_0),
                ::core::marker::PhantomData,
            )
        }
    }
    #[automatically_derived]
    impl<K> ::core::fmt::Debug for UserListByOrgId<K> {
        #[inline]
        fn fmt(
            &self,
            formatter: &mut ::core::fmt::Formatter<'_>,
        ) -> ::core::fmt::Result {
            use ::cachecow::__private::{HiddenPart as _, ShownPart as _};
            let part_0 = &self.0;
            ::cachecow::__private::debug(
                formatter,
                ("User::list_by_org_id", "user:org:{org_id}"),
                &["Option<u32>"],
                &[(&&::cachecow::__private::Part(part_0)).cachecow_debug()],
            )
        }
    }
    #[automatically_derived]
    impl<K> ::cachecow::CacheKeys for UserListByOrgId<K>
    where
        K: ::cachecow::CacheSchema + ::core::marker::Send + ::core::marker::Sync
            + 'static,
        K: ::cachecow::KeyPart + ::core::clone::Clone + ::core::marker::Send
            + ::core::marker::Sync,
    {
        #[inline]
        fn add_to(&self, set: &mut ::cachecow::KeySet) {
            set.add(
                <Self as ::cachecow::ListLookup>::key(self).key(),
                <<Self as ::cachecow::ListLookup>::Object as ::cachecow::Cached>::POLICY,
            );
        }
    }
    const _: () = {
        #[inline]
        fn encode_cachecow_key<K>(part_0: &Option<u32>) -> ::cachecow::KeyEncoder
        where
            K: ::cachecow::CacheSchema + ::core::marker::Send + ::core::marker::Sync
                + 'static,
            K: ::cachecow::KeyPart + ::core::clone::Clone + ::core::marker::Send
                + ::core::marker::Sync,
        {
            let mut encoder = ::cachecow::KeyEncoder::of({
                static TEMPLATE: ::cachecow::__private::Template = ::cachecow::__private::Template::new(
                    "user:org:{}",
                );
                &TEMPLATE
            });
            <K as ::cachecow::CacheSchema>::write_name(&mut encoder);
            ::cachecow::__private::encode::<Option<u32>>(part_0, &mut encoder);
            encoder
        }
        #[automatically_derived]
        impl<K> ::cachecow::ListLookup for UserListByOrgId<K>
        where
            K: ::cachecow::CacheSchema + ::core::marker::Send + ::core::marker::Sync
                + 'static,
            K: ::cachecow::KeyPart + ::core::clone::Clone + ::core::marker::Send
                + ::core::marker::Sync,
        {
            type Object = User<K>;
            type Member = UserById<K>;
            type Context = ();
            const NAME: &'static ::core::primitive::str = "User::list_by_org_id";
            const TEMPLATE: &'static ::core::primitive::str = "user:org:{}";
            #[inline]
            fn key(&self) -> ::cachecow::KeyEncoder {
                let part_0 = &self.0;
                encode_cachecow_key::<K>(part_0)
            }
            #[inline]
            fn key_of(object: &Self::Object) -> ::cachecow::KeyEncoder {
                encode_cachecow_key::<K>(&object.org_id)
            }
            #[inline]
            fn of(object: &Self::Object) -> Self {
                Self(
                    ::cachecow::__private::clone::<Option<u32>>(&object.org_id),
                    ::core::marker::PhantomData,
                )
            }
            #[inline]
            fn member_of(object: &Self::Object) -> Self::Member {
                UserById(
                    ::cachecow::__private::clone::<i64>(&object.id),
                    ::core::marker::PhantomData,
                )
            }
            const TAGGED: ::core::primitive::bool = true;
            #[inline]
            fn each_tag(
                &self,
                visit: &mut dyn ::core::ops::FnMut(::cachecow::Tag<Self::Object>),
            ) {
                let part_0 = &self.0;
                visit(<User<K>>::__cachecow_tag_org_id(part_0));
                visit(<User<K>>::__cachecow_tag_all());
            }
            #[inline]
            fn fetch(
                &self,
                _context: &Self::Context,
            ) -> impl ::core::future::Future<
                Output = ::core::result::Result<
                    ::cachecow::Listed<Self::Object, Self::Member>,
                    ::cachecow::Error,
                >,
            > + ::core::marker::Send {
                let part_0 = &self.0;
                async move {
                    ::cachecow::__private::listed::<
                        User<K>,
                        UserById<K>,
                        _,
                        _,
                    >(
                        ::cachecow::__private::call((part_0,), User::find_by_org).await,
                        |error| {
                            use ::cachecow::__private::ErrorKindOf as _;
                            (&&&::cachecow::__private::Tag::of(&error))
                                .cachecow_error_kind()
                                .wrap(<Self as ::cachecow::ListLookup>::NAME, error)
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
        pub fn tag_org_id(
            org_id: impl ::core::borrow::Borrow<Option<u32>>,
        ) -> ::cachecow::Tag<User<K>> {
            Self::__cachecow_tag_org_id(
                <_ as ::core::borrow::Borrow<Option<u32>>>::borrow(&org_id),
            )
        }
        #[doc(hidden)]
        #[inline]
        fn __cachecow_tag_org_id(part_0: &Option<u32>) -> ::cachecow::Tag<User<K>> {
            let mut encoder = <User<K> as ::cachecow::Cached>::tag_scope();
            encoder.str("org:{}");
            ::cachecow::__private::encode::<Option<u32>>(part_0, &mut encoder);
            ::cachecow::Tag::new(&encoder)
        }
        ///All `User`s, for `invalidate_tag`.
        #[inline]
        pub fn tag_all() -> ::cachecow::Tag<User<K>> {
            Self::__cachecow_tag_all()
        }
        #[doc(hidden)]
        #[inline]
        fn __cachecow_tag_all() -> ::cachecow::Tag<User<K>> {
            let mut encoder = <User<K> as ::cachecow::Cached>::tag_scope();
            encoder.str("users");
            ::cachecow::Tag::new(&encoder)
        }
    }
    #[automatically_derived]
    impl<K> ::cachecow::Clearable for User<K>
    where
        K: ::cachecow::CacheSchema + ::core::marker::Send + ::core::marker::Sync
            + 'static,
        K: ::cachecow::KeyPart + ::core::clone::Clone + ::core::marker::Send
            + ::core::marker::Sync,
    {}
    ::cachecow::__private::need_log!();
    ::cachecow::__private::log_items! {
        #[automatically_derived] impl < K > ::cachecow::log::Followed for User < K >
        where K : ::cachecow::CacheSchema + ::core::marker::Send + ::core::marker::Sync +
        'static, K : ::cachecow::KeyPart + ::core::clone::Clone + ::core::marker::Send +
        ::core::marker::Sync, K : ::cachecow::log::FromColumn, { #[inline] fn table() ->
        ::cachecow::log::TableName {
        ::cachecow::log::TableName::new(::core::option::Option::Some("app"), "users") }
        #[inline] fn read_keys(reader : & mut ::cachecow::log::RowReader < '_, '_ >) { if
        let (::core::option::Option::Some(part_0),) = (::cachecow::log::RowReader::part::
        < i64 > (reader, "id", "i64", ::cachecow::log::ColumnUse::Key),) { reader.add(&
        UserById:: < K > (part_0, ::core::marker::PhantomData)); } if let
        (::core::option::Option::Some(part_0), ::core::option::Option::Some(part_1),) =
        (::cachecow::log::RowReader::part:: < String > (reader, "mail", "String",
        ::cachecow::log::ColumnUse::Alias), ::cachecow::log::RowReader::part:: < K >
        (reader, "kind", "K", ::cachecow::log::ColumnUse::Alias),) { reader.add(&
        UserByEmailAndKind:: < K > ((< User < K > > ::__cachecow_normalize_email(&
        part_0), part_1), ::core::marker::PhantomData)); } if let
        (::core::option::Option::Some(part_0),) = (::cachecow::log::RowReader::part:: <
        Option < u32 > > (reader, "org_id", "Option<u32>",
        ::cachecow::log::ColumnUse::List),) { reader.add(& UserListByOrgId:: < K >
        (part_0, ::core::marker::PhantomData)); } if let
        (::core::option::Option::Some(part_0),) = (::cachecow::log::RowReader::part:: <
        Option < u32 > > (reader, "org_id", "Option<u32>",
        ::cachecow::log::ColumnUse::Tag),) { reader.add(& Self::__cachecow_tag_org_id(&
        part_0).queries()); } reader.add(& Self::__cachecow_tag_all().queries()); }
        #[inline] fn others() -> ::cachecow::__private::Vec <
        ::cachecow::log::FollowedTable > {
        ::cachecow::__private::Vec::from([::cachecow::log::FollowedTable::of_list:: <
        Self > (::cachecow::log::TableName::new(::core::option::Option::Some("app"),
        "badges"), | _ | {}).via:: < () > (::cachecow::log::ColumnUse::List,
        ::core::option::Option::Some(& ["id"]), "()", | _context, row |
        ::cachecow::__private::boxed(async move {
        ::cachecow::__private::named_keys(Self::with_badge(& row.row()). await, | error |
        { use ::cachecow::__private::ErrorKindOf as _; (&& &
        ::cachecow::__private::Tag::of(& error)).cachecow_error_kind().wrap("via", error)
        }) }))]) } }
    }
};
