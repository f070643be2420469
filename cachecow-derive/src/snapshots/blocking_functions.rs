///A lookup of `Row` by `shard` and `name`, made by `Row::by_shard_and_name`.
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
struct RowByShardAndName((u8, String), ::core::marker::PhantomData<fn() -> Row>);
///A lookup of `Row` by `name`, made by `Row::by_name`.
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
struct RowByName(String, ::core::marker::PhantomData<fn() -> Row>);
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
impl Row {
    ///Looks `Row` up by `shard` and `name`.
    #[inline]
    fn by_shard_and_name(
        shard: u8,
        name: impl ::core::convert::Into<String>,
    ) -> RowByShardAndName {
        RowByShardAndName(
            (shard, ::core::convert::Into::into(name)),
            ::core::marker::PhantomData,
        )
    }
    ///Looks `Row` up by `name`.
    #[inline]
    fn by_name(name: impl ::core::convert::Into<String>) -> RowByName {
        RowByName(::core::convert::Into::into(name), ::core::marker::PhantomData)
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
    impl ::cachecow::CacheSchema for Row {
        const NAME: &'static ::core::primitive::str = "Row";
        const FINGERPRINT: ::core::primitive::u64 = ::cachecow::__private::fingerprint(
            "Row { shard : u8 , name : String , } ",
            &[
                ::cachecow::__private::Known::<u8>::FINGERPRINT,
                ::cachecow::__private::Known::<String>::FINGERPRINT,
            ],
        );
        const MAY_BE_NIL: ::core::primitive::bool = false;
        #[inline]
        fn write_to(&self, encoder: &mut ::cachecow::__private::Encoder) {
            if encoder.begin(2usize) {
                <u8 as ::cachecow::CacheSchema>::write_to(&self.shard, encoder);
                encoder.field("shard");
                <String as ::cachecow::CacheSchema>::write_to(&self.name, encoder);
                encoder.field("name");
            }
            encoder.end();
        }
        #[inline]
        fn read_from(
            decoder: &mut ::cachecow::__private::Decoder<'_>,
        ) -> ::core::result::Result<Self, ::cachecow::__private::DecodeError> {
            decoder.begin(2usize)?;
            let value = Self {
                shard: ::cachecow::__private::Decoder::field(
                    "shard",
                    <u8 as ::cachecow::CacheSchema>::read_from(decoder),
                )?,
                name: ::cachecow::__private::Decoder::field(
                    "name",
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
                && (<u8 as ::cachecow::CacheSchema>::is_same(
                    &self.shard,
                    &other.shard,
                    comparison,
                ) || comparison.differs("shard"))
                && (<String as ::cachecow::CacheSchema>::is_same(
                    &self.name,
                    &other.name,
                    comparison,
                ) || comparison.differs("name"))
        }
    }
    #[automatically_derived]
    impl ::cachecow::Cached for Row {
        const POLICY: ::cachecow::TypePolicy = ::cachecow::TypePolicy::new();
        const TEMPLATES: &'static [&'static ::core::primitive::str] = &[
            "row:{}:{}",
            "row:name:{}",
        ];
        const DESCRIPTION: &'static ::core::primitive::str = "\"lookups\":[{\"name\":\"by_shard_and_name\",\"template\":\"row:{shard}:{name}\",\"parts\":[{\"name\":\"shard\",\"type\":\"u8\"},{\"name\":\"name\",\"type\":\"String\"}]},{\"name\":\"by_name\",\"template\":\"row:name:{name}\",\"parts\":[{\"name\":\"name\",\"type\":\"String\"}]}],\"lists\":[],\"tags\":[],\"fields\":[{\"name\":\"shard\"},{\"name\":\"name\"}]";
        #[inline]
        fn each_key(&self, visit: &mut dyn ::core::ops::FnMut(::cachecow::Key)) {
            visit(<RowByShardAndName as ::cachecow::Lookup>::key_of(self).key());
            visit(<RowByName as ::cachecow::Lookup>::key_of(self).key());
        }
        #[inline]
        fn type_slot() -> ::core::primitive::usize {
            static SLOT: ::cachecow::__private::StaticSlot = ::cachecow::__private::StaticSlot::new();
            SLOT.get()
        }
    }
    #[automatically_derived]
    impl ::cachecow::CacheKeys for Row {
        #[inline]
        fn add_to(&self, set: &mut ::cachecow::KeySet) {
            set.add_object(self);
        }
    }
    #[automatically_derived]
    impl ::core::clone::Clone for RowByShardAndName {
        #[inline]
        fn clone(&self) -> Self {
            let (part_0, part_1) = &self.0;
            Self(
                (
                    ::cachecow::__private::clone::<u8>(part_0),
                    ::cachecow::__private::clone::<String>(part_1),
                ),
                ::core::marker::PhantomData,
            )
        }
    }
    #[automatically_derived]
    impl ::core::fmt::Debug for RowByShardAndName {
        #[inline]
        fn fmt(
            &self,
            formatter: &mut ::core::fmt::Formatter<'_>,
        ) -> ::core::fmt::Result {
            let (part_0, part_1) = &self.0;
            ::cachecow::__private::debug(
                formatter,
                ("Row::by_shard_and_name", "row:{shard}:{name}"),
                &["u8", "String"],
                &[
                    ::core::option::Option::Some(part_0),
                    ::core::option::Option::Some(part_1),
                ],
            )
        }
    }
    #[automatically_derived]
    impl ::cachecow::CacheKeys for RowByShardAndName {
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
        fn encode_cachecow_key(part_0: &u8, part_1: &String) -> ::cachecow::KeyEncoder {
            let mut encoder = ::cachecow::KeyEncoder::of({
                static TEMPLATE: ::cachecow::__private::Template = ::cachecow::__private::Template::new(
                    "row:{}:{}",
                );
                &TEMPLATE
            });
            ::cachecow::__private::encode::<u8>(part_0, &mut encoder);
            ::cachecow::__private::encode::<String>(part_1, &mut encoder);
            encoder
        }
        #[automatically_derived]
        impl ::cachecow::Lookup for RowByShardAndName {
            type Object = Row;
            type Context = Pool;
            const NAME: &'static ::core::primitive::str = "Row::by_shard_and_name";
            #[inline]
            fn key(&self) -> ::cachecow::KeyEncoder {
                let (part_0, part_1) = &self.0;
                encode_cachecow_key(part_0, part_1)
            }
            #[inline]
            fn key_of(object: &Self::Object) -> ::cachecow::KeyEncoder {
                encode_cachecow_key(&object.shard, &object.name)
            }
            #[inline]
            fn finds(&self, object: &Self::Object) -> ::core::primitive::bool {
                let (part_0, part_1) = &self.0;
                true && ::core::cmp::PartialEq::eq(part_0, &object.shard)
                    && ::core::cmp::PartialEq::eq(part_1, &object.name)
            }
            #[inline]
            fn audited(&self) -> ::core::option::Option<::cachecow::Audited> {
                ::core::option::Option::Some(
                    ::cachecow::Audited::of(::core::clone::Clone::clone(self)),
                )
            }
            fn fetch(
                &self,
                _context: &Self::Context,
            ) -> impl ::core::future::Future<
                Output = ::core::result::Result<
                    ::core::option::Option<Self::Object>,
                    ::cachecow::Error,
                >,
            > + ::core::marker::Send {
                ::cachecow::__private::blocking(
                    <Self as ::cachecow::Lookup>::NAME,
                    _context,
                    <Self as ::core::clone::Clone>::clone(self).0,
                    |_context, (part_0, part_1)| ::cachecow::__private::found_blocking::<
                        Row,
                        _,
                    >(
                        ::cachecow::__private::call_blocking(
                            (_context, *part_0, ::cachecow::__private::text(part_1)),
                            Row::find,
                        ),
                        |error| {
                            use ::cachecow::__private::ErrorKindOf as _;
                            (&&&::cachecow::__private::Tag::of(&error))
                                .cachecow_error_kind()
                                .wrap(<Self as ::cachecow::Lookup>::NAME, error)
                        },
                    ),
                )
            }
            #[inline]
            fn fetch_many<'many>(
                lookups: &'many [&'many Self],
                _context: &'many Self::Context,
            ) -> ::core::option::Option<
                impl ::core::future::Future<
                    Output = ::core::result::Result<
                        ::cachecow::__private::Vec<Self::Object>,
                        ::cachecow::Error,
                    >,
                > + ::core::marker::Send + 'many,
            > {
                let parts = ::cachecow::__private::gather(
                    lookups,
                    |lookup| <Self as ::core::clone::Clone>::clone(lookup).0,
                );
                ::core::option::Option::Some(
                    ::cachecow::__private::blocking(
                        <Self as ::cachecow::Lookup>::NAME,
                        _context,
                        parts,
                        |_context, parts| ::cachecow::__private::found_many_blocking::<
                            Row,
                            _,
                        >(
                            ::cachecow::__private::call_blocking(
                                (_context, &parts[..]),
                                Row::find_many,
                            ),
                            |error| {
                                use ::cachecow::__private::ErrorKindOf as _;
                                (&&&::cachecow::__private::Tag::of(&error))
                                    .cachecow_error_kind()
                                    .wrap(<Self as ::cachecow::Lookup>::NAME, error)
                            },
                        ),
                    ),
                )
            }
        }
    };
    #[automatically_derived]
    impl ::core::clone::Clone for RowByName {
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
    impl ::core::fmt::Debug for RowByName {
        #[inline]
        fn fmt(
            &self,
            formatter: &mut ::core::fmt::Formatter<'_>,
        ) -> ::core::fmt::Result {
            let part_0 = &self.0;
            ::cachecow::__private::debug(
                formatter,
                ("Row::by_name", "row:name:{name}"),
                &["String"],
                &[::core::option::Option::Some(part_0)],
            )
        }
    }
    #[automatically_derived]
    impl ::cachecow::CacheKeys for RowByName {
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
        fn encode_cachecow_key(part_0: &String) -> ::cachecow::KeyEncoder {
            let mut encoder = ::cachecow::KeyEncoder::of({
                static TEMPLATE: ::cachecow::__private::Template = ::cachecow::__private::Template::new(
                    "row:name:{}",
                );
                &TEMPLATE
            });
            ::cachecow::__private::encode::<String>(part_0, &mut encoder);
            encoder
        }
        #[automatically_derived]
        impl ::cachecow::Lookup for RowByName {
            type Object = Row;
            type Context = Pool;
            const NAME: &'static ::core::primitive::str = "Row::by_name";
            const ALIAS: ::core::primitive::bool = true;
            #[inline]
            fn key(&self) -> ::cachecow::KeyEncoder {
                let part_0 = &self.0;
                encode_cachecow_key(part_0)
            }
            #[inline]
            fn key_of(object: &Self::Object) -> ::cachecow::KeyEncoder {
                encode_cachecow_key(&object.name)
            }
            #[inline]
            fn primary_of(object: &Self::Object) -> ::cachecow::KeyEncoder {
                <RowByShardAndName as ::cachecow::Lookup>::key_of(object)
            }
            #[inline]
            fn finds(&self, object: &Self::Object) -> ::core::primitive::bool {
                let part_0 = &self.0;
                true && ::core::cmp::PartialEq::eq(part_0, &object.name)
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
                        Row,
                        _,
                    >(
                        ::cachecow::__private::call(
                                (_context, ::cachecow::__private::text(part_0)),
                                Row::by_its_name,
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
};
