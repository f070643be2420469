///A lookup of `Post` by `tenant` and `id`, made by `Post::by_tenant_and_id`.
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
pub struct PostByTenantAndId<K>(
    (Uuid, i64),
    ::core::marker::PhantomData<fn() -> Post<K>>,
);
///A list of `Post` by `author`, made by `Post::list_by_author`.
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
pub struct PostListByAuthor<K>(String, ::core::marker::PhantomData<fn() -> Post<K>>);
///A list of `Post` under `posts`, made by `Post::list_all`.
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
pub struct PostListAll<K>((), ::core::marker::PhantomData<fn() -> Post<K>>);
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
impl<K> Post<K> {
    ///Looks `Post` up by `tenant` and `id`.
    #[inline]
    pub fn by_tenant_and_id(
        tenant: impl ::core::borrow::Borrow<Uuid>,
        id: i64,
    ) -> PostByTenantAndId<K> {
        PostByTenantAndId(
            (
                ::cachecow::__private::clone::<
                    Uuid,
                >(<_ as ::core::borrow::Borrow<Uuid>>::borrow(&tenant)),
                id,
            ),
            ::core::marker::PhantomData,
        )
    }
    ///Lists `Post` by `author`.
    #[inline]
    pub fn list_by_author(
        author: impl ::core::convert::Into<String>,
    ) -> PostListByAuthor<K> {
        PostListByAuthor(
            <Post<
                K,
            >>::__cachecow_normalize_author(
                &<_ as ::core::convert::Into<String>>::into(author),
            ),
            ::core::marker::PhantomData,
        )
    }
    ///Lists `Post` under `posts`.
    #[inline]
    pub fn list_all() -> PostListAll<K> {
        PostListAll((), ::core::marker::PhantomData)
    }
    #[doc(hidden)]
    #[inline]
    fn __cachecow_normalize_author(part: &String) -> String {
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
    use ::cachecow::__private::{SameByEncoding as _, SameByEquality as _};
    #[automatically_derived]
    impl<K> ::cachecow::CacheSchema for Post<K>
    where
        K: ::cachecow::CacheSchema,
    {
        const NAME: &'static ::core::primitive::str = "Post";
        const FINGERPRINT: ::core::primitive::u64 = ::cachecow::__private::fingerprint(
            "Post { id : i64 , # with uuid : : serde : : simple tenant : Uuid , author : String , kind : K , } # tag \"author:{author}\" # tag \"posts\" # tag \"of:{tenant}:{author}\" ",
            &[
                <K as ::cachecow::CacheSchema>::FINGERPRINT,
                ::cachecow::__private::Known::<i64>::FINGERPRINT,
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
                encoder
                    .foreign(|serializer| uuid::serde::simple::serialize(
                        &self.tenant,
                        serializer,
                    ));
                encoder.field("tenant");
                <String as ::cachecow::CacheSchema>::write_to(&self.author, encoder);
                encoder.field("author");
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
                tenant: ::cachecow::__private::Decoder::field(
                    "tenant",
                    decoder
                        .foreign(|serializer| uuid::serde::simple::deserialize(
                            serializer,
                        )),
                )?,
                author: ::cachecow::__private::Decoder::field(
                    "author",
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
                && ((&&::cachecow::__private::Compared::<
                    Uuid,
                >(&self.tenant, &other.tenant))
                    .cachecow_is_same(|
                        value: &Uuid,
                        encoder: &mut ::cachecow::__private::Encoder|
                    {
                        encoder
                            .foreign(|serializer| uuid::serde::simple::serialize(
                                value,
                                serializer,
                            ))
                    }) || comparison.differs("tenant"))
                && (<String as ::cachecow::CacheSchema>::is_same(
                    &self.author,
                    &other.author,
                    comparison,
                ) || comparison.differs("author"))
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
    impl<K> ::cachecow::Cached for Post<K>
    where
        K: ::cachecow::CacheSchema + ::core::marker::Send + ::core::marker::Sync
            + 'static,
    {
        const POLICY: ::cachecow::TypePolicy = ::cachecow::TypePolicy::new();
        const TEMPLATES: &'static [&'static ::core::primitive::str] = &["post:{}:{}"];
        const DESCRIPTION: &'static ::core::primitive::str = "\"lookups\":[{\"name\":\"by_tenant_and_id\",\"template\":\"post:{tenant}:{id}\",\"parts\":[{\"name\":\"tenant\",\"type\":\"Uuid\"},{\"name\":\"id\",\"type\":\"i64\"}]}],\"lists\":[{\"name\":\"list_by_author\",\"template\":\"post:author:{author}\",\"parts\":[{\"name\":\"author\",\"type\":\"String\",\"normalized\":true}]},{\"name\":\"list_all\",\"template\":\"posts\",\"parts\":[]}],\"tags\":[{\"name\":\"tag_author\",\"template\":\"author:{author}\",\"parts\":[{\"name\":\"author\",\"type\":\"String\",\"normalized\":true}]},{\"name\":\"tag_posts\",\"template\":\"posts\",\"parts\":[]},{\"name\":\"tag_tenant_and_author\",\"template\":\"of:{tenant}:{author}\",\"parts\":[{\"name\":\"tenant\",\"type\":\"Uuid\"},{\"name\":\"author\",\"type\":\"String\",\"normalized\":true}]}],\"fields\":[{\"name\":\"id\"},{\"name\":\"tenant\",\"opaque\":true},{\"name\":\"author\"},{\"name\":\"kind\"}]";
        const LIST_FINGERPRINTS: &'static [::core::primitive::u64] = &[
            ::cachecow::__private::list_fingerprint::<PostListByAuthor<K>>(),
            ::cachecow::__private::list_fingerprint::<PostListAll<K>>(),
        ];
        #[inline]
        fn each_key(&self, visit: &mut dyn ::core::ops::FnMut(::cachecow::Key)) {
            visit(<PostByTenantAndId<K> as ::cachecow::Lookup>::key_of(self).key());
            visit(<PostListByAuthor<K> as ::cachecow::ListLookup>::key_of(self).key());
            visit(<PostListAll<K> as ::cachecow::ListLookup>::key_of(self).key());
        }
        const TAGGED: ::core::primitive::bool = true;
        #[inline]
        fn each_tag(&self, visit: &mut dyn ::core::ops::FnMut(::cachecow::Tag<Self>)) {
            visit(
                Self::__cachecow_tag_author(
                    &<Post<K>>::__cachecow_normalize_author(&self.author),
                ),
            );
            visit(Self::__cachecow_tag_posts());
            visit(
                Self::__cachecow_tag_tenant_and_author(
                    &self.tenant,
                    &<Post<K>>::__cachecow_normalize_author(&self.author),
                ),
            );
        }
        #[inline]
        fn tag_scope() -> ::cachecow::KeyEncoder {
            let mut encoder = ::cachecow::KeyEncoder::of({
                static TEMPLATE: ::cachecow::__private::Template = ::cachecow::__private::Template::new(
                    "post:{}:{}",
                );
                &TEMPLATE
            });
            <K as ::cachecow::CacheSchema>::write_name(&mut encoder);
            encoder
        }
    }
    #[automatically_derived]
    impl<K> ::cachecow::CacheKeys for Post<K>
    where
        K: ::cachecow::CacheSchema + ::core::marker::Send + ::core::marker::Sync
            + 'static,
    {
        #[inline]
        fn add_to(&self, set: &mut ::cachecow::KeySet) {
            set.add_object(self);
        }
    }
    #[automatically_derived]
    impl<K> ::core::clone::Clone for PostByTenantAndId<K> {
        #[inline]
        fn clone(&self) -> Self {
            let (part_0, part_1) = &self.0;
            Self(
                (
                    ::cachecow::__private::clone::<Uuid>(part_0),
                    ::cachecow::__private::clone::<i64>(part_1),
                ),
                ::core::marker::PhantomData,
            )
        }
    }
    #[automatically_derived]
    impl<K> ::core::fmt::Debug for PostByTenantAndId<K> {
        #[inline]
        fn fmt(
            &self,
            formatter: &mut ::core::fmt::Formatter<'_>,
        ) -> ::core::fmt::Result {
            use ::cachecow::__private::{HiddenPart as _, ShownPart as _};
            let (part_0, part_1) = &self.0;
            ::cachecow::__private::debug(
                formatter,
                ("Post::by_tenant_and_id", "post:{tenant}:{id}"),
                &["Uuid", "i64"],
                &[
                    (&&::cachecow::__private::Part(part_0)).cachecow_debug(),
                    ::core::option::Option::Some(part_1),
                ],
            )
        }
    }
    #[automatically_derived]
    impl<K> ::cachecow::CacheKeys for PostByTenantAndId<K>
    where
        K: ::cachecow::CacheSchema + ::core::marker::Send + ::core::marker::Sync
            + 'static,
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
        fn encode_cachecow_key<K>(part_0: &Uuid, part_1: &i64) -> ::cachecow::KeyEncoder
        where
            K: ::cachecow::CacheSchema + ::core::marker::Send + ::core::marker::Sync
                + 'static,
        {
            let mut encoder = ::cachecow::KeyEncoder::of({
                static TEMPLATE: ::cachecow::__private::Template = ::cachecow::__private::Template::new(
                    "post:{}:{}",
                );
                &TEMPLATE
            });
            <K as ::cachecow::CacheSchema>::write_name(&mut encoder);
            ::cachecow::__private::encode::<Uuid>(part_0, &mut encoder);
            ::cachecow::__private::encode::<i64>(part_1, &mut encoder);
            encoder
        }
        #[automatically_derived]
        impl<K> ::cachecow::Lookup for PostByTenantAndId<K>
        where
            K: ::cachecow::CacheSchema + ::core::marker::Send + ::core::marker::Sync
                + 'static,
        {
            type Object = Post<K>;
            type Context = Db;
            const NAME: &'static ::core::primitive::str = "Post::by_tenant_and_id";
            #[inline]
            fn key(&self) -> ::cachecow::KeyEncoder {
                let (part_0, part_1) = &self.0;
                encode_cachecow_key::<K>(part_0, part_1)
            }
            #[inline]
            fn key_of(object: &Self::Object) -> ::cachecow::KeyEncoder {
                encode_cachecow_key::<K>(&object.tenant, &object.id)
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
                        Post<K>,
                        _,
                    >(
                        ::cachecow::__private::call(
                                (_context, part_0, *part_1),
                                Post::find,
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
    impl<K> ::cachecow::CacheSchema for PostByTenantAndId<K>
    where
        K: ::cachecow::CacheSchema + ::core::marker::Send + ::core::marker::Sync
            + 'static,
    {
        const NAME: &'static ::core::primitive::str = "PostByTenantAndId";
        const FINGERPRINT: ::core::primitive::u64 = ::cachecow::__private::fingerprint(
            "PostByTenantAndId `tenant` and `id`",
            &[<Post<K> as ::cachecow::CacheSchema>::FINGERPRINT],
        );
        fn write_to(&self, encoder: &mut ::cachecow::__private::Encoder) {
            let (part_0, part_1) = &self.0;
            if encoder.begin(2usize) {
                encoder
                    .foreign(|serializer| uuid::serde::simple::serialize(
                        part_0,
                        serializer,
                    ));
                encoder.field("tenant");
                <i64 as ::cachecow::CacheSchema>::write_to(part_1, encoder);
                encoder.field("id");
            }
            encoder.end();
        }
        fn read_from(
            decoder: &mut ::cachecow::__private::Decoder<'_>,
        ) -> ::core::result::Result<Self, ::cachecow::__private::DecodeError> {
            decoder.begin(2usize)?;
            let value = (
                ::cachecow::__private::Decoder::field(
                    "tenant",
                    decoder
                        .foreign(|serializer| uuid::serde::simple::deserialize(
                            serializer,
                        )),
                )?,
                ::cachecow::__private::Decoder::field(
                    "id",
                    <i64 as ::cachecow::CacheSchema>::read_from(decoder),
                )?,
            );
            decoder.end();
            ::core::result::Result::Ok(Self(value, ::core::marker::PhantomData))
        }
    }
    #[automatically_derived]
    impl<K> ::cachecow::CacheSchema for PostListByAuthor<K>
    where
        K: ::cachecow::CacheSchema + ::core::marker::Send + ::core::marker::Sync
            + 'static,
    {
        const NAME: &'static ::core::primitive::str = "PostListByAuthor";
        const FINGERPRINT: ::core::primitive::u64 = ::cachecow::__private::fingerprint(
            "PostListByAuthor `author`",
            &[<Post<K> as ::cachecow::CacheSchema>::FINGERPRINT],
        );
        fn write_to(&self, encoder: &mut ::cachecow::__private::Encoder) {
            let part_0 = &self.0;
            if encoder.begin(1usize) {
                <String as ::cachecow::CacheSchema>::write_to(part_0, encoder);
                encoder.field("author");
            }
            encoder.end();
        }
        fn read_from(
            decoder: &mut ::cachecow::__private::Decoder<'_>,
        ) -> ::core::result::Result<Self, ::cachecow::__private::DecodeError> {
            decoder.begin(1usize)?;
            let value = ::cachecow::__private::Decoder::field(
                "author",
                <String as ::cachecow::CacheSchema>::read_from(decoder),
            )?;
            decoder.end();
            ::core::result::Result::Ok(Self(value, ::core::marker::PhantomData))
        }
    }
    #[automatically_derived]
    impl<K> ::cachecow::CacheSchema for PostListAll<K>
    where
        K: ::cachecow::CacheSchema + ::core::marker::Send + ::core::marker::Sync
            + 'static,
    {
        const NAME: &'static ::core::primitive::str = "PostListAll";
        const FINGERPRINT: ::core::primitive::u64 = ::cachecow::__private::fingerprint(
            "PostListAll ",
            &[<Post<K> as ::cachecow::CacheSchema>::FINGERPRINT],
        );
        fn write_to(&self, encoder: &mut ::cachecow::__private::Encoder) {
            let () = &self.0;
            if encoder.begin(0usize) {}
            encoder.end();
        }
        fn read_from(
            decoder: &mut ::cachecow::__private::Decoder<'_>,
        ) -> ::core::result::Result<Self, ::cachecow::__private::DecodeError> {
            decoder.begin(0usize)?;
            let value = ();
            decoder.end();
            ::core::result::Result::Ok(Self(value, ::core::marker::PhantomData))
        }
    }
    #[automatically_derived]
    impl<K> ::core::clone::Clone for PostListByAuthor<K> {
        #[inline]
        fn clone(&self) -> Self {
            let part_0 = &self.0;
            Self(
                ::cachecow::__private::clone::<String>(part_0),
                ::core::marker::PhantomData,
            )
        }
    }
    #[automatically_derived]
    impl<K> ::core::fmt::Debug for PostListByAuthor<K> {
        #[inline]
        fn fmt(
            &self,
            formatter: &mut ::core::fmt::Formatter<'_>,
        ) -> ::core::fmt::Result {
            let part_0 = &self.0;
            ::cachecow::__private::debug(
                formatter,
                ("Post::list_by_author", "post:author:{author}"),
                &["String"],
                &[::core::option::Option::Some(part_0)],
            )
        }
    }
    #[automatically_derived]
    impl<K> ::cachecow::CacheKeys for PostListByAuthor<K>
    where
        K: ::cachecow::CacheSchema + ::core::marker::Send + ::core::marker::Sync
            + 'static,
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
        fn encode_cachecow_key<K>(part_0: &String) -> ::cachecow::KeyEncoder
        where
            K: ::cachecow::CacheSchema + ::core::marker::Send + ::core::marker::Sync
                + 'static,
        {
            let mut encoder = ::cachecow::KeyEncoder::of({
                static TEMPLATE: ::cachecow::__private::Template = ::cachecow::__private::Template::new(
                    "post:author:{}",
                );
                &TEMPLATE
            });
            <K as ::cachecow::CacheSchema>::write_name(&mut encoder);
            ::cachecow::__private::encode::<String>(part_0, &mut encoder);
            encoder
        }
        #[automatically_derived]
        impl<K> ::cachecow::ListLookup for PostListByAuthor<K>
        where
            K: ::cachecow::CacheSchema + ::core::marker::Send + ::core::marker::Sync
                + 'static,
        {
            type Object = Post<K>;
            type Member = PostByTenantAndId<K>;
            type Context = Db;
            const NAME: &'static ::core::primitive::str = "Post::list_by_author";
            const TEMPLATE: &'static ::core::primitive::str = "post:author:{}";
            const MAX_LEN: ::core::primitive::usize = 500usize;
            const POLICY: ::cachecow::TypePolicy = <Post<
                K,
            > as ::cachecow::Cached>::POLICY
                .with_ttl(::core::time::Duration::new(60u64, 0u32));
            #[inline]
            fn key(&self) -> ::cachecow::KeyEncoder {
                let part_0 = &self.0;
                encode_cachecow_key::<K>(part_0)
            }
            #[inline]
            fn key_of(object: &Self::Object) -> ::cachecow::KeyEncoder {
                encode_cachecow_key::<
                    K,
                >(&<Post<K>>::__cachecow_normalize_author(&object.author))
            }
            #[inline]
            fn holds(&self, object: &Self::Object) -> ::core::primitive::bool {
                let part_0 = &self.0;
                true
                    && ::core::cmp::PartialEq::eq(
                        part_0,
                        &<Post<K>>::__cachecow_normalize_author(&object.author),
                    )
            }
            #[inline]
            fn of(object: &Self::Object) -> Self {
                Self(
                    <Post<K>>::__cachecow_normalize_author(&object.author),
                    ::core::marker::PhantomData,
                )
            }
            #[inline]
            fn member_of(object: &Self::Object) -> Self::Member {
                PostByTenantAndId(
                    (
                        ::cachecow::__private::clone::<Uuid>(&object.tenant),
                        ::cachecow::__private::clone::<i64>(&object.id),
                    ),
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
                visit(<Post<K>>::__cachecow_tag_author(part_0));
                visit(<Post<K>>::__cachecow_tag_posts());
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
                        Post<K>,
                        PostByTenantAndId<K>,
                        _,
                        _,
                    >(
                        ::cachecow::__private::call(
                                (_context, ::cachecow::__private::text(part_0)),
                                <Post<K>>::by_author,
                            )
                            .await,
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
    #[automatically_derived]
    impl<K> ::core::clone::Clone for PostListAll<K> {
        #[inline]
        fn clone(&self) -> Self {
            let () = &self.0;
            Self((), ::core::marker::PhantomData)
        }
    }
    #[automatically_derived]
    impl<K> ::core::fmt::Debug for PostListAll<K> {
        #[inline]
        fn fmt(
            &self,
            formatter: &mut ::core::fmt::Formatter<'_>,
        ) -> ::core::fmt::Result {
            let () = &self.0;
            ::cachecow::__private::debug(
                formatter,
                ("Post::list_all", "posts"),
                &[],
                &[],
            )
        }
    }
    #[automatically_derived]
    impl<K> ::cachecow::CacheKeys for PostListAll<K>
    where
        K: ::cachecow::CacheSchema + ::core::marker::Send + ::core::marker::Sync
            + 'static,
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
        fn encode_cachecow_key<K>() -> ::cachecow::KeyEncoder
        where
            K: ::cachecow::CacheSchema + ::core::marker::Send + ::core::marker::Sync
                + 'static,
        {
            let mut encoder = ::cachecow::KeyEncoder::of({
                static TEMPLATE: ::cachecow::__private::Template = ::cachecow::__private::Template::new(
                    "posts",
                );
                &TEMPLATE
            });
            <K as ::cachecow::CacheSchema>::write_name(&mut encoder);
            encoder
        }
        #[automatically_derived]
        impl<K> ::cachecow::ListLookup for PostListAll<K>
        where
            K: ::cachecow::CacheSchema + ::core::marker::Send + ::core::marker::Sync
                + 'static,
        {
            type Object = Post<K>;
            type Member = PostByTenantAndId<K>;
            type Context = Db;
            const NAME: &'static ::core::primitive::str = "Post::list_all";
            const TEMPLATE: &'static ::core::primitive::str = "posts";
            #[inline]
            fn key(&self) -> ::cachecow::KeyEncoder {
                let () = &self.0;
                encode_cachecow_key::<K>()
            }
            #[inline]
            fn key_of(object: &Self::Object) -> ::cachecow::KeyEncoder {
                encode_cachecow_key::<K>()
            }
            #[inline]
            fn holds(&self, object: &Self::Object) -> ::core::primitive::bool {
                let () = &self.0;
                true
            }
            #[inline]
            fn of(object: &Self::Object) -> Self {
                Self((), ::core::marker::PhantomData)
            }
            #[inline]
            fn member_of(object: &Self::Object) -> Self::Member {
                PostByTenantAndId(
                    (
                        ::cachecow::__private::clone::<Uuid>(&object.tenant),
                        ::cachecow::__private::clone::<i64>(&object.id),
                    ),
                    ::core::marker::PhantomData,
                )
            }
            const TAGGED: ::core::primitive::bool = true;
            #[inline]
            fn each_tag(
                &self,
                visit: &mut dyn ::core::ops::FnMut(::cachecow::Tag<Self::Object>),
            ) {
                let () = &self.0;
                visit(<Post<K>>::__cachecow_tag_posts());
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
                let () = &self.0;
                async move {
                    ::cachecow::__private::listed::<
                        Post<K>,
                        PostByTenantAndId<K>,
                        _,
                        _,
                    >(
                        ::cachecow::__private::call((_context,), all).await,
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
    impl<K> Post<K>
    where
        K: ::cachecow::CacheSchema + ::core::marker::Send + ::core::marker::Sync
            + 'static,
    {
        ///The `Post`s of one `author`, for `invalidate_tag`.
        #[inline]
        pub fn tag_author(
            author: impl ::core::convert::Into<String>,
        ) -> ::cachecow::Tag<Post<K>> {
            Self::__cachecow_tag_author(
                &<Post<
                    K,
                >>::__cachecow_normalize_author(
                    &<_ as ::core::convert::Into<String>>::into(author),
                ),
            )
        }
        #[doc(hidden)]
        #[inline]
        fn __cachecow_tag_author(part_0: &String) -> ::cachecow::Tag<Post<K>> {
            let mut encoder = <Post<K> as ::cachecow::Cached>::tag_scope();
            encoder.str("author:{}");
            ::cachecow::__private::encode::<String>(part_0, &mut encoder);
            ::cachecow::Tag::new(&encoder)
        }
        ///All `Post`s, for `invalidate_tag`.
        #[inline]
        pub fn tag_posts() -> ::cachecow::Tag<Post<K>> {
            Self::__cachecow_tag_posts()
        }
        #[doc(hidden)]
        #[inline]
        fn __cachecow_tag_posts() -> ::cachecow::Tag<Post<K>> {
            let mut encoder = <Post<K> as ::cachecow::Cached>::tag_scope();
            encoder.str("posts");
            ::cachecow::Tag::new(&encoder)
        }
        ///The `Post`s of one `tenant` and `author`, for `invalidate_tag`.
        #[inline]
        pub fn tag_tenant_and_author(
            tenant: impl ::core::borrow::Borrow<Uuid>,
            author: impl ::core::convert::Into<String>,
        ) -> ::cachecow::Tag<Post<K>> {
            Self::__cachecow_tag_tenant_and_author(
                <_ as ::core::borrow::Borrow<Uuid>>::borrow(&tenant),
                &<Post<
                    K,
                >>::__cachecow_normalize_author(
                    &<_ as ::core::convert::Into<String>>::into(author),
                ),
            )
        }
        #[doc(hidden)]
        #[inline]
        fn __cachecow_tag_tenant_and_author(
            part_0: &Uuid,
            part_1: &String,
        ) -> ::cachecow::Tag<Post<K>> {
            let mut encoder = <Post<K> as ::cachecow::Cached>::tag_scope();
            encoder.str("of:{}:{}");
            ::cachecow::__private::encode::<Uuid>(part_0, &mut encoder);
            ::cachecow::__private::encode::<String>(part_1, &mut encoder);
            ::cachecow::Tag::new(&encoder)
        }
    }
};
