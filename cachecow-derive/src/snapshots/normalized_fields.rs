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
struct UserById(i64, ::core::marker::PhantomData<fn() -> User>);
///A lookup of `User` by `email` and `code`, made by `User::by_email_and_code`.
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
struct UserByEmailAndCode((String, Code), ::core::marker::PhantomData<fn() -> User>);
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
impl User {
    ///Looks `User` up by `id`.
    #[inline]
    fn by_id(id: i64) -> UserById {
        UserById(id, ::core::marker::PhantomData)
    }
    ///Looks `User` up by `email` and `code`.
    #[inline]
    fn by_email_and_code(
        email: impl ::core::convert::Into<String>,
        code: impl ::core::borrow::Borrow<Code>,
    ) -> UserByEmailAndCode {
        UserByEmailAndCode(
            (
                <User>::__cachecow_normalize_email(
                    &<_ as ::core::convert::Into<String>>::into(email),
                ),
                <User>::__cachecow_normalize_code(
                    <_ as ::core::borrow::Borrow<Code>>::borrow(&code),
                ),
            ),
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
    #[doc(hidden)]
    #[inline]
    fn __cachecow_normalize_code(part: &Code) -> Code {
        ::cachecow::__private::normalized::<
            Code,
            _,
        >(
            ::cachecow::__private::by_reference::<
                Code,
                _,
                _,
                _,
            >({ Code::canonical })(part),
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
    impl ::cachecow::CacheSchema for User {
        const NAME: &'static ::core::primitive::str = "User";
        const FINGERPRINT: ::core::primitive::u64 = ::cachecow::__private::fingerprint(
            "User { id : i64 , email : String , code : Code , } # tag \"code:{code}\" ",
            &[
                ::cachecow::__private::Known::<i64>::FINGERPRINT,
                ::cachecow::__private::Known::<String>::FINGERPRINT,
                ::cachecow::__private::Known::<Code>::FINGERPRINT,
            ],
        );
        const MAY_BE_NIL: ::core::primitive::bool = false;
        #[inline]
        fn write_to(&self, encoder: &mut ::cachecow::__private::Encoder) {
            if encoder.begin(3usize) {
                <i64 as ::cachecow::CacheSchema>::write_to(&self.id, encoder);
                encoder.field("id");
                <String as ::cachecow::CacheSchema>::write_to(&self.email, encoder);
                encoder.field("email");
                <Code as ::cachecow::CacheSchema>::write_to(&self.code, encoder);
                encoder.field("code");
            }
            encoder.end();
        }
        #[inline]
        fn read_from(
            decoder: &mut ::cachecow::__private::Decoder<'_>,
        ) -> ::core::result::Result<Self, ::cachecow::__private::DecodeError> {
            decoder.begin(3usize)?;
            let value = Self {
                id: ::cachecow::__private::Decoder::field(
                    "id",
                    <i64 as ::cachecow::CacheSchema>::read_from(decoder),
                )?,
                email: ::cachecow::__private::Decoder::field(
                    "email",
                    <String as ::cachecow::CacheSchema>::read_from(decoder),
                )?,
                code: ::cachecow::__private::Decoder::field(
                    "code",
                    <Code as ::cachecow::CacheSchema>::read_from(decoder),
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
                && (<Code as ::cachecow::CacheSchema>::is_same(
                    &self.code,
                    &other.code,
                    comparison,
                ) || comparison.differs("code"))
        }
    }
    #[automatically_derived]
    impl ::cachecow::Cached for User {
        const POLICY: ::cachecow::TypePolicy = ::cachecow::TypePolicy::new();
        const TEMPLATES: &'static [&'static ::core::primitive::str] = &[
            "user:{}",
            "user:email:{}:{}",
        ];
        const DESCRIPTION: &'static ::core::primitive::str = "\"lookups\":[{\"name\":\"by_id\",\"template\":\"user:{id}\",\"parts\":[{\"name\":\"id\",\"type\":\"i64\"}]},{\"name\":\"by_email_and_code\",\"template\":\"user:email:{email}:{code}\",\"parts\":[{\"name\":\"email\",\"type\":\"String\",\"normalized\":true},{\"name\":\"code\",\"type\":\"Code\",\"normalized\":true}]}],\"lists\":[],\"tags\":[{\"name\":\"tag_code\",\"template\":\"code:{code}\",\"parts\":[{\"name\":\"code\",\"type\":\"Code\",\"normalized\":true}]}],\"fields\":[{\"name\":\"id\"},{\"name\":\"email\"},{\"name\":\"code\"}]";
        #[inline]
        fn each_key(&self, visit: &mut dyn ::core::ops::FnMut(::cachecow::Key)) {
            visit(<UserById as ::cachecow::Lookup>::key_of(self).key());
            visit(<UserByEmailAndCode as ::cachecow::Lookup>::key_of(self).key());
        }
        const TAGGED: ::core::primitive::bool = true;
        #[inline]
        fn each_tag(&self, visit: &mut dyn ::core::ops::FnMut(::cachecow::Tag<Self>)) {
            visit(
                Self::__cachecow_tag_code(&<User>::__cachecow_normalize_code(&self.code)),
            );
        }
        #[inline]
        fn tag_scope() -> ::cachecow::KeyEncoder {
            let mut encoder = ::cachecow::KeyEncoder::of({
                static TEMPLATE: ::cachecow::__private::Template = ::cachecow::__private::Template::new(
                    "user:{}",
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
    impl ::cachecow::CacheKeys for User {
        #[inline]
        fn add_to(&self, set: &mut ::cachecow::KeySet) {
            set.add_object(self);
        }
    }
    #[automatically_derived]
    impl ::core::clone::Clone for UserById {
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
    impl ::core::fmt::Debug for UserById {
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
    impl ::cachecow::CacheKeys for UserById {
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
        fn encode_cachecow_key(part_0: &i64) -> ::cachecow::KeyEncoder {
            let mut encoder = ::cachecow::KeyEncoder::of({
                static TEMPLATE: ::cachecow::__private::Template = ::cachecow::__private::Template::new(
                    "user:{}",
                );
                &TEMPLATE
            });
            ::cachecow::__private::encode::<i64>(part_0, &mut encoder);
            encoder
        }
        #[automatically_derived]
        impl ::cachecow::Lookup for UserById {
            type Object = User;
            type Context = ();
            const NAME: &'static ::core::primitive::str = "User::by_id";
            #[inline]
            fn key(&self) -> ::cachecow::KeyEncoder {
                let part_0 = &self.0;
                encode_cachecow_key(part_0)
            }
            #[inline]
            fn key_of(object: &Self::Object) -> ::cachecow::KeyEncoder {
                encode_cachecow_key(&object.id)
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
                        User,
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
    impl ::core::clone::Clone for UserByEmailAndCode {
        #[inline]
        fn clone(&self) -> Self {
            let (part_0, part_1) = &self.0;
            Self(
                (
                    ::cachecow::__private::clone::<String>(part_0),
                    ::cachecow::__private::clone::<Code>(part_1),
                ),
                ::core::marker::PhantomData,
            )
        }
    }
    #[automatically_derived]
    impl ::core::fmt::Debug for UserByEmailAndCode {
        #[inline]
        fn fmt(
            &self,
            formatter: &mut ::core::fmt::Formatter<'_>,
        ) -> ::core::fmt::Result {
            use ::cachecow::__private::{HiddenPart as _, ShownPart as _};
            let (part_0, part_1) = &self.0;
            ::cachecow::__private::debug(
                formatter,
                ("User::by_email_and_code", "user:email:{email}:{code}"),
                &["String", "Code"],
                &[
                    ::core::option::Option::Some(part_0),
                    (&&::cachecow::__private::Part(part_1)).cachecow_debug(),
                ],
            )
        }
    }
    #[automatically_derived]
    impl ::cachecow::CacheKeys for UserByEmailAndCode {
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
        fn encode_cachecow_key(
            part_0: &String,
            part_1: &Code,
        ) -> ::cachecow::KeyEncoder {
            let mut encoder = ::cachecow::KeyEncoder::of({
                static TEMPLATE: ::cachecow::__private::Template = ::cachecow::__private::Template::new(
                    "user:email:{}:{}",
                );
                &TEMPLATE
            });
            ::cachecow::__private::encode::<String>(part_0, &mut encoder);
            ::cachecow::__private::encode::<Code>(part_1, &mut encoder);
            encoder
        }
        #[automatically_derived]
        impl ::cachecow::Lookup for UserByEmailAndCode {
            type Object = User;
            type Context = ();
            const NAME: &'static ::core::primitive::str = "User::by_email_and_code";
            const ALIAS: ::core::primitive::bool = true;
            #[inline]
            fn key(&self) -> ::cachecow::KeyEncoder {
                let (part_0, part_1) = &self.0;
                encode_cachecow_key(part_0, part_1)
            }
            #[inline]
            fn key_of(object: &Self::Object) -> ::cachecow::KeyEncoder {
                encode_cachecow_key(
                    &<User>::__cachecow_normalize_email(&object.email),
                    &<User>::__cachecow_normalize_code(&object.code),
                )
            }
            #[inline]
            fn primary_of(object: &Self::Object) -> ::cachecow::KeyEncoder {
                <UserById as ::cachecow::Lookup>::key_of(object)
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
                        User,
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
    impl User {
        ///The `User`s of one `code`, for `invalidate_tag`.
        #[inline]
        fn tag_code(code: impl ::core::borrow::Borrow<Code>) -> ::cachecow::Tag<User> {
            Self::__cachecow_tag_code(
                &<User>::__cachecow_normalize_code(
                    <_ as ::core::borrow::Borrow<Code>>::borrow(&code),
                ),
            )
        }
        #[doc(hidden)]
        #[inline]
        fn __cachecow_tag_code(part_0: &Code) -> ::cachecow::Tag<User> {
            let mut encoder = <User as ::cachecow::Cached>::tag_scope();
            encoder.str("code:{}");
            ::cachecow::__private::encode::<Code>(part_0, &mut encoder);
            ::cachecow::Tag::new(&encoder)
        }
    }
};
